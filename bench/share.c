#include "bench/share.h"

#include <stdlib.h>
#include <string.h>

struct share_tree share_tree_of(const struct author_plan *plan, const struct author_tree *tree)
{
    struct share_tree share = {plan, tree, mem_alloc(plan->seat_count * sizeof(size_t))};
    size_t next = 1;
    for (size_t i = 0; i < plan->seat_count; i++) {
        if (plan->child_count[plan->order[i]] > 0)
            share.document_of[plan->order[i]] = next++;
    }
    return share;
}

void share_tree_free(struct share_tree *tree)
{
    free(tree->document_of);
}

static size_t child_index(const struct author_plan *plan, size_t parent, size_t child)
{
    size_t index = 0;
    while (plan->order[plan->child_first[parent] + index] != child)
        index++;
    return index;
}

static void prove(const struct author_document *document, uint32_t place, struct buffer *proof)
{
    struct hash *leaves = mem_alloc(document->row_count * sizeof *leaves);
    for (size_t i = 0; i < document->row_count; i++)
        leaves[i] = document_row_hash(span_of_buffer(&document->rows[i]));
    merkle_prove(leaves, document->row_count, &place, 1, proof);
    free(leaves);
}

static size_t add_document(const struct author_document *document, uint32_t place,
                           struct tree *taken)
{
    struct buffer proof = {0};
    struct span row = span_of_buffer(&document->rows[place]);
    prove(document, place, &proof);
    struct span proof_span = span_of_buffer(&proof);
    size_t size = document->envelope.size + row.size + proof.size;
    if (taken != NULL &&
        (tree_offer_document(taken, span_of_buffer(&document->envelope), NULL) != ERR_OK ||
         tree_offer_rows(taken, document->kind, span_of_text(document->seat), &row, 1, place,
                         &proof_span, NULL) != ERR_OK))
        size = SIZE_MAX;
    buffer_free(&proof);
    return size;
}

size_t share_of(const struct share_tree *tree, size_t seat, struct tree *taken)
{
    const struct author_plan *plan = tree->plan;
    size_t path[TIERS_MAX + 1], count = 0, total = 0;
    for (path[count++] = seat; seat != plan->order[0]; path[count++] = seat)
        seat = plan->parent[seat];
    size_t size = add_document(&tree->tree->documents[0], 0, taken);
    while (size != SIZE_MAX && --count > 0) {
        const struct author_document *document =
            &tree->tree->documents[tree->document_of[path[count]]];
        total += size;
        size = add_document(document, (uint32_t)child_index(plan, path[count], path[count - 1]),
                            taken);
    }
    return size == SIZE_MAX ? SIZE_MAX : total + size;
}
