/* Indexes by fields, as rows (formats.md 8), and how they are read through any view. A type's
 * indexes live in numbered slots: a slot is made when the types name a new index, filled in steps,
 * and emptied in steps when they name it no more.
 *
 *      type 2                                          -> the type's slots
 *      type 2 ‖ slot 1 ‖ values ‖ clock 8 ‖ record 7   -> nothing
 *
 * values: schema/index.h; clock: the record's creation's, so that equal values list by time.
 * Records that are deleted, or of which nothing counts, have no row. */
#ifndef TERRACE_REPLICATION_ROWS_FIELD_ROWS_H
#define TERRACE_REPLICATION_ROWS_FIELD_ROWS_H

#include "replication/rows/rows.h"
#include "schema/index.h"

enum {
    FIELD_SLOTS_MAX = 64, /* a type may have 16 indexes, and others that are on their way out */
    FIELD_SLOT_BYTES = 3, /* what its rows' keys begin with */
    FIELD_TAIL_BYTES = 8 + RECORD_KEY_BYTES - 2,
};
_Static_assert(FIELD_SLOT_BYTES + INDEX_VALUES_BYTES_MAX + FIELD_TAIL_BYTES <= STORE_KEY_BYTES_MAX,
               "an index row is a row of the store");

enum slot_state { SLOT_WHOLE, SLOT_FILLING, SLOT_LEAVING, SLOT_STATE_COUNT };

struct field_slot {
    uint8_t number; /* from 1 */
    enum slot_state state;
    uint64_t mark;                   /* index_mark of what its rows are by */
    uint8_t place[RECORD_KEY_BYTES]; /* filling: the last record that was put */
};
struct field_slots {
    size_t count;
    struct field_slot at[FIELD_SLOTS_MAX];
};

/* A type's slots; none where there is no readable row. And the next type above `type` that has
 * any: false: none has. */
enum read_answer field_slots_read(const struct view *view, uint16_t type,
                                  struct field_slots *slots);
bool field_slots_next(const struct view *view, uint16_t *type);
void field_slots_write(struct updates *updates, uint16_t type, const struct field_slots *slots);
struct field_slot *field_slot_of(struct field_slots *slots, uint64_t mark); /* NULL: none */

/* The key of a record's row in a slot. Precondition: index_width isn't 0. */
void field_row_key(const uint8_t record[static RECORD_KEY_BYTES], uint64_t clock, uint8_t slot,
                   struct span values, struct buffer *key);
/* Of a row's key its record, clock and values. False: it isn't one. */
struct field_row {
    uint8_t record[RECORD_KEY_BYTES];
    uint64_t clock;
    struct span values; /* into the key: as long as the view lets it live */
};
bool field_row_parse(struct span key, struct field_row *row);

/* ---- for readers ---- */

/* An index of a type that is whole in this view. */
struct field_index {
    const struct record_type *type; /* borrowed */
    const int32_t *fields;          /* in their order; ends in 0; of the type */
    uint8_t slot;
};
/* `which` < type->index_count. False: it isn't (yet): read the records instead. */
bool field_index_find(const struct view *view, const struct record_type *type, size_t which,
                      struct field_index *index);

/* The rows of an index whose values lie within bounds. First all; each call narrows it by the
 * index's next field: by field_range_equal as often as there are fields, then perhaps once by
 * field_range_between. Values are as in bodies, a state's its name; what is longer than
 * INDEX_TEXT_BYTES finds all that begin alike, so whoever reads asks the record too. */
struct field_range {
    struct field_index index;
    size_t narrowed; /* how many fields */
    size_t from_size, until_size;
    uint8_t from[STORE_KEY_BYTES_MAX];  /* the first key */
    uint8_t until[STORE_KEY_BYTES_MAX]; /* the first that is behind it */
};
void field_range_all(struct field_range *range, const struct field_index *index);
void field_range_equal(struct field_range *range, struct span value);
/* At least `low` and at most `high`, either may be empty: no bound; `above`: not `low` itself,
 * `below`: not `high` itself. Records that show nothing are outside. */
void field_range_between(struct field_range *range, struct span low, bool above, struct span high,
                         bool below);

/* Only as far as this row among those of the last value, clock 8 ‖ record 7, itself included.
 * Precondition: narrowed by all fields of the index, and each time equal. */
void field_range_until(struct field_range *range, struct span place);

/* The first row of a range, ascending by values, then clock; and the last one. READ_FOUND: *row is
 * it, and the range goes on behind it, or before it. */
enum read_answer field_range_next(const struct view *view, struct field_range *range,
                                  struct field_row *row);
enum read_answer field_range_previous(const struct view *view, struct field_range *range,
                                      struct field_row *row);

#endif
