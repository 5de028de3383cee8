/* Entries that only some may read (rules.md 2, A4, A21; formats.md 4).
 *
 * In a sealed stream everything of an entry but its place and its length is sealed: to the keys
 * that the stream's opening names. What is sealed is the entry's clock and the plain text of a
 * block that holds it alone, so that each can be opened and carried by itself. It is bound to its
 * author's key and epoch: copied into somebody else's stream it opens for nobody. The leaf of the
 * block's Merkle tree is a hash of the sealed bytes; the operation's own digest is the one that it
 * has in every other stream. */
#ifndef TERRACE_REPLICATION_FORMAT_ENTRY_SEAL_H
#define TERRACE_REPLICATION_FORMAT_ENTRY_SEAL_H

#include "base/seal.h"
#include "replication/format/entry.h"

/* An entry out of its seal. Owns what the entry points into. */
struct unsealed {
    struct buffer plain;
    struct entry_list list; /* one entry */
    struct hash digest;     /* of the operation */
    uint8_t content_key[SEAL_CONTENT_KEY_BYTES];
};
void unsealed_free(struct unsealed *unsealed); /* leaves it empty */

struct hash entry_seal_leaf(struct span sealed);
/* What the seals of this author and epoch are bound to. */
struct hash entry_seal_bound(const uint8_t author_key[static KEY_BYTES], uint32_t epoch);

/* Appends the entry, sealed, to `out`. `seed` as seal_make's. False: a key of `readers` is none. */
bool entry_seal(const struct entry *entry, const struct author_epoch *self,
                const uint8_t author_key[static KEY_BYTES], const uint8_t (*readers)[KEY_BYTES],
                size_t count, const struct hash *seed, struct buffer *out);

/* OPENED: `unsealed` is the caller's to free, and its entry is an operation in its form. Otherwise
 * nothing is left to free. BROKEN also when what it holds isn't one. */
enum seal_answer entry_unseal(struct span sealed, const struct author_epoch *self,
                              const uint8_t author_key[static KEY_BYTES],
                              const struct seal_key *key, struct unsealed *unsealed);
/* The same with the content key, as whoever reads it may hand it on. */
enum seal_answer entry_unseal_with(struct span sealed, const struct author_epoch *self,
                                   const uint8_t author_key[static KEY_BYTES],
                                   const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                   struct unsealed *unsealed);

#endif
