/* One batch of events to one commit; the only place that writes to the store. */
#include "replication/drive.h"

#include <assert.h>
#include <stdlib.h>

#include "base/planted.h"

struct drive {
    struct replica_options options;
    struct drive_ports ports;
    struct replica *replica;
    struct updates *updates;
    enum replica_hold hold;
    uint64_t commits, failed_commits;
    uint64_t room_due_tick; /* when the store is asked for its room again */
    size_t put_bytes;       /* since it was asked */
    bool rows_put;
};

enum error_code drive_open(const struct replica_options *options, const struct drive_ports *ports,
                           struct drive **opened, struct error *error)
{
    struct drive *drive = mem_alloc(sizeof *drive);
    drive->options = *options;
    drive->ports = *ports;
    drive->updates = updates_new();
    updates_set_tracing(drive->updates, ports->log != NULL);
    enum error_code code = replica_open(options, &ports->store.view, &drive->replica, error);
    if (code != ERR_OK) {
        drive_close(drive);
        return code;
    }
    *opened = drive;
    return ERR_OK;
}

void drive_close(struct drive *drive)
{
    if (drive == NULL)
        return;
    replica_close(drive->replica);
    updates_free(drive->updates);
    free(drive);
}

static enum error_code put_rows(struct drive *drive)
{
    const struct store_port *store = &drive->ports.store;
    struct row_change change;
    size_t cursor = 0;
    while (updates_each_row(drive->updates, &cursor, &change)) {
        enum error_code code =
            change.removed ? store->remove(store->context, change.table, change.key)
                           : store->put(store->context, change.table, change.key, change.value);
        if (code != ERR_OK)
            return code;
        drive->rows_put = true;
        drive->put_bytes += change.key.size + change.value.size;
    }
    return ERR_OK;
}

static enum error_code step_and_put(struct drive *drive, struct event *event)
{
    const struct view *view = &drive->ports.store.view;
    replica_prepare(drive->replica, view, event);
    replica_step(drive->replica, view, event, drive->updates);
    event_release(event);
    return updates_doomed(drive->updates) ? ERR_IO : put_rows(drive);
}

