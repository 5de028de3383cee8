/* One verdict whatever came first (I3): a hostile author's operations, each truly signed, come to
 * two nodes in two orders, and the record is the same at both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/format/entry.h"
#include "replication/query/query.h"
#include "tests/unit/hostile_desk.h"

enum { STREAMS = 4 };

/* What stands in one stream of V1's, behind its opening: an operation on its record 1. */
struct said {
    uint32_t n;
    const char *title; /* NULL: none */
    uint32_t unknown;  /* number of a field that no schema has; 0: none */
    bool ends;         /* and its stream ends */
};

static void say(struct desk *desk, uint32_t link, uint16_t place, const struct said *said)
{
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, (uint16_t)(place + 1), CLASS_NORMAL, place);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &v1);
    mp_write_map(&body, (said->title != NULL ? 1U : 0U) + (said->unknown != 0 ? 1U : 0U));
    if (said->title != NULL) {
        mp_write_uint(&body, 1);
        mp_write_text(&body, said->title);
    }
    if (said->unknown != 0) {
        mp_write_uint(&body, said->unknown);
        mp_write_text(&body, "unknown");
    }
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 1,
                                         .n = said->n,
                                         .body = span_of_buffer(&body)});
    if (said->ends)
        text_add(&text, &(struct text_entry){.kind = ENTRY_CLOSE, .n = 1, .body = SPAN("\x80", 1)});
    signer_say(desk, link, &v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    buffer_free(&body);
}

/* The only incident that T1 lists, as it is shown. */
static struct buffer incident_after(const struct said *said, const uint16_t *order, size_t count)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct buffer cursor = {0}, out = {0}, digest = {0};
    size_t listed;
    for (size_t i = 0; i < count; i++)
        say(desk, link, order[i], &said[order[i]]);
    assert_int_equal(query_list(&desk->port.view, replica_tree(drive_replica(desk->drive)),
                                span_of_text("incident"), SPAN_EMPTY, true, 10, &cursor, &out,
                                &listed, NULL),
                     ERR_OK);
    assert_int_equal(listed, 1);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    reader.text_keys = true;
    for (uint32_t left = mp_read_map(&reader); left > 0 && !reader.failed; left--) {
        bool wanted = span_equal(mp_read_str(&reader), span_of_text("digest"));
        struct span value = mp_read_any(&reader);
        if (wanted)
            buffer_append_span(&digest, value);
    }
    assert_true(digest.size > 0);
    buffer_free(&cursor);
    buffer_free(&out);
    desk_free(desk);
    return digest;
}

static void assert_same_in_both_orders(const struct said *said, size_t count)
{
    uint16_t forth[STREAMS], back[STREAMS];
    for (uint16_t i = 0; i < count; i++) {
        forth[i] = i;
        back[i] = i < 2 ? (uint16_t)(1 - i) : i; /* the first two change places */
    }
    struct buffer one = incident_after(said, forth, count);
    struct buffer other = incident_after(said, back, count);
    assert_true(span_equal(span_of_buffer(&one), span_of_buffer(&other)));
    buffer_free(&one);
    buffer_free(&other);
}

/* A creation that its type doesn't allow is no part of the record, before a lawful one or after. */
static void a_void_creation_beside_a_lawful_one(void **state)
{
    static const struct said said[] = {{1, "lawful", 0}, {1, NULL, 0}, {2, "later", 0}};
    (void)state;
    assert_same_in_both_orders(said, 3);
}

/* Nor does what waits for a newer schema fork the dot under which it stands. */
static void what_waits_beside_a_lawful_one(void **state)
{
    static const struct said said[] = {
        {2, "lawful", 0}, {2, "waits", 99}, {1, "first", 0}, {3, "later", 0}};
    static const uint16_t one[] = {2, 0, 1, 3}, other[] = {2, 1, 0, 3};
    (void)state;
    struct buffer a = incident_after(said, one, 4), b = incident_after(said, other, 4);
    assert_true(span_equal(span_of_buffer(&a), span_of_buffer(&b)));
    buffer_free(&a);
    buffer_free(&b);
}

