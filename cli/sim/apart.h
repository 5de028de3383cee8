/* Work in a process of its own, so that its crash is an answer like any other. */
#ifndef TERRACE_CLI_SIM_APART_H
#define TERRACE_CLI_SIM_APART_H

#include "base/error.h"

/* Runs `work` in a child that shares our outputs; *status and *error are what it answered. False:
 * it crashed. Where no child can be made the work is done here. */
bool run_apart(int (*work)(void *context, struct error *error), void *context, int *status,
               struct error *error);

#endif
