/* Inside the replica: declared roll-ups, kept in the step that changes a record (rules.md B105). */
#ifndef TERRACE_REPLICATION_ROLLUPS_H
#define TERRACE_REPLICATION_ROLLUPS_H

#include "replication/core.h"
#include "replication/rows/rollup_cells.h"

/* What a record gave before something changes it: noted from its state, taken out and put anew
 * when the rows of the step say what it is now. Every way by which a record changes goes through
 * these two: a fold, a fold anew, a deadline that moves. */
struct rollups_before {
    struct cell_whose whose;
    size_t count;
    struct rollup_share *shares; /* owned; NULL: it isn't counted here */
};
/* `state` NULL: the record isn't here. */
void rollups_note(struct step *step, const struct record_type *type, const struct record_id *id,
                  const struct record_state *state, struct rollups_before *before);
/* Frees `before`. */
void rollups_put(struct step *step, const struct record_type *type, const struct record_id *id,
                 const struct record_state *state, struct rollups_before *before);
/* The same of an entry that was folded in; state NULL: it, the record's creation, is all there is.
 */
void rollups_put_entry(struct step *step, const struct record_type *type,
                       const struct located_entry *located, const struct record_state *state,
                       struct rollups_before *before);
/* Once a batch: a bounded piece of what is being built, and of deadlines that have passed. */
void rollups_when_due(struct step *step);
/* All that is held of a former key of this seat is counted from now on. */
void rollups_inherit(struct step *step, struct key_id former);

#endif