/* An edit that isn't allowed forks the dot, in both orders. */
static void a_void_edit_beside_a_lawful_one(void **state)
{
    static const struct said said[] = {
        {2, "lawful", 0}, {2, NULL, 0}, {1, "first", 0}, {3, "later", 0}};
    static const uint16_t one[] = {2, 0, 1, 3}, other[] = {2, 1, 0, 3}, late[] = {1, 0, 3, 2};
    (void)state;
    struct buffer a = incident_after(said, one, 4), b = incident_after(said, other, 4),
                  c = incident_after(said, late, 4);
    assert_true(span_equal(span_of_buffer(&a), span_of_buffer(&b)));
    assert_true(span_equal(span_of_buffer(&a), span_of_buffer(&c)));
    buffer_free(&a);
    buffer_free(&b);
    buffer_free(&c);
}

/* A record that is full, and one operation more under a name that is taken: the record is folded
 * anew once, and what finds no room waits. */
static void a_forked_dot_on_a_full_record_ends(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = desk_incident(desk, link);
    struct signer other = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_NORMAL, 1);
    struct buffer body = {0};
    struct block_text text = {0};
    memory_store_strict(desk->store, false);
    for (uint32_t n = 2; n <= RECORD_OPERATIONS_MAX; n += 819)
        desk_edits(desk, link, &v1, n, 819);
    signer_say_open(desk, link, &other);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 1,
                                         .n = 2,
                                         .body = body_of_title(&body, "z")});
    signer_say(desk, link, &other, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 1);
    buffer_free(&body);
    desk_free(desk);
}

/* The opening of V1's stream 1 at this time, for others than the root: its hash. */
static struct hash opening(uint64_t clock_ms)
{
    static const char *const path[] = {"V1", "T1", "C", NULL};
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    struct block_text text = {0};
    struct prepared_block block;
    v1.clock_ms = clock_ms;
    text_open_path(&text, CLASS_NORMAL, path);
    signer_sign(&v1, &text, &block);
    prepared_block_free(&block);
    return v1.head.hash;
}

static void open_at(struct desk *desk, uint32_t link, struct signer *v1, uint64_t clock_ms,
                    const char *const *path, int64_t counter)
{
    struct buffer body = {0};
    struct block_text text = {0};
    v1->clock_ms = clock_ms;
    text_open_path(&text, CLASS_NORMAL, path);
    signer_say(desk, link, v1, &text);
    if (counter > 0) {
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .counter = counter,
                                             .n = 1,
                                             .body = body_of_title(&body, "x")});
        signer_say(desk, link, v1, &text);
    }
    assert_int_equal(desk_run(desk), ERR_OK);
    buffer_free(&body);
}

/* How many streams V1 is said to have begun here. */
static uint32_t begun(const struct desk *desk)
{
    const struct view *view = &desk->port.view;
    uint8_t key[1 + KEY_ID_BYTES] = {'s'};
    struct span value;
    memcpy(key + 1, desk->county->seats[SEAT_V1].key_id.bytes, KEY_ID_BYTES);
    return view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) == READ_FOUND
               ? read_u32(value.data)
               : 0;
}

/* A branch that is pushed out leaves its number to another, whose holders are others. */
static void what_a_stream_is_goes_with_it(void **state)
{
    static const char *const to_root[] = {"V1", "T1", "C", NULL}, *const near[] = {"V1", "T1",
                                                                                   NULL};
    enum { LIVES = 6 };
    uint64_t clocks[3] = {1000, 2000, 3000}; /* the highest hash last */
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hash one = opening(clocks[i]), last = opening(clocks[2]);
        if (hash_compare(&one, &last) > 0) {
            uint64_t clock = clocks[2];
            clocks[2] = clocks[i];
            clocks[i] = clock;
        }
    }
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer lives[LIVES];
    for (uint32_t i = 0; i < 4; i++)
        lives[i] = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, i);
    open_at(desk, link, &lives[0], clocks[0], to_root, 0);
    open_at(desk, link, &lives[1], clocks[2], to_root, 1);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    open_at(desk, link, &lives[2], clocks[1], to_root, 0);
    for (unsigned i = 0; i < 10; i++)
        desk_wait(desk, 1000);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 0);
    assert_int_equal(begun(desk), 2);
    for (uint32_t i = 4; i < LIVES; i++) { /* refused, since two lower ones are here */
        lives[i] = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, i);
        open_at(desk, link, &lives[i], clocks[2], to_root, 0);
    }
    assert_int_equal(begun(desk), 2);
    open_at(desk, link, &lives[3], 4000, near, 2);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 3);
    assert_int_equal(begun(desk), 3);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 0); /* not in the stream of its type */
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 1);
    desk_free(desk);
}

