/* SQL on threads of its own: a query may take as long as its limit, and neither the core, nor the
 * loop, nor other reads notice. Each runs over a snapshot of its own, which ends with it: by its
 * own time, when the store's file grows too far because pages are kept for it, when nobody reads
 * its rows, or when the node stops.
 *
 *     loop: request -> queue -> thread: snapshot, sql_run -> pieces -> loop: answers */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "node/node_parts.h"
#include "node/sql/sql.h"

enum {
    SQL_THREADS = 2,
    SQL_QUEUE_MAX = 64,
    SQL_PIECE_BYTES = 64 << 10, /* rows go when there are so many bytes of them */
    SQL_PIECE_MS = 200,         /* or when the first of them has waited so long */
    SQL_WAITING_BYTES_MAX = 512 << 10,
    SQL_PATIENCE_MS = 5000, /* with a client that doesn't read */
    SQL_IDLE_MS = 10000,    /* then an engine gives its memory back */
    SQL_SECONDS_USUAL = 30,
    SQL_SECONDS_MOST = 3600,
    SQL_ROWS_USUAL = 1000 * 1000,
    SQL_MEMORY_MIB_USUAL = 64,
    SQL_GROWTH_MIB_USUAL = 256,
    SQL_GROWTH_MAP_PART = 32, /* of the map, if that is less */
};

struct piece {
    struct piece *next;
    struct buffer value;
};

struct sql_job {
    struct sql_job *next; /* in node_sql.jobs */
    struct node_sql *sql;
    struct api_call call;
    uint8_t *arguments; /* owned; the spans point into it */
    struct span text, parameters;
    uint64_t time_ms, rows_max, growth_bytes, now_ms;
    struct buffer links;
    atomic_bool cancelled;
    /* under the mutex */
    bool queued, running, finished;
    struct piece *first, **last; /* what waits for the client */
    size_t waiting_bytes;
    /* the thread's */
    struct buffer rows;
    uint32_t row_count;
    uint64_t gathered_ms, extent_bytes;
    struct sql_result result;
    struct error error;
};

/* One thread's engine, for the tree of this stamp. */
struct sql_server {
    struct sql_engine *engine;
    uint64_t stamp;
};

struct node_sql {
    struct node *node;
    uv_mutex_t mutex;
    uv_cond_t filled, room;
    uv_async_t wake;
    uv_thread_t threads[SQL_THREADS];
    size_t thread_count, idle;
    struct sql_job *jobs; /* the loop's list, oldest first; read by threads under the mutex */
    size_t job_count;
    atomic_bool stopping;
};

static uint64_t tick_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* ---- on a thread ---- */

/* Whether the client may have one piece more; false: it doesn't read, or nobody wants it. */
static bool wait_for_room(struct sql_job *job)
{
    struct node_sql *sql = job->sql;
    uint64_t until_ms = tick_ms() + SQL_PATIENCE_MS;
    while (job->waiting_bytes > SQL_WAITING_BYTES_MAX && !job->cancelled && !sql->stopping) {
        uint64_t now_ms = tick_ms();
        if (now_ms >= until_ms)
            return false;
        uv_cond_timedwait(&sql->room, &sql->mutex, (until_ms - now_ms) * 1000000);
    }
    return true;
}

/* Takes the value over. */
static bool give_piece(struct sql_job *job, struct buffer *value)
{
    struct piece *piece = mem_alloc(sizeof *piece);
    piece->value = *value;
    *value = (struct buffer){0};
    uv_mutex_lock(&job->sql->mutex);
    bool room = wait_for_room(job);
    if (room) {
        *job->last = piece;
        job->last = &piece->next;
        job->waiting_bytes += piece->value.size;
    }
    uv_mutex_unlock(&job->sql->mutex);
    if (!room) {
        error_set(&job->error, ERR_TIMEOUT, "the query",
                  "it was ended: its rows were not read for %d seconds", SQL_PATIENCE_MS / 1000);
        buffer_free(&piece->value);
        free(piece);
        return false;
    }
    uv_async_send(&job->sql->wake);
    return true;
}

static bool give_rows(struct sql_job *job)
{
    struct buffer value = {0};
    if (job->row_count == 0)
        return true;
    mp_write_array(&value, job->row_count);
    buffer_append_span(&value, span_of_buffer(&job->rows));
    buffer_clear(&job->rows);
    job->row_count = 0;
    return give_piece(job, &value);
}

