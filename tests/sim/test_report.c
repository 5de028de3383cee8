/* Reports: what a timeline makes of moments, that its watching changes nothing, that the page can't
 * be driven by names, and what a variant of a scenario is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report/page.h"
#include "sim/report/summary.h"
#include "sim/report/timeline_parts.h"

static const char cut_for_an_hour[] =
    "title: a cut\n"
    "begins: 2026-03-02 08:00\n"
    "lasts: 4 h\n"
    "rest: 2 h\n"
    "tree:\n"
    "  shape: 1+2+4\n"
    "link: {rate: 64 kbit/s, latency: 50 ms}\n"
    "work:\n"
    "  - {tier: village, type: incident, records: 40 a day}\n"
    "  - {tier: county, type: directive, records: 24 a day}\n"
    "faults:\n"
    "  - {fault: cut, seats: [\"1.1\"], at: 1 h, lasts: 1 h}\n"
    "  - {fault: kill, seats: [\"1.2\"], at: 2 h, lasts: 10 min}\n"
    "expect:\n"
    "  - {equal: 1 h}\n";

static struct scenario *scenario_of(const char *yaml)
{
    struct error error = {0};
    struct scenario *scenario = scenario_read(span_of_text(yaml), "test", NULL, NULL, &error);
    if (scenario == NULL)
        fail_msg("%s: %s; %s", error.what, error.why, error.next);
    return scenario;
}

static struct run_report *report_of(const struct scenario *scenario,
                                    const struct run_watcher *chained, struct run_result *result)
{
    struct error error = {0};
    struct timeline *timeline = timeline_new(scenario, chained);
    struct run_options options = {.watcher = timeline_watcher(timeline)};
    if (run_scenario(scenario, &options, result, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    struct run_report *report = timeline_finish(timeline, result);
    timeline_free(timeline);
    return report;
}

static const struct report_node *node_of(const struct run_report *report, const char *code)
{
    for (size_t i = 0; i < report->node_count; i++) {
        if (strcmp(report->nodes[i].code, code) == 0)
            return &report->nodes[i];
    }
    fail_msg("no node %s", code);
    return NULL;
}

/* ---- a run ---- */

/* The model's books and the stores themselves say the same of what waits. */
struct comparing {
    struct waiting_book *book;
    size_t compared, waiting;
};

static void compare_waiting(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct comparing *comparing = context;
    size_t count = world_county(world)->seat_count;
    uint64_t up[16], down[16];
    struct waiting all[16];
    assert_true(count <= 16);
    if (comparing->book == NULL)
        comparing->book = waiting_book_new(world_county(world));
    model_backlogs(model, up, down);
    waiting_of_all(comparing->book, world, all);
    for (size_t i = 0; i < count; i++) {
        struct waiting one = waiting_of_link(comparing->book, world, i);
        if (all[i].up != up[i] || all[i].down != down[i] || one.up != up[i] || one.down != down[i])
            fail_msg(
                "at %llu link of %zu: %llu up, %llu down; one %llu, %llu; the books %llu, %llu",
                (unsigned long long)at_ms, i, (unsigned long long)all[i].up,
                (unsigned long long)all[i].down, (unsigned long long)one.up,
                (unsigned long long)one.down, (unsigned long long)up[i],
                (unsigned long long)down[i]);
        assert_int_equal(all[i].bytes > 0, all[i].up + all[i].down > 0);
        comparing->compared++;
        comparing->waiting += up[i] + down[i] > 0;
    }
}

/* ---- what a step does is told as a fault's is ---- */

static void hear_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                        const char *text)
{
    struct buffer *heard = context;
    (void)at_ms;
    if (kind == MOMENT_PAUSED || kind == MOMENT_RESUMED || kind == MOMENT_RESTORED) {
        char line[64];
        int size = snprintf(line, sizeof line, "%s %zu %s\n",
                            kind == MOMENT_PAUSED    ? "paused"
                            : kind == MOMENT_RESUMED ? "resumed"
                                                     : "restored",
                            node, text);
        buffer_append(heard, line, (size_t)size);
    }
}

