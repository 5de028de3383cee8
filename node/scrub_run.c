/* The parent's side: starts the child, reads its lines, and judges how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/author/file.h"
#include "node/scrub.h"

extern char **environ;

enum {
    SILENCE_MS = 60 * 1000,        /* a count over a whole table says nothing meanwhile, */
    SILENCE_BYTES_A_MS = 10 << 10, /* and takes longer the longer the file is */
    LOOK_MS = 100,                 /* how soon a stop is noticed */
    LINE_BYTES_MAX = 4096,
};

struct child {
    const struct scrub_task *task;
    struct scrub_result *result;
    struct error *error;
    pid_t pid;
    int output;
    uint64_t heard_ms, silence_ms;
    struct buffer text;
    char place[32];
    bool ended, failed, still, stopped;
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- lines ---- */

static void cut(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from);
}

static void add_finding(struct scrub_result *result, const char *table, const char *key,
                        const char *what)
{
    result->damaged++;
    if (result->told == SCRUB_FINDINGS_TOLD)
        return;
    struct scrub_finding *finding = &result->findings[result->told++];
    cut(finding->table, sizeof finding->table, table);
    cut(finding->key, sizeof finding->key, key);
    cut(finding->what, sizeof finding->what, what);
}

/* The parts of a line between tabs; absent ones are empty. */
static void split(char *line, char *parts[static 4])
{
    for (size_t i = 0; i < 4; i++) {
        parts[i] = line;
        char *tab = strchr(line, '\t');
        line = tab == NULL ? line + strlen(line) : tab + 1;
        if (tab != NULL)
            *tab = '\0';
    }
}

static void take_place(struct child *child, const char *line)
{
    const char *number = strrchr(line, ' ');
    if (number == NULL)
        return;
    snprintf(child->place, sizeof child->place, "%.*s", (int)(number - line), line);
    if (child->task->progress != NULL)
        child->task->progress(child->task->context, child->place, strtoull(number, NULL, 10));
}

