/* terrace key: its table of subcommands. */
#include "cli/key/key.h"

static const struct command *const subcommands[] = {&key_new,  &key_show,   &key_passwd, &key_lend,
                                                    &key_lent, &key_return, NULL};

const struct command command_key = {
    .name = "key",
    .usage = "SUBCOMMAND ...",
    .summary = "keys of the people who sign, and of those who keep a seat's",
    .words_max = 1,
    .subcommands = subcommands,
};
