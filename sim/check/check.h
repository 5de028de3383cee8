/* Checkers: they look at the stores from outside and compare with the model. None of them asks
 * the core for an opinion but through the public reads.
 *
 * Much is checked by itself while the world runs: the model's hooks hear every batch, message and
 * answer, and every row that becomes durable (holdings.c, live.c). What follows is asked for. */
#ifndef TERRACE_SIM_CHECK_H
#define TERRACE_SIM_CHECK_H

#include "sim/check/model.h"

/* Sweeps over everything, at any time; what the hooks have looked at already is looked at again. */
/* I3: the same operations of a record came to the same bytes, here and wherever seen before. */
void check_equal_states(struct model *model);
/* I5, cheaply: no row of a stream or a record outside its circle, no text of one in any row. */
void check_circles(struct model *model);

/* True when every stream's holders have all of it: nothing is on its way any more. Cheap. */
bool check_streams_level(const struct model *model);

/* When nothing moves any more: from the books, and each record that something came to since the
 * last time. Each operation that is not gone stands at all seats of its circle, nothing waits, all
 * states are equal and what the rules make of the operations. Cheap enough to be asked often. */
void check_rest(struct model *model);
/* The same from the stores alone, without the books of what they hold: every store is walked with
 * blocks opened, then verified by the core's own verifier. Of counties with more entries than
 * CHECK_WALK_ENTRIES some of the stores, the root's among them. */
enum { CHECK_WALK_ENTRIES = 100 * 1000 };
void check_stores(struct model *model);
/* I7: what the root says of others is not more than is so: complete as of, figures, receipts. By
 * itself every so often. */
void check_claims(struct model *model);
/* I8: rows that others can push into a store. By itself every so often. */
void check_bounds(struct model *model);
/* I7: the root's totals are the model's, n of m is m of m, and every author is complete. */
void check_totals(struct model *model);

#endif
