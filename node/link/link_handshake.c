/* The handshake on a stream: length, version byte, Noise message; length, Noise message; and the
 * first frame of the dialler's, which alone proves that it is alive. Any failure closes without a
 * word. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { NOISE_FIRST_BYTES = HANDSHAKE_FIRST_BYTES - 1 };

static const uint8_t first_head[] = {0, HANDSHAKE_FIRST_BYTES, HANDSHAKE_VERSION};
static const uint8_t second_head[] = {0, HANDSHAKE_SECOND_BYTES};

static void fill_options(const struct link *link, uint8_t prologue[static 64],
                         struct noise_options *options)
{
    static const char text[] = "terrace link";
    const struct link_options *room = &link->room->options;
    const size_t size = sizeof text - 1;

    memcpy(prologue, text, size);
    prologue[size] = HANDSHAKE_VERSION;
    memcpy(prologue + size + 1, room->tree_id, HASH_BYTES);
    *options = (struct noise_options){.pattern = NOISE_IKPSK2,
                                      .initiator = link->uplink,
                                      .prologue = SPAN(prologue, size + 1 + HASH_BYTES)};
    memcpy(options->static_secret, room->link_secret, NOISE_KEY_BYTES);
    memcpy(options->psk, room->psk, NOISE_KEY_BYTES);
    if (link->uplink)
        memcpy(options->remote_static, link->peer_key, NOISE_KEY_BYTES);
}

static bool write_message(struct link *link, struct span head)
{
    uint8_t ephemeral_secret[NOISE_KEY_BYTES];
    bool written;

    randombytes_buf(ephemeral_secret, sizeof ephemeral_secret);
    buffer_append_span(&link->output, head);
    written = noise_write(&link->greeting->noise, ephemeral_secret, SPAN_EMPTY, &link->output);
    sodium_memzero(ephemeral_secret, sizeof ephemeral_secret);
    return written;
}

/* With an invitation its id stands behind the version. */
static bool write_first(struct link *link)
{
    static const uint8_t join_head[] = {0, JOIN_FIRST_BYTES, JOIN_VERSION};
    static const uint8_t wire_head[] = {0, HANDSHAKE_FIRST_BYTES, WIRE_VERSION};
    const struct link_room *room = link->room;

    if (link->wiring)
        return write_message(link, SPAN_OF_ARRAY(wire_head));
    if (!room->dials_invited)
        return write_message(link, SPAN_OF_ARRAY(first_head));
    buffer_append(&link->output, join_head, sizeof join_head);
    return write_message(link, SPAN_OF_ARRAY(room->invite_id));
}

static void handshake_failed(struct link *link, uint64_t *counter)
{
    (*counter)++;
    link_fail(link, LINK_DOWN_HANDSHAKE);
}

/* Whom the room dials; over a fallback its host first, unless that is itself the other end. */
static void begin_as_dialled(struct link *link)
{
    const struct uplink *uplink = &link->room->uplink;

    memcpy(link->peer_key, uplink->peer_key, NOISE_KEY_BYTES);
    link->peer_known = true;
    link->wiring = uplink->over;
    for (size_t i = 0; i < uplink->target_count && uplink->over; i++) {
        if (memcmp(uplink->targets[i].key, uplink->peer_key, LINK_KEY_BYTES) != 0)
            continue;
        link->wiring = false;
        link->over = true;
    }
}

void handshake_begin(struct link *link)
{
    uint8_t prologue[64];
    struct noise_options options;
    bool begun;

    _Static_assert(JOIN_PROLOGUE_BYTES <= sizeof prologue, "either kind fits");

    link->greeting = mem_alloc(sizeof *link->greeting);
    if (link->uplink && !link->over)
        begin_as_dialled(link);
    if (link->wiring)
        link_wire_options(link, prologue, &options);
    else if (link->uplink && link->room->dials_invited)
        link_join_options(link, link->room->invite_id, link->room->options.psk, prologue, &options);
    else
        fill_options(link, prologue, &options);
    begun = noise_begin(&link->greeting->noise, &options);
    sodium_memzero(&options, sizeof options);
    if (link->uplink)
        begun = begun && write_first(link);
    if (!begun)
        handshake_failed(link, &link->room->counters.handshake);
    else
        link_flush(link);
}

void handshake_end(struct link *link)
{
    if (!link->greeting)
        return;
    noise_wipe(&link->greeting->noise);
    free(link->greeting);
    link->greeting = NULL;
}

static void take_ciphers(struct link *link)
{
    const struct link_options *options = &link->room->options;
    struct noise_cipher sending, receiving;

    noise_split(&link->greeting->noise, &sending, &receiving);
    frame_sender_init(&link->sender, &sending, frame_slice_for_rate(options->rate_bytes),
                      options->queue_bytes_max);
    frame_receiver_init(&link->receiver, &receiving);
    sodium_memzero(&sending, sizeof sending);
    sodium_memzero(&receiving, sizeof receiving);
    handshake_end(link);
}

