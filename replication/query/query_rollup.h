/* What is asked of a roll-up, and which there are. Answers: query.h. */
#ifndef TERRACE_REPLICATION_QUERY_QUERY_ROLLUP_H
#define TERRACE_REPLICATION_QUERY_QUERY_ROLLUP_H

#include "replication/query/query.h"
#include "schema/rollup.h"

struct rollup_question {
    struct span name;   /* empty: which there are */
    struct span by;     /* up to 4 of its fields, origin (or seat), tier, parent, comma between */
    struct span period; /* "2026-11", or "2026-09..2026-11", the ends included; empty: all */
    struct span each;   /* split by: day, month, year */
    uint64_t since_ms;  /* late corrections since then; 0: none are asked for */
    bool verify;        /* own cells are counted again from the records first */
    uint64_t freshness_ms;
};

/* records and received: as query_rollup. Of any other:
 * {"name":, "label": {language: text}, "type":, "what": kind, "unit":, "scale": u (decimal places
 * of "value"), "limit": u (of a distinct, 0), "complete": bool or "building" (this node hasn't
 * counted all it has), "value": i or nil (nothing, or a sum beyond its bounds), "numerator":,
 * "denominator": i or nil (of a ratio and an average), "overflow": bool, "more": bool (more than
 * "value" different ones), "groups": [{"key":, "name":, "label":, "value": ... "more":} ...],
 * "periods": [{"period":, "value": ... "more":, "groups":} ...], "late": [{"period":, "seat":,
 * "key":, "since": ms} ...] at most 100 cells of periods that had ended when they changed,
 * "late_count": u, "suspect": [seat ...] whose clocks are far off, and "origins", "as_of",
 * "newest", "behind", "finals", "folds" as of query_rollup; an origin that is still counting, or
 * counts by other types, is behind: "building"}.
 * Without a name: [{"name":, "label":, "type":, "what":, "by": [field ...], "period":, "offset":
 * minutes ahead of UTC (of those that types declare), "unit":}
 * ...].
 * ERR_NOT_FOUND: there is no such roll-up; ERR_USAGE: it has no such group or period. */
enum error_code query_rollup_of(const struct view *view, const struct tree *tree, const char *self,
                                const struct rollup_question *question, struct buffer *out,
                                struct error *error);

/* Of one that a type declares, or of what is overdue; `labelled`: its type with labels, or NULL. */
enum error_code query_declared(const struct view *view, const struct tree *tree, const char *self,
                               const struct rollup_question *question, const struct rollup *rollup,
                               const struct record_type *type, const struct record_type *labelled,
                               struct buffer *out, struct error *error);
/* Our own figures from the records, others' from their reports, our fold from their cells: all as
 * they stand here. ERR_DAMAGED with `error`. */
enum error_code query_verify_figures(const struct view *view, const struct tree *tree,
                                     const char *self, struct error *error);
/* The pair "label". */
void query_put_labels(struct buffer *out, const struct type_labels *labels);

#endif
