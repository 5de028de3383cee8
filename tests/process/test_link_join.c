/* Joining by an invitation, in the link room: who knows its secret may say one message, and is
 * never taken for a node of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/process/link_world.h"

static const uint8_t invite_id[LINK_INVITE_ID_BYTES] = "invited";

static struct {
    unsigned asked;
    uint32_t link;
    uint8_t peer_key[LINK_KEY_BYTES], invite[LINK_INVITE_ID_BYTES];
    char said[64], answer[64];
} met;

static void heard_join(void *context, uint32_t link,
                       const uint8_t invite[static LINK_INVITE_ID_BYTES],
                       const uint8_t peer_key[static LINK_KEY_BYTES], struct span body)
{
    (void)context;
    met.asked++;
    met.link = link;
    memcpy(met.invite, invite, sizeof met.invite);
    memcpy(met.peer_key, peer_key, sizeof met.peer_key);
    snprintf(met.said, sizeof met.said, "%.*s", (int)body.size, (const char *)body.data);
}

static void heard_answer(void *context, uint32_t link, unsigned channel, uint8_t type,
                         struct span body)
{
    (void)context;
    (void)link;
    (void)channel;
    if (type == MESSAGE_TYPE_JOIN)
        snprintf(met.answer, sizeof met.answer, "%.*s", (int)body.size, (const char *)body.data);
}

static struct link_options inviting_options(void)
{
    struct link_options options = parent_options();

    memset(&met, 0, sizeof met);
    options.callbacks.on_join = heard_join;
    return options;
}

static void start_inviting(const struct link_options *options)
{
    struct link_invite invite;

    start_parent(options);
    memcpy(invite.id, invite_id, sizeof invite.id);
    memset(invite.psk, 0x55, sizeof invite.psk);
    link_room_set_invites(world.sides[0].room, &invite, 1);
}

/* sides[2], whom nothing names, with an invitation of this id and key. */
static void start_joiner(const uint8_t *id, uint8_t psk)
{
    struct link_options options = side_options(&world.sides[2]);

    options.invite_id = id;
    options.callbacks.on_message = heard_answer;
    memset(options.psk, psk, sizeof options.psk);
    start_side(&world.sides[2], &options);
    dial_parent(&world.sides[2]);
}

static void say(const char *text)
{
    link_room_send(world.sides[2].room, world.sides[2].link, 0, MESSAGE_TYPE_JOIN,
                   span_of_text(text));
}

static void an_invited_one_asks_and_hears(void **state)
{
    const struct link_options options = inviting_options();

    (void)state;
    start_inviting(&options);
    start_joiner(invite_id, 0x55);
    RUN_UNTIL(world.sides[2].link);
    say("let me in");
    RUN_UNTIL(met.asked);
    assert_string_equal(met.said, "let me in");
    assert_memory_equal(met.peer_key, world.sides[2].key, LINK_KEY_BYTES);
    assert_memory_equal(met.invite, invite_id, sizeof invite_id);
    assert_int_equal(world.sides[0].log_count, 0); /* it is no link of the tree */
    assert_int_equal(link_room_list(world.sides[0].room, NULL, 0), 0);
    name_peer(&world.sides[0], &world.sides[1]); /* and outlives a change of the tree */
    link_room_send(world.sides[0].room, met.link, 0, MESSAGE_TYPE_JOIN, span_of_text("welcome"));
    link_room_close(world.sides[0].room, met.link, LINK_BYE_NONE);
    RUN_UNTIL(met.answer[0] != '\0');
    assert_string_equal(met.answer, "welcome");
}

/* Another id, another secret, an invitation taken back: closed without a word. */
static void the_others_hear_nothing(void **state)
{
    const struct link_options options = inviting_options();

    (void)state;
    start_inviting(&options);
    start_joiner((const uint8_t *)"unknown", 0x55);
    RUN_UNTIL(counters_of(&world.sides[0]).handshake >= 2);
    link_room_stop(world.sides[2].room);
    RUN_UNTIL(world.sides[2].stopped);
    world.sides[2].stopped = false;
    start_joiner(invite_id, 0x56); /* the secret comes in with the answer: nobody can read it */
    RUN_UNTIL(counters_of(&world.sides[2]).handshake >= 2);
    link_room_stop(world.sides[2].room);
    RUN_UNTIL(world.sides[2].stopped);
    world.sides[2].stopped = false;
    link_room_set_invites(world.sides[0].room, NULL, 0);
    start_joiner(invite_id, 0x55);
    RUN_UNTIL(counters_of(&world.sides[0]).handshake >= 4);
    assert_int_equal(met.asked, 0);
    assert_int_equal(world.sides[2].log_count, 0);
}

