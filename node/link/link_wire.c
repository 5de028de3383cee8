/* A fallback's wire (formats.md 6). Somebody whose parent is away dials us as its host, proves its
 * link key, and says which seat it is. Whoever uses the room says where it may go; the first of
 * these that answers is said back, and from then on bytes pass both ways as they are: the session
 * that runs through them is between the two ends, and here nobody can read it.
 *
 *     caller -- link (handshake of its own, `wire`) -- this room -- stream -- one above both
 *
 * One piece each way is on the way at a time, so a slow end stops the other, and 32 KiB a wire is
 * all that is held. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

enum { PIECE_BYTES = 16 << 10, ROUTE_PATIENCE_PARTS = 4 };

struct wire {
    struct link *link;
    struct link_route routes[LINK_ROUTES_MAX];
    size_t route_count, route; /* which is being dialled */
    nng_stream_dialer *dialer;
    nng_stream *far;
    struct operation dialling, sending, receiving; /* of the far end */
    size_t sent_at, sent_size;                     /* of what came from the near end */
    const uint8_t *near;
    uint8_t piece[PIECE_BYTES]; /* what came from the far end */
};

static void said(struct buffer *body, const char *seat)
{
    mp_write_map(body, 1);
    mp_write_uint(body, 1);
    mp_write_text(body, seat);
}

static bool read_seat(struct span body, char seat[static SEAT_BYTES_MAX + 1])
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    struct span text = SPAN_EMPTY;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == 1)
            text = mp_read_str(&reader);
        else
            mp_read_any(&reader);
    }
    mp_read_end(&reader);
    if (reader.failed || text.size == 0 || text.size > SEAT_BYTES_MAX)
        return false;
    memcpy(seat, text.data, text.size);
    seat[text.size] = '\0';
    return true;
}

void link_wire_options(const struct link *link, uint8_t prologue[static WIRE_PROLOGUE_BYTES],
                       struct noise_options *options)
{
    static const char text[] = "terrace wire";
    const struct link_options *room = &link->room->options;
    const size_t size = sizeof text - 1;

    memcpy(prologue, text, size);
    prologue[size] = WIRE_VERSION;
    memcpy(prologue + size + 1, room->tree_id, HASH_BYTES);
    *options = (struct noise_options){.pattern = NOISE_IKPSK2,
                                      .initiator = link->uplink,
                                      .prologue = SPAN(prologue, WIRE_PROLOGUE_BYTES)};
    memcpy(options->static_secret, room->link_secret, NOISE_KEY_BYTES);
    memcpy(options->psk, room->psk, NOISE_KEY_BYTES);
    if (link->uplink)
        memcpy(options->remote_static, link->room->uplink.peer_key, NOISE_KEY_BYTES);
}

/* ---- the caller ---- */

void link_wire_ask(struct link *link)
{
    struct buffer body = {0};

    said(&body, link->room->uplink.own_seat);
    link_queue(link, 0, MESSAGE_TYPE_WIRE, span_of_buffer(&body));
    buffer_free(&body);
}

/* The host has put us through: what follows is a link with whoever is at the other end. */
static void go_through(struct link *link, const uint8_t key[static LINK_KEY_BYTES])
{
    memcpy(link->peer_key, key, LINK_KEY_BYTES);
    frame_sender_free(&link->sender);
    frame_receiver_free(&link->receiver);
    link->sender = (struct frame_sender){0};
    link->receiver = (struct frame_receiver){0};
    link->bytes_sealed = link->asked_bytes = link->read_bytes = link->asked_ms = 0;
    link->pings = link->pongs = link->asked_ping = 0;
    link->wiring = false;
    link->over = true;
    link_move(link, LINK_GREETING);
    link->began_ms = room_now(link->room);
    link_arm(link);
    handshake_begin(link);
}

