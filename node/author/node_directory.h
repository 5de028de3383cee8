/* A new node directory: keys, node.yaml, request.yaml. */
#ifndef TERRACE_NODE_AUTHOR_NODE_DIRECTORY_H
#define TERRACE_NODE_AUTHOR_NODE_DIRECTORY_H

#include "node/author/config.h"
#include "node/author/document_file.h"
#include "node/author/keys.h"
#include "node/author/request.h"

/* Makes `dir` (0700) with keys/, node.yaml and request.yaml, all synced. `config` gives seat, tree
 * id and the rest (start from config_usual); `keys` from node_keys_make. Nothing is overwritten:
 * ERR_STALE when `dir` holds a node already. node.yaml is written last: a directory without it is
 * no node, and what a failure left there is removed again.
 *
 * A tree that begins: node_keys_make for the root seat, make and sign the root document, take its
 * id into `config`, then this, then document_file_write. A node that joins: tree id and tree
 * secret come from the parent's people. */
enum error_code node_directory_init(const char *dir, const struct node_config *config,
                                    const struct node_keys *keys, struct error *error);

#endif
