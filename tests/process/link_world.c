/* The world of the link tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/link_world.h"

struct world world;

/* NNG counts its references with atomics that the thread sanitizer can't see in an uninstrumented
 * library: the last holder's destroying of a mutex then looks unordered. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:pthread_mutex_destroy\n";
}

/* A body tells its own seed and size, so that the hearer can check it alone. */
static void make_body(uint8_t *body, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)(seed + i * 31 + size);
}

static bool body_is_right(struct span body)
{
    for (size_t i = 0; i < body.size; i++)
        if (body.data[i] != (uint8_t)(body.data[0] + i * 31))
            return false;
    return true;
}

void send_body(struct side *side, unsigned channel, size_t size)
{
    static uint8_t body[MESSAGE_BYTES_MAX];

    make_body(body, size, (uint8_t)channel);
    link_room_send(side->room, side->link, channel, (uint8_t)(100 + channel), SPAN(body, size));
}

static void log_add(struct side *side, enum log_kind kind, uint32_t link, enum link_down reason,
                    bool uplink)
{
    assert_true(side->log_count < LOG_MAX);
    side->log[side->log_count].kind = kind;
    side->log[side->log_count].link = link;
    side->log[side->log_count].reason = reason;
    side->log[side->log_count++].uplink = uplink;
}

static void heard_up(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                     bool uplink)
{
    struct side *side = context;

    side->link = link;
    log_add(side, LOG_UP, link, LINK_DOWN_LOST, uplink);
    if (uplink)
        assert_memory_equal(peer_key, world.sides[0].key, LINK_KEY_BYTES);
}

static void heard_message(void *context, uint32_t link, unsigned channel, uint8_t type,
                          struct span body)
{
    struct side *side = context;

    (void)link;
    assert_true(channel < CHANNELS);
    side->last_type = type;
    if (type == 17) {
        side->byes++;
        return;
    }
    if (type != 100 + channel || !body_is_right(body))
        side->broken = true;
    if (channel == 1 && side->heard[1] == 0) {
        side->bulk_before_urgent = side->heard[3];
        side->bytes_before_urgent = side->heard_bytes[2] + side->heard_bytes[3];
    }
    side->heard[channel]++;
    side->heard_bytes[channel] += body.size;
    if (side->flutters) {
        link_room_hold(side->room, link, true);
        link_room_hold(side->room, link, false);
    }
}

static void heard_down(void *context, uint32_t link, enum link_down reason)
{
    struct side *side = context;

    log_add(side, LOG_DOWN, link, reason, false);
    if (side->link == link)
        side->link = 0;
}

static void heard_stopped(void *context)
{
    struct side *side = context;

    side->room = NULL;
    side->stopped = true;
}

void world_guard_fired(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened for %d s", GUARD_MS / 1000);
}

struct link_options side_options(struct side *side)
{
    struct link_options options = {
        .loop = &world.loop,
        .context = side,
        .callbacks = {heard_up, heard_message, heard_down, heard_stopped},
        .redial_first_ms = 2,
        .redial_most_ms = 20};

    memcpy(options.link_secret, side->secret, LINK_KEY_BYTES);
    memset(options.tree_id, 0x71, sizeof options.tree_id);
    memset(options.psk, 0x72, sizeof options.psk);
    return options;
}

struct link_options parent_options(void)
{
    struct link_options options = side_options(&world.sides[0]);

    options.listen_url = "tcp://127.0.0.1:0";
    return options;
}

void start_side(struct side *side, const struct link_options *options)
{
    struct error error = {0};

    side->room = link_room_start(options, &error);
    if (!side->room)
        fail_msg("%s: %s", error.what, error.why);
}

void name_peer(struct side *at, const struct side *peer)
{
    struct link_peer named = {.seat = "village"};

    memcpy(named.key, peer->key, LINK_KEY_BYTES);
    link_room_set_peers(at->room, &named, 1);
}

/* The parent names sides[1]. */
void start_parent(const struct link_options *options)
{
    start_side(&world.sides[0], options);
    world.port = link_room_port(world.sides[0].room);
    name_peer(&world.sides[0], &world.sides[1]);
}

void dial_parent(struct side *side)
{
    char url[64];
    const char *urls[] = {url};
    struct error error = {0};

    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", world.port);
    assert_int_equal(link_room_dial(side->room, world.sides[0].key, urls, 1, &error), ERR_OK);
}

void start_child(struct side *side)
{
    const struct link_options options = side_options(side);

    start_side(side, &options);
    dial_parent(side);
}

/* Parent and child, link up on both sides. */
void start_pair(void)
{
    const struct link_options options = parent_options();

    start_parent(&options);
    start_child(&world.sides[1]);
    RUN_UNTIL(world.sides[0].link && world.sides[1].link);
}

struct link_counters counters_of(const struct side *side)
{
    struct link_counters counters;

    link_room_counters(side->room, &counters);
    return counters;
}