static void steps_tell_their_moments(void **state)
{
    static const char yaml[] = "title: steps\n"
                               "begins: 2026-03-02 08:00\n"
                               "rest: 2 h\n"
                               "tree: {shape: 1+1}\n"
                               "steps:\n"
                               "  - image: {at: \"1.1\", as: old}\n"
                               "  - put: {record: r, at: \"1.1\", type: incident, fields: {s: x}}\n"
                               "  - run\n"
                               "  - pause: \"1.1\"\n"
                               "  - pause: \"1.1\"\n"
                               "  - wait: 1 min\n"
                               "  - resume: \"1.1\"\n"
                               "  - resume: \"1.1\"\n"
                               "  - restore: {at: \"1.1\", image: old}\n"
                               "  - start: \"1.1\"\n"
                               "  - run\n"
                               "  - restore: {at: \"1.1\", image: old, whole: true}\n"
                               "  - start: \"1.1\"\n"
                               "  - run\n"
                               "  - pause: \"1\"\n"; /* to the end */
    (void)state;
    struct scenario *scenario = scenario_of(yaml);
    struct buffer heard = {0};
    struct run_watcher watcher = {
        .context = &heard, .moment = hear_moment, .sample_ms = UINT64_MAX / 4};
    struct run_options options = {.watcher = &watcher};
    struct run_result result;
    struct error error = {0};
    assert_int_equal(run_scenario(scenario, &options, &result, &error), ERR_OK);
    buffer_append(&heard, "", 1);
    assert_string_equal((const char *)heard.data, "paused 1 pause\n"
                                                  "resumed 1 pause\n"
                                                  "restored 1 old\n"
                                                  "restored 1 old high-water\n"
                                                  "paused 0 pause\n"
                                                  "resumed 0 pause\n");
    buffer_free(&heard);
    run_result_clear(&result);
    scenario_free(scenario);
}

static void test_run(void **state)
{
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct comparing comparing = {0};
    struct run_watcher chained = {.context = &comparing, .sample = compare_waiting};
    struct run_result result;
    struct run_report *report = report_of(scenario, &chained, &result);
    (void)state;
    assert_int_equal(result.outcome, OUTCOME_HELD);
    assert_true(comparing.compared > 1000 && comparing.waiting > 50);
    const struct report_node *cut = node_of(report, "1.1"), *killed = node_of(report, "1.2");
    assert_int_equal(cut->states[REPORT_STATE_CUT].times, 1);
    assert_int_equal(cut->states[REPORT_STATE_CUT].total_ms, 3600000);
    assert_int_equal(killed->states[REPORT_STATE_DOWN].times, 1);
    assert_int_equal(killed->states[REPORT_STATE_DOWN].total_ms, 600000);
    assert_int_equal(killed->states[REPORT_STATE_CUT].times, 0);
    assert_true(cut->waiting_max > 0 && cut->bytes_up > 0 && cut->sessions >= 2);
    assert_int_equal(cut->recovery_count, 1);
    assert_true(cut->recovery_longest_ms > 0 && cut->recovery_longest_ms < 120000);
    assert_int_equal(report->fault_count, 2);
    assert_int_equal(report->tier_seats[2], 4);
    uint64_t bytes = 0, oldest = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        const struct report_sample *sample = &report->samples[i];
        assert_int_equal(sample->complete + sample->silent + sample->withheld + sample->unknown, 6);
        for (size_t tier = 0; tier < report->tier_count; tier++)
            bytes += sample->tiers[tier].bytes;
        oldest = sample->age_oldest_ms > oldest ? sample->age_oldest_ms : oldest;
    }
    assert_true(oldest > 3600000 && oldest < 5400000);
    for (size_t i = 0; i < report->node_count; i++)
        bytes -= report->nodes[i].bytes_up + report->nodes[i].bytes_down;
    assert_int_equal(bytes, 0);
    assert_true(report->expectation_count == 1 && report->expectations[0].held);
    assert_int_equal(report->expectations[0].value, result.rested_ms - result.healed_ms);
    run_report_free(report);
    run_result_clear(&result);
    waiting_book_free(comparing.book);
    scenario_free(scenario);
}

static void test_unwatched(void **state)
{
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct run_result watched, alone;
    struct run_options options = {0};
    struct run_report *report = report_of(scenario, NULL, &watched);
    (void)state;
    assert_int_equal(run_scenario(scenario, &options, &alone, NULL), ERR_OK);
    assert_memory_equal(&watched.trace, &alone.trace, sizeof alone.trace);
    run_report_free(report);
    run_result_clear(&watched);
    run_result_clear(&alone);
    scenario_free(scenario);
}

