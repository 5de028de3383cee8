/* One link: a stream, one send and one receive at a time, a timer.
 *
 * Bytes heard go through the handshake, then through the frame receiver; a message goes out to the
 * room's user before the next is looked at. Bytes to send are cut from the queues only when the
 * stream has taken the last ones, so that an urgent message finds at most one slice in front of it.
 *
 * Closing: the stream is closed, the operations come back through the inbox, then the timer is
 * closed, and in its callback everything is freed. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

_Static_assert(sizeof(struct link) <= 1536, "an idle link costs little");

enum { BULK_FROM = 2 }; /* channels normal and bulk; control and urgent never wait */

/* The states that may follow each. */
static const uint8_t moves[LINK_STATES] = {
    [LINK_GREETING] = 1 << LINK_PROVING | 1 << LINK_UP | 1 << LINK_CLOSING,
    [LINK_PROVING] = 1 << LINK_UP | 1 << LINK_CLOSING,
    [LINK_UP] = 1 << LINK_DRAINING | 1 << LINK_CLOSING | 1 << LINK_GREETING, /* put through */
    [LINK_DRAINING] = 1 << LINK_CLOSING,
    [LINK_CLOSING] = 0,
};

static bool is_unproved(const struct link *link)
{
    return !link->uplink && (link->state == LINK_GREETING || link->state == LINK_PROVING);
}

/* What must hold in a state that is entered. */
static void check_state(const struct link *link)
{
    switch (link->state) {
    case LINK_PROVING: assert(!link->uplink && link->peer_known && !link->greeting); break;
    case LINK_UP: assert(link->peer_known && !link->greeting && !link->told_up); break;
    case LINK_DRAINING: assert(link->told_up || link->joining || link->wiring); break;
    case LINK_GREETING: assert(link->over); break;
    case LINK_CLOSING:
    case LINK_STATES: break;
    }
}

void link_move(struct link *link, enum link_state state)
{
    const bool unproved = is_unproved(link);

    assert(moves[link->state] & 1 << state);
    link->state = state;
    check_state(link);
    if (unproved && !is_unproved(link)) {
        link->room->unproved_count--;
        listener_accept(link->room);
    }
}

static void link_freed(uv_handle_t *timer)
{
    struct link *link = timer->data;
    struct link_room *room = link->room;

    assert(!link->sending.busy && !link->receiving.busy);
    link_tell_down(link);
    room_forget(room, link);
    operation_free(&link->sending);
    operation_free(&link->receiving);
    link_wire_free(link);
    nng_stream_free(link->stream);
    handshake_end(link);
    frame_sender_free(&link->sender);
    frame_receiver_free(&link->receiver);
    buffer_free(&link->output);
    free(link->large_input);
    free(link);
    listener_accept(room);
    room_finish_if_idle(room);
}

void link_finish_if_idle(struct link *link)
{
    if (link->state != LINK_CLOSING || link->sending.busy || link->receiving.busy ||
        link_wire_busy(link) || uv_is_closing((uv_handle_t *)&link->timer))
        return;
    uv_close((uv_handle_t *)&link->timer, link_freed);
}

void link_tell_down(struct link *link)
{
    if (!link->told_up || link->told_down)
        return;
    link->told_down = true;
    link->room->options.callbacks.on_down(link->room->options.context, link->id, link->reason);
}

void link_shut(struct link *link, enum link_down reason)
{
    if (link->state == LINK_CLOSING)
        return;
    if (link->state != LINK_DRAINING)
        link->reason = reason;
    link_move(link, LINK_CLOSING);
    uv_timer_stop(&link->timer);
    nng_stream_close(link->stream);
    link_wire_close(link);
    link_finish_if_idle(link);
}

void link_fail(struct link *link, enum link_down reason)
{
    link_shut(link, reason);
    link_tell_down(link);
}

static void queue_bye(struct link *link, enum link_bye bye)
{
    static const char *const names[] = {
#define X(name, text) [LINK_BYE_##name] = text,
        LINK_BYE_LIST(X)
#undef X
    };
    struct buffer body = {0};

    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_text(&body, names[bye]);
    frame_send(&link->sender, 0, MESSAGE_TYPE_BYE, span_of_buffer(&body));
    buffer_free(&body);
}

void link_drain(struct link *link, enum link_down reason, enum link_bye bye)
{
    assert(link->state == LINK_UP);
    if (bye != LINK_BYE_NONE)
        queue_bye(link, bye);
    link->reason = reason;
    link_move(link, LINK_DRAINING);
    link->began_ms = room_now(link->room);
    link_arm(link);
    if (link->held) {
        link->held = false;
        link_read(link);
    }
    link_flush(link);
}

void link_retire(struct link *link, enum link_down reason, enum link_bye bye)
{
    link->reason = reason;
    link_tell_down(link);
    if (link->state == LINK_UP) /* the user may have closed it when told */
        link_drain(link, reason, bye);
}

