/* Start: files, loop, core, API, links. Stop: links say goodbye, the core finishes what it was
 * given, the API writes the last answers, the store closes.
 *
 *     signal -> links stop -> core ends -> result `ended` -> API, timers close -> loop ends */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/core_summary.h"
#include "node/last_parent.h"
#include "node/node_parts.h"
#include "node/suspect.h"

enum {
    /* Under load the heap stays as it is: the blocks of a batch would fault their pages in anew
     * each time. When it is quiet, malloc_trim gives everything back. */
    MMAP_FROM_BYTES = 1 << 20,
    TRIM_BYTES = 4 << 20,
    READ_THREADS_TEXT_BYTES = 8,
    FILES_USUAL = 2 * LINKS_MAX, /* one a link, and as many again for what else there is */
};

void node_print_error(const struct error *error)
{
    fprintf(stderr, "terrace: %s: %s\n", error->what, error->why);
    if (error->next[0] != '\0')
        fprintf(stderr, "  next: %s\n", error->next);
}

/* Secrets must not land in a core file; 330 nodes share a machine's memory; a client that hangs up
 * must not kill. */
static void set_process_up(void)
{
    char threads[READ_THREADS_TEXT_BYTES];
    struct rlimit no_core = {0, 0}, files;
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    snprintf(threads, sizeof threads, "%d", READ_THREADS);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    prctl(PR_SET_NAME, "terrace");
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_USUAL) {
        files.rlim_cur = files.rlim_max < FILES_USUAL ? files.rlim_max : FILES_USUAL;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
}

void node_push(struct node *node, struct core_item *item, size_t bytes)
{
    node->pending_bytes += bytes;
    if (node->pending_bytes > PENDING_BYTES_MOST && !node->pending_much) {
        node->pending_much = true;
        if (node->api != NULL)
            api_pause(node->api, true);
    }
    core_push(&node->core, item);
}

