/* Bringing a drill up, for `up` and for the demonstration. */
#ifndef TERRACE_CLI_DRILL_UP_H
#define TERRACE_CLI_DRILL_UP_H

#include "cli/drill/make.h"

/* Make it, start all, wait until all are linked. On success `drill` is open with its lock held; on
 * failure nothing runs. ERR_STALE when the directory holds a drill already. */
enum error_code up_drill(const struct make_options *options, struct drill *drill,
                         struct error *error);

#endif
