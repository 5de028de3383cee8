/* The verifier: nothing to say of a sound store, and something of any that was changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/verify/verify.h"
#include "tests/unit/furnished_desk.h"

struct report {
    size_t count;
    bool print;
    struct verify_finding first;
    struct verify_counts counts;
};

static void note(void *context, const struct verify_finding *finding)
{
    struct report *report = context;
    if (report->count++ == 0)
        report->first = *finding;
    if (report->print)
        printf("    %s: %s: %s\n", table_name(finding->table), finding->key, finding->what);
}

static void verify_all(struct memory_store *store, bool trusting, struct report *report)
{
    struct store_port port;
    struct verify_options options = {.tree_id = desk_county()->tree_id,
                                     .own = key_id_of(desk_county()->seats[SEAT_T1].signing_key),
                                     .seal = desk_county()->seats[SEAT_T1].seal,
                                     .trusting = trusting,
                                     .context = report,
                                     .finding = note};
    memory_store_port(store, &port);
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, &port.view)) {
    }
    assert_int_equal(verify_finding_count(verify), report->count);
    report->counts = *verify_counts(verify);
    verify_free(verify);
}

static void a_sound_store_has_no_findings(void **state)
{
    (void)state;
    struct desk *desk = desk_furnished();
    struct report report = {.print = true};
    verify_all(desk->store, false, &report);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.counts.records, desk_rows(desk, TABLE_RECORDS));
    assert_int_equal(report.counts.index, desk_rows(desk, TABLE_INDEX));
    assert_int_equal(report.counts.streams, desk_rows(desk, TABLE_STREAMS));
    assert_int_equal(report.counts.notes, desk_rows(desk, TABLE_NOTES));
    assert_int_equal(report.counts.cells, desk_rows(desk, TABLE_CELLS));
    assert_int_equal(report.counts.parked, desk_rows(desk, TABLE_PARKED));
    assert_int_equal(report.counts.quarantine, desk_rows(desk, TABLE_QUARANTINE));
    assert_true(report.counts.blocks > 5 && report.counts.entries > report.counts.blocks);
    assert_true(report.counts.documents > 3 && report.counts.loose == 0);
    desk_free(desk);
}

/* Rows of which nothing that is served follows: hints, stamps, counters that bound. */
static bool says_nothing(const struct row_at *row)
{
    bool counter = row->key.size == 1 + KEY_ID_BYTES;
    return row->table == TABLE_MARKS || row->table == TABLE_ARRIVALS ||
           (row->table == TABLE_META && (counter || row->key.data[0] == 'd' ||
                                         row->key.data[0] == 'h')); /* the parent's name */
}

static bool is_self(const struct row_at *row)
{
    return row->table == TABLE_META && row->key.data[0] == 's';
}

/* That a newer statement or token was here, nobody can tell; our own figures stand without the
 * report of them. */
static bool is_single(const struct row_at *row)
{
    const struct key_id *own = &desk_county()->seats[SEAT_T1].key_id;
    return row->table == TABLE_NOTES && (row->key.data[0] != HASH_CELLS ||
                                         memcmp(row->key.data + 1, own->bytes, KEY_ID_BYTES) == 0);
}

static bool is_noticed(const struct memory_store *image, const struct row_at *row,
                       struct span value, bool removed)
{
    struct report report = {0};
    struct memory_store *store = memory_store_with(image, row, value, removed);
    verify_all(store, false, &report);
    memory_store_free(store);
    return report.count > 0;
}

static void say_row(const char *what, const struct row_at *row)
{
    printf("not noticed: %s %s ", what, table_name(row->table));
    for (size_t i = 0; i < row->key.size; i++)
        printf("%02x", row->key.data[i]);
    printf("\n");
}

static void any_missing_row_is_noticed(void **state)
{
    enum { ROWS_MAX = 400 };
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX), missed = 0;
    for (size_t i = 0; i < count; i++) {
        if (says_nothing(&rows[i]) || is_single(&rows[i]) ||
            is_noticed(desk->store, &rows[i], SPAN_EMPTY, true))
            continue;
        say_row("removed", &rows[i]);
        missed++;
    }
    rows_free(rows, count);
    desk_free(desk);
    assert_int_equal(missed, 0);
}

/* Words about a thing that was set aside say nothing of it; of our own numbers one that is too
 * great does no harm, and the high-water file vouches for the rest. */
static bool only_words(const struct row_at *row)
{
    return says_nothing(row) || is_self(row) || row->table == TABLE_PARKED ||
           row->table == TABLE_QUARANTINE;
}

/* By which report, and since when, a cell has been so: told with what came late, and that alone. */
static bool is_since_when(const struct row_at *row, size_t at)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&row->value));
    if (row->table != TABLE_CELLS || at < 2)
        return false;
    mp_read_array(&reader);
    mp_read_any(&reader);
    return at < reader.at;
}

static void any_changed_row_is_noticed(void **state)
{
    enum { ROWS_MAX = 400 };
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX), missed = 0;
    for (size_t i = 0; i < count; i++) {
        struct buffer *value = &rows[i].value;
        size_t step = value->size / 24 + 1;
        for (size_t at = 0; !only_words(&rows[i]) && at < value->size; at += step) {
            value->data[at] ^= (uint8_t)(1 << (at + i) % 8);
            if (!is_since_when(&rows[i], at) &&
                !is_noticed(desk->store, &rows[i], span_of_buffer(value), false)) {
                say_row("changed", &rows[i]);
                missed++;
            }
            value->data[at] ^= (uint8_t)(1 << (at + i) % 8);
        }
    }
    rows_free(rows, count);
    desk_free(desk);
    assert_int_equal(missed, 0);
}

static void rows_that_belong_nowhere_are_noticed(void **state)
{
    static const uint8_t key[][20] = {{1, 0, 0, 0, 9}, {0, 1, 2, 3}};
    static const struct {
        enum table table;
        size_t size;
    } rows[] = {{TABLE_BLOCKS, 10}, {TABLE_STREAMS, 5}, {TABLE_RECORDS, 9},    {TABLE_INDEX, 19},
                {TABLE_CELLS, 20},  {TABLE_NOTES, 9},   {TABLE_QUARANTINE, 9}, {TABLE_PARKED, 9},
                {TABLE_DOCS, 9},    {TABLE_WHO, 4},     {TABLE_FIELDS, 20}};
    (void)state;
    struct desk *desk = desk_furnished();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct row_at row = {.table = rows[i].table};
            buffer_append(&row.key, key[k], rows[i].size);
            if (!is_noticed(desk->store, &row, SPAN_EMPTY, false))
                fail_msg("a row of %s", table_name(row.table));
            buffer_free(&row.key);
        }
    }
    desk_free(desk);
}

/* What a check of the checks stands on: it lets a changed record pass. */
static void a_trusting_verifier_trusts(void **state)
{
    enum { ROWS_MAX = 400 };
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX), passed = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].table != TABLE_BLOCKS)
            continue;
        struct report report = {0};
        rows[i].value.data[rows[i].value.size - 1] ^= 1;
        struct memory_store *store =
            memory_store_with(desk->store, &rows[i], span_of_buffer(&rows[i].value), false);
        verify_all(store, true, &report);
        memory_store_free(store);
        passed += report.count == 0;
    }
    rows_free(rows, count);
    desk_free(desk);
    assert_true(passed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_has_no_findings),
        cmocka_unit_test(any_missing_row_is_noticed),
        cmocka_unit_test(any_changed_row_is_noticed),
        cmocka_unit_test(rows_that_belong_nowhere_are_noticed),
        cmocka_unit_test(a_trusting_verifier_trusts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
