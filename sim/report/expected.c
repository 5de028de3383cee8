/* What the scenario expects, and the values that the run judged by. */
#include "sim/report/timeline_parts.h"

static bool is_known(enum expectation_kind kind, const struct run_result *result)
{
    if (kind == EXPECTATION_EQUAL)
        return result->rested_ms > 0;
    return !result->unchecked || (kind != EXPECTATION_BACKLOG && kind != EXPECTATION_URGENT);
}

void expected_end(struct timeline *timeline, const struct run_result *result)
{
    const struct scenario *scenario = timeline->scenario;
    struct run_report *report = timeline->report;
    report->expectation_count = scenario->expectation_count;
    for (size_t i = 0; i < report->expectation_count; i++) {
        const struct expectation *expectation = &scenario->expectations[i];
        struct report_expectation *told = &report->expectations[i];
        *told = (struct report_expectation){.kind = expectation->kind,
                                            .limit = expectation->limit,
                                            .value = result->expected[i],
                                            .known = is_known(expectation->kind, result)};
        told->held = told->known && told->value <= told->limit;
    }
}
