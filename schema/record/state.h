/* Inside of a record's state: shared by the files of schema/record alone: fold.c, row.c (bytes of
 * the store), view.c (what people and checkers see). Nobody else includes it. */
#ifndef TERRACE_SCHEMA_RECORD_STATE_H
#define TERRACE_SCHEMA_RECORD_STATE_H

#include "base/planted.h"
#include "schema/record.h"

/* An operation and its context in one piece of memory. */
struct stored {
    struct operation operation;
    size_t serial;          /* its place in record_state.applied */
    bool is_void;           /* a transition that isn't possible at its canonical place */
    struct stored *sibling; /* the next one under the same dot */
    uint32_t sibling_place; /* among those of its dot, as they came */
    struct dot context[];
};

/* All operations of one (author, epoch): n = 1..count without a gap, because an operation
 * is applied only after the one before it. A forked dot has several: siblings. */
struct author {
    struct key_id key;
    uint32_t epoch;
    uint32_t count;
    size_t capacity;
    struct stored **operations; /* operations[n - 1], the first of its siblings */
};

/* A value that stands: an assignment none replaced, a list item, or a counter's total. */
struct held {
    int32_t field;
    uint32_t place; /* of a list item within its operation; 0 otherwise */
    const struct stored *by;
    uint8_t *value; /* owned; one msgpack value */
    size_t value_size;
};

/* Ascending by held_compare. */
struct held_list {
    struct held *at;
    size_t count, capacity;
};

struct record_state {
    struct author *authors; /* ascending by (key id, epoch) */
    size_t author_count, author_capacity;
    struct stored **applied; /* as they came: each after all that it saw */
    size_t applied_count, applied_capacity;
    const struct stored **deletions; /* admitted, with deletes != 0 */
    size_t deletion_count, deletion_capacity;
    struct held_list assignments, items, counters;
    struct held_list members; /* field FIELD_CIRCLE, place in the extension, seat */
    /* what doesn't stand and may again: set by void transitions, or replaced by transitions alone
     */
    struct held_list shelved_assignments, shelved_items;
    size_t transition_count; /* admitted */
    uint8_t state;           /* the number that they come to; 0: none was taken */
    struct dot *forked;      /* ascending */
    size_t forked_count, forked_capacity;
};

/* Room for one more in an array of `count` elements; gives the array, perhaps moved. */
void *array_with_room(void *array, size_t count, size_t *capacity, size_t element_size);

/* Place of (key, epoch) among the authors; *found says whether it is there. */
size_t record_author_place(const struct record_state *record, struct key_id key, uint32_t epoch,
                           bool *found);
/* Keep an operation. Precondition: its n is the next one of its author, or its dot is forked; its
 * context is sorted, names what is here and not its own (author, epoch). */
const struct stored *record_store(struct record_state *record, const struct operation *op);

bool record_is_forked(const struct record_state *record, const struct dot *dot);
/* The first n of this dot's author that is forked; UINT32_MAX: none is. */
uint32_t record_forked_from(const struct record_state *record, const struct dot *dot);
/* Below 0 if `a` is shown before `b`: lower rank, then greater (clock, key, epoch, n, digest). */
int shown_compare(const struct operation *a, const struct operation *b);
/* By field, author, epoch, n, place, digest: a total order that no arrival order changes. */
int held_compare(const struct held *a, const struct held *b);

/* The serials of all operations in canonical order, or of those whose `within` is true (by serial;
 * NULL: all). The caller frees. And the other way round: the place of each by serial. */
size_t *record_order(const struct record_state *record, const bool *within, size_t *order_count);
size_t *record_places(const struct record_state *record);

/* After record_store of a transition, or of another operation under a forked dot, for which others
 * wait in the order: what the order comes to now. What became void by it, or isn't any more,
 * leaves or comes back with what it replaced. */
void record_take_transition(struct record_state *record, const struct stored *by,
                            const struct record_type *type);

/* The seats of an extension that is admitted. */
void record_fold_extension(struct record_state *record, const struct stored *by, struct span body);

/* The values of one field are at[first] up to before at[end]. */
size_t held_first(const struct held_list *list, int32_t field);
size_t held_end(const struct held_list *list, size_t first);
/* Of the values at[first..end-1], the first by shown_compare; NULL if there are none. */
const struct held *held_shown(const struct held_list *list, size_t first, size_t end);
/* Order of operations that may both be taken next (rules.md 1, canonical order). */
int canonical_compare(const struct operation *a, const struct operation *b);

/* Fold an assignment in by its field's merge rule. */
void record_assign(struct record_state *record, const struct stored *by, const struct field *field,
                   struct span value);
/* Whether `held` gives way to `by`, both of this field (NULL: unknown). */
bool merge_gives_way(const struct record_state *record, const struct field *field,
                     const struct held *held, const struct held *by);
/* Of the values at[first..end-1], the one that is shown; NULL if there are none. */
const struct held *merge_shown(const struct held_list *list, size_t first, size_t end,
                               enum merge_rule merge);
/* Whether `held` is a conflict beside the one that is shown. */
bool merge_conflicts(const struct held *held, const struct held *shown, enum merge_rule merge);

/* Where `held` stands or would stand. */
size_t held_place(const struct held_list *list, const struct held *held);
/* Keep a copy of `value` in its place in the list. */
void held_insert(struct held_list *list, struct held held, struct span value);
void held_remove(struct held_list *list, size_t place);
/* Move the value at `place` into another list. */
void held_move(struct held_list *from, size_t place, struct held_list *to);
void held_free(struct held_list *list);

#endif
