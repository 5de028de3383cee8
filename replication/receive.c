/* Blocks coming in: opened and verified ahead of the step, judged against the tree in it, then
 * stored, applied, and passed on to whoever else holds the stream.
 *
 * A block that doesn't open is refused with 'want', twice at most each minute: first as it is,
 * then in the opaque form, which alone proves whose fault it is. Its stream waits, no other. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/erase.h"
#include "replication/trust.h"

enum { REFUSALS_A_MINUTE = 2, MINUTE_MS = 60 * 1000, SHARED_HANDLE = HANDLES_MAX - 1 };

/* Channels overtake each other, so a handle may be named before a lower one. An epoch is never 0.
 */
static bool handle_is_named(const struct session *session, uint32_t handle)
{
    return handle < session->in_handle_count && session->in_handles[handle].epoch != 0;
}

static bool read_stream(const struct session *session, struct event *event, struct span *bytes,
                        struct block_prefix *prefix)
{
    struct mp_reader reader = mp_reader(event->message.body);
    event->message.handle = (uint32_t)mp_read_uint_max(&reader, HANDLES_MAX - 1);
    if (reader.failed) {
        event->message.handle = HANDLES_MAX;
        return false;
    }
    *bytes = SPAN(reader.input.data + reader.at, reader.input.size - reader.at);
    bool named = handle_is_named(session, event->message.handle);
    if (named)
        event->message.stream = session->in_handles[event->message.handle];
    if (block_read_prefix(*bytes, prefix, NULL) != ERR_OK)
        return false;
    event->message.names_stream = (prefix->flags & BLOCK_HAS_STREAM) != 0;
    if (event->message.names_stream)
        event->message.stream = prefix->stream;
    return event->message.names_stream || named;
}

/* What this peer sends follows on where our head was, before another link moved it. */
static bool is_overtaken(const struct session *session, const struct stream_id *stream)
{
    const struct cursor *cursor = cursor_find(session, stream);
    return cursor != NULL && cursor->overtaken;
}

/* 'Send from our head' has been said of this stream, or nothing of it is taken: what stands behind
 * is no news. */
static bool is_interrupted(const struct session *session, const struct stream_id *stream)
{
    const struct cursor *cursor = cursor_find(session, stream);
    return cursor != NULL && (cursor->wanted || cursor->refused);
}

/* Where the bytes say they stand, against where the stream stands here. */
static enum error_code check_place(const struct view *view, const struct block_prefix *prefix,
                                   struct span bytes, struct event *event, struct stream_head *head)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    enum error_code code = ERR_OK;
    bool placed = (prefix->flags & BLOCK_HAS_PLACE) != 0;
    if (stream_row_read(view, &event->message.stream, row))
        *head = row->head;
    else if (event->message.stream.branch > 0)
        code = ERR_PARKED; /* a branch that has left */
    if (placed && (row->forked || event->message.stream.branch > 0 || prefix->seq != head->seq ||
                   !hash_equal(&prefix->previous, &head->hash)))
        code = prefix->seq > head->seq && !row->forked && event->message.stream.branch == 0
                   ? ERR_PARKED
                   : fork_find_place(view, prefix, bytes, event, head);
    free(row);
    return code;
}

/* A block that names its stream and says no place begins it, or follows on our head. */
static bool may_begin(const struct block_prefix *prefix, const struct stream_head *head)
{
    return (prefix->flags & BLOCK_HAS_STREAM) != 0 && (prefix->flags & BLOCK_HAS_PLACE) == 0 &&
           head->seq > 0;
}

