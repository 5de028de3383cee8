/* What a record's operations come to: state = fold(operations), the same in whatever order
 * they came (rules.md 1).
 *
 * Operations are applied when everything in their context is here (record_judge answers
 * RECORD_READY), so an operation that is applied has never been seen by one applied before:
 * folding one more in is exact. The state keeps for each field the assignments that none
 * replaced, for each list all items by (dot, place), for each counter each author's total. */
#ifndef TERRACE_SCHEMA_RECORD_H
#define TERRACE_SCHEMA_RECORD_H

#include "base/hash.h"
#include "schema/schema.h"

struct dot {
    struct key_id author;
    uint32_t epoch;
    uint32_t n; /* from 1 */
};

struct record_id {
    uint8_t bytes[16]; /* key id 8, epoch 4, counter 4, big-endian */
};

enum operation_verdict { OPERATION_ADMITTED, OPERATION_EXCLUDED };

/* Where the bytes of a carried operation lie here: the place of the carry entry, and which of those
 * it holds (from 0). */
struct carrier {
    struct key_id author;
    uint32_t epoch;
    uint16_t stream;
    uint8_t branch; /* as it is numbered here */
    uint32_t seq;
    uint16_t index;
};

/* One operation on one record. `context` is the version vector of what its author had seen,
 * sorted by (author, epoch), its own (author, epoch) left out: there n-1 is implied. */
struct operation {
    struct dot dot;
    struct hash digest;
    uint64_t clock; /* ms since 1970, a claim */
    uint8_t rank;   /* tier of the author's seat, 0 = root */
    enum operation_verdict verdict;
    uint8_t deletes;     /* 0: says nothing of FIELD_DELETED, 1: true, 2: false */
    bool extends;        /* it adds seats to the circle, and sets nothing */
    bool erases;         /* it erases bodies of others, and sets nothing */
    uint16_t transition; /* of its type's workflow; 0: none. Set only of what is admitted */
    uint8_t to;          /* the state that it leads to */
    uint64_t from;       /* the states in which it may be taken, a bit each; bit 0: no state yet */
    bool carried;        /* its bytes are here in a carry entry alone: `carrier` */
    uint16_t stream;     /* where its author wrote it: stream number of (author, epoch) */
    uint8_t branch;      /* of that stream, as it is numbered here; 0 unless it forked */
    uint32_t seq;        /* and its place in that stream */
    struct carrier carrier;
    const struct dot *context; /* borrowed by record_apply, which copies */
    size_t context_count;      /* <= CONTEXT_PAIRS_MAX */
};

struct record_state; /* owned by the caller; free with record_free */

struct record_state *record_new(void);
void record_free(struct record_state *record); /* NULL is legal */

enum record_answer {
    RECORD_READY,     /* apply it */
    RECORD_DUPLICATE, /* the same dot and digest is here */
    RECORD_FORKED,    /* the same dot with another digest is here, and isn't marked as forked */
    RECORD_MISSING,   /* something it saw isn't here; `missing` says the first such dot */
};
enum record_answer record_judge(const struct record_state *record, const struct operation *op,
                                struct dot *missing);

/* A dot under which two operations stand. Who saw it hasn't said which of them: it counts for
 * admission and replaces neither (rules.md A13). Marked before anything is folded that saw it. */
void record_mark_forked(struct record_state *record, const struct dot *dot);
void record_mark_forked_as(struct record_state *record, const struct record_state *like);
size_t record_forked_count(const struct record_state *record);
/* Of these operations of one record, those that can be folded, in an order in which they can:
 * their places are written to `order`, their number is returned. `record`, which is empty, gets the
 * forked dots marked. The same set gives the same answer, however it is listed. */
size_t record_plan(struct record_state *record, const struct operation *const *ops, size_t count,
                   size_t *order);

/* Fold one operation in; `body` is its fields map, of an extension {1: [seat ...]} (checked before;
 * ignored when excluded).
 * Precondition: record_judge said RECORD_READY. Values are copied. */
void record_apply(struct record_state *record, const struct operation *op,
                  const struct record_type *type, struct span body);

size_t record_operation_count(const struct record_state *record);
const struct operation *record_operation(const struct record_state *record, size_t index);

/* Version vector of all operations here but those of (author, epoch), sorted; at most
 * CONTEXT_PAIRS_MAX are written to `context`; the full count is returned (more than the
 * bound: the record can't be written to here). `own_n` gets the greatest n of (author, epoch). */
