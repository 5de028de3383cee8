/* zstd as blocks use it: the frame's head is read here, with our own bounds, before the library
 * is let near it; the library then only has to fill a buffer of the size that was announced. */
#include "replication/format/payload.h"

#include <assert.h>
#include <string.h>
#include <zstd.h>

#include "base/limits.h"

enum {
    MAGIC_BYTES = 4,
    LEVEL_FEW = 12, /* a lone entry is small: time is short, each byte counts */
    LEVEL_MANY = 1,
    ENTRIES_FEW = 16,
    /* bits of the frame header descriptor, RFC 8878 section 3.1.1.1.1 */
    DESCRIPTOR_DICTIONARY = 3,
    DESCRIPTOR_CHECKSUM = 4,
    DESCRIPTOR_RESERVED = 8 | 16,
    DESCRIPTOR_SINGLE_SEGMENT = 32,
};
static const uint8_t magic[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};

enum block_codec payload_pack(struct span plain, size_t entry_count, struct buffer *payload)
{
    assert(payload->size == 0 && plain.size != 0);
    assert(plain.size <= BLOCK_PLAIN_BYTES_MAX);
    buffer_reserve(payload, ZSTD_compressBound(plain.size));
    size_t size = ZSTD_compress(payload->data, payload->capacity, plain.data, plain.size,
                                entry_count <= ENTRIES_FEW ? LEVEL_FEW : LEVEL_MANY);
    if (ZSTD_isError(size) || size - MAGIC_BYTES >= plain.size) {
        buffer_append_span(payload, plain);
        return CODEC_RAW;
    }
    assert(memcmp(payload->data, magic, MAGIC_BYTES) == 0);
    payload->size = size - MAGIC_BYTES;
    memmove(payload->data, payload->data + MAGIC_BYTES, payload->size);
    return CODEC_ZSTD;
}

/* The window that a decoder is asked to keep; 0 when the content is the window. */
static uint64_t window_of(uint8_t descriptor, uint8_t window)
{
    if (descriptor & DESCRIPTOR_SINGLE_SEGMENT)
        return 0;
    uint64_t base = UINT64_C(1) << (10 + (window >> 3));
    return base + base / 8 * (window & 7);
}

static bool frame_acceptable(struct span payload)
{
    if (payload.size < 2)
        return false;
    uint8_t descriptor = payload.data[0];
    if (descriptor & (DESCRIPTOR_DICTIONARY | DESCRIPTOR_CHECKSUM | DESCRIPTOR_RESERVED))
        return false;
    return window_of(descriptor, payload.data[1]) <= BLOCK_WINDOW_BYTES_MAX;
}

static bool decompress(struct span frame, struct buffer *plain)
{
    unsigned long long size = ZSTD_getFrameContentSize(frame.data, frame.size);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size == 0 ||
        size > BLOCK_PLAIN_BYTES_MAX)
        return false;
    if (ZSTD_findFrameCompressedSize(frame.data, frame.size) != frame.size)
        return false;
    buffer_reserve(plain, size);
    size_t done = ZSTD_decompress(plain->data + plain->size, size, frame.data, frame.size);
    if (ZSTD_isError(done) || done != size)
        return false;
    plain->size += done;
    return true;
}

bool payload_unpack(struct span payload, enum block_codec codec, struct buffer *plain)
{
    assert(payload.size <= BLOCK_PAYLOAD_BYTES_MAX);
    if (codec == CODEC_RAW) {
        buffer_append_span(plain, payload);
        return true;
    }
    if (codec != CODEC_ZSTD || !frame_acceptable(payload))
        return false;
    struct buffer frame = {0};
    buffer_reserve(&frame, MAGIC_BYTES + payload.size);
    buffer_append(&frame, magic, MAGIC_BYTES);
    buffer_append_span(&frame, payload);
    bool done = decompress(span_of_buffer(&frame), plain);
    buffer_free(&frame);
    return done;
}
