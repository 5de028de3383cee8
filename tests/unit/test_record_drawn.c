/* Random histories against a second, naive answer, and rows that a disk damaged or nobody wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/planted.h"
#include "tests/unit/record_naive.h"

/* ---- random histories against the naive answer ---- */

static uint64_t random_state;
static bool never_deletes;

static unsigned draw(unsigned bound) /* xorshift64* (S. Vigna) */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1dull) >> 33) % bound;
}

static void draw_removal(struct desk *desk, struct event *event)
{
    size_t count = record_operation_count(desk->record);
    const struct operation *op = record_operation(desk->record, draw((unsigned)count));
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, FIELD_REMOVE);
    mp_write_array(&event->body, 1);
    mp_write_array(&event->body, 5);
    mp_write_uint(&event->body, draw(2) == 0 ? NOTES : TAGS);
    mp_write_bin(&event->body, SPAN_OF_ARRAY(op->dot.author.bytes));
    mp_write_uint(&event->body, op->dot.epoch);
    mp_write_uint(&event->body, op->dot.n);
    mp_write_uint(&event->body, draw(2));
}

static void draw_list(struct event *event, int32_t field)
{
    char text[16];
    uint32_t count = 1 + draw(3);
    mp_write_int(&event->body, field);
    mp_write_array(&event->body, count);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "i%zu.%u", written.count, i);
        mp_write_text(&event->body, text);
    }
}

static void draw_body(struct desk *desk, struct event *event)
{
    if (draw(10) == 0 && record_operation_count(desk->record) > 0) {
        draw_removal(desk, event);
        return;
    }
    unsigned with = 1 + draw(63);
    if (draw(8) == 0 && !never_deletes)
        with |= 64;
    mp_write_map(&event->body, (uint32_t)__builtin_popcount(with));
    char text[16];
    for (int32_t field = TITLE; field <= TAGS; field++) {
        if ((with >> (field - 1) & 1) == 0)
            continue;
        if (field == NOTES || field == TAGS) {
            draw_list(event, field);
            continue;
        }
        mp_write_int(&event->body, field);
        snprintf(text, sizeof text, "x%u", draw(100));
        if (field == LEVEL || field == CALLS)
            mp_write_int(&event->body, draw(1000));
        else
            mp_write_text(&event->body, text);
    }
    if ((with & 64) != 0) {
        event->op.deletes = draw(3) == 0 ? 2 : 1;
        mp_write_int(&event->body, FIELD_DELETED);
        mp_write_bool(&event->body, event->op.deletes == 1);
    }
}

static void draw_write(struct desk *desk)
{
    struct event *event = begin_event(desk, draw(12));
    draw_body(desk, event);
    bool deleted = record_deleted_as_seen(desk->record, &event->op);
    assert_int_equal(deleted, naive_deleted_as_seen(event));
    if ((deleted && event->op.deletes != 2) || draw(10) == 0)
        event->op.verdict = OPERATION_EXCLUDED;
    apply_event(desk->record, event);
}

/* Everything of the history that can be read now, in a drawn order, `most` of it. */
static void draw_reads(struct record_state *record, size_t most)
{
    size_t order[EVENTS_MAX];
    for (size_t i = 0; i < written.count; i++)
        order[i] = i;
    for (size_t i = written.count; i > 1; i--) {
        size_t j = draw((unsigned)i), swapped = order[j];
        order[j] = order[i - 1];
        order[i - 1] = swapped;
    }
    bool moved = true;
    while (moved && most > 0) {
        moved = false;
        for (size_t i = 0; i < written.count && most > 0; i++) {
            struct dot missing;
            const struct event *event = &written.events[order[i]];
            if (record_judge(record, &event->op, &missing) != RECORD_READY)
                continue;
            apply_event(record, event);
            moved = true;
            most--;
        }
    }
}

static void draw_history(struct desk *desks, size_t desk_count)
{
    size_t event_count = 2 + draw(EVENTS_MAX - 20);
    while (written.count < event_count) {
        struct desk *desk = &desks[draw((unsigned)desk_count)];
        if (draw(3) == 0)
            draw_reads(desk->record, draw(6));
        else
            draw_write(desk);
    }
}

