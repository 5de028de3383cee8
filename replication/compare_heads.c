/* One head of the peer's beside ours. A stream that never forked has one here and one there; of a
 * forked one each side lists its branches, and what one has and the other hasn't goes over. */
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

static void settle_cursor(struct session *session, const struct stream_id *id, uint8_t class,
                          uint32_t known, uint32_t peer_seq)
{
    struct cursor *cursor = cursor_get(session, id, class);
    if (known > cursor->held_seq)
        cursor->held_seq = known;
    if (known > cursor->known_seq)
        cursor->known_seq = known;
    if (known > cursor->sent_seq) {
        cursor->sent_seq = known;
        cursor->place_needed = true;
    }
    if (peer_seq > cursor->listed_seq)
        cursor->listed_seq = peer_seq;
}

/* The two sides stand at one point for these streams: what is newer here goes out. */
void compare_settle(struct step *step, struct session *session, struct stream_entry *entry,
                    uint32_t peer_seq)
{
    uint32_t known = peer_seq < entry->head.seq ? peer_seq : entry->head.seq;
    if (PLANTED(HEADS_BELIEVED_LEVEL))
        known = entry->head.seq;
    entry->settled = true;
    settle_cursor(session, &entry->id, entry->class, known, peer_seq);
    if (entry->id.branch == 0)
        return;
    /* so do those that it leaves, as far as its path runs along them */
    struct branches *branches = branches_read(step->view, &entry->id);
    for (uint8_t at = entry->id.branch, i = 0; at > 0 && i < BRANCHES_MAX; i++) {
        uint32_t from = branches->rows[at].from;
        at = branches->rows[at].parent;
        struct stream_id id = branch_of(&entry->id, at);
        uint32_t held = known < from ? known : from;
        settle_cursor(session, &id, branches->rows[at].open.class, held, held);
    }
    free(branches);
}

/* The first branch of the stream that is compared; its others stand behind it. */
static size_t find_compared(const struct session *session, const struct stream_id *id)
{
    size_t low = 0, high = session->compared_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stream_id_compare(&session->compared[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_compared(const struct session *session, size_t place, const struct stream_id *id)
{
    return place < session->compared_count && stream_id_same(&session->compared[place].id, id);
}

/* Against all our branches of the stream: which of them are the peer's, too. */
static bool match_branches(struct step *step, struct session *session, const struct stream_id *id,
                           uint32_t seq, struct span hash_start)
{
    struct branches *branches = NULL;
    bool matched = false;
    for (size_t i = find_compared(session, id); is_compared(session, i, id); i++) {
        struct stream_entry *entry = &session->compared[i];
        bool equal = seq == entry->head.seq &&
                     memcmp(entry->head.hash.bytes, hash_start.data, hash_start.size) == 0;
        if (!equal && seq < entry->head.seq) {
            branches = branches == NULL ? branches_read(step->view, id) : branches;
            equal = branch_has(step->view, branches, entry->id.branch, seq, hash_start);
        }
        if (!equal)
            continue;
        matched = entry->matched = true;
        entry->peer_seq = seq > entry->peer_seq ? seq : entry->peer_seq;
        compare_settle(step, session, entry, seq);
        cursor_get(session, &entry->id, entry->class)->shared = true;
    }
    free(branches);
    return matched;
}

/* It may be ahead of what we hold, or on another branch: its blocks will tell. */
static void want_ahead(struct step *step, struct session *session, struct stream_entry *ours,
                       const struct stream_id *id, uint32_t seq)
{
    uint32_t held = ours == NULL ? 0 : ours->head.seq;
    /* its class comes with it */
    struct cursor *cursor = ours == NULL ? cursor_strange(session, id, CLASS_NORMAL)
                                         : cursor_get(session, id, ours->class);
    if (ours != NULL)
        compare_settle(step, session, ours, seq);
    if (cursor == NULL || !cursor->wanted) { /* by a block that came before the heads */
        compare_want(step, session, id, held, false);
    }
    if (cursor != NULL) {
        cursor->listed_seq = seq;
        cursor->wanted = true;
    }
}

/* One head of the child's beside ours. */
void compare_take_head(struct step *step, struct session *session, const struct stream_id *id,
                       uint32_t seq, const uint8_t *hash)
{
    size_t first = find_compared(session, id);
    bool here = is_compared(session, first, id), several = is_compared(session, first + 1, id);
    struct stream_entry *ours = here ? &session->compared[first] : NULL;
    if (seq == 0 || match_branches(step, session, id, seq, SPAN(hash, HEAD_HASH_BYTES)))
        return;
    if (tree_author(step->replica->tree, id->author) == NULL) {
        /* of a seat that this store has lost: wanted once its row is here again */
        struct cursor *cursor = cursor_strange(session, id, CLASS_NORMAL);
        contacts_seek_key(step, id->author);
        if (cursor != NULL)
            cursor->refused = session->refused_any = true;
        return;
    }
    if (!here || (!several && ours->id.branch == 0 && seq > ours->head.seq)) {
        want_ahead(step, session, ours, id, seq);
        return;
    }
    updates_trace(step->updates, "fork of %s up to %u: %s holds another",
                  label_stream(step->replica->tree, id).text, seq, session->seat);
    for (size_t i = first; is_compared(session, i, id); i++)
        session->compared[i].asked = true;
    fork_want(step, session, id, seq, SPAN(hash, HEAD_HASH_BYTES), false);
}

/* Nothing of it goes out before the peer's branch has shown where the two part. */
static void settle_as_level(struct step *step, struct session *session, struct stream_entry *entry)
{
    struct branches *branches = branches_read(step->view, &entry->id);
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        struct stream_id id = branch_of(&entry->id, i);
        if (branches->present[i])
            cursor_get(session, &id, branches->rows[i].open.class)->sent_seq =
                branches->rows[i].head.seq;
    }
    entry->settled = true;
    free(branches);
}

/* What the child hasn't named. A branch beside one that it has begins where the two part; one that
 * stands against a branch we have asked for waits until that shows where. */
void compare_settle_unnamed(struct step *step, struct session *session, struct stream_entry *entry)
{
    uint32_t common = 0;
    struct branches *branches = NULL;
    for (size_t i = find_compared(
             session, &(struct stream_id){entry->id.author, entry->id.epoch, entry->id.number, 0});
         is_compared(session, i, &entry->id); i++) {
        const struct stream_entry *other = &session->compared[i];
        if (!other->matched)
            continue;
        branches = branches == NULL ? branches_read(step->view, &entry->id) : branches;
        uint32_t parts = branch_common(branches, entry->id.branch, other->id.branch);
        common = parts < other->peer_seq ? parts : other->peer_seq;
        break;
    }
    if (branches == NULL && entry->asked)
        settle_as_level(step, session, entry);
    else
        compare_settle(step, session, entry, PLANTED(NEWCOMER_MISSED) ? entry->head.seq : common);
    free(branches);
}