void link_queue(struct link *link, unsigned channel, uint8_t type, struct span body)
{
    if (frame_send(&link->sender, channel, type, body)) {
        link_flush(link);
        return;
    }
    link->room->counters.flood++;
    link_shut(link, LINK_DOWN_FLOOD);
}

void link_ping(struct link *link)
{
    link->pings++;
    link_queue(link, 0, MESSAGE_TYPE_PING, SPAN_EMPTY);
}

static void start_send(struct link *link)
{
    nng_iov iov = {.iov_buf = link->output.data + link->output_at,
                   .iov_len = link->output.size - link->output_at};

    nng_aio_set_iov(link->sending.aio, 1, &iov);
    link->sending.busy = true;
    link->progress_ms = room_now(link->room);
    nng_stream_send(link->stream, link->sending.aio);
}

/* What the kernel has taken isn't read yet. A ping behind it is: its pong is the proof. */
static void ask_for_proof(struct link *link)
{
    if (link->state != LINK_UP || link->asked_ms > 0 ||
        link->bytes_sealed - link->read_bytes < LINK_PROOF_BYTES ||
        !frame_send(&link->sender, 0, MESSAGE_TYPE_PING, SPAN_EMPTY))
        return;
    link->asked_ping = ++link->pings;
    link->asked_ms = room_now(link->room);
    link->asked_bytes = link->bytes_sealed;
}

/* What lay unread when the ping went out has been read since. The rate falls slowly, so that a peer
 * that paused is as quick as before; what may lie unread covers the line's own delay and a bit. */
static void learn_rate(struct link *link)
{
    const uint64_t took_ms = room_now(link->room) - link->asked_ms + 1;
    const uint64_t shown = (link->asked_bytes - link->read_bytes) * 1000 / took_ms;
    const uint64_t former = link->rate - link->rate / 8;

    link->rate = shown > former ? shown : former;
    if (took_ms < link->proof_ms_least)
        link->proof_ms_least = took_ms;
    link->ahead_bytes = link->rate * (link->proof_ms_least + LINK_AHEAD_MS) / 1000;
    if (link->ahead_bytes < 2 * FRAME_SLICE_BYTES)
        link->ahead_bytes = 2 * FRAME_SLICE_BYTES;
}

/* So much lies unread that more of it would only stand before what is urgent. */
static bool bulk_waits(const struct link *link)
{
    return link->state == LINK_UP && link->asked_ms > 0 && link->room->options.rate_bytes == 0 &&
           link->bytes_sealed - link->read_bytes >= link->ahead_bytes;
}

static void take_proof(struct link *link)
{
    if (++link->pongs < link->asked_ping || link->asked_ms == 0)
        return; /* of a ping that went before */
    learn_rate(link);
    link->asked_ms = 0;
    link->read_bytes = link->asked_bytes;
    ask_for_proof(link);
    link_flush(link);
}

/* Seal what may be sent now into the output: frames up to one slice together, or one frame when the
 * rate is declared. False: nothing may. */
static bool fill_output(struct link *link)
{
    const uint64_t rate = link->room->options.rate_bytes;
    const uint64_t now = room_now(link->room);

    link->output.size = 0;
    link->output_at = 0;
    if (link->state != LINK_UP && link->state != LINK_DRAINING)
        return false;
    if (rate > 0 && link->pace_ms > now && link->sender.queued_bytes > 0) {
        link_arm(link);
        return false;
    }
    link->sender.channels_open = bulk_waits(link) ? BULK_FROM : CHANNELS;
    while (link->output.size < FRAME_SLICE_BYTES && frame_next(&link->sender, &link->output))
        if (rate > 0)
            break;
    if (link->output.size == 0)
        return false;
    link->bytes_sealed += link->output.size;
    ask_for_proof(link);
    link->sent_ms = now;
    if (rate > 0)
        link->pace_ms = now + link->output.size * 1000 / rate;
    return true;
}

void link_flush(struct link *link)
{
    if (link->sending.busy || link->state == LINK_CLOSING)
        return;
    if (link->output_at < link->output.size || fill_output(link)) {
        start_send(link);
        return;
    }
    if (link->sender.queued_bytes > 0)
        return; /* the timer goes on */
    buffer_free(&link->output);
    link_wire_flushed(link);
    if (link->state == LINK_DRAINING)
        link_shut(link, link->reason);
}

static void link_sent(struct operation *operation)
{
    struct link *link = operation->owner;
    const size_t count = nng_aio_count(operation->aio);

    if (link->state == LINK_CLOSING) {
        link_finish_if_idle(link);
        return;
    }
    if (nng_aio_result(operation->aio) != 0) {
        link_fail(link, LINK_DOWN_LOST);
        return;
    }
    link->output_at += count; /* the stream may have taken a part only */
    link->bytes_out += count;
    link->room->counters.bytes_out += count;
    link_flush(link);
}

