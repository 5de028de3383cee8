/* A look at the whole drill: what every node says, what the root counts, what memory it takes. */
#ifndef TERRACE_CLI_DRILL_SURVEY_H
#define TERRACE_CLI_DRILL_SURVEY_H

#include <jansson.h>
#include <stdio.h>

#include "cli/drill/drill.h"
#include "cli/drill/probe.h"
#include "cli/drill/process.h"

struct survey {
    const struct drill *drill;
    struct figures *figures;       /* a seat each */
    struct process_memory *memory; /* a seat each */
    int64_t *counted;              /* records by origin, as the root counts them; a seat each */
    json_t *total;                 /* the root's whole answer; NULL: it can't be reached */
};

/* Ask all. `memory`: read the kernel's figures too, which takes about 1 ms a node. */
void survey_take(const struct drill *drill, bool memory, struct survey *survey);
void survey_free(struct survey *survey);

/* Sums over the seats below and at one child of the root, or over the root alone (seat 0). */
struct branch_sums {
    size_t nodes, up, linked, cut;
    int64_t counted;
    uint64_t behind, heard_ms; /* heard: the longest ago of the branch's uplinks */
    uint64_t anonymous, proportional;
    bool never_heard;
};
void survey_sum(const struct survey *survey, size_t branch, struct branch_sums *sums);

/* The table of branches for people, and the totals under it. */
void survey_print(const struct survey *survey, FILE *to);
/* "22,013 records, 330 of 330 origins, as of ..."; what isn't counted to the end, and since when.
 */
void survey_print_total(const struct survey *survey, size_t behind_max, FILE *to);
json_t *survey_json(const struct survey *survey, bool seats);

/* Ask the root for its total by origin; NULL with `error`. The caller owns it. */
json_t *survey_total(const struct drill *drill, struct error *error);

#endif