static enum error_code step_all(struct drive *drive, struct event *events, size_t count)
{
    static const enum event_kind ends[] = {EVENT_BATCH_CLOSE, EVENT_BATCH_SEND};
    for (size_t i = 0; i < count; i++) {
        enum error_code code = step_and_put(drive, &events[i]);
        if (code != ERR_OK)
            return code;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct event end = {
            .kind = ends[i],
            .wall_ms = events[count - 1].wall_ms,
            .tick_ms = events[count - 1].tick_ms,
        };
        enum error_code code = step_and_put(drive, &end);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum error_code commit(struct drive *drive)
{
    const struct store_port *store = &drive->ports.store;
    struct high_water mark;
    if (!drive->rows_put) {
        store->abort(store->context);
        return ERR_OK;
    }
    if (updates_signs(drive->updates)) {
        replica_high_water(drive->replica, &mark);
        enum error_code code = store->raise_high_water(store->context, &mark);
        if (code != ERR_OK) {
            store->abort(store->context);
            return code;
        }
        drive->options.high_water = mark;
        drive->options.high_water_readable = true;
    }
    enum error_code code = store->commit(store->context);
    drive->commits += code == ERR_OK;
    return code;
}

static void log_lines(struct drive *drive)
{
    struct span lines = updates_trace_text(drive->updates);
    if (drive->ports.log != NULL && lines.size > 0)
        drive->ports.log(drive->ports.context, lines);
}

static void send_messages(struct drive *drive)
{
    const struct link_port *link = &drive->ports.link;
    for (size_t i = 0; i < updates_outgoing_count(drive->updates); i++) {
        const struct outgoing *out = updates_outgoing(drive->updates, i);
        if (out->closes)
            link->close(link->context, out->link);
        else
            link->send(link->context, out->link, out->channel, out->type, out->body);
    }
}

static void give_answers(struct drive *drive)
{
    for (size_t i = 0; i < updates_answer_count(drive->updates); i++)
        drive->ports.answer(drive->ports.context, updates_answer_at(drive->updates, i));
}

static void deliver(struct drive *drive)
{
    log_lines(drive);
    if (!PLANTED(SEND_EARLY))
        send_messages(drive);
    if (!PLANTED(ANSWER_EARLY))
        give_answers(drive);
}

static void close_links(struct drive *drive, const struct event *events, size_t count)
{
    const struct link_port *link = &drive->ports.link;
    struct link_status status;
    for (size_t i = 0; i < replica_link_count(drive->replica); i++) {
        replica_link_status(drive->replica, &drive->ports.store.view, i, &status);
        link->close(link->context, status.link);
    }
    for (size_t i = 0; i < count; i++) { /* those that this batch would have greeted */
        if (events[i].kind == EVENT_LINK_UP)
            link->close(link->context, events[i].link_up.link);
    }
}

static void refuse_writers(struct drive *drive, const struct event *events, size_t count,
                           enum error_code code)
{
    for (size_t i = 0; i < count; i++) {
        struct answer answer = {0};
        if (events[i].kind != EVENT_WRITE)
            continue;
        answer.request = events[i].write.request;
        error_set(&answer.error, code, "store", "%s", error_sentence(code));
        error_next(&answer.error, code == ERR_FULL
                                      ? "free space on the disk, or raise store.map_mib in "
                                        "node.yaml and start again; then write again"
                                      : "see the node's log");
        drive->ports.answer(drive->ports.context, &answer);
    }
}

static enum error_code open_again(struct drive *drive)
{
    struct error error;
    if (PLANTED(MEMORY_KEPT))
        return ERR_OK;
    struct replica *former = drive->replica;
    drive->replica = NULL;
    drive->room_due_tick = 0;
    enum error_code code =
        replica_open(&drive->options, &drive->ports.store.view, &drive->replica, &error);
    if (code == ERR_OK) {
        replica_inherit(drive->replica, former);
        replica_hold(drive->replica, drive->hold);
    }
    replica_close(former);
    return code;
}

/* Nothing of the batch has happened: memory from the store again, writers told, links reset. */
static enum error_code start_over(struct drive *drive, const struct event *events, size_t count,
                                  enum error_code code)
{
    close_links(drive, events, count);
    refuse_writers(drive, events, count, code);
    if (drive->ports.log != NULL)
        drive->ports.log(drive->ports.context, span_of_text("commit failed: links reset\n"));
    drive->failed_commits++;
    if (code == ERR_FULL) {
        enum error_code opened = open_again(drive);
        return opened == ERR_OK ? ERR_FULL : opened;
    }
    replica_close(drive->replica);
    drive->replica = NULL;
    return code;
}

enum error_code drive_hold(struct drive *drive, enum replica_hold hold)
{
    bool dropped = drive->hold == HOLD_EVERYTHING && hold != HOLD_EVERYTHING;
    assert(drive->replica != NULL);
    drive->hold = hold;
    replica_hold(drive->replica, hold);
    if (!dropped)
        return ERR_OK;
    close_links(drive, NULL, 0);
    return open_again(drive);
}

static void look_for_room(struct drive *drive, uint64_t tick_ms)
{
    const struct store_port *store = &drive->ports.store;
    struct free_room room;
    if (store->room == NULL ||
        (tick_ms < drive->room_due_tick && drive->put_bytes < ROOM_EVERY_BYTES))
        return;
    drive->room_due_tick = tick_ms + ROOM_EVERY_MS;
    drive->put_bytes = 0;
    replica_set_room(drive->replica, store->room(store->context, &room) ? &room : NULL);
}

enum error_code drive_batch(struct drive *drive, struct event *events, size_t count)
{
    const struct store_port *store = &drive->ports.store;
    assert(count > 0 && drive->replica != NULL);
    drive->rows_put = false;
    look_for_room(drive, events[0].tick_ms);
    store->begin(store->context);
    enum error_code code = step_all(drive, events, count);
    if (PLANTED(SEND_EARLY) && code == ERR_OK)
        send_messages(drive);
    if (PLANTED(ANSWER_EARLY) && code == ERR_OK)
        give_answers(drive);
    if (code == ERR_OK)
        code = commit(drive);
    else
        store->abort(store->context);
    if (code == ERR_OK)
        deliver(drive);
    else
        code = start_over(drive, events, count, code);
    updates_clear(drive->updates);
    return code;
}

const struct replica *drive_replica(const struct drive *drive)
{
    return drive->replica;
}

uint64_t drive_deadline(const struct drive *drive)
{
    return drive->replica == NULL ? UINT64_MAX : replica_deadline(drive->replica);
}

uint64_t drive_commit_count(const struct drive *drive)
{
    return drive->commits;
}

uint64_t drive_failed_commit_count(const struct drive *drive)
{
    return drive->failed_commits;
}
