/* A type as the row of a types document (formats.md 2): the other side of schema/type/load.c. */
#ifndef TERRACE_SCHEMA_LANGUAGE_WRITE_H
#define TERRACE_SCHEMA_LANGUAGE_WRITE_H

#include "schema/type/row.h"

/* Canonical: equal types give equal rows. `for_verdict`: only what a verdict on an entry needs, as
 * a row of former times has it: no labels, patterns, units, defaults, indexes, retention, backup,
 * calendar, roll-ups, closing rule, times, limits, nor former rows. */
void type_row_write(const struct record_type *type, bool for_verdict, struct buffer *row);

/* One roll-up of a row, without its labels. */
struct rollup;
void rollup_row_write(const struct rollup *rollup, struct buffer *row);

#endif
