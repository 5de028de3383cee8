/* A new root by hand: fewer root keys are left than must sign together (rules.md B55-B57).
 *
 *     root 4, term 1, keys a b c, two must sign          b and c are lost
 *     root 5, term 2, by hand, keys a d e                signed by a and d: pending everywhere
 *     each node's people compare its fingerprint         in force there
 *     root 6, term 2, keys a d f                         by the keys of 5, as ever
 *
 * The signatures on such a document prove nothing: anybody can sign with keys of his own. So it
 * changes who signs and nothing else, and what makes it count is people, node by node. */
#include "topology/tree_inner.h"

#include <assert.h>

static const char what[] = "the new root made by hand was refused";

static bool is_confirmed(const struct tree *tree, const struct hash *hash)
{
    for (size_t i = 0; i < tree->confirmed_count; i++) {
        if (hash_equal(&tree->confirmed[i], hash))
            return true;
    }
    return false;
}

void tree_note_confirmed(struct tree *tree, const struct hash *hash)
{
    if (is_confirmed(tree, hash) || tree->confirmed_count == CONFIRMED_ROOTS_MAX)
        return;
    tree->confirmed =
        mem_resize(tree->confirmed, (tree->confirmed_count + 1) * sizeof *tree->confirmed);
    tree->confirmed[tree->confirmed_count++] = *hash;
}

size_t tree_confirmed_count(const struct tree *tree)
{
    return tree->confirmed_count;
}

const struct hash *tree_confirmed(const struct tree *tree, size_t index)
{
    assert(index < tree->confirmed_count);
    return &tree->confirmed[index];
}

const struct held_document *tree_pending_root(const struct tree *tree)
{
    return tree->pending == NULL ? NULL : &tree->pending->held;
}

static void pending_drop(struct tree *tree)
{
    holding_free(tree->pending);
    tree->pending = NULL;
}

void pending_root_review(struct tree *tree)
{
    if (tree->pending != NULL &&
        !hash_equal(&tree->pending->held.header.predecessor, &tree->root->held.hash))
        pending_drop(tree);
}

/* Whether it follows right upon the newest root held. */
static enum error_code place_check(const struct document_header *header,
                                   const struct held_document *newest, struct error *error)
{

    if (header->version <= newest->version || header->term <= newest->term) {
        error_set(error, ERR_STALE, what,
                  "root version %llu, term %llu, is in force here already, or a newer one",
                  (unsigned long long)header->version, (unsigned long long)header->term);
        error_next(error, "Make it anew from the root document in force, if it is still needed.");
        return ERR_STALE;
    }
    if (header->version > newest->version + 1) {
        error_set(error, ERR_PARKED, what, "root version %llu is held here, and this one is %llu",
                  (unsigned long long)newest->version, (unsigned long long)header->version);
        error_next(error, "Bring the versions between first.");
        return ERR_PARKED;
    }
    if (hash_equal(&header->predecessor, &newest->hash))
        return ERR_OK;
    error_set(error, ERR_PARKED, what, "it follows another root document than the one held here");
    error_next(error, "Compare both with the people of the root.");
    return ERR_PARKED;
}

/* People confirm who signs from now on; so nothing else may come in with it. */
static enum error_code content_check(const struct document_header *header,
                                     const struct document_header *former, struct error *error)
{
    if (header->row_count == former->row_count && header->row_bytes == former->row_bytes &&
        hash_equal(&header->row_root, &former->row_root) &&
        span_equal(header->tiers.encoded, former->tiers.encoded) &&
        header->fold_tier == former->fold_tier && span_equal(header->decisions, former->decisions))
        return ERR_OK;
    return error_set(error, ERR_NOT_ALLOWED, what, "it changes more than who signs the root");
}

static unsigned vouched_by(const struct tree *tree, const struct document_envelope *opened,
                           const struct admin_keys *former)
{
    unsigned count = 0;
    struct hash hash = document_hash(opened->header);
    for (unsigned i = 0; i < former->count; i++) {
        bool signed_it = false;
        for (unsigned j = 0; j < opened->signature_count && !signed_it; j++)
            signed_it =
                key_id_equal(opened->signers[j], key_id_of(admin_key(former, i))) &&
                verifier_holds(tree->verifier, &hash, opened->signatures[j], admin_key(former, i));
        count += signed_it;
    }
    return count;
}

