/* What the scenario expects, and the values that it came to. */
#include <stdlib.h>

#include "sim/report/timeline_parts.h"

void expected_begin(struct timeline *timeline)
{
    const struct scenario *scenario = timeline->scenario;
    const struct county *county = timeline->county;
    timeline->selected = mem_alloc((scenario->expectation_count * county->seat_count + 1) *
                                   sizeof *timeline->selected);
    for (size_t i = 0; i < scenario->expectation_count; i++) {
        for (size_t seat = 0; seat < county->seat_count; seat++)
            timeline->selected[i * county->seat_count + seat] =
                selector_takes(&scenario->expectations[i].who, scenario, county, seat);
    }
}

static uint64_t oldest(const struct run_report *report)
{
    uint64_t age = 0;
    for (size_t i = 0; i < report->sample_count; i++)
        age = report->samples[i].age_oldest_ms > age ? report->samples[i].age_oldest_ms : age;
    return age;
}

/* Of the selected nodes: the longest queue, or all bytes. */
static uint64_t of_links(const struct timeline *timeline, size_t place, enum expectation_kind kind)
{
    const struct run_report *report = timeline->report;
    uint64_t value = 0;
    for (size_t i = 0; i < report->node_count; i++) {
        const struct report_node *node = &report->nodes[i];
        if (!timeline->selected[place * report->node_count + i])
            continue;
        if (kind == EXPECTATION_BYTES)
            value += node->bytes_up + node->bytes_down;
        else
            value = node->waiting_max > value ? node->waiting_max : value;
    }
    return value;
}

static void judge(const struct timeline *timeline, size_t place, const struct run_result *result,
                  struct report_expectation *told)
{
    told->known = true;
    switch (told->kind) {
    case EXPECTATION_EQUAL:
        told->known = result->rested_ms > 0;
        told->value =
            result->rested_ms > result->healed_ms ? result->rested_ms - result->healed_ms : 0;
        break;
    case EXPECTATION_AGE: told->value = oldest(timeline->report); break;
    case EXPECTATION_BACKLOG:
    case EXPECTATION_BYTES: told->value = of_links(timeline, place, told->kind); break;
    case EXPECTATION_URGENT:
    case EXPECTATION_KINDS: told->known = false; break;
    }
    told->held = told->known && told->value <= told->limit;
    if (told->kind == EXPECTATION_URGENT)
        told->held = result->outcome == OUTCOME_HELD;
}

void expected_end(struct timeline *timeline, const struct run_result *result)
{
    const struct scenario *scenario = timeline->scenario;
    struct run_report *report = timeline->report;
    report->expectation_count = timeline->selected == NULL ? 0 : scenario->expectation_count;
    for (size_t i = 0; i < report->expectation_count; i++) {
        report->expectations[i] = (struct report_expectation){
            .kind = scenario->expectations[i].kind, .limit = scenario->expectations[i].limit};
        judge(timeline, i, result, &report->expectations[i]);
    }
}