static void check_words(const struct record_state *record, uint64_t seed)
{
    const char *found = in_words(record), *expected = naive_words();
    if (strcmp(found, expected) != 0)
        fail_msg("seed %llu: found %s, expected %s", (unsigned long long)seed, found, expected);
}

static void check_history(uint64_t seed)
{
    struct buffer first = {0};
    for (int i = 0; i < 4; i++) {
        struct record_state *record = record_new();
        draw_reads(record, EVENTS_MAX);
        assert_int_equal(record_operation_count(record), written.count);
        check_words(record, seed);
        assert_int_equal(record_deleted(record), naive_deleted());
        for (size_t j = 0; j < written.count; j++)
            assert_int_equal(record_deleted_as_seen(record, &written.events[j].op),
                             naive_deleted_as_seen(&written.events[j]));
        struct record_state *copy = through_row(record);
        struct buffer bytes = canonical(i % 2 == 0 ? record : copy);
        check_words(copy, seed);
        if (i == 0)
            buffer_append_span(&first, span_of_buffer(&bytes));
        assert_true(span_equal(span_of_buffer(&first), span_of_buffer(&bytes)));
        buffer_free(&bytes);
        record_free(copy);
        record_free(record);
    }
    buffer_free(&first);
}

static void random_histories_come_to_the_naive_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 250; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15ull;
        struct desk desks[DESKS_MAX];
        size_t desk_count = 1 + draw(6);
        for (size_t i = 0; i < desk_count; i++)
            desks[i] = open_desk((char)('P' + i / 2), (uint8_t)draw(3), 1 + (uint32_t)(i % 2));
        memset(&written, 0, sizeof written);
        draw_history(desks, desk_count);
        check_history(seed);
        for (size_t i = 0; i < desk_count; i++)
            record_free(desks[i].record);
        clear_written();
    }
}

/* ---- wrong clocks ---- */

/* What a record comes to, whatever the order of its true conflicts: all that isn't replaced, shown
 * or beside it, all items, sums and counts, without authors and the time of the last change. */
