/* One store, read-only, one snapshot. */
#include "cli/drill/stores.h"

#include <limits.h>
#include <string.h>

#include "node/author/keys.h"
#include "node/store/store.h"
#include "replication/query/query.h"

enum error_code stores_visit(const struct drill *drill, size_t seat,
                             enum error_code (*visit)(void *context, const struct view *view,
                                                      struct error *error),
                             void *context, struct error *error)
{
    char path[PATH_MAX];
    struct store_options options = {.dir = path, .read_only = true, .must_exist = true};
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct view view;
    enum error_code code = drill_node_path(drill, seat, path, error);
    if (code == ERR_OK)
        code = store_open(&options, &store, error);
    if (code == ERR_OK)
        code = store_snapshot_begin(store, &snapshot, &view, error);
    if (code == ERR_OK)
        code = visit(context, &view, error);
    store_snapshot_end(snapshot);
    store_close(store);
    return code;
}

struct tree_reading {
    const struct hash *id;
    struct tree *tree;
};

static enum error_code read_tree(void *context, const struct view *view, struct error *error)
{
    struct tree_reading *reading = context;
    reading->tree = query_tree(view, reading->id, error);
    return reading->tree == NULL ? error->code : ERR_OK;
}

struct tree *stores_tree_of(const struct drill *drill, size_t seat, struct error *error)
{
    struct tree_reading reading = {.id = &drill->tree_id};
    return stores_visit(drill, seat, read_tree, &reading, error) == ERR_OK ? reading.tree : NULL;
}

struct tree *stores_tree(const struct drill *drill, struct error *error)
{
    return stores_tree_of(drill, 0, error);
}

bool stores_seal_key(const struct drill *drill, size_t seat, struct seal_key *seal)
{
    char path[PATH_MAX];
    struct node_keys keys;
    struct error error;
    if (drill_node_path(drill, seat, path, &error) != ERR_OK ||
        keys_load(path, &keys, &error) != ERR_OK)
        return false;
    bool has = keys.has_seal;
    node_keys_seal(&keys, seal);
    node_keys_wipe(&keys);
    return has;
}
