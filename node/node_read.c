/* Reads never wait for the core: each runs on a pool thread with a snapshot of its own and a tree
 * that the readers share. A list goes in steps: between two of them it holds no snapshot, and it
 * waits while its client doesn't read. */
#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "node/node_parts.h"

enum { LIST_STEP = 100, ANSWER_ROOM = 1024 };

struct read_job {
    uv_work_t work;
    struct node *node;
    struct read_job *next; /* in node->reads */
    struct api_call call;
    enum read_kind kind;
    uint8_t *arguments; /* owned copy; the spans below point into it */
    struct span type, where, name, by;
    struct record_id id;
    uint64_t limit; /* of a list: how many more */
    bool deleted;
    struct buffer cursor;
    bool cancelled, stalled;
    bool ends;             /* a watch that doesn't wait for more */
    bool waiting;          /* a watch that has told all there is */
    uint64_t results_seen; /* of the core's, when this step began */
    size_t cursor_size;    /* and its cursor then: the same afterwards, there is no more */
    uint8_t cursor_before[WATCH_CURSOR_BYTES];
    /* what a step gave */
    struct buffer out;
    size_t count;
    struct store_counts counts;
    struct history_streams *streams; /* of a history; owned */
    enum error_code code;
    struct error error;
};

/* Answered in pieces, with a cursor. */
static bool is_list(enum read_kind kind)
{
    return kind == READ_LIST || kind == READ_CONFLICTS || kind == READ_ASIDE ||
           kind == READ_WATCH || kind == READ_REVOKED;
}

/* On a pool thread: the readers' tree for this snapshot, built anew when documents have changed. */
static struct shared_tree *tree_acquire(struct node *node, const struct view *view,
                                        struct error *error)
{
    uint64_t stamp = query_tree_stamp(view);
    uv_mutex_lock(&node->read_mutex);
    struct shared_tree *shared = node->shared_tree;
    if (shared != NULL && shared->stamp == stamp)
        shared->users++;
    else
        shared = NULL;
    uv_mutex_unlock(&node->read_mutex);
    if (shared != NULL)
        return shared;
    struct tree *tree = query_tree(view, &node->config.tree_id, error);
    if (tree == NULL)
        return NULL;
    tree_set_seal_key(tree, &node->seal);
    shared = mem_alloc(sizeof *shared);
    *shared = (struct shared_tree){.tree = tree, .stamp = stamp, .users = 1};
    return shared;
}

static void tree_free_shared(struct shared_tree *shared)
{
    if (shared == NULL)
        return;
    tree_free(shared->tree);
    free(shared);
}

/* The newest one is kept for the next reader. */
static void tree_release(struct node *node, struct shared_tree *shared)
{
    struct shared_tree *dead = NULL;
    uv_mutex_lock(&node->read_mutex);
    shared->users--;
    if (node->shared_tree != shared) {
        struct shared_tree *kept = node->shared_tree;
        bool newer = kept == NULL || (kept->users == 0 && kept->stamp != shared->stamp);
        if (newer && shared->users == 0) {
            node->shared_tree = shared;
            dead = kept;
        } else if (shared->users == 0) {
            dead = shared;
        }
    }
    uv_mutex_unlock(&node->read_mutex);
    tree_free_shared(dead);
}

void node_read_drop_cache(struct node *node)
{
    uv_mutex_lock(&node->read_mutex);
    struct shared_tree *shared = node->shared_tree;
    if (shared != NULL && shared->users == 0)
        node->shared_tree = NULL;
    else
        shared = NULL;
    uv_mutex_unlock(&node->read_mutex);
    tree_free_shared(shared);
}

void node_read_cache_timer(uv_timer_t *timer)
{
    node_read_drop_cache(timer->data);
    malloc_trim(0);
}

