/* Numbers over time as columns: a page draws them as they are. */
#include "sim/report/report_json.h"

#include <string.h>

#include "sim/run/cost.h"

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Text of which nothing is known; what is no UTF-8 is told so. */
static json_t *text(const char *value)
{
    json_t *string = value == NULL ? json_null() : json_string(value);
    return string != NULL ? string : json_string("?");
}

static json_t *text_of(struct span span)
{
    json_t *string =
        span.size == 0 ? json_string("") : json_stringn((const char *)span.data, span.size);
    return string != NULL ? string : json_string("?");
}

/* ---- what was run, and what it came to ---- */

static json_t *scenario_json(const struct report_frame *frame)
{
    const struct scenario *scenario = frame->scenario;
    struct buffer yaml = {0};
    scenario_write(scenario, &yaml);
    json_t *object = json_object();
    json_object_set_new(object, "name", text(scenario->name));
    json_object_set_new(object, "title", text(scenario->title));
    json_object_set_new(object, "title_zh", text(scenario->title_zh));
    json_object_set_new(object, "because", text(scenario->because));
    json_object_set_new(object, "seed", number(scenario->seed));
    json_object_set_new(object, "lasts_ms", number(scenario->lasts_ms));
    json_object_set_new(object, "command", text(frame->command));
    json_object_set_new(object, "yaml", text_of(span_of_buffer(&yaml)));
    buffer_free(&yaml);
    return object;
}

static json_t *verdict_json(const struct run_report *report, const struct run_result *result)
{
    json_t *object = json_object();
    static const char *const languages[] = {[REPORT_ENGLISH] = "en", [REPORT_CHINESE] = "zh"};
    for (int language = REPORT_ENGLISH; language <= REPORT_CHINESE; language++) {
        struct buffer words = {0};
        report_verdict(report, result, (enum report_language)language, &words);
        json_object_set_new(object, languages[language], text_of(span_of_buffer(&words)));
        buffer_free(&words);
    }
    return object;
}

static json_t *result_json(const struct run_report *report, const struct run_result *result)
{
    const struct world_counts *counts = &result->counts;
    char trace[2 * HASH_BYTES + 1];
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(trace + 2 * i, 3, "%02x", result->trace.bytes[i]);
    json_t *object = json_object();
    json_object_set_new(object, "trace", text(trace));
    json_object_set_new(object, "unchecked", json_boolean(result->unchecked));
    json_object_set_new(object, "records", number(result->records));
    json_object_set_new(object, "writes", number(result->writes));
    json_object_set_new(object, "healed_ms", number(result->healed_ms));
    json_object_set_new(object, "rested_ms",
                        result->rested_ms == 0 ? json_null() : number(result->rested_ms));
    json_object_set_new(object, "ends_ms", number(report->ends_ms));
    json_object_set_new(object, "cpu_ms", number(result->cpu_us / 1000));
    json_object_set_new(object, "batches", number(counts->batches));
    json_object_set_new(object, "messages", number(counts->messages));
    json_object_set_new(object, "bytes", number(counts->bytes));
    json_object_set_new(object, "failed_commits", number(counts->failed_commits));
    return object;
}

