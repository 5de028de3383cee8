/* Group commit falls out of taking everything that is there: while one commit waits for the disk,
 * the next batch gathers. More than fits one batch waits in the queue, which says who comes first.
 */
#include "node/core_thread.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/core_summary.h"
#include "node/node.h"
#include "node/suspect.h"

enum {
    TRIM_AFTER_MS = 300, /* of quiet after load, memory goes back to the system */
    TRIM_LOAD_BYTES = 128 << 10,
    LOOK_AGAIN_MS = 1000,        /* while there is little room */
    LOOK_USUALLY_MS = 30 * 1000, /* otherwise, at the next batch */
    LOOK_AFTER_BYTES = 256 << 10,
    SEND_HEAD_BYTES = 4 + 1 + 1 + 1 + 4,
    TAKEN_BYTES = 4 + 4,
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void port_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                      struct span body)
{
    struct core *core = context;
    if (core->result == NULL)
        return; /* before the start there is no link */
    struct buffer *sends = &core->result->sends;
    buffer_reserve(sends, SEND_HEAD_BYTES + body.size);
    buffer_append_u32(sends, link);
    buffer_append_byte(sends, (uint8_t)channel);
    buffer_append_byte(sends, type);
    buffer_append_byte(sends, 0);
    buffer_append_u32(sends, (uint32_t)body.size);
    buffer_append_span(sends, body);
}

static void port_close(void *context, uint32_t link)
{
    struct core *core = context;
    if (core->result == NULL)
        return;
    struct buffer *sends = &core->result->sends;
    buffer_append_u32(sends, link);
    buffer_append_byte(sends, 0);
    buffer_append_byte(sends, 0);
    buffer_append_byte(sends, 1);
    buffer_append_u32(sends, 0);
}

bool core_send_next(struct span sends, size_t *at, struct core_send *send)
{
    if (*at == sends.size)
        return false;
    const uint8_t *head = sends.data + *at;
    size_t size = read_u32(head + 7);
    *send = (struct core_send){.link = read_u32(head),
                               .channel = (enum channel)head[4],
                               .type = head[5],
                               .closes = head[6] != 0,
                               .body = SPAN(head + SEND_HEAD_BYTES, size)};
    *at += SEND_HEAD_BYTES + size;
    return true;
}

bool core_taken_next(struct span taken, size_t *at, struct core_taken *one)
{
    if (*at == taken.size)
        return false;
    *one = (struct core_taken){read_u32(taken.data + *at), read_u32(taken.data + *at + 4)};
    *at += TAKEN_BYTES;
    return true;
}

/* The request number of a write is the address of its core_write: it lives until the batch is done.
 */
static void port_answer(void *context, const struct answer *answer)
{
    (void)context;
    struct core_write *write = (struct core_write *)(uintptr_t)answer->request;
    write->answered = true;
    write->record = answer->record;
    write->clock = answer->clock;
    if (answer->error.code != ERR_OK)
        write->error = mem_copy(&answer->error, sizeof answer->error);
}

static void port_log(void *context, struct span lines)
{
    struct core *core = context;
    log_lines(core->log, LOG_TRACE, lines);
}

enum error_code core_open(struct core *core, const struct replica_options *options,
                          struct store *store, const struct log *log, struct error *error)
{
    *core = (struct core){.files = store, .log = log};
    memcpy(core->seat, options->seat, sizeof core->seat);
    store_port(store, &core->store);
    struct drive_ports ports = {
        .store = core->store,
        .link = {.context = core, .send = port_send, .close = port_close},
        .context = core,
        .answer = port_answer,
        .log = log->level >= LOG_TRACE ? port_log : NULL,
    };
    return drive_open(options, &ports, &core->drive, error);
}

void core_keep_documents(struct core *core, const char *dir)
{
    core->replaced = document_log_new(dir, replica_tree(drive_replica(core->drive)));
}

/* What can't be written is told and given up: the node works on. */
static void keep_replaced(struct core *core, const struct tree *tree)
{
    struct error error = {0};
    if (core->replaced != NULL &&
        document_log_follow(core->replaced, tree, clock_ms(CLOCK_REALTIME), &error) != ERR_OK)
        log_line(core->log, LOG_ERROR, "a replaced document isn't kept: %s: %s", error.what,
                 error.why);
}

