/* Orders to a subtree: emergency, peace, roll-call. One counts for each head of a subtree, the one
 * of the greatest serial number that somebody signed who may: the admins of the head, of a seat
 * above it, or of the tree, in the term that is theirs now. Of equal numbers the signer nearer the
 * root counts, then the lower hash. An order of a term that is over counts no longer, and bars
 * nothing: so who has lost a key to a thief raises the term, whatever number the thief has used.
 * Of each signer the greatest order is kept beside the one that counts, and counts when that one
 * does no longer: which one counts follows from what has been signed, not from who heard what. */
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

/* Of two orders to one seat, whether the first overrules the second. */
static bool order_overrules(const struct holding *order, const struct holding *held)
{
    if (order->attached != held->attached)
        return order->attached;
    if (PLANTED(ORDER_AS_IT_COMES))
        return true;
    if (order->held.version != held->held.version)
        return order->held.version > held->held.version;
    if (order->signer != held->signer)
        return order->signer < held->signer;
    return hash_compare(&order->held.hash, &held->held.hash) < 0;
}

static void order_insert(struct holding **orders, struct holding *order)
{
    while (*orders != NULL && !order_overrules(order, *orders))
        orders = &(*orders)->others;
    order->others = *orders;
    *orders = order;
}

/* What was placed has changed: which of them count, and which of these first. */
static struct holding *judge_orders(const struct tree *tree, struct holding *orders)
{
    struct holding *judged = NULL;
    while (orders != NULL) {
        struct holding *order = orders;
        orders = order->others;
        order->attached = order_counts(tree, order);
        order_insert(&judged, order);
    }
    return judged;
}

void orders_judge(struct tree *tree)
{
    if (tree->orders == NULL)
        return;
    orders_rearrange(tree, judge_orders);
    orders_list(tree);
}

static void order_forget(struct holding **link)
{
    struct holding *order = *link;
    *link = order->others;
    order->others = NULL;
    holding_free(order);
}

/* False: of this signer a greater one is kept. What it overrules of the same signer goes. */
static bool order_keep(struct holding **orders, struct holding *order)
{
    size_t count = 0;
    for (struct holding **link = orders; *link != NULL;) {
        struct holding *kept = *link;
        bool same = kept->attached && kept->signer == order->signer;
        if (same && !order_overrules(order, kept))
            return false;
        if (same || hash_equal(&kept->held.hash, &order->held.hash)) {
            order_forget(link);
            continue;
        }
        if (++count >= TREE_ORDERS_MAX) { /* the last ones don't count */
            order_forget(link);
            continue;
        }
        link = &kept->others;
    }
    order_insert(orders, order);
    return true;
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
    for (const struct holding *kept = held; kept != NULL; kept = kept->others) {
        if (kept->attached && hash_equal(&hash, &kept->held.hash))
            return error_set(error, ERR_STALE, what, "it is held already");
    }
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = tree_order_signers(tree, seat, signers);
    uint8_t signer = signer_of(tree, signers, count, opened);
    if (signer == count)
        return refuse_signer(signers, count, header->term, error);
    struct holding *holding = holding_new(envelope, opened);
    holding->signed_by = admin_keys_print(signers[signer].admins);
    holding->signer = signer;
    holding->attached = true;
    if (held != NULL)
        order_remove(tree, held);
    bool kept = order_keep(&held, holding);
    order_add(tree, held);
    orders_list(tree);
    tree->orders_kept += kept;
    if (held == holding) {
        tree->change_count++;
        return ERR_OK;
    }
    if (!kept)
        holding_free(holding);
    return error_set(error, ERR_STALE, what, "order %llu to %s is held already, or a newer one",
                     (unsigned long long)held->held.version, header->seat);
}

size_t tree_orders_kept(const struct tree *tree, struct span seat,
                        const struct held_document *orders[static TREE_ORDERS_MAX])
{
    const struct holding *first = order_find(tree, seat);
    size_t count = 0;
    for (const struct holding *order = first; order != NULL; order = order->others) {
        if (order != first || !order->attached)
            orders[count++] = &order->held;
    }
    return count;
}

uint64_t tree_orders_stamp(const struct tree *tree)
{
    return tree->orders_kept;
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
