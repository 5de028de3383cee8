/* Entries that only some may read (rules.md 2, A4, A21, B97; formats.md 4).
 *
 * In a sealed stream everything of an entry but its place and its length is sealed: to the keys
 * that the stream's opening names. What is sealed is the entry's clock and the plain text of a
 * block that holds it alone, so that each can be opened and carried by itself. It is bound to its
 * author's key and epoch: copied into somebody else's stream it opens for nobody. The operation's
 * own digest is the one that it has in every other stream.
 *
 *     whole = 01 | mark 32 | seal of (blind 16, clock u, plain)
 *     left  = 02 | mark 32 | hash(`seal`, the seal as it was) 32 | seal of the same with holes
 *     bare  = 03 | mark 32 | hash(`seal`, the seal as it was) 32 | blind 16, clock u, plain with
 * holes mark  = hash(`seal`, "operation" | blind | digest) leaf  = hash(`seal`, 01 | mark |
 * hash(`seal`, the seal as it was))
 *
 * So the block's signature covers what is erased of it by the same leaf, and whoever reads what is
 * left sees that it is of the same operation; nobody else learns the digest from its mark. */
#ifndef TERRACE_REPLICATION_FORMAT_ENTRY_SEAL_H
#define TERRACE_REPLICATION_FORMAT_ENTRY_SEAL_H

#include "base/seal.h"
#include "replication/format/entry.h"

enum { ENTRY_BLIND_BYTES = 16 };

/* An entry out of its seal. Owns what the entry points into. */
struct unsealed {
    struct buffer plain;
    struct entry_list list; /* one entry */
    struct hash digest;     /* of the operation */
    uint8_t blind[ENTRY_BLIND_BYTES];
    uint8_t content_key[SEAL_CONTENT_KEY_BYTES];
};
void unsealed_free(struct unsealed *unsealed); /* leaves it empty */

/* Of bytes in their form, or not: whatever stands there has a leaf. */
struct hash entry_seal_leaf(struct span sealed);
struct hash entry_seal_mark(const uint8_t blind[static ENTRY_BLIND_BYTES],
                            const struct hash *digest);
/* Whether these are the bytes of what is left after erasing. */
bool entry_seal_is_left(struct span sealed);
/* What the seals of this author and epoch are bound to. */
struct hash entry_seal_bound(const uint8_t author_key[static KEY_BYTES], uint32_t epoch);

/* Appends the entry, sealed, to `out`. `seed` as seal_make's. False: a key of `readers` is none. */
bool entry_seal(const struct entry *entry, const struct author_epoch *self,
                const uint8_t author_key[static KEY_BYTES], const uint8_t (*readers)[KEY_BYTES],
                size_t count, const struct hash *seed, struct buffer *out);

/* What stays of `sealed`, whole or not, when `left` is what stays of the entry that it holds, in
 * `was` as it opened: appended to `out`. `readers` NULL: bare, for whom it is carried to. False,
 * and nothing appended: a key is none, or what is left has no room in an entry. */
bool entry_seal_left(const struct entry *left, const struct unsealed *was, struct span sealed,
                     const struct author_epoch *self, const uint8_t author_key[static KEY_BYTES],
                     const uint8_t (*readers)[KEY_BYTES], size_t count, const struct hash *seed,
                     struct buffer *out);

/* The same where nothing is to be left of it: it opens for nobody. */
void entry_seal_nothing(struct span sealed, struct buffer *out);

/* OPENED: `unsealed` is the caller's to free, and its entry is an operation in its form. Otherwise
 * nothing is left to free. BROKEN also when what it holds isn't one, or isn't what its mark says.
 */
enum seal_answer entry_unseal(struct span sealed, const struct author_epoch *self,
                              const uint8_t author_key[static KEY_BYTES],
                              const struct seal_key *key, struct unsealed *unsealed);
/* The same with the content key, as whoever reads it may hand it on. */
enum seal_answer entry_unseal_with(struct span sealed, const struct author_epoch *self,
                                   const uint8_t author_key[static KEY_BYTES],
                                   const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                   struct unsealed *unsealed);

#endif
