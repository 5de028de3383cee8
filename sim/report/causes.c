/* Why a recovery took as long as it did. Judged by what took the greatest part of its time, the
 * rarest explanation first: nobody says "the line was slow" of a store that was filled anew
 * through it. */
#include "sim/report/timeline_parts.h"

struct link_profile link_profile_of(const struct scenario *scenario, const struct county *county,
                                    size_t node)
{
    struct link_profile profile = scenario->link;
    for (size_t i = 0; i < scenario->link_count; i++) {
        if (selector_takes(&scenario->links[i].who, scenario, county, node))
            profile = scenario->links[i].profile;
    }
    return profile;
}

static bool is_part(uint64_t part_ms, uint64_t whole_ms, unsigned percent)
{
    return part_ms > 0 && part_ms * 100 >= whole_ms * percent;
}

/* What the line did, or nobody in particular. */
static enum report_cause cause_on_line(const struct link_profile *line, uint64_t took_ms,
                                       const struct report_recovery *recovery,
                                       const struct recovery_facts *facts)
{
    if (is_part(facts->offline_ms, took_ms, 40)) {
        if (line->cap_bytes_day > 0)
            return REPORT_CAUSE_CAP;
        if (line->window_from_minute != line->window_to_minute)
            return REPORT_CAUSE_WINDOW;
        return REPORT_CAUSE_REDIAL;
    }
    if (recovery->session_ms > recovery->healed_ms &&
        is_part(recovery->session_ms - recovery->healed_ms, took_ms, 40))
        return REPORT_CAUSE_REDIAL;
    uint64_t online_ms = took_ms - facts->offline_ms;
    if (line->rate_bytes_s > 0 &&
        is_part(recovery->bytes * 1000 / line->rate_bytes_s, online_ms, 40))
        return REPORT_CAUSE_LINE_RATE;
    if (line->loss_permille > 0)
        return REPORT_CAUSE_LINE_LOSS;
    return REPORT_CAUSE_EXCHANGE;
}

enum report_cause recovery_cause(const struct timeline *timeline, size_t node,
                                 const struct report_recovery *recovery,
                                 const struct recovery_facts *facts)
{
    struct link_profile line = link_profile_of(timeline->scenario, timeline->county, node);
    uint64_t took_ms = recovery->level_ms - recovery->healed_ms;
    took_ms = took_ms == 0 ? 1 : took_ms;
    if (is_part(facts->parent_ms, took_ms, 40))
        return REPORT_CAUSE_PARENT;
    if (facts->cuts > 0)
        return REPORT_CAUSE_CUT_AGAIN;
    if (facts->stops > 0)
        return REPORT_CAUSE_RESTART;
    if (facts->withheld)
        return REPORT_CAUSE_WITHHELD;
    if (facts->refilled)
        return REPORT_CAUSE_REFILL;
    enum report_cause cause = cause_on_line(&line, took_ms, recovery, facts);
    if (cause == REPORT_CAUSE_EXCHANGE && facts->disk)
        return REPORT_CAUSE_DISK;
    return cause;
}
