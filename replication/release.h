/* What is set aside here is judged anew, by hand. */
#ifndef TERRACE_REPLICATION_RELEASE_H
#define TERRACE_REPLICATION_RELEASE_H

#include "replication/core.h"

/* Folds all operations of the event's record anew (rules.md B96); ERR_NOT_FOUND in the answer:
 * there are none. Of an event without a type: looks again at blocks that could not be decoded
 * (B114). */
void release_aside(struct step *step, const struct event *event, struct answer *answer);

#endif