/* One waits, whoever came first: so all nodes that have seen the same show the same. */
static enum error_code pending_take(struct tree *tree, struct span envelope,
                                    const struct document_envelope *opened, struct error *error)
{
    struct hash hash = document_hash(opened->header);
    unsigned vouched = vouched_by(tree, opened, &newest_of(tree->root)->held.header.admins);
    if (tree->pending != NULL) {
        int order = hash_compare(&hash, &tree->pending->held.hash);
        if (vouched < tree->pending_vouched || (vouched == tree->pending_vouched && order >= 0)) {
            error_set(error, ERR_STALE, what, "%s",
                      order == 0 ? "it waits here already" : "another one waits here, before it");
            return ERR_STALE;
        }
    }
    pending_drop(tree);
    tree->pending = holding_new(envelope, opened);
    tree->pending_vouched = vouched;
    tree->change_count++;
    return ERR_OK;
}

enum error_code offer_root_by_hand(struct tree *tree, struct span envelope,
                                   const struct document_envelope *opened, bool confirmed,
                                   struct error *error)
{
    const struct document_header *header = &opened->decoded;
    if (tree->root == NULL)
        return error_set(error, ERR_PARKED, what, "the first root document isn't here yet");
    const struct held_document *newest = &newest_of(tree->root)->held;
    struct hash hash = document_hash(opened->header);
    enum error_code code = place_check(header, newest, error);
    if (code == ERR_OK)
        code = content_check(header, &newest->header, error);
    if (code != ERR_OK)
        return code;
    if (!document_signed_by(opened, &header->admins, tree->verifier))
        return refuse_forged(error, "too few of the keys that it names signed it");
    if (!admin_keys_acceptable(tree, &header->admins))
        return error_set(error, ERR_NOT_ALLOWED, what, "one of its admin keys is no proper key");
    if (tree->former_root_count >= ROOT_CHAIN_MAX)
        return error_set(error, ERR_OVERSIZE, what, "the chain of root documents is too long");
    if (confirmed && !is_confirmed(tree, &hash) && tree->confirmed_count == CONFIRMED_ROOTS_MAX)
        return error_set(error, ERR_OVERSIZE, what, "%d were confirmed here, that is the most",
                         CONFIRMED_ROOTS_MAX);
    if (!confirmed && !is_confirmed(tree, &hash))
        return pending_take(tree, envelope, opened, error);
    tree_note_confirmed(tree, &hash);
    former_root_append(tree, newest->envelope);
    struct hash print = admin_keys_print(&header->admins);
    document_install(tree, envelope, opened, &print);
    return ERR_OK;
}

enum error_code tree_offer_confirmed(struct tree *tree, struct span envelope, struct error *error)
{
    struct document_envelope opened;
    if (envelope.size > ENVELOPE_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, what, "header and signatures have %zu bytes",
                         envelope.size);
    enum error_code code = document_open(envelope, &opened, error);
    if (code != ERR_OK)
        return code;
    if (!opened.decoded.by_hand) {
        error_set(error, ERR_NOT_ALLOWED, what, "it is no such document");
        error_next(error, "Any other document counts by its signatures: terrace topology publish.");
        return ERR_NOT_ALLOWED;
    }
    if (!hash_equal(&opened.decoded.tree_id, &tree->id)) {
        error_set(error, ERR_NOT_ALLOWED, what, "it belongs to another tree");
        error_next(error, "Ask the people of the root for the one of this tree.");
        return ERR_NOT_ALLOWED;
    }
    struct buffer copy = {0}; /* the pending one goes while it is taken */
    buffer_append_span(&copy, envelope);
    code = document_open(span_of_buffer(&copy), &opened, error);
    if (code == ERR_OK)
        code = offer_root_by_hand(tree, span_of_buffer(&copy), &opened, true, error);
    buffer_free(&copy);
    return code;
}
