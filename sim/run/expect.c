/* What the scenario expects beside the invariants. */
#include "sim/run/run_parts.h"

void expectations_sample(struct run *run)
{
    (void)run;
}

void expectations_end(struct run *run)
{
    for (size_t i = 0; i < run->scenario->expectation_count; i++) {
        const struct expectation *expectation = &run->scenario->expectations[i];
        struct run_result *result = run->result;
        if (expectation->kind != EXPECTATION_EQUAL || result->rested_ms == 0)
            continue;
        uint64_t took = result->rested_ms - result->healed_ms;
        if (took > expectation->limit)
            findings_add(&result->findings, FINDING_EXPECTED,
                         "everybody was equal %llu ms after the last healing, expected %llu",
                         (unsigned long long)took, (unsigned long long)expectation->limit);
    }
}
