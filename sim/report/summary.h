/* A run in a few numbers, to be set beside another's. */
#ifndef TERRACE_SIM_REPORT_SUMMARY_H
#define TERRACE_SIM_REPORT_SUMMARY_H

#include "sim/report/report.h"

/* X(name, in JSON, in words, unit) */
#define SUMMARY_LIST(X)                                                                            \
    X(REST, "rest_ms", "until all equal", TIME)                                                    \
    X(OLDEST, "age_oldest_ms", "oldest figures", TIME)                                             \
    X(MEDIAN, "age_median_ms", "figures, on average of the middle origin", TIME)                   \
    X(SLOWEST, "recovery_longest_ms", "slowest recovery", TIME)                                    \
    X(RECOVERIES, "recoveries", "recoveries", COUNT)                                               \
    X(WAITING, "waiting_max", "longest backlog, all links", COUNT)                                 \
    X(BYTES, "bytes", "over the links", SIZE)                                                      \
    X(MESSAGES, "messages", "messages", COUNT)                                                     \
    X(WRITES, "writes", "writes", COUNT)                                                           \
    X(FINDINGS, "findings", "findings", COUNT)
enum summary {
#define X(name, text, words, unit) SUMMARY_##name,
    SUMMARY_LIST(X)
#undef X
        SUMMARY_COUNT
};
enum summary_unit { SUMMARY_UNIT_TIME, SUMMARY_UNIT_SIZE, SUMMARY_UNIT_COUNT };

#define SUMMARY_UNKNOWN UINT64_MAX /* it never happened */

struct run_summary {
    enum outcome outcome;
    uint64_t values[SUMMARY_COUNT]; /* or SUMMARY_UNKNOWN */
};

const char *summary_name(enum summary which); /* in JSON */
const char *summary_words(enum summary which);
enum summary_unit summary_unit(enum summary which);
struct run_summary summary_of(const struct run_report *report, const struct run_result *result);

#endif
