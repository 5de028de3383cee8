/* A node: one directory, one store, its links, its local API. */
#ifndef TERRACE_NODE_NODE_H
#define TERRACE_NODE_NODE_H

#include "base/error.h"

struct node_run_options {
    const char *log_file; /* lines are appended; NULL: stderr */
    /* What is started to check the store (check.h): this program, as it understands `scrub-store`.
     * NULL: the store is not checked. */
    const char *scrub_program;
};

/* Serves the node directory until SIGTERM, SIGINT or the API's `stop`; a second signal ends at
 * once. Answers the process's exit status: EXIT_DONE after a clean stop; EXIT_REFUSED when the tree
 * or this node's place in it can't be verified, or a file is not as it should be; EXIT_FAILED
 * otherwise. What went wrong has been said on stderr.
 *
 * A disk that fails while serving ends the process with EXIT_FAILED from within (the next start
 * verifies). To be called once, early, on the main thread: it takes over signals and limits of
 * the process, and sizes the thread pool. `options` may be NULL. */
int node_run(const char *dir, const struct node_run_options *options);

/* Prints an error as people read it: `terrace: WHAT: WHY`, the next step on its own line. */
void node_print_error(const struct error *error);

#endif
