/* terrace run: serve a node directory until SIGTERM. */
#include <stdlib.h>

#include "cli/command.h"
#include "node/author/admin_key.h"
#include "node/node.h"

static const struct option_row options[] = {
    {"log-file", "FILE", "append log lines to this file instead of stderr"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    struct node_run_options run_options = {.log_file = arguments_value(arguments, "log-file"),
                                           .scrub_program = "/proc/self/exe"};
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    if (getenv("TERRACE_DUMPABLE") == NULL)
        process_conceal();
    return node_run(directory, &run_options);
}

const struct command command_run = {
    .name = "run",
    .usage = "",
    .summary = "serve this node until SIGTERM or SIGINT; ends with 0 after a clean stop",
    .detail =
        "Its memory, which has the node's keys in it, is in no core file and hidden from other\n"
        "processes of the same user. TERRACE_DUMPABLE=1 in the environment leaves it open to\n"
        "debuggers, as a drill's nodes are.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
