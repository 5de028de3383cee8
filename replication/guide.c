/* Guiding: a caller that isn't our child is told where the tree has it.
 *
 *     V1, moved from T1 to T2 while it was offline, calls T1
 *     T1: documents of V1's path as it is now, its own row of V1 (the release), bye moved
 *     V1: knows T2's endpoint and key, and calls there
 *
 * The same for a seat further below, whose parent can't be reached or has got other keys: whoever
 * stands above answers with documents alone. Nothing but documents passes on such a link. */
#include <assert.h>
#include <string.h>

#include "replication/contacts_inner.h"

bool guide_may(const struct tree *tree, const struct seat *own, const struct seat *peer)
{
    return peer != own &&
           (seat_is_ancestor_or_self(own, peer) || tree_is_former_parent(tree, own, peer));
}

/* Those above `seat`, from the root down, each with the row of the next one. */
static void send_path(struct step *step, struct session *session, const struct seat *seat)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *path[HOLDERS_MAX];
    size_t count = seat_path(seat, path);
    for (size_t i = count - 1; i > 0; i--) {
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text(path[i]->row.seat));
        if (held != NULL)
            documents_send(step, session, held, path[i - 1]->row.seat);
    }
}

/* The documents that list the seat beside the one that counts: without the release the move is a
 * mere claim. */
static void send_others(struct step *step, struct session *session, const struct seat *seat)
{
    const struct tree *tree = step->replica->tree;
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    for (size_t i = 0; moved != NULL && i < moved->other_count; i++) {
        const struct seat *owner = tree_seat(tree, span_of_text(moved->others[i]->seat));
        if (owner != NULL)
            send_path(step, session, owner);
        documents_send(step, session, moved->others[i], seat->row.seat);
    }
}

void guide_tell(struct step *step, struct session *session)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *peer = session_seat(step->replica, session);
    const struct held_document *root = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
    assert(!session->uplink);
    session->documents_due = false;
    if (peer == NULL || root == NULL || session->state == SESSION_REFUSED)
        return;
    documents_send(step, session, root, tree_root_seat(tree)->row.seat);
    for (const struct seat *seat = peer; seat != NULL; seat = seat->parent)
        send_others(step, session, seat); /* of one above that has moved, too */
    send_path(step, session, peer);
    updates_trace(step->updates, "tell %s that its parent is %s", session->seat,
                  peer->parent == NULL ? "nobody" : peer->parent->row.seat);
    session_bye(step, session, "moved");
}
