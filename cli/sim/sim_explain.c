/* terrace sim explain: a scenario again, and the story of one record or node in it. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/print.h"
#include "cli/sim/outcome.h"
#include "cli/sim/shipped.h"
#include "cli/sim/sim.h"
#include "sim/report/explain.h"

static const struct option_row options[] = {
    {"seed", "N", "another seed than the scenario's"},
    {"set", "KEY=VALUE", "another value than the scenario's, as in link.rate='16 kbit/s'"},
    {"record", "NAME", "a record: 17 as findings say, SEAT:1#2 as nodes' lines say, or its id"},
    {"write", "N", "the record that this write made or changed, as findings say"},
    {"node", "SEAT", "a node, and the link to its parent"},
    {NULL, NULL, NULL},
};

/* "2 d 03:04:05.678" */
static void moment_text(uint64_t at_ms, char text[static 48])
{
    snprintf(text, 48, "%" PRIu64 " d %02u:%02u:%02u.%03u", at_ms / 86400000,
             (unsigned)(at_ms / 3600000 % 24), (unsigned)(at_ms / 60000 % 60),
             (unsigned)(at_ms / 1000 % 60), (unsigned)(at_ms % 1000));
}

static void print_story(const json_t *story)
{
    static const struct table_column columns[] = {
        {"WHEN", false}, {"NODE", false}, {"WHAT", false}};
    struct table_rows *table = table_new(columns, sizeof columns / sizeof *columns);
    const json_t *lines = json_object_get(story, "lines");
    char *summary =
        text_shown(span_of_text(json_string_value(json_object_get(story, "summary"))), 0);
    printf("%s\n\n", summary);
    free(summary);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        char when[48];
        moment_text((uint64_t)json_integer_value(json_object_get(line, "at_ms")), when);
        table_cell(table, "%s", when);
        const char *name = json_string_value(json_object_get(line, "name"));
        table_cell(table, "%s%s%s", json_string_value(json_object_get(line, "seat")),
                   name[0] != '\0' ? " " : "", name);
        table_cell(table, "%s", json_string_value(json_object_get(line, "text")));
    }
    table_print(table, stdout);
    const char *state = json_string_value(json_object_get(story, "state"));
    if (state != NULL)
        printf("\nWhat the rules make of it:\n%s", state);
}

static enum error_code read_request(const struct arguments *arguments,
                                    struct explain_request *request, struct error *error)
{
    *request = (struct explain_request){.record = arguments_value(arguments, "record"),
                                        .write = arguments_value(arguments, "write"),
                                        .node = arguments_value(arguments, "node")};
    if ((request->record != NULL) + (request->write != NULL) + (request->node != NULL) == 1)
        return ERR_OK;
    error_set(error, ERR_USAGE, "sim explain", "name one thing: a record, a write or a node");
    error_next(error, "as in --record 17, --write 123 or --node 433127101");
    return ERR_USAGE;
}

static int explain(const struct arguments *arguments, struct scenario *scenario,
                   struct error *error)
{
    struct explain_request request;
    struct run_result result;
    struct sim_progress progress;
    json_t *story = NULL;
    if (read_request(arguments, &request, error) != ERR_OK ||
        arguments_number(arguments, "seed", 0, INT64_MAX, &scenario->seed, error) != ERR_OK)
        return EXIT_USAGE;
    sim_progress_begin(&progress, scenario, NULL);
    enum error_code code =
        explain_run(scenario, &request, &progress.watcher, &result, &story, error);
    sim_progress_end(&progress);
    if (code != ERR_OK) {
        run_result_clear(&result);
        return (int)error_exit_status(code);
    }
    if (arguments->json) {
        print_json(story);
    } else {
        print_story(story);
        json_decref(story);
    }
    run_result_clear(&result);
    return EXIT_DONE;
}

static int run_explain(const struct arguments *arguments, struct error *error)
{
    struct scenario *scenario = scenario_open_set(arguments->words[0], arguments, error);
    if (scenario == NULL)
        return EXIT_USAGE;
    int status = explain(arguments, scenario, error);
    scenario_free(scenario);
    return status;
}

const struct command command_sim_explain = {
    .name = "explain",
    .usage = "FILE|NAME",
    .summary = "tell the story of one record or node of a scenario, moment by moment",
    .detail = "The scenario is lived through again, with the same seed to the same bytes. Of a\n"
              "record: who wrote it when, where it waited and why, when each member of its circle\n"
              "had it, and what is in conflict. Of a node: its lives, its outages, how far behind\n"
              "it was and how it recovered.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run_explain,
};
