/* A line between two rooms that goes half-open: packets vanish, nobody is told (history 42). Both
 * ends drop the link within their time of silence, the child goes on dialling, and what is sent
 * once the line is good again arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/link_world.h"

enum { PIPES_MAX = 64, CALLER = 0, CALLED = 1, DEAD_MS = 3000, SIP_MS = 10 };

struct pipe {
    uv_tcp_t ends[2];
    uv_connect_t connecting;
    bool swallowed; /* what comes on it from now on vanishes */
};

static struct relay {
    uv_tcp_t listener;
    uint16_t port;
    bool half_open;
    unsigned sip_bytes; /* so much is passed on every SIP_MS; 0: as it comes */
    uv_timer_t sip;
    struct pipe pipes[PIPES_MAX];
    size_t pipe_count;
} relay;

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    (void)handle;
    if (relay.sip_bytes > 0)
        wanted = relay.sip_bytes;
    *buffer = uv_buf_init(malloc(wanted), (unsigned)wanted);
}

static void written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
    free(write);
}

static void pass_on(uv_stream_t *to, char *bytes, size_t size)
{
    uv_write_t *write = malloc(sizeof *write);
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned)size);
    write->data = bytes;
    assert_int_equal(uv_write(write, to, &buffer, 1, written), 0);
}

static void close_end(uv_tcp_t *end)
{
    if (!uv_is_closing((uv_handle_t *)end))
        uv_close((uv_handle_t *)end, NULL);
}

static void has_come(uv_stream_t *from, ssize_t size, const uv_buf_t *buffer)
{
    struct pipe *pipe = from->data;
    uv_tcp_t *to = &pipe->ends[(uv_tcp_t *)from == &pipe->ends[CALLER] ? CALLED : CALLER];
    pipe->swallowed = pipe->swallowed || relay.half_open;
    if (size > 0 && !pipe->swallowed && !uv_is_closing((uv_handle_t *)to)) {
        pass_on((uv_stream_t *)to, buffer->base, (size_t)size);
        if (relay.sip_bytes > 0)
            uv_read_stop(from); /* until the next sip */
        return;
    }
    free(buffer->base);
    if (size >= 0 || pipe->swallowed)
        return; /* not even that it was closed is told */
    close_end(&pipe->ends[CALLER]);
    close_end(&pipe->ends[CALLED]);
}

static void connected(uv_connect_t *connecting, int status)
{
    struct pipe *pipe = connecting->data;
    if (status != 0) {
        close_end(&pipe->ends[CALLER]);
        close_end(&pipe->ends[CALLED]);
        return;
    }
    for (int end = CALLER; end <= CALLED; end++)
        uv_read_start((uv_stream_t *)&pipe->ends[end], give_room, has_come);
}

static void called(uv_stream_t *listener, int status)
{
    struct sockaddr_in parent;
    (void)listener;
    assert_int_equal(status, 0);
    assert_true(relay.pipe_count < PIPES_MAX);
    struct pipe *pipe = &relay.pipes[relay.pipe_count++];
    *pipe = (struct pipe){.swallowed = relay.half_open};
    for (int end = CALLER; end <= CALLED; end++) {
        uv_tcp_init(&world.loop, &pipe->ends[end]);
        pipe->ends[end].data = pipe;
    }
    assert_int_equal(uv_accept((uv_stream_t *)&relay.listener, (uv_stream_t *)&pipe->ends[CALLER]),
                     0);
    pipe->connecting.data = pipe;
    uv_ip4_addr("127.0.0.1", world.port, &parent);
    if (pipe->swallowed)
        uv_read_start((uv_stream_t *)&pipe->ends[CALLER], give_room, has_come);
    else
        uv_tcp_connect(&pipe->connecting, &pipe->ends[CALLED], (struct sockaddr *)&parent,
                       connected);
}

static void sip(uv_timer_t *timer)
{
    (void)timer;
    for (size_t i = 0; i < relay.pipe_count; i++)
        for (int end = CALLER; end <= CALLED; end++)
            if (!uv_is_closing((uv_handle_t *)&relay.pipes[i].ends[end]))
                uv_read_start((uv_stream_t *)&relay.pipes[i].ends[end], give_room, has_come);
}

static void relay_start(void)
{
    struct sockaddr_in any;
    int size = sizeof any;
    memset(&relay, 0, sizeof relay);
    uv_ip4_addr("127.0.0.1", 0, &any);
    uv_tcp_init(&world.loop, &relay.listener);
    assert_int_equal(uv_tcp_bind(&relay.listener, (struct sockaddr *)&any, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&relay.listener, 16, called), 0);
    assert_int_equal(uv_tcp_getsockname(&relay.listener, (struct sockaddr *)&any, &size), 0);
    uv_timer_init(&world.loop, &relay.sip);
    relay.port = (uint16_t)(any.sin_port << 8 | any.sin_port >> 8);
}