static void test_unchecked(void **state)
{
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct run_options options = {.unchecked = true, .costed = true};
    struct run_result first, second;
    uint64_t parts_us = 0;
    (void)state;
    scenario->works[0].set_percent = 40;
    scenario->works[0].delete_percent = 5;
    assert_int_equal(run_scenario(scenario, &options, &first, NULL), ERR_OK);
    assert_int_equal(run_scenario(scenario, &options, &second, NULL), ERR_OK);
    assert_memory_equal(&first.trace, &second.trace, sizeof first.trace);
    assert_true(first.unchecked && first.records > 10 && first.writes > first.records);
    for (int part = 0; part < COST_PARTS; part++)
        parts_us += first.parts_us[part];
    assert_true(parts_us <= first.cpu_us);
    run_result_clear(&first);
    run_result_clear(&second);
    scenario_free(scenario);
}

/* ---- moments by hand ---- */

struct desk {
    struct county *county;
    struct world *world;
    struct scenario scenario;
    struct timeline *timeline;
    const struct run_watcher *watcher;
};

static void set_up(struct desk *desk)
{
    static const struct county_row rows[] = {
        {"C", "county", NULL}, {"T", "township", "C"}, {"V", "village", "T"}};
    struct world_options calm = {0};
    desk->county = county_new(rows, 3, 1);
    desk->world = world_new(desk->county, &calm, 1, NULL);
    desk->scenario = (struct scenario){.lasts_ms = 1000};
    desk->timeline = timeline_new(&desk->scenario, NULL);
    desk->watcher = timeline_watcher(desk->timeline);
    desk->watcher->sample(desk->watcher->context, 0, desk->world, NULL);
}

static void moment(const struct desk *desk, uint64_t at_ms, enum moment_kind kind, size_t node,
                   const char *text)
{
    desk->watcher->moment(desk->watcher->context, at_ms, kind, node, text);
}

static struct run_report *tear_down(struct desk *desk)
{
    struct run_result result = {0};
    struct run_report *report = timeline_finish(desk->timeline, &result);
    timeline_free(desk->timeline);
    world_free(desk->world);
    county_free(desk->county);
    return report;
}

/* Two cuts that overlap are one, and it ends with the later. */
static void test_overlapping(void **state)
{
    struct desk desk;
    (void)state;
    set_up(&desk);
    moment(&desk, 100, MOMENT_CUT, 1, "cut");
    moment(&desk, 150, MOMENT_FAULT, 1, "half-open");
    moment(&desk, 200, MOMENT_HEALED, 1, "cut");
    moment(&desk, 300, MOMENT_ENDED, 1, "half-open");
    moment(&desk, 400, MOMENT_FAULT, 2, "kill");
    moment(&desk, 400, MOMENT_DIED, 2, "");
    moment(&desk, 450, MOMENT_STARTED, 2, "");
    moment(&desk, 450, MOMENT_ENDED, 2, "kill");
    struct run_report *report = tear_down(&desk);
    const struct report_state_sum *cut = &report->nodes[1].states[REPORT_STATE_CUT];
    assert_int_equal(cut->times, 1);
    assert_int_equal(cut->total_ms, 200);
    assert_int_equal(report->nodes[2].states[REPORT_STATE_DOWN].total_ms, 50);
    assert_int_equal(report->fault_count, 3);
    assert_string_equal(report->faults[2].name, "kill");
    run_report_free(report);
}

static void test_bounds(void **state)
{
    enum { TIMES = 3 * REPORT_SAMPLES_MAX };
    struct desk desk;
    (void)state;
    set_up(&desk);
    for (uint64_t i = 1; i <= TIMES; i++) {
        moment(&desk, i * 10, MOMENT_CUT, 2, "cut");
        moment(&desk, i * 10 + 4, MOMENT_HEALED, 2, "cut");
        desk.watcher->sample(desk.watcher->context, i * 10 + 5, desk.world, NULL);
    }
    struct run_report *report = tear_down(&desk);
    const struct report_node *node = &report->nodes[2];
    assert_int_equal(node->states[REPORT_STATE_CUT].times, TIMES);
    assert_int_equal(node->states[REPORT_STATE_CUT].total_ms, TIMES * 4);
    assert_true(node->span_count <= REPORT_SPANS_MAX && node->span_count > REPORT_SPANS_MAX / 2);
    for (size_t i = 1; i < node->span_count; i++)
        assert_true(node->spans[i - 1].to_ms <= node->spans[i].from_ms);
    assert_true(report->sample_count <= REPORT_SAMPLES_MAX && report->sample_count > 200);
    for (size_t i = 1; i < report->sample_count; i++)
        assert_true(report->samples[i - 1].at_ms < report->samples[i].at_ms);
    run_report_free(report);
}

