/* A forked stream on the wire: offering the peer our branches from where its own leaves them, and
 * asking for a branch that isn't here.
 *
 * Branches have no names of their own: one is named by a place and the hash of the block that ends
 * there. Who asks lists places of its own branches, ever farther back; the other side sends from
 * the greatest of them that lies on the branch. */
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

/* ---- telling the other side ---- */

/* How far the peer's path, which is that of `beside` up to `seq`, runs under this branch. */
static uint32_t peer_holds(const struct branches *branches, uint8_t beside, uint32_t seq,
                           uint8_t branch)
{
    uint32_t limit = seq;
    uint8_t at = beside;
    for (unsigned step = 0; step < BRANCHES_MAX && at != branch && at > 0; step++) {
        limit = limit < branches->rows[at].from ? limit : branches->rows[at].from;
        at = branches->rows[at].parent;
    }
    return at == branch ? limit : branches->rows[branch].from;
}

void fork_offer(struct step *step, struct session *session, const struct stream_id *stream,
                uint8_t beside, uint32_t seq, uint8_t taken)
{
    struct branches *branches = branches_read(step->view, stream);
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        struct stream_id id = branch_of(stream, i);
        if (!branches->present[i] || i == taken || branch_end(row) <= row->from ||
            !stream_is_for(step, session, &id, row))
            continue;
        uint32_t start = peer_holds(branches, beside, seq, i);
        struct cursor *cursor = cursor_get(session, &id, row->open.class);
        if (cursor->listed_seq > row->head.seq) /* it was another branch that it listed */
            cursor->listed_seq = row->head.seq;
        if (cursor->shared || (i != beside && cursor->held_seq > start))
            continue; /* it has shown that it holds more */
        cursor->sent_seq = cursor->held_seq = start;
        cursor->place_needed = cursor->placed = true;
        if (branch_end(row) > start)
            cursor_queue(session, cursor);
    }
    free(branches);
}

void fork_queue_from(struct step *step, struct session *session, const struct stream_id *stream,
                     uint32_t seq)
{
    struct branches *branches = branches_read(step->view, stream);
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        struct stream_id id = branch_of(stream, i);
        if (branches->present[i] && row->parent == stream->branch && row->from == seq) {
            struct cursor *cursor = cursor_get(session, &id, row->open.class);
            if (cursor->sent_seq < branch_end(row))
                cursor_queue(session, cursor);
        }
    }
    free(branches);
}

/* ---- asking for a branch: the places that we have in common may lie far back ---- */

enum { LADDER_STEPS_MAX = 24 };

static void write_step(struct buffer *out, uint32_t seq, const struct hash *hash, uint32_t *count)
{
    mp_write_uint(out, seq);
    mp_write_bin(out, SPAN(hash->bytes, HEAD_HASH_BYTES));
    (*count)++;
}

/* Ends of blocks on a branch's path: its head, then ever farther back. */
static void write_ladder(const struct view *view, const struct branches *branches, uint8_t branch,
                         struct buffer *out, uint32_t *count)
{
    uint32_t end = branch_end(&branches->rows[branch]), at = end, back = 1;
    struct hash hash;
    for (unsigned i = 0; i < LADDER_STEPS_MAX && at > 0; i++) {
        if (branch_hash_at(view, branches, branch, at, &hash))
            write_step(out, at, &hash, count);
        if (end <= back)
            return;
        struct stream_id id =
            branch_of(&branches->stream, branch_where(branches, branch, end - back));
        struct buffer stored = {0};
        bool found = block_row_get(view, &id, end - back, &at, &stored) == READ_FOUND;
        buffer_free(&stored);
        if (!found)
            return;
        back = end - at > back ? (end - at) * 2 : back * 2;
    }
}

void fork_want(struct step *step, const struct session *session, const struct stream_id *stream,
               uint32_t seq, struct span hash_start, bool opaque)
{
    struct branches *branches = branches_read(step->view, stream);
    struct buffer body = {0}, ladder = {0};
    uint32_t count = 0;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        if (branch_is_leaf(branches, i))
            write_ladder(step->view, branches, i, &ladder, &count);
    }
    mp_write_array(&body, 7);
    mp_write_bin(&body, SPAN_OF_ARRAY(stream->author.bytes));
    mp_write_uint(&body, stream->epoch);
    mp_write_uint(&body, stream->number);
    mp_write_uint(&body, seq);
    mp_write_bin(&body, SPAN(hash_start.data, HEAD_HASH_BYTES));
    mp_write_uint(&body, opaque ? 1 : 0);
    mp_write_array(&body, 2 * count);
    buffer_append_span(&body, span_of_buffer(&ladder));
    send_control(step, session, MESSAGE_WANT_BRANCH, span_of_buffer(&body));
    buffer_free(&ladder);
    buffer_free(&body);
    free(branches);
}

