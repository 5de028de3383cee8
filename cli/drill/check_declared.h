/* Declared roll-ups against the drill's books. */
#ifndef TERRACE_CLI_DRILL_CHECK_DECLARED_H
#define TERRACE_CLI_DRILL_CHECK_DECLARED_H

#include "cli/drill/check_run.h"

/* Adds to total_wrong, and names what is wrong. */
void check_declared(const struct check_table *table, struct check_result *result);

/* Takes from what is expected of each seat what an answer by origin has: a figure an origin, and a
 * fold's ("A (folded)") from all below its seat that have none of their own; what a fold is too low
 * or too high by is left at its seat. All is well when nothing but zeros is left. */
void check_take_groups(const struct drill *drill, const json_t *groups, int64_t *expected);

#endif
