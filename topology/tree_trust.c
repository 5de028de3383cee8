/* What the documents say of a place in a stream: does it count? A pure question of author rows;
 * replication/ applies the answers. */
#include <string.h>

#include "base/planted.h"
#include "topology/tree.h"

bool seat_status_is_in_force(enum seat_status status)
{
    return status == SEAT_ACTIVE || (status == SEAT_RELEASED && !PLANTED(RELEASED_IS_OUT));
}

static bool find_cut_off(const struct author *author, uint32_t epoch, uint16_t stream,
                         struct cut_off *place)
{
    for (unsigned i = 0; cut_off_at(author->cut_off, i, place); i++) {
        if (place->epoch == epoch && place->stream == stream)
            return true;
    }
    return false;
}

enum trust tree_trust(const struct tree *tree, struct key_id id, uint32_t epoch, uint16_t stream,
                      uint32_t seq)
{
    const struct author *author = tree_author(tree, id);
    struct cut_off place;
    if (author == NULL)
        return TRUST_PENDING;
    if (seat_status_is_in_force(author->status))
        return TRUST_COUNTS;
    return find_cut_off(author, epoch, stream, &place) && seq < place.seq ? TRUST_COUNTS
                                                                          : TRUST_CUT;
}

bool tree_cut_off_of(const struct tree *tree, struct key_id id, uint32_t epoch, uint16_t stream,
                     uint32_t *seq, struct hash *hash)
{
    const struct author *author = tree_author(tree, id);
    struct cut_off place;
    if (author == NULL || seat_status_is_in_force(author->status))
        return false;
    *seq = 0;
    *hash = hash_zero;
    if (find_cut_off(author, epoch, stream, &place)) {
        *seq = place.seq;
        memcpy(hash->bytes, place.hash, HASH_BYTES);
    }
    return true;
}

static enum trust trust_note(const struct tree *tree, struct key_id id, uint32_t epoch, uint64_t k,
                             bool report)
{
    const struct author *author = tree_author(tree, id);
    struct trusted_notes notes;
    if (author == NULL)
        return TRUST_PENDING;
    if (seat_status_is_in_force(author->status))
        return TRUST_COUNTS;
    for (unsigned i = 0; trusted_notes_at(author->notes, i, &notes); i++) {
        if (notes.epoch == epoch)
            return k <= (report ? notes.report : notes.statement) ? TRUST_COUNTS : TRUST_CUT;
    }
    return TRUST_CUT;
}

enum trust tree_trust_statement(const struct tree *tree, struct key_id id, uint32_t epoch,
                                uint64_t k)
{
    return trust_note(tree, id, epoch, k, false);
}

enum trust tree_trust_report(const struct tree *tree, struct key_id id, uint32_t epoch, uint64_t k)
{
    return trust_note(tree, id, epoch, k, true);
}
