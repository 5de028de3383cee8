/* Blocks going out: for each live session, class by class, one block of each waiting stream in
 * turn, as far as the peer's credit reaches. The log is the queue: a slow peer costs cursors. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"
#include "replication/format/block_parts.h"
#include "replication/notes.h"

enum {
    SHARED_HANDLE = HANDLES_MAX - 1,
    BATCH_BYTES_MAX = 4 << 20,
    SESSION_BYTES_MAX = 512 << 10, /* of a batch: whatever credit a peer gives, others get theirs */
};
_Static_assert((int)SESSION_BYTES_MAX >= 2 * (int)CREDIT_BYTES, "one peer's windows");

enum sent { SENT, SENT_NO_CREDIT, SENT_NOTHING_LEFT };

static void give_handle(struct session *session, struct cursor *cursor)
{
    if (session->out_handle_count <= SHARED_HANDLE) {
        cursor->out_handle = session->out_handle_count++;
        session->out_handles = mem_resize(session->out_handles,
                                          session->out_handle_count * sizeof *session->out_handles);
    } else {
        cursor->out_handle = SHARED_HANDLE;
    }
    session->out_handles[cursor->out_handle] = cursor;
    cursor->has_out_handle = cursor->out_handle != SHARED_HANDLE;
}

/* The form in which the block goes: as little as the peer can work out from what it has. */
static unsigned sent_flags(const struct cursor *cursor)
{
    unsigned flags = 0;
    if (!cursor->has_out_handle)
        flags |= BLOCK_HAS_STREAM | BLOCK_HAS_CLOCK;
    if (cursor->place_needed || cursor->placed)
        flags |= BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK;
    return flags;
}

static bool write_block(struct step *step, const struct cursor *cursor, struct span stored,
                        unsigned flags, struct buffer *body)
{
    struct stream_head previous = {.clock = cursor->sent_clock};
    if (!cursor->opaque_wanted)
        return block_reform(stored, flags, &cursor->stream, &previous, body);
    struct prepared_block block;
    if (block_row_open(step->view, step->replica->tree, &cursor->stream, cursor->sent_seq,
                       &block) != ERR_OK)
        return false;
    block_write(&block, flags | BLOCK_HAS_ROOT, &previous, body);
    prepared_block_free(&block);
    return true;
}

/* A branch goes behind what it leaves: when the peer has that. `lies`: under which number its block
 * is stored, `head`: where that ends. */
static bool may_send(struct step *step, const struct session *session, struct cursor *cursor,
                     const struct stream_row *row, struct stream_id *lies, uint32_t *head)
{
    *head = row->head.seq;
    if (cursor->stream.branch == 0)
        return true;
    if (!cursor->placed && cursor->sent_seq <= row->from) {
        struct stream_id parent = branch_of(&cursor->stream, row->parent);
        const struct cursor *before = cursor_find(session, &parent);
        if (row->from > 0 && (before == NULL || before->sent_seq < row->from))
            return false;
        cursor->sent_seq = row->from;
        cursor->place_needed = true;
    }
    if (cursor->sent_seq < row->from) {
        struct branches *branches = branches_read(step->view, &cursor->stream);
        lies->branch = branch_where(branches, cursor->stream.branch, cursor->sent_seq);
        *head = branches->rows[lies->branch].head.seq;
        free(branches);
    }
    return true;
}

/* The stored block at the cursor. False: nothing there that can be sent. */
static bool find_block(struct step *step, const struct session *session, struct cursor *cursor,
                       struct buffer *stored, struct block_parts *parts, uint32_t *end,
                       bool *forked)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t first, head = 0;
    struct stream_id lies = cursor->stream;
    bool found = stream_row_read(step->view, &cursor->stream, row) &&
                 cursor->sent_seq < branch_end(row) &&
                 may_send(step, session, cursor, row, &lies, &head) &&
                 block_row_get(step->view, &lies, cursor->sent_seq, &first, stored) == READ_FOUND &&
                 first == cursor->sent_seq &&
                 block_parts_read(span_of_buffer(stored), parts, NULL) == ERR_OK;
    if (found)
        *end = block_row_end(step->view, &lies, first, head);
    *forked = row->forked || cursor->stream.branch > 0;
    free(row);
    return found;
}

static enum sent send_block(struct step *step, struct session *session, struct cursor *cursor,
                            size_t *sent_bytes)
{
    struct lane *lane = &session->lanes[cursor->class];
    struct buffer stored = {0}, body = {0};
    struct block_parts parts;
    uint32_t end = 0;
    enum sent answer = SENT_NOTHING_LEFT;
    bool forked = false;
    if (find_block(step, session, cursor, &stored, &parts, &end, &forked)) {
        unsigned flags = sent_flags(cursor);
        uint32_t handle = cursor->has_out_handle                       ? cursor->out_handle
                          : session->out_handle_count <= SHARED_HANDLE ? session->out_handle_count
                                                                       : SHARED_HANDLE;
        mp_write_uint(&body, handle);
        if (write_block(step, cursor, span_of_buffer(&stored), flags, &body)) {
            answer =
                credit_reaches(lane, body.size, end - cursor->sent_seq) ? SENT : SENT_NO_CREDIT;
        }
    }
    if (answer == SENT) {
        if (!cursor->has_out_handle)
            give_handle(session, cursor);
        updates_send(step->updates, session->link, (enum channel)(CHANNEL_URGENT + cursor->class),
                     MESSAGE_BLOCK, span_of_buffer(&body));
        credit_spend(lane, body.size, end - cursor->sent_seq);
        cursor->sent_seq = end;
        cursor->known_seq = end > cursor->known_seq ? end : cursor->known_seq;
        cursor->sent_clock = parts.clock;
        cursor->place_needed = cursor->opaque_wanted = false;
        *sent_bytes += body.size;
        if (forked)
            fork_queue_from(step, session, &cursor->stream, end);
    } else if (answer == SENT_NOTHING_LEFT) {
        cursor->placed = false;
    }
    buffer_free(&stored);
    buffer_free(&body);
    return answer;
}

