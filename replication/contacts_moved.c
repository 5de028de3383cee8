/* What a child must hear of moves, though it asks for none of it.
 *
 *     V1 was below T1, and is below T2. T1 released it, T2 lists it.
 *
 *     T1, and who stands below it:     V1's row at T2                (where it has gone)
 *     T2, and who stands below it:     V1's row at T1, and T1's      (the release: T2's row alone
 *                                                                     is a claim)
 *     V1, and who stands below it:     both, and the whole new way */
#include "replication/contacts_inner.h"

/* Whether a seat is listed outside the child's branch, too, which it is in or whose way leads
 * through it. */
bool contacts_need_moves(const struct tree *tree, const struct seat *seat, const struct seat *child)
{
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    if (moved != NULL && seat_is_ancestor_or_self(seat, child))
        return true;
    for (size_t i = 0; moved != NULL && i < moved->other_count; i++) {
        const struct seat *owner = tree_seat(tree, span_of_text(moved->others[i]->seat));
        if (seat_is_ancestor_or_self(child, seat) && owner != NULL &&
            !seat_is_ancestor_or_self(child, owner))
            return true;
    }
    return false;
}

bool contacts_were_above(const struct tree *tree, const struct seat *seat, const struct seat *own)
{
    for (size_t i = 0; i < tree_moved_count(tree); i++) {
        const struct moved_seat *moved = tree_moved(tree, i);
        for (size_t k = 0; seat_is_ancestor_or_self(moved->seat, own) && k < moved->other_count;
             k++) {
            const struct seat *owner = tree_seat(tree, span_of_text(moved->others[k]->seat));
            if (owner != NULL && seat_is_ancestor_or_self(seat, owner))
                return true;
        }
    }
    return false;
}

/* Those who came to the child's branch, or with whom it came, and whom they came from. */
static void tell_releases(struct session *session, const struct tree *tree,
                          const struct moved_seat *moved, const struct seat *child)
{
    contacts_keep_told(session, moved->seat);
    for (size_t i = 0; i < moved->other_count; i++) {
        const struct seat *owner = tree_seat(tree, span_of_text(moved->others[i]->seat));
        if (owner != NULL && seat_is_beside(child, owner))
            contacts_keep_told(session, owner);
    }
}

/* Those who left it. */
static void tell_where(struct session *session, const struct tree *tree,
                       const struct moved_seat *moved, const struct seat *child)
{
    for (size_t i = 0; i < moved->other_count; i++) {
        const struct seat *owner = tree_seat(tree, span_of_text(moved->others[i]->seat));
        if (owner != NULL && seat_is_ancestor_or_self(child, owner))
            contacts_keep_told(session, moved->seat);
    }
}

void contacts_of_moves(struct step *step, struct session *session, const struct seat *child)
{
    const struct tree *tree = step->replica->tree;
    for (size_t i = 0; i < tree_moved_count(tree); i++) {
        const struct moved_seat *moved = tree_moved(tree, i);
        if (contacts_need_moves(tree, moved->seat, child))
            tell_releases(session, tree, moved, child);
        else if (seat_is_beside(child, moved->seat))
            tell_where(session, tree, moved, child);
    }
}
