/* Signing for the seats of a drill, and handing round what was signed. */
#include "cli/drill/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/drill/hand_out.h"
#include "cli/drill/process.h"
#include "cli/drill/stores.h"
#include "cli/print.h"
#include "node/author/document_file.h"
#include "node/author/file.h"
#include "node/author/keys.h"

static const char admin_label[] = "terrace-admin-key";
enum { ADMIN_SEED_BYTES = 32 };

static bool offer_file(struct tree *tree, const struct document_file *file, const char *only)
{
    struct document_envelope envelope;
    if (document_open(file->envelope, &envelope, NULL) != ERR_OK ||
        (only != NULL && strcmp(envelope.decoded.seat, only) != 0))
        return false;
    enum error_code code = tree_offer_document(tree, file->envelope, NULL);
    if (code != ERR_OK && code != ERR_STALE)
        return false;
    return tree_offer_rows(tree, file->kind, span_of_text(envelope.decoded.seat), file->rows,
                           file->row_count, 0, NULL, NULL) == ERR_OK ||
           code == ERR_OK;
}

/* What was signed here, of this seat alone or (NULL) of all, in whatever order it fits. */
static enum error_code offer_signed(const struct drill *drill, const char *only, struct tree *tree,
                                    struct error *error)
{
    char path[PATH_MAX];
    struct document_files files;
    enum error_code code = drill_file_path(drill, "signed", path, error);
    if (code == ERR_OK)
        code = document_files_load(path, &files, error);
    if (code != ERR_OK)
        return code;
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < files.count; i++)
            progress = offer_file(tree, &files.files[i], only) || progress;
    }
    document_files_free(&files);
    return ERR_OK;
}

struct tree *sign_known_at(const struct drill *drill, size_t seat, size_t also, struct error *error)
{
    struct tree *tree = stores_tree_of(drill, seat, error);
    if (tree != NULL && offer_signed(drill, drill->seats[seat].code, tree, error) == ERR_OK &&
        (also == DRILL_NO_SEAT ||
         offer_signed(drill, drill->seats[also].code, tree, error) == ERR_OK))
        return tree;
    tree_free(tree);
    return NULL;
}

struct tree *sign_known_to_all(const struct drill *drill, const size_t *seats, size_t count,
                               struct error *error)
{
    struct tree *tree = stores_tree(drill, error);
    for (size_t i = 0; i < count && tree != NULL; i++) {
        struct tree *other = stores_tree_of(drill, seats[i], error);
        if (other != NULL)
            tree_take_all(tree, other);
        tree_free(other);
        if (other == NULL) {
            tree_free(tree);
            tree = NULL;
        }
    }
    if (tree != NULL && offer_signed(drill, NULL, tree, error) != ERR_OK) {
        tree_free(tree);
        tree = NULL;
    }
    return tree;
}

struct amend_when sign_when(void)
{
    return (struct amend_when){.now_ms = wall_now_ms(), .expires_ms = AMEND_KEEP};
}

static enum error_code admin_path(const struct drill *drill, size_t seat,
                                  char path[static PATH_MAX], struct error *error)
{
    char node[PATH_MAX];
    enum error_code code = drill_node_path(drill, seat, node, error);
    return code != ERR_OK ? code : path_join(path, node, "keys/admin.key", error);
}

static enum error_code read_admin(const struct drill *drill, size_t seat,
                                  uint8_t secret[static SECRET_BYTES], struct error *error)
{
    char path[PATH_MAX];
    uint8_t seed[ADMIN_SEED_BYTES], key[KEY_BYTES];
    enum error_code code = admin_path(drill, seat, path, error);
    if (code == ERR_OK)
        code = secret_file_read(path, admin_label, seed, sizeof seed, error);
    if (code == ERR_OK)
        sign_key_pair(seed, key, secret);
    secret_wipe(seed, sizeof seed);
    return code;
}

