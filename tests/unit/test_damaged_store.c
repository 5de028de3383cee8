/* A store whose rows are damaged, or at the end of their numbers: the core says what is wrong, sets
 * it aside, or goes on in a new epoch. It never crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/query/query.h"
#include "tests/unit/furnished_desk.h"

/* ---- epochs, numbers, clocks ---- */

static void row_replace(struct desk *desk, enum table table, struct span key, struct span value)
{
    desk->port.begin(desk->port.context);
    assert_int_equal(desk->port.put(desk->port.context, table, key, value), ERR_OK);
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
}

/* The row `self` with one of its numbers changed; the desk over it. */
static struct desk *desk_with_self(struct desk *desk, uint32_t which, uint64_t number,
                                   enum error_code *code)
{
    struct span key = span_of_text("self"), value;
    struct buffer row = {0};
    assert_int_equal(desk->port.view.get(desk->port.view.context, TABLE_META, key, &value),
                     READ_FOUND);
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    mp_write_map(&row, fields.left);
    for (int32_t field; mp_field(&reader, &fields, &field);) {
        struct span was = mp_read_any(&reader);
        mp_write_int(&row, field);
        if (field == (int32_t)which)
            mp_write_uint(&row, number);
        else
            buffer_append_span(&row, was);
    }
    row_replace(desk, TABLE_META, key, span_of_buffer(&row));
    struct desk *again = desk_over(SEAT_T1, NULL, memory_store_clone(desk->store), code);
    buffer_free(&row);
    desk_free(desk);
    return again;
}

static void numbers_that_run_out_go_on_in_a_new_epoch(void **state)
{
    static const struct {
        uint32_t field;
        uint64_t number;
    } rows[] = {{5, UINT32_MAX}, {6, STREAM_NUMBER_MAX}, {6, STREAM_NUMBER_MAX + 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        enum error_code code;
        desk_put(desk, "incident", "a");
        uint32_t epoch = replica_epoch(drive_replica(desk->drive));
        desk = desk_with_self(desk, rows[i].field, rows[i].number, &code);
        assert_int_equal(code, ERR_OK);
        desk_put(desk, "directive", "b");
        assert_int_equal(desk->answer.error.code, ERR_OK);
        assert_true(replica_epoch(drive_replica(desk->drive)) > epoch);
        desk_free(desk);
    }
}

static void a_key_without_epochs_left_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    enum error_code code;
    desk_put(desk, "incident", "a");
    desk = desk_with_self(desk, 1, 0xffff0001, &code); /* other than the high-water file: doubt */
    assert_int_equal(code, ERR_FULL);
    desk_free(desk);
}

static void impossible_numbers_in_our_own_row_are_refused(void **state)
{
    static const struct {
        uint32_t field;
        uint64_t number;
    } rows[] = {{1, 0}, {1, UINT64_MAX}, {5, UINT64_MAX}, {6, 0}, {6, 1 << 20}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        enum error_code code;
        desk_put(desk, "incident", "a");
        desk = desk_with_self(desk, rows[i].field, rows[i].number, &code);
        assert_int_equal(code, ERR_DAMAGED);
        desk_free(desk);
    }
}

static void a_clock_past_its_end_is_survived(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct desk *desk = desk_new(i == 0 ? SEAT_C : SEAT_T1, NULL);
        desk_live(desk, i == 0 ? SEAT_T1 : SEAT_C);
        desk->wall_ms = UINT64_MAX;
        desk_put(desk, "directive", "a");
        assert_int_equal(desk->code, ERR_OK);
        assert_int_equal(desk->answer.error.code, ERR_OK);
        for (int k = 0; k < 3; k++) {
            desk->tick_ms += 3600 * 1000;
            assert_int_equal(desk_run(desk), ERR_OK);
        }
        desk_free(desk);
    }
}

/* ---- a damaged store ---- */

static bool see(void *context, const char *what, struct span key)
{
    (void)context;
    (void)what;
    (void)key;
    return true;
}