static void run_query(struct read_job *job, const struct view *view, const struct tree *tree)
{
    const struct node_config *config = &job->node->config;
    uint64_t step = job->limit < LIST_STEP ? job->limit : LIST_STEP;
    switch (job->kind) {
    case READ_GET:
        job->code = query_record(view, tree, job->type, &job->id, &job->out, &job->error);
        break;
    case READ_LIST:
        job->code = query_list(view, tree, job->type, job->where, job->deleted, (size_t)step,
                               &job->cursor, &job->out, &job->count, &job->error);
        break;
    case READ_CONFLICTS:
        job->code = query_conflicts(view, tree, job->type, (size_t)step, &job->cursor, &job->out,
                                    &job->count, &job->error);
        break;
    case READ_ASIDE:
        job->code = query_aside(view, tree, config->seat, (size_t)step, &job->cursor, &job->out,
                                &job->count, &job->error);
        break;
    case READ_REVOKED:
        job->code = query_revoked(view, tree, &(struct revoked_of){job->name, job->type, job->id},
                                  (size_t)step, &job->cursor, &job->out, &job->count, &job->error);
        break;
    case READ_WATCH:
        job->code = query_watch(view, tree, job->type, (size_t)step, &job->cursor, &job->out,
                                &job->count, &job->error);
        break;
    case READ_ROLLUP:
        job->code = query_rollup(view, tree, config->seat, job->name, job->by, config->freshness_ms,
                                 &job->out, &job->error);
        break;
    case READ_HISTORY:
        job->streams = mem_alloc(sizeof *job->streams);
        job->code = query_history(view, tree, config->seat, job->type, &job->id, job->streams,
                                  &job->out, &job->error);
        break;
    case READ_TYPES: job->code = query_types(tree, &job->out, &job->error); break;
    case READ_IMPORTED: query_imported(view, job->name, &job->out); break;
    case READ_HEADS:
        job->code =
            query_heads(view, tree, job->name.size > 0 ? job->name : span_of_text(config->seat),
                        &job->out, &job->error);
        break;
    case READ_STATUS: break;
    }
}

static void work(uv_work_t *work)
{
    struct read_job *job = work->data;
    struct store_snapshot *snapshot;
    struct view view;
    job->count = 0;
    job->code = store_snapshot_begin(job->node->store, &snapshot, &view, &job->error);
    if (job->code != ERR_OK)
        return;
    if (job->kind == READ_STATUS) {
        node_status_count(&view, snapshot, &job->counts);
    } else {
        struct shared_tree *shared = tree_acquire(job->node, &view, &job->error);
        if (shared != NULL) {
            run_query(job, &view, shared->tree);
            tree_release(job->node, shared);
        } else {
            job->code = job->error.code;
        }
    }
    store_snapshot_end(snapshot);
}

static void job_free(struct read_job *job)
{
    struct read_job **at = &job->node->reads;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    buffer_free(&job->out);
    buffer_free(&job->cursor);
    free(job->streams);
    free(job->arguments);
    free(job);
}

static void answer(struct read_job *job, enum api_status status, struct span value,
                   const struct error *error)
{
    if (job->node->api != NULL)
        api_answer(job->node->api, job->call, status, value, error);
}

static void answer_error(struct read_job *job)
{
    answer(job, API_ERROR, SPAN_EMPTY, &job->error);
}

static void answer_whole(struct read_job *job)
{
    if (job->out.size + ANSWER_ROOM > API_MESSAGE_BYTES_MAX) {
        error_set(&job->error, ERR_OVERSIZE, "the answer", "it has %zu bytes, a message %d at most",
                  job->out.size, API_MESSAGE_BYTES_MAX);
        answer_error(job);
    } else {
        answer(job, API_DONE, span_of_buffer(&job->out), NULL);
    }
}

/* Sends the next records as one message, as many as fit; answers how many: 0, one alone is too
 * long. */
static size_t answer_some(struct read_job *job, struct mp_reader *reader, size_t left)
{
    struct buffer records = {0}, value = {0};
    size_t taken = 0;
    for (; taken < left; taken++) {
        struct mp_reader before = *reader;
        struct span record = mp_read_any(reader);
        assert(!reader->failed);
        if (records.size + record.size + ANSWER_ROOM > API_MESSAGE_BYTES_MAX) {
            *reader = before;
            break;
        }
        buffer_append_span(&records, record);
    }
    mp_write_array(&value, (uint32_t)taken);
    buffer_append_span(&value, span_of_buffer(&records));
    if (taken > 0)
        answer(job, API_MORE, span_of_buffer(&value), NULL);
    buffer_free(&records);
    buffer_free(&value);
    return taken;
}

static void answer_list_end(struct read_job *job)
{
    struct buffer value = {0};
    mp_write_map(&value, 1);
    mp_write_text(&value, "cursor");
    mp_write_bin(&value, span_of_buffer(&job->cursor));
    answer(job, API_DONE, span_of_buffer(&value), NULL);
    buffer_free(&value);
}

static void worked(uv_work_t *work, int status);

static void run_step(struct read_job *job)
{
    job->stalled = job->waiting = false;
    job->results_seen = job->node->core_results;
    job->cursor_size = job->cursor.size;
    if (job->kind == READ_WATCH && job->cursor.size == WATCH_CURSOR_BYTES)
        memcpy(job->cursor_before, job->cursor.data, WATCH_CURSOR_BYTES);
    if (uv_queue_work(&job->node->loop, &job->work, work, worked) != 0)
        abort(); /* only for arguments that can't be */
    job->node->running_reads++;
}

