/* Framing: any cut of the bytes gives the same messages, urgent passes bulk, nothing is owned when
 * idle, and what can't be is refused before memory is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <sodium.h>
#include <string.h>

#include "node/link/frame.h"

enum { QUEUE_BYTES_MAX = 1 << 20 };

static struct noise_cipher test_cipher(void)
{
    struct noise_cipher cipher = {.keyed = true};

    memset(cipher.key, 0x5a, sizeof cipher.key);
    return cipher;
}

struct ends {
    struct frame_sender sender;
    struct frame_receiver receiver;
    struct buffer wire;
};

static void ends_init(struct ends *ends, uint32_t slice_bytes)
{
    const struct noise_cipher cipher = test_cipher();

    memset(ends, 0, sizeof *ends);
    frame_sender_init(&ends->sender, &cipher, slice_bytes, QUEUE_BYTES_MAX);
    frame_receiver_init(&ends->receiver, &cipher);
}

static void ends_free(struct ends *ends)
{
    frame_sender_free(&ends->sender);
    frame_receiver_free(&ends->receiver);
    buffer_free(&ends->wire);
}

static void body_fill(uint8_t *body, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static void send_body(struct ends *ends, unsigned channel, uint8_t type, size_t size)
{
    struct buffer body = {0};

    buffer_reserve(&body, size + 1);
    body_fill(body.data, size, type);
    assert_true(frame_send(&ends->sender, channel, type, SPAN(body.data, size)));
    buffer_free(&body);
}

static void expect_body(const struct frame_message *message, unsigned channel, uint8_t type,
                        size_t size)
{
    struct buffer body = {0};

    buffer_reserve(&body, size + 1);
    body_fill(body.data, size, type);
    assert_int_equal(message->channel, channel);
    assert_int_equal(message->type, type);
    assert_true(span_equal(message->body, SPAN(body.data, size)));
    buffer_free(&body);
}

static void all_to_wire(struct ends *ends)
{
    while (frame_next(&ends->sender, &ends->wire)) {
    }
    assert_int_equal(ends->sender.queued_bytes, 0);
}

static void one_message(void **state)
{
    struct ends ends;
    struct frame_message message;
    struct span input;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    send_body(&ends, 0, 15, 0);
    all_to_wire(&ends);
    assert_int_equal(ends.wire.size, 22); /* formats.md: a ping is 22 bytes in all */
    input = span_of_buffer(&ends.wire);
    assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MESSAGE);
    expect_body(&message, 0, 15, 0);
    assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MORE);
    assert_int_equal(input.size, 0);
    assert_true(frame_receiver_idle(&ends.receiver));
    ends_free(&ends);
}

/* Messages of many sizes on one channel arrive alike whatever the pieces of the byte stream. */
static void any_pieces(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 508, 509, 510, 1000, 16381, 16384, 40000, 65535, 3};
    static const size_t pieces[] = {1, 2, 3, 17, 512, 4096, 1 << 20};
    const size_t count = sizeof sizes / sizeof sizes[0];

    (void)state;
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        struct ends ends;
        struct frame_message message;
        size_t heard = 0;

        ends_init(&ends, p % 2 ? FRAME_SLICE_BYTES : FRAME_SLICE_BYTES_MIN);
        for (size_t i = 0; i < count; i++)
            send_body(&ends, 3, (uint8_t)(20 + i), sizes[i]);
        all_to_wire(&ends);
        for (size_t at = 0; at < ends.wire.size; at += pieces[p]) {
            const size_t left = ends.wire.size - at;
            struct span input = SPAN(ends.wire.data + at, left < pieces[p] ? left : pieces[p]);

            while (frame_receive(&ends.receiver, &input, &message) == FRAME_MESSAGE) {
                expect_body(&message, 3, (uint8_t)(20 + heard), sizes[heard]);
                heard++;
            }
            assert_false(ends.receiver.failed);
        }
        assert_int_equal(heard, count);
        assert_true(frame_receiver_idle(&ends.receiver));
        ends_free(&ends);
    }
}

static void next_is(struct ends *ends, unsigned channel, uint8_t type, size_t size)
{
    struct frame_message message;
    enum frame_verdict verdict = FRAME_MORE;

    while (verdict == FRAME_MORE) {
        struct span input;

        buffer_clear(&ends->wire);
        assert_true(frame_next(&ends->sender, &ends->wire));
        input = span_of_buffer(&ends->wire);
        verdict = frame_receive(&ends->receiver, &input, &message);
    }
    assert_int_equal(verdict, FRAME_MESSAGE);
    expect_body(&message, channel, type, size);
}