static void test_causes(void **state)
{
    static const struct {
        const char *what;
        struct link_profile line;
        uint64_t session_ms, bytes;
        struct recovery_facts facts;
        enum report_cause cause;
    } rows[] = {
        {"nothing", {0}, 0, 1000, {0}, REPORT_CAUSE_EXCHANGE},
        {"rate", {.rate_bytes_s = 1000}, 0, 90000, {0}, REPORT_CAUSE_LINE_RATE},
        {"no rate", {.rate_bytes_s = 1000}, 0, 9000, {0}, REPORT_CAUSE_EXCHANGE},
        {"loss", {.loss_permille = 200}, 0, 10, {0}, REPORT_CAUSE_LINE_LOSS},
        {"window",
         {.window_from_minute = 1, .window_to_minute = 9},
         0,
         10,
         {.offline_ms = 90000},
         REPORT_CAUSE_WINDOW},
        {"cap", {.cap_bytes_day = 5}, 0, 10, {.offline_ms = 90000}, REPORT_CAUSE_CAP},
        {"redial", {0}, 90000, 10, {0}, REPORT_CAUSE_REDIAL},
        {"offline", {0}, 0, 10, {.offline_ms = 90000}, REPORT_CAUSE_REDIAL},
        {"parent", {0}, 0, 10, {.parent_ms = 90000, .cuts = 1}, REPORT_CAUSE_PARENT},
        {"cut again", {0}, 0, 10, {.cuts = 1}, REPORT_CAUSE_CUT_AGAIN},
        {"restart", {0}, 0, 10, {.stops = 1}, REPORT_CAUSE_RESTART},
        {"refill", {0}, 0, 10, {.refilled = true}, REPORT_CAUSE_REFILL},
        {"withheld", {0}, 0, 10, {.withheld = true, .refilled = true}, REPORT_CAUSE_WITHHELD},
        {"disk", {0}, 0, 10, {.disk = true}, REPORT_CAUSE_DISK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk desk;
        set_up(&desk);
        desk.scenario.link = rows[i].line;
        struct report_recovery recovery = {.node = 1,
                                           .healed_ms = 1000,
                                           .level_ms = 101000,
                                           .session_ms = 1000 + rows[i].session_ms,
                                           .bytes = rows[i].bytes};
        enum report_cause cause = recovery_cause(desk.timeline, 1, &recovery, &rows[i].facts);
        if (cause != rows[i].cause)
            fail_msg("%s: %s", rows[i].what, report_cause_words(cause, REPORT_ENGLISH));
        run_report_free(tear_down(&desk));
    }
}

/* ---- what is told ---- */

static size_t count_of(struct span text, const char *word)
{
    size_t count = 0, size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++)
        count += memcmp(text.data + i, word, size) == 0;
    return count;
}

static void test_hostile_texts(void **state)
{
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct run_result result;
    free(scenario->title);
    free(scenario->because);
    scenario->title = mem_text("</script><script>alert(1)</script>@JS@");
    scenario->title_zh = mem_text("<img src=x onerror=alert(2)>@DATA@");
    scenario->because = mem_text("\"><b onclick='alert(3)'>&@CSS@");
    struct run_report *report = report_of(scenario, NULL, &result);
    struct report_frame frame = {scenario, &result, "terrace sim run '</script>'"};
    struct buffer html = {0};
    (void)state;
    snprintf(report->nodes[1].name, sizeof report->nodes[1].name, "</script><!--");
    report_page(report, &frame, REPORT_ENGLISH, &html);
    struct span page = span_of_buffer(&html);
    assert_int_equal(count_of(page, "</script>"), 4);
    assert_int_equal(count_of(page, "<img"), 0);
    assert_int_equal(count_of(page, "<b onclick"), 0);
    assert_int_equal(count_of(page, "\"format\":1"), 1); /* no mark in a text is filled in */
    assert_int_equal(count_of(page, "&lt;/script&gt;&lt;script&gt;alert(1)"), 2);
    assert_true(count_of(page, "Chart.js v") > 0);
    assert_true(count_of(page, "Released under the MIT License") > 0);
    buffer_free(&html);
    run_report_free(report);
    run_result_clear(&result);
    scenario_free(scenario);
}

