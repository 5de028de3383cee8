/* Framing: queues of bytes cut into sealed frames, and back.
 *
 * The sender keeps each channel's messages as one run of bytes with a place where it has been cut
 * off; the next frame always comes from the most urgent channel that has any. The receiver is one
 * step function: fill a frame, open it, cut messages out of it. */
#include "node/link/frame.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FRAME_CHANNEL_BYTES + FRAME_SLICE_BYTES + NOISE_TAG_BYTES <= FRAME_BYTES_MAX,
               "a slice fits a frame");

uint32_t frame_slice_for_rate(uint64_t rate_bytes)
{
    if (rate_bytes == 0 || rate_bytes / 4 > FRAME_SLICE_BYTES)
        return FRAME_SLICE_BYTES;
    if (rate_bytes / 4 < FRAME_SLICE_BYTES_MIN)
        return FRAME_SLICE_BYTES_MIN;
    return (uint32_t)(rate_bytes / 4);
}

void frame_sender_init(struct frame_sender *sender, const struct noise_cipher *cipher,
                       uint32_t slice_bytes_max, size_t queued_bytes_max)
{
    memset(sender, 0, sizeof *sender);
    sender->cipher = *cipher;
    sender->queued_bytes_max = queued_bytes_max;
    sender->slice_bytes_max = slice_bytes_max;
    sender->channels_open = CHANNELS;
    if (slice_bytes_max > FRAME_SLICE_BYTES)
        sender->slice_bytes_max = FRAME_SLICE_BYTES;
    if (slice_bytes_max < FRAME_SLICE_BYTES_MIN)
        sender->slice_bytes_max = FRAME_SLICE_BYTES_MIN;
}

void frame_sender_free(struct frame_sender *sender)
{
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        buffer_free(&sender->queues[channel].bytes);
    sodium_memzero(sender, sizeof *sender);
}

static size_t queue_waiting(const struct frame_queue *queue)
{
    return queue->bytes.size - queue->at;
}

/* Move what waits to the front once that is cheaper than what was cut off: each byte is moved a
 * bounded number of times. */
static void queue_compact(struct frame_queue *queue)
{
    const size_t waiting = queue_waiting(queue);

    if (queue->at == 0 || waiting > queue->at)
        return;
    memmove(queue->bytes.data, queue->bytes.data + queue->at, waiting);
    queue->bytes.size = waiting;
    queue->at = 0;
}

bool frame_send(struct frame_sender *sender, unsigned channel, uint8_t type, struct span body)
{
    struct frame_queue *queue = &sender->queues[channel];

    assert(channel < CHANNELS && body.size <= MESSAGE_BYTES_MAX);
    if (sender->queued_bytes + MESSAGE_HEAD_BYTES + body.size > sender->queued_bytes_max)
        return false;
    queue_compact(queue);
    buffer_reserve(&queue->bytes, MESSAGE_HEAD_BYTES + body.size);
    buffer_append_u16(&queue->bytes, (uint16_t)body.size);
    buffer_append_byte(&queue->bytes, type);
    buffer_append_span(&queue->bytes, body);
    sender->queued_bytes += MESSAGE_HEAD_BYTES + body.size;
    return true;
}

static void queue_cut(struct frame_queue *queue, size_t size)
{
    queue->at += size;
    if (queue_waiting(queue) == 0) {
        buffer_free(&queue->bytes);
        queue->at = 0;
    }
}

/* Seal one slice of the queue as a frame at the end of `out`, in place. */
static bool seal_slice(struct frame_sender *sender, uint8_t channel, struct buffer *out)
{
    struct frame_queue *queue = &sender->queues[channel];
    const size_t waiting = queue_waiting(queue);
    const size_t slice = waiting < sender->slice_bytes_max ? waiting : sender->slice_bytes_max;
    const size_t sealed = FRAME_CHANNEL_BYTES + slice + NOISE_TAG_BYTES;
    uint8_t *frame;

    buffer_reserve(out, FRAME_LENGTH_BYTES + sealed);
    frame = out->data + out->size;
    write_u16(frame, (uint16_t)sealed);
    frame[FRAME_LENGTH_BYTES] = channel;
    memcpy(frame + FRAME_LENGTH_BYTES + FRAME_CHANNEL_BYTES, queue->bytes.data + queue->at, slice);
    if (!noise_seal(&sender->cipher, SPAN(frame + FRAME_LENGTH_BYTES, FRAME_CHANNEL_BYTES + slice),
                    frame + FRAME_LENGTH_BYTES))
        return false;
    out->size += FRAME_LENGTH_BYTES + sealed;
    sender->queued_bytes -= slice;
    queue_cut(queue, slice);
    return true;
}

bool frame_next(struct frame_sender *sender, struct buffer *out)
{
    for (uint8_t channel = 0; channel < sender->channels_open; channel++)
        if (queue_waiting(&sender->queues[channel]) > 0)
            return seal_slice(sender, channel, out);
    return false;
}

void frame_receiver_init(struct frame_receiver *receiver, const struct noise_cipher *cipher)
{
    memset(receiver, 0, sizeof *receiver);
    receiver->cipher = *cipher;
}

void frame_receiver_free(struct frame_receiver *receiver)
{
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        free(receiver->partials[channel].body);
    free(receiver->handed);
    free(receiver->frame);
    sodium_memzero(receiver, sizeof *receiver);
}

