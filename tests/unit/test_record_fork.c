/* Two machines with one key write on one record under the same dots (rules.md A13): in whatever
 * order the operations come, however often they are folded anew, the state is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/record_desk.h"

enum { HERE_MAX = 8 };

static struct desk clone; /* another life of `village` */

static void open_clone(void)
{
    clone = open_desk(village.letter, village.rank, village.epoch);
}

/* A node that gets operations one by one. */
struct reader {
    struct record_state *record;
    size_t waiting[HERE_MAX], waiting_count;
    size_t folds;
};

static const struct event *event_of(const struct operation *op)
{
    for (size_t i = 0; i < written.count; i++) {
        if (hash_equal(&written.events[i].op.digest, &op->digest))
            return &written.events[i];
    }
    fail_msg("no such operation");
    return NULL;
}

/* All that is here and one more, from the beginning. */
static void fold_anew(struct reader *reader, const struct event *more)
{
    const struct operation *ops[HERE_MAX];
    size_t order[HERE_MAX], count = record_operation_count(reader->record);
    struct record_state *record = record_new();
    for (size_t i = 0; i < count; i++)
        ops[i] = record_operation(reader->record, i);
    ops[count++] = &more->op;
    assert_int_equal(record_plan(record, ops, count, order), count);
    for (size_t i = 0; i < count; i++)
        apply_event(record, event_of(ops[order[i]]));
    record_free(reader->record);
    reader->record = record;
    reader->folds++;
}

static bool take(struct reader *reader, size_t index)
{
    const struct event *event = &written.events[index];
    struct dot missing;
    switch (record_judge(reader->record, &event->op, &missing)) {
    case RECORD_READY: apply_event(reader->record, event); return true;
    case RECORD_FORKED: fold_anew(reader, event); return true;
    case RECORD_MISSING: return false;
    case RECORD_DUPLICATE: break;
    }
    fail_msg("a duplicate");
    return false;
}

static void receive(struct reader *reader, size_t index)
{
    reader->waiting[reader->waiting_count++] = index;
    for (size_t i = 0; i < reader->waiting_count;) {
        if (take(reader, reader->waiting[i])) {
            reader->waiting[i] = reader->waiting[--reader->waiting_count];
            i = 0;
        } else {
            i++;
        }
    }
}

struct outcome {
    struct buffer bytes;
    char words[TEXT_MAX];
    size_t orders;
};

static void compare_order(const size_t *order, struct outcome *outcome)
{
    struct reader reader = {.record = record_new()};
    for (size_t i = 0; i < written.count; i++)
        receive(&reader, order[i]);
    assert_int_equal(reader.waiting_count, 0);
    struct record_state *copy = through_row(reader.record);
    record_free(reader.record);
    struct buffer bytes = canonical(copy);
    const char *words = in_words(copy);
    if (outcome->orders++ == 0) {
        outcome->bytes = bytes;
        memcpy(outcome->words, words, strlen(words) + 1);
    } else {
        assert_string_equal(words, outcome->words);
        assert_true(span_equal(span_of_buffer(&bytes), span_of_buffer(&outcome->bytes)));
        buffer_free(&bytes);
    }
    record_free(copy);
}

static void permute(size_t *order, size_t from, struct outcome *outcome)
{
    if (from == written.count)
        compare_order(order, outcome);
    for (size_t i = from; i < written.count; i++) {
        size_t swap = order[from];
        order[from] = order[i];
        order[i] = swap;
        permute(order, from + 1, outcome);
        order[i] = order[from];
        order[from] = swap;
    }
}

/* Every order of arrival, causal or not. */
static void every_order(const char *words)
{
    struct outcome *outcome = mem_alloc(sizeof *outcome);
    size_t order[HERE_MAX], orders = 1;
    assert_true(written.count <= HERE_MAX);
    for (size_t i = 0; i < written.count; i++) {
        order[i] = i;
        orders *= i + 1;
    }
    permute(order, 0, outcome);
    assert_int_equal(outcome->orders, orders);
    assert_string_equal(outcome->words, words);
    buffer_free(&outcome->bytes);
    free(outcome);
}

/* History 20b: both write the record's next operation. */
static void both_values_stand(void **state)
{
    (void)state;
    open_clone();
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&clone, creation);
    WRITE(&village, 5, "status", "a");
    WRITE(&clone, 6, "status", "b");
    every_order("title=r status=b | status=a@V1.2 | operations 3, excluded 0, changed 6, forked 1");
    record_free(clone.record);
}

static void two_creations_are_one_record(void **state)
{
    (void)state;
    open_clone();
    WRITE(&village, 5, "title", "of the one", "status", "a");
    WRITE(&clone, 6, "title", "of the other");
    every_order("title=of the other status=a | title=of the one@V1.1 | operations 2, excluded 0, "
                "changed 6, forked 1");
    record_free(clone.record);
}

/* What was replaced by somebody who saw one of the two stands again beside the other. */
static void who_saw_one_has_not_replaced_either(void **state)
{
    (void)state;
    open_clone();
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&clone, creation);
    read_event(&township, creation);
    size_t one = WRITE(&village, 5, "status", "a");
    WRITE(&clone, 6, "status", "b");
    read_event(&township, one);
    WRITE(&township, 9, "status", "t");
    WRITE(&village, 7, "title", "later");
    every_order("title=later status=t | status=b@V1.2 status=a@V1.2 | operations 5, excluded 0, "
                "changed 9, forked 1");
    record_free(clone.record);
}

static void a_counter_takes_the_greater_branch(void **state)
{
    (void)state;
    open_clone();
    size_t creation = WRITE(&village, 1, "title", "r", "calls", "3");
    read_event(&clone, creation);
    WRITE(&village, 5, "calls", "4");
    WRITE(&village, 6, "calls", "5");
    WRITE(&clone, 7, "calls", "9");
    size_t other_author = WRITE(&clone, 8, "title", "x");
    (void)other_author;
    every_order("title=x calls=9 | | operations 5, excluded 0, changed 8, forked 2");
    record_free(clone.record);
}

static void a_deletion_under_a_forked_dot_is_beside_what_saw_it(void **state)
{
    (void)state;
    open_clone();
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&clone, creation);
    WRITE(&village, 5, "_deleted", "true");
    WRITE(&clone, 6, "status", "b");
    every_order("title=r status=b | status=b@V1.2 | deleted, operations 3, excluded 0, changed 6, "
                "forked 1");
    record_free(clone.record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESKS(both_values_stand),
        WITH_DESKS(two_creations_are_one_record),
        WITH_DESKS(who_saw_one_has_not_replaced_either),
        WITH_DESKS(a_counter_takes_the_greater_branch),
        WITH_DESKS(a_deletion_under_a_forked_dot_is_beside_what_saw_it),
    };
    return cmocka_run_group_tests(tests, load_types, free_types);
}