void link_read(struct link *link)
{
    nng_iov iov = {.iov_buf = link->small_input, .iov_len = sizeof link->small_input};

    if (link->receiving.busy || link->input_in_use || link->held || link->state == LINK_CLOSING)
        return;
    if (link->large_input)
        iov = (nng_iov){.iov_buf = link->large_input, .iov_len = LINK_INPUT_BYTES_LARGE};
    nng_aio_set_iov(link->receiving.aio, 1, &iov);
    link->receiving.busy = true;
    nng_stream_recv(link->stream, link->receiving.aio);
}

void link_malformed(struct link *link)
{
    link->room->counters.malformed++;
    link_fail(link, LINK_DOWN_MALFORMED);
}

static void take_message(struct link *link, const struct frame_message *message)
{
    const struct link_options *options = &link->room->options;

    if (message->type != MESSAGE_TYPE_PING && message->type != MESSAGE_TYPE_PONG) {
        if (link->joining || link->wiring) {
            (link->joining ? link_join_take : link_wire_take)(link, message);
            return;
        }
        options->callbacks.on_message(options->context, link->id, message->channel, message->type,
                                      message->body);
        return;
    }
    if (message->body.size > 0)
        link_malformed(link);
    else if (message->type == MESSAGE_TYPE_PING)
        link_queue(link, 0, MESSAGE_TYPE_PONG, SPAN_EMPTY);
    else
        take_proof(link);
}

/* A tag that does not fit. Before the first good frame: somebody repeats another's first message.
 */
static void damaged(struct link *link)
{
    if (link->state == LINK_PROVING)
        link->room->counters.replay++;
    else
        link->room->counters.damaged++;
    link_fail(link, LINK_DOWN_DAMAGED);
}

static void take_frames(struct link *link, struct span input)
{
    while (link->state == LINK_PROVING || link->state == LINK_UP) {
        const uint64_t heard = link->receiver.cipher.nonce;
        struct frame_message message;
        const enum frame_verdict verdict = frame_receive(&link->receiver, &input, &message);

        if (link->receiver.cipher.nonce > heard) {
            link->heard_ms = room_now(link->room);
            if (link->state == LINK_PROVING)
                handshake_proved(link);
        }
        if (verdict == FRAME_MORE)
            return;
        if (verdict == FRAME_DAMAGED)
            damaged(link);
        else if (verdict == FRAME_MALFORMED)
            link_malformed(link);
        else if (link->state == LINK_UP)
            take_message(link, &message);
    }
}

/* A large buffer as long as there is more than fits the small one. */
static void choose_input(struct link *link, size_t count)
{
    if (!link->large_input && count == sizeof link->small_input) {
        link->large_input = mem_alloc(LINK_INPUT_BYTES_LARGE);
    } else if (link->large_input && count <= sizeof link->small_input &&
               frame_receiver_idle(&link->receiver)) {
        free(link->large_input);
        link->large_input = NULL;
    }
}

static void link_received(struct operation *operation)
{
    struct link *link = operation->owner;
    const size_t count = nng_aio_count(operation->aio);
    struct span input = SPAN(link->large_input ? link->large_input : link->small_input, count);

    if (link->state == LINK_CLOSING) {
        link_finish_if_idle(link);
        return;
    }
    if (nng_aio_result(operation->aio) != 0 || count == 0) {
        link_fail(link, LINK_DOWN_LOST);
        return;
    }
    link->bytes_in += count;
    link->room->counters.bytes_in += count;
    if (link_wire_passes(link)) {
        link_wire_pass(link, input);
        return;
    }
    link->input_in_use = true; /* what is told now may ask for more reading */
    if (link->state == LINK_GREETING)
        handshake_take(link, &input);
    take_frames(link, input);
    choose_input(link, count);
    link->input_in_use = false;
    link_read(link);
}

static struct link *link_enter(struct link_room *room, nng_stream *stream, bool uplink)
{
    struct link *link = mem_alloc(sizeof *link);

    if (room->link_count == room->link_capacity) {
        room->link_capacity = room->link_capacity ? room->link_capacity * 2 : 4;
        room->links = mem_resize(room->links, room->link_capacity * sizeof *room->links);
    }
    room->links[room->link_count++] = link;
    link->room = room;
    link->id = ++room->last_id;
    assert(link->id != 0);
    link->uplink = uplink;
    link->stream = stream;
    link->began_ms = room_now(room);
    if (!uplink)
        room->unproved_count++;
    return link;
}

void link_begin(struct link_room *room, nng_stream *stream, bool uplink)
{
    struct link *link = link_enter(room, stream, uplink);
    bool ready;

    uv_timer_init(room->options.loop, &link->timer);
    link->timer.data = link;
    ready = operation_init(&link->sending, room, link, link_sent);
    ready = operation_init(&link->receiving, room, link, link_received) && ready;
    if (uplink)
        room->uplink.link = link;
    if (!ready) {
        link_shut(link, LINK_DOWN_LOST);
        return;
    }
    link_arm(link);
    handshake_begin(link);
    link_read(link);
}
