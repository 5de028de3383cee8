/* A node that comes without its subtree's documents gets more of them than one piece over its link:
 * piece by piece, each after it has said what it holds by then, and then the session goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/world.h"
#include "tests/unit/hostile_desk.h"

enum { TOWNSHIPS = 90, VILLAGES = 40, PIECE = 256 << 10, CODE_BYTES = 12 };
enum { SEATS = 2 + TOWNSHIPS * (1 + VILLAGES) };

struct watch {
    size_t asks;  /* lists that the parent has asked for */
    size_t bytes; /* of documents and their rows, down */
};

static void see_sent(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                     struct span body)
{
    enum { HAVE = 2, DOCUMENT, ROWS };
    struct watch *watch = context;
    (void)to;
    (void)channel;
    if (from != 0)
        return;
    watch->bytes += type == DOCUMENT || type == ROWS ? body.size : 0;
    watch->asks += type == HAVE && body.size > 1 && body.data[1] == 1;
}

static struct county *wide_county(void)
{
    static struct county_row rows[SEATS] = {{"P", "province", NULL}, {"C", "county", "P"}};
    static char codes[SEATS][CODE_BYTES];
    size_t count = 2;
    for (unsigned township = 0; township < TOWNSHIPS; township++) {
        size_t parent = count;
        snprintf(codes[count], CODE_BYTES, "T%u", township);
        rows[count] = (struct county_row){codes[count], "township", "C"};
        count++;
        for (unsigned village = 0; village < VILLAGES; village++, count++) {
            snprintf(codes[count], CODE_BYTES, "V%u-%u", township, village);
            rows[count] = (struct county_row){codes[count], "village", codes[parent]};
        }
    }
    return county_new(rows, count, 1);
}

static void more_documents_than_one_piece_arrive(void **state)
{
    struct world_options options = {.delay_ms_max = 5, .redial_ms_min = 10, .redial_ms_max = 20};
    struct watch watch = {0};
    struct world_hooks hooks = {.context = &watch, .sent = see_sent};
    (void)state;
    bool started = crypto_start();
    assert_true(started);
    struct county *county = wide_county();
    struct world *world = world_new(county, &options, 1, &hooks);
    assert_int_equal(world_start(world, 0, 0), ERR_OK);
    assert_int_equal(world_start(world, 1, COUNTY_NO_SUBTREE), ERR_OK);
    assert_true(world_run_quiet(world, 60 * 1000));
    const struct replica *replica = world_replica(world, 1);
    assert_int_equal(tree_seat_count(replica_tree(replica)), SEATS);
    struct link_status status;
    assert_int_equal(replica_link_count(replica), 1);
    replica_link_status(replica, world_view(world, 1), 0, &status);
    assert_string_equal(status.state, "live");
    assert_true(watch.bytes > PIECE);
    assert_true(watch.bytes < 5 * PIECE); /* no more than twice: lists cross on the way */
    assert_true(watch.asks >= 1);
    world_free(world);
    county_free(county);
}

/* Rows for no document are passed over, but not when they can't be read. */
static void rows_that_cannot_be_read_are_refused_unasked(void **state)
{
    static const char *const bodies[] = {"", "\x93\x01", "\x92\x01\x90"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        uint32_t link = desk_live(desk, SEAT_V1);
        desk_say(desk, link, CHANNEL_CONTROL, SAY_ROWS, span_of_text(bodies[i]));
        assert_int_equal(desk_run(desk), ERR_OK);
        assert_int_equal(desk_refusals(desk)->malformed, 1);
        assert_true(desk_closed(desk, link));
        desk_free(desk);
    }
}

/* T1's administrator signs rows that are out of order. C keeps nothing of it, on its disk neither,
 * and takes the version before. */
static void what_is_against_the_form_is_not_kept(void **state)
{
    (void)state;
    const struct county *county = desk_county();
    const struct county_seat *t1 = &county->seats[SEAT_T1];
    const struct held_document *held =
        tree_find_document(county->tree, DOCUMENT_BRANCH, span_of_text(t1->code));
    struct document_header header =
        author_next_header(&held->header, &held->hash, &county->tree_id, 2);
    struct span rows[2] = {held->rows[1], held->rows[0]};
    struct author_document bad;
    assert_int_equal(author_document(&header, rows, 2,
                                     (const uint8_t(*)[SECRET_BYTES])t1->admin_secret, 1, &bad,
                                     NULL),
                     ERR_OK);
    struct desk *desk = desk_with_documents(SEAT_C, 2); /* root, and C's own branch */
    uint32_t link = desk_live(desk, SEAT_T1);
    size_t before = desk_rows(desk, TABLE_DOCS);
    desk_offer_rows(desk, link, span_of_buffer(&bad.envelope), rows, 2);
    assert_int_equal(desk_refusals(desk)->malformed, 1);
    assert_int_equal(desk_rows(desk, TABLE_DOCS), before);
    desk_offer_branch(desk, link, SEAT_T1);
    assert_int_equal(desk_rows(desk, TABLE_DOCS), before + 1 + held->row_count);
    author_document_clear(&bad);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_documents_than_one_piece_arrive),
        cmocka_unit_test(rows_that_cannot_be_read_are_refused_unasked),
        cmocka_unit_test(what_is_against_the_form_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
