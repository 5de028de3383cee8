/* Contacts: what a node is told of seats beside its own path, what a hostile peer may say of them,
 * and that nobody gets more of its memory than his part. The honest ways stand in the story
 * i-to-one-seat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/query/query.h"
#include "tests/unit/hostile_desk.h"

enum { SAY_SEEK = 22, SAY_ROW_SET, SAY_ABSENT };

static void add_name(struct buffer *body, const char *seat)
{
    mp_write_array(body, 4);
    mp_write_text(body, seat);
    mp_write_uint(body, 0);
    mp_write_uint(body, 0);
    mp_write_bin(body, SPAN_EMPTY);
}

static void say_seek(struct desk *desk, uint32_t link, const char *seat)
{
    struct buffer body = {0};
    mp_write_array(&body, 1);
    add_name(&body, seat);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_SEEK, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
}

static const struct held_document *branch_of(const struct desk *desk, const char *seat)
{
    return tree_find_document(desk->county->tree, DOCUMENT_BRANCH, span_of_text(seat));
}

/* A document, then some of its rows as one set; `damaged`: of which one bit is turned. */
static void say_rows(struct desk *desk, uint32_t link, const struct held_document *held,
                     const char *const *seats, bool damaged)
{
    struct buffer body = {0}, rows = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        struct buffer proof = {0}, copy = {0};
        assert_int_equal(seat_row_decode(held->rows[i], &row, NULL), ERR_OK);
        size_t at = 0;
        while (seats[at] != NULL && strcmp(seats[at], row.seat) != 0)
            at++;
        if (seats[at] == NULL)
            continue;
        assert_true(tree_prove_row(held, (uint32_t)i, &proof));
        buffer_append_span(&copy, held->rows[i]);
        copy.data[copy.size / 2] ^= damaged ? 1 : 0;
        mp_write_array(&rows, 3);
        mp_write_uint(&rows, i);
        mp_write_bin(&rows, span_of_buffer(&copy));
        mp_write_bin(&rows, span_of_buffer(&proof));
        buffer_free(&proof);
        buffer_free(&copy);
        count++;
    }
    mp_write_array(&body, 2);
    mp_write_bool(&body, false);
    mp_write_array(&body, count);
    buffer_append_span(&body, span_of_buffer(&rows));
    desk_say(desk, link, CHANNEL_CONTROL, SAY_DOCUMENT, held->envelope);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_ROW_SET, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
    buffer_free(&rows);
}

static bool knows(const struct desk *desk, const char *seat)
{
    return tree_seat(replica_tree(drive_replica(desk->drive)), span_of_text(seat)) != NULL;
}

static uint64_t refusal_total(const struct desk *desk)
{
    const struct refusals *refusals = desk_refusals(desk);
    uint64_t total = 0;
#define X(name) total += refusals->name;
    REFUSAL_LIST(X)
#undef X
    return total;
}

static void a_neighbour_is_told_at_once_a_cousin_when_the_parent_has_told(void **state)
{
    static const char *const township[] = {"T2", NULL}, *const village[] = {"V3", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C), child = desk_live(desk, SEAT_V1);
    say_seek(desk, child, "V2");
    assert_int_equal(desk_count(desk, child, SAY_DOCUMENT), 1);
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 1);
    say_seek(desk, child, "V2"); /* it still lacks it, it says */
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 1);
    say_seek(desk, child, "V3");
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 0);
    assert_int_equal(desk_count(desk, parent, SAY_SEEK), 1);
    say_rows(desk, parent, branch_of(desk, "C"), township, false);
    assert_true(knows(desk, "T2"));
    assert_int_equal(desk_count(desk, parent, SAY_SEEK), 1); /* what it holds now */
    say_rows(desk, parent, branch_of(desk, "T2"), village, false);
    assert_true(knows(desk, "V3"));
    assert_int_equal(desk_count(desk, child, SAY_DOCUMENT), 2);
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 2);
    assert_int_equal(refusal_total(desk), 0);
    desk_free(desk);
}

static void rows_that_do_not_stand_under_the_signed_root_change_nothing(void **state)
{
    static const char *const township[] = {"T2", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C);
    say_rows(desk, parent, branch_of(desk, "C"), township, true);
    assert_false(knows(desk, "T2"));
    assert_int_equal(desk_refusals(desk)->damaged, 1);
    assert_string_equal(desk_state(desk, parent), "live");
    say_rows(desk, parent, branch_of(desk, "C"), township, false);
    assert_true(knows(desk, "T2"));
    desk_free(desk);
}

