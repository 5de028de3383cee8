/* Folding operations: the design's histories in every order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/record_desk.h"

static void authority_not_number_of_edits(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    read_event(&township, creation);
    WRITE(&village, 10, "status", "v1");
    size_t second = WRITE(&village, 11, "status", "v2");
    size_t top = WRITE(&county, 5, "status", "county");
    size_t orders =
        all_orders("title=r status=county | status=v2@V1.3 | operations 4, excluded 0, changed 11");
    assert_int_equal(orders, 3);
    read_event(&township, second - 1);
    read_event(&township, second);
    read_event(&township, top);
    WRITE(&township, 1, "status", "agreed");
    all_orders("title=r status=agreed | | operations 5, excluded 0, changed 1");
}

static void what_was_seen_is_in_no_conflict(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    read_event(&township, creation);
    size_t low = WRITE(&village, 2, "status", "v");
    WRITE(&township, 3, "status", "t");
    read_event(&county, low);
    WRITE(&county, 1, "status", "c");
    all_orders("title=r status=c | status=t@T1.1 | operations 4, excluded 0, changed 3");
}

static void a_later_edit_wins_whatever_clock_and_tier_say(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    size_t far = WRITE(&county, 4070908800000, "status", "c"); /* 2099 */
    read_event(&village, far);
    WRITE(&village, 0, "status", "v");
    size_t orders = all_orders("title=r status=v | | operations 3, excluded 0, changed 0");
    assert_int_equal(orders, 1);
    assert_int_equal(record_operation(village.record, 1)->clock, 4070908800000);
}

static void delete_then_an_absentee(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "old");
    read_event(&township, creation);
    size_t deletion = WRITE(&township, 100, "_deleted", "true");
    size_t edit = WRITE(&village, 300, "title", "new");
    size_t orders =
        all_orders("title=new | title=new@V1.2 | deleted, operations 3, excluded 0, changed 300");
    assert_int_equal(orders, 2);
    read_event(&village, deletion);
    read_event(&township, edit);
    assert_true(record_deleted(village.record));
    assert_true(record_deleted(township.record));
    struct event late = {0};
    late.op = written.events[deletion].op;
    late.op.dot.n++;
    assert_true(record_deleted_as_seen(township.record, &late.op)); /* its author deleted it */
    assert_false(record_deleted_as_seen(township.record, &written.events[edit].op));
    WRITE(&township, 400, "_deleted", "false");
    all_orders("title=new | | operations 4, excluded 0, changed 400");
    assert_false(record_deleted(township.record));
    assert_true(record_deleted(village.record));
}

/* Two deletions that know nothing of each other; one who saw the first alone can't restore. */
static void a_restore_undoes_only_deletions_it_saw(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&township, creation);
    read_event(&other, creation);
    size_t first = WRITE(&township, 5, "_deleted", "true");
    size_t second = WRITE(&other, 6, "_deleted", "true");
    read_event(&village, first);
    size_t restore = WRITE(&village, 9, "_deleted", "false");
    all_orders("title=r | _deleted=true@W1.1 | operations 4, excluded 0, changed 9");
    read_event(&township, second);
    read_event(&township, restore);
    WRITE(&township, 10, "_deleted", "true");
    all_orders("title=r | | deleted, operations 5, excluded 0, changed 10");
}

static void whatever_was_written_beside_a_deletion_is_shown(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r", "notes", "seen", "calls", "1");
    read_event(&township, creation);
    WRITE(&village, 2, "notes", "missed", "calls", "3", "level", "4");
    WRITE(&township, 3, "_deleted", "true", "status", "wrong");
    all_orders("title=r status=wrong level=4 notes=[seen,missed] calls=3 | level=4@V1.2 "
               "notes=missed@V1.2 calls=3@V1.2 | deleted, operations 3, excluded 0, changed 3");
}

static void ties_are_broken_by_clock_key_epoch_and_n(void **state)
{
    (void)state;
    struct desk again = open_desk('V', 3, 2);
    size_t creation = WRITE(&township, 1, "title", "r");
    read_event(&village, creation);
    read_event(&other, creation);
    read_event(&again, creation);
    WRITE(&village, 5, "title", "v1");
    WRITE(&again, 5, "title", "v2");
    all_orders("title=v2 | title=v1@V1.1 | operations 3, excluded 0, changed 5");
    WRITE(&other, 5, "title", "w");
    all_orders("title=w | title=v2@V2.1 title=v1@V1.1 | operations 4, excluded 0, changed 5");
    record_free(again.record);
}

