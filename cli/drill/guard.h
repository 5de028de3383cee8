/* A guard ends what a command has begun when the command itself dies before it is done: by Ctrl-C,
 * a signal, or a closed terminal. */
#ifndef TERRACE_CLI_DRILL_GUARD_H
#define TERRACE_CLI_DRILL_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/drill/drill.h"

struct guard {
    int done; /* written when the command is done; -1: nobody guards */
    pid_t pid;
};

/* From here on the death of this process ends the drill in this directory, as far as it has come;
 * `remove`: then removes the directory, too. The drill's lock is held, by this process. */
enum error_code guard_begin(const struct drill *drill, bool remove, struct guard *guard,
                            struct error *error);
/* The command is done, well or not; what it left stays as it is. */
void guard_end(struct guard *guard);

#endif
