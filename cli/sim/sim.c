/* terrace sim: counties in virtual time. The same core as the node's. */
#include "cli/sim/sim.h"

static const struct command *const subcommands[] = {&command_sim_run,     &command_sim_list,
                                                    &command_sim_swarm,   &command_sim_explain,
                                                    &command_sim_compare, NULL};

const struct command command_sim = {
    .name = "sim",
    .usage = "COMMAND ...",
    .summary = "any tree in virtual time, under any fault: was anything lost, how old were figures",
    .subcommands = subcommands,
};
