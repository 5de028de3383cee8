/* Text that reads as a number or a time: of the room alone. */
#ifndef TERRACE_SCHEMA_TEXT_VALUE_H
#define TERRACE_SCHEMA_TEXT_VALUE_H

#include "base/span.h"

/* Decimal digits, '-' before them or not, within int64. */
bool schema_integer_of_text(struct span text, int64_t *number);

/* Milliseconds since 1970 of 2025-06-30, 2025-06-30T18:05 or 2025-06-30T18:05:00; the latter
 * two with Z or +08:00 behind, UTC without; a space is taken for the T (RFC 3339, with whole
 * seconds, which may be left out). False if it is no such text, or there is no such day. */
bool schema_time_of_text(struct span text, int64_t *ms);

/* Days since 1970 of 2025-06-30. */
bool schema_date_of_text(struct span text, int64_t *days);
/* 12, 12.5 or -0.05, with at most `scale` decimal places: the number times 10^scale, within int64.
 */
bool schema_decimal_of_text(struct span text, unsigned scale, int64_t *number);
/* The reverse: "-0.05", with all places. And 2025-06-30; years beyond 9999 have a sign. At most 31
 * characters. */
void schema_text_of_decimal(int64_t number, unsigned scale, char to[static 32]);
void schema_text_of_date(int64_t days, char to[static 32]);

#endif
