/* Framing of a link (formats.md 6): memory in, memory out.
 *
 *   frame   = length u16 | sealed(channel 1 | bytes of that channel)
 *   channel = messages: length u16 (without the type) | type 1 | body
 *
 * Frames cut a channel's bytes anywhere, so an urgent frame passes between two frames of a bulk
 * block, and small messages share a frame. Memory is taken when bytes are there and given back when
 * they are gone: an idle sender or receiver owns none. */
#ifndef TERRACE_NODE_LINK_FRAME_H
#define TERRACE_NODE_LINK_FRAME_H

#include "base/limits.h"
#include "node/link/noise.h"

enum {
    FRAME_LENGTH_BYTES = 2,
    FRAME_CHANNEL_BYTES = 1,
    /* a frame carries a channel, at least one byte of it, and a tag */
    FRAME_SEALED_BYTES_MIN = FRAME_CHANNEL_BYTES + 1 + NOISE_TAG_BYTES,
    FRAME_OVERHEAD_BYTES = FRAME_LENGTH_BYTES + FRAME_CHANNEL_BYTES + NOISE_TAG_BYTES,
    FRAME_SLICE_BYTES_MIN = 512, /* below this the overhead eats a thin link */
    MESSAGE_HEAD_BYTES = 3,
};

/* Bytes of one channel waiting to be cut into frames. */
struct frame_queue {
    struct buffer bytes;
    size_t at; /* where the bytes not yet cut begin */
};

struct frame_sender {
    struct noise_cipher cipher;
    struct frame_queue queues[CHANNELS];
    size_t queued_bytes; /* in all queues, not yet cut */
    size_t queued_bytes_max;
    uint32_t slice_bytes_max;
    unsigned channels_open; /* only those below are cut; all at first */
};

/* Takes the cipher. slice_bytes_max is brought within FRAME_SLICE_BYTES_MIN..FRAME_SLICE_BYTES. */
void frame_sender_init(struct frame_sender *sender, const struct noise_cipher *cipher,
                       uint32_t slice_bytes_max, size_t queued_bytes_max);
/* Gives back all memory and wipes the key. */
void frame_sender_free(struct frame_sender *sender);
/* Queue one message; the body is copied. channel < CHANNELS, body <= MESSAGE_BYTES_MAX. False: it
 * would pass queued_bytes_max, and nothing was queued. */
bool frame_send(struct frame_sender *sender, unsigned channel, uint8_t type, struct span body);
/* Append the next frame to `out`, of the lowest-numbered open channel that has bytes. False:
 * nothing is queued there, or the nonces are used up. */
bool frame_next(struct frame_sender *sender, struct buffer *out);

/* The slice that a link of this declared rate (bytes a second; 0 = not declared) should use: at
 * most a quarter of a second, so that an urgent message doesn't wait longer for one already begun.
 */
uint32_t frame_slice_for_rate(uint64_t rate_bytes);

/* One message of a channel, of which a part is here. */
struct frame_partial {
    uint8_t *body; /* owned; NULL until the head is whole and more is to come */
    uint16_t body_size, filled_bytes;
    uint8_t head[MESSAGE_HEAD_BYTES];
    uint8_t head_bytes;
};

struct frame_receiver {
    struct noise_cipher cipher;
    uint8_t *frame;  /* owned; NULL between frames */
    uint8_t *handed; /* body handed out last, given back at the next call */
    uint16_t frame_size, filled_bytes;
    uint16_t slice_at;  /* in an opened frame: what is not looked at yet */
    uint16_t slice_end; /* 0: the frame is not opened */
    uint8_t length[FRAME_LENGTH_BYTES];
    uint8_t length_bytes;
    bool failed;
    struct frame_partial partials[CHANNELS];
};

struct frame_message {
    unsigned channel;
    uint8_t type;
    struct span body; /* until the next call */
};

enum frame_verdict {
    FRAME_MESSAGE,   /* one message; call again */
    FRAME_MORE,      /* all input is used up; more bytes are needed */
    FRAME_DAMAGED,   /* a tag that does not fit: close without a word */
    FRAME_MALFORMED, /* a length or a channel that can't be: close */
};

void frame_receiver_init(struct frame_receiver *receiver, const struct noise_cipher *cipher);
void frame_receiver_free(struct frame_receiver *receiver);
/* Take bytes from the front of *input (moves it on) until a message is whole, the input is used up,
 * or something is wrong; a wrong receiver stays wrong. Lengths are judged before memory is taken:
 * never more than one frame and one message for each channel, 64 KiB each. */
enum frame_verdict frame_receive(struct frame_receiver *receiver, struct span *input,
                                 struct frame_message *message);
/* True between frames and with no message begun: nothing is owned. */
bool frame_receiver_idle(const struct frame_receiver *receiver);

#endif
