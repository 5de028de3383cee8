/* What strangers, thieves and a short machine do to a link room, and that it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/link_world.h"

static void waited(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void pass_time(uint64_t ms)
{
    uv_timer_t timer;
    bool over = false;

    uv_timer_init(&world.loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, waited, ms, 0);
    RUN_UNTIL(over);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&world.loop, UV_RUN_NOWAIT);
}

static void unknown_key_gets_nothing(void **state)
{
    const struct link_options options = parent_options();
    struct stranger stranger;

    (void)state;
    start_parent(&options);
    stranger_connect(&stranger);
    stranger_make_first(&stranger, &world.sides[2]);
    stranger_send(&stranger, stranger.first, FIRST_BYTES);
    assert_true(stranger_hears_nothing(&stranger));
    assert_int_equal(counters_of(&world.sides[0]).unknown_key, 1);
    start_child(&world.sides[2]); /* and a whole node: it goes on trying */
    RUN_UNTIL(counters_of(&world.sides[0]).unknown_key >= 4);
    assert_int_equal(world.sides[0].log_count, 0);
    assert_int_equal(world.sides[2].log_count, 0);
    name_peer(&world.sides[0], &world.sides[2]); /* until it is named */
    RUN_UNTIL(world.sides[0].link && world.sides[2].link);
}

static void other_tree(void **state)
{
    const struct link_options parents = parent_options();
    struct link_options options = side_options(&world.sides[1]);

    (void)state;
    start_parent(&parents);
    options.tree_id[31] ^= 1;
    start_side(&world.sides[1], &options);
    dial_parent(&world.sides[1]);
    RUN_UNTIL(counters_of(&world.sides[0]).handshake >= 2);
    assert_int_equal(world.sides[0].log_count + world.sides[1].log_count, 0);
}

static void other_psk(void **state)
{
    const struct link_options parents = parent_options();
    struct link_options options = side_options(&world.sides[1]);

    (void)state;
    start_parent(&parents);
    options.psk[0] ^= 1;
    start_side(&world.sides[1], &options);
    dial_parent(&world.sides[1]);
    RUN_UNTIL(counters_of(&world.sides[1]).handshake >= 2);
    assert_int_equal(world.sides[0].log_count + world.sides[1].log_count, 0);
}

/* Bytes that begin no handshake: closed at the first wrong one that tells, without a word. */
static void garbage_first_messages(void **state)
{
    static const uint8_t too_long[] = {0, 98}, far_too_long[] = {0xff, 0xff}, too_short[] = {0, 96};
    const struct link_options options = parent_options();
    struct stranger stranger;

    (void)state;
    start_parent(&options);
    stranger_connect(&stranger);
    stranger_send(&stranger, too_long, 2);
    assert_true(stranger_hears_nothing(&stranger));
    stranger_connect(&stranger);
    stranger_send(&stranger, far_too_long, 2);
    assert_true(stranger_hears_nothing(&stranger));
    assert_int_equal(counters_of(&world.sides[0]).oversize, 2);
    stranger_connect(&stranger);
    stranger_send(&stranger, too_short, 2);
    assert_true(stranger_hears_nothing(&stranger));
    for (unsigned at = 2; at < FIRST_BYTES; at += 7) { /* version byte, keys, tags */
        stranger_connect(&stranger);
        stranger_make_first(&stranger, &world.sides[1]);
        stranger.first[at] ^= 0x20;
        stranger_send(&stranger, stranger.first, FIRST_BYTES);
        assert_true(stranger_hears_nothing(&stranger));
    }
    assert_int_equal(counters_of(&world.sides[0]).handshake, 1 + 14);
    assert_int_equal(world.sides[0].log_count, 0);
}

static void slow_loris(void **state)
{
    struct link_options options = parent_options();
    struct stranger silent, slow, unproved;

    (void)state;
    options.handshake_ms = 1000; /* enough for the one that is finished */
    start_parent(&options);
    stranger_connect(&silent);
    stranger_connect(&slow);
    stranger_make_first(&slow, &world.sides[1]);
    stranger_send(&slow, slow.first, FIRST_BYTES - 1);
    assert_true(stranger_hears_nothing(&silent));
    assert_true(stranger_hears_nothing(&slow));
    assert_int_equal(counters_of(&world.sides[0]).timeout, 2);
    stranger_shake_hands(&unproved, &world.sides[1]); /* replayable so far: not up */
    assert_true(stranger_hears_nothing(&unproved));
    assert_int_equal(counters_of(&world.sides[0]).timeout, 3);
    assert_int_equal(world.sides[0].log_count, 0);
}

