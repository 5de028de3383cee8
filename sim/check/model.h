/* A naive answer to compare with: who wrote what, who may hold it, what it must come to.
 *
 * The model keeps books of its own: every write that was asked for, its answer, and the operation
 * that stands for it in its author's log (name, digest, what it had seen). From these alone, and
 * from parents in the county, it works out circles, states and totals, slowly and plainly. */
#ifndef TERRACE_SIM_MODEL_H
#define TERRACE_SIM_MODEL_H

#include <stdio.h>

#include "replication/query/query.h"
#include "replication/rows/rows.h"
#include "sim/check/findings.h"
#include "sim/world/world.h"

enum model_type {
    MODEL_MEDIATION = 1,
    MODEL_INCIDENT,
    MODEL_DIRECTIVE,
    MODEL_SURVEY,
    MODEL_MATTER,
    MODEL_TYPES
};

/* What one write says of one field. */
enum model_field { MODEL_TITLE = 1, MODEL_S, MODEL_LEVEL, MODEL_NOTES, MODEL_CALLS };
enum { MODEL_TEXT_BYTES = 24, MODEL_VALUES_MAX = 6 };
struct model_value {
    int32_t field;  /* enum model_field, or FIELD_DELETED */
    int64_t number; /* level; what is added to calls; deleted or not */
    char text[MODEL_TEXT_BYTES];
};

enum model_fate {
    MODEL_ASKED,   /* no answer, not found in a log */
    MODEL_REFUSED, /* answered with an error: it must stand nowhere */
    MODEL_DONE,    /* acknowledged, or found in its author's log after a crash */
    MODEL_GONE,    /* its process died before the commit, or its node was put back to before it
                      and nobody else has it */
};

struct model_op {
    uint64_t serial; /* request number: 1, 2, ... */
    size_t node;
    size_t to; /* of a matter: the seat that it is made for */
    enum write_kind kind;
    size_t record; /* place among the records; SIZE_MAX: a creation not found yet */
    enum model_fate fate;
    bool acknowledged, in_log, endangered;
    struct record_id answered_record;
    uint64_t clock;
    size_t value_count;
    struct model_value values[MODEL_VALUES_MAX];
    /* from its author's log */
    struct dot dot;
    struct hash digest;
    struct dot *context; /* owned */
    size_t context_count;
    /* what its node had of the record before the batch that wrote it, owned */
    struct dot *before;
    size_t before_count;
};

struct model_record {
    struct record_id id;
    enum model_type type;
    size_t origin; /* seat that created it */
    size_t to;     /* of a matter: the seat that it is made for */
    size_t *ops;   /* places among the operations, as found */
    size_t op_count, op_capacity;
};

struct model_log { /* how far an own stream of a node has been read */
    struct stream_id stream;
    uint32_t seq;
};

struct model_node {
    struct model_log *logs;
    size_t log_count;
    size_t answered;  /* in the batch that runs */
    unsigned starts;  /* as far as heard */
    bool restored;    /* something that it has announced may be gone */
    bool log_unread;  /* this batch writes, and its log has not been read since */
    bool refusal_due; /* something bad is in the batch that runs */
    struct refusals refusals_before;
};

struct model {
    const struct county *county;
    struct world *world;
    struct findings *findings;
    struct model_op *ops;
    size_t op_count, op_capacity;
    struct model_record *records;
    size_t record_count, record_capacity;
    struct model_node *nodes;
    bool all_honest; /* nothing bad is on any link: nobody may be refused */
    FILE *trace;     /* for hooks that print; NULL: none */
};

struct model *model_new(const struct county *county, struct findings *findings);
void model_free(struct model *model); /* NULL is legal */
/* Hooks to make the world with; then tell the model its world. */
struct world_hooks model_hooks(struct model *model);
void model_watch(struct model *model, struct world *world);

/* Ask for a write at a node; the model chooses nothing. `record` is a place, for set and delete;
 * for a new matter, the seat that it is made for.
 * The first text value should be model_marker's, so that the write is known again anywhere.
 * Returns its serial number. */
uint64_t model_write(struct model *model, size_t node, enum write_kind kind, enum model_type type,
                     size_t record, const struct model_value *values, size_t value_count);
/* The text that stands for the next write: "@w<serial>.". */
void model_marker(const struct model *model, char text[static MODEL_TEXT_BYTES]);
/* The node was put back: what it had written since is in danger. Call before it starts again. */
void model_restored(struct model *model, size_t node);
/* Of what was in danger, forget what no node holds. */
void model_settle(struct model *model);

/* model_log.c: read what a node's own streams have got since. */
void model_read_logs(struct model *model, size_t node);
/* A deletion found in the log was taken for this one, which was refused: give it to the next that
 * was asked for. False: there is none. */
bool model_rematch_deletion(struct model *model, struct model_op *refused);
/* The version vector of a record at a node, its greatest n of each (author, epoch). The caller
 * frees. */
struct dot *model_seen_at(const struct model *model, size_t node, const struct model_record *record,
                          size_t *count);
/* Whether a version vector covers a dot. */
bool model_covers(const struct dot *vector, size_t count, const struct dot *dot);
/* Whether x saw y. */
bool model_saw(const struct model_op *x, const struct model_op *y);
bool model_same_author(const struct dot *a, const struct dot *b);

/* Whether these bytes, at this node, have the text of a write outside whose circle the node is. */
void model_check_texts(struct model *model, size_t node, const char *where, struct span bytes);

const char *model_type_name(enum model_type type);
/* Whether a seat is in a record's circle, from parents alone. */
bool model_in_circle(const struct model *model, const struct model_record *record, size_t seat);
bool model_in_path(const struct model *model, size_t a, size_t b);
/* NULL: no such record, operation. */
struct model_record *model_record_of(const struct model *model, uint16_t type,
                                     const struct record_id *id);
struct model_op *model_op_of(const struct model *model, const struct hash *digest);

/* model_fold.c: what the rules make of a record's operations that are not gone: a text, one line a
 * thing, and whether it is deleted. The caller frees the text. */
void model_fold(const struct model *model, const struct model_record *record, struct buffer *text,
                bool *deleted);
/* The same text from what query_record says. False: it can't be read. */
bool model_read_state(struct span described, struct buffer *text);

#endif
