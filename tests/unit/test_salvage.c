/* A new store out of loose rows: all of a sound one, and of a damaged one what proves itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/rows/rows.h"
#include "replication/salvage/salvage.h"
#include "replication/verify/verify.h"
#include "tests/unit/furnished_desk.h"

enum { ROWS_MAX = 400 };

/* What is offered: rows, and where `bytes` finds their values again. */
struct offer {
    const struct row_at *rows;
    size_t count;
    size_t without;       /* a row that is left out; SIZE_MAX: none */
    bool damaged_copies;  /* beside each block a copy with a wrong byte, offered first */
    enum desk_seat owner; /* whose store it is to be */
};

static bool read_bytes(void *context, uint64_t place, size_t size, uint8_t *to)
{
    const struct offer *offer = context;
    const struct row_at *row = &offer->rows[place / 2];
    if (size != row->value.size)
        return false;
    memcpy(to, row->value.data, size);
    if (place % 2 == 1)
        to[size / 2] ^= 0x10;
    return true;
}

static void offer_row(struct salvage *salvage, const struct offer *offer, size_t i, bool damaged)
{
    const struct row_at *row = &offer->rows[i];
    struct buffer value = {0};
    buffer_append_span(&value, span_of_buffer(&row->value));
    if (damaged)
        value.data[value.size / 2] ^= 0x10;
    salvage_offer(salvage, span_of_buffer(&row->key), span_of_buffer(&value), 2 * i + damaged);
    buffer_free(&value);
}

/* In an order that no store has. */
static struct memory_store *salvaged(struct offer *offer, struct salvage_counts *counts)
{
    struct salvage_options options = {
        .tree_id = desk_county()->tree_id, .wall_ms = 1000, .context = offer, .bytes = read_bytes};
    const struct county_seat *seat = &desk_county()->seats[offer->owner];
    struct memory_store *store = memory_store_new();
    struct store_port port;
    enum error_code code;
    uint64_t judged;
    memcpy(options.signing_key, seat->signing_key, KEY_BYTES);
    options.seal = seat->seal;
    snprintf(options.seat, sizeof options.seat, "%s", seat->code);
    memory_store_port(store, &port);
    struct salvage *salvage = salvage_new(&options);
    size_t stride = offer->count % 7 == 0 ? 11 : 7;
    assert_int_not_equal(offer->count % stride, 0);
    for (size_t k = 0; k < offer->count; k++) {
        size_t i = (k * stride + 3) % offer->count;
        if (i == offer->without)
            continue;
        if (offer->damaged_copies && offer->rows[i].table == TABLE_BLOCKS)
            offer_row(salvage, offer, i, true);
        offer_row(salvage, offer, i, false);
    }
    assert_int_equal(salvage_write(salvage, &port, counts), ERR_OK);
    salvage_free(salvage);
    struct rebuild *rebuild = rebuild_new(&options, &port);
    while (rebuild_step(rebuild, &judged, &code)) {
    }
    assert_int_equal(code, ERR_OK);
    rebuild_free(rebuild);
    return store;
}

static void print_finding(void *context, const struct verify_finding *finding)
{
    (void)context;
    printf("    %s: %s: %s\n", table_name(finding->table), finding->key, finding->what);
}

static struct verify_counts verified(struct memory_store *store, enum desk_seat owner)
{
    struct store_port port;
    struct verify_options options = {.tree_id = desk_county()->tree_id,
                                     .own = desk_county()->seats[owner].key_id,
                                     .seal = desk_county()->seats[owner].seal,
                                     .finding = print_finding};
    memory_store_port(store, &port);
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, &port.view)) {
    }
    struct verify_counts counts = *verify_counts(verify);
    assert_int_equal(verify_finding_count(verify), 0);
    verify_free(verify);
    return counts;
}

/* Our own row as it was before anything was written. */
static void make_stale(struct buffer *self)
{
    enum { RECORD_COUNTER = 5, NEXT_STREAM = 6 };
    struct buffer stale = {0};
    struct mp_reader reader = mp_reader(span_of_buffer(self));
    struct mp_fields fields = mp_fields(&reader);
    mp_write_map(&stale, fields.left);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        mp_write_int(&stale, key);
        if (key == RECORD_COUNTER || key == NEXT_STREAM)
            mp_write_uint(&stale, key == NEXT_STREAM);
        else
            buffer_append_span(&stale, value);
    }
    buffer_free(self);
    *self = stale;
}

