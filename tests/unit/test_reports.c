/* Reports in parts: what a child may say about them, what a node makes of its own figures. The
 * test plays the other end of the link, with the keys of those below or above. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/format/note.h"
#include "replication/rows/report_rows.h"
#include "tests/unit/hostile_desk.h"

enum { ROLLUP = 20, OTHER = 21 };

/* ---- reports that somebody else makes ---- */

/* A report of `part_count` parts of `cells` cells each, values from `value` on. */
struct made {
    struct cell_report report;
    struct buffer *parts;
};

static struct cell cell_of(uint16_t rollup, uint32_t period, int64_t value)
{
    static const uint8_t group[] = {0x90};
    return (struct cell){.rollup = rollup,
                         .period = period,
                         .group = SPAN_OF_ARRAY(group),
                         .value_count = 1,
                         .values = {value}};
}

static struct made make(enum desk_seat seat, uint64_t k, size_t part_count, uint32_t cells,
                        int64_t value)
{
    struct made made = {.parts = mem_alloc(part_count * sizeof *made.parts)};
    made.report.head = (struct note_head){desk_county()->seats[seat].key_id, DESK_EPOCH, k};
    made.report.part_count = part_count;
    made.report.parts = mem_alloc(part_count * sizeof *made.report.parts);
    struct cell *run = mem_alloc(cells * sizeof *run);
    for (size_t i = 0; i < part_count; i++) {
        for (uint32_t j = 0; j < cells; j++)
            run[j] = cell_of(ROLLUP, (uint32_t)i * cells + j, value);
        report_part_encode(run, cells, &made.parts[i]);
        made.report.parts[i] = (struct report_part){
            report_part_name(span_of_buffer(&made.parts[i])), (uint32_t)made.parts[i].size, cells};
    }
    free(run);
    return made;
}

static void made_free(struct made *made)
{
    for (size_t i = 0; i < made->report.part_count; i++)
        buffer_free(&made->parts[i]);
    free(made->parts);
    report_free(&made->report);
}

static void say_note(struct desk *desk, uint32_t link, enum desk_seat seat, const struct made *made)
{
    struct buffer map = {0};
    report_encode(&made->report, &map);
    note_by(seat, HASH_CELLS, &map);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_REPORT, &map);
    assert_int_equal(desk_run(desk), ERR_OK);
}

static void say_part(struct desk *desk, uint32_t link, const struct made *made, size_t place,
                     bool last, struct span bytes)
{
    struct buffer body = {0};
    mp_write_array(&body, 6);
    mp_write_bin(&body, SPAN_OF_ARRAY(made->report.head.signer.bytes));
    mp_write_uint(&body, made->report.head.epoch);
    mp_write_uint(&body, made->report.head.k);
    mp_write_bool(&body, last);
    mp_write_uint(&body, place);
    mp_write_bin(&body, bytes);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_PART, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
}

static void give_part(struct desk *desk, uint32_t link, const struct made *made, size_t place,
                      bool last)
{
    say_part(desk, link, made, place, last, span_of_buffer(&made->parts[place]));
}

/* How many parts the last `parts wanted` asks for; SIZE_MAX: nothing was said. */
static size_t wanted(const struct desk *desk, uint32_t link, uint64_t places[static 8])
{
    const struct heard *heard = desk_find(desk, link, SAY_PARTS_WANTED);
    if (heard == NULL)
        return SIZE_MAX;
    struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
    assert_int_equal(mp_read_array(&reader), 5);
    for (unsigned i = 0; i < 4; i++)
        mp_read_any(&reader);
    size_t count = mp_read_array(&reader);
    assert_in_range(count, 0, 8);
    for (size_t i = 0; i < count; i++)
        places[i] = mp_read_uint(&reader);
    mp_read_end(&reader);
    assert_false(reader.failed);
    return count;
}

/* ---- what the victim has ---- */

static int64_t value_at(const struct desk *desk, enum desk_seat seat, uint32_t period)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct cell cell = cell_of(ROLLUP, period, 0);
    struct key_id origin;
    uint64_t report;
    struct span row;
    size_t size = cell_key(key, &cell, desk->county->seats[seat].key_id);
    if (desk->port.view.get(desk->port.view.context, TABLE_CELLS, SPAN(key, size), &row) !=
        READ_FOUND)
        return -1;
    assert_true(cell_parse(SPAN(key, size), row, &cell, &origin, &report));
    return cell.values[0];
}

