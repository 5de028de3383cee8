/* A node's lives, its outages, how far behind it was, and its recoveries. */
#include <inttypes.h>
#include <string.h>

#include "sim/report/explain_parts.h"

static void say_moments(struct explaining *explaining)
{
    size_t parent = explaining->report->nodes[explaining->node].parent;
    for (size_t i = 0; i < explaining->moment_count; i++) {
        const struct told_moment *moment = &explaining->moments[i];
        bool parent_goes = moment->kind == MOMENT_DIED || moment->kind == MOMENT_STARTED ||
                           moment->kind == MOMENT_PAUSED || moment->kind == MOMENT_RESUMED;
        char text[200];
        if ((moment->node == explaining->node || (moment->node == parent && parent_goes)) &&
            explain_moment(explaining, moment, text, sizeof text))
            explain_say(explaining, moment->at_ms, moment->node, "%s", text);
    }
}

static void say_recovery(struct explaining *explaining, const struct report_recovery *recovery)
{
    char away[48], took[48];
    report_duration(recovery->healed_ms - recovery->broken_ms, REPORT_ENGLISH, away);
    explain_say(explaining, recovery->healed_ms, recovery->node,
                "begins to catch up after %s away (%s): %" PRIu64 " entries wait", away,
                recovery->outage, recovery->entries);
    if (recovery->level_ms == 0) {
        explain_say(explaining, explaining->report->ends_ms, recovery->node,
                    "is not level with its parent at the end");
        return;
    }
    report_duration(recovery->level_ms - recovery->healed_ms, REPORT_ENGLISH, took);
    explain_say(explaining, recovery->level_ms, recovery->node,
                "is level with its parent after %s and %" PRIu64 " bytes; %s", took,
                recovery->bytes, report_cause_words(recovery->cause, REPORT_ENGLISH));
}

static size_t lives(const struct explaining *explaining)
{
    size_t count = 0;
    for (size_t i = 0; i < explaining->moment_count; i++)
        count += explaining->moments[i].node == explaining->node &&
                 explaining->moments[i].kind == MOMENT_STARTED;
    return count;
}

static json_t *states_json(const struct report_node *node)
{
    json_t *object = json_object();
    for (int state = 0; state < REPORT_STATES; state++) {
        const struct report_state_sum *sum = &node->states[state];
        json_object_set_new(object, report_state_name((enum report_state)state),
                            json_pack("{s:I, s:I, s:I}", "times", (json_int_t)sum->times,
                                      "total_ms", (json_int_t)sum->total_ms, "longest_ms",
                                      (json_int_t)sum->longest_ms));
    }
    return object;
}

static json_t *summary_json(const struct explaining *explaining, const struct report_node *node)
{
    char cut[48], down[48], slowest[48], text[640];
    report_duration(node->states[REPORT_STATE_CUT].total_ms, REPORT_ENGLISH, cut);
    report_duration(node->states[REPORT_STATE_DOWN].total_ms, REPORT_ENGLISH, down);
    report_duration(node->recovery_longest_ms, REPORT_ENGLISH, slowest);
    snprintf(text, sizeof text,
             "%s of tier %s: lives: %zu, down %s in all; cuts of its line: %" PRIu64
             ", %s in all; writes: %zu; longest queue at its link: %" PRIu64
             " entries; recoveries: %" PRIu64 ", the slowest %s.",
             node->code, explaining->report->tiers[node->tier], lives(explaining), down,
             node->states[REPORT_STATE_CUT].times, cut, explaining->written, node->waiting_max,
             node->recovery_count, slowest);
    return json_string(text);
}

json_t *explain_node(struct explaining *explaining)
{
    const struct run_report *report = explaining->report;
    const struct report_node *node = &report->nodes[explaining->node];
    say_moments(explaining);
    for (size_t i = 0; i < report->recovery_count; i++) {
        if (report->recoveries[i].node == explaining->node)
            say_recovery(explaining, &report->recoveries[i]);
    }
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:O}", "of", "node", "name", node->code,
                     "summary", summary_json(explaining, node), "writes",
                     (json_int_t)explaining->written, "waiting_max", (json_int_t)node->waiting_max,
                     "bytes", (json_int_t)(node->bytes_up + node->bytes_down), "states",
                     states_json(node), "lines", explaining->lines);
}
