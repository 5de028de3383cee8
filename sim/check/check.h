/* Checkers: they look at the stores from outside and compare with the model. None of them asks
 * the core for an opinion but through the public reads.
 *
 * Much is checked by itself while the world runs: the model's hooks hear every batch, message and
 * answer, and every row that becomes durable (live). The rest is asked for when nothing moves any
 * more (rest). What broke is said by the name in brackets (findings.h).
 *
 *   I1, V1   acknowledged is on disk: in its author's log when its batch ends, and the log never
 *            gets shorter unless somebody says why (live); at all members (rest) [LOST, WAITING]
 *   V6       no message and no answer while a transaction is open (live) [EARLY]
 *   I2       answered in its batch, refused for a reason that fits (live) [UNANSWERED]
 *   I3, Q4   the same operations, the same bytes, wherever and whenever (live) [DIVERGED];
 *   Q7       equal at all members, and what a plain fold makes of them (rest) [WRONG]
 *   I4, V2   a block verifies at its author and has the same bytes elsewhere; it holds what was
 *            asked for and nothing else (live) [INVENTED]; what is bad is counted, who is honest
 *            isn't (live) [UNNOTICED, ACCUSED]; the core's own verifier (rest) [DAMAGED]
 *   V3       chains are followed place by place to the head's hash (live, rest) [DAMAGED]
 *   I5, Q9   holders of streams, texts of writes in rows and messages (live), blocks opened (rest)
 *            [LEAKED]
 *   I6, V5   documents and notes only move on (live) [BACK]
 *   V10      no name twice, no two things signed for one place (live) [REUSED]
 *   I7       complete as of, figures, receipts and marks say no more than is so (live) [CLAIMED,
 *            TOTAL]; a plain recount, n of m, who has a directive (rest) [TOTAL];
 *            of a tree that changes at every seat that others are below: each record at most once
 *            (live) [TOTAL]
 *   I8, V8   messages, parked and quarantined rows, remembered arrivals (live) [UNBOUNDED]
 *   I9       the trace of a run (run.h)
 *   Q11      check_streams_level within the time that a scenario gives (run.h)
 *
 * What may be missing all the same, and no more: what only a lost disk had; of a forked key what
 * isn't kept as a branch; what a key has signed behind the place up to which it counts.
 */
#ifndef TERRACE_SIM_CHECK_H
#define TERRACE_SIM_CHECK_H

#include "sim/check/model.h"

/* Sweeps over everything, at any time; what the hooks have looked at already is looked at again. Of
 * a large county a part, the next one at the next call. */
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
 * CHECK_WALK_ENTRIES every so manieth store, and the root's up to four times as many. */
enum { CHECK_WALK_ENTRIES = 20 * 1000 };
void check_stores(struct model *model);
/* I7: what the root says of others is not more than is so: complete as of, figures, receipts. By
 * itself every so often. */
void check_claims(struct model *model);
/* I8: rows that others can push into a store. By itself every so often. */
void check_bounds(struct model *model);
/* I7: the root's totals are the model's, n of m is m of m, and every author is complete. */
void check_totals(struct model *model);

#endif
