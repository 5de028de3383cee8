/* A signed document goes to whoever serves the directory, and into documents/ for its next start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/topology/topology.h"

static enum error_code publish(struct client *client, const struct document_file *file,
                               struct error *error)
{
    struct buffer bytes = {0}, args = {0};
    struct span value;
    document_file_encode(file, &bytes);
    mp_write_map(&args, 1);
    mp_write_text(&args, "document");
    mp_write_bin(&args, span_of_buffer(&bytes));
    enum error_code code = client_ask(client, "publish", span_of_buffer(&args), &value, error);
    buffer_free(&args);
    buffer_free(&bytes);
    return code;
}

/* Rows of a document that is in force or waits for them; ERR_STALE: all are held. */
static enum error_code try_rows(struct tree *tree, const struct document_file *file,
                                struct span seat, struct error *error)
{
    enum error_code code = ERR_STALE;
    if (!file->part)
        return tree_offer_rows(tree, file->kind, seat, file->rows, file->row_count, 0, NULL, error);
    for (size_t i = 0; i < file->row_count; i++) {
        enum error_code one = tree_offer_rows(tree, file->kind, seat, &file->rows[i], 1,
                                              file->places[i], &file->proofs[i], error);
        if (one != ERR_OK && one != ERR_STALE)
            return one;
        code = one == ERR_OK ? ERR_OK : code;
    }
    return code;
}

/* What the tree of the directory says of it. */
static enum error_code try_tree(const char *directory, const struct document_file *file,
                                const struct document_envelope *opened, struct error *error)
{
    struct tree *tree = NULL;
    struct span seat = span_of_text(opened->decoded.seat);
    struct hash hash = document_hash(opened->header);
    enum error_code code = held_tree(directory, &tree, error);
    if (code != ERR_OK)
        return code;
    bool news = tree_offer_document(tree, file->envelope, error) == ERR_OK;
    code = news ? ERR_OK : error->code;
    if (file->row_count > 0 &&
        (news || (code == ERR_STALE && tree_has_document(tree, file->kind, seat, &hash))))
        code = try_rows(tree, file, seat, error);
    if (news && code == ERR_STALE) { /* its rows are those of the version before */
        error_clear(error);
        code = ERR_OK;
    }
    if (code == ERR_STALE)
        error_set(error, ERR_STALE, file->name, "this one, or a newer one, is held here");
    tree_free(tree);
    return code;
}

/* Former root documents keep a place of their own beside the newest. */
static enum error_code keep(const char *directory, const struct document_file *file,
                            const struct document_envelope *opened, struct error *error)
{
    char name[128];
    struct tree *tree = NULL;
    unsigned rank = 0;
    if (held_tree(directory, &tree, NULL) == ERR_OK) {
        const struct seat *seat = tree_seat(tree, span_of_text(opened->decoded.seat));
        rank = seat == NULL ? 0 : seat->row.tier;
    }
    if (file->kind == DOCUMENT_ROOT && opened->decoded.version > 1)
        snprintf(name, sizeof name, "0-root-%010llu", (unsigned long long)opened->decoded.version);
    else
        document_file_name(name, file->kind, opened->decoded.seat, rank);
    tree_free(tree);
    return document_file_write(directory, name, file, error);
}

enum error_code hand_in(const char *directory, const struct document_file *file, bool *running,
                        struct error *error)
{
    struct document_envelope opened;
    struct error unreachable;
    enum error_code code = document_open(file->envelope, &opened, error);
    if (code != ERR_OK)
        return code;
    code = try_tree(directory, file, &opened, error);
    if (code != ERR_OK)
        return code;
    struct client *client = client_new(directory, &unreachable);
    *running = client != NULL;
    if (client != NULL)
        code = publish(client, file, error);
    client_free(client);
    return code == ERR_OK ? keep(directory, file, &opened, error) : code;
}
