/* The node's side of checking its store: who asked waits for the child's answer, one child at a
 * time. A thread of its own waits with them, because a check may take longer than reads may wait.
 */
#include <stdlib.h>
#include <string.h>

#include "node/node_parts.h"
#include "node/store/store_salvage.h"
#include "node/suspect.h"

struct scrub_call {
    struct scrub_call *next;
    struct api_call call;
};

struct node_scrub {
    struct node *node;
    uv_thread_t thread;
    uv_async_t done;
    uv_timer_t tell, later;
    uv_mutex_t mutex; /* over place and rows */
    char place[32];
    uint64_t rows;
    atomic_bool stop, finished;
    bool running;
    uint64_t doubted_ms; /* when a read last began a check; 0: never */
    struct scrub_call *calls;
    struct scrub_result result;
    struct error error;
    enum error_code code;
};

enum {
    TELL_MS = 500,
    DOUBT_EVERY_MS = 10 * 60 * 1000,
    AFTER_START_MS = 3 * 1000, /* first the links and whoever waits for them */
};

/* ---- on the thread ---- */

static void on_progress(void *context, const char *place, uint64_t rows)
{
    struct node_scrub *scrub = context;
    uv_mutex_lock(&scrub->mutex);
    strncpy(scrub->place, place, sizeof scrub->place - 1);
    scrub->rows = rows;
    uv_mutex_unlock(&scrub->mutex);
}

static void work(void *context)
{
    struct node_scrub *scrub = context;
    struct scrub_task task = {.program = scrub->node->scrub_program,
                              .dir = scrub->node->dir,
                              .stop = &scrub->stop,
                              .context = scrub,
                              .progress = on_progress};
    scrub->code = scrub_run(&task, &scrub->result, &scrub->error);
    if (scrub->code == ERR_OK)
        scrub_last_write(scrub->node->dir, &scrub->result);
    atomic_store(&scrub->finished, true);
    uv_async_send(&scrub->done);
}

/* ---- on the loop ---- */

static void tell_progress(uv_timer_t *timer)
{
    struct node_scrub *scrub = timer->data;
    struct node *node = scrub->node;
    struct buffer value = {0};
    uv_mutex_lock(&scrub->mutex);
    mp_write_map(&value, 2);
    mp_write_text(&value, "place");
    mp_write_text(&value, scrub->place);
    mp_write_text(&value, "rows");
    mp_write_uint(&value, scrub->rows);
    uv_mutex_unlock(&scrub->mutex);
    for (struct scrub_call *waiting = scrub->calls; waiting != NULL; waiting = waiting->next) {
        if (node->api != NULL && api_has(node->api, waiting->call.client) &&
            api_ready(node->api, waiting->call.client))
            api_answer(node->api, waiting->call, API_MORE, span_of_buffer(&value), NULL);
    }
    buffer_free(&value);
}

static void answer_all(struct node_scrub *scrub)
{
    struct node *node = scrub->node;
    struct buffer value = {0};
    scrub_result_write(&scrub->result, &value);
    while (scrub->calls != NULL) {
        struct scrub_call *waiting = scrub->calls;
        scrub->calls = waiting->next;
        if (node->api != NULL)
            api_answer(node->api, waiting->call, scrub->code == ERR_OK ? API_DONE : API_ERROR,
                       scrub->code == ERR_OK ? span_of_buffer(&value) : SPAN_EMPTY,
                       scrub->code == ERR_OK ? NULL : &scrub->error);
        free(waiting);
    }
    buffer_free(&value);
}

static void log_result(const struct node_scrub *scrub)
{
    const struct log *log = &scrub->node->log;
    const struct scrub_result *result = &scrub->result;
    if (scrub->code != ERR_OK)
        log_line(log, LOG_ERROR, "the store could not be checked: %s: %s", scrub->error.what,
                 scrub->error.why);
    else if (result->damaged == 0)
        log_line(log, LOG_INFO, "the store is sound: %llu blocks, %llu records",
                 (unsigned long long)result->counts.blocks,
                 (unsigned long long)result->counts.records);
    for (size_t i = 0; scrub->code == ERR_OK && i < result->told; i++)
        log_line(log, LOG_ERROR, "the store is damaged: %s: %s: %s", result->findings[i].table,
                 result->findings[i].key, result->findings[i].what);
}

static void repair_soon(struct node_scrub *scrub)
{
    struct node *node = scrub->node;
    suspect_mark(node->dir, "a check of the store found damage");
    log_line(&node->log, LOG_ERROR,
             "the store is damaged: it is made good before it is served again");
    node->open_again = true;
    node_stop_soon(node);
}

static void take_result(struct node_scrub *scrub)
{
    uv_thread_join(&scrub->thread);
    scrub->running = false;
    uv_timer_stop(&scrub->tell);
    if (!atomic_load(&scrub->stop))
        log_result(scrub);
    if (scrub->code == ERR_OK) {
        scrub->node->last_scrub = (struct scrub_last){scrub->result.wall_ms, scrub->result.damaged};
    }
    answer_all(scrub);
    if (scrub->code == ERR_OK && scrub->result.damaged > 0 && !scrub->node->stopping)
        repair_soon(scrub);
}

static void on_done(uv_async_t *done)
{
    struct node_scrub *scrub = done->data;
    if (scrub->running && atomic_load(&scrub->finished))
        take_result(scrub);
}