size_t record_context(const struct record_state *record, struct key_id author, uint32_t epoch,
                      struct dot context[static CONTEXT_PAIRS_MAX], uint32_t *own_n);

/* Whether the record is deleted: over all operations, or over those that a context covers. */
bool record_deleted(const struct record_state *record);
bool record_deleted_as_seen(const struct record_state *record, const struct operation *op);

/* This author's running total on a counter field in this epoch (0 if none). */
int64_t record_counter_of(const struct record_state *record, int32_t field, struct key_id author,
                          uint32_t epoch);

/* What all authors have added to a counter, within int64: appended as a value. False: nothing. */
bool record_counter_total(const struct record_state *record, int32_t field, struct buffer *out);

/* Rows of the store: state to bytes and back, operations included (formats.md 8). */
void record_encode(const struct record_state *record, struct buffer *row);
struct record_state *record_decode(struct span row); /* NULL: not readable */

/* The canonical bytes of the state: what must be byte-equal at every holder (I3): sorted
 * operation ids, per field the shown value and the conflicts, lists in canonical order.
 * No local numbers, no locators. */
void record_canonical(const struct record_state *record, struct buffer *out);

/* For people and the API: appends msgpack map pairs content as one map:
 * {"fields": {NAME: value, ...}, "conflicts": [{"field": NAME, "value": v, "author": bin8,
 * "epoch": u, "n": u, "clock": u}...], "deleted": bool, "operations": u, "excluded": u,
 * "changed": clock of the newest operation}, and where its author's stream forked "forked": dots
 * under which two operations stand. A counter shows its total, a list its items. */
void record_describe(const struct record_state *record, const struct record_type *type,
                     struct buffer *out);

/* The seats that admitted extensions added, ascending by author, epoch, n, place: the circle beside
 * the holders of the creation's stream (rules.md 2). Borrowed. A seat may stand there twice. */
struct record_member {
    struct span seat;
    const struct operation *by;
};
size_t record_member_count(const struct record_state *record);
struct record_member record_member(const struct record_state *record, size_t index);
/* Whether this very operation, by its dot and digest, is folded in. */
bool record_has(const struct record_state *record, const struct operation *op);
/* Whether `op` saw the operation of this dot: its context covers it, or it is its author's own
 * earlier one. */
bool operation_saw(const struct operation *op, const struct dot *dot);
/* The same where but one operation has this dot: of several nobody can tell which it saw. */
bool record_saw(const struct record_state *record, const struct operation *op,
                const struct dot *dot);

/* Whether the field that closes records of its type says so; false where no field does. */
bool record_closed(const struct record_state *record, const struct record_type *type);

/* The number of the state that the record's transitions come to; 0: none was taken, so it is the
 * one in which records of its type begin. Canonical order decides: a transition that isn't possible
 * at its place is void with everything it set, and what it replaced stands again (rules.md 1). */
uint8_t record_state_number(const struct record_state *record);
/* The same over what `op` had seen. *open: its context covers a forked dot, so nobody can say. */
uint8_t record_state_as_seen(const struct record_state *record, const struct operation *op,
                             bool *open);
/* Whether what it saw is all that those had seen whom it saw. Who writes honestly can't write
 * otherwise; in a record with a workflow nothing else counts. Precondition: RECORD_READY. */
bool record_context_closed(const struct record_state *record, const struct operation *op);
/* Whether an operation of the record, as record_operation gives it, is void. */
bool record_is_void(const struct record_state *record, const struct operation *op);
size_t record_transition_count(const struct record_state *record);
/* What an admitted operation does that takes this step. */
void operation_transition(struct operation *op, const struct workflow *workflow,
                          const struct transition *transition);
/* The operation that brought the record into the state it is in: the last step that isn't void and
 * led to another state than it left. NULL: it is in the state in which it was made. */
const struct operation *record_entered(const struct record_state *record,
                                       const struct record_type *type);
/* The state as people see it; NULL: its type has no workflow, or no such state. */
const struct workflow_state *record_workflow_state(const struct record_state *record,
                                                   const struct record_type *type);

/* How many assignments of this field compete: the one that is shown and its conflicts. *shown gets
 * the operation of the former (borrowed; left alone when there is none). Lists and counters: 0. */
size_t record_shown(const struct record_state *record, const struct field *field,
                    const struct operation **shown);

/* Order of dots' authors: by key id, then epoch. */
int dot_compare(const struct dot *a, const struct dot *b);

#endif
