/* A block's bytes taken apart and put together, nothing verified. */
#ifndef TERRACE_REPLICATION_FORMAT_BLOCK_PARTS_H
#define TERRACE_REPLICATION_FORMAT_BLOCK_PARTS_H

#include "base/msgpack.h"
#include "replication/format/block.h"

enum { BLOCK_CODEC_SHIFT = 6, BLOCK_FLAGS_MASK = 63 };

/* What the bytes say; parts that `flags` (BLOCK_HAS_*) doesn't name are zero. */
struct block_parts {
    unsigned flags;
    uint8_t payload_codec; /* of the payload that follows */
    struct stream_id stream;
    uint32_t seq;
    struct hash previous;
    uint64_t clock;           /* with BLOCK_HAS_CLOCK */
    int64_t clock_difference; /* without */
    uint32_t count;
    struct hash root;
    uint8_t codec; /* as signed */
    struct hash payload_hash;
    uint8_t signature[SIGNATURE_BYTES];
    struct span payload;
};

enum error_code block_parts_read(struct span bytes, struct block_parts *parts, struct error *error);
void block_parts_write(const struct block_parts *parts, struct buffer *out);

/* The first parts: flags, stream, place. */
void block_parts_read_prefix(struct mp_reader *reader, struct block_parts *parts);

/* The same of the text of entries, and of the body of a carry entry (carry.c). What is sealed and
 * carried opens with the keys that came with it, and stands bare then, without its key. */
struct carried_keys {
    const uint8_t *keys[BLOCK_ENTRIES_USUAL]; /* one an entry */
    bool bare[BLOCK_ENTRIES_USUAL];
    size_t count; /* 0: nothing was sealed */
};
struct entries_erasing {
    const struct block_erasing *by;
    struct carried_keys *carried; /* NULL: of a stream */
    bool nothing_left;            /* of what is sealed */
};
uint32_t entries_erase(struct span plain, const struct author_epoch *self, uint64_t clock,
                       const struct entries_erasing *erasing, struct buffer *out);
uint32_t carry_erase(struct span body, const struct block_erasing *erasing, struct buffer *out);

#endif
