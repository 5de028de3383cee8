/* terrace sim compare: a scenario as it is beside a variant of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/sim/outcome.h"
#include "cli/sim/shipped.h"
#include "cli/sim/sim.h"
#include "sim/report/summary.h"

static const struct option_row options[] = {
    {"set", "KEY=VALUE", "what is otherwise in the variant; may come often"},
    {"seed", "N", "another seed than the scenario's, for both"},
    {NULL, NULL, NULL},
};

static enum error_code live(const struct scenario *scenario, struct run_summary *summary,
                            struct error *error)
{
    struct run_result result;
    struct sim_progress progress;
    struct timeline *timeline = timeline_new(scenario, NULL);
    sim_progress_begin(&progress, scenario, timeline_watcher(timeline));
    struct run_options run = {.watcher = &progress.watcher};
    enum error_code code = run_scenario(scenario, &run, &result, error);
    sim_progress_end(&progress);
    if (code == ERR_OK) {
        struct run_report *report = timeline_finish(timeline, &result);
        *summary = summary_of(report, &result);
        run_report_free(report);
    }
    run_result_clear(&result);
    timeline_free(timeline);
    return code;
}

static void value_text(enum summary which, uint64_t value, char text[static 48])
{
    if (value == SUMMARY_UNKNOWN)
        snprintf(text, 48, "never");
    else if (summary_unit(which) == SUMMARY_UNIT_TIME)
        report_duration(value, REPORT_ENGLISH, text);
    else if (summary_unit(which) == SUMMARY_UNIT_SIZE)
        bytes_text(value, text);
    else
        snprintf(text, 48, "%" PRIu64, value);
}

static void ratio_text(uint64_t base, uint64_t variant, char text[static 48])
{
    if (base == variant)
        snprintf(text, 48, "same");
    else if (base == SUMMARY_UNKNOWN || variant == SUMMARY_UNKNOWN || base == 0)
        snprintf(text, 48, "-");
    else
        snprintf(text, 48, "%.2f x", (double)variant / (double)base);
}

static void print_table(const struct run_summary *base, const struct run_summary *variant)
{
    static const struct table_column columns[] = {
        {"", false}, {"AS IT IS", true}, {"VARIANT", true}, {"RATIO", true}};
    struct table_rows *table = table_new(columns, sizeof columns / sizeof *columns);
    table_cell(table, "outcome");
    table_cell(table, "%s", outcome_text(base->outcome));
    table_cell(table, "%s", outcome_text(variant->outcome));
    table_cell(table, "%s", base->outcome == variant->outcome ? "same" : "-");
    for (int i = 0; i < SUMMARY_COUNT; i++) {
        char text[48];
        table_cell(table, "%s", summary_words((enum summary)i));
        value_text((enum summary)i, base->values[i], text);
        table_cell(table, "%s", text);
        value_text((enum summary)i, variant->values[i], text);
        table_cell(table, "%s", text);
        ratio_text(base->values[i], variant->values[i], text);
        table_cell(table, "%s", text);
    }
    table_print(table, stdout);
}

static json_t *summary_json(const struct run_summary *summary)
{
    json_t *object = json_pack("{s:s, s:i}", "outcome", outcome_text(summary->outcome), "status",
                               outcome_exit_status(summary->outcome));
    for (int i = 0; i < SUMMARY_COUNT; i++) {
        uint64_t value = summary->values[i];
        json_object_set_new(object, summary_name((enum summary)i),
                            value == SUMMARY_UNKNOWN ? json_null()
                                                     : json_integer((json_int_t)value));
    }
    return object;
}

static json_t *settings_json(const struct arguments *arguments)
{
    json_t *list = json_array();
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].row->name, "set") == 0)
            json_array_append_new(list, json_string(arguments->given[i].value));
    }
    return list;
}

static int compare(const struct arguments *arguments, struct scenario *base,
                   struct scenario *variant, struct error *error)
{
    struct run_summary summaries[2];
    if (arguments_number(arguments, "seed", 0, INT64_MAX, &base->seed, error) != ERR_OK)
        return EXIT_USAGE;
    if (arguments_value(arguments, "seed") != NULL)
        variant->seed = base->seed;
    if (live(base, &summaries[0], error) != ERR_OK || live(variant, &summaries[1], error) != ERR_OK)
        return EXIT_USAGE;
    if (arguments->json)
        print_json(json_pack("{s:s, s:I, s:o, s:o, s:o}", "name", base->name, "seed",
                             (json_int_t)base->seed, "set", settings_json(arguments), "base",
                             summary_json(&summaries[0]), "variant", summary_json(&summaries[1])));
    else
        print_table(&summaries[0], &summaries[1]);
    return EXIT_DONE;
}

static int run_compare(const struct arguments *arguments, struct error *error)
{
    const char *word = arguments->words[0];
    if (arguments_value(arguments, "set") == NULL) {
        error_set(error, ERR_USAGE, "sim compare", "it is not said what is otherwise");
        error_next(error, "as in --set link.rate='16 kbit/s'; `%s --help` explains it",
                   arguments->path);
        return EXIT_USAGE;
    }
    struct scenario *base = scenario_open(word, error);
    struct scenario *variant = base == NULL ? NULL : scenario_open_set(word, arguments, error);
    int status = variant == NULL ? EXIT_USAGE : compare(arguments, base, variant, error);
    scenario_free(base);
    scenario_free(variant);
    return status;
}

const struct command command_sim_compare = {
    .name = "compare",
    .usage = "FILE|NAME --set KEY=VALUE ...",
    .summary =
        "a scenario beside a variant of it: what would another line, or another plan, bring?",
    .detail =
        "Both are lived through with the same seed. KEY is a path into the scenario as its file\n"
        "writes it, places in lists from 0: link.rate='16 kbit/s', faults.0.lasts='4 h',\n"
        "'tree.shape=1+5+60'; an empty value takes the key away.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run_compare,
};