int world_set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    uv_loop_init(&world.loop);
    uv_timer_init(&world.loop, &world.guard);
    for (unsigned i = 0; i < 3; i++) {
        memset(world.sides[i].secret, (int)(0x11 * (i + 1)), LINK_KEY_BYTES);
        crypto_scalarmult_base(world.sides[i].key, world.sides[i].secret);
    }
    return 0;
}

/* Whatever a test left open is stopped; every link that came up must have gone down. */
int world_tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        if (world.sides[i].room)
            link_room_stop(world.sides[i].room);
    uv_close((uv_handle_t *)&world.guard, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < 3; i++) {
        size_t ups = 0;

        for (size_t n = 0; n < world.sides[i].log_count; n++)
            ups += world.sides[i].log[n].kind == LOG_UP;
        assert_int_equal(ups * 2, world.sides[i].log_count);
        assert_null(world.sides[i].room);
        assert_false(world.sides[i].broken);
    }
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return 0;
}

void stranger_connect(struct stranger *stranger)
{
    stranger_connect_from(stranger, "127.0.0.1");
}

void stranger_connect_from(struct stranger *stranger, const char *from)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(world.port)};
    struct sockaddr_in own = {.sin_family = AF_INET};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
    stranger->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(stranger->socket >= 0);
    assert_int_equal(bind(stranger->socket, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(stranger->socket, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(fcntl(stranger->socket, F_SETFL, O_NONBLOCK) == 0);
}

void stranger_send(struct stranger *stranger, const uint8_t *data, size_t size)
{
    assert_int_equal(send(stranger->socket, data, size, MSG_NOSIGNAL), size);
}

/* Makes the first message of `as`, for the tree and the parent of this test. */
void stranger_make_first(struct stranger *stranger, const struct side *as)
{
    uint8_t prologue[12 + 1 + HASH_BYTES], ephemeral[NOISE_KEY_BYTES];
    struct noise_options options = {
        .pattern = NOISE_IKPSK2, .initiator = true, .prologue = SPAN_OF_ARRAY(prologue)};
    struct buffer out = {0};

    memcpy(prologue, "terrace link\x01", 13);
    memset(prologue + 13, 0x71, HASH_BYTES);
    memset(options.psk, 0x72, sizeof options.psk);
    memcpy(options.static_secret, as->secret, LINK_KEY_BYTES);
    memcpy(options.remote_static, world.sides[0].key, LINK_KEY_BYTES);
    assert_true(noise_begin(&stranger->noise, &options));
    randombytes_buf(ephemeral, sizeof ephemeral);
    buffer_append(&out, "\x00\x61\x01", 3);
    assert_true(noise_write(&stranger->noise, ephemeral, SPAN_EMPTY, &out));
    assert_int_equal(out.size, FIRST_BYTES);
    memcpy(stranger->first, out.data, FIRST_BYTES);
    buffer_free(&out);
}

/* Runs the loop until `size` bytes are here or the other side has closed; returns how many came. */
size_t stranger_read(struct stranger *stranger, uint8_t *data, size_t size)
{
    size_t count = 0;
    bool closed = false;

    uv_timer_start(&world.guard, world_guard_fired, GUARD_MS, 0);
    while (count < size && !closed) {
        const ssize_t got = recv(stranger->socket, data + count, size - count, MSG_DONTWAIT);

        if (got > 0)
            count += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            closed = true;
        else
            uv_run(&world.loop, UV_RUN_NOWAIT);
    }
    return count;
}

bool stranger_hears_nothing(struct stranger *stranger)
{
    uint8_t byte;
    const bool silent = stranger_read(stranger, &byte, 1) == 0;

    close(stranger->socket);
    return silent;
}

/* The whole handshake as `as`, without the first frame. */
void stranger_shake_hands(struct stranger *stranger, const struct side *as)
{
    stranger_connect(stranger);
    stranger_make_first(stranger, as);
    stranger_send(stranger, stranger->first, FIRST_BYTES);
    stranger_finish(stranger);
}

void stranger_finish(struct stranger *stranger)
{
    uint8_t second[SECOND_BYTES];
    struct buffer payload = {0};

    assert_int_equal(stranger_read(stranger, second, sizeof second), SECOND_BYTES);
    assert_int_equal(read_u16(second), 48);
    assert_true(noise_read(&stranger->noise, SPAN(second + 2, 48), &payload));
    noise_split(&stranger->noise, &stranger->sending, &stranger->receiving);
    buffer_free(&payload);
}

size_t stranger_frame(struct stranger *stranger, const uint8_t *plain, size_t size, uint8_t *out)
{
    write_u16(out, (uint16_t)(size + NOISE_TAG_BYTES));
    assert_true(noise_seal(&stranger->sending, SPAN(plain, size), out + 2));
    return size + NOISE_TAG_BYTES + 2;
}

const uint8_t ping_plain[4] = {0, 0, 0, 15};

void stranger_ping(struct stranger *stranger)
{
    uint8_t frame[64];

    stranger_send(stranger, frame, stranger_frame(stranger, ping_plain, 4, frame));
}