static void relay_end(void)
{
    close_end(&relay.listener);
    uv_close((uv_handle_t *)&relay.sip, NULL);
    for (size_t i = 0; i < relay.pipe_count; i++) {
        close_end(&relay.pipes[i].ends[CALLER]);
        close_end(&relay.pipes[i].ends[CALLED]);
    }
}

static struct link_options quick(struct link_options options)
{
    options.ping_ms = DEAD_MS / 4;
    options.dead_ms = DEAD_MS;
    options.handshake_ms = DEAD_MS;
    return options;
}

static void dial_over_relay(struct side *child, const struct side *parent)
{
    char url[64];
    const char *urls[] = {url};
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", relay.port);
    assert_int_equal(link_room_dial(child->room, parent->key, urls, 1, NULL), ERR_OK);
}

static void a_half_open_line_is_dropped_at_both_ends(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    const struct link_options parents = quick(parent_options()),
                              childs = quick(side_options(child));
    uint64_t dialled;
    (void)state;
    start_parent(&parents);
    start_side(child, &childs);
    relay_start();
    dial_over_relay(child, parent);
    RUN_UNTIL(parent->link && child->link);
    send_body(child, 3, 60000);
    RUN_UNTIL(parent->heard[3] == 1);

    relay.half_open = true;
    send_body(child, 3, 60000);
    send_body(parent, 2, 300);
    RUN_UNTIL(parent->log_count == 2 && child->log_count == 2);
    assert_int_equal(parent->log[1].reason, LINK_DOWN_TIMEOUT);
    assert_int_equal(child->log[1].reason, LINK_DOWN_TIMEOUT);
    dialled = counters_of(child).dialled;
    RUN_UNTIL(counters_of(child).dialled >= dialled + 2); /* it doesn't give up */
    assert_int_equal(parent->heard[3], 1);

    relay.half_open = false;
    RUN_UNTIL(parent->link && child->link);
    send_body(child, 3, 60000);
    send_body(parent, 2, 300);
    RUN_UNTIL(parent->heard[3] == 2 && child->heard[2] == 1);
    relay_end();
}

/* The line takes calls and says nothing: each attempt is given up in its time. */
static void a_line_cut_in_mid_handshake_is_dialled_again(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    const struct link_options parents = quick(parent_options()),
                              childs = quick(side_options(child));
    (void)state;
    start_parent(&parents);
    start_side(child, &childs);
    relay_start();
    relay.half_open = true; /* it connects, and nothing answers */
    dial_over_relay(child, parent);
    RUN_UNTIL(counters_of(child).timeout >= 2);
    assert_int_equal(child->log_count, 0);
    assert_int_equal(counters_of(parent).accepted, 0);
    relay.half_open = false;
    RUN_UNTIL(parent->link && child->link);
    relay_end();
}

/* A thin line of which nobody has declared a rate: the kernels would take a megabyte of bulk. What
 * is urgent finds little of it in front, on the way as well. */
static void urgent_passes_bulk_on_a_thin_line(void **state)
{
    struct side *parent = &world.sides[0], *child = &world.sides[1];
    const struct link_options parents = parent_options(), childs = side_options(child);
    size_t before = 0;
    (void)state;
    start_parent(&parents);
    start_side(child, &childs);
    relay_start();
    relay.sip_bytes = 2048; /* 200 kB/s */
    uv_timer_start(&relay.sip, sip, SIP_MS, SIP_MS);
    dial_over_relay(child, parent);
    RUN_UNTIL(parent->link && child->link);
    for (unsigned i = 0; i < 450; i++)
        send_body(child, 3, 2000);
    RUN_UNTIL(parent->heard_bytes[3] >= 200000);
    before = parent->heard_bytes[3];
    send_body(child, 1, 300);
    RUN_UNTIL(parent->heard[1] == 1);
    /* what was on the way: two slices, and what the line's own delay holds */
    assert_in_range(parent->bytes_before_urgent - before, 0, 3 * FRAME_SLICE_BYTES);
    relay.sip_bytes = 0;
    RUN_UNTIL(parent->heard[3] == 450);
    relay_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_half_open_line_is_dropped_at_both_ends, world_set_up,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(a_line_cut_in_mid_handshake_is_dialled_again, world_set_up,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(urgent_passes_bulk_on_a_thin_line, world_set_up,
                                        world_tear_down),
    };
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