/* Rows of meta that begin with this letter, and have this size. */
static size_t rows_of(const struct desk *desk, uint8_t letter, size_t size)
{
    const struct view *view = &desk->port.view;
    uint8_t from[64] = {letter};
    size_t count = 0, from_size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_META, SPAN(from, from_size), &key, &value) ==
               READ_FOUND &&
           key.data[0] == letter && key.size < sizeof from) {
        count += key.size == size;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        from_size = key.size + 1;
    }
    return count;
}

static size_t parts_held(const struct desk *desk)
{
    return rows_of(desk, 'P', REPORT_PART_KEY_BYTES);
}

static size_t waiting(const struct desk *desk)
{
    return rows_of(desk, 'Q', REPORT_WAITING_KEY_BYTES);
}

/* ---- taking ---- */

static void counts_when_all_parts_are_here(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    uint64_t places[8];
    struct made first = make(SEAT_V1, 1, 3, 2, 5), second = make(SEAT_V1, 2, 3, 2, 6);
    say_note(desk, link, SEAT_V1, &first);
    assert_int_equal(wanted(desk, link, places), 3);
    assert_int_equal(desk_count(desk, link, SAY_NOTED), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(value_at(desk, SEAT_V1, 0) == -1);
        give_part(desk, link, &first, i, i == 2);
    }
    assert_int_equal(wanted(desk, link, places), 0); /* it is through */
    assert_true(value_at(desk, SEAT_V1, 0) == 5 && value_at(desk, SEAT_V1, 5) == 5);
    assert_int_equal(parts_held(desk), 3);
    /* the next one: one of its parts is here already */
    buffer_clear(&second.parts[1]);
    buffer_append_span(&second.parts[1], span_of_buffer(&first.parts[1]));
    second.report.parts[1] = first.report.parts[1];
    say_note(desk, link, SEAT_V1, &second);
    assert_int_equal(wanted(desk, link, places), 2);
    assert_true(places[0] == 0 && places[1] == 2);
    give_part(desk, link, &second, 0, false);
    assert_true(value_at(desk, SEAT_V1, 0) == 5);
    give_part(desk, link, &second, 2, true);
    assert_true(value_at(desk, SEAT_V1, 0) == 6 && value_at(desk, SEAT_V1, 2) == 5 &&
                value_at(desk, SEAT_V1, 4) == 6);
    assert_int_equal(parts_held(desk), 3);
    assert_int_equal(waiting(desk), 0);
    made_free(&first);
    made_free(&second);
    desk_free(desk);
}

static void a_part_that_nobody_asked_for_is_nothing(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct made one = make(SEAT_V1, 7, 2, 2, 5), other = make(SEAT_V1, 8, 2, 2, 6);
    give_part(desk, link, &one, 0, false); /* no note */
    assert_int_equal(desk_refusals(desk)->replay, 1);
    say_note(desk, link, SEAT_V1, &one);
    give_part(desk, link, &other, 0, false); /* of another report */
    assert_int_equal(desk_refusals(desk)->replay, 2);
    say_part(desk, link, &one, 0, false, span_of_buffer(&other.parts[0])); /* mixed */
    say_part(desk, link, &one, 1, false, span_of_buffer(&one.parts[0]));
    say_part(desk, link, &one, 2, false, span_of_buffer(&one.parts[0]));
    assert_int_equal(desk_refusals(desk)->forged, 3);
    assert_int_equal(parts_held(desk), 0);
    assert_true(value_at(desk, SEAT_V1, 0) == -1);
    say_part(desk, link, &one, 300, false, SPAN_EMPTY); /* there is no such place */
    assert_int_equal(desk_refusals(desk)->malformed, 1);
    made_free(&one);
    made_free(&other);
    desk_free(desk);
}

/* Endless first parts: each report takes the place of the one before, with its part. */
static void endless_first_parts_are_bounded(void **state)
{
    enum { REPORTS = 200 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    for (unsigned i = 0; i < REPORTS; i++) {
        struct made made = make(SEAT_V1, i + 1, 5, 2, i);
        say_note(desk, link, SEAT_V1, &made);
        give_part(desk, link, &made, 0, true);
        assert_int_equal(parts_held(desk), 1);
        assert_int_equal(waiting(desk), 1);
        made_free(&made);
    }
    assert_true(value_at(desk, SEAT_V1, 0) == -1);
    desk_free(desk);
}

static void parts_out_of_order_are_no_report(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    uint64_t places[8];
    struct made made = make(SEAT_V1, 1, 2, 2, 5);
    struct report_part part = made.report.parts[0];
    struct buffer bytes = made.parts[0];
    made.report.parts[0] = made.report.parts[1];
    made.parts[0] = made.parts[1];
    made.report.parts[1] = part;
    made.parts[1] = bytes;
    say_note(desk, link, SEAT_V1, &made);
    give_part(desk, link, &made, 0, false);
    give_part(desk, link, &made, 1, true);
    assert_int_equal(wanted(desk, link, places), 0);
    assert_int_equal(desk_refusals(desk)->malformed, 1);
    assert_int_equal(parts_held(desk), 0);
    assert_int_equal(waiting(desk), 0);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), 0);
    made_free(&made);
    desk_free(desk);
}