static void take_answer(struct link *link, const struct frame_message *message)
{
    const struct uplink *uplink = &link->room->uplink;
    char seat[SEAT_BYTES_MAX + 1];

    if (message->type == MESSAGE_TYPE_BYE)
        return;
    if (message->channel != 0 || message->type != MESSAGE_TYPE_WIRE ||
        !read_seat(message->body, seat) || link->sender.queued_bytes > 0 || link->sending.busy) {
        link_malformed(link);
        return;
    }
    for (size_t i = 0; i < uplink->target_count; i++) {
        if (strcmp(uplink->targets[i].seat, seat) == 0) {
            go_through(link, uplink->targets[i].key);
            return;
        }
    }
    link_malformed(link); /* it is none of ours */
}

/* ---- the host ---- */

size_t link_wire_count(const struct link_room *room)
{
    size_t count = 0;

    for (size_t i = 0; i < room->link_count; i++)
        count += room->links[i]->wiring && room->links[i]->state != LINK_CLOSING;
    return count;
}

bool link_wire_begin(struct link *link)
{
    uint8_t prologue[WIRE_PROLOGUE_BYTES];
    struct noise_options options;
    bool begun;

    if (!link->room->options.callbacks.on_wire || link_wire_count(link->room) >= LINK_WIRES_MAX)
        return false;
    link_wire_options(link, prologue, &options);
    noise_wipe(&link->greeting->noise);
    begun = noise_begin(&link->greeting->noise, &options);
    sodium_memzero(&options, sizeof options);
    link->wiring = begun;
    return begun;
}

void link_wire_take(struct link *link, const struct frame_message *message)
{
    const struct link_options *options = &link->room->options;
    char seat[SEAT_BYTES_MAX + 1];

    if (link->uplink) {
        take_answer(link, message);
        return;
    }
    if (message->type == MESSAGE_TYPE_BYE)
        return;
    if (message->channel != 0 || message->type != MESSAGE_TYPE_WIRE || link->wire_asked ||
        !read_seat(message->body, seat)) {
        link_malformed(link);
        return;
    }
    link->wire_asked = true;
    options->callbacks.on_wire(options->context, link->id, link->peer_key, seat);
}

static void dial_route(struct wire *wire);

static void read_far(struct wire *wire)
{
    nng_iov iov = {.iov_buf = wire->piece, .iov_len = sizeof wire->piece};

    if (wire->receiving.busy || wire->link->state != LINK_UP)
        return;
    nng_aio_set_iov(wire->receiving.aio, 1, &iov);
    wire->receiving.busy = true;
    nng_stream_recv(wire->far, wire->receiving.aio);
}

void link_wire_flushed(struct link *link)
{
    if (link->wire != NULL && link->wire->far != NULL)
        read_far(link->wire);
}

static void far_received(struct operation *operation)
{
    struct wire *wire = operation->owner;
    struct link *link = wire->link;
    const size_t count = nng_aio_count(operation->aio);

    if (link->state != LINK_UP) {
        link_finish_if_idle(link);
        return;
    }
    if (nng_aio_result(operation->aio) != 0 || count == 0) {
        link_shut(link, LINK_DOWN_LOST);
        return;
    }
    link->heard_ms = room_now(link->room);
    link->room->counters.wired += count;
    link->output.size = 0;
    link->output_at = 0;
    buffer_append(&link->output, wire->piece, count);
    link_flush(link);
}

static void send_far(struct wire *wire)
{
    nng_iov iov = {.iov_buf = (void *)(uintptr_t)(wire->near + wire->sent_at),
                   .iov_len = wire->sent_size - wire->sent_at};

    nng_aio_set_iov(wire->sending.aio, 1, &iov);
    wire->sending.busy = true;
    nng_stream_send(wire->far, wire->sending.aio);
}

static void far_sent(struct operation *operation)
{
    struct wire *wire = operation->owner;
    struct link *link = wire->link;

    if (link->state != LINK_UP) {
        link_finish_if_idle(link);
        return;
    }
    if (nng_aio_result(operation->aio) != 0) {
        link_shut(link, LINK_DOWN_LOST);
        return;
    }
    wire->sent_at += nng_aio_count(operation->aio);
    if (wire->sent_at < wire->sent_size) {
        send_far(wire);
        return;
    }
    link->input_in_use = false;
    if (!link->large_input)
        link->large_input = mem_alloc(LINK_INPUT_BYTES_LARGE);
    link_read(link);
}

bool link_wire_passes(const struct link *link)
{
    return link->wire != NULL && link->wire->far != NULL;
}

