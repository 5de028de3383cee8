/* Links between seats that aren't parent and child: documents come down, and nothing else passes
 * (rules.md B26). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hostile_desk.h"
#include "topology/amend.h"

enum { SAY_ROW_SET = 23 };

static void say_empty_list(struct desk *desk, uint32_t link)
{
    enum { ASKS = 1 };
    struct buffer body = {0};
    mp_write_array(&body, 2);
    mp_write_uint(&body, ASKS);
    mp_write_array(&body, 0);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_HAVE, &body);
    desk_run(desk);
}

static bool says(const struct heard *heard, const char *reason)
{
    return heard != NULL && heard->body.size >= strlen(reason) &&
           memcmp(heard->body.data + heard->body.size - strlen(reason), reason, strlen(reason)) ==
               0;
}

/* Threats 64 and 68: a village that finds nobody with its township's key asks the county. */
static void a_seat_further_below_is_told_and_sent_off(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_link(desk, SEAT_V1);
    assert_int_equal(desk_count(desk, link, SAY_HELLO), 1);
    desk_hello(desk, link, SEAT_V1);
    desk_run(desk);
    assert_string_equal(desk_state(desk, link), "guided");
    say_empty_list(desk, link);
    assert_int_equal(desk_count(desk, link, SAY_DOCUMENT), 3); /* root, county, township */
    assert_int_equal(desk_count(desk, link, SAY_ROWS), 3);     /* one row each */
    assert_true(says(desk_find(desk, link, SAY_BYE), "moved"));
    assert_true(desk_closed(desk, link));
    desk_free(desk);
}

/* It may take us for its parent: what it says then is passed over, and no block is taken. */
static void nothing_but_documents_passes(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_link(desk, SEAT_V1);
    desk_hello(desk, link, SEAT_V1);
    desk_run(desk);
    size_t blocks = desk_rows(desk, TABLE_BLOCKS), notes = desk_rows(desk, TABLE_NOTES);
    static const uint8_t types[] = {SAY_HEADS, SAY_WANT,      SAY_BLOCK,  SAY_CREDIT,
                                    SAY_MARK,  SAY_STATEMENT, SAY_REPORT, SAY_TOKEN};
    for (size_t i = 0; i < sizeof types; i++)
        desk_say(desk, link, CHANNEL_CONTROL, types[i], span_of_text("whatever"));
    desk_run(desk);
    assert_string_equal(desk_state(desk, link), "guided");
    assert_int_equal(desk_rows(desk, TABLE_BLOCKS), blocks);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), notes);
    desk_free(desk);
}

/* We have dialled this seat. */
static uint32_t dial(struct desk *desk, enum desk_seat peer)
{
    struct event event = {.kind = EVENT_LINK_UP};
    event.link_up.link = ++desk->next_link;
    event.link_up.uplink = true;
    memcpy(event.link_up.peer_key, desk->county->seats[peer].link_key, KEY_BYTES);
    desk_event(desk, &event);
    desk_run(desk);
    return desk->next_link;
}

/* From below: who stands above may guide us, and is asked for nothing else. */
static void a_node_lets_itself_be_guided_from_above_alone(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_V1, NULL);
    uint32_t county = dial(desk, SEAT_C);
    desk_hello(desk, county, SEAT_C);
    desk_run(desk);
    assert_string_equal(desk_state(desk, county), "guided");
    assert_int_equal(desk_count(desk, county, SAY_HAVE), 1);
    assert_int_equal(desk_count(desk, county, SAY_DIGEST), 0);
    uint32_t stranger = dial(desk, SEAT_T2);
    assert_true(desk_closed(desk, stranger));
    desk_free(desk);
}

static void release_v1(struct seat_row *row)
{
    row->status = SEAT_RELEASED;
}

/* Who has been released and not been taken over is a child still. */
static void a_released_child_stays_until_somebody_has_it(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t child = desk_live(desk, SEAT_V1);
    struct author_document release = desk_branch(SEAT_T1, SEAT_V1, release_v1);
    desk_give(desk, &release);
    assert_false(desk_closed(desk, child));
    assert_string_equal(desk_state(desk, child), "live");
    author_document_clear(&release);
    desk_free(desk);
}

/* Former machines of a seat are strangers to whoever holds its newest row alone; so a link that is
 * cut between two messages must not leave it there. */
static void all_machines_of_a_seat_come_in_one_set(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    const struct county *county = desk->county;
    struct amend_keys keys = {0};
    struct amend_when when = {.now_ms = 2, .expires_ms = AMEND_KEEP};
    struct amend_cut_off nothing = {SPAN_EMPTY, SPAN_EMPTY};
    struct span code_of_t1 = span_of_text(county->seats[SEAT_T1].code);
    struct author_document document;
    struct county_keys machine;
    county_keys(county, SEAT_T1, 2, &machine);
    memcpy(keys.signing_key, machine.signing_key, KEY_BYTES);
    memcpy(keys.link_key, machine.link_key, KEY_BYTES);
    struct amendment *amendment = amend_new(county->tree, DOCUMENT_BRANCH,
                                            span_of_text(county->seats[SEAT_C].code), &when, NULL);
    assert_int_equal(amend_replace(amendment, code_of_t1, &keys, false, &nothing, NULL), ERR_OK);
    assert_int_equal(amend_sign(amendment,
                                (const uint8_t(*)[SECRET_BYTES])county->seats[SEAT_C].admin_secret,
                                1, &document, NULL),
                     ERR_OK);
    desk_give(desk, &document);
    uint32_t link = desk_link(desk, SEAT_V1);
    desk_hello(desk, link, SEAT_V1);
    desk_run(desk);
    say_empty_list(desk, link);
    assert_int_equal(desk_count(desk, link, SAY_ROW_SET), 1); /* the township's two machines */
    assert_int_equal(desk_count(desk, link, SAY_ROWS), 2);
    author_document_clear(&document);
    amend_free(amendment);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_further_below_is_told_and_sent_off),
        cmocka_unit_test(nothing_but_documents_passes),
        cmocka_unit_test(a_node_lets_itself_be_guided_from_above_alone),
        cmocka_unit_test(all_machines_of_a_seat_come_in_one_set),
        cmocka_unit_test(a_released_child_stays_until_somebody_has_it),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
