/* Inside the replica: reports of cells, made and taken (rules.md 6, B117, B118).
 *
 *     note, signed: [hash, hash, hash]     what has changed since the last report is one part or
 *                     |     |     |        two: the others are held already, and aren't sent again
 *                    part  part  part
 *
 * A note whose parts aren't all here waits beside the one that counts, also through restarts. */
#ifndef TERRACE_REPLICATION_REPORTS_H
#define TERRACE_REPLICATION_REPORTS_H

#include "replication/core.h"
#include "replication/rows/report_rows.h"

/* cells.c */
/* The next cell that can be read, of any origin; an empty `from`: the first. */
bool cells_next(const struct view *view, struct buffer *from, struct cell *cell,
                struct key_id *origin, uint64_t *report);
/* A whole report of another origin replaces what that origin reported before, in one piece. */
void cells_take_report(struct step *step, struct cell_report *report);

/* report_make.c: signs our own when it is due. */
void report_when_due(struct step *step);

/* reports.c */
enum report_taken {
    REPORT_TAKEN,   /* its cells are in; its note is still to be stored */
    REPORT_WAITS,   /* for parts, which were asked for: that is the answer to it */
    REPORT_REFUSED, /* and counted */
};
/* Of a note whose signature holds, newer than the one that counts. */
enum report_taken reports_take(struct step *step, struct session *session, struct span note,
                               struct cell_report *report);
/* Whether a newer one of this signer waits. */
bool reports_waits_newer(struct step *step, const struct note_head *head);
void reports_on_wanted(struct step *step, struct session *session, struct span body);
void reports_on_part(struct step *step, struct session *session, struct span body);
/* Parts that no note names go, and a note that waits behind the one that counts. */
void reports_tidy(struct step *step, struct key_id signer);
/* The cut-off of this key is another: what waits and doesn't count by it goes. */
void reports_drop_cut(struct step *step, struct key_id signer);

#endif
