/* Twins: two documents signed for one (term, version) (rules.md B27).
 *
 *     (1,5)a ──> (1,6) ──> (1,7)        a < b: a counts, (1,6) and (1,7) don't,
 *     (1,5)b                            until the parent raises the term
 *
 * What counts is a function of the documents known: the lowest version that has twins, and of those
 * the two lowest hashes. Both envelopes are kept as proof, and travel before the document. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

static const char what[] = "two documents of one version were refused";

void twins_free(struct twins *twins)
{
    if (twins == NULL)
        return;
    buffer_free(&twins->envelopes[0]);
    buffer_free(&twins->envelopes[1]);
    free(twins);
}

void twins_show(struct holding *holding)
{
    struct held_document *held = &holding->held;
    const struct twins *twins = holding->twins;
    held->frozen = twins != NULL && hash_equal(&twins->hashes[0], &held->hash);
    for (size_t i = 0; i < 2; i++)
        held->twins[i] = held->frozen ? span_of_buffer(&twins->envelopes[i]) : SPAN_EMPTY;
}

bool twins_bar(const struct holding *holding, uint64_t term, uint64_t version)
{
    if (PLANTED(TWINS_THAWED))
        return false;
    return holding != NULL && holding->twins != NULL && holding->twins->term == term &&
           version > holding->twins->version;
}

static bool is_twin(const struct holding *holding, const struct document_header *header,
                    const struct hash *hash)
{
    return holding != NULL && holding->held.term == header->term &&
           holding->held.version == header->version && !hash_equal(&holding->held.hash, hash);
}

const struct holding *twins_find(const struct holding *holding,
                                 const struct document_envelope *opened)
{
    struct hash hash = document_hash(opened->header);
    if (holding == NULL)
        return NULL;
    if (is_twin(holding->newer, &opened->decoded, &hash))
        return holding->newer;
    return is_twin(holding, &opened->decoded, &hash) ? holding : NULL;
}

/* Keep the two lowest; true: it is one of them, and wasn't. */
static bool insert(struct twins *twins, const struct hash *hash, struct span envelope)
{
    for (size_t i = 0; i < 2; i++) {
        if (twins->envelopes[i].size > 0 && hash_equal(&twins->hashes[i], hash))
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (twins->envelopes[i].size > 0 && hash_compare(hash, &twins->hashes[i]) > 0)
            continue;
        if (i == 0) {
            buffer_free(&twins->envelopes[1]);
            twins->envelopes[1] = twins->envelopes[0];
            twins->hashes[1] = twins->hashes[0];
            twins->envelopes[0] = (struct buffer){0};
        }
        buffer_clear(&twins->envelopes[i]);
        buffer_append_span(&twins->envelopes[i], envelope);
        twins->hashes[i] = *hash;
        return true;
    }
    return false;
}

/* What waits for rows and isn't the lower one waits in vain. */
static void lower_one_counts(struct tree *tree, struct holding *holding)
{
    const struct twins *twins = holding->twins;
    struct document_envelope opened;
    if (hash_equal(&holding->held.hash, &twins->hashes[0])) {
        holding_free(holding->newer);
        holding->newer = NULL;
        return;
    }
    if (holding->newer != NULL && hash_equal(&holding->newer->held.hash, &twins->hashes[0]))
        return;
    struct buffer copy = {0}; /* what is in force may go, and the proof with it */
    buffer_append_span(&copy, span_of_buffer(&twins->envelopes[0]));
    struct hash print = holding->signed_by;
    if (document_open(span_of_buffer(&copy), &opened, NULL) == ERR_OK) {
        if (opened.decoded.kind == DOCUMENT_ROOT)
            print = admin_keys_print(&opened.decoded.admins);
        document_install(tree, span_of_buffer(&copy), &opened, &print);
    }
    buffer_free(&copy);
}