bool frame_receiver_idle(const struct frame_receiver *receiver)
{
    if (receiver->frame || receiver->length_bytes > 0)
        return false;
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        if (receiver->partials[channel].head_bytes > 0)
            return false;
    return true;
}

/* Copy up to `wanted` bytes from the front of *input; returns how many. */
static size_t take(struct span *input, uint8_t *to, size_t wanted)
{
    const size_t size = input->size < wanted ? input->size : wanted;

    if (size == 0)
        return 0;
    memcpy(to, input->data, size);
    *input = SPAN(input->data + size, input->size - size);
    return size;
}

/* FRAME_MESSAGE here means: the frame is whole and opened. */
static enum frame_verdict fill_frame(struct frame_receiver *receiver, struct span *input)
{
    if (!receiver->frame) {
        receiver->length_bytes = (uint8_t)(receiver->length_bytes +
                                           take(input, receiver->length + receiver->length_bytes,
                                                FRAME_LENGTH_BYTES - receiver->length_bytes));
        if (receiver->length_bytes < FRAME_LENGTH_BYTES)
            return FRAME_MORE;
        receiver->frame_size = read_u16(receiver->length);
        if (receiver->frame_size < FRAME_SEALED_BYTES_MIN)
            return FRAME_MALFORMED;
        if (input->size == 0)
            return FRAME_MORE; /* no memory for a length alone */
        receiver->frame = mem_alloc(receiver->frame_size);
        receiver->filled_bytes = 0;
    }
    receiver->filled_bytes =
        (uint16_t)(receiver->filled_bytes +
                   take(input, receiver->frame + receiver->filled_bytes,
                        (size_t)(receiver->frame_size - receiver->filled_bytes)));
    if (receiver->filled_bytes < receiver->frame_size)
        return FRAME_MORE;
    if (!noise_open(&receiver->cipher, SPAN(receiver->frame, receiver->frame_size),
                    receiver->frame))
        return FRAME_DAMAGED;
    if (receiver->frame[0] >= CHANNELS)
        return FRAME_MALFORMED;
    receiver->slice_at = FRAME_CHANNEL_BYTES;
    receiver->slice_end = (uint16_t)(receiver->frame_size - NOISE_TAG_BYTES);
    return FRAME_MESSAGE;
}

static void drop_frame(struct frame_receiver *receiver)
{
    free(receiver->frame);
    receiver->frame = NULL;
    receiver->slice_at = 0;
    receiver->slice_end = 0;
    receiver->length_bytes = 0;
}

/* Gather the body: a body that is whole in this slice is handed out where it stands, another is
 * copied together. */
static bool take_body(struct frame_receiver *receiver, struct frame_partial *partial,
                      struct span *slice, struct span *body)
{
    if (!partial->body && slice->size >= partial->body_size) {
        *body = SPAN(slice->data, partial->body_size);
        *slice = SPAN(slice->data + partial->body_size, slice->size - partial->body_size);
        return true;
    }
    if (slice->size == 0)
        return false; /* no memory for a head alone */
    if (!partial->body)
        partial->body = mem_alloc(partial->body_size);
    partial->filled_bytes = (uint16_t)(partial->filled_bytes +
                                       take(slice, partial->body + partial->filled_bytes,
                                            (size_t)(partial->body_size - partial->filled_bytes)));
    if (partial->filled_bytes < partial->body_size)
        return false;
    *body = SPAN(partial->body, partial->body_size);
    receiver->handed = partial->body;
    partial->body = NULL;
    return true;
}

/* Cut the next message out of the opened frame. False: the slice is used up. */
static bool cut_message(struct frame_receiver *receiver, struct frame_message *message)
{
    const unsigned channel = receiver->frame[0];
    struct frame_partial *partial = &receiver->partials[channel];
    struct span slice = SPAN(receiver->frame + receiver->slice_at,
                             (size_t)(receiver->slice_end - receiver->slice_at));
    bool whole = false;

    partial->head_bytes =
        (uint8_t)(partial->head_bytes + take(&slice, partial->head + partial->head_bytes,
                                             (size_t)(MESSAGE_HEAD_BYTES - partial->head_bytes)));
    if (partial->head_bytes == MESSAGE_HEAD_BYTES) {
        partial->body_size = read_u16(partial->head);
        whole = take_body(receiver, partial, &slice, &message->body);
    }
    receiver->slice_at = (uint16_t)(receiver->slice_end - slice.size);
    if (!whole)
        return false;
    message->channel = channel;
    message->type = partial->head[2];
    partial->head_bytes = 0;
    partial->filled_bytes = 0;
    return true;
}

enum frame_verdict frame_receive(struct frame_receiver *receiver, struct span *input,
                                 struct frame_message *message)
{
    if (receiver->failed)
        return FRAME_MALFORMED;
    free(receiver->handed);
    receiver->handed = NULL;
    for (;;) {
        enum frame_verdict verdict;

        if (receiver->slice_end > 0) {
            if (cut_message(receiver, message))
                return FRAME_MESSAGE;
            drop_frame(receiver);
        }
        verdict = fill_frame(receiver, input);
        if (verdict == FRAME_MORE)
            return verdict;
        if (verdict != FRAME_MESSAGE) {
            receiver->failed = true;
            return verdict;
        }
    }
}