/* The greatest of the peer's places that lies on the branch. */
static uint32_t common_place(const struct view *view, const struct branches *branches,
                             uint8_t branch, struct mp_reader ladder)
{
    uint32_t common = 0, numbers = mp_read_array(&ladder);
    for (uint32_t i = 0; i < numbers / 2 && !ladder.failed; i++) {
        uint32_t seq = (uint32_t)mp_read_uint_max(&ladder, STREAM_ENTRIES_MAX);
        const uint8_t *start = mp_read_bin_of(&ladder, HEAD_HASH_BYTES);
        if (!ladder.failed && seq > common &&
            branch_has(view, branches, branch, seq, SPAN(start, HEAD_HASH_BYTES)))
            common = seq;
    }
    return common;
}

struct wanted_branch {
    struct stream_id stream;
    uint32_t seq;
    const uint8_t *start;
    bool opaque;
    struct mp_reader ladder;
};

static bool read_wanted(struct span body, struct wanted_branch *wanted)
{
    struct mp_reader reader = mp_reader(body);
    bool formed = mp_read_array(&reader) == 7;
    const uint8_t *key = mp_read_bin_of(&reader, KEY_ID_BYTES);
    memset(wanted, 0, sizeof *wanted);
    wanted->stream.epoch = (uint32_t)mp_read_uint_max(&reader, UINT32_MAX);
    wanted->stream.number = (uint16_t)mp_read_uint_max(&reader, STREAM_NUMBER_MAX);
    wanted->seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
    wanted->start = mp_read_bin_of(&reader, HEAD_HASH_BYTES);
    wanted->opaque = mp_read_uint_max(&reader, 1) == 1;
    wanted->ladder = reader;
    uint32_t numbers = mp_read_array(&reader);
    if (numbers % 2 != 0 || numbers > 2 * LADDER_STEPS_MAX * BRANCHES_MAX)
        mp_fail(&reader);
    for (uint32_t i = 0; i < numbers / 2 && !reader.failed; i++) {
        mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        mp_read_bin_of(&reader, HEAD_HASH_BYTES);
    }
    mp_read_end(&reader);
    if (!formed || reader.failed)
        return false;
    memcpy(wanted->stream.author.bytes, key, KEY_ID_BYTES);
    return true;
}

/* Every branch that has the place it names, each from where the two sides part. */
static void send_wanted(struct step *step, struct session *session,
                        const struct wanted_branch *wanted)
{
    struct branches *branches = branches_read(step->view, &wanted->stream);
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        struct stream_id id = branch_of(&wanted->stream, i);
        if (!branch_is_leaf(branches, i) || !stream_is_for(step, session, &id, row) ||
            !branch_has(step->view, branches, i, wanted->seq, SPAN(wanted->start, HEAD_HASH_BYTES)))
            continue;
        struct cursor *cursor = cursor_get(session, &id, row->open.class);
        cursor->sent_seq = common_place(step->view, branches, i, wanted->ladder);
        cursor->held_seq = cursor->sent_seq;
        cursor->place_needed = cursor->placed = cursor->shared = true;
        cursor->opaque_wanted = wanted->opaque;
        cursor_queue(session, cursor);
    }
    free(branches);
}

bool fork_send_from(struct step *step, struct session *session, const struct stream_id *stream,
                    uint32_t seq, bool opaque)
{
    struct branches *branches = branches_read(step->view, stream);
    bool any = false;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        struct stream_id id = branch_of(stream, i);
        struct hash hash;
        if (!branch_is_leaf(branches, i) || !stream_is_for(step, session, &id, &branches->rows[i]))
            continue;
        struct cursor *cursor = cursor_get(session, &id, branches->rows[i].open.class);
        cursor->sent_seq =
            branch_hash_at(step->view, branches, i, seq, &hash) ? seq : branches->rows[i].from;
        cursor->held_seq = cursor->sent_seq;
        cursor->place_needed = cursor->placed = true;
        cursor->opaque_wanted = opaque;
        cursor_queue(session, cursor);
        any = true;
    }
    free(branches);
    return any;
}

void fork_on_want(struct step *step, struct session *session, struct span body)
{
    struct wanted_branch wanted;
    if (!read_wanted(body, &wanted)) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (tree_author(step->replica->tree, wanted.stream.author) == NULL)
        step->replica->refusals.not_allowed++;
    else
        send_wanted(step, session, &wanted);
}

static void ask_named(struct step *step, const struct stream_id *stream,
                      const struct cut_off *place)
{
    struct branches *branches = branches_read(step->view, stream);
    struct span hash = SPAN(place->hash, HASH_BYTES);
    bool passed = false, here = false; /* what hasn't come so far may still be it */
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        passed |= branches->present[i] && branch_end(&branches->rows[i]) >= place->seq;
        here |= branch_has(step->view, branches, i, place->seq, hash);
    }
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (passed && !here && session->state == SESSION_LIVE &&
            stream_is_for(step, session, stream, &branches->rows[0]))
            fork_want(step, session, stream, place->seq, hash, false);
    }
    free(branches);
}

void fork_ask_named(struct step *step, const struct author *author)
{
    struct cut_off place;
    for (unsigned i = 0; cut_off_at(author->cut_off, i, &place); i++) {
        struct stream_id stream = {author->id, place.epoch, place.stream, 0};
        if (place.seq > 0)
            ask_named(step, &stream, &place);
    }
}