void core_close(struct core *core)
{
    document_log_free(core->replaced);
    drive_close(core->drive);
    core_queue_free(&core->queue);
    free(core->events);
}

static struct event *add_event(struct core *core, enum event_kind kind, size_t bytes)
{
    if (core->event_count == core->event_capacity) {
        core->event_capacity = core->event_capacity == 0 ? 16 : 2 * core->event_capacity;
        core->events = mem_resize(core->events, core->event_capacity * sizeof *core->events);
    }
    struct event *event = &core->events[core->event_count++];
    *event = (struct event){
        .kind = kind, .wall_ms = clock_ms(CLOCK_REALTIME), .tick_ms = clock_ms(CLOCK_MONOTONIC)};
    core->event_bytes += bytes;
    return event;
}

/* A disk that failed has lost what the kernel held: no retry, no cleaning up. */
static _Noreturn void end_process(const struct core *core, enum error_code code)
{
    struct error error;
    error_set(&error, code, "the store", "a commit failed: %s", error_sentence(code));
    error_next(&error, "check the disk, then start the node again: nothing that was "
                       "acknowledged is lost");
    if (core->log->file != STDERR_FILENO)
        log_line(core->log, LOG_ERROR, "%s: %s", error.what, error.why);
    node_print_error(&error);
    suspect_now("the disk answered with an error"); /* last: it may hang on such a disk */
    _exit(EXIT_FAILED);
}

/* Said once, not at every look. */
static void log_level(const struct core *core)
{
    static const char *const lines[] = {
        [STORE_ROOMY] = "there is room again: writes and what other nodes send are taken",
        [STORE_TIGHT] = "the store or the disk is full: nothing new is taken until there is room",
        [STORE_FULL] = "the store or the disk is full to the last: nothing can be written",
    };
    log_line(core->log, core->level == STORE_ROOMY ? LOG_INFO : LOG_ERROR, "%s",
             lines[core->level]);
}

/* How much room there is decides what is taken. `failed`: a commit found none. */
static void look_at_room(struct core *core, bool failed)
{
    static const enum replica_hold holds[] = {
        [STORE_ROOMY] = HOLD_NOTHING, [STORE_TIGHT] = HOLD_BLOCKS, [STORE_FULL] = HOLD_EVERYTHING};
    enum store_level level = store_level_look(core->files, failed);
    bool roomy = level == STORE_ROOMY;
    core->look_at_ms = clock_ms(CLOCK_MONOTONIC) + (roomy ? LOOK_USUALLY_MS : LOOK_AGAIN_MS);
    core->unlooked_bytes = 0;
    if (level == core->level)
        return;
    core->level = level;
    core->level_changed = true;
    log_level(core);
    enum error_code code = drive_hold(core->drive, holds[level]);
    if (code != ERR_OK)
        end_process(core, code);
}

static void look_when_due(struct core *core)
{
    if (core->unlooked_bytes >= LOOK_AFTER_BYTES || core->look_at_ms <= clock_ms(CLOCK_MONOTONIC))
        look_at_room(core, false);
}

static enum error_code run_batch(struct core *core)
{
    if (core->event_count == 0)
        return ERR_OK;
    enum error_code code = drive_batch(core->drive, core->events, core->event_count);
    core->load_bytes += core->event_bytes + core->event_count * sizeof *core->events;
    core->unlooked_bytes += core->event_bytes;
    core->event_count = 0;
    core->event_bytes = 0;
    if (code != ERR_OK && code != ERR_FULL)
        end_process(core, code);
    if (code == ERR_FULL)
        look_at_room(core, true);
    return code;
}

static void add_document(struct core *core, const struct document_file *file)
{
    struct event *event = add_event(core, EVENT_DOCUMENT, file->envelope.size);
    event->document.envelope = file->envelope;
    event->document.rows = file->rows;
    event->document.row_count = file->row_count;
    event->document.places = file->places;
    event->document.proofs = file->proofs;
    event->document.confirmed = file->confirmed;
}

enum error_code core_take_document(struct core *core, const struct document_file *file)
{
    add_document(core, file);
    return run_batch(core);
}

