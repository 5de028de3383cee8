/* What one seat of a new tree must hold to know its place: the root document, and of each document
 * above it the header with its signatures, its own way's row and the proof. */
#ifndef TERRACE_BENCH_SHARE_H
#define TERRACE_BENCH_SHARE_H

#include "topology/author.h"
#include "topology/tree.h"

struct share_tree {
    const struct author_plan *plan;
    const struct author_tree *tree;
    size_t *document_of; /* of each seat, its branch document's place; 0: none */
};
/* Free with share_tree_free. */
struct share_tree share_tree_of(const struct author_plan *plan, const struct author_tree *tree);
void share_tree_free(struct share_tree *tree);

/* Bytes of a seat's share: envelopes, rows, proofs. `taken` (NULL: only count): a tree that is
 * offered all of it, in order; SIZE_MAX when it refuses something. */
size_t share_of(const struct share_tree *tree, size_t seat, struct tree *taken);

#endif
