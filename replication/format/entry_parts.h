/* What the files of entries and blocks share among themselves. */
#ifndef TERRACE_REPLICATION_FORMAT_ENTRY_PARTS_H
#define TERRACE_REPLICATION_FORMAT_ENTRY_PARTS_H

#include "replication/format/entry.h"

/* Clocks are milliseconds below 2^48: eight thousand years, and sums of two never overflow. */
#define CLOCK_LIMIT (UINT64_C(1) << 48)

enum {
    ENTRY_PARTS_LEAST = 5, /* kind, type, clock difference, record, body */
    ENTRY_PARTS_KNOWN = 7, /* and n, context; what comes after is further elements */
};

/* A carried entry in its seal, with the clock and the head of a text of its own. */
enum {
    SEALED_BYTES_LEAST = 1 + 2 * HASH_BYTES, /* entry_seal.h: nothing is left of it */
    SEALED_BYTES_MAX = CARRY_BYTES_MAX + SEAL_MORE_BYTES_MAX + 1024,
    STRIKE_BYTES_MAX = SEALED_BYTES_MAX + 256, /* one that is sealed, and its head */
};

static inline bool entry_kind_known(uint8_t kind)
{
    return kind <= ENTRY_STRIKE;
}

/* As entry_digest, with the body hash taken from the entry and the memory of `scratch` used
 * again: no allocation an entry. */
struct hash entry_digest_with(struct buffer *scratch, const struct entry *entry,
                              const uint8_t key[static KEY_BYTES], uint32_t epoch);
/* Digests of a whole list into `digests` (list->count of them). */
void entry_list_digests(const struct entry_list *list, const uint8_t key[static KEY_BYTES],
                        uint32_t epoch, struct hash *digests);

/* One entry of a plain text alone, decoded as in its list; `one` holds it and points into the text.
 * False, and nothing to free: it isn't in its form. */
struct entry_mark;
bool entry_decode_at(struct span plain, const struct author_epoch *self,
                     const struct entry_mark *mark, struct entry_list *one);

/* What stands in memory for a body that is erased: an empty fields map, for ever. */
struct span entry_no_body(void);
/* What stands in the text for it: [bin32], the hash of the body. */
enum { ENTRY_HOLE_BYTES = 1 + 2 + HASH_BYTES };
void entry_write_hole(struct buffer *text, const struct hash *body);

/* Whether the next value is a body: a fields map, [bin16, map], bin, or the hole [bin32]. A
 * hole's hash goes to `hash`. The span is the value's bytes; a fault fails the reader. */
struct mp_reader;
struct span entry_read_body(struct mp_reader *reader, bool *hole, struct hash *hash);

#endif
