/* Bringing a drill up, for `up` and for the demonstration. */
#ifndef TERRACE_CLI_DRILL_UP_H
#define TERRACE_CLI_DRILL_UP_H

#include "cli/drill/guard.h"
#include "cli/drill/make.h"

/* Make it, start all, wait until all are linked. On success `drill` is open with its lock held, and
 * `guard` is on it until the caller ends it; on failure nothing runs. A directory that wasn't there
 * goes when the command is interrupted. ERR_STALE when the directory holds a drill already. */
enum error_code up_drill(const struct make_options *options, struct drill *drill,
                         struct guard *guard, struct error *error);

#endif
