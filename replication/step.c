/* The one entry: a table of events, a handler each; and what others may look at. */
#include "replication/deadlines.h"
#include "replication/erase.h"
#include "replication/indexes.h"
#include "replication/move.h"
#include "replication/notes.h"
#include "replication/rollups.h"
#include "replication/trust.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/entry_parts.h"

static void on_write(struct step *step, const struct event *event)
{
    write_local(step, event);
}

static void on_link_up(struct step *step, const struct event *event)
{
    session_up(step, event);
}

static void on_link_down(struct step *step, const struct event *event)
{
    session_down(step, event->link_down);
}

static void on_message(struct step *step, const struct event *event)
{
    session_message(step, event);
}

static void on_document(struct step *step, const struct event *event)
{
    documents_take_local(step, event);
}

static void on_time(struct step *step, const struct event *event)
{
    (void)step;
    (void)event;
}

/* What the batch has gathered is signed; notes that are due with it. */
static void on_batch_close(struct step *step, const struct event *event)
{
    struct replica *replica = step->replica;
    (void)event;
    replica->deadline_tick = UINT64_MAX;
    if (replica->hold == HOLD_EVERYTHING)
        return;
    if (replica->succeeds)
        inherit_put_in_order(step);
    documents_push_changes(step);
    notes_when_due(step);
    receive_ask_when_due(step);
    trust_go_on(step);
    parked_work(step);
    carry_when_due(step);
    loose_go_on(step);
    refold_work(step);
    escrow_when_lent(step);
    losses_when_due(step);
    moves_when_due(step);
    home_when_due(step);
    deadlines_when_due(step);
    indexes_when_due(step);
    rollups_when_due(step);
    own_streams_sign_all(step);
    erase_work(step);
    if (updates_signs(step->updates)) {
        replica->commits++;
        replica->epoch_new = false;
        self_row_put(step);
    }
    replica_pass_epoch(step);
}

static void on_batch_send(struct step *step, const struct event *event)
{
    (void)event;
    contacts_when_due(step);
    documents_answer_due(step);
    receive_batch_done(step);
    send_what_credit_allows(step);
}

static void on_seek(struct step *step, const struct event *event)
{
    struct span seat = event->seek;
    if (seat.size > 0 && seat.size <= SEAT_BYTES_MAX &&
        tree_seat(step->replica->tree, seat) == NULL)
        contacts_seek(step, seat);
}

static void (*const handlers[EVENT_COUNT])(struct step *, const struct event *) = {
    [EVENT_WRITE] = on_write,
    [EVENT_LINK_UP] = on_link_up,
    [EVENT_LINK_DOWN] = on_link_down,
    [EVENT_MESSAGE] = on_message,
    [EVENT_DOCUMENT] = on_document,
    [EVENT_SEEK] = on_seek,
    [EVENT_TIME] = on_time,
    [EVENT_BATCH_CLOSE] = on_batch_close,
    [EVENT_BATCH_SEND] = on_batch_send,
};

void replica_step(struct replica *replica, const struct view *view, const struct event *event,
                  struct updates *updates)
{
    assert(event->kind < EVENT_COUNT);
    updates_begin(updates, view);
    struct step step = {
        .replica = replica,
        .updates = updates,
        .view = updates_view(updates),
        .wall_ms = event->wall_ms < CLOCK_LIMIT ? event->wall_ms : CLOCK_LIMIT - 1,
        .tick_ms = event->tick_ms,
    };
    handlers[event->kind](&step, event);
}

void replica_hold(struct replica *replica, enum replica_hold hold)
{
    assert(hold <= HOLD_EVERYTHING);
    replica->hold = hold;
}

uint64_t replica_deadline(const struct replica *replica)
{
    return replica->deadline_tick;
}

const struct tree *replica_tree(const struct replica *replica)
{
    return replica->tree;
}

uint32_t replica_epoch(const struct replica *replica)
{
    return replica->self.epoch;
}

const char *replica_epoch_reason(const struct replica *replica)
{
    return replica->epoch_reason;
}

bool replica_epoch_is_new(const struct replica *replica)
{
    return replica->epoch_new;
}

size_t replica_alarm_count(const struct replica *replica)
{
    return replica->alarm_count;
}

const char *replica_alarm(const struct replica *replica, size_t index)
{
    assert(index < replica->alarm_count);
    return replica->alarms[index].text;
}

uint64_t replica_occurrences(const struct replica *replica, const char **last)
{
    *last = replica->occurrence.text;
    return replica->occurrence_count;
}

const struct refusals *replica_refusals(const struct replica *replica)
{
    return &replica->refusals;
}

size_t replica_link_count(const struct replica *replica)
{
    return HASH_COUNT(replica->sessions);
}

/* What is behind, stream by stream: the peer by what it holds, we by what it has listed. */
static void count_behind(const struct session *session, const struct view *view,
                         struct link_status *status)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    for (const struct cursor *cursor = session->cursors; cursor != NULL; cursor = cursor->hh.next) {
        uint32_t head = stream_row_read(view, &cursor->stream, row) ? row->head.seq : 0;
        if (cursor->held_seq < head)
            status->behind_there += head - cursor->held_seq;
        if (cursor->listed_seq > head)
            status->behind_here += cursor->listed_seq - head;
    }
    free(row);
}

void replica_link_status(const struct replica *replica, const struct view *view, size_t index,
                         struct link_status *status)
{
    enum { BULK_BYTES_AN_ENTRY = 70 }; /* formats.md 10, blocks of 256 */
    const struct session *session = replica->sessions;
    assert(index < replica_link_count(replica));
    while (index-- > 0)
        session = session->hh.next;
    memset(status, 0, sizeof *status);
    status->link = session->link;
    memcpy(status->seat, session->seat, sizeof status->seat);
    status->uplink = session->uplink;
    status->over = session->over;
    status->state = session_state_name(session->state);
    status->since_tick_ms = session->since_tick;
    count_behind(session, view, status);
    status->bytes_there = status->behind_there * BULK_BYTES_AN_ENTRY;
}

bool replica_stream_mark(const struct replica *replica, const struct view *view, size_t index,
                         const struct stream_id *stream, uint32_t *held, uint32_t *sent)
{
    const struct session *session = replica->sessions;
    assert(index < replica_link_count(replica));
    while (index-- > 0)
        session = session->hh.next;
    if (!session_knows(session))
        return false;
    const struct cursor *cursor = cursor_find(session, stream);
    struct stream_row *row = mem_alloc(sizeof *row);
    *held = stream_row_read(view, stream, row) ? session_held(session, row, cursor) : 0;
    *sent = cursor != NULL && cursor->sent_seq > *held ? cursor->sent_seq : *held;
    free(row);
    return true;
}