static json_t *expectations_json(const struct run_report *report)
{
    static const char *const names[EXPECTATION_KINDS] = {
#define X(name, text) text,
        EXPECTATION_LIST(X)
#undef X
    };
    json_t *list = json_array();
    for (size_t i = 0; i < report->expectation_count; i++) {
        const struct report_expectation *expectation = &report->expectations[i];
        json_t *object = json_object();
        json_object_set_new(object, "kind", text(names[expectation->kind]));
        json_object_set_new(object, "limit", number(expectation->limit));
        json_object_set_new(object, "value",
                            expectation->known ? number(expectation->value) : json_null());
        json_object_set_new(object, "held", json_boolean(expectation->held));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *findings_json(const struct findings *findings)
{
    json_t *kinds = json_array();
    for (int kind = 0; kind < FINDING_COUNT; kind++) {
        if (findings->counts[kind] == 0)
            continue;
        json_t *object = json_object();
        json_object_set_new(object, "kind", text(finding_name((enum finding)kind)));
        json_object_set_new(object, "meaning", text(finding_meaning((enum finding)kind)));
        json_object_set_new(object, "count", number(findings->counts[kind]));
        json_array_append_new(kinds, object);
    }
    json_t *object = json_object();
    json_object_set_new(object, "count", number(findings->count));
    json_object_set_new(object, "kinds", kinds);
    json_object_set_new(object, "text", text_of(span_of_buffer(&findings->text)));
    return object;
}

/* ---- nodes ---- */

static json_t *states_json(const struct report_node *node)
{
    json_t *object = json_object();
    for (int state = 0; state < REPORT_STATES; state++) {
        const struct report_state_sum *sum = &node->states[state];
        if (sum->times == 0)
            continue;
        json_t *told = json_object();
        json_object_set_new(told, "times", number(sum->times));
        json_object_set_new(told, "total_ms", number(sum->total_ms));
        json_object_set_new(told, "longest_ms", number(sum->longest_ms));
        json_object_set_new(object, report_state_name((enum report_state)state), told);
    }
    return object;
}

static json_t *spans_json(const struct report_node *node)
{
    json_t *list = json_array();
    for (size_t i = 0; i < node->span_count; i++) {
        const struct report_span *span = &node->spans[i];
        json_t *told = json_array();
        json_array_append_new(told, number(span->from_ms));
        json_array_append_new(told, number(span->to_ms));
        json_array_append_new(told, number(span->state));
        json_array_append_new(list, told);
    }
    return list;
}

static json_t *node_json(const struct run_report *report, const struct report_node *node)
{
    json_t *object = json_object();
    bool is_root = &report->nodes[node->parent] == node;
    json_object_set_new(object, "seat", text(node->code));
    json_object_set_new(object, "name", text(node->name[0] == '\0' ? NULL : node->name));
    json_object_set_new(object, "tier", number(node->tier));
    json_object_set_new(object, "parent", text(is_root ? NULL : report->nodes[node->parent].code));
    json_object_set_new(object, "bytes_up", number(node->bytes_up));
    json_object_set_new(object, "bytes_down", number(node->bytes_down));
    json_object_set_new(object, "messages", number(node->messages));
    json_object_set_new(object, "sessions", number(node->sessions));
    json_object_set_new(object, "waiting_max", number(node->waiting_max));
    json_object_set_new(object, "recoveries", number(node->recovery_count));
    json_object_set_new(object, "recovery_longest_ms", number(node->recovery_longest_ms));
    json_object_set_new(object, "refused", number(node->refused));
    json_object_set_new(object, "states", states_json(node));
    json_object_set_new(object, "spans", spans_json(node));
    return object;
}

/* Of a large tree those that had the worst of it, so that the list stays bounded. */
static json_t *nodes_json(const struct run_report *report, size_t *left_out)
{
    json_t *list = json_array();
    uint64_t least = 0;
    *left_out = 0;
    while (report->node_count > REPORT_NODES_MAX) { /* the bound doubles until few enough pass */
        size_t passing = 0;
        for (size_t i = 0; i < report->node_count; i++)
            passing += report->nodes[i].bytes_up + report->nodes[i].bytes_down >= least;
        if (passing <= REPORT_NODES_MAX)
            break;
        least = least * 2 + 1;
    }
    for (size_t i = 0; i < report->node_count; i++) {
        const struct report_node *node = &report->nodes[i];
        if (node->bytes_up + node->bytes_down >= least)
            json_array_append_new(list, node_json(report, node));
        else
            ++*left_out;
    }
    return list;
}

/* ---- over time ---- */

static void add_column(json_t *columns, const char *name, uint64_t value)
{
    json_t *column = json_object_get(columns, name);
    if (column == NULL) {
        column = json_array();
        json_object_set_new(columns, name, column);
    }
    json_array_append_new(column, number(value));
}

static void add_sample(json_t *columns, const struct report_sample *sample)
{
    add_column(columns, "at_ms", sample->at_ms);
    add_column(columns, "age_oldest_ms", sample->age_oldest_ms);
    add_column(columns, "age_median_ms", sample->age_median_ms);
    add_column(columns, "complete", sample->complete);
    add_column(columns, "silent", sample->silent);
    add_column(columns, "withheld", sample->withheld);
    add_column(columns, "unknown", sample->unknown);
    add_column(columns, "waiting_bytes", sample->waiting_bytes);
    add_column(columns, "records", sample->records);
    add_column(columns, "writes", sample->writes);
}

static json_t *samples_json(const struct run_report *report)
{
    json_t *columns = json_object();
    for (size_t i = 0; i < report->sample_count; i++)
        add_sample(columns, &report->samples[i]);
    return columns;
}

static json_t *tier_columns(const struct run_report *report, size_t tier)
{
    json_t *columns = json_object();
    for (size_t i = 0; i < report->sample_count; i++) {
        const struct report_tier_sample *sample = &report->samples[i].tiers[tier];
        for (int state = 0; state < REPORT_STATES; state++)
            add_column(columns, report_state_name((enum report_state)state), sample->states[state]);
        add_column(columns, "waiting_up", sample->waiting_up);
        add_column(columns, "waiting_down", sample->waiting_down);
        add_column(columns, "bytes", sample->bytes);
    }
    return columns;
}

static json_t *tiers_json(const struct run_report *report)
{
    json_t *list = json_array();
    for (size_t tier = 0; tier < report->tier_count; tier++) {
        json_t *object = json_object();
        json_object_set_new(object, "name", text(report->tiers[tier]));
        json_object_set_new(object, "seats", number(report->tier_seats[tier]));
        json_object_set_new(object, "samples", tier_columns(report, tier));
        json_array_append_new(list, object);
    }
    return list;
}

static const char *cause_name(enum report_cause cause)
{
    static const char *const names[REPORT_CAUSES] = {
#define X(name, text, english, chinese) text,
        REPORT_CAUSE_LIST(X)
#undef X
    };
    return names[cause];
}

static json_t *recovery_json(const struct run_report *report,
                             const struct report_recovery *recovery)
{
    json_t *object = json_object();
    bool is_level = recovery->level_ms > 0, was_up = recovery->session_ms > 0;
    uint64_t healed_ms = recovery->healed_ms;
    json_object_set_new(object, "seat", text(report->nodes[recovery->node].code));
    json_object_set_new(object, "outage", text(recovery->outage));
    json_object_set_new(object, "broken_ms", number(recovery->broken_ms));
    json_object_set_new(object, "healed_ms", number(healed_ms));
    json_object_set_new(object, "session_after_ms",
                        was_up ? number(recovery->session_ms - healed_ms) : json_null());
    json_object_set_new(object, "took_ms",
                        is_level ? number(recovery->level_ms - healed_ms) : json_null());
    json_object_set_new(object, "entries", number(recovery->entries));
    json_object_set_new(object, "bytes", number(recovery->bytes));
    json_object_set_new(object, "setbacks", number(recovery->setbacks));
    json_object_set_new(object, "cause", text(cause_name(recovery->cause)));
    json_object_set_new(object, "cause_words",
                        json_pack("{s:s, s:s}", "en",
                                  report_cause_words(recovery->cause, REPORT_ENGLISH), "zh",
                                  report_cause_words(recovery->cause, REPORT_CHINESE)));
    return object;
}

static json_t *recoveries_json(const struct run_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->recovery_count; i++)
        json_array_append_new(list, recovery_json(report, &report->recoveries[i]));
    return list;
}

/* ---- counted ---- */

static json_t *faults_json(const struct run_report *report)
{
    json_t *object = json_object();
    for (size_t i = 0; i < report->fault_count; i++)
        json_object_set_new(object, report->faults[i].name, number(report->faults[i].count));
    return object;
}

static json_t *refusals_json(const struct refusals *refusals)
{
    json_t *object = json_object();
#define X(name)                                                                                    \
    if (refusals->name > 0)                                                                        \
        json_object_set_new(object, #name, number(refusals->name));
    REFUSAL_LIST(X)
#undef X
    return object;
}

static json_t *alarms_json(const struct run_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->alarm_count; i++)
        json_array_append_new(list, text(report->alarms[i]));
    return list;
}

static const char *outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOME_COUNT] = {
        [OUTCOME_HELD] = "held",
        [OUTCOME_VIOLATED] = "violated",
        [OUTCOME_NOT_CONVERGED] = "not_converged",
        [OUTCOME_CRASHED] = "crashed",
        [OUTCOME_UNDECIDED] = "undecided",
    };
    return names[outcome];
}

