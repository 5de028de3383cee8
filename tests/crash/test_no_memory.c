/* The n-th allocation fails, for n from the first on, in the store's, LMDB's and the core's code
 * alike: the process ends with a clean error or an abort, and what it had acknowledged stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replication/query/query.h"
#include "tests/crash/offline_node.h"
#include "tests/process/node_world.h"

enum {
    EVERY_ONE = 200,  /* so many in turn, then ever larger steps */
    PUTS = 4,         /* a process's life */
    CLEAN_STATUS = 3, /* it said what was wrong */
    RUNS_MAX = 2000,
    STEP_PART = 40,
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
/* Where the sanitizer has put itself in between. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));

static size_t fail_at; /* counts down; 0: none fails */
static bool failed;

static bool fails(void)
{
    if (fail_at == 0 || --fail_at > 0)
        return false;
    failed = true;
    return true;
}

void *malloc(size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_malloc != NULL ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_calloc != NULL ? __interceptor_calloc(count, size)
                                        : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_realloc != NULL ? __interceptor_realloc(old, size)
                                         : __libc_realloc(old, size);
}

static struct node_world world;
static struct node_identity identity;
static struct record_id acknowledged[RUNS_MAX * PUTS];
static size_t acknowledged_count;

/* In a child: opens and writes; tells each id that is durable. */
static _Noreturn void live(size_t at, int tell)
{
    struct offline_node node;
    struct error error;
    uint64_t random = at;
    fail_at = at;
    enum error_code code = offline_node_open(&node, &identity, world.seats[0].dir, &random, &error);
    for (unsigned i = 0; i < PUTS && code == ERR_OK; i++) {
        code = offline_node_put(&node, "while there is memory", &error);
        if (code == ERR_OK && write(tell, &node.answer.record, sizeof node.answer.record) < 0)
            _exit(2);
    }
    _exit(code != ERR_OK ? CLEAN_STATUS : failed ? 4 : 0);
}

/* True: the allocation that was to fail never came. */
static bool run_with(size_t at)
{
    int pipes[2], status = 0;
    struct record_id id;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0)
        live(at, pipes[1]);
    close(pipes[1]);
    while (read(pipes[0], &id, sizeof id) == (ssize_t)sizeof id)
        acknowledged[acknowledged_count++] = id;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == CLEAN_STATUS;
    bool survived = WIFEXITED(status) && WEXITSTATUS(status) == 4;
    bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!aborted && !clean && !survived && !whole)
        fail_msg("allocation %zu failed: status %d", at, status);
    return whole;
}

static void all_is_there(void)
{
    struct offline_node node;
    struct error error = {0};
    struct buffer out = {0};
    uint64_t random = 1;
    if (offline_node_open(&node, &identity, world.seats[0].dir, &random, &error) != ERR_OK)
        fail_msg("it doesn't open any more: %s: %s", error.what, error.why);
    const struct replica *replica = drive_replica(node.drive);
    for (size_t i = 0; i < acknowledged_count; i++) {
        buffer_clear(&out);
        assert_int_equal(query_record(&node.port.view, replica_tree(replica),
                                      span_of_text("incident"), &acknowledged[i], &out, &error),
                         ERR_OK);
    }
    assert_int_equal(replica_epoch(replica) >> 16, 1);
    offline_node_close(&node);
    buffer_free(&out);
}

static void any_allocation_may_fail(void **state)
{
    size_t at = 1, runs = 0;
    struct error error;
    (void)state;
    node_world_make(&world, "code,name,tier,parent\nV,Village,village,\n");
    struct store_options place = {.dir = world.seats[0].dir};
    struct store *store = NULL;
    assert_int_equal(store_open(&place, &store, &error), ERR_OK); /* its instance is known now */
    store_close(store);
    assert_int_equal(node_identity_load(&identity, world.seats[0].dir, &error), ERR_OK);
    while (!run_with(at)) {
        assert_true(++runs < RUNS_MAX);
        at += runs < EVERY_ONE ? 1 : 1 + at / STEP_PART;
        if (runs % 50 == 0)
            all_is_there();
    }
    all_is_there();
    assert_true(at > EVERY_ONE && acknowledged_count > PUTS);
    node_identity_free(&identity);
    node_world_end(&world);
}

int main(int argument_count, char **arguments)
{
    node_world_child(argument_count, arguments);
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