/* Everything that reads: open, sessions, writes, queries, the walk. Any answer is right but a
 * crash. */
static void use(struct memory_store *store)
{
    static const char *const types[] = {"mediation", "incident", "directive", "survey"};
    enum error_code code;
    struct desk *desk = desk_over(SEAT_T1, NULL, store, &code);
    if (code == ERR_OK)
        desk_live(desk, SEAT_C);
    if (code == ERR_OK && desk->code == ERR_OK) {
        uint32_t link = desk_live(desk, SEAT_V1);
        struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 9, CLASS_NORMAL, 9);
        if (desk->code == ERR_OK)
            signer_say_open(desk, link, &v1);
    }
    for (size_t i = 0; code == ERR_OK && i < 4 && desk->code == ERR_OK; i++)
        desk_put(desk, types[i], "more");
    if (code == ERR_OK && desk->code == ERR_OK) {
        const struct tree *tree = replica_tree(drive_replica(desk->drive));
        const struct view *view = &desk->port.view;
        struct walk_visitor visitor = {.damage = see};
        struct buffer out = {0}, cursor = {0};
        size_t count;
        (void)query_walk(view, tree, &visitor, NULL);
        for (size_t i = 0; i < 4; i++) {
            (void)query_list(view, tree, span_of_text(types[i]), SPAN_EMPTY, true, 100, &cursor,
                             &out, &count, NULL);
            buffer_clear(&cursor);
        }
        (void)query_rollup(view, tree, "T1", span_of_text("records"), span_of_text("type"), 1, &out,
                           NULL);
        buffer_free(&out);
        buffer_free(&cursor);
    }
    desk_free(desk);
}

static void any_damaged_row_is_survived(void **state)
{
    enum { ROWS_MAX = 400 };
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    assert_true(count > 40 && count < ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct buffer *value = &rows[i].value;
        use(memory_store_with(desk->store, &rows[i], SPAN_EMPTY, true));
        use(memory_store_with(desk->store, &rows[i], SPAN_EMPTY, false));
        struct memory_store *unreadable = memory_store_clone(desk->store);
        assert_true(memory_store_damage(unreadable, rows[i].table, span_of_buffer(&rows[i].key)));
        use(unreadable);
        for (size_t k = 0; k < 6 && value->size > 0; k++) {
            size_t at = k < 3 ? k % value->size : (k * 7919 + i) % value->size;
            uint8_t flip = (uint8_t)(k % 2 == 0 ? 0xff : 1 << (k + i) % 8);
            value->data[at] ^= flip;
            use(memory_store_with(desk->store, &rows[i], span_of_buffer(value), false));
            value->data[at] ^= flip;
        }
    }
    for (size_t i = 0; i < count; i++) {
        buffer_free(&rows[i].key);
        buffer_free(&rows[i].value);
    }
    desk_free(desk);
}

/* A row's locator that points to an operation that isn't the creation. */
static void a_locator_astray_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = desk_incident(desk, link);
    struct row_at rows[100];
    desk_edits(desk, link, &v1, 2, 1);
    size_t count = desk_rows_of(desk, rows, 100);
    for (size_t i = 0; i < count; i++) {
        static const uint8_t astray[] = {0x92, 0x01, 0x02}; /* stream 1, place 2: the edit */
        if (rows[i].table == TABLE_RECORDS)
            use(memory_store_with(desk->store, &rows[i], SPAN_OF_ARRAY(astray), false));
        buffer_free(&rows[i].key);
        buffer_free(&rows[i].value);
    }
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_run_out_go_on_in_a_new_epoch),
        cmocka_unit_test(a_key_without_epochs_left_is_refused),
        cmocka_unit_test(impossible_numbers_in_our_own_row_are_refused),
        cmocka_unit_test(a_clock_past_its_end_is_survived),
        cmocka_unit_test(any_damaged_row_is_survived),
        cmocka_unit_test(a_locator_astray_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
