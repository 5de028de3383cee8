/* Is this store what its log says it is? Every stored block opened and verified once, every
 * derived row against the log, every signature of notes and documents.
 *
 * Nothing is changed: findings are told. A pure function over views: it goes in steps of bounded
 * work, each over whatever snapshot it is given, and what one step compares with each other it
 * reads in that step; so a node may be written to while it is verified. */
#ifndef TERRACE_REPLICATION_VERIFY_VERIFY_H
#define TERRACE_REPLICATION_VERIFY_VERIFY_H

#include "replication/ports.h"
#include "topology/tree.h"

struct verify;

/* One thing that isn't as it should be. */
struct verify_finding {
    enum table table;
    char key[160];  /* in words: seat and stream and place, type and record id */
    char what[128]; /* what is wrong with it */
};

/* X(name): what has been checked, by rows but for entries. */
#define VERIFY_COUNT_LIST(X)                                                                       \
    X(documents)                                                                                   \
    X(streams)                                                                                     \
    X(blocks)                                                                                      \
    X(entries)                                                                                     \
    X(records)                                                                                     \
    X(index)                                                                                       \
    X(cells)                                                                                       \
    X(notes)                                                                                       \
    X(parked)                                                                                      \
    X(quarantine)                                                                                  \
    X(loose) /* of the blocks: sound, and waiting for the ones before them */
struct verify_counts {
#define X(name) uint64_t name;
    VERIFY_COUNT_LIST(X)
#undef X
};

struct verify_options {
    struct hash tree_id;
    struct key_id own; /* of this node: whose cells are recounted */
    struct seal_key seal;
    /* Rows are only read, nothing is hashed, folded or compared. For tests that prove that a check
     * from outside notices what this one then lets pass. */
    bool trusting;
    void *context;
    void (*finding)(void *context, const struct verify_finding *finding);
};

/* The caller frees with verify_free. */
struct verify *verify_new(const struct verify_options *options);
void verify_free(struct verify *verify); /* NULL is legal */

/* Some work more: a block, or some hundred rows, or one count over a whole table (microseconds a
 * row). False: all is done. */
bool verify_step(struct verify *verify, const struct view *view);

const struct verify_counts *verify_counts(const struct verify *verify);
uint64_t verify_finding_count(const struct verify *verify);
const char *verify_place(const struct verify *verify); /* what the next step looks at */

#endif
