/* What the documents say of what a key has signed, and what follows here when they say otherwise.
 */
#ifndef TERRACE_REPLICATION_TRUST_H
#define TERRACE_REPLICATION_TRUST_H

#include "replication/core.h"

/* trust.c: what the documents say of a place (rules.md 4, A25), of a forked stream on its branch;
 * and in words, of one that is cut. */
enum { TRUST_REASON_BYTES = 128 };
enum trust trust_at(const struct view *view, const struct tree *tree,
                    const struct author_epoch *author, uint16_t stream, uint32_t seq);
enum trust trust_of(struct step *step, const struct author_epoch *author, uint16_t stream,
                    uint32_t seq);
void trust_reason(struct step *step, const struct author_epoch *author, uint16_t stream,
                  char text[static TRUST_REASON_BYTES]);
/* The tree has changed: whose word is another now? Their records are folded anew, by and by. */
void trust_look(struct replica *replica);
/* Another branch of what a cut-off names is here. Nothing when the key is in force. */
void trust_author_changed(struct step *step, struct key_id id);
void trust_go_on(struct step *step); /* once a batch: a bounded piece of it */
void trust_free(struct replica *replica);

/* notes.c: statements and reports of this key that its cut-off doesn't list go (A27). */
void notes_drop_cut(struct step *step, struct key_id id);
/* inherit.c: figures of this seat's former machines (rules.md A28). */
void inherit_count_record(struct step *step, const struct record_id *id,
                          const struct record_type *type, int change);
void inherit_when_due(struct step *step);
void inherit_put_in_order(struct step *step); /* once, after a store has changed its key */
/* cells.c: a cell of ours is set, or added to. */
void cells_set_own(struct step *step, struct cell *cell, bool add, int64_t value);
/* cells.c: of another origin those stay that its last report says. */
void cells_as_reported(struct step *step, struct key_id origin);
/* cells.c: what the report held of this origin has said goes. */
void cells_forget_report(struct step *step, struct key_id origin);

#endif