static void refuse_writes(struct core *core, struct core_writes *writes)
{
    struct store_fullness room;
    struct error error;
    store_fullness(core->files, &room);
    if (room.disk_is_nearer) {
        error_set(&error, ERR_FULL, "the disk is full",
                  "%llu MiB are free, and kept for what must "
                  "be written",
                  (unsigned long long)(room.disk_free_bytes >> 20));
        error_next(&error, "free space on it: writes are then taken again by themselves");
    } else {
        error_set(&error, ERR_FULL, "the store is full", "it holds %llu of %llu MiB",
                  (unsigned long long)(room.used_bytes >> 20),
                  (unsigned long long)(room.map_bytes >> 20));
        error_next(&error, "raise store.map_mib in node.yaml and start the node again");
    }
    for (size_t i = 0; i < writes->count; i++) {
        writes->writes[i].error = mem_copy(&error, sizeof error);
        writes->writes[i].answered = true;
    }
    core->result->taken_bytes += writes->argument_bytes;
}

static void add_writes(struct core *core, struct core_writes *writes)
{
    if (core->level != STORE_ROOMY) {
        refuse_writes(core, writes);
        return;
    }
    for (size_t i = 0; i < writes->count; i++) {
        struct core_write *write = &writes->writes[i];
        struct event *event = add_event(core, EVENT_WRITE, write->fields.size);
        event->write.request = (uintptr_t)write;
        event->write.kind = write->kind;
        event->write.type = write->type;
        event->write.record = write->record;
        event->write.transition = write->transition;
        event->write.fields = write->fields;
        event->write.request_id = write->request_id;
        event->write.import = write->import;
        event->write.import_row = write->import_row;
        event->write.import_after = write->import_after;
        event->write.only_check = write->only_check;
        event->write.to = write->to;
        event->write.seats = write->seats;
        event->write.with_private = write->with_private;
        event->write.reason = write->reason;
        event->write.endorses = write->endorses;
    }
    core->result->taken_bytes += writes->argument_bytes;
}

static void add_message(struct core *core, struct core_item *item)
{
    struct event *event = add_event(core, EVENT_MESSAGE, item->message.size);
    event->message.link = item->message.link;
    event->message.channel = item->message.channel;
    event->message.type = item->message.type;
    event->message.body = SPAN(item->body, item->message.size);
    core->result->taken_bytes += item->message.size;
    buffer_append_u32(&core->result->taken, item->message.link);
    buffer_append_u32(&core->result->taken, item->message.size);
}

/* Makes events of an item; true: a status is asked for. */
static bool add_item(struct core *core, struct core_item *item)
{
    struct event *event;
    switch (item->kind) {
    case CORE_LINK_UP:
        event = add_event(core, EVENT_LINK_UP, 0);
        event->link_up.link = item->up.link;
        event->link_up.uplink = item->up.uplink;
        event->link_up.over = item->up.over;
        memcpy(event->link_up.peer_key, item->up.peer_key, KEY_BYTES);
        break;
    case CORE_LINK_DOWN: add_event(core, EVENT_LINK_DOWN, 0)->link_down = item->down; break;
    case CORE_MESSAGE: add_message(core, item); break;
    case CORE_WRITES: add_writes(core, &item->writes); break;
    case CORE_MARKS: break;
    case CORE_DOCUMENT: add_document(core, &item->document->file); break;
    case CORE_SEEK:
        add_event(core, EVENT_SEEK, 0)->seek = SPAN(item->body, item->seek_bytes);
        break;
    case CORE_STATUS: return true;
    case CORE_END: core->result->ended = true; break;
    }
    return false;
}

static void settle_writes(struct core_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++)
        assert(writes->writes[i].answered); /* drive answers every write of its batch */
}

/* Items of the batch that is over: answered writes go back, the others are done with. */
static void settle_items(struct core *core, struct core_item *first)
{
    struct inbox_event **last = NULL;
    core->result->writes = NULL;
    while (first != NULL) {
        struct core_item *item = first;
        first = (struct core_item *)first->event.next;
        if (item->kind == CORE_MARKS) {
            core_marks_fill(core->drive, &core->store.view, item->marks);
            item->event.next = (struct inbox_event *)core->result->marks;
            core->result->marks = item;
            continue;
        }
        if (item->kind == CORE_DOCUMENT) {
            core_document_judge(replica_tree(drive_replica(core->drive)), item->document);
            item->event.next = (struct inbox_event *)core->result->documents;
            core->result->documents = item;
            continue;
        }
        if (item->kind != CORE_WRITES) {
            core_item_free(item);
            continue;
        }
        settle_writes(&item->writes);
        item->event.next = NULL;
        if (last == NULL)
            core->result->writes = item;
        else
            *last = &item->event;
        last = &item->event.next;
    }
}

