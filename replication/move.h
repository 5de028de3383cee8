/* Inside the replica: streams whose way has changed, and what a moved seat owes its records. */
#ifndef TERRACE_REPLICATION_MOVE_H
#define TERRACE_REPLICATION_MOVE_H

#include "replication/carry.h"

/* Whether two neighbours on the way of a path stream are none any more by the tree; `at`: the place
 * of the first such pair's first seat. What isn't known here breaks nothing. */
bool way_breaks(const struct tree *tree, const struct stream_open *open, uint32_t *at);
/* How far the seat is known to hold the stream; `known`: by a mark or a link of now. */
uint32_t way_marked(struct step *step, const char *seat, const struct stream_id *stream,
                    const struct stream_row *row, bool *known);

/* Once a batch: streams of this seat end where their way has changed, and what those behind the
 * break lack goes to them again. */
void moves_when_due(struct step *step);

/* Whether an own stream has ended because of its way; then up to where its holders must have it,
 * and the hash there: to its end until what they lack has gone again, then to where that begins. */
bool way_ended(struct step *step, const struct stream_id *stream, const struct stream_row *row,
               uint32_t *seq, struct hash *hash);

/* home.c: once a batch: a seat that has moved extends its open records by its new parent. */
void home_when_due(struct step *step);

/* beyond.c: tell the author's side of this link how far streams have got behind a break. */
void beyond_tell(struct step *step, const struct session *session);
void beyond_on_message(struct step *step, struct session *session, struct span body);

#endif
