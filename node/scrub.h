/* Checking a whole store, in a process of its own: LMDB walks damaged pages into crashes and
 * endless loops, so whoever wants to know starts this program again as a child, and how the child
 * ends is part of the answer.
 *
 *     scrub_run  ->  terrace -d DIR scrub-store  ->  scrub_child: opens DIR/data read-only, walks
 * it
 *                <-  lines on its standard output: place, finding, count, end */
#ifndef TERRACE_NODE_SCRUB_H
#define TERRACE_NODE_SCRUB_H

#include <stdatomic.h>

#include "replication/verify/verify.h"

enum { SCRUB_FINDINGS_TOLD = 100 }; /* further ones are counted */

struct scrub_finding {
    char table[16];
    char key[160];
    char what[128];
};

struct scrub_result {
    uint64_t wall_ms, took_ms; /* when it began, how long it took */
    struct verify_counts counts;
    uint64_t damaged; /* findings in all; 0: sound */
    size_t told;
    struct scrub_finding findings[SCRUB_FINDINGS_TOLD];
};

struct scrub_task {
    const char *program; /* what to start; /proc/self/exe is this program */
    const char *dir;     /* the node directory */
    bool repair;         /* scrub_child's repair, see repair.h, rather than a check */
    atomic_bool *stop;   /* set by another thread: end it; NULL: nobody does */
    void *context;
    void (*progress)(void *context, const char *place, uint64_t rows); /* may be NULL */
};

/* Starts the child and waits for its end. ERR_OK: `result` says what is sound and what isn't; a
 * child that crashed, or stood still for a minute, is a finding. Else the check could not be made:
 * ERR_NOT_FOUND, NOT_ALLOWED (keys, configuration), ERR_BUSY (stopped), ERR_INTERNAL. */
enum error_code scrub_run(const struct scrub_task *task, struct scrub_result *result,
                          struct error *error);

/* The child's work; its exit status. `trusting`: see verify.h. */
int scrub_child(const char *dir, bool trusting);

/* {"sound", "checked": {...}, "damaged", "findings": [{"table", "key", "what"} ...], "when",
 * "took_ms"} as one msgpack map. */
void scrub_result_write(const struct scrub_result *result, struct buffer *out);

/* DIR/verified: what the last check said, for `status`. False: there was none. */
struct scrub_last {
    uint64_t wall_ms, damaged;
};
void scrub_last_write(const char *dir, const struct scrub_result *result);
bool scrub_last_read(const char *dir, struct scrub_last *last);

#endif
