/* terrace drill check: does everything that was acknowledged stand where it should, and only there?
 */
#include "cli/drill/check_run.h"
#include "cli/print.h"

static const struct option_row options[] = {
    DRILL_DIR_OPTION,
    {"wait", "SECONDS", "look again until it holds, at most so long"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    struct check_result result;
    uint64_t wait_s = 0;
    int status = EXIT_FAILED;
    if (arguments_number(arguments, "wait", 0, 86400, &wait_s, error) != ERR_OK ||
        drill_open_given(arguments, false, &drill, error) != ERR_OK)
        return status;
    if (check_run(&drill, wait_s * 1000, false, &result, error) == ERR_OK) {
        if (arguments->json)
            print_json(check_result_json(&result));
        else
            check_result_print(&result, stdout);
        status = check_exit_status(&result);
    }
    check_result_free(&result);
    drill_free(&drill);
    return status;
}

const struct command drill_check = {
    .name = "check",
    .usage = "",
    .summary = "every acknowledged record at every holder, equal, and nowhere else",
    .detail =
        "Walks every store beside its daemon, opens and verifies every block, and looks at log,\n"
        "state and index. The root's total must equal the records. Ends with 0 when all holds,\n"
        "1 when something is wrong (named), 5 when something has only not arrived yet.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
