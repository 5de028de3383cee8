/* terrace sim list: the scenarios that are shipped, and why each is there. */
#include <string.h>

#include "cli/print.h"
#include "cli/sim/shipped.h"
#include "cli/sim/sim.h"

static void print_one(const struct scenario *scenario, bool json)
{
    const char *title = scenario->title == NULL ? "" : scenario->title;
    const char *chinese = scenario->title_zh == NULL ? "" : scenario->title_zh;
    if (json)
        print_json(json_pack(
            "{s:s, s:s, s:s, s:s, s:I, s:I}", "name", scenario->name, "title", title, "title_zh",
            chinese, "because", scenario->because == NULL ? "" : scenario->because, "seats",
            (json_int_t)scenario->tree.row_count, "lasts_ms", (json_int_t)scenario->lasts_ms));
    else
        printf("%-30s %s\n%30s %s\n", scenario->name, title, "", chinese);
}

static int run_list(const struct arguments *arguments, struct error *error)
{
    for (const struct shipped_file *file = shipped_files; file->name != NULL; file++) {
        const char *dot = strrchr(file->name, '.');
        char name[SCENARIO_NAME_BYTES];
        if (dot == NULL || strcmp(dot, ".yaml") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(dot - file->name), file->name);
        struct scenario *scenario = scenario_open(name, error);
        if (scenario == NULL)
            return EXIT_FAILED;
        print_one(scenario, arguments->json);
        scenario_free(scenario);
    }
    return EXIT_DONE;
}

const struct command command_sim_list = {
    .name = "list",
    .usage = "",
    .summary = "the scenarios that are shipped",
    .detail = "Each is somebody's real outage. `terrace sim run NAME` lives through one.",
    .run = run_list,
};