/* Opened against the head of its stream here. */
static enum error_code prepare_block(const struct replica *replica, const struct view *view,
                                     const struct block_prefix *prefix, struct span bytes,
                                     struct event *event)
{
    const struct author *author = tree_author(replica->tree, event->message.stream.author);
    if (author == NULL)
        return ERR_UNKNOWN_KEY;
    struct block_context context = {.tree_id = replica->options.tree_id,
                                    .author_key = author->key,
                                    .verifier = replica->options.verifier,
                                    .seal = &replica->options.seal};
    enum error_code code = check_place(view, prefix, bytes, event, &context.head);
    if (code != ERR_OK)
        return code;
    context.stream = event->message.stream;
    struct prepared_block *block = mem_alloc(sizeof *block);
    code = block_open(bytes, &context, block, NULL);
    if (code == ERR_DAMAGED && may_begin(prefix, &context.head)) {
        context.head = (struct stream_head){0};
        code = block_open(bytes, &context, block, NULL);
        event->message.beside = code == ERR_OK;
    }
    if (code != ERR_OK) {
        free(block);
        return code;
    }
    event->message.block = block;
    event->message.entries = block->header.count;
    if (event->message.beside && fork_is_held(view, event)) {
        event_release(event);
        return ERR_STALE;
    }
    return ERR_OK;
}

void replica_prepare(const struct replica *replica, const struct view *view, struct event *event)
{
    if (event->kind != EVENT_MESSAGE || event->message.type != MESSAGE_BLOCK)
        return;
    const struct session *session = session_find(replica, event->message.link);
    struct block_prefix prefix;
    struct span bytes = SPAN_EMPTY;
    event->message.block = NULL;
    event->message.block_error = ERR_MALFORMED;
    event->message.beside = false;
    if (session == NULL)
        return;
    if (read_stream(session, event, &bytes, &prefix))
        event->message.block_error = prepare_block(replica, view, &prefix, bytes, event);
    if (event->message.block == NULL)
        event->message.entries = block_count_entries(bytes);
    /* What doesn't say its place follows on something that wasn't taken. */
    if (event->message.block_error == ERR_DAMAGED && (prefix.flags & BLOCK_HAS_PLACE) == 0 &&
        (is_interrupted(session, &event->message.stream) ||
         is_overtaken(session, &event->message.stream)))
        event->message.block_error = ERR_PARKED;
}

void event_release(struct event *event)
{
    if (event->kind == EVENT_MESSAGE && event->message.block != NULL) {
        prepared_block_free(event->message.block);
        free(event->message.block);
        event->message.block = NULL;
    }
}

/* Streams are given handles from 0 up; the last handle is shared by all that found none left. */
static bool take_handle(struct session *session, const struct event *event)
{
    uint32_t handle = event->message.handle;
    if (!event->message.names_stream) {
        session->in_handles[handle].branch = event->message.stream.branch;
        return true;
    }
    if (handle_is_named(session, handle)) {
        bool same = stream_id_same(&session->in_handles[handle], &event->message.stream);
        session->in_handles[handle] = event->message.stream;
        return same || handle == SHARED_HANDLE;
    }
    if (event->message.stream.epoch == 0)
        return false;
    if (handle >= session->in_handle_count) {
        size_t count = session->in_handle_count;
        session->in_handles =
            mem_resize(session->in_handles, (handle + 1) * sizeof *session->in_handles);
        memset(session->in_handles + count, 0, (handle + 1 - count) * sizeof *session->in_handles);
        session->in_handle_count = handle + 1;
    }
    session->in_handles[handle] = event->message.stream;
    return true;
}

static void mark_due(struct session *session, struct cursor *cursor)
{
    if (!cursor->mark_due) {
        cursor->mark_due = true;
        cursor->next_marked = session->marked;
        session->marked = cursor;
    }
}

static void count_refusal(struct replica *replica, enum error_code code)
{
    struct refusals *refusals = &replica->refusals;
    refusals->damaged += code == ERR_DAMAGED;
    refusals->forged += code == ERR_FORGED;
    refusals->malformed += code == ERR_MALFORMED;
    refusals->oversize += code == ERR_OVERSIZE;
    refusals->not_allowed += code == ERR_NOT_ALLOWED || code == ERR_INVALID;
    refusals->unknown_key += code == ERR_UNKNOWN_KEY;
    refusals->flood += code == ERR_FULL;
}

