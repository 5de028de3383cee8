/* Inside of the checkers: of sim/check alone. */
#ifndef TERRACE_SIM_CHECK_PARTS_H
#define TERRACE_SIM_CHECK_PARTS_H

#include "sim/check/check.h"

/* model_fates.c */
void model_set_forked(struct model *model, struct model_op *op);
void model_set_held(struct model *model, struct model_op *op, size_t place, bool held);

/* holdings.c: the holder's number; SIZE_MAX: it is none. */
size_t model_stream_holder(const struct model_stream *stream, size_t seat);

struct model_stream *model_stream_of(struct model *model, const struct stream_id *id); /* or NULL */
/* The stream that a row of this node names by its local number; NULL: none. */
const struct model_stream *holdings_row_stream(struct model *model, size_t node,
                                               const uint8_t key[static STREAM_KEY_BYTES]);

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
    bool *behind_seats;
};
void totals_ask(struct model *model, size_t node, const char *name, const char *by,
                struct rollup_answer *answer);
void totals_answer_free(struct rollup_answer *answer);

/* live.c: a row that has been put or removed. */
void live_row(struct model *model, size_t node, enum table table, struct span key);

/* rest.c */
bool record_lives(const struct model *model, const struct model_record *record);
void compare_with_fold(const struct model *model, const struct model_record *record, size_t node);
bool aside_is_excused(const struct model *model, size_t node, enum table table, struct span key);
void rest_count(struct model *model); /* brings model->counted up to date */

/* poisons.c */
bool poison_is_told(const struct model *model, const struct hash *name); /* of stored bytes */
/* Whether a row of quarantine at this node is of one that stands there. */
bool poison_row_is_excused(const struct model *model, size_t node, struct span key);
/* Whether the verifier names the node's own one: "STREAM block SEQ". */
bool poison_is_own(const struct model *model, size_t node, const char *label);
void check_poisons(struct model *model);

#endif
