/* Invented records for a load: which type a seat writes and what stands in its fields, all from a
 * seed, so that the same (seed, seat, number) always gives the same record. */
#ifndef TERRACE_CLI_DRILL_SAMPLE_H
#define TERRACE_CLI_DRILL_SAMPLE_H

#include "cli/drill/drill.h"

/* Types that a load writes unless it is told which, by their circles; NULL where the schema has
 * none. */
struct sample_types {
    const struct record_type *origin, *path, *subtree;
};
struct sample_types sample_types_of(const struct schema *schema);

/* How many records a seat writes, and how many of them go down its whole subtree. */
struct sample_share {
    uint64_t records, downward;
};
/* Shares of the chosen seats: records evenly; one in 200 goes down a subtree, half of these from
 * the root, but nowhere more than every second one. Below the root only seats with children write
 * them. `shares` has one a seat. */
void sample_plan(const struct drill *drill, const bool *chosen, uint64_t records,
                 struct sample_share *shares);

/* The type of a seat's record `number` (0 ..). Seats without children write mostly what stays. */
const struct record_type *sample_type(const struct sample_types *types,
                                      const struct drill_seat *seat,
                                      const struct sample_share *share, uint64_t number);

/* For whom a record of an addressed type is: any other seat. */
size_t sample_addressee(const struct drill *drill, size_t seat, uint64_t seed);

/* Append the record's fields as a map NAME -> value. `now_ms` is where its times begin. */
void sample_fields(const struct record_type *type, const char *place, uint64_t seed,
                   uint64_t now_ms, struct buffer *fields);

#endif
