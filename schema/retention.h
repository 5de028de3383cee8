/* How long records of a type are kept in lists (rules.md B116). */
#ifndef TERRACE_SCHEMA_RETENTION_H
#define TERRACE_SCHEMA_RETENTION_H

#include "schema/record.h"

/* Earlier than this no record was made: who says so has a clock that was never set. */
#define RETENTION_SINCE_MS UINT64_C(1577836800000) /* 2020-01-01 */

/* Whether a closed record has lain untouched for longer than its type's retention_days, at
 * `time_ms`, milliseconds since 1970. False where any of its operations has a clock that can't be
 * right: before RETENTION_SINCE_MS, or behind `time_ms`. */
bool record_past_retention(const struct record_state *record, const struct record_type *type,
                           uint64_t time_ms);

#endif