/* Idle strangers hold all places; the named child comes up all the same. */
static void strangers_hold_all_places(void **state)
{
    struct link_options options = parent_options();
    struct stranger strangers[12];

    (void)state;
    options.handshakes_max = 4;
    options.handshake_ms = 6000;
    start_parent(&options);
    for (unsigned i = 0; i < 12; i++)
        stranger_connect(&strangers[i]);
    RUN_UNTIL(counters_of(&world.sides[0]).accepted == 12);
    assert_int_equal(counters_of(&world.sides[0]).flood, 12 - 3); /* the fourth isn't for them */
    start_child(&world.sides[1]);
    RUN_UNTIL(world.sides[0].link && world.sides[1].link);
    assert_true(counters_of(&world.sides[0]).timeout >= 1);
    for (unsigned i = 0; i < 12; i++)
        close(strangers[i].socket);
}

/* A crowd of one neighbourhood makes room for a caller from another, at once. */
static void another_neighbourhood_gets_in(void **state)
{
    struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    struct stranger strangers[8], caller;

    (void)state;
    options.handshakes_max = 4;
    start_parent(&options);
    for (unsigned i = 0; i < 8; i++)
        stranger_connect_from(&strangers[i], "127.0.9.9");
    RUN_UNTIL(counters_of(parent).accepted == 8);
    stranger_connect_from(&caller, "127.0.5.1");
    RUN_UNTIL(counters_of(parent).accepted == 9);
    assert_int_equal(counters_of(parent).timeout, 1); /* one of theirs */
    assert_int_equal(counters_of(parent).flood, 8 - 3);
    stranger_make_first(&caller, &world.sides[1]);
    stranger_send(&caller, caller.first, FIRST_BYTES);
    stranger_finish(&caller);
    stranger_ping(&caller);
    RUN_UNTIL(parent->link);
    close(caller.socket);
    for (unsigned i = 0; i < 8; i++)
        close(strangers[i].socket);
}

/* Where a child of ours has proved itself before, one is never refused for lack of places or of
 * handshakes in this second; the strangers are. */
static void familiar_callers_keep_a_place(void **state)
{
    struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    struct stranger child, strangers[8];
    struct link_counters counters;
    uint64_t began_ms;

    (void)state;
    options.handshakes_max = 4;
    options.handshakes_second_max = 2;
    options.handshake_ms = 60000;
    start_parent(&options);
    stranger_shake_hands(&child, &world.sides[1]);
    stranger_ping(&child);
    RUN_UNTIL(parent->link);
    close(child.socket);
    RUN_UNTIL(!parent->link);
    began_ms = uv_hrtime() / 1000000;
    for (unsigned i = 0; i < 8; i++) {
        stranger_connect_from(&strangers[i], "127.0.9.9");
        stranger_make_first(&strangers[i], &world.sides[2]);
        stranger_send(&strangers[i], strangers[i].first, FIRST_BYTES);
        assert_true(stranger_hears_nothing(&strangers[i]));
    }
    counters = counters_of(parent);
    assert_int_equal(counters.unknown_key + counters.flood, 8);
    assert_in_range(counters.unknown_key, 1, 2 * ((uv_hrtime() / 1000000 - began_ms) / 1000 + 2));
    for (unsigned i = 0; i < 8; i++)
        stranger_connect_from(&strangers[i], "127.0.9.9");
    stranger_shake_hands(&child, &world.sides[1]);
    stranger_ping(&child);
    RUN_UNTIL(parent->link);
    for (unsigned i = 0; i < 8; i++)
        close(strangers[i].socket);
    close(child.socket);
}