static struct cursor *dequeue(struct lane *lane)
{
    struct cursor *cursor = lane->first;
    lane->first = cursor->next_queued;
    if (lane->first == NULL)
        lane->last = NULL;
    cursor->queued = false;
    cursor->next_queued = NULL;
    return cursor;
}

/* One lane: a block of each stream in turn, until `most` has been sent in this batch. False: there
 * is more. */
static bool send_lane(struct step *step, struct session *session, struct lane *lane, size_t most,
                      size_t *sent_bytes)
{
    while (lane->first != NULL) {
        if (*sent_bytes >= most)
            return false;
        enum sent sent = send_block(step, session, lane->first, sent_bytes);
        if (sent == SENT_NO_CREDIT)
            return true;
        struct cursor *cursor = dequeue(lane);
        if (sent == SENT) {
            cursor_queue(session, cursor); /* behind the others; leaves when it has no more */
        }
    }
    return true;
}

/* The session after this one, round and round. */
static struct session *next_session(const struct replica *replica, const struct session *session)
{
    return session->hh.next != NULL ? session->hh.next : replica->sessions;
}

/* In an emergency what isn't urgent makes room: bulk waits between two seats of its subtree. */
static bool waits_in_emergency(const struct replica *replica, const struct session *session,
                               int class)
{
    return class == CLASS_BULK && !PLANTED(BULK_IN_EMERGENCY) &&
           tree_emergency(replica->tree, session_child(replica, session)) != NULL;
}

/* One class of every session; the one that finds the batch used up comes first next time. */
static bool send_class(struct step *step, int class, size_t *sent_bytes)
{
    struct replica *replica = step->replica;
    struct session *first = session_find(replica, replica->send_first);
    bool all = true;
    first = first == NULL ? replica->sessions : first;
    struct session *session = first;
    for (size_t i = HASH_COUNT(replica->sessions); i > 0; i--) {
        size_t most = SESSION_BYTES_MAX, left = BATCH_BYTES_MAX - *sent_bytes;
        size_t before = session->batch_bytes;
        if (*sent_bytes >= BATCH_BYTES_MAX) {
            replica->send_first = session->link;
            return false;
        }
        most = before + left < most ? before + left : most;
        if (session->state == SESSION_LIVE && session->lanes[class].first != NULL &&
            !waits_in_emergency(replica, session, class) &&
            !send_lane(step, session, &session->lanes[class], most, &session->batch_bytes))
            all = false;
        *sent_bytes += session->batch_bytes - before;
        session = next_session(replica, session);
    }
    return all;
}

void send_what_credit_allows(struct step *step)
{
    struct replica *replica = step->replica;
    size_t sent_bytes = 0;
    struct session *session, *next;
    HASH_ITER (hh, replica->sessions, session, next) {
        session->batch_bytes = 0;
        if (session->state == SESSION_LIVE)
            notes_send_due(step, session);
    }
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if (!send_class(step, class, &sent_bytes))
            replica->deadline_tick = step->tick_ms;
    }
}

/* The mark of the shared handle says the stream too. NULL: not one that was sent. */
static struct cursor *read_shared(struct mp_reader *reader, const struct session *session)
{
    struct stream_id stream = {0};
    const uint8_t *author = mp_read_bin_of(reader, KEY_ID_BYTES);
    stream.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    stream.number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
    if (reader->failed)
        return NULL;
    memcpy(stream.author.bytes, author, KEY_ID_BYTES);
    struct cursor *cursor = cursor_find(session, &stream);
    return cursor != NULL && cursor->out_handle == SHARED_HANDLE ? cursor : NULL;
}

/* 'Durable here up to seq': a hint, for status. What was never sent can't be held. */
void send_on_mark(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t handle = mp_read_uint_max(&reader, HANDLES_MAX - 1);
    uint32_t seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
    struct cursor *cursor = NULL;
    if (handle == SHARED_HANDLE)
        cursor = read_shared(&reader, session);
    else if (handle < session->out_handle_count)
        cursor = session->out_handles[handle];
    mp_read_end(&reader);
    if (reader.failed || (cursor == NULL && handle != SHARED_HANDLE)) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (cursor == NULL)
        return;
    if (seq > cursor->known_seq) {
        step->replica->refusals.forged++;
        updates_trace(step->updates, "mark of %s at %u from %s: never sent",
                      label_stream(step->replica->tree, &cursor->stream).text, seq, session->seat);
        return;
    }
    if (seq > cursor->held_seq)
        cursor->held_seq = seq;
    if (seq > cursor->sent_seq) { /* asked for again, and there already */
        cursor->sent_seq = seq;
        cursor->place_needed = true;
    }
}
