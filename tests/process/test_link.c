/* Links between two rooms in one process: messages, cuts, moves, holding, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/process/link_world.h"

static void messages_on_all_channels(void **state)
{
    static const size_t sizes[] = {0, 1, 300, 16384, 65535, 40000};
    const size_t count = sizeof sizes / sizeof sizes[0];
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    struct link_info info;
    uint32_t listed = 0;

    (void)state;
    start_pair();
    assert_false(parent->log[0].uplink);
    assert_true(child->log[0].uplink);
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        for (size_t i = 0; i < count; i++) {
            send_body(child, channel, sizes[i]);
            send_body(parent, channel, sizes[i]);
        }
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        RUN_UNTIL(child->heard[channel] == count && parent->heard[channel] == count);
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        assert_int_equal(child->heard_bytes[channel], 0 + 1 + 300 + 16384 + 65535 + 40000);
        assert_int_equal(parent->heard_bytes[channel], child->heard_bytes[channel]);
    }
    assert_true(link_room_info(parent->room, parent->link, &info));
    assert_string_equal(info.seat, "village");
    assert_memory_equal(info.peer_key, child->key, LINK_KEY_BYTES);
    assert_int_equal(link_room_list(parent->room, &listed, 1), 1);
    assert_int_equal(listed, parent->link);
    assert_true(counters_of(parent).bytes_in > child->heard_bytes[0] * 4);
}

static void urgent_passes_bulk(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];

    (void)state;
    start_pair();
    for (unsigned i = 0; i < 14; i++)
        send_body(child, 3, 60000);
    send_body(child, 1, 200);
    RUN_UNTIL(parent->heard[3] == 14 && parent->heard[1] == 1);
    assert_int_equal(parent->bulk_before_urgent, 0); /* at most one slice was in front */
}

static void paced_by_the_declared_rate(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    struct link_options options = side_options(child);
    const struct link_options parents = parent_options();

    (void)state;
    options.rate_bytes = 200 * 1000;
    start_parent(&parents);
    start_side(child, &options);
    dial_parent(child);
    RUN_UNTIL(parent->link && child->link);
    for (unsigned i = 0; i < 3; i++)
        send_body(child, 3, 10000);
    RUN_UNTIL(parent->heard[3] == 1);
    send_body(child, 1, 100); /* nothing of the rest has left this node yet */
    RUN_UNTIL(parent->heard[3] == 3 && parent->heard[1] == 1);
}

/* The child has much to send, and `heard` bytes of it have come; then it says one urgent
 * thing. Behind how many bytes does that leave? */
static size_t bytes_before_urgent(uint64_t rate_bytes, size_t heard)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    struct link_options options = side_options(child);
    const struct link_options parents = parent_options();
    uint64_t left;

    options.rate_bytes = rate_bytes;
    start_parent(&parents);
    start_side(child, &options);
    dial_parent(child);
    RUN_UNTIL(parent->link && child->link);
    for (unsigned i = 0; i < 900; i++)
        send_body(child, i % 4 == 0 ? 2 : 3, 1000);
    RUN_UNTIL(parent->heard_bytes[3] + parent->heard_bytes[2] >= heard);
    left = counters_of(child).bytes_out;
    send_body(child, 1, 300);
    RUN_UNTIL(parent->heard[1] == 1);
    assert_true(parent->bulk_before_urgent < 600); /* there was more to be overtaken */
    return parent->bytes_before_urgent > left ? parent->bytes_before_urgent - left : 0;
}

/* What had left when the urgent message was handed over is the kernel's; of what this node still
 * holds, the frames that are on their way go first, two at most. */
static void urgent_waits_for_two_frames(void **state)
{
    static const struct {
        uint64_t rate_bytes;
        size_t slice, heard;
    } cases[] = {{0, FRAME_SLICE_BYTES, 1},
                 {0, FRAME_SLICE_BYTES, 200000},
                 {2000000, FRAME_SLICE_BYTES, 100000},
                 {40000, 10000, 3000},
                 {2000, FRAME_SLICE_BYTES_MIN, 500}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t frame = cases[i].slice + FRAME_OVERHEAD_BYTES;
        size_t bytes;

        if (i > 0) {
            world_tear_down(state);
            world_set_up(state);
        }
        bytes = bytes_before_urgent(cases[i].rate_bytes, cases[i].heard);
        if (bytes > 2 * frame)
            fail_msg("case %zu: %zu bytes went before", i, bytes);
    }
}

/* 400 cuts in the middle of both directions: nothing wrong is heard, nothing leaks, nothing hangs.
 */
