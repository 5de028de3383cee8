/* Notes of the core: how they are taken, kept, passed on and signed (formats.md 5). Bytes:
 * format/note.h. */
#ifndef TERRACE_REPLICATION_NOTES_H
#define TERRACE_REPLICATION_NOTES_H

#include "replication/core.h"

/* notes.c */
void notes_take(struct step *step, struct session *session, enum hash_context context,
                struct span note);
void notes_when_due(struct step *step);
void notes_summary(struct step *step, struct session *session);
void notes_on_summary(struct step *step, struct session *session, struct span body);
void notes_on_wanted(struct step *step, struct session *session, struct span body);
void notes_on_noted(struct step *step, struct session *session, struct span body);
void notes_send_due(struct step *step, struct session *session);
void note_store_own(struct step *step, enum hash_context context, struct span note,
                    const struct note_head *head);
/* A note that was taken: stored, passed on, told below where it came from above. */
void note_keep(struct step *step, const struct session *session, enum hash_context context,
               struct span note, const struct note_head *head);
bool note_is_newer(const struct note_head *a, const struct note_head *b);
void notes_free(struct session *session);

/* tokens.c: the signed time. */
void token_load(struct replica *replica, const struct view *view);
/* A newer one of its signer. False: it is from too far ahead to be believed, and isn't kept. */
bool token_take(struct step *step, const struct note_head *head, struct span note);
void token_when_due(struct step *step); /* of the root */

/* statements.c: sign a heads statement when it is due and somebody hears it. */
void statement_when_due(struct step *step);
/* The tree has changed: new orders are answered at once. */
void statement_on_orders(struct replica *replica);
/* Entries of this block of an own stream are carried to others: of what this key alone holds the
 * statement says how far that has gone. */
void statement_on_carried(struct step *step, const struct stream_id *stream,
                          const struct prepared_block *block);

#endif