/* The next step of a list, when its client reads; else it waits for node_read_drained. */
static void go_on(struct read_job *job)
{
    struct node *node = job->node;
    if (job->cancelled || node->api == NULL || !api_has(node->api, job->call.client)) {
        answer_list_end(job);
        job_free(job);
    } else if (api_ready(node->api, job->call.client)) {
        run_step(job);
    } else {
        job->stalled = true;
    }
}

static bool answer_step(struct read_job *job)
{
    struct mp_reader reader = api_reader(span_of_buffer(&job->out));
    size_t sent = 0;
    while (sent < job->count && !job->cancelled) {
        size_t some = answer_some(job, &reader, job->count - sent);
        if (some == 0) {
            error_set(&job->error, ERR_OVERSIZE, "list",
                      "a record is longer than a message of %d "
                      "bytes",
                      API_MESSAGE_BYTES_MAX);
            return false;
        }
        sent += some;
    }
    job->limit -= job->count;
    return true;
}

/* A watch that has told all there is waits for the core's next result. */
static bool watch_waits(struct read_job *job)
{
    struct node *node = job->node;
    if (job->kind != READ_WATCH || job->ends || job->cancelled || node->stopping ||
        job->results_seen != node->core_results || job->cursor_size != WATCH_CURSOR_BYTES ||
        memcmp(job->cursor_before, job->cursor.data, WATCH_CURSOR_BYTES) != 0)
        return false;
    job->waiting = true;
    if (!uv_is_active((uv_handle_t *)&node->watch_timer))
        uv_timer_start(&node->watch_timer, node_read_watch_timer, WATCH_LOOK_MS, 0);
    return true;
}

/* Whether a watch that ends by itself has told all there is. */
static bool watch_is_done(const struct read_job *job)
{
    return job->kind == READ_WATCH && job->ends && job->cursor_size == WATCH_CURSOR_BYTES &&
           memcmp(job->cursor_before, job->cursor.data, WATCH_CURSOR_BYTES) == 0;
}

static void look_again(struct node *node)
{
    struct read_job *next;
    for (struct read_job *job = node->reads; job != NULL; job = next) {
        next = job->next;
        if (job->waiting)
            go_on(job);
    }
}

void node_read_committed(struct node *node)
{
    node->core_results++;
    look_again(node);
}

void node_read_watch_timer(uv_timer_t *timer)
{
    look_again(timer->data);
}

static void list_step_done(struct read_job *job)
{
    bool right = answer_step(job);
    buffer_free(&job->out);
    if (right && watch_waits(job))
        return;
    if (right && job->cursor.size > 0 && job->limit > 0 && !watch_is_done(job)) {
        go_on(job);
        return;
    }
    if (right)
        answer_list_end(job);
    else
        answer_error(job);
    job_free(job);
}

static void answer_status(struct read_job *job)
{
    struct buffer value = {0};
    node_status_write(job->node, &job->counts, &value);
    answer(job, API_DONE, span_of_buffer(&value), NULL);
    buffer_free(&value);
}

static void worked(uv_work_t *work, int status)
{
    struct read_job *job = work->data;
    struct node *node = job->node;
    (void)status; /* never cancelled in libuv's queue */
    node->running_reads--;
    if (!node->stopping)
        uv_timer_start(&node->cache_timer, node_read_cache_timer, READ_CACHE_MS, 0);
    if (job->code == ERR_OK && is_list(job->kind)) {
        list_step_done(job);
        return;
    }
    if (job->code == ERR_DAMAGED)
        node_scrub_doubt(node);
    if (job->code != ERR_OK)
        answer_error(job);
    else if (job->kind == READ_STATUS)
        answer_status(job);
    else if (job->kind == READ_HISTORY && !node->stopping)
        node_history_ask(node, job->call, &job->out, job->streams);
    else
        answer_whole(job);
    job_free(job);
}

static bool read_aside_arguments(struct read_job *job, struct span args)
{
    struct argument all[] = {
        {.name = "limit"}, {.name = "cursor"}, {.name = "type"}, {.name = "ends"}};
    struct span cursor = SPAN_EMPTY;
    size_t count = job->kind == READ_WATCH ? 4 : job->kind == READ_CONFLICTS ? 3 : 2;
    job->limit = INT64_MAX;
    if (!arguments_read(args, all, count, &job->error) ||
        !argument_uint(&all[0], &job->limit, &job->error) ||
        !argument_bin(&all[1], &cursor, &job->error) ||
        !argument_text(&all[2], false, &job->type, &job->error) ||
        !argument_bool(&all[3], &job->ends, &job->error))
        return false;
    buffer_append_span(&job->cursor, cursor);
    return true;
}

