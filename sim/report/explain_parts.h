/* Inside of a story: of explain.c, explain_record.c and explain_node.c alone. */
#ifndef TERRACE_SIM_REPORT_EXPLAIN_PARTS_H
#define TERRACE_SIM_REPORT_EXPLAIN_PARTS_H

#include "sim/report/explain.h"
#include "sim/report/timeline.h"

#define EXPLAIN_NEVER UINT64_MAX
enum {
    EXPLAIN_OPS_MAX = 256,            /* of one record */
    EXPLAIN_MOMENTS_MAX = 100 * 1000, /* of all nodes */
    EXPLAIN_FIELDS_BYTES = 240,
};

struct told_op {
    uint64_t serial, written_ms;
    size_t seat;
    enum write_kind kind;
    enum model_fate fate;
    char fields[EXPLAIN_FIELDS_BYTES];
    uint64_t *had_ms; /* by place in the circle; EXPLAIN_NEVER; owned */
};

struct told_moment {
    uint64_t at_ms;
    enum moment_kind kind;
    size_t node;
    char text[REPORT_FAULT_BYTES];
};

struct told_conflict {    /* two writes of one field that had not seen each other */
    size_t first, second; /* places among the operations */
    char field[24];
};

struct explaining {
    const struct explain_request *request;
    const struct run_watcher *chained;
    struct run_watcher watcher;
    const struct run_report *report; /* when the run is over */
    uint64_t number;                 /* of the record, or of the write */
    struct record_id id;             /* asked for by */
    size_t seen;                     /* records looked at by name */
    /* a record */
    bool found;
    size_t record, origin;
    struct record_id record_id;
    enum model_type type;
    size_t *circle; /* seats; owned */
    size_t circle_count;
    struct told_op ops[EXPLAIN_OPS_MAX];
    size_t op_count;
    struct told_conflict *conflicts; /* owned */
    size_t conflict_count;
    struct buffer state; /* what the rules make of it, at the last sample */
    /* a node */
    size_t node;
    size_t counted, written; /* operations of the model looked at, and of this node */
    struct told_moment *moments;
    size_t moment_count, moment_capacity;
    json_t *lines;
};

/* A line of the story. */
void explain_say(struct explaining *explaining, uint64_t at_ms, size_t node, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
/* What a moment is in words; false: not worth a line. */
bool explain_moment(const struct explaining *explaining, const struct told_moment *moment,
                    char *text, size_t size);
const char *explain_seat(const struct explaining *explaining, size_t node);

/* explain_record.c */
void explain_record_batch(struct explaining *explaining, uint64_t at_ms, size_t seat,
                          struct model *model);
void explain_record_sample(struct explaining *explaining, const struct model *model);
json_t *explain_record(struct explaining *explaining);
/* explain_node.c */
json_t *explain_node(struct explaining *explaining);

#endif