/* It pings, so it lives, but what it is sent stays in the kernel. */
static void who_does_not_read_is_dropped(void **state)
{
    struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    struct stranger idler;

    (void)state;
    options.dead_ms = 3000;
    options.rate_least = 1 << 20;
    start_parent(&options);
    stranger_shake_hands(&idler, &world.sides[1]);
    stranger_ping(&idler);
    RUN_UNTIL(parent->link);
    send_body(parent, 3, 15000); /* so little is never asked about */
    for (unsigned i = 0; i < 8; i++) {
        stranger_ping(&idler);
        pass_time(500);
    }
    assert_true(parent->link != 0);
    send_body(parent, 3, 5000);
    while (parent->link) {
        uint8_t frame[64];
        const size_t size = stranger_frame(&idler, ping_plain, 4, frame);

        send(idler.socket, frame, size, MSG_NOSIGNAL); /* the last one may find it closed */
        pass_time(50);
    }
    assert_int_equal(parent->log[1].reason, LINK_DOWN_TIMEOUT);
    assert_int_equal(counters_of(parent).timeout, 1);
    close(idler.socket);
}

static void replayed_first_message(void **state)
{
    const struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    struct stranger honest, thief;
    uint8_t second[SECOND_BYTES], frame[64];
    uint32_t link;

    (void)state;
    start_parent(&options);
    stranger_shake_hands(&honest, &world.sides[1]);
    stranger_ping(&honest);
    RUN_UNTIL(parent->link);
    link = parent->link;
    stranger_connect(&thief);
    stranger_send(&thief, honest.first, FIRST_BYTES);
    assert_int_equal(stranger_read(&thief, second, sizeof second), SECOND_BYTES);
    stranger_send(&thief, frame, stranger_frame(&honest, ping_plain, 4, frame));
    assert_true(stranger_hears_nothing(&thief));
    assert_int_equal(counters_of(parent).replay, 1);
    assert_int_equal(parent->link, link); /* the honest link was not replaced */
    assert_int_equal(parent->log_count, 1);
    close(honest.socket);
}

/* What a dialler sends comes back: to itself, and to its own listener. */
static void reflected_handshake(void **state)
{
    struct side *child = &world.sides[1];
    struct link_options options = side_options(child);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    struct stranger inner, outer;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    uint8_t first[FIRST_BYTES];

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    options.listen_url = "tcp://127.0.0.1:0";
    options.redial_first_ms = 10000;
    options.redial_most_ms = 10000;
    start_side(child, &options);
    name_peer(child, child); /* even if somebody signed that */
    world.port = ntohs(address.sin_port);
    dial_parent(child);
    RUN_UNTIL((inner.socket = accept(listener, NULL, NULL)) >= 0);
    assert_int_equal(stranger_read(&inner, first, FIRST_BYTES), FIRST_BYTES);
    world.port = link_room_port(child->room);
    stranger_connect(&outer);
    stranger_send(&outer, first, FIRST_BYTES);
    assert_true(stranger_hears_nothing(&outer));
    assert_int_equal(counters_of(child).handshake, 1);
    stranger_send(&inner, first, FIRST_BYTES);
    assert_true(stranger_hears_nothing(&inner));
    assert_int_equal(counters_of(child).oversize, 1);
    assert_int_equal(child->log_count, 0);
    close(listener);
}

static void damaged_and_malformed_frames(void **state)
{
    static const uint8_t long_ping[] = {0, 0, 1, 15, 0}, channel_nine[] = {9, 0, 0, 15};
    const struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    const struct {
        const uint8_t *plain;
        size_t size;
        uint8_t flip;
        enum link_down reason;
    } cases[] = {
        {ping_plain, sizeof ping_plain, 1, LINK_DOWN_DAMAGED},
        {long_ping, sizeof long_ping, 0, LINK_DOWN_MALFORMED},
        {channel_nine, sizeof channel_nine, 0, LINK_DOWN_MALFORMED},
    };

    (void)state;
    start_parent(&options);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stranger stranger;
        uint8_t frame[64], rest[64];
        size_t size;

        stranger_shake_hands(&stranger, &world.sides[1]);
        stranger_ping(&stranger);
        RUN_UNTIL(parent->link);
        size = stranger_frame(&stranger, cases[i].plain, cases[i].size, frame);
        frame[5] ^= cases[i].flip;
        stranger_send(&stranger, frame, size);
        RUN_UNTIL(!parent->link);
        assert_int_equal(parent->log[parent->log_count - 1].reason, cases[i].reason);
        assert_true(stranger_read(&stranger, rest, sizeof rest) <= 22); /* the pong, no more */
        close(stranger.socket);
    }
    assert_int_equal(counters_of(parent).damaged, 1);
    assert_int_equal(counters_of(parent).malformed, 2);
}

