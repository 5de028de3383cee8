/* Another signing key for this machine (terrace request --new-key; rules.md B50). The seat above
 * signs it in; when that document is here, the node stops, opens again, finds that the tree lists
 * the key it has asked for, and takes it. The store stays as it is. */
#include <string.h>

#include "node/node_parts.h"

bool node_new_key_listed(const struct node *node, const uint8_t key[static KEY_BYTES])
{
    struct node_keys *next = secret_alloc(sizeof *next);
    struct error error;
    error_clear(&error);
    bool listed = keys_load_next(node->dir, node->keys, next, &error) == ERR_OK &&
                  memcmp(next->signing_key, key, KEY_BYTES) == 0;
    node_keys_wipe(next);
    secret_free(next);
    return listed;
}

void node_new_key_look(struct node *node)
{
    const struct core_tree *tree = node->tree;
    if (!tree->listed || node->stopping ||
        memcmp(tree->signing_key, node->keys->signing_key, KEY_BYTES) == 0 ||
        !node_new_key_listed(node, tree->signing_key))
        return;
    log_line(&node->log, LOG_INFO, "the tree lists this machine's new key: opening again with it");
    node->new_key = true;
    node_stop_soon(node);
}
