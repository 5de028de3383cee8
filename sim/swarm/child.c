/* fork, two pipes, wait. The child has one thread, as its parent must have. */
#include "sim/swarm/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES_BYTES_MAX = 8 << 10, CHUNK_BYTES = 4096 };

struct pipes {
    int said[2], lines[2];
};

static bool open_pipes(struct pipes *pipes)
{
    if (pipe(pipes->said) != 0)
        return false;
    if (pipe(pipes->lines) == 0)
        return true;
    close(pipes->said[0]);
    close(pipes->said[1]);
    return false;
}

static void write_all(int file, const struct buffer *bytes)
{
    for (size_t at = 0; at < bytes->size;) {
        ssize_t written = write(file, bytes->data + at, bytes->size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        at += (size_t)written;
    }
}

/* Buffers that the parent had not flushed are not the child's to write. */
static void be_child(const struct pipes *pipes, void (*work)(void *, struct buffer *),
                     void *context, unsigned cpu_s_max)
{
    static const uint8_t done = 1;
    struct buffer said = {0};
    struct rlimit core = {0, 0}, cpu = {cpu_s_max, cpu_s_max + 1};
    setrlimit(RLIMIT_CORE, &core);
    if (cpu_s_max > 0)
        setrlimit(RLIMIT_CPU, &cpu);
    close(pipes->said[0]);
    close(pipes->lines[0]);
    dup2(pipes->lines[1], STDERR_FILENO);
    close(pipes->lines[1]);
    work(context, &said);
    fflush(NULL);
    buffer_append_byte(&said, done);
    write_all(pipes->said[1], &said);
    buffer_free(&said);
    exit(0); /* what watches the process says its own at the end, too */
}

/* The end of what comes is kept. */
static void keep_tail(struct buffer *lines)
{
    if (lines->size > 2 * (size_t)LINES_BYTES_MAX) {
        size_t drop = lines->size - LINES_BYTES_MAX;
        memmove(lines->data, lines->data + drop, LINES_BYTES_MAX);
        lines->size = LINES_BYTES_MAX;
    }
}

/* False: the pipe is at its end. */
static bool take(int file, struct buffer *into)
{
    uint8_t chunk[CHUNK_BYTES];
    ssize_t count = read(file, chunk, sizeof chunk);
    if (count < 0)
        return errno == EINTR;
    buffer_append(into, chunk, (size_t)count);
    return count > 0;
}

static void listen_to(const struct pipes *pipes, struct child_end *end)
{
    struct pollfd files[] = {{.fd = pipes->said[0], .events = POLLIN},
                             {.fd = pipes->lines[0], .events = POLLIN}};
    while (files[0].fd >= 0 || files[1].fd >= 0) {
        if (poll(files, 2, -1) < 0)
            continue;
        if (files[0].revents != 0 && !take(files[0].fd, &end->said))
            files[0].fd = -1;
        if (files[1].revents != 0 && !take(files[1].fd, &end->lines))
            files[1].fd = -1;
        keep_tail(&end->lines);
    }
}

static void judge_end(int status, struct child_end *end)
{
    bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0 && end->said.size > 0;
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    end->kind = done                                               ? CHILD_DONE
                : end->signal == SIGXCPU || end->signal == SIGKILL ? CHILD_LATE
                                                                   : CHILD_CRASHED;
    if (done)
        end->said.size--;
    else
        buffer_clear(&end->said);
}

bool child_run(void (*work)(void *context, struct buffer *said), void *context, unsigned cpu_s_max,
               struct child_end *end)
{
    struct pipes pipes;
    int status = 0;
    *end = (struct child_end){0};
    if (!open_pipes(&pipes))
        return false;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        be_child(&pipes, work, context, cpu_s_max);
    close(pipes.said[1]);
    close(pipes.lines[1]);
    if (child > 0) {
        listen_to(&pipes, end);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        judge_end(status, end);
    }
    close(pipes.said[0]);
    close(pipes.lines[0]);
    return child > 0;
}

void child_end_clear(struct child_end *end)
{
    buffer_free(&end->said);
    buffer_free(&end->lines);
}