static uint32_t rows_in(const struct heard *heard)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
    mp_read_array(&reader);
    mp_read_bool(&reader);
    return mp_read_array(&reader);
}

static void rename_row(struct seat_row *row)
{
    memcpy(row->name, "renamed", sizeof "renamed");
}

/* A newer document comes into force with all the rows of the set, or with none. */
static void a_newer_document_takes_nobody_away(void **state)
{
    static const char *const both[] = {"T1", "T2", NULL}, *const one[] = {"T1", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C), child = desk_live(desk, SEAT_V1);
    say_rows(desk, parent, branch_of(desk, "C"), both, false);
    assert_true(knows(desk, "T2"));
    say_seek(desk, child, "T2");
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 1);
    struct author_document document = desk_branch(SEAT_C, SEAT_T2, rename_row);
    struct tree *newer = tree_new(&desk->county->tree_id);
    for (size_t i = 0; i < tree_document_count(desk->county->tree); i++) {
        const struct held_document *held = tree_document(desk->county->tree, i);
        tree_offer_document(newer, held->envelope, NULL);
        tree_offer_rows(newer, held->kind, span_of_text(held->seat), held->rows, held->row_count, 0,
                        NULL, NULL);
    }
    struct span rows[DESK_SEATS];
    for (size_t i = 0; i < document.row_count; i++)
        rows[i] = span_of_buffer(&document.rows[i]);
    assert_int_equal(tree_offer_document(newer, span_of_buffer(&document.envelope), NULL), ERR_OK);
    assert_int_equal(tree_offer_rows(newer, DOCUMENT_BRANCH, span_of_text("C"), rows,
                                     document.row_count, 0, NULL, NULL),
                     ERR_OK);
    const struct held_document *held =
        tree_find_document(newer, DOCUMENT_BRANCH, span_of_text("C"));
    say_rows(desk, parent, held, both, true);
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    assert_string_equal(tree_seat(tree, span_of_text("T2"))->row.name, "");
    say_rows(desk, parent, held, both, false);
    assert_string_equal(tree_seat(tree, span_of_text("T2"))->row.name, "renamed");
    assert_int_equal(desk_count(desk, child, SAY_ROW_SET), 1); /* the child is told at once */
    assert_int_equal(rows_in(desk_find(desk, child, SAY_ROW_SET)), 2); /* its own way, and T2 */
    assert_true(knows(desk, "T1"));
    say_rows(desk, parent, branch_of(desk, "C"), one, false); /* the old one again */
    assert_string_equal(tree_seat(tree, span_of_text("T2"))->row.name, "renamed");
    assert_string_equal(desk_state(desk, parent), "live");
    tree_free(newer);
    author_document_clear(&document);
    desk_free(desk);
}

static void who_asks_and_who_tells_is_settled(void **state)
{
    static const struct {
        enum desk_seat peer;
        uint8_t type;
    } wrong[] = {{SEAT_C, SAY_SEEK}, {SEAT_V1, SAY_ROW_SET}, {SEAT_V1, SAY_ABSENT}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        uint32_t link = desk_live(desk, wrong[i].peer);
        desk_say(desk, link, CHANNEL_CONTROL, wrong[i].type, SPAN("\x90", 1));
        assert_int_equal(desk_run(desk), ERR_OK);
        assert_string_equal(desk_state(desk, link), "refused");
        assert_int_equal(desk_refusals(desk)->malformed, 1);
        desk_free(desk);
    }
}

static void malformed_words_end_the_session(void **state)
{
    static const struct span words[] = {
        {(const uint8_t *)"\x91\x90", 2},                            /* no line */
        {(const uint8_t *)"\x91\x94\xa0\x00\x00\xc4\x00", 7},        /* no name */
        {(const uint8_t *)"\x91\x94\xc4\x02xy\x00\x00\xc4\x00", 10}, /* no key id */
        {(const uint8_t *)"\x91\x94\xa1x\x00\x00\xc4\x01y", 9},      /* no hash */
        {(const uint8_t *)"\x92\x94\xa1x\x00\x00\xc4\x00", 8},       /* one of two */
        {(const uint8_t *)"\x91\x94\xa1x\x00\x00\xc4\x00\x01", 9},   /* and something more */
    };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        uint32_t link = desk_live(desk, SEAT_V1);
        desk_say(desk, link, CHANNEL_CONTROL, SAY_SEEK, words[i]);
        assert_int_equal(desk_run(desk), ERR_OK);
        assert_string_equal(desk_state(desk, link), "refused");
        desk_free(desk);
    }
}