static void cut_in_mid_send(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    const unsigned rounds = 400;
    unsigned partial = 0;

    (void)state;
    start_pair();
    for (unsigned round = 0; round < rounds; round++) {
        const size_t parent_before = parent->heard[3], child_before = child->heard[3];
        const unsigned wanted = round % 7;

        for (unsigned i = 0; i < 8; i++) {
            send_body(child, 3, 60000);
            send_body(parent, 3, 60000);
        }
        RUN_UNTIL(parent->heard[3] >= parent_before + wanted ||
                  child->heard[3] >= child_before + wanted);
        partial += parent->heard[3] < parent_before + 8 || child->heard[3] < child_before + 8;
        if (round % 2)
            link_room_set_cut(child->room, true);
        else
            link_room_close(parent->room, parent->link, LINK_BYE_NONE);
        RUN_UNTIL(!parent->link && !child->link);
        link_room_set_cut(child->room, false);
        RUN_UNTIL(parent->link && child->link);
    }
    assert_true(partial > rounds / 2); /* the cuts did cut something */
    assert_true(counters_of(parent).came_up > rounds);
    assert_int_equal(counters_of(parent).damaged + counters_of(child).damaged, 0);
    assert_int_equal(counters_of(parent).malformed + counters_of(child).malformed, 0);
}

/* Nobody listens for a while: attempts go on, none is far from the next, and the link is there soon
 * after somebody does. How soon is the bound's matter: a share of the time alone. */
static void away_for_long_and_back_soon(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    const struct link_options parents = parent_options();
    struct link_options options = side_options(child), again = parent_options();
    uint64_t dialled, before;
    char url[64];

    (void)state;
    options.redial_first_ms = 5;
    options.redial_most_ms = 30000;
    start_parent(&parents);
    start_side(child, &options);
    dial_parent(child);
    RUN_UNTIL(parent->link && child->link);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", (unsigned)link_room_port(parent->room));
    link_room_stop(parent->room);
    RUN_UNTIL(parent->stopped && !child->link);
    dialled = counters_of(child).dialled;
    RUN_UNTIL(counters_of(child).dialled >= dialled + 60); /* doubling would be at 30 s by then */
    again.listen_url = url;
    parent->stopped = false;
    start_side(parent, &again);
    name_peer(parent, child);
    before = counters_of(child).dialled;
    RUN_UNTIL(parent->link && child->link);
    assert_in_range(counters_of(child).dialled - before, 0, 3);
}

static void cut_stays_cut(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    uint64_t dialled;

    (void)state;
    start_pair();
    link_room_set_cut(child->room, true);
    RUN_UNTIL(!child->link && !parent->link);
    assert_int_equal(child->log[1].reason, LINK_DOWN_CUT);
    assert_int_equal(child->byes, 0);
    dialled = counters_of(child).dialled;
    for (unsigned i = 0; i < 50; i++)
        uv_run(&world.loop, UV_RUN_NOWAIT);
    dial_parent(child); /* not even when asked */
    assert_int_equal(counters_of(child).dialled, dialled);
    link_room_set_cut(child->room, false);
    RUN_UNTIL(child->link && parent->link);
}

static void newer_link_replaces_older(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1], *clone = &world.sides[2];
    uint32_t first;

    (void)state;
    memcpy(clone->secret, child->secret, LINK_KEY_BYTES);
    start_pair();
    first = parent->link;
    start_child(clone);
    RUN_UNTIL(parent->log_count >= 3 && child->byes == 1);
    link_room_set_cut(child->room, true); /* else the two go on taking turns */
    assert_int_equal(parent->log[1].kind, LOG_DOWN);
    assert_int_equal(parent->log[1].link, first);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_REPLACED);
    assert_int_equal(parent->log[2].kind, LOG_UP);
    assert_true(parent->log[2].link > first);
}

static void pings_keep_a_link_alive(void **state)
{
    const struct link_options parents = parent_options();
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    struct link_options options = side_options(child);

    (void)state;
    start_parent(&parents);
    options.ping_ms = 5;
    start_side(child, &options);
    dial_parent(child);
    RUN_UNTIL(parent->link && child->link);
    RUN_UNTIL(counters_of(child).bytes_in >= SECOND_BYTES + 10 * 22);
    assert_int_equal(parent->log_count, 1);
    assert_int_equal(parent->heard[0] + child->heard[0], 0); /* they never come out */
    assert_int_equal(parent->last_type, 0);
}

static void held_link_waits(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];

    (void)state;
    start_pair();
    RUN_UNTIL(counters_of(child).bytes_in >= SECOND_BYTES + 22);
    link_room_hold(parent->room, parent->link, true);
    send_body(child, 2, 40000); /* what is being read already may still come */
    RUN_UNTIL(counters_of(child).bytes_out >= 40000);
    send_body(child, 2, 40000);
    RUN_UNTIL(counters_of(child).bytes_out >= 80000);
    assert_int_equal(parent->heard[2], 0);
    link_room_hold(parent->room, parent->link, false);
    RUN_UNTIL(parent->heard[2] == 2);
}