/* The block follows on one that isn't here, on a branch that isn't. */
static void want_branch(struct step *step, const struct session *session, const struct event *event,
                        bool opaque)
{
    struct mp_reader reader = mp_reader(event->message.body);
    struct block_prefix prefix;
    mp_read_uint(&reader); /* the handle */
    if (block_read_prefix(SPAN(reader.input.data + reader.at, reader.input.size - reader.at),
                          &prefix, NULL) == ERR_OK)
        fork_want(step, session, &event->message.stream, prefix.seq,
                  SPAN_OF_ARRAY(prefix.previous.bytes), opaque);
}

/* Ask for a stream again from our head, within the bound of asking. */
static void ask_again(struct step *step, struct session *session, const struct event *event,
                      bool opaque_next)
{
    const struct stream_id *stream = &event->message.stream;
    struct cursor *cursor =
        cursor_strange(session, stream, (uint8_t)(event->message.channel - CHANNEL_URGENT));
    if (cursor == NULL) {
        step->replica->refusals.flood++;
        return;
    }
    struct stream_row *row = mem_alloc(sizeof *row);
    if (step->tick_ms >= cursor->in_clock_tick + MINUTE_MS) {
        cursor->in_clock_tick = step->tick_ms;
        cursor->refusals = 0;
    }
    if (cursor->refusals < REFUSALS_A_MINUTE) {
        bool held = stream_row_read(step->view, stream, row);
        bool opaque = opaque_next && cursor->refusals > 0;
        if (event->message.block_error == ERR_FORK)
            want_branch(step, session, event, opaque);
        else if (held && (row->forked || stream->branch > 0))
            fork_want(step, session, stream, row->head.seq, SPAN_OF_ARRAY(row->head.hash.bytes),
                      opaque);
        else
            compare_want(step, session, stream, held ? row->head.seq : 0, opaque);
        cursor->refusals += !cursor->overtaken;
        cursor->overtaken = false;
        cursor->wanted = true;
    } else {
        cursor->ask_later = session->ask_later = true;
    }
    free(row);
}

/* False: it waits on. */
static bool ask_when_due(struct step *step, struct session *session, struct cursor *cursor)
{
    struct replica *replica = step->replica;
    uint64_t due = cursor->in_clock_tick + MINUTE_MS;
    if (step->tick_ms < due) {
        replica->deadline_tick = due < replica->deadline_tick ? due : replica->deadline_tick;
        return false;
    }
    struct stream_row *row = mem_alloc(sizeof *row);
    bool held = stream_row_read(step->view, &cursor->stream, row);
    compare_want(step, session, &cursor->stream, held ? row->head.seq : 0, false);
    free(row);
    return true;
}

void receive_ask_when_due(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        struct cursor *cursor = session->ask_later ? session->cursors : NULL;
        session->ask_later = false;
        for (; cursor != NULL; cursor = cursor->hh.next) {
            if (cursor->ask_later)
                cursor->ask_later = !ask_when_due(step, session, cursor);
            session->ask_later = session->ask_later || cursor->ask_later;
        }
    }
}

/* Its author or its standing may be a matter of documents that are still on their way: nothing more
 * is taken of the stream until the tree changes, then it is asked for again. */
static void refuse_until_change(struct session *session, const struct event *event)
{
    struct cursor *cursor = cursor_strange(session, &event->message.stream,
                                           (uint8_t)(event->message.channel - CHANNEL_URGENT));
    if (cursor != NULL)
        cursor->refused = session->refused_any = true;
}

void receive_ask_on_change(struct step *step)
{
    struct session *session, *next;
    if (PLANTED(REFUSED_FOR_EVER))
        return;
    struct stream_row *row = mem_alloc(sizeof *row);
    HASH_ITER (hh, step->replica->sessions, session, next) {
        struct cursor *cursor = session->refused_any ? session->cursors : NULL;
        session->refused_any = false;
        for (; cursor != NULL; cursor = cursor->hh.next) {
            if (cursor->refused) {
                bool held = stream_row_read(step->view, &cursor->stream, row);
                cursor->refused = false;
                cursor->wanted = true;
                compare_want(step, session, &cursor->stream, held ? row->head.seq : 0, false);
            }
        }
    }
    free(row);
}