static void silent_peer_is_dead(void **state)
{
    struct link_options options = parent_options();
    struct side *parent = &world.sides[0];
    struct stranger stranger;

    (void)state;
    options.dead_ms = 30;
    start_parent(&options);
    stranger_shake_hands(&stranger, &world.sides[1]);
    stranger_ping(&stranger);
    RUN_UNTIL(parent->log_count == 2);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_TIMEOUT);
    assert_int_equal(counters_of(parent).timeout, 1);
    close(stranger.socket);
}

static void queue_has_a_bound(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    unsigned sent = 0;

    (void)state;
    start_pair();
    while (parent->link && sent < 100) {
        struct link_info info;

        send_body(parent, 3, 65000);
        sent++;
        if (!link_room_info(parent->room, parent->link, &info))
            break;
        assert_true(info.queued_bytes <= LINK_QUEUE_BYTES_MAX + FRAME_BYTES_MAX);
    }
    assert_in_range(sent, 15, 18);
    assert_int_equal(counters_of(parent).flood, 1);
    assert_int_equal(parent->log_count, 1); /* nothing comes out of a call */
    RUN_UNTIL(parent->log_count == 2);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_FLOOD);
    RUN_UNTIL(parent->link && child->link);
}

static void count_turn(uv_prepare_t *prepare)
{
    (*(unsigned *)prepare->data)++;
}

enum { DESCRIPTORS_MAX = 128 };

/* Under a low limit, takes what is free but for one. */
static size_t take_descriptors(struct rlimit limit, int *taken)
{
    size_t count = 0;
    int descriptor = 0;

    limit.rlim_cur = DESCRIPTORS_MAX;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((descriptor = dup(0)) >= 0)
        taken[count++] = descriptor;
    assert_true(count > 0);
    close(taken[--count]);
    return count;
}

/* Runs the loop for some accept retries; returns its turns. */
static unsigned turns_of_the_loop(void)
{
    uv_prepare_t prepare;
    unsigned turns = 0;

    uv_prepare_init(&world.loop, &prepare);
    prepare.data = &turns;
    uv_prepare_start(&prepare, count_turn);
    pass_time(3 * LINK_ACCEPT_RETRY_MS);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_run(&world.loop, UV_RUN_NOWAIT);
    return turns;
}

/* No descriptors are left: the link that is there lives on, nothing spins, and whoever waits is let
 * in when there are some again. The first test, so that no former one's are still being closed. */
static void no_descriptors_left(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    int taken[DESCRIPTORS_MAX];
    struct rlimit limit;
    struct stranger waiting;
    size_t count;

    (void)state;
    start_pair();
    getrlimit(RLIMIT_NOFILE, &limit);
    count = take_descriptors(limit, taken);
    stranger_connect(&waiting); /* with the last one: none to accept it */
    send_body(child, 1, 1000);
    assert_in_range(turns_of_the_loop(), 1, 200);
    RUN_UNTIL(parent->heard[1] == 1);
    assert_int_equal(counters_of(parent).accepted, 1);
    while (count > 0)
        close(taken[--count]);
    setrlimit(RLIMIT_NOFILE, &limit);
    RUN_UNTIL(counters_of(parent).accepted == 2);
    close(waiting.socket);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(no_descriptors_left),
        LINK_TEST(unknown_key_gets_nothing),
        LINK_TEST(other_tree),
        LINK_TEST(other_psk),
        LINK_TEST(garbage_first_messages),
        LINK_TEST(slow_loris),
        LINK_TEST(strangers_hold_all_places),
        LINK_TEST(another_neighbourhood_gets_in),
        LINK_TEST(familiar_callers_keep_a_place),
        LINK_TEST(who_does_not_read_is_dropped),
        LINK_TEST(replayed_first_message),
        LINK_TEST(reflected_handshake),
        LINK_TEST(damaged_and_malformed_frames),
        LINK_TEST(silent_peer_is_dead),
        LINK_TEST(queue_has_a_bound),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
