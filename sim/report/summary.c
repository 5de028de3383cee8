/* Sums and greatest values of a report. */
#include "sim/report/summary.h"

const char *summary_name(enum summary which)
{
    static const char *const names[SUMMARY_COUNT] = {
#define X(name, text, words, unit) text,
        SUMMARY_LIST(X)
#undef X
    };
    return names[which];
}

const char *summary_words(enum summary which)
{
    static const char *const all[SUMMARY_COUNT] = {
#define X(name, text, words, unit) words,
        SUMMARY_LIST(X)
#undef X
    };
    return all[which];
}

enum summary_unit summary_unit(enum summary which)
{
    static const enum summary_unit units[SUMMARY_COUNT] = {
#define X(name, text, words, unit) SUMMARY_UNIT_##unit,
        SUMMARY_LIST(X)
#undef X
    };
    return units[which];
}

static void keep_greatest(uint64_t *greatest, uint64_t value)
{
    *greatest = value > *greatest ? value : *greatest;
}

static void sum_samples(const struct run_report *report, uint64_t values[static SUMMARY_COUNT])
{
    uint64_t median = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        const struct report_sample *sample = &report->samples[i];
        uint64_t waiting = 0;
        for (size_t tier = 0; tier < report->tier_count; tier++)
            waiting += sample->tiers[tier].waiting_up + sample->tiers[tier].waiting_down;
        keep_greatest(&values[SUMMARY_WAITING], waiting);
        keep_greatest(&values[SUMMARY_OLDEST], sample->age_oldest_ms);
        median += sample->age_median_ms;
    }
    values[SUMMARY_MEDIAN] = report->sample_count == 0 ? 0 : median / report->sample_count;
}

struct run_summary summary_of(const struct run_report *report, const struct run_result *result)
{
    struct run_summary summary = {.outcome = result->outcome};
    uint64_t *values = summary.values;
    sum_samples(report, values);
    for (size_t i = 0; i < report->node_count; i++) {
        values[SUMMARY_BYTES] += report->nodes[i].bytes_up + report->nodes[i].bytes_down;
        values[SUMMARY_MESSAGES] += report->nodes[i].messages;
        keep_greatest(&values[SUMMARY_SLOWEST], report->nodes[i].recovery_longest_ms);
    }
    values[SUMMARY_RECOVERIES] = report->recovery_count + report->recoveries_left_out;
    values[SUMMARY_WRITES] = result->writes;
    values[SUMMARY_FINDINGS] = result->findings.count;
    values[SUMMARY_REST] = SUMMARY_UNKNOWN;
    if (result->rested_ms > 0)
        values[SUMMARY_REST] =
            result->rested_ms > result->healed_ms ? result->rested_ms - result->healed_ms : 0;
    for (size_t i = 0; i < report->recovery_count; i++) {
        if (report->recoveries[i].level_ms == 0)
            values[SUMMARY_SLOWEST] = SUMMARY_UNKNOWN;
    }
    return summary;
}