/* A block that we hold, and that isn't our last one: its sender doesn't know how far we are. */
static bool stands_behind(struct step *step, const struct event *event)
{
    struct mp_reader reader = mp_reader(event->message.body);
    struct block_prefix prefix;
    struct stream_row *row = mem_alloc(sizeof *row);
    mp_read_uint(&reader); /* the handle */
    bool behind =
        block_read_prefix(SPAN(reader.input.data + reader.at, reader.input.size - reader.at),
                          &prefix, NULL) == ERR_OK &&
        (prefix.flags & BLOCK_HAS_PLACE) != 0 &&
        stream_row_read(step->view, &event->message.stream, row) && !row->forked &&
        event->message.stream.branch == 0 && prefix.seq + event->message.entries < row->head.seq;
    free(row);
    return behind;
}

static void refuse_block(struct step *step, struct session *session, const struct event *event)
{
    enum error_code code = event->message.block_error;
    if (code == ERR_STALE) { /* we hold it, it came twice: say so, the sender may not know */
        struct cursor *cursor = cursor_find(session, &event->message.stream);
        if (cursor != NULL) {
            cursor->in_handle = event->message.handle;
            cursor->overtaken |= cursor->wanted || stands_behind(step, event);
            cursor->wanted = false;
            mark_due(session, cursor);
        }
        return;
    }
    if (code == ERR_PARKED && is_interrupted(session, &event->message.stream))
        return;
    const struct cursor *cursor = cursor_find(session, &event->message.stream);
    count_refusal(step->replica, code);
    updates_trace(step->updates, "refuse block of %s from %s: %s",
                  label_stream(step->replica->tree, &event->message.stream).text, session->seat,
                  error_name(code));
    if (code == ERR_UNKNOWN_KEY)
        refuse_until_change(session, event);
    else if (cursor == NULL || !cursor->refused)
        ask_again(step, session, event, code == ERR_DAMAGED);
}

/* Answers how many were judged: those behind wait with their stream. */
static size_t apply_entries(struct step *step, const struct event *event)
{
    const struct prepared_block *block = event->message.block;
    const struct stream_id *stream = &event->message.stream;
    bool room = !parked_stream_waits(step, stream);
    size_t i = 0;
    for (; room && i < block->list.count; i += room) {
        struct located_entry located = {
            .author = stream_author(stream),
            .stream = stream->number,
            .seq = block->header.seq + (uint32_t)i,
            .entry = &block->list.entries[i],
            .digest = &block->digests[i],
        };
        room = apply_entry(step, &located);
        if (!room)
            parked_stream_from(step, &located);
    }
    return i;
}

static void store_block(struct step *step, const struct event *event, struct stream_row *row)
{
    const struct prepared_block *block = event->message.block;
    struct buffer stored = {0};
    block_write(block, BLOCK_STORED, &row->head, &stored);
    erase_and_store(step, &event->message.stream, block->header.seq, span_of_buffer(&stored));
    buffer_free(&stored);
    row->head = (struct stream_head){
        .seq = block->header.seq + block->header.count,
        .hash = block->hash,
        .clock = block->header.clock,
    };
    stream_row_write(step->updates, &event->message.stream, row);
}

static void advance_cursor(struct session *session, const struct event *event,
                           const struct stream_row *row)
{
    struct cursor *cursor = cursor_get(session, &event->message.stream, row->open.class);
    session->strange_count -= cursor->strange;
    cursor->strange = false;
    cursor->has_in_handle = true;
    cursor->in_handle = event->message.handle;
    if (cursor->sent_seq < row->head.seq) {
        cursor->sent_seq = row->head.seq;
        cursor->place_needed = true;
    }
    cursor->held_seq = cursor->known_seq = row->head.seq;
    cursor->refusals = 0;
    cursor->wanted = cursor->overtaken = false;
    mark_due(session, cursor);
}

