/* Signatures gathered one at a time, in separate places. */
#ifndef TERRACE_TOPOLOGY_GATHER_H
#define TERRACE_TOPOLOGY_GATHER_H

#include "topology/tree.h"

/* Those who must sign a document: one set, or two for a root document that follows another (the
 * former keys and its own). Keys are borrowed from the tree or from the document. */
struct gather_set {
    struct admin_keys admins;
    uint16_t signed_bits; /* bit i: admin_key(i) has signed, and its signature holds */
    uint8_t signed_count;
};
struct gathered {
    struct gather_set sets[2];
    uint8_t set_count;
    uint8_t missing; /* signatures that are needed yet, at least */
    uint8_t foreign; /* signatures that hold for none of these keys: they count for nothing */
};

/* Whose signatures `envelope` needs, and has. Keys come from the tree, which knows the parent's
 * row; a document of another term than that row names needs its parent's document first:
 * ERR_PARKED. ERR_NOT_FOUND: no document here lists its seat. Spans borrow from `opened`. */
enum error_code gather_look(const struct tree *tree, const struct document_envelope *opened,
                            struct gathered *gathered, struct error *error);

/* Append `envelope` with one signature more to `out`. ERR_STALE: this key has signed it already;
 * ERR_OVERSIZE: it has as many as it may. Whether the key may sign it is not asked. */
enum error_code gather_sign(struct span envelope, const uint8_t secret[static SECRET_BYTES],
                            struct buffer *out, struct error *error);

#endif
