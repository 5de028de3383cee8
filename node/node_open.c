/* What must be right before a node serves: its files, its store, and its place in the signed tree.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/author/document_file.h"
#include "node/core_summary.h"
#include "node/last_parent.h"
#include "node/node_parts.h"
#include "node/suspect.h"
#include "replication/rows/rows.h"

static enum error_code open_keys(struct node *node, struct error *error)
{
    node->keys = sodium_malloc(sizeof *node->keys); /* locked: never in a swap file */
    if (node->keys == NULL)
        return error_set(error, ERR_INTERNAL, "keys", "there is no memory for them");
    enum error_code code = keys_load(node->dir, node->keys, error);
    if (code == ERR_OK && !node->keys->has_seal)
        code = keys_add_seal(node->dir, node->keys, error);
    if (code == ERR_OK)
        node_keys_seal(node->keys, &node->seal);
    return code;
}

static enum error_code open_store(struct node *node, struct error *error)
{
    struct store_options options = {.dir = node->dir,
                                    .map_bytes = (uint64_t)node->config.map_mib << 20};
    return store_open(&options, &node->store, error);
}

/* What was erased may lie in what the store has freed since. Before anybody reads the store; where
 * it can't be done, the next start tries again. */
static void wipe_freed(struct node *node)
{
    static const uint8_t freed[] = {ROW_FREED};
    struct store_port port;
    struct span value;
    struct error error;
    uint64_t wiped;
    store_port(node->store, &port);
    if (port.view.get(port.view.context, TABLE_META, SPAN_OF_ARRAY(freed), &value) != READ_FOUND)
        return;
    if (store_wipe_free(node->store, &wiped, &error) != ERR_OK) {
        log_line(&node->log, LOG_ERROR, "what was erased may still lie in freed pages: %s: %s",
                 error.what, error.why);
        return;
    }
    log_line(&node->log, LOG_INFO, "freed pages have been written over, in %llu places",
             (unsigned long long)wiped);
    port.begin(port.context);
    if (port.remove(port.context, TABLE_META, SPAN_OF_ARRAY(freed)) == ERR_OK)
        (void)port.commit(port.context); /* else it is done once more */
    else
        port.abort(port.context);
}

static enum error_code open_core(struct node *node, struct error *error)
{
    struct replica_options options = {.tree_id = node->config.tree_id,
                                      .tuning = node->config.tuning};
    memcpy(options.seat, node->config.seat, sizeof options.seat);
    memcpy(options.signing_key, node->keys->signing_key, sizeof options.signing_key);
    memcpy(options.signing_secret, node->keys->signing_secret, sizeof options.signing_secret);
    options.seal = node->seal;
    random_bytes(options.random, sizeof options.random);
    enum error_code code = store_instance(node->dir, options.instance, error);
    if (code == ERR_OK) {
        options.high_water_readable =
            store_high_water_read(node->store, &options.high_water) == HIGH_WATER_FOUND;
        code = core_open(&node->core, &options, node->store, &node->log, error);
    }
    if (code == ERR_OK)
        core_keep_documents(&node->core, node->dir);
    secret_wipe(&options, sizeof options);
    return code;
}

static bool has_places(const struct held_document *held, const struct document_file *file)
{
    for (size_t i = 0; i < file->row_count; i++) {
        size_t at = 0;
        while (at < held->row_count && held->places[at] != file->places[i])
            at++;
        if (at == held->row_count)
            return false;
    }
    return true;
}

/* Whether the tree has this document with these rows, or a newer one. */
static bool is_held(const struct tree *tree, const struct document_file *file)
{
    struct document_envelope envelope;
    if (document_open(file->envelope, &envelope, NULL) != ERR_OK)
        return false;
    const struct document_header *header = &envelope.decoded;
    const struct held_document *held =
        tree_find_document(tree, header->kind, span_of_text(header->seat));
    if (held == NULL)
        return false;
    if (held->term != header->term)
        return held->term > header->term;
    if (held->version != header->version)
        return held->version > header->version;
    return held->whole || (file->part && has_places(held, file));
}