static void urgent_passes_bulk(void **state)
{
    struct ends ends;
    struct frame_message message;
    struct span input;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    send_body(&ends, 3, 8, 60000);
    assert_true(frame_next(&ends.sender, &ends.wire)); /* bulk is under way */
    input = span_of_buffer(&ends.wire);
    assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MORE);
    send_body(&ends, 2, 30, 20000);
    send_body(&ends, 1, 31, 300);
    send_body(&ends, 0, 9, 5);
    next_is(&ends, 0, 9, 5);
    next_is(&ends, 1, 31, 300);
    next_is(&ends, 2, 30, 20000);
    next_is(&ends, 3, 8, 60000);
    ends_free(&ends);
}

static void small_messages_share_a_frame(void **state)
{
    struct ends ends;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    for (unsigned i = 0; i < 10; i++)
        send_body(&ends, 2, 40, 10);
    all_to_wire(&ends);
    assert_int_equal(ends.wire.size, FRAME_OVERHEAD_BYTES + 10 * (MESSAGE_HEAD_BYTES + 10));
    ends_free(&ends);
}

static void slices_keep_their_size(void **state)
{
    struct ends ends;

    (void)state;
    assert_int_equal(frame_slice_for_rate(0), FRAME_SLICE_BYTES);
    assert_int_equal(frame_slice_for_rate(2000), 512); /* 16 kbit/s */
    assert_int_equal(frame_slice_for_rate(8000), 2000);
    assert_int_equal(frame_slice_for_rate(UINT64_MAX), FRAME_SLICE_BYTES);
    ends_init(&ends, 512);
    send_body(&ends, 1, 8, 2000);
    while (frame_next(&ends.sender, &ends.wire)) {
        assert_true(ends.wire.size <= 512 + FRAME_OVERHEAD_BYTES);
        buffer_clear(&ends.wire);
    }
    ends_free(&ends);
}

static void queue_is_bounded(void **state)
{
    struct ends ends;
    static const uint8_t body[60000];
    unsigned queued = 0;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    while (frame_send(&ends.sender, queued % CHANNELS, 8, SPAN_OF_ARRAY(body)))
        queued++;
    assert_int_equal(queued, QUEUE_BYTES_MAX / (MESSAGE_HEAD_BYTES + sizeof body));
    assert_int_equal(ends.sender.queued_bytes, queued * (MESSAGE_HEAD_BYTES + sizeof body));
    assert_true(frame_next(&ends.sender, &ends.wire));
    all_to_wire(&ends);
    assert_true(frame_send(&ends.sender, 0, 8, SPAN_OF_ARRAY(body)));
    ends_free(&ends);
}

/* A queue that never runs empty gives back what was cut off. */
static void long_queue_is_compacted(void **state)
{
    struct ends ends;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    send_body(&ends, 3, 8, 30000);
    for (unsigned i = 0; i < 1000; i++) {
        send_body(&ends, 3, 8, 16000);
        buffer_clear(&ends.wire);
        assert_true(frame_next(&ends.sender, &ends.wire));
        assert_true(ends.sender.queues[3].bytes.capacity < 256 << 10);
    }
    ends_free(&ends);
}

static void idle_owns_nothing(void **state)
{
    struct ends ends;
    struct frame_message message;
    struct span input;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        send_body(&ends, channel, 8, 50000);
    all_to_wire(&ends);
    input = span_of_buffer(&ends.wire);
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MESSAGE);
    assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MORE);
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        assert_null(ends.sender.queues[channel].bytes.data);
        assert_null(ends.receiver.partials[channel].body);
    }
    assert_null(ends.receiver.frame);
    assert_null(ends.receiver.handed);
    assert_true(sizeof ends.sender + sizeof ends.receiver < 600);
    ends_free(&ends);
}

/* A length takes no memory before the first byte of its frame or body is there. */
static void a_head_alone_takes_nothing(void **state)
{
    struct ends ends;
    struct frame_message message;
    struct span input = SPAN("\xff\xff", 2);

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MORE);
    assert_null(ends.receiver.frame);
    frame_receiver_free(&ends.receiver);
    ends_free(&ends);
}

static enum frame_verdict verdict_of_plain(const uint8_t *plain, size_t size)
{
    struct noise_cipher cipher = test_cipher();
    struct frame_receiver receiver;
    struct frame_message message;
    uint8_t frame[256];
    struct span input = SPAN(frame, FRAME_LENGTH_BYTES + size + NOISE_TAG_BYTES);
    enum frame_verdict verdict;