static void settle(struct node *node, size_t bytes)
{
    node->pending_bytes -= bytes;
    if (!node->pending_much || node->pending_bytes > PENDING_BYTES_LEAST)
        return;
    node->pending_much = false;
    if (node->api != NULL)
        api_pause(node->api, false);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Closes what keeps the loop alive; links and core have ended, or were never begun. */
static void close_loop(struct node *node)
{
    inbox_close(&node->results, NULL);
    node_sql_close(node);
    if (node->api != NULL)
        api_close(node->api, NULL, NULL);
    node->api = NULL;
    node_scrub_close(node);
    close_handle(&node->terminate);
    close_handle(&node->interrupt);
    close_handle(&node->stop_soon);
    close_handle(&node->reader_check);
    close_handle(&node->status_timer);
    close_handle(&node->cache_timer);
    close_handle(&node->watch_timer);
    close_handle(&node->guide_timer);
    close_handle(&node->invite_timer);
}

static void keep_parent(struct node *node, struct core_tree *tree)
{
    struct error error;
    core_tree_keep_parent(tree, node->tree);
    if (last_parent_keep(node->dir, tree, node->tree, &error) != ERR_OK)
        log_line(&node->log, LOG_ERROR, "%s: %s", error.what, error.why);
}

static void take_result(void *context, struct inbox_event *event)
{
    struct node *node = context;
    struct core_result *result = (struct core_result *)event;
    node_link_take_sends(node, span_of_buffer(&result->sends));
    node_api_take_writes(node, result->writes);
    node_history_take(node, result->marks);
    node_publish_take(node, result->documents);
    if (result->tree != NULL) {
        keep_parent(node, result->tree);
        core_tree_free(node->tree);
        node->tree = result->tree;
        result->tree = NULL;
        node_link_take_tree(node);
        node_new_key_look(node);
    }
    if (result->status != NULL) {
        node_status_take(node, result->status);
        result->status = NULL;
    }
    settle(node, result->taken_bytes);
    node_link_settle(node, span_of_buffer(&result->taken));
    bool ended = result->ended;
    node_read_committed(node);
    core_result_free(result);
    if (ended) {
        core_join(&node->core);
        close_loop(node);
    }
}

static void stop(struct node *node)
{
    if (node->stopping)
        return;
    node->stopping = true;
    log_line(&node->log, LOG_INFO, "stopping");
    node_status_drop_calls(node);
    node_read_stop(node);
    node_sql_stop(node);
    node_link_release_all(node);
    link_room_stop(node->room); /* goes on in node_link.c when the links are gone */
}

static void stop_now(uv_timer_t *timer)
{
    stop(timer->data);
}

/* Out of whatever calls are under way: stopping frees what they work with. */
void node_stop_soon(struct node *node)
{
    uv_timer_start(&node->stop_soon, stop_now, 1, 0);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct node *node = signal->data;
    (void)number;
    if (node->stopping && node->new_key) {
        node->new_key = false; /* it was to open again */
        return;
    }
    if (node->stopping)
        _exit(EXIT_FAILED); /* the second one: at once; no acknowledged write needs the rest */
    stop(node);
}

static void check_readers(uv_timer_t *timer)
{
    struct node *node = timer->data;
    store_reader_check(node->store);
}

static void init_timer(struct node *node, uv_timer_t *timer)
{
    uv_timer_init(&node->loop, timer);
    timer->data = node;
}

static void init_signal(struct node *node, uv_signal_t *handle, int number)
{
    uv_signal_init(&node->loop, handle);
    handle->data = node;
    uv_signal_start(handle, on_signal, number);
}

static enum error_code begin_loop(struct node *node, struct error *error)
{
    if (uv_loop_init(&node->loop) != 0 ||
        inbox_open(&node->results, &node->loop, take_result, node) != 0)
        return error_set(error, ERR_INTERNAL, "the node", "its event loop can't be made: %s",
                         strerror(errno));
    init_signal(node, &node->terminate, SIGTERM);
    init_signal(node, &node->interrupt, SIGINT);
    init_timer(node, &node->stop_soon);
    init_timer(node, &node->reader_check);
    init_timer(node, &node->status_timer);
    init_timer(node, &node->cache_timer);
    init_timer(node, &node->watch_timer);
    init_timer(node, &node->guide_timer);
    init_timer(node, &node->invite_timer);
    node_scrub_start(node);
    uv_timer_start(&node->reader_check, check_readers, READER_CHECK_MS, READER_CHECK_MS);
    return ERR_OK;
}

static void say_started(const struct node *node)
{
    const struct replica *replica = drive_replica(node->core.drive);
    const char *why = replica_epoch_reason(replica);
    log_line(&node->log, LOG_INFO, "serving %s, %s; epoch %u%s%s; %zu documents, %zu seats",
             node->config.seat, node->tree->name, replica_epoch(replica),
             why[0] != '\0' ? ": " : "", why, node->tree->document_count, node->tree->seat_count);
}

static enum error_code serve(struct node *node, struct error *error)
{
    enum error_code code = begin_loop(node, error);
    if (code != ERR_OK)
        return code;
    say_started(node);
    uv_mutex_init(&node->read_mutex);
    code = node_link_start(node, error);
    if (code == ERR_OK) {
        if (core_start(&node->core, &node->results) != 0)
            abort(); /* no thread: nothing can be done about it */
        node_link_take_tree(node);
        node_join_look(node);
        node_guide_start(node);
        code = node_api_start(node, error);
        if (code != ERR_OK)
            stop(node);
    } else {
        close_loop(node);
    }
    malloc_trim(0);
    uv_run(&node->loop, UV_RUN_DEFAULT);
    uv_loop_close(&node->loop);
    node_read_drop_cache(node);
    node_status_stop(node);
    node_scrub_free(node);
    free(node->loads);
    node_wire_free(node);
    uv_mutex_destroy(&node->read_mutex);
    return code;
}

/* One life of the node in this process; *again: it is to be opened anew. */
static enum error_code live(const char *dir, const struct node_run_options *options, bool *again,
                            struct error *error)
{
    struct node *node = mem_alloc(sizeof *node);
    bool second = *again;
    error_clear(error);
    node->scrub_program = options != NULL ? options->scrub_program : NULL;
    enum error_code code = node_open_files(node, dir, options, error);
    *again = node->open_again && node->scrub_program != NULL && !second;
    if (code == ERR_OK) {
        code = serve(node, error);
        *again = (node->open_again || node->new_key) && code == ERR_OK;
        suspect_end();
    }
    *again |= node->new_key && code == ERR_STALE; /* it has taken it */
    node_close_files(node);
    free(node);
    return code;
}

int node_run(const char *dir, const struct node_run_options *options)
{
    struct error error;
    enum error_code code;
    bool again = false;
    set_process_up();
    if (!crypto_start()) {
        fprintf(stderr, "terrace: libsodium can't be used on this machine\n");
        return EXIT_FAILED;
    }
    do
        code = live(dir, options, &again, &error);
    while (again);
    if (code != ERR_OK)
        node_print_error(&error);
    return code == ERR_OK ? EXIT_DONE : (int)error_exit_status(code);
}