/* The block that a cut-off names has come, or another at its place: what stood before it is judged
 * by that. */
static void judge_cut_off(struct step *step, const struct stream_id *stream, uint32_t from,
                          const struct stream_row *row)
{
    uint32_t end;
    struct hash hash;
    if (tree_cut_off_of(step->replica->tree, stream->author, stream->epoch, stream->number, &end,
                        &hash) &&
        end > from && end <= row->head.seq &&
        (stream->branch > 0 || end != row->head.seq || !hash_equal(&hash, &row->head.hash)))
        trust_author_changed(step, stream->author);
}

static void take_block(struct step *step, struct session *session, const struct event *event,
                       struct stream_row *row, bool closes)
{
    const struct stream_id *stream = &event->message.stream;
    const struct author *author = tree_author(step->replica->tree, stream->author);
    uint32_t from = row->head.seq;
    assert(author != NULL);
    if (from == 0 && step->replica->open_cache != NULL)
        step->replica->open_cache->present = false;
    row->closed = closes;
    store_block(step, event, row);
    updates_trace(step->updates, "take %s %u..%u from %s%s",
                  label_stream(step->replica->tree, stream).text, from, row->head.seq,
                  session->seat, event->message.block->opaque ? ", opaque" : "");
    if (from == 0) {
        author_key_keep(step->updates, author);
        session->beyond_told = false; /* its way may have broken before it came */
    }
    judge_cut_off(step, stream, from, row);
    loose_attach(step, stream, from, row);
    if (event->message.block->opaque)
        quarantine_opaque(step, stream, event->message.block->header.seq);
    advance_cursor(session, event, row);
    cursors_head_moved(step, stream, row, session);
    if (key_id_equal(stream->author, step->replica->key_id))
        replica_hear_epoch(step, stream->epoch);
    if (row->open.holders == HOLDERS_SUBTREE && stream->branch == 0 &&
        !key_id_equal(stream->author, step->replica->key_id))
        cells_received_stream(step, stream, row->head.seq);
    uint64_t arrival = arrival_begin(step, stream);
    arrival_end(step, arrival, stream, from, apply_entries(step, event));
}

/* A peer holds more of the epoch that we are writing in than we do: our past is lost. What we have
 * not signed yet must not be signed there, so the block waits until this batch is signed. */
static enum error_code check_own_past(struct step *step, const struct event *event)
{
    const struct replica *replica = step->replica;
    const struct stream_id *stream = &event->message.stream;
    if (!key_id_equal(stream->author, replica->key_id))
        return ERR_OK;
    if (stream->epoch >> 16 > (replica->self.epoch >> 16) + EPOCHS_AHEAD_MAX)
        return ERR_NOT_ALLOWED;
    if (stream->epoch != replica->self.epoch)
        return ERR_OK;
    for (const struct own_stream *own = replica->own_streams; own != NULL; own = own->next) {
        if (own->writer != NULL)
            return ERR_PARKED;
    }
    return replica_new_epoch(step, event->message.beside
                                       ? "another machine has written in this epoch with this key"
                                       : "a peer holds more of this epoch than this store")
               ? ERR_OK
               : ERR_NOT_ALLOWED;
}

/* A new stream counts against its author, for ever: one a class, end and year, and those of some
 * hundred epochs, are far fewer. */
static enum error_code check_room(struct step *step, const struct event *event)
{
    enum { STREAMS_AN_AUTHOR_MAX = 4096 };
    if (event->message.block->header.seq > 0)
        return ERR_OK;
    return who_has_room(step->view) &&
                   aside_room(step, 's', event->message.stream.author, STREAMS_AN_AUTHOR_MAX)
               ? ERR_OK
               : ERR_FULL;
}

/* Two blocks stand at one place: the newcomer is taken as a branch of its own, and the peer hears
 * of ours from there on. */
