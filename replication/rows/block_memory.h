/* Blocks that one reader opened lately.
 *
 * To open a block is to decompress, decode, hash and verify all of its entries, a hundred times the
 * work of finding it; reads tend to fall on the blocks of a moment ago. A block is found by the
 * bytes that lie in the store now: when they are those that were verified, so is the block; when
 * they are others (entries were erased, more came behind them, the disk rotted), it is opened anew.
 *
 * A memory serves one tree and one thread at a time; it goes when the tree changes, since the keys
 * that verify come from there. */
#ifndef TERRACE_REPLICATION_ROWS_BLOCK_MEMORY_H
#define TERRACE_REPLICATION_ROWS_BLOCK_MEMORY_H

#include "replication/format/plain_block.h"

enum {
    BLOCK_MEMORY_BLOCKS_MAX = 64,
    BLOCK_MEMORY_BYTES_USUAL = 4 << 20,
};

struct block_memory;
/* About `bytes_max` of opened blocks, and those in use beyond. The caller frees. */
struct block_memory *block_memory_new(size_t bytes_max);
void block_memory_free(struct block_memory *memory); /* nothing of it is in use; NULL is legal */

struct remembered_block;
const struct prepared_block *remembered_block(const struct remembered_block *remembered);
struct plain_block *remembered_text(struct remembered_block *remembered);

/* As what a block is remembered: verified whole, or decompressed alone. */
enum remembered_as { REMEMBERED_OPENED, REMEMBERED_TEXT };
/* The block of this stream that begins at `seq`, where `same` says that it lies in the store as it
 * did; NULL: it isn't here. In use until block_memory_done. */
struct remembered_block *block_memory_find(struct block_memory *memory, enum remembered_as as,
                                           const struct stream_id *stream, uint32_t seq,
                                           bool (*same)(void *context, struct span stored),
                                           void *context);
/* Takes over a block that was just opened from `stored`, which is moved from. In use until
 * block_memory_done; what was used longest ago makes room. */
struct remembered_block *block_memory_keep(struct block_memory *memory,
                                           struct prepared_block *block, struct buffer *stored);
struct remembered_block *block_memory_keep_text(struct block_memory *memory,
                                                const struct stream_id *stream, uint32_t seq,
                                                struct plain_block *text, struct buffer *stored);
void block_memory_done(struct block_memory *memory, struct remembered_block *remembered);

#endif