static bool take_columns(void *context, const char *const *names, const char *const *kinds,
                         size_t count)
{
    struct buffer value = {0};
    mp_write_map(&value, 2);
    mp_write_text(&value, "columns");
    mp_write_array(&value, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_text(&value, names[i]);
    mp_write_text(&value, "kinds");
    mp_write_array(&value, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_text(&value, kinds[i]);
    return give_piece(context, &value);
}

static bool take_row(void *context, struct span row)
{
    struct sql_job *job = context;
    if (job->row_count == 0)
        job->gathered_ms = tick_ms();
    buffer_append_span(&job->rows, row);
    job->row_count++;
    return job->rows.size < SQL_PIECE_BYTES || give_rows(job);
}

static bool must_stop(void *context, struct error *error)
{
    struct sql_job *job = context;
    if (job->sql->stopping) {
        error_set(error, ERR_UNREACHABLE, "the node", "it is stopping");
        return true;
    }
    if (job->cancelled) {
        error_set(error, ERR_TIMEOUT, "the query", "nobody wants it any more");
        return true;
    }
    uint64_t extent = store_extent_bytes(job->sql->node->store);
    if (extent > job->extent_bytes && extent - job->extent_bytes > job->growth_bytes) {
        error_set(error, ERR_OVERSIZE, "the query",
                  "it was ended: while it read, the store's file had to grow by %llu MiB",
                  (unsigned long long)((extent - job->extent_bytes) >> 20));
        error_next(error, "ask for less at once, or when fewer records come in");
        return true;
    }
    if (job->row_count > 0 && tick_ms() - job->gathered_ms > SQL_PIECE_MS && !give_rows(job)) {
        *error = job->error;
        return true;
    }
    return false;
}

/* The engine fits the tree, or is made anew. */
static bool engine_ready(struct sql_server *server, const struct shared_tree *shared,
                         uint64_t memory_bytes, struct error *error)
{
    if (server->engine != NULL && server->stamp == shared->stamp)
        return true;
    sql_engine_free(server->engine);
    server->engine = sql_engine_new(tree_schema(shared->tree), memory_bytes, error);
    server->stamp = shared->stamp;
    return server->engine != NULL;
}

static void run_over(struct sql_job *job, struct sql_server *server, struct view *view)
{
    struct node *node = job->sql->node;
    const struct sql_tuning *tuning = &node->config.sql;
    uint64_t memory_mib = tuning->memory_mib == 0 ? SQL_MEMORY_MIB_USUAL : tuning->memory_mib;
    struct shared_tree *shared = node_read_tree(node, view, &job->error);
    if (shared == NULL)
        return;
    struct sql_source source = {.view = view,
                                .tree = shared->tree,
                                .self = node->config.seat,
                                .now_ms = job->now_ms,
                                .freshness_ms = node->config.freshness_ms,
                                .links = span_of_buffer(&job->links)};
    struct sql_query query = {.text = job->text,
                              .parameters = job->parameters,
                              .time_ms = job->time_ms,
                              .rows_max = job->rows_max,
                              .stop = must_stop,
                              .columns = take_columns,
                              .row = take_row,
                              .context = job};
    struct error error;
    error_clear(&error);
    if (engine_ready(server, shared, memory_mib << 20, &error))
        sql_run(server->engine, &source, &query, &job->result, &error);
    node_read_tree_release(node, shared, view);
    if (job->error.code == ERR_OK)
        job->error = error;
}

static void run_job(struct sql_job *job, struct sql_server *server)
{
    struct store_snapshot *snapshot;
    struct view view;
    job->extent_bytes = store_extent_bytes(job->sql->node->store);
    if (store_snapshot_begin(job->sql->node->store, &snapshot, &view, &job->error) != ERR_OK)
        return;
    run_over(job, server, &view);
    store_snapshot_end(snapshot);
    (void)give_rows(job); /* a bound that was met keeps what came before it */
}

/* Under the mutex. NULL: there is none. */
static struct sql_job *next_job(struct node_sql *sql)
{
    for (struct sql_job *job = sql->jobs; job != NULL; job = job->next) {
        if (job->queued) {
            job->queued = false;
            job->running = true;
            return job;
        }
    }
    return NULL;
}

static void serve(void *context)
{
    struct node_sql *sql = context;
    struct sql_server server = {0};
    uv_mutex_lock(&sql->mutex);
    while (!sql->stopping) {
        struct sql_job *job = next_job(sql);
        if (job == NULL) {
            sql->idle++;
            bool waited =
                uv_cond_timedwait(&sql->filled, &sql->mutex, SQL_IDLE_MS * UINT64_C(1000000)) == 0;
            sql->idle--;
            if (!waited) {
                sql_engine_free(server.engine);
                server.engine = NULL;
            }
            continue;
        }
        uv_mutex_unlock(&sql->mutex);
        if (!job->cancelled)
            run_job(job, &server);
        uv_mutex_lock(&sql->mutex);
        job->running = false;
        job->finished = true;
        uv_async_send(&sql->wake);
    }
    uv_mutex_unlock(&sql->mutex);
    sql_engine_free(server.engine);
}

/* ---- on the loop ---- */

static void job_free(struct sql_job *job)
{
    while (job->first != NULL) {
        struct piece *piece = job->first;
        job->first = piece->next;
        buffer_free(&piece->value);
        free(piece);
    }
    buffer_free(&job->rows);
    buffer_free(&job->links);
    free(job->arguments);
    free(job);
}

static void answer_end(struct sql_job *job)
{
    struct buffer value = {0};
    if (job->sql->node->api == NULL)
        return;
    if (job->error.code == ERR_DAMAGED)
        node_scrub_doubt(job->sql->node);
    mp_write_map(&value, 2);
    mp_write_text(&value, "rows");
    mp_write_uint(&value, job->result.rows);
    mp_write_text(&value, "read");
    mp_write_uint(&value, job->result.opened);
    bool failed = job->error.code != ERR_OK;
    api_answer(job->sql->node->api, job->call, failed ? API_ERROR : API_DONE,
               failed ? SPAN_EMPTY : span_of_buffer(&value), &job->error);
    buffer_free(&value);
}

/* Gives the client what it will take; true: the job is done with. */
static bool deliver(struct sql_job *job)
{
    struct node_sql *sql = job->sql;
    struct node *node = sql->node;
    bool here = node->api != NULL && api_has(node->api, job->call.client);
    job->cancelled = job->cancelled || !here;
    uv_mutex_lock(&sql->mutex);
    while (job->first != NULL && (job->cancelled || api_ready(node->api, job->call.client))) {
        struct piece *piece = job->first;
        job->first = piece->next;
        if (job->first == NULL)
            job->last = &job->first;
        job->waiting_bytes -= piece->value.size;
        uv_cond_broadcast(&sql->room);
        uv_mutex_unlock(&sql->mutex);
        if (!job->cancelled)
            api_answer(node->api, job->call, API_MORE, span_of_buffer(&piece->value), NULL);
        buffer_free(&piece->value);
        free(piece);
        uv_mutex_lock(&sql->mutex);
    }
    bool done = job->finished && job->first == NULL;
    uv_mutex_unlock(&sql->mutex);
    return done;
}

static void remove_job(struct node_sql *sql, struct sql_job *job)
{
    uv_mutex_lock(&sql->mutex);
    struct sql_job **at = &sql->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    sql->job_count--;
    uv_mutex_unlock(&sql->mutex);
    answer_end(job);
    job_free(job);
}

static void deliver_all(struct node_sql *sql)
{
    struct sql_job *next;
    for (struct sql_job *job = sql->jobs; job != NULL; job = next) {
        next = job->next;
        if (deliver(job))
            remove_job(sql, job);
    }
}

static void on_wake(uv_async_t *wake)
{
    deliver_all(wake->data);
}

void node_sql_drained(struct node *node)
{
    if (node->sql != NULL)
        deliver_all(node->sql);
}

void node_sql_cancel(struct node *node, struct api_call call)
{
    struct sql_job *job = node->sql == NULL ? NULL : node->sql->jobs;
    for (; job != NULL; job = job->next) {
        if (job->call.client != call.client || job->call.id != call.id)
            continue;
        job->cancelled = true;
        uv_mutex_lock(&node->sql->mutex);
        uv_cond_broadcast(&node->sql->room);
        job->finished |= job->queued; /* one that waits for the links' state goes on to queue_job */
        job->queued = false;
        uv_mutex_unlock(&node->sql->mutex);
        uv_async_send(&node->sql->wake);
        return;
    }
}

static bool sql_ready(struct node *node)
{
    if (node->sql != NULL)
        return true;
    struct node_sql *sql = mem_alloc(sizeof *sql);
    sql->node = node;
    if (uv_async_init(&node->loop, &sql->wake, on_wake) != 0) {
        free(sql);
        return false;
    }
    sql->wake.data = sql;
    uv_mutex_init(&sql->mutex);
    uv_cond_init(&sql->filled);
    uv_cond_init(&sql->room);
    node->sql = sql;
    return true;
}

static bool read_arguments(struct sql_job *job, struct span args, struct error *error)
{
    struct argument all[] = {
        {.name = "text"}, {.name = "parameters"}, {.name = "timeout_ms"}, {.name = "rows"}};
    const struct node *node = job->sql->node;
    const struct sql_tuning *tuning = &node->config.sql;
    uint64_t map_bytes = store_map_bytes(node->store) / SQL_GROWTH_MAP_PART;
    job->time_ms = (tuning->seconds == 0 ? SQL_SECONDS_USUAL : tuning->seconds) * UINT64_C(1000);
    job->rows_max = tuning->rows == 0 ? SQL_ROWS_USUAL : tuning->rows;
    job->growth_bytes = (uint64_t)SQL_GROWTH_MIB_USUAL << 20;
    job->growth_bytes = job->growth_bytes < map_bytes ? job->growth_bytes : map_bytes;
    if (tuning->growth_mib != 0)
        job->growth_bytes = (uint64_t)tuning->growth_mib << 20;
    if (!arguments_read(args, all, 4, error) || !argument_text(&all[0], true, &job->text, error) ||
        !argument_map(&all[1], false, &job->parameters, error) ||
        !argument_uint(&all[2], &job->time_ms, error) ||
        !argument_uint(&all[3], &job->rows_max, error))
        return false;
    if (job->time_ms > SQL_SECONDS_MOST * UINT64_C(1000))
        error_set(error, ERR_USAGE, "timeout_ms", "an hour at most");
    else if (job->sql->job_count > SQL_QUEUE_MAX)
        error_set(error, ERR_FULL, "SQL", "%d queries wait already", SQL_QUEUE_MAX);
    else
        return true;
    return false;
}

/* A thread takes it when one is free. */
static void queue_job(struct sql_job *job)
{
    struct node_sql *sql = job->sql;
    uv_mutex_lock(&sql->mutex);
    job->queued = !job->cancelled;
    job->finished = job->cancelled;
    size_t waiting = 0;
    for (const struct sql_job *each = sql->jobs; each != NULL; each = each->next)
        waiting += each->queued;
    bool another = waiting > sql->idle && sql->thread_count < SQL_THREADS;
    if (another && uv_thread_create(&sql->threads[sql->thread_count], serve, sql) == 0)
        sql->thread_count++;
    uv_cond_signal(&sql->filled);
    uv_mutex_unlock(&sql->mutex);
    if (job->cancelled)
        uv_async_send(&sql->wake);
}

/* The links are as the core says now, if somebody asks for them. */
void node_sql_go_on(struct node *node, struct sql_job *job)
{
    node_status_links(node, &job->links);
    queue_job(job);
}

static bool mentions_links(struct span text)
{
    static const char word[] = "links";
    for (size_t i = 0; i + sizeof word - 1 <= text.size; i++) {
        if (strncasecmp((const char *)text.data + i, word, sizeof word - 1) == 0)
            return true;
    }
    return false;
}

void node_sql_begin(struct node *node, struct api_call call, struct span args)
{
    struct error error;
    struct timespec now;
    error_clear(&error);
    if (!sql_ready(node)) {
        error_set(&error, ERR_INTERNAL, "SQL", "it can't be begun");
        node_api_refuse(node, call, &error);
        return;
    }
    struct sql_job *job = mem_alloc(sizeof *job);
    clock_gettime(CLOCK_REALTIME, &now);
    job->sql = node->sql;
    job->call = call;
    job->last = &job->first;
    job->now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (args.size > 0)
        job->arguments = mem_copy(args.data, args.size);
    if (!read_arguments(job, SPAN(job->arguments, args.size), &error)) {
        node_api_refuse(node, call, &error);
        job_free(job);
        return;
    }
    uv_mutex_lock(&node->sql->mutex);
    struct sql_job **at = &node->sql->jobs;
    while (*at != NULL)
        at = &(*at)->next;
    *at = job;
    node->sql->job_count++;
    uv_mutex_unlock(&node->sql->mutex);
    if (mentions_links(job->text))
        node_status_before_sql(node, job);
    else
        queue_job(job);
}

void node_sql_stop(struct node *node)
{
    if (node->sql == NULL)
        return;
    node->sql->stopping = true;
    uv_mutex_lock(&node->sql->mutex);
    uv_cond_broadcast(&node->sql->filled);
    uv_cond_broadcast(&node->sql->room);
    uv_mutex_unlock(&node->sql->mutex);
}

static void free_sql(uv_handle_t *handle)
{
    struct node_sql *sql = handle->data;
    uv_cond_destroy(&sql->filled);
    uv_cond_destroy(&sql->room);
    uv_mutex_destroy(&sql->mutex);
    free(sql);
}

void node_sql_close(struct node *node)
{
    struct node_sql *sql = node->sql;
    if (sql == NULL)
        return;
    node_sql_stop(node);
    for (size_t i = 0; i < sql->thread_count; i++)
        uv_thread_join(&sql->threads[i]);
    while (sql->jobs != NULL) {
        struct sql_job *job = sql->jobs;
        if (!job->finished)
            error_set(&job->error, ERR_UNREACHABLE, "the node", "it is stopping");
        (void)deliver(job);
        remove_job(sql, job);
    }
    node->sql = NULL;
    uv_close((uv_handle_t *)&sql->wake, free_sql);
}