/* History 19: an old image. Two epochs of one author are two authors. */
static void a_restored_image_loses_nothing(void **state)
{
    (void)state;
    size_t image = WRITE(&village, 1, "status", "a", "calls", "3");
    struct desk restored = open_desk('V', 3, 2);
    read_event(&restored, image);
    WRITE(&village, 9, "status", "lost", "calls", "5");
    assert_int_equal(record_counter_of(restored.record, CALLS, key_of('V'), 2), 0);
    assert_int_equal(record_counter_of(restored.record, CALLS, key_of('V'), 1), 3);
    WRITE(&restored, 5, "status", "new", "calls", "4");
    all_orders_of(1 | 4, "status=new calls=7 | | operations 2, excluded 0, changed 5");
    all_orders("status=lost calls=9 | status=new@V2.1 | operations 3, excluded 0, changed 9");
    record_free(restored.record);
}

/* History 6: the order of attempts, and of several items of one operation. */
static void lists_are_in_canonical_order(void **state)
{
    (void)state;
    size_t first = WRITE(&village, 1, "notes", "one");
    size_t second = WRITE(&village, 8, "notes", "two");
    read_event(&township, first);
    read_event(&township, second);
    WRITE(&village, 3, "notes", "village");
    struct event *event = begin_event(&township, 9);
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, NOTES);
    mp_write_array(&event->body, 2);
    mp_write_text(&event->body, "township");
    mp_write_text(&event->body, "again");
    end_event(&township, event);
    all_orders("notes=[one,two,township,again,village] | | operations 4, excluded 0, changed 9");
}

static void write_removal(struct desk *desk, size_t item, uint32_t place)
{
    const struct dot *dot = &written.events[item].op.dot;
    struct event *event = begin_event(desk, 20);
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, FIELD_REMOVE);
    mp_write_array(&event->body, 1);
    mp_write_array(&event->body, 5);
    mp_write_uint(&event->body, NOTES);
    mp_write_bin(&event->body, SPAN_OF_ARRAY(dot->author.bytes));
    mp_write_uint(&event->body, dot->epoch);
    mp_write_uint(&event->body, dot->n);
    mp_write_uint(&event->body, place);
    end_event(desk, event);
}

static void items_seen_can_be_removed_and_no_others(void **state)
{
    (void)state;
    size_t first = WRITE(&village, 1, "notes", "one");
    size_t unseen = WRITE(&village, 2, "notes", "two");
    read_event(&township, first);
    write_removal(&township, unseen, 0);
    all_orders("notes=[one,two] | | operations 3, excluded 0, changed 20");
    write_removal(&township, first, 1); /* there is no such place */
    write_removal(&township, first, 0);
    all_orders("notes=[two] | | operations 5, excluded 0, changed 20");
}

static void excluded_operations_are_here_without_effect(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&other, creation);
    struct event *event = begin_event(&other, 99);
    encode_texts((const char *const[]){"title", "bad", "notes", "bad", "calls", "9", "_deleted",
                                       "true", NULL},
                 &event->body);
    event->op.verdict = OPERATION_EXCLUDED;
    event->op.deletes = 1;
    apply_event(other.record, event);
    read_event(&township, creation);
    read_event(&township, 1);
    WRITE(&township, 5, "status", "after");
    all_orders("title=r status=after | | operations 3, excluded 1, changed 5");
    assert_false(record_deleted_as_seen(township.record, &written.events[2].op));
}

static void fields_unknown_here_change_nothing(void **state)
{
    (void)state;
    struct event *event = begin_event(&village, 1);
    static const uint8_t body[] = {0x83, 1, 0xa1, 'r', 70, 0x92, 1, 2, 0xfe, 7};
    buffer_append(&event->body, body, sizeof body);
    end_event(&village, event);
    struct event *empty = begin_event(&village, 2); /* an extension has no fields */
    apply_event(village.record, empty);
    all_orders("title=r | | operations 2, excluded 0, changed 2");
}