/* The secret of an invitation opens nothing else: no message of the tree, no second question, no
 * long one. */
static void an_invited_one_may_ask_once_and_nothing_else(void **state)
{
    static const uint8_t large[LINK_JOIN_BYTES_MAX + 1];
    const struct link_options options = inviting_options();

    (void)state;
    start_inviting(&options);
    for (unsigned how = 0; how < 4; how++) {
        struct link_room *room;

        met.asked = 0;
        start_joiner(invite_id, 0x55);
        room = world.sides[2].room;
        RUN_UNTIL(world.sides[2].link);
        if (how == 0)
            link_room_send(room, world.sides[2].link, 0, 1, span_of_text("hello"));
        else if (how == 1)
            link_room_send(room, world.sides[2].link, 3, MESSAGE_TYPE_JOIN, span_of_text("x"));
        else if (how == 2)
            link_room_send(room, world.sides[2].link, 0, MESSAGE_TYPE_JOIN, SPAN_OF_ARRAY(large));
        else
            say("once");
        if (how == 3) {
            RUN_UNTIL(met.asked);
            say("twice");
        }
        RUN_UNTIL(counters_of(&world.sides[0]).malformed > how);
        assert_int_equal(met.asked, how == 3);
        link_room_stop(room);
        RUN_UNTIL(world.sides[2].stopped);
        world.sides[2].stopped = false;
    }
    assert_int_equal(world.sides[0].log_count, 0);
}

/* A node of the tree goes in and out by its own handshake meanwhile. */
static void nodes_come_and_go_beside_it(void **state)
{
    const struct link_options options = inviting_options();

    (void)state;
    start_inviting(&options);
    start_joiner(invite_id, 0x55);
    start_child(&world.sides[1]);
    RUN_UNTIL(world.sides[0].link && world.sides[1].link && world.sides[2].link);
    say("let me in");
    RUN_UNTIL(met.asked);
    assert_int_equal(world.sides[0].log_count, 1);
    assert_int_equal(link_room_list(world.sides[0].room, NULL, 0), 1);
    send_body(&world.sides[1], 2, 1000);
    RUN_UNTIL(world.sides[0].heard[2] == 1);
}

/* Where nobody is invited the first message of one who asks is garbage like any other. */
static void a_room_that_invites_nobody_is_silent(void **state)
{
    const struct link_options options = parent_options();
    struct link_invite invite = {.id = "invited"};

    (void)state;
    start_parent(&options);
    memset(invite.psk, 0x55, sizeof invite.psk);
    link_room_set_invites(world.sides[0].room, &invite, 1); /* it has no ear for them */
    start_joiner(invite_id, 0x55);
    RUN_UNTIL(counters_of(&world.sides[0]).handshake >= 2);
    assert_int_equal(world.sides[2].log_count, 0);
}

/* A first message of the wrong kind for its length. */
static void mixed_up_first_messages_close(void **state)
{
    const struct link_options options = inviting_options();
    uint8_t first[FIRST_BYTES + LINK_INVITE_ID_BYTES] = {0, 97, 2};
    struct stranger stranger;

    (void)state;
    start_inviting(&options);
    stranger_connect(&stranger);
    stranger_send(&stranger, first, FIRST_BYTES);
    assert_true(stranger_hears_nothing(&stranger));
    first[1] = 105;
    first[2] = 1;
    stranger_connect(&stranger);
    stranger_send(&stranger, first, sizeof first);
    assert_true(stranger_hears_nothing(&stranger));
    first[2] = 2;
    memcpy(first + 3, invite_id, sizeof invite_id);
    stranger_connect(&stranger);
    stranger_send(&stranger, first, sizeof first);
    assert_true(stranger_hears_nothing(&stranger));
    assert_int_equal(counters_of(&world.sides[0]).handshake, 3);
    first[1] = 106;
    stranger_connect(&stranger);
    stranger_send(&stranger, first, 2);
    assert_true(stranger_hears_nothing(&stranger));
    assert_int_equal(counters_of(&world.sides[0]).oversize, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
        T(an_invited_one_asks_and_hears),
        T(the_others_hear_nothing),
        T(an_invited_one_may_ask_once_and_nothing_else),
        T(nodes_come_and_go_beside_it),
        T(a_room_that_invites_nobody_is_silent),
        T(mixed_up_first_messages_close),
#undef T
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("link_join", tests, NULL, NULL);
}
