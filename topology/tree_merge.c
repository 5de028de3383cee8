/* One tree takes what another holds. */
#include "topology/tree.h"

static void take_rows(struct tree *tree, const struct held_document *held)
{
    struct span seat = span_of_text(held->seat);
    if (held->whole) {
        tree_offer_rows(tree, held->kind, seat, held->rows, held->row_count, 0, NULL, NULL);
        return;
    }
    for (size_t row = 0; row < held->row_count; row++)
        tree_offer_rows(tree, held->kind, seat, &held->rows[row], 1, held->places[row],
                        &held->proofs[row], NULL);
}

void tree_take_all(struct tree *tree, const struct tree *from)
{
    const struct held_document *pending = tree_pending_root(from);
    for (size_t i = 0; i < tree_confirmed_count(from); i++)
        tree_note_confirmed(tree, tree_confirmed(from, i));
    for (size_t i = 0; i < tree_former_root_count(from); i++)
        tree_offer_document(tree, tree_former_root(from, i), NULL);
    for (size_t i = 0; i < tree_document_count(from); i++) {
        const struct held_document *held = tree_document(from, i);
        tree_offer_document(tree, held->envelope, NULL);
        take_rows(tree, held);
    }
    for (size_t i = 0; i < tree_seat_count(from); i++) {
        const struct held_document *orders[TREE_ORDERS_MAX];
        struct span seat = span_of_text(tree_seat_at(from, i)->row.seat);
        for (size_t count = tree_orders_kept(from, seat, orders); count > 0; count--)
            tree_offer_document(tree, orders[count - 1]->envelope, NULL);
    }
    if (pending != NULL)
        tree_offer_document(tree, pending->envelope, NULL);
}