static void come_up(struct link *link)
{
    const struct link_options *options = &link->room->options;

    link->up_ms = room_now(link->room);
    link->heard_ms = link->up_ms;
    link->sent_ms = link->up_ms;
    link->ahead_bytes = LINK_AHEAD_FIRST_BYTES;
    link->proof_ms_least = UINT64_MAX;
    link_move(link, LINK_UP);
    link->told_up = !link->joining && !link->wiring;
    link->room->counters.came_up += !link->wiring;
    link_arm(link);
    if (link->wiring && link->uplink)
        link_wire_ask(link);
    if (link->joining || link->wiring)
        return;     /* whoever it is, it isn't one of ours */
    if (link->over) /* the uplink's place is free: the parent is dialled meanwhile */
        link->room->uplink.link = NULL;
    if (link->uplink) /* our first frame is what the other side waits for */
        link_ping(link);
    options->callbacks.on_up(options->context, link->id, link->peer_key, link->uplink);
}

/* The same peer has dialled again: its former link is half-open, or a machine too many. */
static void replace_former(struct link *link)
{
    struct link_room *room = link->room;

    for (size_t i = 0; i < room->link_count; i++) {
        struct link *former = room->links[i];

        if (former == link || former->uplink || former->joining || former->state != LINK_UP ||
            former->wiring != link->wiring ||
            memcmp(former->peer_key, link->peer_key, LINK_KEY_BYTES) != 0)
            continue;
        if (former->wiring)
            link_shut(former, LINK_DOWN_REPLACED);
        else
            link_retire(former, LINK_DOWN_REPLACED, LINK_BYE_REPLACED);
        return; /* there is never more than one */
    }
}

void handshake_proved(struct link *link)
{
    assert(link->state == LINK_PROVING);
    if (!link->joining && !link->wiring)
        listener_remember(link->room, &link->caller);
    if (!link->joining)
        replace_former(link);
    come_up(link);
}

/* Responder: who is it? */
static void take_first(struct link *link, struct span message)
{
    struct noise_handshake *noise = &link->greeting->noise;
    struct link_counters *counters = &link->room->counters;
    struct buffer payload = {0};
    bool read, empty;

    if (!listener_admits(link->room, &link->caller)) {
        handshake_failed(link, &counters->flood);
        return;
    }
    read = message.size == HANDSHAKE_FIRST_BYTES
               ? message.data[0] == HANDSHAKE_VERSION ||
                     (message.data[0] == WIRE_VERSION && link_wire_begin(link))
               : message.data[0] == JOIN_VERSION && link_join_begin(link, message.data + 1);
    read =
        read &&
        noise_read(noise, SPAN(message.data + message.size - NOISE_FIRST_BYTES, NOISE_FIRST_BYTES),
                   &payload);
    empty = payload.size == 0;
    buffer_free(&payload);
    if (!read || !empty) {
        handshake_failed(link, &counters->handshake);
        return;
    }
    memcpy(link->peer_key, noise->remote_static, LINK_KEY_BYTES);
    if (!link->joining && !link->wiring && !room_peer(link->room, link->peer_key)) {
        counters->unknown_key++;
        link_fail(link, LINK_DOWN_UNKNOWN_KEY);
        return;
    }
    link->peer_known = true;
    if (!write_message(link, SPAN_OF_ARRAY(second_head))) {
        handshake_failed(link, &counters->handshake);
        return;
    }
    take_ciphers(link);
    link_move(link, LINK_PROVING);
    link_flush(link);
}

/* Initiator: is it our parent? */
static void take_second(struct link *link, struct span message)
{
    struct buffer payload = {0};
    const bool read = noise_read(&link->greeting->noise, message, &payload);
    const bool empty = payload.size == 0;

    buffer_free(&payload);
    if (!read || !empty) {
        handshake_failed(link, &link->room->counters.handshake);
        return;
    }
    take_ciphers(link);
    come_up(link);
}

/* How long the other side's message must be; judged when the two bytes of its length are there. 0:
 * the link has failed. */
static size_t length_expected(struct link *link)
{
    const uint16_t length = read_u16(link->greeting->input);
    const size_t usual = link->uplink ? HANDSHAKE_SECOND_BYTES : HANDSHAKE_FIRST_BYTES;
    struct link_counters *counters = &link->room->counters;

    if (length == usual || (!link->uplink && length == JOIN_FIRST_BYTES))
        return length;
    handshake_failed(link, length > usual ? &counters->oversize : &counters->handshake);
    return 0;
}

/* Moves bytes over until so many are there; false: more must come. */
static bool gather(struct greeting *greeting, size_t whole, struct span *input)
{
    size_t taken = whole - greeting->input_bytes;

    if (taken > input->size)
        taken = input->size;
    memcpy(greeting->input + greeting->input_bytes, input->data, taken);
    greeting->input_bytes += taken;
    *input = SPAN(input->data + taken, input->size - taken);
    return greeting->input_bytes == whole;
}

void handshake_take(struct link *link, struct span *input)
{
    struct greeting *greeting = link->greeting;
    size_t expected;

    if (greeting->input_bytes < FRAME_LENGTH_BYTES && !gather(greeting, FRAME_LENGTH_BYTES, input))
        return;
    expected = length_expected(link);
    if (expected == 0 || !gather(greeting, FRAME_LENGTH_BYTES + expected, input))
        return;
    if (link->uplink)
        take_second(link, SPAN(greeting->input + FRAME_LENGTH_BYTES, expected));
    else
        take_first(link, SPAN(greeting->input + FRAME_LENGTH_BYTES, expected));
}
