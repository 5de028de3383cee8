/* Inside of the checkers: of sim/check alone. */
#ifndef TERRACE_SIM_CHECK_PARTS_H
#define TERRACE_SIM_CHECK_PARTS_H

#include "sim/check/check.h"

/* model.c */
/* At any time so far: what it is sent by those who haven't heard that it has left is no leak. */
bool model_was_below(const struct model *model, size_t above, size_t seat);
struct model_op *model_add_op(struct model *model, size_t node, enum write_kind kind);
/* The same, and its answer is waited for. */
struct model_op *model_ask(struct model *model, size_t node, enum write_kind kind,
                           const struct model_value *values, size_t value_count);
extern const char *const model_field_names[]; /* by enum model_field */
void model_number_again(struct model *model);

/* An entry's body, read plainly (model_log.c). */
struct found_value {
    int32_t field; /* enum model_field */
    int64_t number;
    struct span text;
};
struct found {
    struct found_value values[MODEL_VALUES_MAX];
    size_t count;
    struct span to;
    struct span joins[HOLDERS_MAX];
    size_t join_count;
    bool overdue; /* an extension because of that */
};
uint64_t model_serial_in(const struct found *found); /* 0: no text says it */
/* Without the running totals, which hang on its place. */
bool model_says_the_same(const struct model_op *op, const struct found *found);

/* model_private.c */
/* The field of this number in what is private: enum model_field; 0: there is none. */
int32_t model_private_field(int32_t number);
/* The write that an entry of a companion stands for, `record` and `kind` with it; NULL: none. */
struct model_op *model_match_private(struct model *model, size_t node, const struct entry *entry,
                                     const struct found *found);
/* The extension that a step which hands on made of its record, or of its companion; NULL: none.
 * `asked`: the serial number of an extension asked for that says the same; UINT64_MAX: none. */
struct model_op *model_match_hand(struct model *model, size_t node, const struct entry *entry,
                                  const struct found *found, uint64_t asked);
/* At rest: who was handed a record is in its circle. */
void check_handed(struct model *model);
/* Whether an operation is told by no watch: a companion that begins without a word. */
bool model_is_silent(const struct model *model, const struct model_op *op);
/* Takes the private fields out of what a node says of a record, and looks whether it may say them,
 * and says all. */
void check_private(struct model *model, const struct model_record *record, size_t node,
                   struct buffer *text);

/* model_tree.c */
/* A new record's circle, of its origin alone. */
void model_take_origin(const struct model *model, struct model_record *record);
/* Where the tree changes: a new record's circle, by the stream that its creation stands in. */
void model_take_circle(const struct model *model, struct model_record *record,
                       const struct stream_open *open);
/* An extension stands in its author's log: whom it adds is in the circle. */
void model_join(struct model *model, size_t op);
void model_extensions_again(struct model *model);
void model_orphans(struct model *model); /* what leans on what is gone */
bool model_is_free(const struct model_record *record, size_t place);
void model_judge(struct model *model); /* what is cut, by the places that are known now */
bool model_key_is_cut(const struct model *model, struct key_id key);
bool model_key_is_nowhere(const struct model *model, struct key_id key); /* in no document */
/* Whether a key of this seat has ended: its seat's figures are what its last report said. */
bool model_seat_is_cut(const struct model *model, size_t seat);

/* model_fates.c */
/* So many words of `held` an operation of this record has. */
size_t model_held_words(const struct model *model, const struct model_record *record);
/* Out of what is missing, and in again: around whatever changes that. */
void model_record_out(struct model *model, const struct model_record *record);
void model_record_in(struct model *model, const struct model_record *record);
void model_set_forked(struct model *model, struct model_op *op);
void model_set_held(struct model *model, struct model_op *op, size_t place, bool held);

/* carried.c: a carry entry in a log of the node's own, the last of the entries */
void model_take_carry(struct model *model, size_t node, const struct entry *entry,
                      const struct hash *digest);
/* All streams of a batch have been read: whatever is carried in it is known by now. */
void model_carried_read(struct model *model);

/* holdings.c */
void model_hold_op(struct model *model, size_t node, size_t op);
/* the county's tree has changed */
void holdings_tree_changed(struct model *model);
/* Whether a seat stands behind a place where two neighbours on this way are none any more: what is
 * lacking there has gone again by other streams. */
bool model_is_behind_break(const struct model *model, const size_t *path, size_t count,
                           size_t seat);
/* the holder's number; SIZE_MAX: it is none. */
size_t model_stream_holder(const struct model_stream *stream, size_t seat);

struct model_stream *model_stream_of(struct model *model, const struct stream_id *id); /* or NULL */
const struct model_stream *model_find_stream(const struct model *model, const struct stream_id *id);
/* The stream that a row of this node names by its local number; NULL: none. */
const struct model_stream *holdings_row_stream(struct model *model, size_t node,
                                               const uint8_t key[static STREAM_KEY_BYTES]);

/* twins.c: made for several seats under one name; and what its members then must have. */
bool model_has_twins(const struct model *model, const struct model_record *record);
void check_twins(struct model *model, const struct model_record *record);

/* rows.c: what is put into documents, notes and marks. */
void rows_check(struct model *model, size_t node, enum table table, struct span key,
                struct span value);

/* claims.c */
void claims_token(struct model *model, const struct note_head *head);
void check_receipts(struct model *model, bool at_rest);

/* totals.c: an answer about a total, taken apart. */
struct rollup_answer {
    bool formed;
    int64_t value;
    uint64_t reported, expected, as_of_ms;
    size_t behind;
    int64_t *by_seat;
    int64_t *by_fold; /* of all together that stand in the fold of this seat */
    bool *behind_seats;
};
void totals_ask(struct model *model, size_t node, const char *name, const char *by,
                struct rollup_answer *answer);
void totals_answer_free(struct rollup_answer *answer);
/* The seat in whose fold this one's figures may stand, for the node that asks; SIZE_MAX: none. */
size_t totals_folder_of(const struct model *model, size_t asker, size_t seat);

/* figures.c: declared roll-ups at the root. */
void check_rollups(struct model *model);

/* live.c: a row that has been put or removed. */
void live_row(struct model *model, size_t node, enum table table, struct span key);

/* rest.c */
bool record_lives(const struct model *model, const struct model_record *record);
void compare_with_fold(struct model *model, const struct model_record *record, size_t node);
bool aside_is_excused(const struct model *model, size_t node, enum table table, struct span key,
                      struct span value);
void rest_count(struct model *model); /* brings model->counted up to date */

/* erased.c */
/* A block that is known, with holes; SIZE_MAX: it isn't one. */
size_t model_block_with_holes(struct model *model, const struct model_holding *holding,
                              struct span stored);
void check_erased(struct model *model); /* at rest */

/* poisons.c */
bool poison_is_told(const struct model *model, const struct hash *name); /* of stored bytes */
/* Whether a row of quarantine at this node is of one that stands there. */
bool poison_row_is_excused(const struct model *model, size_t node, struct span key);
/* Whether the verifier names the node's own one: "STREAM block SEQ". */
bool poison_is_own(const struct model *model, size_t node, const char *label);
void check_poisons(struct model *model);

#endif
