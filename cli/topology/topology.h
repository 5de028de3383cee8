/* terrace topology: what its subcommands share. */
#ifndef TERRACE_CLI_TOPOLOGY_H
#define TERRACE_CLI_TOPOLOGY_H

#include "cli/command.h"
#include "node/author/document_file.h"
#include "replication/ports.h"
#include "topology/tree.h"

/* The tree that a directory holds: documents of its store, read beside a node that may be running,
 * and those in documents/, tried until none fits any more. Without a node.yaml the root document
 * in documents/ says which tree. ERR_NOT_FOUND when nothing there begins a tree. The caller frees
 * with tree_free. */
enum error_code held_tree(const char *directory, struct tree **tree, struct error *error);

/* One look into the store of a directory, with its tree, beside a node that may be running. Without
 * a store: ERR_NOT_FOUND. */
enum error_code held_look(const char *directory, const struct hash *tree_id,
                          enum error_code (*look)(void *context, const struct view *view,
                                                  const struct tree *tree, struct error *error),
                          void *context, struct error *error);
/* The tree's secret of a node's directory, for those who let others in. */
enum error_code held_secret(const char *directory, uint8_t *secret, struct error *error);

/* Gives a document to the node of a directory: to its process when it runs, which answers what its
 * tree says of it, or to the tree of its store; then it is written into documents/. ERR_STALE: a
 * newer one, or this one, is held; else what the tree says. `running` says who took it. */
enum error_code hand_in(const char *directory, const struct document_file *file, bool *running,
                        struct error *error);

extern const struct command topology_show, topology_admit, topology_invite, topology_pack,
    topology_take, topology_replace, topology_revoke, topology_retire, topology_release,
    topology_accept, topology_move, topology_plan, topology_escrow;
/* Documents as people write and sign them. */
extern const struct command topology_new, topology_import, topology_edit, topology_check,
    topology_diff, topology_sign, topology_verify, topology_publish, topology_log,
    topology_overrule, topology_reroot, topology_confirm;

#endif