/* Of one seat, or of one record: its type and its id. */
static bool read_revoked_arguments(struct read_job *job, struct span args)
{
    struct argument all[] = {
        {.name = "limit"}, {.name = "cursor"}, {.name = "seat"}, {.name = "type"}, {.name = "id"}};
    struct span cursor = SPAN_EMPTY;
    job->limit = INT64_MAX;
    if (!arguments_read(args, all, 5, &job->error) ||
        !argument_uint(&all[0], &job->limit, &job->error) ||
        !argument_bin(&all[1], &cursor, &job->error) ||
        !argument_text(&all[2], false, &job->name, &job->error) ||
        !argument_text(&all[3], false, &job->type, &job->error) ||
        (job->type.size > 0 && !argument_record(&all[4], &job->id, &job->error)))
        return false;
    buffer_append_span(&job->cursor, cursor);
    return true;
}

static bool read_list_arguments(struct read_job *job, struct span args)
{
    struct argument all[] = {{.name = "type"},
                             {.name = "limit"},
                             {.name = "where"},
                             {.name = "cursor"},
                             {.name = "deleted"}};
    struct span cursor = SPAN_EMPTY;
    job->limit = LIST_LIMIT_DEFAULT;
    if (!arguments_read(args, all, 5, &job->error) ||
        !argument_text(&all[0], true, &job->type, &job->error) ||
        !argument_uint(&all[1], &job->limit, &job->error) ||
        !argument_map(&all[2], false, &job->where, &job->error) ||
        !argument_bin(&all[3], &cursor, &job->error) ||
        !argument_bool(&all[4], &job->deleted, &job->error))
        return false;
    buffer_append_span(&job->cursor, cursor);
    return true;
}

static bool read_arguments(struct read_job *job, struct span args)
{
    struct argument get[] = {{.name = "type"}, {.name = "id"}};
    struct argument rollup[] = {{.name = "name"}, {.name = "by"}};
    struct argument imported[] = {{.name = "name"}};
    struct argument heads[] = {{.name = "seat"}};
    switch (job->kind) {
    case READ_HISTORY:
    case READ_GET:
        return arguments_read(args, get, 2, &job->error) &&
               argument_text(&get[0], true, &job->type, &job->error) &&
               argument_record(&get[1], &job->id, &job->error);
    case READ_LIST: return read_list_arguments(job, args);
    case READ_CONFLICTS:
    case READ_WATCH:
    case READ_ASIDE: return read_aside_arguments(job, args);
    case READ_REVOKED: return read_revoked_arguments(job, args);
    case READ_ROLLUP:
        return arguments_read(args, rollup, 2, &job->error) &&
               argument_text(&rollup[0], true, &job->name, &job->error) &&
               argument_text(&rollup[1], false, &job->by, &job->error);
    case READ_IMPORTED:
        return arguments_read(args, imported, 1, &job->error) &&
               argument_text(&imported[0], true, &job->name, &job->error);
    case READ_HEADS:
        return arguments_read(args, heads, 1, &job->error) &&
               argument_text(&heads[0], false, &job->name, &job->error);
    case READ_TYPES:
    case READ_STATUS: break;
    }
    return true;
}

void node_read_begin(struct node *node, struct api_call call, enum read_kind kind, struct span args)
{
    struct read_job *job = mem_alloc(sizeof *job);
    job->node = node;
    job->call = call;
    job->kind = kind;
    job->work.data = job;
    job->next = node->reads;
    node->reads = job;
    if (args.size > 0)
        job->arguments = mem_copy(args.data, args.size);
    if (!read_arguments(job, SPAN(job->arguments, args.size))) {
        answer_error(job);
        job_free(job);
    } else if (is_list(kind) && job->limit == 0) {
        answer_list_end(job);
        job_free(job);
    } else {
        run_step(job);
    }
}

void node_read_cancel(struct node *node, struct api_call call)
{
    for (struct read_job *job = node->reads; job != NULL; job = job->next) {
        if (job->call.client != call.client || job->call.id != call.id)
            continue;
        job->cancelled = true;
        if (job->stalled || job->waiting)
            go_on(job);
        return;
    }
}

void node_read_drained(struct node *node, uint64_t client)
{
    struct read_job *next;
    for (struct read_job *job = node->reads; job != NULL; job = next) {
        next = job->next;
        if (job->stalled && job->call.client == client)
            go_on(job);
    }
}

void node_read_stop(struct node *node)
{
    struct read_job *next;
    for (struct read_job *job = node->reads; job != NULL; job = next) {
        next = job->next;
        job->cancelled = true;
        if (job->stalled || job->waiting)
            go_on(job);
    }
}
