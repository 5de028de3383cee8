/* A stored block of which one entry is wanted: decompressed, and nothing of it verified.
 *
 * Where an entry begins is found without decoding those before it; it is then decoded and hashed.
 * The caller holds its digest to one that was verified with the whole block; a text that lies says
 * something else than that, or nothing. */
#ifndef TERRACE_REPLICATION_FORMAT_PLAIN_BLOCK_H
#define TERRACE_REPLICATION_FORMAT_PLAIN_BLOCK_H

#include "replication/format/block.h"

/* What an entry's bytes depend on of those before it. */
struct entry_mark {
    uint64_t clock;
    uint32_t at;      /* in the plain text */
    uint32_t counter; /* of the last record of the block's own author; 0: none yet */
};

struct plain_block {
    struct buffer plain;
    struct entry_mark *marks; /* room for one an entry; of the first `found` they are known */
    size_t count, found;
};
/* False, and nothing to free: not a stored block, or not in its form. */
bool plain_block_open(struct span stored, struct plain_block *text);
void plain_block_free(struct plain_block *text);

/* The entry at a place and its digest, by this author; `one` holds it, points into the text, and is
 * the caller's to free. False, and nothing to free: it isn't there, not in its form, or sealed. */
bool plain_block_entry(struct plain_block *text, size_t place, const struct author_epoch *self,
                       const uint8_t author_key[static KEY_BYTES], struct entry_list *one,
                       struct hash *digest);

#endif