/* The user holds and lets go, and at last closes, from inside on_message. */
static void held_while_being_read(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];

    (void)state;
    start_pair();
    parent->flutters = true;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 60; i++)
            send_body(child, i % CHANNELS, 100 * i);
        RUN_UNTIL(parent->heard[3] == 15 * (round + 1));
    }
    assert_int_equal(parent->log_count, 1);
    link_room_hold(parent->room, parent->link, true);
    link_room_close(parent->room, parent->link, LINK_BYE_NONE);
    RUN_UNTIL(parent->log_count == 2);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_CLOSED);
}

static void no_longer_named(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];

    (void)state;
    start_pair();
    link_room_set_peers(parent->room, NULL, 0);
    assert_int_equal(parent->log_count, 1);
    RUN_UNTIL(parent->log_count == 2 && !child->link);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_UNKNOWN_KEY);
    RUN_UNTIL(counters_of(parent).unknown_key >= 1);
}

static void moved_to_another_parent(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1], *other = &world.sides[2];
    struct link_options options = side_options(other);
    const char *urls[2] = {"tcp://127.0.0.1:1"}; /* nobody is there: the next one is tried */
    char url[64];

    (void)state;
    start_pair();
    options.listen_url = "tcp://127.0.0.1:0";
    start_side(other, &options);
    name_peer(other, child);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", link_room_port(other->room));
    urls[1] = url;
    memcpy(parent->key, other->key, LINK_KEY_BYTES); /* whom heard_up expects */
    assert_int_equal(link_room_dial(child->room, other->key, urls, 2, NULL), ERR_OK);
    RUN_UNTIL(other->link && child->link && !parent->link && child->log_count == 3);
    assert_int_equal(parent->byes, 1);
    assert_int_equal(link_room_dial(child->room, other->key, urls, 2, NULL), ERR_OK);
    assert_int_equal(child->log_count, 3); /* the same again: nothing happens */
    assert_int_equal(link_room_dial(child->room, other->key, NULL, 0, NULL), ERR_OK);
    RUN_UNTIL(!other->link && !child->link);
}

static void stopping_says_bye(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];

    (void)state;
    start_pair();
    for (unsigned i = 0; i < 10; i++)
        send_body(parent, 2, 30000);
    link_room_stop(parent->room);
    RUN_UNTIL(parent->stopped);
    RUN_UNTIL(child->log_count >= 2);
    assert_int_equal(child->byes, 1);
    assert_int_equal(child->heard[2], 10); /* what was queued went before */
}

static void over_a_unix_socket(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    char folder[] = "/tmp/terrace-link-XXXXXX", url[64];
    const char *urls[] = {url};
    struct link_options options = parent_options();
    const struct link_options childs = side_options(child);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "ipc://%s/link", folder);
    options.listen_url = url;
    start_parent(&options);
    start_side(child, &childs);
    assert_int_equal(link_room_dial(child->room, parent->key, urls, 1, NULL), ERR_OK);
    RUN_UNTIL(parent->link && child->link);
    send_body(child, 3, 60000);
    RUN_UNTIL(parent->heard[3] == 1);
    link_room_stop(parent->room);
    RUN_UNTIL(parent->stopped);
    unlink(url + 6);
    assert_int_equal(rmdir(folder), 0);
}

static void which_urls_are_taken(void **state)
{
    static const char *const right[] = {"tcp://127.0.0.1:4710", "tcp://[::1]:1",
                                        "tcp://10.0.0.1:65535", "ipc:///run/terrace.link"};
    static const char *const wrong[] = {
        "tcp://localhost:4710", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:1x",   "tcp://::1:4710",  "tcp://[::1]4710",   "ws://127.0.0.1:1",
        "ipc://relative",       "tcp://:1",        "tcp://1.2.3:4",     ""};
    struct link_options options = parent_options();
    struct error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_true(link_url_valid(right[i], false));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(link_url_valid(wrong[i], false));
    assert_true(link_url_valid("tcp://127.0.0.1:0", true));
    options.listen_url = "tcp://localhost:1";
    assert_null(link_room_start(&options, &error));
    assert_int_equal(error.code, ERR_INVALID);
    options.listen_url = "tcp://192.0.2.1:4710"; /* not an address of this machine */
    assert_null(link_room_start(&options, &error));
    assert_true(error.why[0] && error.next[0]);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(messages_on_all_channels),
        LINK_TEST(urgent_passes_bulk),
        LINK_TEST(paced_by_the_declared_rate),
        LINK_TEST(urgent_waits_for_two_frames),
        LINK_TEST(away_for_long_and_back_soon),
        LINK_TEST(cut_in_mid_send),
        LINK_TEST(cut_stays_cut),
        LINK_TEST(newer_link_replaces_older),
        LINK_TEST(pings_keep_a_link_alive),
        LINK_TEST(held_link_waits),
        LINK_TEST(held_while_being_read),
        LINK_TEST(no_longer_named),
        LINK_TEST(moved_to_another_parent),
        LINK_TEST(stopping_says_bye),
        LINK_TEST(over_a_unix_socket),
        LINK_TEST(which_urls_are_taken),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
