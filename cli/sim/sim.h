/* The subcommands of terrace sim: one file each. */
#ifndef TERRACE_CLI_SIM_H
#define TERRACE_CLI_SIM_H

#include "cli/command.h"

extern const struct command command_sim_run, command_sim_list, command_sim_swarm,
    command_sim_explain, command_sim_compare;

#endif
