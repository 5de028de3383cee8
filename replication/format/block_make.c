/* From entries to a signed block, and from one form of its bytes to another. */
#include <assert.h>
#include <string.h>

#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"
#include "replication/format/payload.h"

void block_make(const struct entry_writer *writer, const struct hash *tree_id,
                const struct stream_id *stream, const struct stream_head *head,
                const uint8_t author_key[static KEY_BYTES],
                const uint8_t secret[static SECRET_BYTES], const struct verifier *verifier,
                struct prepared_block *block)
{
    size_t count = entry_writer_count(writer);
    struct block_header *header = &block->header;
    *block = (struct prepared_block){0};
    assert(count >= 1 && head->seq + count <= STREAM_ENTRIES_MAX);
    assert(key_id_equal(stream->author, key_id_of(author_key)));
    entry_writer_finish(writer, &block->plain);
    block->payload_codec =
        (uint8_t)payload_pack(span_of_buffer(&block->plain), count, &block->payload);
    assert(block->payload.size <= BLOCK_PAYLOAD_BYTES_MAX);
    block->digests = mem_copy(entry_writer_digests(writer), count * sizeof *block->digests);
    block->leaves = mem_copy(entry_writer_leaves(writer), count * sizeof *block->leaves);
    header->tree_id = *tree_id;
    memcpy(header->author_key, author_key, KEY_BYTES);
    header->stream = *stream;
    header->seq = head->seq;
    header->count = (uint32_t)count;
    header->previous = head->seq == 0 ? hash_zero : head->hash;
    header->clock = entry_writer_clock(writer);
    header->root = merkle_root(block->leaves, count);
    header->codec = block->payload_codec;
    header->payload_hash = hash_of(HASH_PAYLOAD, span_of_buffer(&block->payload));
    block->hash = block_header_hash(header);
    verifier_signs(verifier, &block->hash, secret, block->signature);
}

/* Each number < 2^48: the difference can't overflow. */
static int64_t clock_difference(uint64_t clock, const struct stream_head *previous)
{
    assert(clock < CLOCK_LIMIT && previous->clock < CLOCK_LIMIT);
    return (int64_t)clock - (int64_t)previous->clock;
}

void block_write(const struct prepared_block *block, unsigned flags,
                 const struct stream_head *previous, struct buffer *out)
{
    const struct block_header *header = &block->header;
    flags |= block->opaque ? BLOCK_HAS_ROOT : 0;
    flags |= block->altered ? BLOCK_HAS_PAYLOAD_HASH : 0;
    assert((flags & BLOCK_HAS_CLOCK) || previous != NULL);
    assert((flags & BLOCK_HAS_NO_PAYLOAD) || block->payload.size != 0);
    struct block_parts parts = {
        .flags = flags,
        .payload_codec = block->payload_codec,
        .stream = header->stream,
        .seq = header->seq,
        .previous = header->previous,
        .clock = header->clock,
        .count = header->count,
        .root = header->root,
        .codec = header->codec,
        .payload_hash = header->payload_hash,
        .payload = span_of_buffer(&block->payload),
    };
    if (!(flags & BLOCK_HAS_CLOCK))
        parts.clock_difference = clock_difference(header->clock, previous);
    memcpy(parts.signature, block->signature, SIGNATURE_BYTES);
    block_parts_write(&parts, out);
}

/* What the stored form had to state, because it can't be worked out, stays stated. */
bool block_reform(struct span stored, unsigned flags, const struct stream_id *stream,
                  const struct stream_head *previous, struct buffer *out)
{
    const unsigned stated = BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH;
    struct block_parts parts;
    if (block_parts_read(stored, &parts, NULL) != ERR_OK ||
        (parts.flags & BLOCK_STORED) != BLOCK_STORED)
        return false;
    unsigned had = parts.flags;
    if ((flags & BLOCK_HAS_ROOT) && !(had & BLOCK_HAS_ROOT))
        return false;
    if ((had & BLOCK_HAS_NO_PAYLOAD) && !(flags & BLOCK_HAS_NO_PAYLOAD))
        return false;
    if ((flags & BLOCK_HAS_PAYLOAD_HASH) && !(had & BLOCK_HAS_PAYLOAD_HASH)) {
        parts.codec = parts.payload_codec;
        parts.payload_hash = hash_of(HASH_PAYLOAD, parts.payload);
    }
    parts.flags = flags | (had & stated);
    if (flags & BLOCK_HAS_STREAM)
        parts.stream = *stream;
    if (!(flags & BLOCK_HAS_CLOCK))
        parts.clock_difference = clock_difference(parts.clock, previous);
    block_parts_write(&parts, out);
    return true;
}
