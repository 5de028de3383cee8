/* Bad messages, made as an attacker with a node's link, or even with its keys, would make them.
 * Whoever gets one must refuse and count it, and lose nothing of what is good. */
#ifndef TERRACE_SIM_MISCHIEF_H
#define TERRACE_SIM_MISCHIEF_H

#include "replication/rows/rows.h"
#include "sim/world/world.h"

/* X(name): one kind each. */
#define MISCHIEF_LIST(X)                                                                           \
    X(GARBAGE)       /* bytes that are no block */                                                 \
    X(FORGED_BLOCK)  /* a block of another author, signed by the sender */                         \
    X(ALTERED_BLOCK) /* a value changed under a true signature */                                  \
    X(UNKNOWN_KEY)   /* a block by a key that no document names */                                 \
    X(NOT_ALLOWED)   /* a true block of a stream that is not for this link */                      \
    X(FORGED_NOTE)   /* a statement of another author, signed by the sender */
enum mischief {
#define X(name) MISCHIEF_##name,
    MISCHIEF_LIST(X)
#undef X
        MISCHIEF_COUNT
};
const char *mischief_name(enum mischief mischief);

/* Puts one on the link of `child`, up or down. False: the link isn't up. */
bool mischief_make(struct world *world, enum mischief mischief, size_t child, bool to_parent);

/* A block of one entry that a node's own key signs behind the head of its newest urgent stream, and
 * that doesn't decode: no lie on a link, but on its author's own disk. */
struct poison {
    struct stream_id stream;
    uint32_t seq;
    struct stream_row row; /* as it is with the block */
    struct buffer stored;
};
/* The node must not run. False: it has no urgent stream yet; nothing to free. */
bool poison_make(struct world *world, size_t node, struct poison *poison);
/* Puts it on the node's disk, durably; the node must not have run in between. */
void poison_store(struct world *world, size_t node, const struct poison *poison);
void poison_free(struct poison *poison);

#endif
