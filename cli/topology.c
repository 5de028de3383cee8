/* terrace topology: its table of subcommands. */
#include "cli/topology/topology.h"

static const struct command *const subcommands[] = {
    &topology_new,      &topology_import,
    &topology_edit,     &topology_check,
    &topology_diff,     &topology_sign,
    &topology_verify,   &topology_publish,
    &topology_overrule, &topology_reroot,
    &topology_confirm,  &topology_log,
    &topology_admit,    &topology_invite,
    &topology_pack,     &topology_show,
    &topology_take,     &topology_replace,
    &topology_revoke,   &topology_retire,
    &topology_release,  &topology_accept,
    &topology_move,     &topology_plan,
    &topology_escrow,   NULL,
};

const struct command command_topology = {
    .name = "topology",
    .usage = "SUBCOMMAND ...",
    .summary = "the signed tree: who is whose parent, and who may sign",
    .words_max = WORDS_GIVEN_MAX,
    .subcommands = subcommands,
};
