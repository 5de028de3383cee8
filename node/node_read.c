/* Reads never wait for the core: each runs on a pool thread with a snapshot of its own and a tree
 * that the readers share. A list goes in steps: between two of them it holds no snapshot, and it
 * waits while its client doesn't read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/node_parts.h"
#include "replication/query/query_rollup.h"

enum { LIST_STEP = 100, RECORDS_STEP = 1000, ANSWER_ROOM = 1024, GETS_TOGETHER = 16 };

struct read_job {
    uv_work_t work;
    struct node *node;
    struct read_job *next, *before; /* in node->reads */
    struct read_job *same; /* of a get: the next one in its step, or that waits for a step */
    struct api_call call;
    enum read_kind kind;
    uint8_t *arguments; /* owned copy; the spans below point into it */
    struct span type, name;
    struct list_query query;       /* of a list */
    struct rollup_question rollup; /* spans into `arguments`, too */
    struct record_id id;
    uint64_t limit; /* of a list: how many more */
    bool overdue;
    uint64_t now_ms;
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
    struct buffer index; /* of a list: the names of the index's fields, and */
    uint64_t examined;   /* ... how many records were read */
};

/* Answered in pieces, with a cursor. */
static bool is_list(enum read_kind kind)
{
    return kind == READ_LIST || kind == READ_CONFLICTS || kind == READ_ASIDE ||
           kind == READ_WATCH || kind == READ_REVOKED;
}

static void run_list(struct read_job *job, const struct view *view, const struct tree *tree,
                     size_t step)
{
    struct list_plan plan = {0};
    job->code = query_list_by(view, tree, &job->query, step, &job->cursor, &plan, &job->out,
                              &job->count, &job->error);
    job->examined += plan.examined;
    buffer_clear(&job->index);
    query_index_names(tree, job->query.type, &plan, &job->index);
}

static void run_query(struct read_job *job, const struct view *view, const struct tree *tree)
{
    const struct node_config *config = &job->node->config;
    uint64_t step = job->limit < LIST_STEP ? job->limit : LIST_STEP;
    switch (job->kind) {
    case READ_GET:
        job->code = query_record_at(view, tree, config->seat, job->now_ms, job->type, &job->id,
                                    &job->out, &job->error);
        break;
    case READ_LIST:
        if (job->overdue)
            job->code = query_overdue(view, tree, job->now_ms, job->type, (size_t)step,
                                      &job->cursor, &job->out, &job->count, &job->error);
        else
            run_list(job, view, tree, job->limit < RECORDS_STEP ? job->limit : RECORDS_STEP);
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
        job->rollup.freshness_ms = config->freshness_ms;
        job->code = query_rollup_of(view, tree, config->seat, &job->rollup, &job->out, &job->error);
        break;
    case READ_HISTORY:
        job->streams = mem_alloc(sizeof *job->streams);
        job->code = query_history(view, tree, config->seat, job->now_ms, job->type, &job->id,
                                  job->streams, &job->out, &job->error);
        break;
    case READ_TYPES: job->code = query_types(tree, &job->out, &job->error); break;
    case READ_IMPORTED: query_imported(view, job->name, &job->out); break;
    case READ_HEADS:
        job->code =
            query_heads(view, tree, job->name.size > 0 ? job->name : span_of_text(config->seat),
                        &job->out, &job->error);
        break;
    case READ_ROLL_CALL:
        job->code = query_roll_call(view, tree, config->seat,
                                    job->name.size > 0 ? job->name : span_of_text(config->seat),
                                    &job->out, &job->error);
        break;
    case READ_STATUS: break;
    }
}

/* What goes wrong before any of them is read goes wrong for all gets of a step. */
static void fail_same(struct read_job *job)
{
    for (struct read_job *one = job->same; one != NULL; one = one->same) {
        one->code = job->code;
        one->error = job->error;
    }
}

static void work(uv_work_t *work)
{
    struct read_job *job = work->data;
    struct store_snapshot *snapshot;
    struct view view;
    job->count = 0;
    job->code = store_snapshot_begin(job->node->store, &snapshot, &view, &job->error);
    if (job->code != ERR_OK) {
        fail_same(job);
        return;
    }
    bool counts = job->kind == READ_STATUS;
    struct shared_tree *shared = node_read_tree(job->node, &view, &job->error);
    if (counts)
        node_status_count(&view, snapshot, &job->counts);
    if (shared != NULL && counts) {
        query_alarms(&view, shared->tree, job->node->config.seat, &job->counts.alarms);
        job->counts.retained_types = query_retained_types(shared->tree);
    }
    for (struct read_job *one = job; shared != NULL && !counts && one != NULL; one = one->same)
        run_query(one, &view, shared->tree);
    if (shared == NULL && !counts) {
        job->code = job->error.code;
        fail_same(job);
    }
    if (shared != NULL)
        node_read_tree_release(job->node, shared, &view);
    store_snapshot_end(snapshot);
}