/* A child that asks for all the world gets its part of memory, and the others theirs. */
static void a_greedy_child_is_bounded(void **state)
{
    enum { MESSAGES = 40, NAMES = 500 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C), child = desk_live(desk, SEAT_V1);
    uint32_t other = desk_live(desk, SEAT_V2);
    size_t before = desk_heap_bytes();
    for (int m = 0; m < MESSAGES; m++) {
        struct buffer body = {0};
        mp_write_array(&body, NAMES);
        for (int i = 0; i < NAMES; i++) {
            char name[16];
            snprintf(name, sizeof name, "X%d", m * NAMES + i);
            add_name(&body, name);
        }
        desk_say_buffer(desk, child, CHANNEL_CONTROL, SAY_SEEK, &body);
        assert_int_equal(desk_run(desk), ERR_OK);
    }
    assert_true(desk_heap_bytes() < before + 512 * 1024);
    assert_true(desk_refusals(desk)->flood > 0);
    say_seek(desk, other, "V1");
    assert_int_equal(desk_count(desk, other, SAY_ROW_SET), 1);
    say_seek(desk, other, "T2");
    assert_int_equal(desk_count(desk, parent, SAY_SEEK), 1);
    desk_free(desk);
}

static void open_to(struct desk *desk, uint32_t link, struct signer *v1, const char *const *seats)
{
    struct block_text text = {0};
    text_open_path(&text, CLASS_NORMAL, seats);
    signer_say(desk, link, v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
}

static void a_path_to_nobody_waits_until_it_is_known_that_there_is_nobody(void **state)
{
    static const char *const nobody[] = {"V1", "T1", "C", "X", NULL};
    static const char *const short_cut[] = {"V1", "T1", "V3", NULL};
    static const char *const back[] = {"V1", "T1", "V1", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C), child = desk_live(desk, SEAT_V1);
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    open_to(desk, child, &v1, nobody);
    assert_int_equal(refusal_total(desk), 0);
    assert_int_equal(desk_count(desk, parent, SAY_SEEK), 1);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    desk_say(desk, parent, CHANNEL_CONTROL, SAY_ABSENT, SPAN("\x91\xa1X", 3));
    assert_int_equal(desk_run(desk), ERR_OK);
    struct signer again = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_NORMAL, 1);
    open_to(desk, child, &again, nobody);
    assert_int_equal(desk_refusals(desk)->not_allowed, 1);
    struct signer cut = signer_of(SEAT_V1, DESK_EPOCH, 3, CLASS_NORMAL, 2);
    open_to(desk, child, &cut,
            short_cut); /* V3 may be T1's for all that is known: it is asked for */
    assert_int_equal(desk_refusals(desk)->not_allowed, 1);
    struct signer turned = signer_of(SEAT_V1, DESK_EPOCH, 4, CLASS_NORMAL, 3);
    open_to(desk, child, &turned, back);
    assert_int_equal(desk_refusals(desk)->not_allowed, 2);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    assert_string_equal(desk_state(desk, child), "live");
    desk_free(desk);
}

/* Not even rows of a document that came before there was no room, and marks, which are hints. */
static void with_no_room_nothing_becomes_a_row(void **state)
{
    static const char *const township[] = {"T2", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t parent = desk_live(desk, SEAT_C), child = desk_live(desk, SEAT_V1);
    desk_incident(desk, child);
    desk_say(desk, parent, CHANNEL_CONTROL, SAY_DOCUMENT, branch_of(desk, "C")->envelope);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(drive_hold(desk->drive, HOLD_EVERYTHING), ERR_OK);
    uint64_t commits = drive_commit_count(desk->drive);
    say_rows(desk, parent, branch_of(desk, "C"), township, false);
    assert_false(knows(desk, "T2"));
    desk_event(desk, &(struct event){.kind = EVENT_LINK_DOWN, .link_down = child});
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(drive_commit_count(desk->drive), commits);
    assert_int_equal(desk_rows(desk, TABLE_MARKS), 0);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_neighbour_is_told_at_once_a_cousin_when_the_parent_has_told),
        cmocka_unit_test(rows_that_do_not_stand_under_the_signed_root_change_nothing),
        cmocka_unit_test(a_newer_document_takes_nobody_away),
        cmocka_unit_test(who_asks_and_who_tells_is_settled),
        cmocka_unit_test(malformed_words_end_the_session),
        cmocka_unit_test(a_greedy_child_is_bounded),
        cmocka_unit_test(a_path_to_nobody_waits_until_it_is_known_that_there_is_nobody),
        cmocka_unit_test(with_no_room_nothing_becomes_a_row),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
