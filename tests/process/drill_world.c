/* What tests of whole drills share. */
#include "tests/process/drill_world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/run_terrace.h"

extern char **environ;

enum { WORDS_MAX = 16, NODES = 8 };

const char tree_of_five[] = "code,name,tier,parent\n"
                            "C,永顺县,county,\n"
                            "T1,石堤镇,township,C\n"
                            "T2,万坪镇,township,C\n"
                            "V1,大明村,village,T1\n"
                            "V2,二村,village,T2\n";

static const char *program;

void background_use(const char *path)
{
    program = path;
}

const char *drill_up(const char *name, const char *table)
{
    char file[64];
    snprintf(file, sizeof file, "%s.csv", name);
    const char *directory = terrace_path(name), *path = terrace_file(file, table);
    terrace_drill_begin(directory);
    int status = terrace_run("--json", "drill", "up", "--tree", path, "--dir", directory, NULL);
    if (status != 0)
        fail_msg("up ended with %d: %s", status, terrace_errors());
    return directory;
}

void drill_load(const char *directory, const char *records, const char *at)
{
    int status = at == NULL ? terrace_run("--json", "drill", "load", "--dir", directory,
                                          "--records", records, NULL)
                            : terrace_run("--json", "drill", "load", "--dir", directory,
                                          "--records", records, "--at", at, NULL);
    if (status != 0)
        fail_msg("load ended with %d: %s", status, terrace_errors());
}

/* A link that has just come up may be behind for a moment. */
static bool is_level(const void *directory)
{
    int status = terrace_run("drill", "check", "--json", "--dir", directory, "--wait", "120", NULL);
    if (status != 0)
        fail_msg("check ended with %d: %s %s", status, terrace_output(), terrace_errors());
    return terrace_number("nodes_caught_up") == terrace_number("nodes");
}

void drill_holds(const char *directory, long long acknowledged, long long total)
{
    until(is_level, directory, "all nodes are level");
    assert_int_equal(terrace_number("acknowledged"), acknowledged);
    assert_int_equal(terrace_number("present"), acknowledged);
    assert_int_equal(terrace_number("missing"), 0);
    assert_int_equal(terrace_number("diverged"), 0);
    assert_int_equal(terrace_number("leaked"), 0);
    assert_int_equal(terrace_number("county_total"), total);
    const json_t *origins = json_object_get(terrace_json(), "origins");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(json_integer_value(json_array_get(origins, i)), terrace_number("nodes"));
}

void drill_act(const char *directory, const char *act, const char *seat)
{
    int status = terrace_run("drill", act, "--dir", directory, seat, NULL);
    if (status != 0)
        fail_msg("%s %s ended with %d: %s", act, seat, status, terrace_errors());
}