static enum error_code take_beside(struct step *step, struct session *session,
                                   const struct event *event, struct stream_row *row, bool closes)
{
    struct event as_branch = *event;
    struct stream_id stream = event->message.stream;
    enum error_code code = fork_admit(step, &as_branch, row);
    uint8_t taken = code == ERR_OK ? as_branch.message.stream.branch : BRANCHES_MAX;
    if (code == ERR_OK) {
        take_block(step, session, &as_branch, row, closes);
        session->in_handles[event->message.handle].branch = taken;
    } else if (event->message.block->header.seq == 0) {
        aside_fewer(step, 's', stream.author); /* it was counted as begun */
    }
    fork_offer(step, session, &stream, stream.branch, event->message.block->header.seq, taken);
    return code == ERR_FULL ? ERR_PARKED : code; /* there is room when others have left */
}

static void judge_block(struct step *step, struct session *session, const struct event *event)
{
    const struct tree *tree = step->replica->tree;
    const struct author *author = tree_author(tree, event->message.stream.author);
    struct stream_row *row = mem_alloc(sizeof *row);
    bool closes = false;
    enum error_code code = author == NULL
                               ? ERR_UNKNOWN_KEY
                               : standing_check(step, session, event, author, row, &closes);
    code = code == ERR_OK ? check_own_past(step, event) : code;
    code = code == ERR_OK ? check_room(step, event) : code;
    if (code == ERR_OK && event->message.beside)
        code = take_beside(step, session, event, row, closes);
    else if (code == ERR_OK)
        take_block(step, session, event, row, closes);
    if (code != ERR_OK && code != ERR_FORK) {
        count_refusal(step->replica, code);
        updates_trace(step->updates, "refuse block of %s from %s: %s",
                      label_stream(tree, &event->message.stream).text, session->seat,
                      error_name(code));
        if (code == ERR_DAMAGED || code == ERR_PARKED)
            ask_again(step, session, event, false);
        else
            refuse_until_change(session, event);
    }
    free(row);
}

void receive_block(struct step *step, struct session *session, const struct event *event)
{
    struct replica *replica = step->replica;
    if (!credit_take(session, event)) {
        session_refuse(step, session, "flood", &replica->refusals.flood);
        return;
    }
    bool named = event->message.names_stream || handle_is_named(session, event->message.handle);
    if (!named || !take_handle(session, event))
        session_refuse(step, session, "malformed", &replica->refusals.malformed);
    else if (event->message.block == NULL)
        refuse_block(step, session, event);
    else
        judge_block(step, session, event);
}

static void send_marks(struct step *step, struct session *session)
{
    struct stream_row *row = session->marked == NULL ? NULL : mem_alloc(sizeof *row);
    struct cursor *next;
    for (struct cursor *cursor = session->marked; cursor != NULL; cursor = next) {
        struct buffer body = {0};
        next = cursor->next_marked;
        cursor->mark_due = false;
        if (stream_row_read(step->view, &cursor->stream, row)) {
            /* of what another link has brought beyond it the peer knows nothing */
            uint32_t known = cursor->known_seq < row->head.seq ? cursor->known_seq : row->head.seq;
            mp_write_uint(&body, cursor->in_handle);
            mp_write_uint(&body, known);
            if (cursor->in_handle == SHARED_HANDLE) { /* which of its streams? */
                mp_write_bin(&body, SPAN_OF_ARRAY(cursor->stream.author.bytes));
                mp_write_uint(&body, cursor->stream.epoch);
                mp_write_uint(&body, cursor->stream.number);
            }
            send_control(step, session, MESSAGE_MARK, span_of_buffer(&body));
        }
        buffer_free(&body);
    }
    session->marked = NULL;
    free(row);
}

void receive_batch_done(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->state < SESSION_COMPARING)
            continue;
        send_marks(step, session);
        if (step->replica->hold == HOLD_NOTHING)
            credit_give(step, session);
    }
}
