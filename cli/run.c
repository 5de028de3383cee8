/* terrace run: serve a node directory until SIGTERM. */
#include "cli/command.h"
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
    return node_run(directory, &run_options);
}

const struct command command_run = {
    .name = "run",
    .usage = "",
    .summary = "serve this node until SIGTERM or SIGINT; ends with 0 after a clean stop",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
