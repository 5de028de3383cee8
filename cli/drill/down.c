/* terrace drill down: a clean stop of all. */
#include "cli/drill/act.h"
#include "cli/print.h"

static const struct option_row options[] = {DRILL_DIR_OPTION, {NULL, NULL, NULL}};

static int run(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    size_t forced = 0;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return EXIT_FAILED;
    size_t count = drill.seat_count;
    enum error_code code = act_down(&drill, arguments->json, &forced, error);
    drill_free(&drill);
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (arguments->json)
        print_json(
            json_pack("{s:I,s:I}", "nodes", (json_int_t)count, "forced", (json_int_t)forced));
    else
        printf("%zu %s down%s\n", count, count == 1 ? "node is" : "nodes are",
               forced == 0 ? "" : ", some only by force");
    if (forced != 0)
        print_note("%zu %s did not end cleanly and had to be killed", forced,
                   forced == 1 ? "node" : "nodes");
    return forced == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command drill_down = {
    .name = "down",
    .usage = "",
    .summary = "stop all nodes cleanly; their directories stay, `drill start --all` goes on",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