/* A document that stands in front of the one above it waits for the next round. */
static void take_documents(struct node *node, const struct document_files *files)
{
    const struct drive *drive = node->core.drive;
    bool progress = true;
    while (progress) {
        progress = false;
        for (size_t i = 0; i < files->count; i++) {
            const struct document_file *file = &files->files[i];
            if (is_held(replica_tree(drive_replica(drive)), file))
                continue;
            uint64_t before = tree_change_count(replica_tree(drive_replica(drive)));
            core_take_document(&node->core, file);
            if (tree_change_count(replica_tree(drive_replica(drive))) != before)
                progress = true;
        }
    }
}

static enum error_code offer(struct tree *tree, const struct document_file *file,
                             struct error *error)
{
    struct document_envelope envelope;
    enum error_code code = document_open(file->envelope, &envelope, error);
    if (code == ERR_OK)
        code = file->confirmed ? tree_offer_confirmed(tree, file->envelope, error)
                               : tree_offer_document(tree, file->envelope, error);
    if (code != ERR_OK && code != ERR_STALE)
        return code;
    struct span seat = span_of_text(envelope.decoded.seat);
    if (!file->part)
        return tree_offer_rows(tree, file->kind, seat, file->rows, file->row_count, 0, NULL, error);
    for (size_t i = 0; i < file->row_count; i++)
        code = tree_offer_rows(tree, file->kind, seat, &file->rows[i], 1, file->places[i],
                               &file->proofs[i], error);
    return code;
}

/* A root by hand that people haven't confirmed here: the status says so. */
static bool waits_for_people(const struct tree *tree, const struct document_file *file)
{
    struct document_envelope opened;
    if (document_open(file->envelope, &opened, NULL) != ERR_OK || !opened.decoded.by_hand)
        return false;
    struct hash hash = document_hash(opened.header);
    return tree_pending_root(tree) != NULL && hash_equal(&tree_pending_root(tree)->hash, &hash);
}

/* Why a document is not taken, as a tree of those before it says itself. */
static void log_untaken(struct node *node, const struct document_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct error error;
        const struct tree *tree = replica_tree(drive_replica(node->core.drive));
        if (is_held(tree, &files->files[i]) || waits_for_people(tree, &files->files[i]))
            continue;
        struct tree *trial = tree_new(&node->config.tree_id);
        for (size_t before = 0; before < i; before++)
            offer(trial, &files->files[before], NULL);
        error_clear(&error);
        offer(trial, &files->files[i], &error);
        tree_free(trial);
        log_line(&node->log, LOG_ERROR, "documents/%s is not taken: %s", files->files[i].name,
                 error.why);
    }
}

static enum error_code refuse_place(struct error *error, const char *next, const char *why)
{
    error_set(error, ERR_NOT_ALLOWED, "the signed tree", "%s", why);
    error_next(error, "%s", next);
    return ERR_NOT_ALLOWED;
}

/* ERR_STALE: the node opens again with the key that the tree lists. */
static enum error_code take_new_key(struct node *node, struct error *error)
{
    enum error_code code = keys_take_next(node->dir, error);
    if (code != ERR_OK)
        return code;
    node->new_key = true;
    suspect_end(); /* a clean stop */
    log_line(&node->log, LOG_INFO, "going on with this machine's new signing key");
    return error_set(error, ERR_STALE, "keys", "there is a new signing key");
}

