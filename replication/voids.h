/* Transitions that another one's coming made void, or not void any more: told to whoever watches,
 * at their author's seat and at every other (rules.md 1). */
#ifndef TERRACE_REPLICATION_VOIDS_H
#define TERRACE_REPLICATION_VOIDS_H

#include "replication/core.h"

/* Which operations of a record are void; free with voids_tell. */
struct voids {
    bool *at;
    size_t count;
};
/* `record` may be NULL. */
void voids_note(const struct record_state *record, struct voids *voids);
/* Tells what is otherwise than it was noted, of the same record with more operations. */
void voids_tell(struct step *step, const struct record_state *record, struct voids *voids);
/* The same of a record that was folded anew; either may be NULL. */
void voids_tell_anew(struct step *step, const struct record_state *before,
                     const struct record_state *after);

#endif
