/* Inside the replica: streams whose way has changed, and what a moved seat owes its records. */
#ifndef TERRACE_REPLICATION_MOVE_H
#define TERRACE_REPLICATION_MOVE_H

#include "replication/carry.h"

/* Whether two neighbours on the way of a path stream are none any more by the tree; `at`: the place
 * of the first such pair's first seat. What isn't known here breaks nothing. */
bool way_breaks(const struct tree *tree, const struct stream_open *open, uint32_t *at);
/* Whether those two are none that stand at `at` and behind it. */
bool way_breaks_behind(const struct tree *tree, const struct stream_open *open, uint32_t at);
/* The entry of a path stream goes, by the streams of now, to those seats of its way, from `first`
 * up to `end`, that its record's circle holds and that may read it. */
void way_entry_goes(struct step *step, const struct entry_place *entry,
                    const struct stream_open *open, uint32_t first, uint32_t end);
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

/* Whether an entry of a path stream reaches this holder by that stream: of an own one whose way has
 * broken, those behind the break have what their first has marked. */
bool way_reaches(struct step *step, const struct entry_place *place, const struct stream_open *open,
                 const char *seat);

/* losses.c: once a batch: who has moved, and lives in a later epoch, gets back what it wrote before
 * and doesn't list any more; and its marks count for nothing. */
void losses_when_due(struct step *step);

/* home.c: once a batch: a seat that has moved extends its open records by its new parent. */
void home_when_due(struct step *step);
/* The record was closed, or isn't what it was: it may be open now, and the new parent lack it. */
bool home_is_open(const struct record_state *record, const struct record_type *type);
void home_opened(struct step *step, const uint8_t key[static RECORD_KEY_BYTES]);

/* beyond.c: tell the author's side of this link how far streams have got behind a break. */
void beyond_tell(struct step *step, const struct session *session);
void beyond_on_message(struct step *step, struct session *session, struct span body);

#endif