/* A page of long ago may be all that is left of it. */
static void an_old_row_of_our_own_gives_no_number_twice(void **state)
{
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX), made_stale = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].table == TABLE_META && rows[i].key.data[0] == 's' && rows[i].key.size == 4) {
            make_stale(&rows[i].value);
            made_stale++;
        }
    }
    assert_int_equal(made_stale, 1);
    struct offer offer = {rows, count, SIZE_MAX, false, SEAT_T1};
    struct salvage_counts counts;
    struct memory_store *store = salvaged(&offer, &counts);
    verified(store, SEAT_T1);
    memory_store_free(store);
    rows_free(rows, count);
    desk_free(desk);
}

static void a_sound_store_comes_back_whole(void **state)
{
    static struct row_at rows[ROWS_MAX];
    (void)state;
    for (int copies = 0; copies < 2; copies++) {
        struct desk *desk = desk_furnished();
        size_t count = desk_rows_of(desk, rows, ROWS_MAX);
        struct offer offer = {rows, count, SIZE_MAX, copies == 1, SEAT_T1};
        struct salvage_counts counts;
        struct memory_store *store = salvaged(&offer, &counts);
        verified(store, SEAT_T1);
        for (int table = 0; table < TABLE_COUNT; table++) {
            if (table != TABLE_META && table != TABLE_MARKS && table != TABLE_ARRIVALS)
                assert_int_equal(memory_store_row_count(store, (enum table)table),
                                 desk_rows(desk, (enum table)table));
        }
        assert_int_equal(counts.gaps, 0);
        assert_int_equal(counts.loose, 0);
        memory_store_free(store);
        rows_free(rows, count);
        desk_free(desk);
    }
}

/* Whatever row is lost, the rest is a sound store; and it can be used. */
static void any_row_may_be_lost(void **state)
{
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct offer offer = {rows, count, i, false, SEAT_T1};
        struct salvage_counts counts;
        enum error_code code;
        if (rows[i].table == TABLE_DOCS)
            continue; /* without its documents a node is nobody */
        struct memory_store *store = salvaged(&offer, &counts);
        verified(store, SEAT_T1);
        if (rows[i].table == TABLE_BLOCKS)
            assert_true(counts.gaps > 0);
        struct desk *again = desk_over(SEAT_T1, NULL, store, &code);
        assert_int_equal(code, ERR_OK);
        desk_put(again, "incident", "more");
        assert_int_equal(again->answer.error.code, ERR_OK);
        verified(again->store, SEAT_T1);
        desk_free(again);
    }
    rows_free(rows, count);
    desk_free(desk);
}

/* The rows of V1's first stream at T1, in order; answers how many. */
static size_t blocks_of_v1(struct desk *desk, const struct row_at *rows, size_t count,
                           size_t blocks[static 16])
{
    struct author_epoch v1 = {desk_county()->seats[SEAT_V1].key_id, DESK_EPOCH};
    uint32_t who;
    size_t found = 0;
    assert_true(who_find(&desk->port.view, &v1, &who));
    for (size_t i = 0; i < count && found < 16; i++) {
        if (rows[i].table == TABLE_BLOCKS && read_u32(rows[i].key.data) >> 8 == who &&
            read_u16(rows[i].key.data + WHO_BYTES) == 1)
            blocks[found++] = i;
    }
    return found;
}

static void say_stored(struct desk *desk, uint32_t link, const struct row_at *row)
{
    struct stream_id stream = {desk_county()->seats[SEAT_V1].key_id, DESK_EPOCH, 1};
    struct stream_head none = {0};
    struct buffer body = {0};
    mp_write_uint(&body, 0);
    assert_true(block_reform(span_of_buffer(&row->value),
                             BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK, &stream, &none,
                             &body));
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
}

