/* What a profile's steps came to, by the profile's own bookkeeping, against what the stores show.
 */
#ifndef TERRACE_CLI_DRILL_CHECK_STEPS_H
#define TERRACE_CLI_DRILL_CHECK_STEPS_H

#include <jansson.h>

#include "cli/drill/check_walk.h"

/* Take in steps.ndjson from where the last call ended (*offset): of each record the last line says
 * what it must show and who has joined its circle. ERR_MALFORMED names the line. */
enum error_code check_steps_load(struct check_table *table, long *offset, struct error *error);

/* NULL, or what isn't as the steps have left it. `shown`: the record as `get` tells it. */
const char *check_steps_fault(const struct check_record *record, const json_t *shown);

/* Whether this seat has joined by a step; and how many have. */
bool check_steps_joined(const struct check_table *table, const struct check_record *record,
                        size_t seat);
size_t check_steps_members(const struct check_record *record);

/* Count an acknowledged record under its type, the tier of its origin and the state it must be in,
 * and under the one it shows. */
void check_steps_count(struct check_findings *findings, const struct check_table *table,
                       const struct check_record *record, const struct record_type *type,
                       const json_t *shown);
/* How many of the sums differ; with `to` a line each. */
size_t check_steps_sums(const struct check_findings *findings, FILE *to);

#endif
