/* The tree of a directory, without asking its node: what the store holds, and what lies in
 * documents/ and may be newer. */
#include <string.h>
#include <sys/stat.h>

#include "cli/topology/topology.h"
#include "node/author/config.h"
#include "node/author/document_file.h"
#include "node/author/file.h"
#include "node/author/keys.h"
#include "node/store/store.h"
#include "replication/query/query.h"

static bool has_file(const char *directory, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    return path_join(path, directory, name, NULL) == ERR_OK && stat(path, &status) == 0;
}

/* From the first root document among them: hash of its header. */
static bool id_of_files(const struct document_files *files, struct hash *id)
{
    for (size_t i = 0; i < files->count; i++) {
        struct document_envelope envelope;
        if (files->files[i].kind != DOCUMENT_ROOT ||
            document_open(files->files[i].envelope, &envelope, NULL) != ERR_OK)
            continue;
        *id = envelope.decoded.first ? document_tree_id(envelope.header) : envelope.decoded.tree_id;
        return true;
    }
    return false;
}

enum error_code held_look(const char *directory, const struct hash *tree_id,
                          enum error_code (*look)(void *context, const struct view *view,
                                                  const struct tree *tree, struct error *error),
                          void *context, struct error *error)
{
    struct store_options options = {.dir = directory, .read_only = true, .must_exist = true};
    struct store_snapshot *snapshot = NULL;
    struct store *store = NULL;
    struct view view;
    enum error_code code = store_open(&options, &store, error);
    if (code == ERR_OK)
        code = store_snapshot_begin(store, &snapshot, &view, error);
    if (code == ERR_OK) {
        struct tree *tree = query_tree(&view, tree_id, error);
        code = tree == NULL ? error->code : look(context, &view, tree, error);
        tree_free(tree);
        store_snapshot_end(snapshot);
    }
    store_close(store);
    return code;
}

/* A copy that outlives the store. */
static enum error_code copy_tree(void *context, const struct view *view, const struct tree *tree,
                                 struct error *error)
{
    struct tree **copy = context;
    *copy = query_tree(view, tree_id(tree), error);
    return *copy == NULL ? error->code : ERR_OK;
}

enum error_code held_secret(const char *directory, uint8_t *secret, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_join(path, directory, "keys/tree.secret", error);
    return code == ERR_OK
               ? secret_file_read(path, "terrace-tree-secret", secret, TREE_SECRET_BYTES, error)
               : code;
}

/* True: something of it was taken. */
static bool offer(struct tree *tree, const struct document_file *file)
{
    struct document_envelope envelope;
    if (document_open(file->envelope, &envelope, NULL) != ERR_OK)
        return false;
    struct span seat = span_of_text(envelope.decoded.seat);
    bool taken = (file->confirmed ? tree_offer_confirmed(tree, file->envelope, NULL)
                                  : tree_offer_document(tree, file->envelope, NULL)) == ERR_OK;
    if (!file->part)
        return tree_offer_rows(tree, file->kind, seat, file->rows, file->row_count, 0, NULL,
                               NULL) == ERR_OK ||
               taken;
    for (size_t i = 0; i < file->row_count; i++)
        taken = tree_offer_rows(tree, file->kind, seat, &file->rows[i], 1, file->places[i],
                                &file->proofs[i], NULL) == ERR_OK ||
                taken;
    return taken;
}

static void offer_all(struct tree *tree, const struct document_files *files)
{
    bool taken = true;
    while (taken) {
        taken = false;
        for (size_t i = 0; i < files->count; i++)
            taken = offer(tree, &files->files[i]) || taken;
    }
}

static enum error_code no_tree(const char *directory, struct error *error)
{
    error_set(error, ERR_NOT_FOUND, directory, "no signed document here begins a tree");
    error_next(error, "name the directory of a node of the tree with -d; a new node enters it with "
                      "`terrace join`");
    return ERR_NOT_FOUND;
}

enum error_code held_tree(const char *directory, struct tree **tree, struct error *error)
{
    struct document_files files;
    struct node_config config;
    bool known = has_file(directory, "node.yaml");
    *tree = NULL;
    enum error_code code = known ? config_load(directory, &config, error) : ERR_OK;
    if (code == ERR_OK)
        code = document_files_load(directory, &files, error);
    if (code != ERR_OK)
        return code;
    if (!known)
        known = id_of_files(&files, &config.tree_id);
    if (known && has_file(directory, "data/data.mdb"))
        code = held_look(directory, &config.tree_id, copy_tree, tree, error);
    else if (known)
        *tree = tree_new(&config.tree_id);
    if (*tree != NULL)
        offer_all(*tree, &files);
    document_files_free(&files);
    if (code == ERR_OK && (*tree == NULL || tree_root_seat(*tree) == NULL)) {
        tree_free(*tree);
        *tree = NULL;
        code = no_tree(directory, error);
    }
    return code;
}
