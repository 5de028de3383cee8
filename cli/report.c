/* terrace report county: the morning page of a tier. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report.h"
#include "cli/topology/topology.h"
#include "cli/types.h"
#include "node/author/file.h"

static const struct option_row options[] = {
    {"period", "P", "a year, quarter, month or day, as in 2026-11; this month unless given"},
    {"html", "FILE", "leave one page that opens anywhere, in English and Chinese"},
    {"dhis2", "FILE", "leave indicators and roll-ups as a data value set of DHIS2, in JSON"},
    {"data-set", "CODE", "the code of its data set (terrace unless given)"},
    {NULL, NULL, NULL},
};

static const struct seat *seat_of(const struct tree *tree, const json_t *status,
                                  struct error *error)
{
    const char *name = json_text(status, "seat");
    const struct seat *seat = tree_seat(tree, span_of_text(name));
    if (seat == NULL) {
        error_set(error, ERR_NOT_FOUND, name, "no signed document lists this node's seat yet");
        error_next(error, "wait until its parent was reached: terrace status");
    }
    return seat;
}

static enum error_code gather(struct gathering *gathering, struct error *error)
{
    struct buffer args = {0};
    json_t *status = ask_node(gathering->arguments, "status", &args, error);
    if (status == NULL)
        return error->code;
    gathering->self = seat_of(gathering->tree, status, error);
    if (gathering->self != NULL) {
        const struct report_period *period = &gathering->period;
        gathering->report = json_pack(
            "{s:i,s:s,s:I,s:O,s:O,s:O,s:O,s:O,s:{s:s,s:s,s:I,s:I}}", "format", REPORT_FORMAT,
            "program", "terrace " TERRACE_VERSION, "made_ms", (json_int_t)wall_now_ms(), "seat",
            json_object_get(status, "seat"), "name", json_object_get(status, "name"), "tier",
            json_object_get(status, "tier"), "quarantine", json_object_get(status, "quarantine"),
            "emergency", json_object_get(status, "emergency"), "period", "name", period->name,
            "former", period->former, "from_ms", (json_int_t)period->from_ms, "until_ms",
            (json_int_t)period->until_ms);
        if (gather_completeness(gathering, error) == ERR_OK)
            gather_away(gathering, status);
        if (error->code == ERR_OK && gather_figures(gathering, error) == ERR_OK &&
            gather_rollups(gathering, error) == ERR_OK &&
            gather_indicators(gathering, error) == ERR_OK &&
            gather_lists(gathering, error) == ERR_OK)
            county_report_verdict(gathering->report);
        if (error->code == ERR_OK && arguments_value(gathering->arguments, "dhis2") != NULL) {
            const char *data_set = arguments_value(gathering->arguments, "data-set");
            gather_exchange(gathering, data_set == NULL ? "terrace" : data_set, error);
        }
    }
    json_decref(status);
    return error->code;
}

static enum error_code gather_all(const struct arguments *arguments, struct gathering *gathering,
                                  struct error *error)
{
    const char *directory = NULL;
    struct tree *tree = NULL;
    if (report_period_parse(arguments_value(arguments, "period"), wall_now_ms(), &gathering->period,
                            error) != ERR_OK ||
        arguments_directory(arguments, &directory, error) != ERR_OK ||
        held_tree(directory, &tree, error) != ERR_OK)
        return error->code;
    struct error ignored = {0};
    struct schema *schema = types_ask_labelled(arguments, &ignored); /* before there are types */
    gathering->tree = tree;
    gathering->schema = schema;
    gathering->declared = json_object();
    gathering->asked = json_object();
    gather(gathering, error);
    json_decref(gathering->declared);
    json_decref(gathering->asked);
    schema_free(schema);
    tree_free(tree);
    return error->code;
}

static enum error_code leave_page(const char *path, const json_t *report, struct error *error)
{
    struct buffer html = {0};
    county_report_html(report, print_chinese(), &html);
    enum error_code code = file_replace(path, span_of_buffer(&html), 0600, error);
    buffer_free(&html);
    return code;
}

static enum error_code leave_json(const char *path, const json_t *value, struct error *error)
{
    char *text = json_dumps(value, JSON_INDENT(1));
    enum error_code code = text == NULL
                               ? error_set(error, ERR_INTERNAL, path, "it can't be told as JSON")
                               : file_replace(path, span_of_text(text), 0600, error);
    free(text);
    return code;
}

/* The set, and beside it what isn't in it. */
static enum error_code leave_exchange(const char *path, const struct gathering *gathering,
                                      struct error *error)
{
    size_t size = strlen(path) + sizeof ".missing.json",
           missing = json_array_size(gathering->left_out);
    char *beside = mem_alloc(size);
    snprintf(beside, size, "%s.missing.json", path);
    if (leave_json(path, gathering->exchange, error) == ERR_OK &&
        leave_json(beside, gathering->left_out, error) == ERR_OK)
        print_note("%zu values are in %s; %zu are missing, %s says which and why",
                   json_array_size(json_object_get(gathering->exchange, "dataValues")), path,
                   missing, beside);
    free(beside);
    return error->code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct gathering gathering = {.arguments = arguments};
    const char *page = arguments_value(arguments, "html");
    const char *exchange = arguments_value(arguments, "dhis2");
    int status = EXIT_FAILED;
    if (strcmp(arguments->words[0], "county") != 0) {
        error_set(error, ERR_USAGE, arguments->words[0], "there is no such report");
        error_next(error, "terrace report county");
        return EXIT_USAGE;
    }
    if (gather_all(arguments, &gathering, error) == ERR_OK &&
        (page == NULL || leave_page(page, gathering.report, error) == ERR_OK) &&
        (exchange == NULL || leave_exchange(exchange, &gathering, error) == ERR_OK)) {
        status = EXIT_DONE;
        if (arguments->json)
            print_json(json_incref(gathering.report));
        else if (page == NULL && exchange == NULL)
            county_report_text(gathering.report, print_chinese(), stdout);
        else if (page != NULL)
            print_note("the page is in %s", page);
    }
    json_decref(gathering.report);
    json_decref(gathering.exchange);
    json_decref(gathering.left_out);
    return status;
}

const struct command command_report = {
    .name = "report",
    .usage = "county",
    .summary = "the morning page: totals and how complete, overdue, alarms, receipts, trends",
    .detail =
        "Made by any tier's node for its own subtree. As text, as JSON, or with --html as one\n"
        "page in English and Chinese that needs nothing else and prints. --dhis2 leaves what "
        "another\n"
        "system can import, and in FILE.missing.json what it lacks and why.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
