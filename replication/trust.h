/* What the documents say of what a key has signed, and what follows here when they say otherwise.
 */
#ifndef TERRACE_REPLICATION_TRUST_H
#define TERRACE_REPLICATION_TRUST_H

#include "replication/core.h"

/* trust.c: what the documents say of a place (rules.md 4, A25), of a forked stream on its branch;
 * and in words, of one that is cut. */
enum { TRUST_REASON_BYTES = 128 };
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

#endif
