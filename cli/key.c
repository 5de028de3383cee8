/* terrace key: its table of subcommands. */
#include "cli/key/key.h"

static const struct command *const subcommands[] = {&key_new, &key_show, &key_passwd, NULL};

const struct command command_key = {
    .name = "key",
    .usage = "SUBCOMMAND ...",
    .summary = "keys of the people who sign",
    .words_max = 1,
    .subcommands = subcommands,
};
