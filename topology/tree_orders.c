/* Orders to a subtree: emergency, peace, roll-call. One counts for each head of a subtree, the one
 * of the greatest serial number that somebody signed who may: the admins of the head, of a seat
 * above it, or of the tree, in the term that is theirs now. Of equal numbers the signer nearer the
 * root counts, then the lower hash. An order of a term that is over counts no longer, and bars
 * nothing: so who has lost a key to a thief raises the term, whatever number the thief has used. */
#include "topology/tree_inner.h"

#include <string.h>

static const char what[] = "an order was refused";

size_t tree_order_signers(const struct tree *tree, const struct seat *seat,
                          struct order_signer signers[static HOLDERS_MAX + 1])
{
    const struct seat *path[HOLDERS_MAX];
    size_t above = seat_path(seat, path), count = 1;
    signers[0] =
        (struct order_signer){&tree->root->held.header.admins, tree->root->held.term, NULL};
    while (above-- > 0) {
        const struct seat_row *row = &path[above]->row;
        if (row->admins.threshold > 0)
            signers[count++] = (struct order_signer){&row->admins, row->term, path[above]};
    }
    return count;
}

struct document_header tree_next_order(const struct tree *tree, const struct seat *seat,
                                       enum order_what order, uint64_t term, uint64_t now_ms)
{
    const struct held_document *held =
        tree_find_document(tree, DOCUMENT_ORDER, span_of_text(seat->row.seat));
    struct document_header header = {.tree_id = tree->id,
                                     .kind = DOCUMENT_ORDER,
                                     .term = term,
                                     .version = held == NULL ? 1 : held->version + 1,
                                     .issued_ms = now_ms,
                                     .order = order};
    memcpy(header.seat, seat->row.seat, sizeof header.seat);
    if (order == ORDER_EMERGENCY)
        header.since_ms =
            held != NULL && held->header.order == ORDER_EMERGENCY ? held->header.since_ms : now_ms;
    return header;
}

/* The place of who signed it among those who may, 0 being the highest; `count`: nobody. */
static uint8_t signer_of(const struct tree *tree, const struct order_signer *signers, size_t count,
                         const struct document_envelope *opened)
{
    uint8_t at = 0;
    while (at < count && (signers[at].term != opened->decoded.term ||
                          !document_signed_by(opened, signers[at].admins, tree->verifier)))
        at++;
    return at;
}

const char *order_word(enum order_what order)
{
    static const char *const words[] = {
        [ORDER_EMERGENCY] = "emergency", [ORDER_PEACE] = "peace", [ORDER_ROLL_CALL] = "roll-call"};
    return words[order];
}

/* Its place anew, without asking for signatures that have been verified already. */
static bool order_counts(const struct tree *tree, struct holding *holding)
{
    const struct seat *seat = tree_seat(tree, span_of_text(holding->held.seat));
    if (tree->root == NULL || seat == NULL)
        return false;
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = tree_order_signers(tree, seat, signers);
    for (uint8_t at = 0; at < count; at++) {
        struct hash print = admin_keys_print(signers[at].admins);
        if (signers[at].term == holding->held.term && hash_equal(&print, &holding->signed_by)) {
            holding->signer = at;
            return true;
        }
    }
    struct document_envelope opened;
    if (document_open(holding->held.envelope, &opened, NULL) != ERR_OK)
        return false;
    holding->signer = signer_of(tree, signers, count, &opened);
    if (holding->signer == count)
        return false;
    holding->signed_by = admin_keys_print(signers[holding->signer].admins);
    return true;
}

void orders_judge(struct tree *tree)
{
    if (tree->orders == NULL)
        return;
    for (struct holding *holding = tree->orders; holding != NULL; holding = holding->hh.next)
        holding->attached = order_counts(tree, holding);
    orders_list(tree);
}

static bool order_overrules(const struct document_header *header, const struct hash *hash,
                            uint8_t signer, const struct holding *held)
{
    if (held == NULL || !held->attached || PLANTED(ORDER_AS_IT_COMES))
        return true;
    if (header->version != held->held.version)
        return header->version > held->held.version;
    if (signer != held->signer)
        return signer < held->signer;
    return hash_compare(hash, &held->held.hash) < 0;
}

static enum error_code refuse_signer(const struct order_signer *signers, size_t count,
                                     uint64_t term, struct error *error)
{
    bool over = false, to_come = true;
    for (size_t i = 0; i < count; i++) {
        over |= term < signers[i].term;
        to_come &= term > signers[i].term;
    }
    if (to_come)
        return error_set(error, ERR_PARKED, what, "nobody who may sign it has term %llu yet",
                         (unsigned long long)term);
    if (over)
        return error_set(error, ERR_STALE, what, "the term of who signed it is over");
    return refuse_forged(error, "no admin of its seat or of a seat above signed it");
}

enum error_code offer_order(struct tree *tree, struct span envelope,
                            const struct document_envelope *opened, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    const struct seat *seat = tree_seat(tree, span_of_text(header->seat));
    if (tree->root == NULL || seat == NULL)
        return error_set(error, ERR_PARKED, what, "no document here lists its seat %s",
                         header->seat);
    struct holding *held = order_find(tree, span_of_text(header->seat));
    struct hash hash = document_hash(opened->header);
    if (held != NULL && held->attached && hash_equal(&hash, &held->held.hash))
        return error_set(error, ERR_STALE, what, "it is held already");
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = tree_order_signers(tree, seat, signers);
    uint8_t signer = signer_of(tree, signers, count, opened);
    if (signer == count)
        return refuse_signer(signers, count, header->term, error);
    if (!order_overrules(header, &hash, signer, held))
        return error_set(error, ERR_STALE, what, "order %llu to %s is held already, or a newer one",
                         (unsigned long long)held->held.version, header->seat);
    if (held != NULL) {
        order_remove(tree, held);
        holding_free(held);
    }
    struct holding *holding = holding_new(envelope, opened);
    holding->signed_by = admin_keys_print(signers[signer].admins);
    holding->signer = signer;
    holding->attached = true;
    order_add(tree, holding);
    orders_list(tree);
    tree->change_count++;
    return ERR_OK;
}

size_t tree_orders_for(const struct tree *tree, const struct seat *seat,
                       const struct held_document *orders[static HOLDERS_MAX])
{
    const struct seat *path[HOLDERS_MAX];
    size_t above = tree->orders_in_force_count == 0 ? 0 : seat_path(seat, path), count = 0;
    while (above-- > 0) {
        const struct holding *order = order_find(tree, span_of_text(path[above]->row.seat));
        if (order != NULL && order->attached)
            orders[count++] = &order->held;
    }
    return count;
}

const struct held_document *tree_emergency(const struct tree *tree, const struct seat *seat)
{
    const struct held_document *orders[HOLDERS_MAX];
    size_t count = seat == NULL ? 0 : tree_orders_for(tree, seat, orders);
    for (size_t i = 0; i < count; i++) {
        if (orders[i]->header.order == ORDER_EMERGENCY || PLANTED(PEACE_UNHEARD))
            return orders[i];
    }
    return NULL;
}
