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

#endif
