/* The tree's life, and the documents it holds. Rules of taking a document: tree_offer.c; of
 * taking rows: tree_rows.c; from documents to seats: tree_place.c; questions: tree_query.c. */
#include "topology/tree_inner.h"

#include <assert.h>

struct tree *tree_new(const struct hash *tree_id)
{
    struct tree *tree = mem_alloc(sizeof *tree);
    tree->id = *tree_id;
    return tree;
}

void tree_set_verifier(struct tree *tree, const struct verifier *verifier)
{
    tree->verifier = verifier;
}

const struct verifier *tree_verifier(const struct tree *tree)
{
    return tree->verifier;
}

void tree_set_seal_key(struct tree *tree, const struct seal_key *key)
{
    tree->seal_key = key;
}

const struct seal_key *tree_seal_key(const struct tree *tree)
{
    return tree->seal_key;
}

void tree_set_shelf(struct tree *tree, struct schema_shelf *shelf)
{
    assert(tree->shelved == NULL);
    tree->shelf = shelf;
}

struct schema_shelf *tree_shelf(const struct tree *tree)
{
    return tree->shelf;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    choices_clear(tree);
    placing_clear(tree);
    orders_free(tree);
    branches_free(tree);
    holding_free(tree->types);
    holding_free(tree->root);
    holding_free(tree->pending);
    free(tree->confirmed);
    for (size_t i = 0; i < tree->former_root_count; i++)
        buffer_free(&tree->former_roots[i]);
    free(tree->former_roots);
    schema_shelf_return(tree->shelved);
    free(tree->tier_names);
    free(tree->seats);
    free(tree->order);
    free(tree);
}

size_t tree_document_count(const struct tree *tree)
{
    return tree->order_count + (tree->types != NULL ? 1 : 0) + tree->orders_in_force_count;
}

const struct held_document *tree_document(const struct tree *tree, size_t index)
{
    assert(index < tree_document_count(tree));
    if (index < tree->order_count)
        return &tree->order[index]->held;
    index -= tree->order_count;
    if (tree->types != NULL && index == 0)
        return &tree->types->held;
    return &tree->orders_in_force[index - (tree->types != NULL ? 1 : 0)]->held;
}

const struct held_document *tree_find_document(const struct tree *tree, enum document_kind kind,
                                               struct span seat)
{
    const struct holding *holding = holding_find(tree, kind, seat);
    bool hangs = kind == DOCUMENT_BRANCH || kind == DOCUMENT_ORDER;
    if (holding == NULL || (hangs && !holding->attached))
        return NULL;
    return &holding->held;
}

const struct held_document *tree_last_document(const struct tree *tree, struct span seat)
{
    const struct holding *holding = holding_find(tree, DOCUMENT_BRANCH, seat);
    return holding == NULL ? NULL : &holding->held;
}

struct holding *holding_find(const struct tree *tree, enum document_kind kind, struct span seat)
{
    switch (kind) {
    case DOCUMENT_ROOT: return tree->root;
    case DOCUMENT_TYPES: return tree->types;
    case DOCUMENT_BRANCH: return branch_find(tree, seat);
    case DOCUMENT_ORDER: return order_find(tree, seat);
    case DOCUMENT_DICTIONARY: break;
    }
    return NULL;
}

bool tree_has_document(const struct tree *tree, enum document_kind kind, struct span seat,
                       const struct hash *hash)
{
    const struct holding *holding = holding_find(tree, kind, seat);
    return holding != NULL &&
           (hash_equal(&holding->held.hash, hash) ||
            (holding->newer != NULL && hash_equal(&holding->newer->held.hash, hash)));
}

size_t tree_former_root_count(const struct tree *tree)
{
    return tree->former_root_count;
}

struct span tree_former_root(const struct tree *tree, size_t index)
{
    assert(index < tree->former_root_count);
    return span_of_buffer(&tree->former_roots[index]);
}

bool tree_prove_row(const struct held_document *document, uint32_t place, struct buffer *proof)
{
    if (!document->whole || place >= document->row_count)
        return false;
    struct hash *leaves = mem_alloc(document->row_count * sizeof *leaves);
    for (size_t i = 0; i < document->row_count; i++)
        leaves[i] = document_row_hash(document->rows[i]);
    merkle_prove(leaves, document->row_count, &place, 1, proof);
    free(leaves);
    return true;
}
