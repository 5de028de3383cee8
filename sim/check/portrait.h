/* What a store says its records are, in words that hang on no key, record id or clock: two lives
 * that came to the same end have the same portraits, a simulated one and one of real processes.
 *
 *     incident of V1
 *     title='Bridge'
 *     notes+'seen'
 *     conflict s='b' of T1
 *     deleted=0 operations=3 excluded=0
 *
 * Fields stand in the order of their numbers, items in that of their list, conflicts sorted. */
#ifndef TERRACE_SIM_CHECK_PORTRAIT_H
#define TERRACE_SIM_CHECK_PORTRAIT_H

#include "replication/query/query.h"

struct portrait_record {
    uint16_t type;
    struct record_id id; /* as this store names it; no part of the text */
    char *text;
};

struct portrait {
    struct portrait_record *records; /* by type, then text, then id */
    size_t count;
};

/* Of every record that is here, deleted ones too. `tree` must know all authors, or their records
 * have no origin. ERR_DAMAGED: one can't be read; then `portrait` is empty. Free with
 * portrait_free. */
enum error_code portrait_take(const struct view *view, const struct tree *tree,
                              struct portrait *portrait, struct error *error);
void portrait_free(struct portrait *portrait); /* leaves an empty one */

/* Over the texts alone. */
struct hash portrait_hash(const struct portrait *portrait);

#endif
