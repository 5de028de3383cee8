/* Who must sign, and who has. */
#include "topology/gather.h"

#include <assert.h>
#include <string.h>

#include "base/msgpack.h"

static const char what[] = "the signatures can't be counted";

static bool signature_holds(const struct tree *tree, const struct document_envelope *opened,
                            const struct hash *hash, unsigned index, const uint8_t *key)
{
    return key_id_equal(opened->signers[index], key_id_of(key)) &&
           verifier_holds(tree_verifier(tree), hash, opened->signatures[index], key);
}

static void set_add(const struct tree *tree, const struct document_envelope *opened,
                    const struct admin_keys *admins, struct gathered *gathered, uint32_t *used)
{
    struct gather_set *set = &gathered->sets[gathered->set_count++];
    struct hash hash = document_hash(opened->header);
    *set = (struct gather_set){.admins = *admins};
    for (unsigned i = 0; i < admins->count; i++) {
        for (unsigned j = 0; j < opened->signature_count; j++) {
            if (!signature_holds(tree, opened, &hash, j, admin_key(admins, i)))
                continue;
            set->signed_bits = (uint16_t)(set->signed_bits | 1u << i);
            set->signed_count++;
            *used |= 1u << j;
        }
    }
}

static enum error_code look_root(const struct tree *tree, const struct document_envelope *opened,
                                 struct gathered *gathered, uint32_t *used, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    if (!header->first && !header->by_hand) {
        const struct held_document *held = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
        if (held == NULL)
            return error_set(error, ERR_PARKED, what, "the root document before it isn't here");
        if (held->version + 1 == header->version) {
            set_add(tree, opened, &held->header.admins, gathered, used);
        } else if (held->version >= header->version && header->version >= 2 &&
                   header->version - 2 < tree_former_root_count(tree)) {
            struct document_envelope former;
            struct span bytes = tree_former_root(tree, (size_t)(header->version - 2));
            if (document_open(bytes, &former, NULL) == ERR_OK)
                set_add(tree, opened, &former.decoded.admins, gathered, used);
        } else {
            return error_set(error, ERR_PARKED, what, "root version %llu is held here",
                             (unsigned long long)held->version);
        }
    }
    set_add(tree, opened, &header->admins, gathered, used);
    return ERR_OK;
}

static enum error_code look_branch(const struct tree *tree, const struct document_envelope *opened,
                                   struct gathered *gathered, uint32_t *used, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    const struct seat *seat = tree_seat(tree, span_of_text(header->seat));
    if (seat == NULL)
        return error_set(error, ERR_NOT_FOUND, what, "no document here lists seat %s",
                         header->seat);
    if (seat->row.term != header->term) {
        error_set(error, ERR_PARKED, what,
                  "it is of term %llu, and the seat above gives seat %s term %llu",
                  (unsigned long long)header->term, header->seat,
                  (unsigned long long)seat->row.term);
        error_next(error, "Publish the document of the seat above first, if it is newer.");
        return ERR_PARKED;
    }
    set_add(tree, opened, &seat->row.admins, gathered, used);
    return ERR_OK;
}

/* Of those who may give the order, whoever has begun to sign; else the head of the subtree. */
static enum error_code look_order(const struct tree *tree, const struct document_envelope *opened,
                                  struct gathered *gathered, uint32_t *used, struct error *error)
{
    const struct seat *seat = tree_seat(tree, span_of_text(opened->decoded.seat));
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = seat == NULL ? 0 : tree_order_signers(tree, seat, signers);
    if (count == 0)
        return error_set(error, ERR_NOT_FOUND, what, "no document here lists seat %s",
                         opened->decoded.seat);
    for (size_t i = 0; i < count; i++) {
        if (signers[i].term != opened->decoded.term && i + 1 < count)
            continue;
        gathered->set_count = 0;
        *used = 0;
        set_add(tree, opened, signers[i].admins, gathered, used);
        if (gathered->sets[0].signed_count > 0)
            break;
    }
    return ERR_OK;
}

static uint8_t missing_of(const struct gathered *gathered)
{
    uint8_t most = 0;
    for (unsigned i = 0; i < gathered->set_count; i++) {
        const struct gather_set *set = &gathered->sets[i];
        uint8_t missing = set->signed_count >= set->admins.threshold
                              ? 0
                              : (uint8_t)(set->admins.threshold - set->signed_count);
        if (missing > most)
            most = missing;
    }
    return most;
}

enum error_code gather_look(const struct tree *tree, const struct document_envelope *opened,
                            struct gathered *gathered, struct error *error)
{
    enum error_code code = ERR_OK;
    uint32_t used = 0;
    *gathered = (struct gathered){0};
    switch (opened->decoded.kind) {
    case DOCUMENT_ROOT: code = look_root(tree, opened, gathered, &used, error); break;
    case DOCUMENT_BRANCH: code = look_branch(tree, opened, gathered, &used, error); break;
    case DOCUMENT_ORDER: code = look_order(tree, opened, gathered, &used, error); break;
    case DOCUMENT_TYPES:
    case DOCUMENT_DICTIONARY: {
        const struct held_document *root = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
        if (root == NULL)
            return error_set(error, ERR_PARKED, what, "the root document isn't here");
        set_add(tree, opened, &root->header.admins, gathered, &used);
        break;
    }
    }
    gathered->missing = missing_of(gathered);
    for (unsigned j = 0; j < opened->signature_count; j++)
        gathered->foreign = (uint8_t)(gathered->foreign + ((used >> j & 1u) == 0 ? 1 : 0));
    return code;
}

enum error_code gather_sign(struct span envelope, const uint8_t secret[static SECRET_BYTES],
                            struct buffer *out, struct error *error)
{
    struct document_envelope opened;
    enum error_code code = document_open(envelope, &opened, error);
    if (code != ERR_OK)
        return code;
    struct key_id id = key_id_of(secret + SECRET_BYTES - KEY_BYTES);
    struct hash hash = document_hash(opened.header);
    unsigned at = 0;
    while (at < opened.signature_count && key_id_compare(opened.signers[at], id) < 0)
        at++;
    if (at < opened.signature_count && key_id_equal(opened.signers[at], id))
        return error_set(error, ERR_STALE, "signing", "this key has signed it already");
    if (opened.signature_count == DOCUMENT_SIGNATURES_MAX)
        return error_set(error, ERR_OVERSIZE, "signing", "it has %d signatures already",
                         DOCUMENT_SIGNATURES_MAX);
    uint8_t signature[SIGNATURE_BYTES];
    sign_hash(&hash, secret, signature);
    mp_write_array(out, 2);
    mp_write_bin(out, opened.header);
    mp_write_array(out, opened.signature_count + 1u);
    for (unsigned i = 0; i <= opened.signature_count; i++) {
        unsigned from = i > at ? i - 1 : i;
        mp_write_array(out, 2);
        mp_write_bin(out,
                     i == at ? SPAN_OF_ARRAY(id.bytes) : SPAN_OF_ARRAY(opened.signers[from].bytes));
        mp_write_bin(out, i == at ? SPAN_OF_ARRAY(signature)
                                  : SPAN(opened.signatures[from], SIGNATURE_BYTES));
    }
    return ERR_OK;
}