bool twins_take(struct tree *tree, struct holding *holding, struct span first, struct span second)
{
    struct document_envelope opened[2];
    struct span envelopes[2] = {first, second};
    if (document_open(first, &opened[0], NULL) != ERR_OK ||
        document_open(second, &opened[1], NULL) != ERR_OK)
        return false;
    const struct document_header *header = &opened[0].decoded;
    if (holding->twins != NULL && holding->twins->term == header->term &&
        header->version > holding->twins->version)
        return false;
    if (holding->twins != NULL &&
        (holding->twins->term != header->term || header->version < holding->twins->version)) {
        twins_free(holding->twins);
        holding->twins = NULL;
    }
    if (holding->twins == NULL) {
        holding->twins = mem_alloc(sizeof *holding->twins);
        holding->twins->term = header->term;
        holding->twins->version = header->version;
    }
    bool news = false;
    for (size_t i = 0; i < 2; i++) {
        struct hash hash = document_hash(opened[i].header);
        news = insert(holding->twins, &hash, envelopes[i]) || news;
    }
    if (!news)
        return false;
    raise_offer_alarm(tree, &holding->twins->hashes[1]);
    tree->change_count++;
    twins_show(holding);
    lower_one_counts(tree, holding);
    return true;
}

/* Both in the form of twins, and of this tree. */
static enum error_code open_twins(const struct tree *tree, const struct span envelopes[static 2],
                                  struct document_envelope opened[static 2], struct error *error)
{
    for (size_t i = 0; i < 2; i++) {
        if (envelopes[i].size > ENVELOPE_BYTES_MAX)
            return error_set(error, ERR_OVERSIZE, what, "one has %zu bytes", envelopes[i].size);
        enum error_code code = document_open(envelopes[i], &opened[i], error);
        if (code != ERR_OK)
            return code;
        if (opened[i].decoded.first || !hash_equal(&opened[i].decoded.tree_id, &tree->id))
            return error_set(error, ERR_NOT_ALLOWED, what, "they belong to another tree");
    }
    const struct document_header *a = &opened[0].decoded, *b = &opened[1].decoded;
    if (a->kind != b->kind || (a->kind != DOCUMENT_ROOT && a->kind != DOCUMENT_BRANCH) ||
        strcmp(a->seat, b->seat) != 0 || a->term != b->term || a->version != b->version ||
        span_equal(opened[0].header, opened[1].header))
        return error_set(error, ERR_MALFORMED, what, "they are no two of one version");
    return ERR_OK;
}

enum error_code tree_offer_twins(struct tree *tree, struct span first, struct span second,
                                 struct error *error)
{
    struct span envelopes[2] = {first, second};
    struct document_envelope opened[2];
    enum error_code code = open_twins(tree, envelopes, opened, error);
    if (code != ERR_OK)
        return code;
    const struct document_header *header = &opened[0].decoded;
    struct holding *held = holding_find(tree, header->kind, span_of_text(header->seat));
    if (header->kind == DOCUMENT_ROOT || held == NULL) {
        enum error_code codes[2] = {tree_offer_document(tree, first, error),
                                    tree_offer_document(tree, second, error)};
        return codes[0] == ERR_OK || codes[1] == ERR_OK ? ERR_OK : codes[0];
    }
    const struct seat_node *node = seat_node_find(tree, span_of_text(header->seat));
    if (node == NULL || node->seat.row.term < header->term)
        return error_set(error, ERR_PARKED, what, "no document here gives seat %s term %llu",
                         header->seat, (unsigned long long)header->term);
    if (node->seat.row.term > header->term)
        return error_set(error, ERR_STALE, what, "seat %s is in a later term", header->seat);
    for (size_t i = 0; i < 2; i++) {
        if (!document_signed_by(&opened[i], &node->seat.row.admins, tree->verifier))
            return refuse_forged(error, "too few of the admin keys that its parent names signed");
    }
    struct hash print = admin_keys_print(&node->seat.row.admins);
    if (held->held.term != header->term) { /* of a former term: the lower one begins this one */
        document_install(tree, first, &opened[0], &print);
        return tree_offer_document(tree, second, error);
    }
    return twins_take(tree, held, first, second)
               ? ERR_OK
               : error_set(error, ERR_STALE, what, "that is known already");
}