enum error_code sign_admin_key(const struct drill *drill, size_t seat,
                               uint8_t key[static KEY_BYTES], struct error *error)
{
    uint8_t secret[SECRET_BYTES];
    enum error_code code = read_admin(drill, seat, secret, error);
    if (code == ERR_OK)
        memcpy(key, secret + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
    secret_wipe(secret, sizeof secret);
    return code;
}

enum error_code sign_new_admin(const struct drill *drill, size_t seat,
                               uint8_t key[static KEY_BYTES], struct error *error)
{
    char path[PATH_MAX], former[PATH_MAX + 16];
    uint8_t seed[ADMIN_SEED_BYTES], secret[SECRET_BYTES];
    enum error_code code = admin_path(drill, seat, path, error);
    if (code != ERR_OK)
        return code;
    snprintf(former, sizeof former, "%s.former", path);
    if (rename(path, former) != 0)
        return file_error(error, path, "renaming");
    random_bytes(seed, sizeof seed);
    sign_key_pair(seed, key, secret);
    code = secret_file_write(path, admin_label, seed, sizeof seed, error);
    secret_wipe(seed, sizeof seed);
    secret_wipe(secret, sizeof secret);
    return code;
}

static void file_of(const struct author_document *document, struct document_file *file,
                    struct span *rows)
{
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    *file = (struct document_file){.kind = document->kind,
                                   .envelope = span_of_buffer(&document->envelope),
                                   .row_count = document->row_count,
                                   .rows = rows};
}

static enum error_code keep(const struct drill *drill, const struct author_document *document,
                            const struct document_header *header, struct tree *tree,
                            struct error *error)
{
    char path[PATH_MAX], name[SEAT_BYTES_MAX + 64];
    struct document_file file;
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    file_of(document, &file, rows);
    enum error_code code = drill_file_path(drill, "signed", path, error);
    snprintf(name, sizeof name, "%s-%llu-%llu", document->seat, (unsigned long long)header->term,
             (unsigned long long)header->version);
    if (code == ERR_OK)
        code = directory_make(path, 0700, error);
    if (code == ERR_OK)
        code = document_file_write(path, name, &file, error);
    if (code == ERR_OK && tree != NULL)
        offer_file(tree, &file, NULL);
    free(rows);
    return code;
}

enum error_code sign_amendment(const struct drill *drill, size_t seat, struct amendment *amendment,
                               struct tree *tree, struct error *error)
{
    uint8_t secret[1][SECRET_BYTES];
    struct author_document document = {0};
    enum error_code code = read_admin(drill, seat, secret[0], error);
    if (code == ERR_OK)
        code = amend_sign(amendment, (const uint8_t(*)[SECRET_BYTES])secret, 1, &document, error);
    secret_wipe(secret, sizeof secret);
    if (code != ERR_OK)
        return code;
    code = keep(drill, &document, amend_header(amendment), tree, error);
    author_document_clear(&document);
    return code;
}

/* One document to the node's process. What it holds already, or in a newer version, is no fault. */
static enum error_code publish(struct client *client, const struct document_file *file,
                               struct error *error)
{
    struct buffer args = {0}, bytes = {0};
    struct span value;
    document_file_encode(file, &bytes);
    mp_write_map(&args, 2);
    mp_write_text(&args, "name");
    mp_write_text(&args, file->name);
    mp_write_text(&args, "document");
    mp_write_bin(&args, span_of_buffer(&bytes));
    enum error_code code = client_ask(client, "publish", span_of_buffer(&args), &value, error);
    buffer_free(&bytes);
    buffer_free(&args);
    if (code == ERR_STALE) {
        error_clear(error);
        return ERR_OK;
    }
    return code;
}

static enum error_code publish_all(const char *path, struct error *error)
{
    struct document_files files;
    enum error_code code = document_files_load(path, &files, error);
    if (code != ERR_OK)
        return code;
    struct client *client = client_new(path, error);
    if (client == NULL)
        code = error->code;
    for (size_t i = 0; i < files.count && code == ERR_OK; i++)
        code = publish(client, &files.files[i], error);
    client_free(client);
    document_files_free(&files);
    return code;
}

enum error_code sign_tell(const struct drill *drill, const struct tree *tree, size_t seat,
                          size_t former, struct error *error)
{
    char path[PATH_MAX];
    struct hand_out what = {.tree = tree,
                            .seat = drill->seats[seat].code,
                            .former = former == DRILL_NO_SEAT ? NULL : drill->seats[former].code};
    enum error_code code = drill_node_path(drill, seat, path, error);
    if (code == ERR_OK)
        code = hand_out(&what, path, error);
    if (code == ERR_OK && process_alive(drill, seat))
        code = publish_all(path, error);
    return code;
}