void drill_down(const char *directory)
{
    assert_int_equal(terrace_run("drill", "down", "--json", "--dir", directory, NULL), 0);
    assert_int_equal(terrace_number("forced"), 0);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void until(bool (*holds)(const void *context), const void *context, const char *what)
{
    enum { PAUSE_MS = 2 };
    uint64_t end_ms = now_ms() + UNTIL_MS;
    while (!holds(context)) {
        if (now_ms() > end_ms)
            fail_msg("%d s, and never: %s", UNTIL_MS / 1000, what);
        poll(NULL, 0, PAUSE_MS);
    }
}

const char *drill_node(const char *directory, const char *seat)
{
    static char paths[NODES][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % NODES];
    snprintf(path, PATH_MAX, "%s/%s", directory, seat);
    return path;
}

const char *node_put(const char *node, const char *type, const char *title)
{
    static char id[64];
    char pair[256];
    snprintf(pair, sizeof pair, "title=%s", title);
    int status = terrace_run("-d", node, "put", type, pair, NULL);
    if (status != 0)
        fail_msg("put ended with %d: %s", status, terrace_errors());
    assert_int_equal(sscanf(terrace_output(), "%63s", id), 1);
    return id;
}

bool node_has(const char *node, const char *type, const char *id)
{
    return terrace_run("-d", node, "get", type, id, NULL) == 0;
}

struct record_at {
    const char *node, *type, *id;
};

static bool has_come(const void *context)
{
    const struct record_at *record = context;
    return node_has(record->node, record->type, record->id);
}

void node_gets(const char *node, const char *type, const char *id)
{
    char what[PATH_MAX + 128];
    snprintf(what, sizeof what, "%s has the %s %s", node, type, id);
    until(has_come, &(struct record_at){node, type, id}, what);
}

long long status_number(const char *node, const char *path)
{
    char words[64], *rest = words;
    if (terrace_run("-d", node, "--json", "status", NULL) != 0)
        fail_msg("status of %s: %s", node, terrace_errors());
    const json_t *value = terrace_json();
    snprintf(words, sizeof words, "%s", path);
    for (char *word = strsep(&rest, "."); word != NULL; word = strsep(&rest, "."))
        value = json_object_get(value, word);
    if (!json_is_integer(value))
        fail_msg("%s is no number in the status of %s", path, node);
    return json_integer_value(value);
}

struct status_between {
    const char *node, *path;
    long long least, most;
};

static bool is_between(const void *context)
{
    const struct status_between *wanted = context;
    long long value = status_number(wanted->node, wanted->path);
    return value >= wanted->least && value <= wanted->most;
}

void status_reaches(const char *node, const char *path, long long least)
{
    char what[PATH_MAX + 128];
    snprintf(what, sizeof what, "%s of %s is %lld or more", path, node, least);
    until(is_between, &(struct status_between){node, path, least, LLONG_MAX}, what);
}

void status_falls(const char *node, const char *path, long long most)
{
    char what[PATH_MAX + 128];
    snprintf(what, sizeof what, "%s of %s is %lld or less", path, node, most);
    until(is_between, &(struct status_between){node, path, LLONG_MIN, most}, what);
}

void newcomer_works(const char *drill, const char *directory)
{
    pid_t village = background("-d", directory, "run", NULL);
    status_reaches(drill_node(drill, "T1"), "children.live", 2);
    const char *id = node_put(directory, "incident", "from the new village");
    node_gets(drill_node(drill, "C"), "incident", id);
    assert_int_equal(background_stop(village), 0);
}

pid_t node_process(const char *node)
{
    char path[PATH_MAX + 16];
    int pid = 0;
    snprintf(path, sizeof path, "%s/node.lock", node);
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file != NULL)
        fclose(file);
    return pid;
}

long long node_epoch(const char *node)
{
    return status_number(node, "epoch.ordinal");
}

static void take_words(char **words, size_t count, va_list list)
{
    while (count < WORDS_MAX && (words[count] = va_arg(list, char *)) != NULL)
        count++;
    assert_true(count < WORDS_MAX);
}

pid_t background(const char *word, ...)
{
    char *words[WORDS_MAX] = {(char *)(uintptr_t)program, (char *)(uintptr_t)word};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    va_list list;
    va_start(list, word);
    take_words(words, 2, list);
    va_end(list);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int code = posix_spawn(&pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(code, 0);
    return pid;
}

int background_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int background_stop(pid_t pid)
{
    assert_int_equal(kill(pid, SIGTERM), 0);
    return background_wait(pid);
}

bool background_runs(pid_t pid)
{
    siginfo_t info = {0};
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0;
}

void tool(const char *word, ...)
{
    char *words[WORDS_MAX] = {(char *)(uintptr_t)word};
    pid_t pid = 0;
    va_list list;
    va_start(list, word);
    take_words(words, 1, list);
    va_end(list);
    assert_int_equal(posix_spawnp(&pid, word, NULL, NULL, words, environ), 0);
    assert_int_equal(background_wait(pid), 0);
}
