/* Inside the replica: when records are overdue, kept beside them as they are folded; and the rise,
 * which one seat writes for each (rules.md 1, A32, B79..B82). */
#ifndef TERRACE_REPLICATION_DEADLINES_H
#define TERRACE_REPLICATION_DEADLINES_H

#include "replication/core.h"

/* `op` was folded into the record, or all of it anew (NULL); record NULL: `op`, its creation, is
 * all there is; both: it is gone. */
void deadline_folded(struct step *step, const struct record_type *type, const struct record_id *id,
                     const struct record_state *record, const struct operation *op);
/* Once a batch: a bounded piece of what other calendars or types make due at another time, and of
 * what is to be looked at. */
void deadlines_when_due(struct step *step);
void calendars_free(struct replica *replica);

/* The state that a record is in, and what brought it there. */
struct standing {
    const struct workflow_state *state; /* NULL: there is no limit of time */
    const struct operation *entered;
};
struct standing deadline_standing(const struct record_state *record, const struct record_type *type,
                                  const struct record_id *id);

/* rise.c: whether this machine's clock is known to be right: near the time that has passed since
 * the newest token came. */
bool clock_is_good(const struct step *step);
/* What time it is as far as anybody has signed it: by the own clock where that is good, else by the
 * newest token and what has passed since it was heard. 0: there is none. */
uint64_t time_as_signed(const struct step *step);
/* Looks at a record that is overdue: writes the rise if that is this seat's turn. When to look
 * again; 0: not again. */
uint64_t rise_look_at(struct step *step, const struct record_type *type, const struct record_id *id,
                      uint64_t due_ms);

#endif