static json_t *profile_json(const struct run_result *result)
{
    json_t *list = json_array();
    for (int part = 0; part < COST_PARTS; part++) {
        if (result->parts_us[part] > 0)
            json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "part",
                                                  cost_name((enum cost_part)part), "name",
                                                  cost_words((enum cost_part)part), "cpu_ms",
                                                  (json_int_t)(result->parts_us[part] / 1000)));
    }
    return list;
}

json_t *report_json(const struct run_report *report, const struct report_frame *frame)
{
    json_t *object = json_object();
    size_t left_out;
    json_object_set_new(object, "format", json_integer(1));
    json_object_set_new(object, "program", text("terrace " TERRACE_VERSION));
    json_object_set_new(object, "outcome", text(outcome_name(frame->result->outcome)));
    json_object_set_new(object, "exit_status",
                        json_integer(outcome_exit_status(frame->result->outcome)));
    json_object_set_new(object, "verdict", verdict_json(report, frame->result));
    json_object_set_new(object, "scenario", scenario_json(frame));
    json_object_set_new(object, "begins_ms", number(report->begins_wall_ms));
    json_object_set_new(object, "result", result_json(report, frame->result));
    json_object_set_new(object, "expectations", expectations_json(report));
    json_object_set_new(object, "findings", findings_json(&frame->result->findings));
    json_object_set_new(object, "tiers", tiers_json(report));
    json_object_set_new(object, "samples", samples_json(report));
    json_object_set_new(object, "nodes", nodes_json(report, &left_out));
    json_object_set_new(object, "nodes_left_out", number(left_out));
    json_object_set_new(object, "recoveries", recoveries_json(report));
    json_object_set_new(object, "recoveries_left_out", number(report->recoveries_left_out));
    json_object_set_new(object, "faults", faults_json(report));
    json_object_set_new(object, "refusals", refusals_json(&report->refusals));
    json_object_set_new(object, "alarms", alarms_json(report));
    json_object_set_new(object, "profile", profile_json(frame->result));
    return object;
}