    assert_true(input.size <= sizeof frame);
    frame_receiver_init(&receiver, &cipher);
    write_u16(frame, (uint16_t)(size + NOISE_TAG_BYTES));
    assert_true(noise_seal(&cipher, SPAN(plain, size), frame + FRAME_LENGTH_BYTES));
    verdict = frame_receive(&receiver, &input, &message);
    frame_receiver_free(&receiver);
    return verdict;
}

static void impossible_frames(void **state)
{
    static const uint8_t channel_four[] = {4, 0, 0, 15};
    static const uint8_t channel_three[] = {3, 0, 0, 15};
    static const uint8_t empty_slice[] = {0};
    struct ends ends;
    struct frame_message message;

    (void)state;
    assert_int_equal(verdict_of_plain(channel_three, 4), FRAME_MESSAGE);
    assert_int_equal(verdict_of_plain(channel_four, 4), FRAME_MALFORMED);
    assert_int_equal(verdict_of_plain(empty_slice, 1), FRAME_MALFORMED);
    for (unsigned length = 0; length < FRAME_SEALED_BYTES_MIN; length++) {
        uint8_t bytes[40] = {0, (uint8_t)length};
        struct span input = SPAN_OF_ARRAY(bytes);

        ends_init(&ends, FRAME_SLICE_BYTES);
        assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MALFORMED);
        assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MALFORMED);
        ends_free(&ends);
    }
}

static enum frame_verdict verdict_of_wire(struct span input)
{
    const struct noise_cipher cipher = test_cipher();
    struct frame_receiver receiver;
    struct frame_message message;
    enum frame_verdict verdict;

    frame_receiver_init(&receiver, &cipher);
    do
        verdict = frame_receive(&receiver, &input, &message);
    while (verdict == FRAME_MESSAGE);
    frame_receiver_free(&receiver);
    return verdict;
}

/* Every changed bit, a frame left out, twice, or out of order: never a message more. */
static void damage(void **state)
{
    struct ends ends;
    size_t first;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    send_body(&ends, 1, 8, 20);
    all_to_wire(&ends);
    first = ends.wire.size;
    assert_int_equal(verdict_of_wire(span_of_buffer(&ends.wire)), FRAME_MORE);
    for (size_t bit = FRAME_LENGTH_BYTES * 8; bit < first * 8; bit++) {
        ends.wire.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(verdict_of_wire(span_of_buffer(&ends.wire)), FRAME_DAMAGED);
        ends.wire.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    send_body(&ends, 1, 8, 20);
    all_to_wire(&ends);
    assert_int_equal(verdict_of_wire(SPAN(ends.wire.data + first, first)), FRAME_DAMAGED);
    memcpy(ends.wire.data + first, ends.wire.data, first);
    assert_int_equal(verdict_of_wire(span_of_buffer(&ends.wire)), FRAME_DAMAGED);
    ends_free(&ends);
}

/* A partial message of every channel at once is all that a peer can make us hold. */
static void one_partial_each(void **state)
{
    struct ends ends;
    struct frame_message message;
    size_t held = 0;

    (void)state;
    ends_init(&ends, FRAME_SLICE_BYTES);
    for (unsigned round = 0; round < CHANNELS; round++) {
        const unsigned channel = CHANNELS - 1 - round;
        struct span input;

        send_body(&ends, channel, 8, 65535);
        buffer_clear(&ends.wire);
        assert_true(frame_next(&ends.sender, &ends.wire));
        input = span_of_buffer(&ends.wire);
        assert_int_equal(frame_receive(&ends.receiver, &input, &message), FRAME_MORE);
    }
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        held += malloc_usable_size(ends.receiver.partials[channel].body);
    assert_true(held >= CHANNELS * 65535 && held < CHANNELS * (65536 + 4096));
    ends_free(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message),
        cmocka_unit_test(any_pieces),
        cmocka_unit_test(urgent_passes_bulk),
        cmocka_unit_test(small_messages_share_a_frame),
        cmocka_unit_test(slices_keep_their_size),
        cmocka_unit_test(queue_is_bounded),
        cmocka_unit_test(long_queue_is_compacted),
        cmocka_unit_test(idle_owns_nothing),
        cmocka_unit_test(a_head_alone_takes_nothing),
        cmocka_unit_test(impossible_frames),
        cmocka_unit_test(damage),
        cmocka_unit_test(one_partial_each),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
