/* The whole check: records against circles, states against each other, totals against records. */
#ifndef TERRACE_CLI_DRILL_CHECK_RUN_H
#define TERRACE_CLI_DRILL_CHECK_RUN_H

#include "cli/drill/check_walk.h"

enum check_verdict {
    CHECK_HOLDS,
    CHECK_VIOLATED, /* a leak, a difference, damage, or something missing though all is sent */
    CHECK_BEHIND,   /* nothing wrong, but not everything has arrived */
};

struct check_result {
    enum check_verdict verdict;
    struct check_findings findings;
    uint64_t acknowledged, present, missing, diverged;
    uint64_t late;           /* holders have not heard of the same operations */
    uint64_t lost;           /* acknowledged by its origin, and not even there */
    uint64_t cut_off;        /* acknowledged, behind their key's cut-off: lost with a disk, or a
                              * thief's; missing nowhere */
    uint64_t cut_counted;    /* of these: counted somewhere all the same */
    uint64_t unanswered;     /* written, though nobody heard the acknowledgement */
    uint64_t incomplete;     /* of these: not at all holders */
    uint64_t total_expected; /* records at their origins that count */
    json_t *total;           /* the root's answer; NULL: it can't be reached */
    int64_t total_value, origins_reported, origins_expected;
    uint64_t total_wrong; /* origins that the root counts too high, or too low though complete */
    size_t nodes, nodes_up, nodes_caught_up; /* those whose key is in force */
    size_t revoked;
    bool stepped; /* a profile has taken steps */
    uint64_t duration_ms;
};

/* Check, and until `wait_ms` are over again as long as something has not arrived yet. The caller
 * frees with check_result_free, also after an error. */
enum error_code check_run(const struct drill *drill, uint64_t wait_ms, bool quiet,
                          struct check_result *result, struct error *error);
void check_result_free(struct check_result *result);

json_t *check_result_json(const struct check_result *result);
void check_result_print(const struct check_result *result, FILE *to);
int check_exit_status(const struct check_result *result);

#endif