static bool is_empty(const struct core_result *result)
{
    return result->sends.size == 0 && result->writes == NULL && result->marks == NULL &&
           result->documents == NULL && result->tree == NULL && result->status == NULL &&
           result->taken_bytes == 0 && !result->ended;
}

static void push_result(struct core *core, bool status_wanted)
{
    struct core_result *result = core->result;
    const struct tree *tree = replica_tree(drive_replica(core->drive));
    if (tree_change_count(tree) != core->tree_seen) {
        core->tree_seen = tree_change_count(tree);
        keep_replaced(core, tree);
        result->tree = core_tree_make(tree, core->seat);
    }
    if (status_wanted)
        result->status =
            core_status_make(core->drive, &core->store.view, clock_ms(CLOCK_MONOTONIC));
    if (status_wanted)
        result->status->level = core->level;
    core->load_bytes += result->sends.size;
    core->ended = result->ended;
    core->result = NULL;
    if (is_empty(result))
        core_result_free(result);
    else
        inbox_push(core->results, &result->event);
}

/* When the core wants to be called again though nothing came. */
static uint64_t deadline_ms(const struct core *core)
{
    uint64_t deadline = drive_deadline(core->drive);
    return core->level != STORE_ROOMY && core->look_at_ms < deadline ? core->look_at_ms : deadline;
}

/* The queue's next batch, to its commit and its result. */
static void take_batch(struct core *core)
{
    struct core_item *first = core_queue_take(&core->queue, BATCH_EVENTS_MAX, BATCH_BYTES_MAX);
    bool status_wanted = false;
    core->result = mem_alloc(sizeof *core->result);
    look_when_due(core);
    for (struct core_item *item = first; item != NULL;
         item = (struct core_item *)item->event.next) {
        if (add_item(core, item))
            status_wanted = true;
    }
    if (core->level_changed || deadline_ms(core) <= clock_ms(CLOCK_MONOTONIC))
        add_event(core, EVENT_TIME, 0);
    core->level_changed = false;
    run_batch(core);
    settle_items(core, first);
    push_result(core, status_wanted);
}

/* Until the core's deadline, or until it has been quiet for long enough to give memory back. */
static int64_t wait_ms(const struct core *core)
{
    uint64_t deadline = deadline_ms(core), now = clock_ms(CLOCK_MONOTONIC);
    int64_t most = core->load_bytes >= TRIM_LOAD_BYTES ? TRIM_AFTER_MS : -1;
    if (deadline == UINT64_MAX)
        return most;
    int64_t left = deadline > now ? (int64_t)(deadline - now) : 0;
    return most >= 0 && most < left ? most : left;
}

static void give_memory_back(struct core *core)
{
    free(core->events);
    core->events = NULL;
    core->event_capacity = 0;
    core->load_bytes = 0;
    malloc_trim(0);
}

static void run(struct worker *worker, void *context)
{
    struct core *core = context;
    while (!core->ended) {
        bool rests = core_queue_empty(&core->queue);
        struct inbox_event *first = worker_take_all(worker, rests ? wait_ms(core) : 0, NULL);
        while (first != NULL) {
            struct inbox_event *next = first->next;
            core_queue_add(&core->queue, (struct core_item *)first);
            first = next;
        }
        if (!core_queue_empty(&core->queue) || deadline_ms(core) <= clock_ms(CLOCK_MONOTONIC))
            take_batch(core);
        else if (core->load_bytes >= TRIM_LOAD_BYTES)
            give_memory_back(core);
    }
}

struct core_tree *core_tree_now(const struct core *core)
{
    return core_tree_make(replica_tree(drive_replica(core->drive)), core->seat);
}

int core_start(struct core *core, struct inbox *results)
{
    core->results = results;
    core->tree_seen = UINT64_MAX; /* so that the first result brings the tree */
    return worker_start(&core->worker, run, core);
}

void core_push(struct core *core, struct core_item *item)
{
    worker_push(&core->worker, &item->event);
}

void core_join(struct core *core)
{
    worker_stop(&core->worker);
}