static void take_count(struct scrub_result *result, const char *line)
{
#define X(name)                                                                                    \
    if (strncmp(line, #name " ", sizeof #name) == 0)                                               \
        result->counts.name = strtoull(line + sizeof #name, NULL, 10);
    VERIFY_COUNT_LIST(X)
#undef X
}

static void take_line(struct child *child, char *line)
{
    char *parts[4];
    if (strncmp(line, "place ", 6) == 0) {
        take_place(child, line + 6);
    } else if (strncmp(line, "finding ", 8) == 0) {
        split(line + 8, parts);
        add_finding(child->result, parts[0], parts[1], parts[2]);
    } else if (strncmp(line, "count ", 6) == 0) {
        take_count(child->result, line + 6);
    } else if (strncmp(line, "error ", 6) == 0) {
        split(line + 6, parts);
        error_set(child->error, error_by_name(span_of_text(parts[0])), parts[1], "%s", parts[2]);
        error_next(child->error, "%s", parts[3]);
        child->failed = true;
    } else if (strcmp(line, "end") == 0) {
        child->ended = true;
    }
}

static void take_text(struct child *child, const char *bytes, size_t size)
{
    buffer_append(&child->text, bytes, size);
    size_t done = 0;
    for (char *at; (at = memchr(child->text.data + done, '\n', child->text.size - done)) != NULL;) {
        *at = '\0';
        take_line(child, (char *)child->text.data + done);
        done = (size_t)((uint8_t *)at - child->text.data) + 1;
    }
    child->text.size -= done;
    memmove(child->text.data, child->text.data + done, child->text.size);
    if (child->text.size > LINE_BYTES_MAX)
        child->text.size = 0;
}

/* ---- the process ---- */

static uint64_t silence_of(const char *dir)
{
    struct stat status;
    char path[PATH_MAX];
    if (path_join(path, dir, "data/data.mdb", NULL) != ERR_OK || stat(path, &status) != 0)
        return SILENCE_MS;
    return SILENCE_MS + (uint64_t)status.st_size / SILENCE_BYTES_A_MS;
}

static int spawn(struct child *child, int ends[static 2])
{
    const struct scrub_task *task = child->task;
    const char *words[] = {
        "terrace", "-d", task->dir, "scrub-store", task->repair ? "--repair" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* a node ignores it; a child without a reader must end */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setsigmask(&attributes, &none);
    int answer = posix_spawn(&child->pid, task->program, &actions, &attributes,
                             (char **)(uintptr_t)words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return answer;
}

static enum error_code start(struct child *child)
{
    int ends[2] = {-1, -1};
    int answer = pipe2(ends, O_CLOEXEC) == 0 ? spawn(child, ends) : errno;
    if (ends[1] >= 0)
        close(ends[1]);
    child->output = ends[0];
    if (answer == 0)
        return ERR_OK;
    if (ends[0] >= 0)
        close(ends[0]);
    return error_set(child->error, ERR_INTERNAL, "the check", "its process can't be started: %s",
                     strerror(answer));
}

static bool must_end(struct child *child)
{
    child->stopped = child->task->stop != NULL && atomic_load(child->task->stop);
    child->still = clock_ms(CLOCK_MONOTONIC) - child->heard_ms > child->silence_ms;
    return child->stopped || child->still;
}

static void listen_to(struct child *child)
{
    char bytes[8192];
    struct pollfd output = {.fd = child->output, .events = POLLIN};
    child->heard_ms = clock_ms(CLOCK_MONOTONIC);
    while (!must_end(child)) {
        if (poll(&output, 1, LOOK_MS) <= 0)
            continue;
        ssize_t size = read(child->output, bytes, sizeof bytes);
        if (size < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (size <= 0)
            return;
        child->heard_ms = clock_ms(CLOCK_MONOTONIC);
        take_text(child, bytes, (size_t)size);
    }
    kill(child->pid, SIGKILL);
}

/* A child that didn't come to its end has met pages that lead nowhere. */
static void judge_end(struct child *child, int status)
{
    char key[96], what[128];
    if (child->ended || child->failed || child->stopped)
        return;
    snprintf(key, sizeof key, "while reading %s", child->place);
    if (child->still)
        snprintf(what, sizeof what, "the check stood still: pages of the file lead in a circle");
    else if (WIFSIGNALED(status))
        snprintf(what, sizeof what, "the check was ended by signal %d (%s): pages are damaged",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(what, sizeof what, "the check ended by itself (status %d): pages are damaged",
                 WEXITSTATUS(status));
    add_finding(child->result, "data.mdb", key, what);
}

enum error_code scrub_run(const struct scrub_task *task, struct scrub_result *result,
                          struct error *error)
{
    struct child child = {.task = task, .result = result, .error = error};
    struct error none;
    int status = 0;
    if (error == NULL)
        child.error = &none;
    uint64_t began_ms = clock_ms(CLOCK_MONOTONIC);
    *result = (struct scrub_result){.wall_ms = clock_ms(CLOCK_REALTIME)};
    child.silence_ms = silence_of(task->dir);
    cut(child.place, sizeof child.place, "the file");
    if (start(&child) != ERR_OK)
        return child.error->code;
    listen_to(&child);
    close(child.output);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    buffer_free(&child.text);
    judge_end(&child, status);
    result->took_ms = clock_ms(CLOCK_MONOTONIC) - began_ms;
    if (child.stopped)
        return error_set(error, ERR_BUSY, "the check", "it was stopped");
    return child.failed ? child.error->code : ERR_OK;
}

/* ---- results ---- */

static void put_text(struct buffer *out, const char *key, const char *text)
{
    mp_write_text(out, key);
    if (utf8_valid(span_of_text(text)))
        mp_write_text(out, text);
    else
        mp_write_text(out, "?"); /* cut within a character */
}

static void put_uint(struct buffer *out, const char *key, uint64_t value)
{
    mp_write_text(out, key);
    mp_write_uint(out, value);
}

void scrub_result_write(const struct scrub_result *result, struct buffer *out)
{
    mp_write_map(out, 6);
    mp_write_text(out, "sound");
    mp_write_bool(out, result->damaged == 0);
    put_uint(out, "damaged", result->damaged);
    put_uint(out, "when", result->wall_ms);
    put_uint(out, "took_ms", result->took_ms);
    mp_write_text(out, "checked");
#define X(name) +1
    mp_write_map(out, VERIFY_COUNT_LIST(X));
#undef X
#define X(name) put_uint(out, #name, result->counts.name);
    VERIFY_COUNT_LIST(X)
#undef X
    mp_write_text(out, "findings");
    mp_write_array(out, (uint32_t)result->told);
    for (size_t i = 0; i < result->told; i++) {
        mp_write_map(out, 3);
        put_text(out, "table", result->findings[i].table);
        put_text(out, "key", result->findings[i].key);
        put_text(out, "what", result->findings[i].what);
    }
}

#define LAST_FILE "verified"
#define LAST_HEAD "terrace-verified 1"

void scrub_last_write(const char *dir, const struct scrub_result *result)
{
    char path[PATH_MAX], text[128];
    int size = snprintf(text, sizeof text, LAST_HEAD " %llu %llu\n",
                        (unsigned long long)result->wall_ms, (unsigned long long)result->damaged);
    if (path_join(path, dir, LAST_FILE, NULL) == ERR_OK)
        (void)file_replace(path, SPAN(text, (size_t)size), 0600, NULL); /* or it isn't remembered */
}

bool scrub_last_read(const char *dir, struct scrub_last *last)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    unsigned long long wall_ms = 0, damaged = 0;
    bool read = path_join(path, dir, LAST_FILE, NULL) == ERR_OK &&
                file_read(path, 128, &text, NULL) == ERR_OK;
    buffer_append_byte(&text, 0);
    read = read && sscanf((char *)text.data, LAST_HEAD " %llu %llu", &wall_ms, &damaged) == 2;
    *last = (struct scrub_last){wall_ms, damaged};
    buffer_free(&text);
    return read;
}
