/* The body of an entry that extends a record's circle: {1: [seat ...], 2: reason, 3: the state that
 * was overdue} (formats.md 4, 12). */
#ifndef TERRACE_SCHEMA_EXTENSION_H
#define TERRACE_SCHEMA_EXTENSION_H

#include "base/error.h"
#include "base/limits.h"
#include "base/span.h"

enum { EXTEND_SEATS = 1, EXTEND_REASON = 2, EXTEND_OVERDUE = 3, EXTEND_REASON_BYTES_MAX = 1024 };

/* 1..HOLDERS_MAX seats of at most SEAT_BYTES_MAX bytes; no reason when it is empty. */
void extension_encode(const struct span *seats, size_t count, struct span reason,
                      struct buffer *body);

/* What is put before a seat because its state is overdue: {1: [seat], 2: "overdue", 3: state}. */
void extension_encode_overdue(struct span seat, uint16_t state, struct buffer *body);
/* The number of the state that a body says so of; 0: it doesn't. */
uint16_t extension_overdue(struct span body);

/* Of a body that is one canonical value: ERR_OK; ERR_INVALID: it isn't in its form, or names a seat
 * twice; ERR_PARKED: it has a field below 0, which must be understood. */
enum error_code extension_check(struct span body);

#endif
