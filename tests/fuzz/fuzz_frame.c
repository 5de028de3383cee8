/* Two receivers of one peer's bytes. The first byte picks what the rest is: bytes of a stranger
 * (mode 0), plaintext of frames that a peer with the keys cuts as it likes (mode 1), or messages
 * for an honest sender, which must come out again as they went in (mode 2). */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/link/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUEUE_BYTES_MAX = 1 << 20, WIRE_BYTES_MAX = 256 << 10 };

static struct noise_cipher fuzz_cipher(void)
{
    struct noise_cipher cipher = {.keyed = true};

    memset(cipher.key, 0x5a, sizeof cipher.key);
    return cipher;
}

/* Feed in pieces of `piece` bytes; a hash of all messages goes to `digest`. Returns their count. */
static size_t feed(struct span wire, size_t piece, uint8_t digest[static 32])
{
    const struct noise_cipher cipher = fuzz_cipher();
    crypto_generichash_state hash;
    struct frame_receiver receiver;
    struct frame_message message;
    size_t count = 0;

    crypto_generichash_init(&hash, NULL, 0, 32);
    frame_receiver_init(&receiver, &cipher);
    for (size_t at = 0; at < wire.size; at += piece) {
        const size_t left = wire.size - at;
        struct span input = SPAN(wire.data + at, left < piece ? left : piece);

        while (frame_receive(&receiver, &input, &message) == FRAME_MESSAGE) {
            const uint8_t head[] = {(uint8_t)message.channel, message.type,
                                    (uint8_t)(message.body.size >> 8), (uint8_t)message.body.size};

            assert(message.channel < CHANNELS && message.body.size <= MESSAGE_BYTES_MAX);
            crypto_generichash_update(&hash, head, sizeof head);
            crypto_generichash_update(&hash, message.body.data, message.body.size);
            count++;
        }
    }
    frame_receiver_free(&receiver);
    crypto_generichash_final(&hash, digest, 32);
    return count;
}

/* `data` is a run of (length 1, plain bytes): each becomes a frame with a right tag. */
static void seal_slices(struct span data, struct buffer *wire)
{
    struct noise_cipher cipher = fuzz_cipher();

    while (data.size > 1 && wire->size < WIRE_BYTES_MAX) {
        size_t plain = (size_t)data.data[0] * (data.data[0] > 200 ? 64 : 1);

        if (plain > data.size - 1)
            plain = data.size - 1;
        buffer_reserve(wire, FRAME_LENGTH_BYTES + plain + NOISE_TAG_BYTES);
        write_u16(wire->data + wire->size, (uint16_t)(plain + NOISE_TAG_BYTES));
        noise_seal(&cipher, SPAN(data.data + 1, plain), wire->data + wire->size + 2);
        wire->size += FRAME_LENGTH_BYTES + plain + NOISE_TAG_BYTES;
        data = SPAN(data.data + 1 + plain, data.size - 1 - plain);
    }
}

/* `data` is a run of (channel 1, size 1): messages, and frames cut in between. */
static size_t send_messages(struct span data, struct buffer *wire)
{
    static const uint8_t body[65535];
    const struct noise_cipher cipher = fuzz_cipher();
    struct frame_sender sender;
    size_t count = 0;

    frame_sender_init(&sender, &cipher, 512, QUEUE_BYTES_MAX);
    for (size_t at = 0; at + 1 < data.size && wire->size < WIRE_BYTES_MAX; at += 2) {
        const size_t size = (size_t)data.data[at + 1] * (size_t)(1 + (data.data[at] >> 5) * 30);

        if (data.data[at] & 8)
            frame_next(&sender, wire);
        count += frame_send(&sender, data.data[at] % CHANNELS, data.data[at], SPAN(body, size));
    }
    while (frame_next(&sender, wire)) {
    }
    assert(sender.queued_bytes == 0);
    frame_sender_free(&sender);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer wire = {0};
    uint8_t whole[32], cut[32];
    size_t sent = 0, heard;

    if (size < 2 || sodium_init() < 0)
        return 0;
    if (data[0] % 3 == 0)
        buffer_append(&wire, data + 2, size - 2);
    else if (data[0] % 3 == 1)
        seal_slices(SPAN(data + 2, size - 2), &wire);
    else
        sent = send_messages(SPAN(data + 2, size - 2), &wire);
    heard = feed(span_of_buffer(&wire), wire.size + 1, whole);
    assert(data[0] % 3 != 2 || heard == sent);
    assert(feed(span_of_buffer(&wire), (size_t)data[1] + 1, cut) == heard);
    assert(memcmp(whole, cut, sizeof whole) == 0);
    buffer_free(&wire);
    return 0;
}
