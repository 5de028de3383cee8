/* terrace drill: its table of subcommands. */
#include "cli/drill/drill.h"

static const struct command *const subcommands[] = {
    &drill_up,      &drill_load,     &drill_cut,    &drill_heal, &drill_kill,
    &drill_start,   &drill_check,    &drill_status, &drill_down, &drill_plant,
    &drill_demo,    &drill_replay,   &drill_admit,  &drill_move, &drill_revoke,
    &drill_replace, &drill_overrule, &drill_tell,   NULL,
};

const struct command command_drill = {
    .name = "drill",
    .usage = "SUBCOMMAND ...",
    .summary = "a whole tree of real nodes on this machine",
    .words_max = WORDS_GIVEN_MAX,
    .subcommands = subcommands,
};