static const char *without_order(const struct record_state *record)
{
    static char sorted[TEXT_MAX];
    static char *words[TEXT_MAX / 2];
    char *text = mem_text(in_words(record)), *rest = text;
    size_t count = 0;
    char *changed = strstr(text, ", changed");
    assert_non_null(changed);
    *changed = '\0';
    for (char *word; (word = strtok_r(rest, " |", &rest)) != NULL;) {
        char *author = strchr(word, '@');
        if (author != NULL)
            *author = '\0';
        char *list = strchr(word, '[');
        if (list == NULL)
            words[count++] = word;
        for (char *item; list != NULL && (item = strtok_r(list, "[,]", &list)) != NULL;)
            words[count++] = item;
    }
    for (size_t i = 1; i < count; i++) { /* insertion sort */
        char *word = words[i];
        size_t at = i;
        for (; at > 0 && strcmp(words[at - 1], word) > 0; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
    sorted[0] = '\0';
    for (size_t i = 0; i < count; i++)
        words_add(sorted, "%s ", words[i]);
    free(text);
    return sorted;
}

/* Writes an hour apart; by right clocks, and by clocks up to two days wrong, or begun at 1970. */
static void set_clocks(const struct desk *desks, size_t desk_count, bool wrong)
{
    enum { HOUR_MS = 3600 * 1000, DAYS_MS = 2 * 24 * HOUR_MS };
    static const uint64_t begins_ms = 1749229200000;
    int64_t offsets[DESKS_MAX];
    for (size_t i = 0; i < desk_count; i++)
        offsets[i] = draw(3) == 0 ? -(int64_t)begins_ms : (int64_t)draw(2 * DAYS_MS) - DAYS_MS;
    for (size_t i = 0; i < written.count; i++) {
        struct operation *op = &written.events[i].op;
        size_t at = 0;
        while (!key_id_equal(key_of(desks[at].letter), op->dot.author) ||
               desks[at].epoch != op->dot.epoch)
            at++;
        op->clock = begins_ms + i * HOUR_MS + (uint64_t)(wrong ? offsets[at] : 0);
    }
}

static struct record_state *read_all(void)
{
    struct record_state *record = record_new();
    draw_reads(record, EVENTS_MAX);
    assert_int_equal(record_operation_count(record), written.count);
    return record;
}

/* `alone`: each has read all before it writes, so that nothing is in conflict. */
static void try_clocks(uint64_t seed, bool alone)
{
    struct desk desks[DESKS_MAX];
    random_state = seed * 0x9e3779b97f4a7c15ull;
    size_t desk_count = 2 + draw(5), most = 4 + draw(40);
    for (size_t i = 0; i < desk_count; i++)
        desks[i] = open_desk((char)('P' + i / 2), (uint8_t)draw(3), 1 + (uint32_t)(i % 2));
    memset(&written, 0, sizeof written);
    while (written.count < most) {
        struct desk *desk = &desks[draw((unsigned)desk_count)];
        draw_reads(desk->record, alone ? EVENTS_MAX : draw(20));
        draw_write(desk);
    }
    set_clocks(desks, desk_count, false);
    struct record_state *right = read_all();
    char *wanted = mem_text(without_order(right)), *words = mem_text(in_words(right));
    set_clocks(desks, desk_count, true);
    struct record_state *wrong = read_all();
    if (strcmp(without_order(wrong), wanted) != 0)
        fail_msg("seed %llu: by right clocks %s, by wrong ones %s", (unsigned long long)seed,
                 wanted, without_order(wrong));
    const char *changed = strstr(words, ", changed");
    assert_non_null(changed);
    if (alone)
        assert_int_equal(strncmp(in_words(wrong), words, (size_t)(changed - words)), 0);
    free(wanted);
    free(words);
    record_free(right);
    record_free(wrong);
    for (size_t i = 0; i < desk_count; i++)
        record_free(desks[i].record);
    clear_written();
}

/* Clocks up to two days wrong, and at 1970, change no outcome but the order among true conflicts.
 */
static void wrong_clocks_order_conflicts_alone(void **state)
{
    (void)state;
    never_deletes = true;
    for (uint64_t seed = 1; seed <= 200; seed++)
        try_clocks(seed, false);
    never_deletes = false;
    for (uint64_t seed = 201; seed <= 300; seed++)
        try_clocks(seed, true);
}

/* The comparison itself sees a difference: one clock changed, another answer. */
static void the_naive_answer_is_not_blind(void **state)
{
    (void)state;
    WRITE(&village, 5, "title", "v");
    WRITE(&other, 6, "title", "w");
    struct record_state *record = record_new();
    draw_reads(record, EVENTS_MAX);
    assert_string_equal(in_words(record), naive_words());
    written.events[0].op.clock = 7;
    assert_string_not_equal(in_words(record), naive_words());
    record_free(record);
}

/* ---- rows ---- */

static void fill_record(struct record_state *record, unsigned seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ull;
    struct desk desks[3];
    for (size_t i = 0; i < 3; i++)
        desks[i] = open_desk((char)('P' + i), (uint8_t)i, 1);
    while (written.count < 14) {
        struct desk *desk = &desks[draw(3)];
        draw_reads(desk->record, 3);
        draw_write(desk);
    }
    draw_reads(record, EVENTS_MAX);
    for (size_t i = 0; i < 3; i++)
        record_free(desks[i].record);
    clear_written();
}

static void use_and_free(struct record_state *record)
{
    if (record == NULL)
        return;
    struct buffer out = {0};
    record_describe(record, matter, &out);
    record_canonical(record, &out);
    buffer_free(&out);
    record_free(record);
}

static void damaged_rows_are_refused_or_harmless(void **state)
{
    (void)state;
    struct record_state *record = record_new();
    struct buffer row = {0};
    fill_record(record, 5);
    record_encode(record, &row);
    record_free(record);
    for (size_t size = 0; size < row.size; size++) {
        uint8_t *part = mem_copy(row.data, size);
        assert_null(record_decode(SPAN(part, size)));
        free(part);
    }
    size_t taken = 0;
    for (size_t at = 0; at < row.size; at++) {
        uint8_t was = row.data[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            row.data[at] = (uint8_t)(was ^ 1u << bit);
            record = record_decode(span_of_buffer(&row));
            taken += record != NULL;
            use_and_free(record);
        }
        row.data[at] = was;
    }
    assert_true(taken > 0 && taken < row.size * 8); /* a digest may be any bytes */
    buffer_append_byte(&row, 0);
    assert_null(record_decode(span_of_buffer(&row)));
    buffer_free(&row);
}

/* Rows made by hand: authors P and Q, operations and values as given. */
struct parts {
    struct buffer authors, operations, values[3];
};

/* One that saw the same pair so many times. */
static void add_seeing(struct parts *parts, unsigned author, unsigned times, unsigned seen_author,
                       unsigned seen_n)
{
    struct buffer *out = &parts->operations;
    struct hash digest = {{1}};
    mp_write_uint(out, author);
    mp_write_bin(out, SPAN_OF_ARRAY(digest.bytes));
    for (int i = 0; i < 5; i++) /* clock, rank, flags, stream, seq */
        mp_write_uint(out, 0);
    mp_write_array(out, 2 * times);
    for (unsigned i = 0; i < times; i++) {
        mp_write_uint(out, seen_author);
        mp_write_uint(out, seen_n);
    }
}

static void add_operation(struct parts *parts, unsigned author, unsigned seen_author,
                          unsigned seen_n)
{
    add_seeing(parts, author, seen_n > 0 ? 1 : 0, seen_author, seen_n);
}

static void add_value(struct parts *parts, int section, int field, unsigned author, unsigned n,
                      const char *text)
{
    struct buffer *out = &parts->values[section];
    mp_write_int(out, field);
    mp_write_uint(out, author);
    mp_write_uint(out, n);
    if (section == 1)
        mp_write_uint(out, 0);
    if (text != NULL)
        mp_write_text(out, text);
    else
        mp_write_int(out, 5);
}

static void begin_parts(struct parts *parts)
{
    *parts = (struct parts){0};
    for (char letter = 'P'; letter <= 'Q'; letter++) {
        struct key_id key = key_of(letter);
        buffer_append(&parts->authors, key.bytes, KEY_ID_BYTES);
        buffer_append_u32(&parts->authors, 1);
    }
}

static bool row_taken(struct parts *parts)
{
    struct buffer row = {0};
    struct buffer *all[] = {&parts->authors, &parts->operations, &parts->values[0],
                            &parts->values[1], &parts->values[2]};
    mp_write_map(&row, 5);
    for (int i = 0; i < 5; i++) {
        mp_write_int(&row, i + 1);
        mp_write_bin(&row, span_of_buffer(all[i]));
        buffer_free(all[i]);
    }
    struct record_state *record = record_decode(span_of_buffer(&row));
    buffer_free(&row);
    bool taken = record != NULL;
    use_and_free(record);
    begin_parts(parts);
    return taken;
}

static void rows_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct parts parts;
    begin_parts(&parts);
    add_operation(&parts, 0, 0, 0);
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 0, TITLE, 0, 1, "x");
    add_value(&parts, 0, TITLE, 1, 1, "y");
    add_value(&parts, 1, NOTES, 0, 1, "x");
    add_value(&parts, 2, CALLS, 0, 1, NULL);
    assert_true(row_taken(&parts)); /* what follows differs from this in one thing each */

    add_operation(&parts, 0, 0, 0); /* the second author has nothing */
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 1, 1); /* each saw the other */
    add_operation(&parts, 1, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* a pair of its own author */
    add_operation(&parts, 1, 0, 1);
    add_operation(&parts, 0, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* one pair twice */
    add_seeing(&parts, 1, 2, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* more pairs than a context holds */
    add_seeing(&parts, 1, CONTEXT_PAIRS_MAX + 1, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* no such author */
    add_operation(&parts, 2, 0, 1);
    assert_false(row_taken(&parts));

    static const struct {
        int section, field;
        unsigned author, n;
        const char *text;
    } wrong[] = {{0, TITLE, 0, 2, "x"}, {0, TITLE, 2, 1, "x"},  {0, TITLE, 0, 0, "x"},
                 {0, 0, 0, 1, "x"},     {0, 1024, 0, 1, "x"},   {0, -33, 0, 1, "x"},
                 {0, -1, 0, 1, "x"},    {1, NOTES, 0, 1, NULL}, {2, CALLS, 0, 1, "x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        add_operation(&parts, 0, 0, 0);
        add_operation(&parts, 1, 0, 1);
        add_value(&parts, wrong[i].section, wrong[i].field, wrong[i].author, wrong[i].n,
                  wrong[i].text);
        assert_false(row_taken(&parts));
    }
    add_operation(&parts, 0, 0, 0); /* two totals of one author */
    add_operation(&parts, 1, 0, 1);
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 2, CALLS, 1, 1, NULL);
    add_value(&parts, 2, CALLS, 1, 2, NULL);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* one value twice */
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 0, TITLE, 0, 1, "x");
    add_value(&parts, 0, TITLE, 0, 1, "x");
    assert_false(row_taken(&parts));
    buffer_free(&parts.authors);
}

static void an_empty_record_is_a_record(void **state)
{
    (void)state;
    assert_string_equal(in_words(village.record), "| | operations 0, excluded 0, changed 0");
    struct record_state *copy = through_row(village.record);
    assert_int_equal(record_operation_count(copy), 0);
    record_free(copy);
    record_free(NULL);
    assert_null(record_decode(SPAN_EMPTY));
}

/* Far more operations than one value may hold. */
static void thousands_of_operations_are_usable(void **state)
{
    (void)state;
    enum { ROUNDS = 3000, AUTHORS = 3 };
    struct record_state *record = record_new();
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        for (uint32_t i = 0; i < AUTHORS; i++) {
            struct event event = {0};
            event.op.dot = (struct dot){key_of((char)('P' + i)), 1, n};
            event.op.clock = n;
            for (uint32_t j = 0; j < AUTHORS; j++) {
                uint32_t seen = j < i ? n : n - 1;
                if (j != i && seen > 0)
                    event.context[event.op.context_count++] =
                        (struct dot){key_of((char)('P' + j)), 1, seen};
            }
            event.op.context = event.context;
            encode_texts(
                (const char *const[]){"title", "t", n % 10 == 0 ? "notes" : NULL, "i", NULL},
                &event.body);
            apply_event(record, &event);
            buffer_free(&event.body);
        }
    }
    struct record_state *copy = through_row(record);
    assert_int_equal(record_operation_count(copy), ROUNDS * AUTHORS);
    struct buffer one = canonical(record), two = canonical(copy);
    assert_true(span_equal(span_of_buffer(&one), span_of_buffer(&two)));
    assert_non_null(strstr(in_words(copy), "operations 9000, excluded 0, changed 3000"));
    buffer_free(&two);
    buffer_free(&one);
    record_free(copy);
    record_free(record);
}

/* With a bug of base/planted.h, its name: it must fail. */
int main(int argument_count, char **arguments)
{
#ifdef TERRACE_PLANTED
    if (argument_count > 1 && !planted_choose(arguments[1]))
        return 0; /* no such bug: the test that must fail doesn't */
    cmocka_set_test_filter("wrong_clocks_*");
#else
    (void)argument_count, (void)arguments;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_clocks_order_conflicts_alone),
        cmocka_unit_test(random_histories_come_to_the_naive_answer),
        WITH_DESKS(the_naive_answer_is_not_blind),
        WITH_DESKS(damaged_rows_are_refused_or_harmless),
        cmocka_unit_test(rows_that_cannot_be_are_refused),
        WITH_DESKS(an_empty_record_is_a_record),
        WITH_DESKS(thousands_of_operations_are_usable),
    };
    return cmocka_run_group_tests(tests, load_types, free_types);
}