void link_wire_pass(struct link *link, struct span input)
{
    struct wire *wire = link->wire;

    link->heard_ms = room_now(link->room);
    link->room->counters.wired += input.size;
    link->input_in_use = true; /* until the far end has it */
    wire->near = input.data;
    wire->sent_at = 0;
    wire->sent_size = input.size;
    send_far(wire);
}

/* ---- where it goes ---- */

static void route_failed(struct wire *wire)
{
    struct link *link = wire->link;

    if (++wire->route < wire->route_count) {
        dial_route(wire);
        return;
    }
    link_drain(link, LINK_DOWN_LOST, LINK_BYE_REFUSED);
}

static void route_dialled(struct operation *operation)
{
    struct wire *wire = operation->owner;
    struct link *link = wire->link;
    nng_stream *stream =
        nng_aio_result(operation->aio) == 0 ? nng_aio_get_output(operation->aio, 0) : NULL;
    struct buffer body = {0};

    nng_stream_dialer_free(wire->dialer);
    wire->dialer = NULL;
    if (link->state != LINK_UP) {
        if (stream)
            nng_stream_free(stream);
        link_finish_if_idle(link);
        return;
    }
    if (!stream) {
        route_failed(wire);
        return;
    }
    said(&body, wire->routes[wire->route].seat);
    link_queue(link, 0, MESSAGE_TYPE_WIRE, span_of_buffer(&body));
    buffer_free(&body);
    wire->far = stream; /* what goes out from here on isn't ours */
    link->heard_ms = room_now(link->room);
    link_arm(link);
    link_flush(link);
}

static void dial_route(struct wire *wire)
{
    const uint32_t most = wire->link->room->options.handshake_ms;

    if (nng_stream_dialer_alloc(&wire->dialer, wire->routes[wire->route].url) != 0) {
        wire->dialer = NULL;
        route_failed(wire);
        return;
    }
    wire->dialling.busy = true;
    nng_aio_set_timeout(wire->dialling.aio, (nng_duration)(most / ROUTE_PATIENCE_PARTS + 1));
    nng_stream_dialer_dial(wire->dialer, wire->dialling.aio);
}

void link_room_put_through(struct link_room *room, uint32_t id, const struct link_route *routes,
                           size_t count)
{
    struct link *link = room_link(room, id);
    struct wire *wire;
    bool ready;

    assert(count > 0 && count <= LINK_ROUTES_MAX);
    if (!link || link->state != LINK_UP || !link->wiring || link->uplink || link->wire)
        return;
    wire = mem_alloc(sizeof *wire);
    wire->link = link;
    memcpy(wire->routes, routes, count * sizeof *routes);
    wire->route_count = count;
    ready = operation_init(&wire->dialling, room, wire, route_dialled);
    ready = operation_init(&wire->sending, room, wire, far_sent) && ready;
    ready = operation_init(&wire->receiving, room, wire, far_received) && ready;
    link->wire = wire;
    if (ready)
        dial_route(wire);
    else
        link_shut(link, LINK_DOWN_LOST);
}

bool link_room_wiring(const struct link_room *room, uint32_t id)
{
    const struct link *link = room_link(room, id);

    return link && link->state == LINK_UP && link->wiring && link->wire_asked && !link->wire;
}

/* ---- its end ---- */

void link_wire_close(struct link *link)
{
    struct wire *wire = link->wire;

    if (wire == NULL)
        return;
    if (wire->dialling.busy)
        nng_aio_cancel(wire->dialling.aio);
    if (wire->far != NULL)
        nng_stream_close(wire->far);
}

bool link_wire_busy(const struct link *link)
{
    const struct wire *wire = link->wire;

    return wire != NULL && (wire->dialling.busy || wire->sending.busy || wire->receiving.busy);
}

void link_wire_free(struct link *link)
{
    struct wire *wire = link->wire;

    if (wire == NULL)
        return;
    operation_free(&wire->dialling);
    operation_free(&wire->sending);
    operation_free(&wire->receiving);
    if (wire->far != NULL)
        nng_stream_free(wire->far);
    free(wire);
    link->wire = NULL;
}