/* What waits of those below one child is bounded; what had no room is asked for when there is. */
static void what_waits_of_one_child_is_bounded(void **state)
{
    static const enum desk_seat origins[] = {SEAT_T1, SEAT_V1, SEAT_V2};
    enum { PARTS = 64, CELLS = 256 };
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_live(desk, SEAT_T1);
    struct made made[3];
    uint64_t places[8] = {0};
    for (size_t i = 0; i < 3; i++) {
        made[i] = make(origins[i], 1, PARTS, CELLS, INT64_MAX);
        for (size_t j = 0; j < PARTS; j++) /* said to be as large as a part may be */
            made[i].report.parts[j].bytes =
                i == 0 ? made[i].report.parts[j].bytes : REPORT_PART_BYTES_MAX;
        say_note(desk, link, origins[i], &made[i]);
        assert_int_equal(wanted(desk, link, places), i < 2 ? 8 : SIZE_MAX);
    }
    assert_int_equal(waiting(desk), 2);
    assert_int_equal(desk_refusals(desk)->flood, 1);
    for (size_t place = 0; place < PARTS; place++) {
        give_part(desk, link, &made[0], place, place % 8 == 7);
        if (place % 8 == 7 && place + 1 < PARTS)
            assert_int_equal(wanted(desk, link, places), 8);
    }
    assert_int_equal(desk_count(desk, link, SAY_WANTED), 1); /* that one again */
    assert_true(value_at(desk, SEAT_T1, PARTS * CELLS - 1) == INT64_MAX);
    for (size_t i = 0; i < 3; i++)
        made_free(&made[i]);
    desk_free(desk);
}

/* ---- making ---- */

static void own_cells(struct desk *desk, uint16_t rollup, uint32_t from, uint32_t count,
                      int64_t value)
{
    desk->port.begin(desk->port.context);
    for (uint32_t i = from; i < from + count; i++) {
        uint8_t key[CELL_KEY_BYTES_MAX];
        struct cell cell = cell_of(rollup, i, value);
        struct buffer row = {0};
        size_t size = cell_key(key, &cell, desk->county->seats[desk->victim].key_id);
        cell_value_encode(&cell, 1, &row);
        assert_int_equal(
            desk->port.put(desk->port.context, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row)),
            ERR_OK);
        buffer_free(&row);
    }
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
}

/* The report that a batch has sent up. False: none. */
static bool sent(const struct desk *desk, uint32_t link, struct cell_report *report)
{
    const struct heard *heard = desk_find(desk, link, SAY_REPORT);
    return heard != NULL && report_decode(span_of_buffer(&heard->body), report, NULL) == ERR_OK;
}

static struct cell_report next_report(struct desk *desk, uint32_t link)
{
    struct cell_report report = {0};
    for (unsigned i = 0; i < 5; i++) {
        if (sent(desk, link, &report)) /* the first one comes as soon as the link is live */
            return report;
        desk_wait(desk, 60 * 1000);
    }
    fail_msg("no report");
    return report;
}

