/* The sent and stored form:
 *
 *     flags 1 | stream | place | clock or difference | root | payload hash | signature 64 | payload
 *
 * Fixed-length parts stand raw, numbers as values. Reader and writer stand side by side. */
#include "replication/format/block_parts.h"

#include <assert.h>
#include <string.h>

#include "replication/format/entry_parts.h"

/* The next `size` raw bytes into `to`; zeros after a failure. */
static void take(struct mp_reader *reader, void *to, size_t size)
{
    if (reader->failed || size > reader->input.size - reader->at) {
        mp_fail(reader);
        memset(to, 0, size);
        return;
    }
    memcpy(to, reader->input.data + reader->at, size);
    reader->at += size;
}

static void read_place(struct mp_reader *reader, struct block_parts *parts)
{
    parts->seq = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX - 1);
    take(reader, parts->previous.bytes, HASH_BYTES);
    if (parts->seq == 0 && !hash_equal(&parts->previous, &hash_zero))
        mp_fail(reader);
}

void block_parts_read_prefix(struct mp_reader *reader, struct block_parts *parts)
{
    uint8_t flags = 0;
    take(reader, &flags, 1);
    parts->flags = flags & BLOCK_FLAGS_MASK;
    parts->payload_codec = flags >> BLOCK_CODEC_SHIFT;
    if (parts->payload_codec > CODEC_ZSTD_DICTIONARY)
        mp_fail(reader);
    if (parts->flags & BLOCK_HAS_STREAM) {
        take(reader, parts->stream.author.bytes, KEY_ID_BYTES);
        parts->stream.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
        parts->stream.number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
    }
    if (parts->flags & BLOCK_HAS_PLACE)
        read_place(reader, parts);
}

static void read_rest_of_header(struct mp_reader *reader, struct block_parts *parts)
{
    if (parts->flags & BLOCK_HAS_CLOCK)
        parts->clock = mp_read_uint_max(reader, CLOCK_LIMIT - 1);
    else
        parts->clock_difference = mp_read_int(reader);
    if (parts->flags & BLOCK_HAS_ROOT) {
        parts->count = (uint32_t)mp_read_uint_max(reader, BLOCK_ENTRIES_MAX);
        if (parts->count == 0)
            mp_fail(reader);
        take(reader, parts->root.bytes, HASH_BYTES);
    }
    if (parts->flags & BLOCK_HAS_PAYLOAD_HASH) {
        take(reader, &parts->codec, 1);
        if (parts->codec > CODEC_ZSTD_DICTIONARY)
            mp_fail(reader);
        take(reader, parts->payload_hash.bytes, HASH_BYTES);
    }
    take(reader, parts->signature, SIGNATURE_BYTES);
}

static enum error_code fail(struct error *error, enum error_code code, const char *why)
{
    return error_set(error, code, "a block", "%s", why);
}

/* Without a payload, root and payload hash can't be worked out and have to stand there. */
static enum error_code check_payload(const struct block_parts *parts, struct error *error)
{
    const unsigned stated = BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH;
    if (parts->flags & BLOCK_HAS_NO_PAYLOAD) {
        if (parts->payload.size != 0 || parts->payload_codec != 0)
            return fail(error, ERR_MALFORMED, "it says that no payload follows, and one does");
        if ((parts->flags & stated) != stated)
            return fail(error, ERR_MALFORMED, "without a payload, expected root and payload hash");
        return ERR_OK;
    }
    if (parts->payload.size == 0)
        return fail(error, ERR_MALFORMED, "the payload is missing");
    if (parts->payload.size > BLOCK_PAYLOAD_BYTES_MAX)
        return fail(error, ERR_OVERSIZE, "the payload is longer than 60,000 bytes");
    return ERR_OK;
}

enum error_code block_parts_read(struct span bytes, struct block_parts *parts, struct error *error)
{
    *parts = (struct block_parts){0};
    struct mp_reader reader = mp_reader(bytes);
    block_parts_read_prefix(&reader, parts);
    read_rest_of_header(&reader, parts);
    if (reader.failed)
        return fail(error, ERR_MALFORMED, "its header is not in its form");
    parts->payload = SPAN(bytes.data + reader.at, bytes.size - reader.at);
    return check_payload(parts, error);
}

void block_parts_write(const struct block_parts *parts, struct buffer *out)
{
    bool payload = !(parts->flags & BLOCK_HAS_NO_PAYLOAD);
    unsigned codec = payload ? (unsigned)parts->payload_codec << BLOCK_CODEC_SHIFT : 0;
    assert((parts->flags & ~(unsigned)BLOCK_FLAGS_MASK) == 0);
    buffer_append_byte(out, (uint8_t)(parts->flags | codec));
    if (parts->flags & BLOCK_HAS_STREAM) {
        buffer_append(out, parts->stream.author.bytes, KEY_ID_BYTES);
        mp_write_uint(out, parts->stream.epoch);
        mp_write_uint(out, parts->stream.number);
    }
    if (parts->flags & BLOCK_HAS_PLACE) {
        mp_write_uint(out, parts->seq);
        buffer_append(out, parts->previous.bytes, HASH_BYTES);
    }
    if (parts->flags & BLOCK_HAS_CLOCK)
        mp_write_uint(out, parts->clock);
    else
        mp_write_int(out, parts->clock_difference);
    if (parts->flags & BLOCK_HAS_ROOT) {
        mp_write_uint(out, parts->count);
        buffer_append(out, parts->root.bytes, HASH_BYTES);
    }
    if (parts->flags & BLOCK_HAS_PAYLOAD_HASH) {
        buffer_append_byte(out, parts->codec);
        buffer_append(out, parts->payload_hash.bytes, HASH_BYTES);
    }
    buffer_append(out, parts->signature, SIGNATURE_BYTES);
    if (payload)
        buffer_append_span(out, parts->payload);
}

enum error_code block_read_prefix(struct span bytes, struct block_prefix *prefix,
                                  struct error *error)
{
    struct block_parts parts = {0};
    struct mp_reader reader = mp_reader(bytes);
    block_parts_read_prefix(&reader, &parts);
    *prefix = (struct block_prefix){0};
    if (reader.failed)
        return fail(error, ERR_MALFORMED, "stream and place at its front can't be read");
    *prefix = (struct block_prefix){.flags = bytes.data[0],
                                    .stream = parts.stream,
                                    .seq = parts.seq,
                                    .previous = parts.previous};
    return ERR_OK;
}