static void job_free(struct read_job *job)
{
    *(job->before == NULL ? &job->node->reads : &job->before->next) = job->next;
    if (job->next != NULL)
        job->next->before = job->before;
    buffer_free(&job->out);
    buffer_free(&job->cursor);
    buffer_free(&job->index);
    buffer_free(&job->counts.alarms);
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
    bool explained = job->index.size > 0;
    mp_write_map(&value, explained ? 3 : 1);
    mp_write_text(&value, "cursor");
    mp_write_bin(&value, span_of_buffer(&job->cursor));
    if (explained) {
        mp_write_text(&value, "index");
        buffer_append_span(&value, span_of_buffer(&job->index));
        mp_write_text(&value, "examined");
        mp_write_uint(&value, job->examined);
    }
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

/* As many steps of gets as there are threads; those that come meanwhile go together in the next
 * one, with one snapshot and one waking of a thread. Nothing waits where little is asked. */
static void run_gets(struct node *node)
{
    while (node->gets != NULL && node->get_steps < READ_THREADS) {
        struct read_job *first = node->gets, *last = first;
        for (unsigned i = 1; i < GETS_TOGETHER && last->same != NULL; i++)
            last = last->same;
        node->gets = last->same;
        last->same = NULL;
        node->get_steps++;
        run_step(first);
    }
}

static void wait_to_get(struct read_job *job)
{
    struct node *node = job->node;
    *(node->gets == NULL ? &node->gets : &node->last_get->same) = job;
    node->last_get = job;
    run_gets(node);
}

static void answer_get(struct read_job *job)
{
    if (job->code == ERR_DAMAGED)
        node_scrub_doubt(job->node);
    if (job->code != ERR_OK)
        answer_error(job);
    else
        answer_whole(job);
    job_free(job);
}

static void worked(uv_work_t *work, int status)
{
    struct read_job *job = work->data, *same;
    struct node *node = job->node;
    (void)status; /* never cancelled in libuv's queue */
    node->running_reads--;
    if (!node->stopping)
        uv_timer_start(&node->cache_timer, node_read_cache_timer, READ_CACHE_MS, 0);
    if (job->kind == READ_GET) {
        node->get_steps--;
        run_gets(node);
        for (; job != NULL; job = same) {
            same = job->same;
            answer_get(job);
        }
        return;
    }
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
    struct argument all[] = {{.name = "type"},     {.name = "limit"},   {.name = "where"},
                             {.name = "cursor"},   {.name = "deleted"}, {.name = "overdue"},
                             {.name = "at_least"}, {.name = "above"},   {.name = "at_most"},
                             {.name = "below"},    {.name = "past"}};
    bool past = false;
    struct list_query *query = &job->query;
    struct span cursor = SPAN_EMPTY;
    job->limit = LIST_LIMIT_DEFAULT;
    if (!arguments_read(args, all, 11, &job->error) ||
        !argument_bool(&all[5], &job->overdue, &job->error) ||
        !argument_text(&all[0], !job->overdue, &job->type, &job->error) ||
        !argument_uint(&all[1], &job->limit, &job->error) ||
        !argument_map(&all[2], false, &query->where, &job->error) ||
        !argument_bin(&all[3], &cursor, &job->error) ||
        !argument_bool(&all[4], &query->deleted_too, &job->error) ||
        !argument_map(&all[6], false, &query->at_least, &job->error) ||
        !argument_map(&all[7], false, &query->above, &job->error) ||
        !argument_map(&all[8], false, &query->at_most, &job->error) ||
        !argument_map(&all[9], false, &query->below, &job->error) ||
        !argument_bool(&all[10], &past, &job->error))
        return false;
    query->type = job->type;
    query->now_ms = past ? 0 : job->now_ms;
    buffer_append_span(&job->cursor, cursor);
    return true;
}

static bool read_rollup_arguments(struct read_job *job, struct span args)
{
    struct argument all[] = {{.name = "name"}, {.name = "by"},    {.name = "period"},
                             {.name = "each"}, {.name = "since"}, {.name = "verify"}};
    return arguments_read(args, all, 6, &job->error) &&
           argument_text(&all[0], false, &job->rollup.name, &job->error) &&
           argument_text(&all[1], false, &job->rollup.by, &job->error) &&
           argument_text(&all[2], false, &job->rollup.period, &job->error) &&
           argument_text(&all[3], false, &job->rollup.each, &job->error) &&
           argument_uint(&all[4], &job->rollup.since_ms, &job->error) &&
           argument_bool(&all[5], &job->rollup.verify, &job->error);
}

static bool read_arguments(struct read_job *job, struct span args)
{
    struct argument get[] = {{.name = "type"}, {.name = "id"}};
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
    case READ_ROLLUP: return read_rollup_arguments(job, args);
    case READ_IMPORTED:
        return arguments_read(args, imported, 1, &job->error) &&
               argument_text(&imported[0], true, &job->name, &job->error);
    case READ_ROLL_CALL:
    case READ_HEADS:
        return arguments_read(args, heads, 1, &job->error) &&
               argument_text(&heads[0], false, &job->name, &job->error);
    case READ_TYPES:
    case READ_STATUS: break;
    }
    return true;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void node_read_begin(struct node *node, struct api_call call, enum read_kind kind, struct span args)
{
    struct read_job *job = mem_alloc(sizeof *job);
    job->node = node;
    job->call = call;
    job->kind = kind;
    job->now_ms = wall_ms();
    job->work.data = job;
    job->next = node->reads;
    if (node->reads != NULL)
        node->reads->before = job;
    node->reads = job;
    if (args.size > 0)
        job->arguments = mem_copy(args.data, args.size);
    if (!read_arguments(job, SPAN(job->arguments, args.size))) {
        answer_error(job);
        job_free(job);
    } else if (is_list(kind) && job->limit == 0) {
        answer_list_end(job);
        job_free(job);
    } else if (kind == READ_GET) {
        wait_to_get(job);
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
