/* Reading the stores of a drill beside the processes that serve them. */
#ifndef TERRACE_CLI_DRILL_STORES_H
#define TERRACE_CLI_DRILL_STORES_H

#include "cli/drill/drill.h"
#include "replication/ports.h"
#include "topology/tree.h"

/* Calls `visit` with a picture of the seat's last commit; its error, or why there is none. */
enum error_code stores_visit(const struct drill *drill, size_t seat,
                             enum error_code (*visit)(void *context, const struct view *view,
                                                      struct error *error),
                             void *context, struct error *error);

/* The tree as the root has it: it knows every author. NULL with `error`. The caller frees with
 * tree_free. */
struct tree *stores_tree(const struct drill *drill, struct error *error);
/* The same as the node of this seat has it. */
struct tree *stores_tree_of(const struct drill *drill, size_t seat, struct error *error);

/* The key that opens what is sealed to this seat, in its own store and nowhere else. False: its
 * machine has none. */
bool stores_seal_key(const struct drill *drill, size_t seat, struct seal_key *seal);

#endif