/* No places: the report is through. */
static void want(struct desk *desk, uint32_t link, const struct cell_report *report, size_t at,
                 size_t count)
{
    struct buffer body = {0};
    mp_write_array(&body, 5);
    mp_write_bin(&body, SPAN_OF_ARRAY(report->head.signer.bytes));
    mp_write_uint(&body, report->head.epoch);
    mp_write_uint(&body, report->head.k);
    mp_write_bool(&body, at == 0 && count > 0);
    mp_write_array(&body, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_uint(&body, at + i);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_PARTS_WANTED, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
}

/* All parts, asked for as a parent does. */
static void fetch(struct desk *desk, uint32_t link, struct cell_report *report)
{
    for (size_t at = 0; at < report->part_count; at += 8) {
        size_t count = report->part_count - at < 8 ? report->part_count - at : 8;
        want(desk, link, report, at, count);
        assert_int_equal(desk_count(desk, link, SAY_PART), count);
        size_t place = at;
        for (size_t i = 0; i < desk->heard_count; i++) {
            if (desk->heard[i].type != SAY_PART)
                continue;
            struct mp_reader reader = mp_reader(span_of_buffer(&desk->heard[i].body));
            mp_read_array(&reader);
            for (unsigned skipped = 0; skipped < 3; skipped++)
                mp_read_any(&reader);
            assert_int_equal(mp_read_bool(&reader), place + 1 == at + count);
            assert_int_equal(mp_read_uint(&reader), place);
            struct span part = mp_read_bin(&reader);
            assert_true(report_part_fits(&report->parts[place++], part));
            buffer_append_span(&report->held, part);
        }
    }
    assert_true(report_join(report));
}

static size_t parts_in_common(const struct cell_report *a, const struct cell_report *b)
{
    size_t count = 0;
    for (size_t i = 0; i < a->part_count; i++) {
        for (size_t j = 0; j < b->part_count; j++)
            count += hash_equal(&a->parts[i].name, &b->parts[j].name);
    }
    return count;
}

static size_t cells_of(const struct cell_report *report, uint16_t rollup)
{
    size_t count = 0;
    for (size_t i = 0; i < report->cell_count; i++)
        count += report->cells[i].rollup == rollup;
    return count;
}

static void many_years_fit_and_little_goes_again(void **state)
{
    enum { CELLS = 15000 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    own_cells(desk, ROLLUP, 0, CELLS, 1000000);
    uint32_t link = desk_live(desk, SEAT_C);
    struct cell_report first = next_report(desk, link);
    assert_in_range(first.part_count, 60, REPORT_PARTS_MAX);
    fetch(desk, link, &first);
    want(desk, link, &first, 0, 0);
    assert_int_equal(cells_of(&first, ROLLUP), CELLS);
    assert_int_equal(parts_held(desk), first.part_count);
    own_cells(desk, ROLLUP, 700, 1, 7);   /* one says something else, */
    own_cells(desk, ROLLUP, CELLS, 1, 7); /* one comes */
    desk_put(desk, "incident", "a");
    struct cell_report second = next_report(desk, link);
    assert_in_range(second.part_count - parts_in_common(&first, &second), 2, 5);
    fetch(desk, link, &second);
    assert_int_equal(cells_of(&second, ROLLUP), CELLS + 1);
    assert_int_equal(parts_held(desk), second.part_count);
    report_free(&first);
    report_free(&second);
    desk_free(desk);
}

static void a_rollup_without_room_is_left_out_whole(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    own_cells(desk, ROLLUP, 0, 5000, 1);
    own_cells(desk, OTHER, 0, REPORT_PARTED_CELLS_MAX, 1);
    own_cells(desk, OTHER + 1, 0, 700, 1);
    uint32_t link = desk_live(desk, SEAT_C);
    struct cell_report report = next_report(desk, link);
    fetch(desk, link, &report);
    assert_int_equal(cells_of(&report, ROLLUP), 5000);
    assert_int_equal(cells_of(&report, OTHER), 0);
    assert_int_equal(cells_of(&report, OTHER + 1), 700);
    const struct replica *replica = drive_replica(desk->drive);
    assert_int_equal(replica_alarm_count(replica), 1);
    assert_non_null(strstr(replica_alarm(replica, 0), "roll-up 21 has more figures"));
    report_free(&report);
    desk_free(desk);
}

/* Nothing new is signed while parts of the last one are asked for. */
static void one_report_is_under_way(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    own_cells(desk, ROLLUP, 0, 1000, 1);
    uint32_t link = desk_live(desk, SEAT_C);
    struct cell_report first = next_report(desk, link), other;
    desk_put(desk, "incident", "a");
    for (unsigned i = 0; i < 5; i++) {
        desk_wait(desk, 60 * 1000);
        assert_false(sent(desk, link, &other));
    }
    fetch(desk, link, &first);
    desk_wait(desk, 60 * 1000);
    assert_false(sent(desk, link, &other));
    want(desk, link, &first, 0, 0);
    struct cell_report second = next_report(desk, link);
    assert_true(second.head.k > first.head.k);
    report_free(&first);
    report_free(&second);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_when_all_parts_are_here),
        cmocka_unit_test(a_part_that_nobody_asked_for_is_nothing),
        cmocka_unit_test(endless_first_parts_are_bounded),
        cmocka_unit_test(parts_out_of_order_are_no_report),
        cmocka_unit_test(what_waits_of_one_child_is_bounded),
        cmocka_unit_test(many_years_fit_and_little_goes_again),
        cmocka_unit_test(a_rollup_without_room_is_left_out_whole),
        cmocka_unit_test(one_report_is_under_way),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
