/* What became of a document that was given to a running node, in the words of the tree. */
#include "node/core_summary.h"

static enum error_code offer_file(struct tree *trial, const struct document_header *header,
                                  const struct document_file *file, struct error *error)
{
    struct span seat = span_of_text(header->seat);
    enum error_code code = file->confirmed ? tree_offer_confirmed(trial, file->envelope, error)
                                           : tree_offer_document(trial, file->envelope, error);
    if (code != ERR_OK && code != ERR_STALE)
        return code;
    if (!file->part)
        return tree_offer_rows(trial, header->kind, seat, file->rows, file->row_count, 0, NULL,
                               error);
    for (size_t i = 0; i < file->row_count; i++) {
        code = tree_offer_rows(trial, header->kind, seat, &file->rows[i], 1, file->places[i],
                               &file->proofs[i], error);
        if (code != ERR_OK && code != ERR_STALE)
            return code;
    }
    return ERR_OK;
}

/* The same documents in a tree of its own, then this one: what that says is the reason. */
static void ask_trial(const struct tree *tree, const struct document_header *header,
                      struct core_document *document)
{
    struct tree *trial = tree_new(tree_id(tree));
    error_clear(&document->error);
    tree_take_all(trial, tree);
    if (offer_file(trial, header, &document->file, &document->error) == ERR_OK)
        error_set(&document->error, ERR_FULL, document->file.name,
                  "the node couldn't store it: there is no room");
    tree_free(trial);
}

void core_document_judge(const struct tree *tree, struct core_document *document)
{
    struct document_envelope envelope;
    struct document_file *file = &document->file;
    if (document_open(file->envelope, &envelope, &document->error) != ERR_OK)
        return;
    const struct document_header *header = &envelope.decoded;
    struct span seat = span_of_text(header->seat);
    struct hash hash = document_hash(envelope.header);
    const struct held_document *held = tree_find_document(tree, header->kind, seat);
    document->held = tree_has_document(tree, header->kind, seat, &hash);
    const struct held_document *pending = tree_pending_root(tree);
    document->waits = pending != NULL && hash_equal(&pending->hash, &hash);
    if (document->held || document->waits)
        return;
    if (held == NULL || held->term < header->term ||
        (held->term == header->term && held->version <= header->version)) {
        ask_trial(tree, header, document);
        return;
    }
    error_set(&document->error, ERR_STALE, file->name,
              "a newer one is in force here: term %llu, version %llu",
              (unsigned long long)held->term, (unsigned long long)held->version);
    error_next(&document->error, "make the change anew from the one in force, and sign that");
}
