/* The body of an entry that erases bodies of operations on its record (formats.md 12):
 *
 *     {1: [[key id bin8, epoch u, n u, digest bin32, rest] ...], 2: reason}
 *
 * `rest` is what goes on counting of the body that is erased, a fields map: of its fields the
 * numbers, with nil; of a deletion, a step, removed items and an address what they were. */
#ifndef TERRACE_SCHEMA_ERASURE_H
#define TERRACE_SCHEMA_ERASURE_H

#include "schema/record.h"

enum {
    ERASE_OPERATIONS = 1,
    ERASE_REASON = 2, /* text, absent when there is none */
    ERASE_REASON_BYTES_MAX = 1024,
    ERASE_ITEMS_MAX = 128, /* operations of one entry */
    ERASE_BODY_BYTES_MAX = 24 << 10,
};

struct erased_operation {
    struct dot dot;
    struct hash digest;
    struct span rest;
};

struct erasure {
    uint32_t count; /* of operations, 1..ERASE_ITEMS_MAX */
    struct span operations;
    struct span reason; /* empty: none */
};

/* The verdict on a body that is one canonical value: ERR_OK; ERR_INVALID: it isn't in its form;
 * ERR_PARKED: it has a field below 0, or a rest has one, that must be understood. */
enum error_code erasure_check(struct span body);
/* Of a checked body; spans into it. */
struct erasure erasure_of(struct span body);
struct erased_operation erasure_operation(const struct erasure *erasure, uint32_t index);

/* What stays of a body, a fields map that was admitted once or not: appended to `rest`. */
void erasure_rest(struct span body, struct buffer *rest);
/* Whether a body sets one of these fields. */
bool erasure_touches(struct span body, const int32_t *fields, size_t count);
/* One element of field 1, and the whole body; `operations` are `count` of the former. */
void erasure_put_operation(struct buffer *operations, const struct erased_operation *erased);
void erasure_encode(struct span operations, uint32_t count, struct span reason,
                    struct buffer *body);

#endif