/* The block that was missing comes, and the ones kept behind it are a chain again. */
static void what_was_kept_behind_a_gap_joins_again(void **state)
{
    static struct row_at rows[ROWS_MAX];
    size_t blocks[16];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    size_t block_count = blocks_of_v1(desk, rows, count, blocks);
    size_t quarantine = desk_rows(desk, TABLE_QUARANTINE);
    struct stream_id stream = {desk_county()->seats[SEAT_V1].key_id, DESK_EPOCH, 1};
    struct stream_row before, after;
    enum error_code code;
    assert_true(block_count >= 3 && stream_row_read(&desk->port.view, &stream, &before));
    for (size_t i = 0; i + 1 < block_count; i++) {
        struct offer offer = {rows, count, blocks[i], false, SEAT_T1};
        struct salvage_counts counts;
        struct memory_store *store = salvaged(&offer, &counts);
        assert_int_equal(counts.loose, i == 0 ? 0 : block_count - 1 - i);
        struct desk *again = desk_over(SEAT_T1, NULL, store, &code);
        assert_int_equal(code, ERR_OK);
        assert_int_equal(desk_rows(again, TABLE_QUARANTINE) > 0, true);
        uint32_t link = desk_live(again, SEAT_V1);
        say_stored(again, link, &rows[blocks[i]]);
        for (size_t k = 1; i == 0 && k < block_count; k++)
            say_stored(again, link, &rows[blocks[k]]); /* of a stranger's nothing was kept */
        assert_true(stream_row_read(&again->port.view, &stream, &after));
        assert_int_equal(after.head.seq, before.head.seq);
        assert_memory_equal(&after.head.hash, &before.head.hash, sizeof after.head.hash);
        assert_int_equal(desk_rows(again, TABLE_QUARANTINE), quarantine);
        desk_wait(again, 1000);
        assert_int_equal(verified(again->store, SEAT_T1).loose, 0);
        desk_free(again);
    }
    rows_free(rows, count);
    desk_free(desk);
}

/* Another node's file brings in nothing that isn't for this seat. */
static void a_file_of_another_node_brings_nothing_in(void **state)
{
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    struct offer offer = {rows, count, SIZE_MAX, false, SEAT_V2};
    struct salvage_counts counts;
    struct memory_store *store = salvaged(&offer, &counts);
    struct verify_counts seen = verified(store, SEAT_V2);
    assert_int_equal(seen.notes, counts.notes);
    assert_true(counts.streams < 4); /* directives of those above, no more */
    memory_store_free(store);
    rows_free(rows, count);
    desk_free(desk);
}

static void raise_term(struct seat_row *row)
{
    row->term++;
}

/* From the raised term on the township's document says nothing, and V1's key waits. What it signed
 * is kept by a repair, opens, and is no damage. */
static void what_a_key_signed_that_waits_is_kept(void **state)
{
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = desk_furnished();
    struct author_document raised = desk_branch(SEAT_C, SEAT_T1, raise_term);
    struct key_id v1 = desk_county()->seats[SEAT_V1].key_id;
    desk_give(desk, &raised);
    for (int i = 0; i < 50; i++)
        desk_wait(desk, 1000);
    author_document_clear(&raised);
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    struct verify_counts before = verified(desk->store, SEAT_T1);
    struct offer offer = {rows, count, SIZE_MAX, false, SEAT_T1};
    struct salvage_counts counts;
    struct memory_store *store = salvaged(&offer, &counts);
    struct verify_counts after = verified(store, SEAT_T1);
    assert_int_equal(after.blocks, before.blocks);
    assert_int_equal(after.entries, before.entries);
    assert_int_equal(after.notes, before.notes);
    struct store_port port;
    struct judged_row judged;
    memory_store_port(store, &port);
    assert_true(judged_row_read(&port.view, v1, &judged));
    assert_int_equal(judged.judged[0], 'P');
    memory_store_free(store);
    rows_free(rows, count);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_comes_back_whole),
        cmocka_unit_test(an_old_row_of_our_own_gives_no_number_twice),
        cmocka_unit_test(any_row_may_be_lost),
        cmocka_unit_test(what_a_key_signed_that_waits_is_kept),
        cmocka_unit_test(what_was_kept_behind_a_gap_joins_again),
        cmocka_unit_test(a_file_of_another_node_brings_nothing_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
