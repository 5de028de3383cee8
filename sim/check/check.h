/* Checkers: they look at the stores from outside and compare with the model. None of them asks
 * the core for an opinion but through the public reads. */
#ifndef TERRACE_SIM_CHECK_H
#define TERRACE_SIM_CHECK_H

#include "sim/check/model.h"

/* At any time, of every node that runs. */
struct check_states; /* canonical bytes by set of operations, over a whole run */
struct check_states *check_states_new(void);
void check_states_free(struct check_states *states);
/* I3: the same operations of a record came to the same bytes, here and wherever seen before. */
void check_equal_states(struct check_states *states, struct model *model);
/* I5, cheaply: no row of a stream or a record outside its circle, no text of one in any row. */
void check_circles(struct model *model);

/* True when every stream's holders have all of it: nothing is on its way any more. */
bool check_streams_level(const struct model *model);

/* When nothing moves any more: every store is walked with blocks opened. */
/* I1, I3, I4, I5: each operation that is not gone stands at all seats of its circle and nowhere
 * else, nothing else stands anywhere, all chains verify, nothing waits, all states are equal and
 * what the rules make of the operations. */
void check_stores(struct model *model);
/* I7: the root's totals are the model's, n of m is m of m, and every author is complete. */
void check_totals(struct model *model);

#endif