/* ---- release of blocks ---- */

static void remove_all(struct desk *desk, enum table table)
{
    uint8_t key[STORE_KEY_BYTES_MAX];
    struct span found, value;
    while (desk->port.view.next(desk->port.view.context, table, SPAN("", 1), &found, &value) ==
           READ_FOUND) {
        size_t size = found.size;
        memcpy(key, found.data, size);
        desk->port.begin(desk->port.context);
        desk->port.remove(desk->port.context, table, SPAN(key, size));
        assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
    }
}

/* As an older program would have left it that could not decode the last block: set aside whole, and
 * nothing of it in the records. */
static void set_last_block_aside(struct desk *desk)
{
    enum { PLACE_BYTES = 9 };
    uint8_t last[32], key[1 + PLACE_BYTES] = {'b'};
    struct span found, value;
    memset(last, 0xff, sizeof last);
    assert_int_equal(desk->port.view.previous(desk->port.view.context, TABLE_BLOCKS,
                                              SPAN_OF_ARRAY(last), &found, &value),
                     READ_FOUND);
    memcpy(key + 1, found.data, PLACE_BYTES);
    remove_all(desk, TABLE_RECORDS);
    remove_all(desk, TABLE_INDEX);
    desk->port.begin(desk->port.context);
    desk->port.put(desk->port.context, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), SPAN("\x80", 1));
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
}

/* The row of V1's stream says last whether it has ended. */
static uint8_t stream_end(struct desk *desk, int put)
{
    uint8_t last[8], bytes[5];
    struct span key, value;
    struct buffer row = {0};
    memset(last, 0xff, sizeof last);
    assert_int_equal(desk->port.view.previous(desk->port.view.context, TABLE_STREAMS,
                                              SPAN_OF_ARRAY(last), &key, &value),
                     READ_FOUND);
    assert_int_equal(key.size, sizeof bytes);
    memcpy(bytes, key.data, sizeof bytes);
    buffer_append_span(&row, value);
    uint8_t end = row.data[row.size - 1];
    if (put >= 0) {
        row.data[row.size - 1] = (uint8_t)put;
        desk->port.begin(desk->port.context);
        desk->port.put(desk->port.context, TABLE_STREAMS, SPAN_OF_ARRAY(bytes),
                       span_of_buffer(&row));
        assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
    }
    buffer_free(&row);
    return end;
}

static void a_block_that_can_be_read_by_now_is_released(void **state)
{
    enum { FALSE_BYTE = 0xc2, TRUE_BYTE = 0xc3 };
    static const struct said said = {1, "lawful", 0, true};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct event release = {.kind = EVENT_WRITE};
    say(desk, link, 0, &said);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    set_last_block_aside(desk);
    assert_int_equal(stream_end(desk, FALSE_BYTE), TRUE_BYTE);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 0);
    release.write.kind = WRITE_RELEASE;
    desk_event(desk, &release);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk->answer.error.code, ERR_OK);
    for (unsigned i = 0; i < 5; i++)
        desk_wait(desk, 1000);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 0);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    assert_int_equal(desk_rows(desk, TABLE_INDEX), 1);
    assert_int_equal(stream_end(desk, -1), TRUE_BYTE);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_void_creation_beside_a_lawful_one),
        cmocka_unit_test(what_waits_beside_a_lawful_one),
        cmocka_unit_test(a_void_edit_beside_a_lawful_one),
        cmocka_unit_test(a_forked_dot_on_a_full_record_ends),
        cmocka_unit_test(what_a_stream_is_goes_with_it),
        cmocka_unit_test(a_block_that_can_be_read_by_now_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
