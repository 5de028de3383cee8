/* terrace drill status: nodes, links, records, entries behind, memory. */
#include "cli/drill/survey.h"
#include "cli/print.h"

static const struct option_row options[] = {
    DRILL_DIR_OPTION,
    {"all", NULL, "every seat, not only what stands right below the root"},
    {NULL, NULL, NULL},
};

static void print_seats(const struct survey *survey)
{
    static const struct table_column columns[] = {
        {"seat", false},  {"name", false},   {"tier", false},  {"generation", true},
        {"state", false}, {"records", true}, {"behind", true}, {"anonymous", true}};
    const struct drill *drill = survey->drill;
    struct table_rows *table = table_new(columns, 8);
    for (size_t i = 0; i < drill->seat_count; i++) {
        const struct figures *figures = &survey->figures[i];
        char anonymous[32];
        bytes_text(survey->memory[i].anonymous, anonymous);
        table_cell(table, "%s", drill->seats[i].code);
        table_cell(table, "%s", drill->seats[i].name);
        table_cell(table, "%s", drill->tiers[drill->seats[i].tier]);
        table_cell(table, "%u", (unsigned)drill->seats[i].generation);
        table_cell(table, "%s%s%s",
                   !figures->answered     ? "down"
                   : figures->uplink_live ? "linked"
                                          : "no uplink",
                   drill->seats[i].cut ? ", cut" : "", drill->seats[i].revoked ? ", revoked" : "");
        table_cell(table, "%llu", (unsigned long long)figures->records);
        table_cell(table, "%llu", (unsigned long long)figures->uplink_behind);
        table_cell(table, "%s", anonymous);
    }
    table_print(table, stdout);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    struct survey survey;
    if (drill_open_given(arguments, false, &drill, error) != ERR_OK)
        return EXIT_FAILED;
    survey_take(&drill, true, &survey);
    if (arguments->json) {
        print_json(survey_json(&survey, arguments_flag(arguments, "all")));
    } else {
        if (arguments_flag(arguments, "all"))
            print_seats(&survey);
        else
            survey_print(&survey, stdout);
        survey_print_total(&survey, 10, stdout);
    }
    survey_free(&survey);
    drill_free(&drill);
    return EXIT_DONE;
}

const struct command drill_status = {
    .name = "status",
    .usage = "",
    .summary = "nodes up, links up, records, entries behind, memory",
    .detail = "Records are counted where they were made, as the root knows it. Memory: anonymous\n"
              "pages, and the proportional set (shared pages count by their share).",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
