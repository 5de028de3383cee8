/* A new node directory: keys, node.yaml, request.yaml. */
#ifndef TERRACE_NODE_AUTHOR_NODE_DIRECTORY_H
#define TERRACE_NODE_AUTHOR_NODE_DIRECTORY_H

#include "node/author/config.h"
#include "node/author/document_file.h"
#include "node/author/keys.h"

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

/* What the parent's admin needs to write a row: the public half of a node. */
struct node_request {
    char seat[SEAT_BYTES_MAX + 1];
    struct hash tree_id;
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    bool has_seal_key; /* false: made before there were such keys */
    uint8_t seal_key[KEY_BYTES];
    char endpoint[ENDPOINT_BYTES_MAX + 1]; /* where its children reach it; "": none */
};
enum error_code request_load(const char *path, struct node_request *request, struct error *error);
void request_write(const struct node_request *request, struct buffer *text);

#endif