static void test_json(void **state)
{
    static const char *const keys[] = {
        "format",       "program",        "outcome",    "exit_status",
        "verdict",      "scenario",       "begins_ms",  "result",
        "expectations", "findings",       "tiers",      "samples",
        "nodes",        "nodes_left_out", "recoveries", "recoveries_left_out",
        "faults",       "refusals",       "alarms"};
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct run_result result;
    struct run_report *report = report_of(scenario, NULL, &result);
    struct report_frame frame = {scenario, &result, "terrace sim run"};
    json_t *told = report_json(report, &frame), *samples = json_object_get(told, "samples");
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (json_object_get(told, keys[i]) == NULL)
            fail_msg("%s is missing", keys[i]);
    }
    const char *name;
    json_t *column;
    json_object_foreach(samples, name, column)
        assert_int_equal(json_array_size(column), report->sample_count);
    assert_int_equal(json_array_size(json_object_get(told, "nodes")), 7);
    assert_string_equal(json_string_value(json_object_get(told, "outcome")), "held");
    json_decref(told);
    run_report_free(report);
    run_result_clear(&result);
    scenario_free(scenario);
}

static bool load_table(void *context, const char *file, struct buffer *bytes)
{
    (void)context;
    (void)file;
    buffer_append_span(bytes, span_of_text("code,name,tier,parent\n433127,永顺县,county,\n"
                                           "433127101,灵溪镇,township,433127\n"));
    return true;
}

static void test_names(void **state)
{
    static const char yaml[] = "lasts: 10 min\nrest: 1 h\ntree: {file: t.csv}\n"
                               "work:\n  - {type: incident, records: 500 a day}\n";
    struct error error = {0};
    struct scenario *read = scenario_read(span_of_text(yaml), "test", load_table, NULL, &error);
    (void)state;
    if (read == NULL)
        fail_msg("%s: %s; %s", error.what, error.why, error.next);
    struct scenario *scenario = scenario_copy(read);
    scenario_free(read);
    struct run_result result;
    struct run_report *report = report_of(scenario, NULL, &result);
    assert_string_equal(report->nodes[1].name, "灵溪镇");
    run_report_free(report);
    run_result_clear(&result);
    scenario_free(scenario);
}

static void test_verdicts(void **state)
{
    static const enum outcome outcomes[] = {OUTCOME_HELD, OUTCOME_VIOLATED, OUTCOME_NOT_CONVERGED,
                                            OUTCOME_CRASHED, OUTCOME_UNDECIDED};
    struct run_report report = {.expectation_count = 2, .expectations = {{.held = true}}};
    (void)state;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        struct run_result result = {.outcome = outcomes[i], .rested_ms = 7800000, .healed_ms = 1};
        for (int language = REPORT_ENGLISH; language <= REPORT_CHINESE; language++) {
            struct buffer words = {0};
            report_verdict(&report, &result, (enum report_language)language, &words);
            assert_true(words.size > 20);
            buffer_free(&words);
        }
    }
}

static void test_durations(void **state)
{
    static const struct {
        uint64_t ms;
        const char *english, *chinese;
    } rows[] = {{0, "0 s", "0 秒"},
                {999, "999 ms", "999 毫秒"},
                {61500, "1 min 1 s", "1 分钟 1 秒"},
                {7200000, "2 h", "2 小时"},
                {93600000, "1 d 2 h", "1 天 2 小时"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[48];
        report_duration(rows[i].ms, REPORT_ENGLISH, text);
        assert_string_equal(text, rows[i].english);
        report_duration(rows[i].ms, REPORT_CHINESE, text);
        assert_string_equal(text, rows[i].chinese);
    }
}

static void test_summary(void **state)
{
    struct scenario *scenario = scenario_of(cut_for_an_hour);
    struct run_result result;
    struct run_report *report = report_of(scenario, NULL, &result);
    struct run_summary summary = summary_of(report, &result);
    (void)state;
    assert_int_equal(summary.outcome, OUTCOME_HELD);
    assert_true(summary.values[SUMMARY_REST] != SUMMARY_UNKNOWN);
    assert_true(summary.values[SUMMARY_BYTES] > 10000 && summary.values[SUMMARY_WAITING] > 0);
    assert_int_equal(summary.values[SUMMARY_WRITES], result.writes);
    result.rested_ms = 0;
    summary = summary_of(report, &result);
    assert_true(summary.values[SUMMARY_REST] == SUMMARY_UNKNOWN);
    run_report_free(report);
    run_result_clear(&result);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_tell_their_moments),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_unwatched),
        cmocka_unit_test(test_overlapping),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unchecked),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
