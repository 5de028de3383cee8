/* Merge rules: drawn assignments by several authors, in every order that respects causality,
 * against a naive answer over the whole set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/record.h"

enum { AUTHORS = 3, OPERATIONS = 6, ROUNDS = 400, ORDERS = 12, FIELD = 1 };

struct drawn {
    struct operation op;
    struct dot context[AUTHORS];
    int64_t value;
    struct buffer body;
    uint32_t seen; /* by place: which of the others it saw */
};

static uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct key_id key_of(unsigned author)
{
    return (struct key_id){{(uint8_t)(author + 1)}};
}

/* Each saw a drawn part of what the ones before it had written, closed under seeing. */
static void draw_operations(uint64_t *random, struct drawn *drawn)
{
    uint32_t known[AUTHORS] = {0}, last[AUTHORS] = {0}, counts[AUTHORS] = {0};
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned author = (unsigned)(draw(random) % AUTHORS);
        for (unsigned j = 0; j < i; j++) {
            if (draw(random) % 4 == 0)
                known[author] |= drawn[j].seen | 1u << j;
        }
        known[author] |= last[author];
        struct drawn *it = &drawn[i];
        it->seen = known[author];
        it->value = (int64_t)(draw(random) % 5) - 2;
        it->op = (struct operation){.dot = {key_of(author), 1, ++counts[author]},
                                    .clock = draw(random) % 4,
                                    .rank = (uint8_t)(author < 2 ? author : 1),
                                    .context = it->context};
        it->op.digest.bytes[0] = (uint8_t)(i + 1);
        for (unsigned other = 0; other < AUTHORS; other++) {
            uint32_t n = 0;
            for (unsigned j = 0; j < i; j++) {
                if ((it->seen >> j) % 2 != 0 && key_id_equal(drawn[j].op.dot.author, key_of(other)))
                    n = drawn[j].op.dot.n;
            }
            if (other != author && n > 0)
                it->context[it->op.context_count++] = (struct dot){key_of(other), 1, n};
        }
        last[author] = known[author] |= 1u << i;
        buffer_clear(&it->body);
        mp_write_map(&it->body, 1);
        mp_write_int(&it->body, FIELD);
        mp_write_int(&it->body, it->value);
    }
}

/* Below 0: `a` stands before `b` by (rank, clock, author, n), the later clock first if `shown`. */
static int compare(const struct operation *a, const struct operation *b, bool shown)
{
    int sign = shown ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->clock != b->clock)
        return a->clock < b->clock ? -sign : sign;
    int order = memcmp(a->dot.author.bytes, b->dot.author.bytes, KEY_ID_BYTES);
    if (order != 0)
        return order * sign;
    return a->dot.n < b->dot.n ? -sign : sign;
}

/* The place of what is shown, from the definition; *conflicts gets how many stand beside it. */
static unsigned naive(const struct drawn *drawn, enum merge_rule merge, size_t *conflicts)
{
    bool left[OPERATIONS];
    unsigned shown = OPERATIONS;
    *conflicts = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        left[i] = true;
        for (unsigned j = 0; j < OPERATIONS; j++) {
            if ((merge == MERGE_LAST || merge == MERGE_HIGHEST_TIER) &&
                (drawn[j].seen >> i) % 2 != 0)
                left[i] = false;
            if (merge == MERGE_FIRST && (drawn[i].seen >> j) % 2 != 0)
                left[i] = false;
            if (merge == MERGE_MAX && drawn[j].value > drawn[i].value)
                left[i] = false;
            if (merge == MERGE_MIN && drawn[j].value < drawn[i].value)
                left[i] = false;
        }
        if (left[i] && (shown == OPERATIONS ||
                        compare(&drawn[i].op, &drawn[shown].op, merge != MERGE_FIRST) < 0))
            shown = i;
    }
    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (left[i] && i != shown &&
            (merge == MERGE_LAST ||
             (merge == MERGE_HIGHEST_TIER && drawn[i].op.rank == drawn[shown].op.rank)))
            ++*conflicts;
    }
    return shown;
}

static struct record_state *fold(uint64_t *random, const struct drawn *drawn,
                                 const struct record_type *type)
{
    struct record_state *record = record_new();
    uint32_t done = 0;
    while (done != (1u << OPERATIONS) - 1) {
        unsigned next = (unsigned)(draw(random) % OPERATIONS);
        const struct drawn *it = &drawn[next];
        struct dot missing;
        if ((done >> next) % 2 != 0 || (it->seen & ~done) != 0 ||
            record_judge(record, &it->op, &missing) != RECORD_READY)
            continue;
        record_apply(record, &it->op, type, span_of_buffer(&it->body));
        done |= 1u << next;
    }
    return record;
}

static void a_rule_is_a_function_of_the_set(void **state)
{
    (void)state;
    static const struct field_more nothing = {0};
    struct field field = {.name = "f",
                          .number = FIELD,
                          .kind = FIELD_INTEGER,
                          .min = INT64_MIN,
                          .max = INT64_MAX,
                          .more = &nothing};
    struct record_type type = {.number = 1, .name = "t", .fields = &field, .field_count = 1};
    struct drawn drawn[OPERATIONS] = {{.value = 0}};
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint64_t random = seed;
        struct buffer first = {0};
        draw_operations(&random, drawn);
        field.merge = (enum merge_rule)(seed % MERGE_COUNT);
        size_t conflicts;
        unsigned shown = naive(drawn, field.merge, &conflicts);
        for (unsigned order = 0; order < ORDERS; order++) {
            struct record_state *record = fold(&random, drawn, &type);
            struct buffer bytes = {0}, row = {0};
            record_encode(record, &row);
            record_free(record);
            record = record_decode(span_of_buffer(&row));
            assert_non_null(record);
            const struct operation *op = NULL;
            assert_int_equal(record_shown(record, &field, &op), 1 + conflicts);
            assert_int_equal(op->digest.bytes[0], shown + 1);
            record_canonical(record, &bytes);
            if (order == 0)
                buffer_append_span(&first, span_of_buffer(&bytes));
            assert_true(span_equal(span_of_buffer(&first), span_of_buffer(&bytes)));
            buffer_free(&bytes);
            buffer_free(&row);
            record_free(record);
        }
        buffer_free(&first);
        for (unsigned i = 0; i < OPERATIONS; i++) {
            buffer_free(&drawn[i].body);
            drawn[i] = (struct drawn){.value = 0};
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rule_is_a_function_of_the_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
