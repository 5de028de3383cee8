/* terrace topology: what its subcommands share. */
#ifndef TERRACE_CLI_TOPOLOGY_H
#define TERRACE_CLI_TOPOLOGY_H

#include "cli/command.h"
#include "topology/tree.h"

/* The tree that a directory holds: documents of its store, read beside a node that may be running,
 * and those in documents/, tried until none fits any more. Without a node.yaml the root document
 * in documents/ says which tree. ERR_NOT_FOUND when nothing there begins a tree. The caller frees
 * with tree_free. */
enum error_code held_tree(const char *directory, struct tree **tree, struct error *error);

extern const struct command topology_show;

#endif