static void begin(struct node_scrub *scrub)
{
    scrub->running = true;
    atomic_store(&scrub->stop, false);
    atomic_store(&scrub->finished, false);
    error_clear(&scrub->error);
    if (uv_thread_create(&scrub->thread, work, scrub) != 0)
        abort(); /* no thread: nothing can be done about it */
    uv_timer_start(&scrub->tell, tell_progress, TELL_MS, TELL_MS);
}

static void begin_later(uv_timer_t *timer)
{
    struct node_scrub *scrub = timer->data;
    if (!scrub->running && !scrub->node->stopping)
        begin(scrub);
}

void node_scrub_start(struct node *node)
{
    struct node_scrub *scrub = mem_alloc(sizeof *scrub);
    scrub->node = node;
    node->scrub = scrub;
    uv_mutex_init(&scrub->mutex);
    uv_async_init(&node->loop, &scrub->done, on_done);
    uv_timer_init(&node->loop, &scrub->tell);
    uv_timer_init(&node->loop, &scrub->later);
    scrub->done.data = scrub->tell.data = scrub->later.data = scrub;
    if (node->unclean && node->scrub_program != NULL)
        uv_timer_start(&scrub->later, begin_later, AFTER_START_MS, 0);
    scrub_last_read(node->dir, &node->last_scrub);
}

void node_scrub_begin(struct node *node, struct api_call call)
{
    struct error error;
    if (node->scrub_program == NULL) {
        error_set(&error, ERR_USAGE, "verify", "this program can't check a store");
        node_api_refuse(node, call, &error);
        return;
    }
    struct scrub_call *waiting = mem_alloc(sizeof *waiting);
    waiting->call = call;
    waiting->next = node->scrub->calls;
    node->scrub->calls = waiting;
    if (!node->scrub->running)
        begin(node->scrub);
}

void node_scrub_doubt(struct node *node)
{
    struct node_scrub *scrub = node->scrub;
    bool due = scrub->doubted_ms == 0 || uv_now(&node->loop) >= scrub->doubted_ms + DOUBT_EVERY_MS;
    if (node->scrub_program == NULL || node->stopping || scrub->running || !due)
        return;
    scrub->doubted_ms = uv_now(&node->loop);
    log_line(&node->log, LOG_ERROR, "a read met something damaged: the store is checked");
    begin(scrub);
}

/* The API goes first: then nobody is answered any more. */
void node_scrub_close(struct node *node)
{
    struct node_scrub *scrub = node->scrub;
    if (scrub->running) {
        atomic_store(&scrub->stop, true);
        take_result(scrub);
    }
    uv_close((uv_handle_t *)&scrub->done, NULL);
    uv_close((uv_handle_t *)&scrub->tell, NULL);
    uv_close((uv_handle_t *)&scrub->later, NULL);
}

void node_scrub_free(struct node *node)
{
    if (node->scrub != NULL)
        uv_mutex_destroy(&node->scrub->mutex);
    free(node->scrub);
    node->scrub = NULL;
}

/* ---- before it serves ---- */

static enum error_code scrub_once(struct node *node, bool repair, struct scrub_result *result,
                                  struct error *error)
{
    struct scrub_task task = {.program = node->scrub_program, .dir = node->dir, .repair = repair};
    enum error_code code = scrub_run(&task, result, error);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; i < result->told; i++)
        log_line(&node->log, LOG_ERROR, "%s: %s: %s: %s",
                 repair ? "the store could not be made good" : "the store is damaged",
                 result->findings[i].table, result->findings[i].key, result->findings[i].what);
    if (!repair)
        scrub_last_write(node->dir, result);
    return ERR_OK;
}

static enum error_code repair_first(struct node *node, struct scrub_result *result,
                                    struct error *error)
{
    log_line(&node->log, LOG_ERROR, "the store is made good from what is sound in it");
    enum error_code code = scrub_once(node, true, result, error);
    if (code == ERR_OK)
        log_line(
            &node->log, LOG_INFO,
            "saved: %llu blocks, %llu notes; %llu places are missing and come from other nodes",
            (unsigned long long)result->counts.blocks, (unsigned long long)result->counts.notes,
            (unsigned long long)result->counts.quarantine);
    if (code == ERR_OK)
        code = scrub_once(node, false, result, error);
    if (code != ERR_OK || result->damaged == 0)
        return code;
    error_set(error, ERR_DAMAGED, "the store", "it could not be made good: %s: %s",
              result->findings[0].key, result->findings[0].what);
    error_next(error, "move `data` aside: the node then fills an empty store from its parent");
    return ERR_DAMAGED;
}

enum error_code node_scrub_first(struct node *node, struct error *error)
{
    char why[SUSPECT_WHY_BYTES];
    enum error_code code = store_salvage_finish(node->dir, error);
    if (code != ERR_OK || node->scrub_program == NULL || !suspect_read(node->dir, why))
        return code;
    struct scrub_result *result = mem_alloc(sizeof *result);
    log_line(&node->log, LOG_ERROR, "the store is checked before it is served: %s", why);
    code = scrub_once(node, false, result, error);
    if (code == ERR_OK && result->damaged > 0)
        code = repair_first(node, result, error);
    if (code == ERR_OK)
        suspect_clear(node->dir);
    free(result);
    return code;
}