static enum error_code check_place(struct node *node, struct error *error)
{
    const struct tree *tree = replica_tree(drive_replica(node->core.drive));
    const struct seat *own = tree_seat(tree, span_of_text(node->config.seat));
    if (tree_root_seat(tree) == NULL)
        return refuse_place(error,
                            "put the signed documents from the parent's admin into documents/, and "
                            "check `tree` in node.yaml",
                            "no document here begins the tree that node.yaml names");
    if (own == NULL && node->tree->has_parent) {
        log_line(&node->log, LOG_INFO,
                 "no document here lists this seat: %s, its parent until now, is asked for one",
                 node->tree->parent);
        return ERR_OK;
    }
    if (own == NULL)
        return refuse_place(error,
                            "send request.yaml to the admin of the seat above; put the signed "
                            "documents that come back into documents/",
                            "no document here lists this node's seat");
    if (memcmp(own->row.signing_key, node->keys->signing_key, KEY_BYTES) != 0 &&
        node_new_key_listed(node, own->row.signing_key))
        return take_new_key(node, error);
    if (memcmp(own->row.signing_key, node->keys->signing_key, KEY_BYTES) != 0 ||
        memcmp(own->row.link_key, node->keys->link_key, KEY_BYTES) != 0)
        return refuse_place(error,
                            "put back the keys of this seat, or have the admin sign in the ones of "
                            "request.yaml",
                            "it lists this seat with other keys than those in keys/");
    return ERR_OK;
}

/* Whether every document here that isn't in force is an older one of its kind: none is damaged. */
static bool are_superseded(struct node *node, const struct document_files *files)
{
    const struct tree *tree = replica_tree(drive_replica(node->core.drive));
    struct tree *trial = tree_new(&node->config.tree_id);
    bool all = true;
    for (size_t i = 0; i < files->count && all; i++) {
        const struct document_file *file = &files->files[i];
        enum error_code code = tree_offer_document(trial, file->envelope, NULL);
        bool older =
            code != ERR_OK && code != ERR_MALFORMED && code != ERR_DAMAGED && code != ERR_FORGED;
        all = is_held(tree, file) || waits_for_people(tree, file) || older;
        offer(trial, file, NULL);
    }
    tree_free(trial);
    return all;
}

/* Takes the tree from the core; where it doesn't list us, with the parent that is remembered. */
static void open_tree(struct node *node, const struct document_files *files)
{
    struct error error;
    struct core_tree *remembered = mem_alloc(sizeof *remembered);
    enum error_code code = last_parent_load(node->dir, remembered, &error);
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        log_line(&node->log, LOG_ERROR, "%s: %s", error.what, error.why);
    node->tree = core_tree_now(&node->core);
    if (are_superseded(node, files))
        core_tree_keep_parent(node->tree, remembered);
    if (last_parent_keep(node->dir, node->tree, remembered, &error) != ERR_OK)
        log_line(&node->log, LOG_ERROR, "%s: %s", error.what, error.why);
    core_tree_free(remembered);
}

static enum error_code open_documents(struct node *node, struct error *error)
{
    struct document_files files;
    enum error_code code = document_files_load(node->dir, &files, error);
    if (code != ERR_OK)
        return code;
    take_documents(node, &files);
    log_untaken(node, &files);
    open_tree(node, &files);
    document_files_free(&files);
    return check_place(node, error);
}

enum error_code node_open_files(struct node *node, const char *dir,
                                const struct node_run_options *options, struct error *error)
{
    node->dir = dir;
    enum error_code code = config_load(dir, &node->config, error);
    if (code == ERR_OK && hash_equal(&node->config.tree_id, &hash_zero))
        code = refuse_place(error,
                            "terrace join, with a token or with the file that answers this "
                            "machine's request (terrace request)",
                            "this node hasn't joined a tree yet");
    if (code == ERR_OK)
        code = log_open(&node->log, options != NULL ? options->log_file : NULL, node->config.log,
                        error);
    if (code == ERR_OK)
        code = open_keys(node, error);
    if (code == ERR_OK)
        code = node_scrub_first(node, error);
    if (code == ERR_OK)
        code = open_store(node, error);
    if (code == ERR_OK) {
        node->unclean = suspect_begin(dir);
        wipe_freed(node);
        code = open_core(node, error);
    }
    if (code == ERR_DAMAGED && node->store != NULL && !node->open_again) {
        suspect_now("rows that a node stands on can't be read");
        node->open_again = true;
    }
    if (code == ERR_OK)
        code = open_documents(node, error);
    return code;
}

void node_close_files(struct node *node)
{
    core_tree_free(node->tree);
    core_close(&node->core);
    store_close(node->store);
    sodium_free(node->keys);
    secret_wipe(&node->seal, sizeof node->seal);
    log_close(&node->log);
}