static void totals_stay_within_their_bounds(void **state)
{
    (void)state;
    WRITE(&village, 1, "calls", "9223372036854775807");
    read_event(&township, 0);
    WRITE(&township, 2, "calls", "9223372036854775807");
    read_event(&other, 0);
    WRITE(&other, 3, "calls", "-9223372036854775808");
    all_orders_of(3, "calls=9223372036854775807 | | operations 2, excluded 0, changed 2");
    all_orders("calls=9223372036854775806 | | operations 3, excluded 0, changed 3");
}

/* ---- judging ---- */

static void judged(const struct record_state *record, const struct operation *op, char letter,
                   uint32_t n)
{
    struct dot missing = {0};
    assert_int_equal(record_judge(record, op, &missing), RECORD_MISSING);
    assert_int_equal(missing.author.bytes[0], letter);
    assert_int_equal(missing.epoch, 1);
    assert_int_equal(missing.n, n);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    WRITE(&village, 1, "title", "r");
    WRITE(&village, 2, "title", "s");
    read_event(&township, 0);
    read_event(&township, 1);
    WRITE(&township, 3, "title", "t");
    judged(county.record, &written.events[1].op, 'V', 1);
    judged(county.record, &written.events[2].op, 'V', 1);
    read_event(&county, 0);
    judged(county.record, &written.events[2].op, 'V', 2);
    struct operation skipping = written.events[2].op;
    skipping.dot.n = 3;
    judged(county.record, &skipping, 'T', 1);
    struct operation forked = written.events[0].op;
    struct dot missing;
    forked.digest.bytes[31] ^= 1;
    assert_int_equal(record_judge(county.record, &forked, &missing), RECORD_FORKED);
    assert_int_equal(record_judge(county.record, &written.events[0].op, &missing),
                     RECORD_DUPLICATE);
}

static void contexts_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct dot context[CONTEXT_PAIRS_MAX];
    uint32_t own_n;
    struct record_state *record = record_new();
    assert_int_equal(record_context(record, key_of('V'), 1, context, &own_n), 0);
    assert_int_equal(own_n, 0);
    for (int i = 0; i < 80; i++) {
        struct event event = {0};
        event.op.dot.author = key_of((char)(200 - i));
        event.op.dot.epoch = 1;
        event.op.dot.n = 1;
        apply_event(record, &event);
    }
    assert_int_equal(record_context(record, key_of((char)150), 1, context, &own_n), 79);
    assert_int_equal(own_n, 1);
    assert_int_equal(record_operation_count(record), 80);
    for (size_t i = 1; i < CONTEXT_PAIRS_MAX; i++)
        assert_true(dot_compare(&context[i - 1], &context[i]) < 0);
    record_free(record);
}

static void pairs_of_nothing_cover_nothing(void **state)
{
    (void)state;
    struct event event = {0};
    event.context[0] = (struct dot){key_of('X'), 1, 0};
    event.op.dot = (struct dot){key_of('V'), 1, 1};
    event.op.context = event.context;
    event.op.context_count = 1;
    apply_event(village.record, &event);
    assert_int_equal(record_operation(village.record, 0)->context_count, 0);
    struct record_state *copy = through_row(village.record);
    record_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESKS(authority_not_number_of_edits),
        WITH_DESKS(what_was_seen_is_in_no_conflict),
        WITH_DESKS(a_later_edit_wins_whatever_clock_and_tier_say),
        WITH_DESKS(delete_then_an_absentee),
        WITH_DESKS(a_restore_undoes_only_deletions_it_saw),
        WITH_DESKS(whatever_was_written_beside_a_deletion_is_shown),
        WITH_DESKS(ties_are_broken_by_clock_key_epoch_and_n),
        WITH_DESKS(a_restored_image_loses_nothing),
        WITH_DESKS(lists_are_in_canonical_order),
        WITH_DESKS(items_seen_can_be_removed_and_no_others),
        WITH_DESKS(excluded_operations_are_here_without_effect),
        WITH_DESKS(fields_unknown_here_change_nothing),
        WITH_DESKS(totals_stay_within_their_bounds),
        WITH_DESKS(what_is_missing_is_named),
        WITH_DESKS(contexts_are_sorted_and_bounded),
        WITH_DESKS(pairs_of_nothing_cover_nothing),
    };
    return cmocka_run_group_tests(tests, load_types, free_types);
}
