/* Bytes out, bytes in; whoever drives it decides when to wait. */
#include "bench/pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"

enum { PIPE_READ_BYTES = 256 << 10, LENGTH_BYTES = 4 };

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

_Noreturn void bench_fail(const struct error *error)
{
    fprintf(stderr, "bench: %s: %s\n", error->what, error->why);
    exit(EXIT_FAILED);
}

bool pipe_try_open(struct pipe *pipe, const char *directory, struct error *error)
{
    *pipe = (struct pipe){.socket = client_socket(directory, error)};
    return pipe->socket >= 0;
}

void pipe_open(struct pipe *pipe, const char *directory)
{
    struct error error;
    if (!pipe_try_open(pipe, directory, &error))
        bench_fail(&error);
}

void pipe_close(struct pipe *pipe)
{
    close(pipe->socket);
    buffer_free(&pipe->out);
    buffer_free(&pipe->in);
}

void pipe_request(struct pipe *pipe, uint64_t id, const char *verb, struct span args)
{
    api_request_encode(id, verb, args, &pipe->out);
}

bool pipe_send(struct pipe *pipe)
{
    while (pipe->sent < pipe->out.size) {
        ssize_t sent = send(pipe->socket, pipe->out.data + pipe->sent, pipe->out.size - pipe->sent,
                            MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        pipe->sent += (size_t)sent;
    }
    buffer_clear(&pipe->out);
    pipe->sent = 0;
    return true;
}

bool pipe_receive(struct pipe *pipe)
{
    if (pipe->used > 0)
        memmove(pipe->in.data, pipe->in.data + pipe->used, pipe->in.size - pipe->used);
    pipe->in.size -= pipe->used;
    pipe->used = 0;
    buffer_reserve(&pipe->in, PIPE_READ_BYTES);
    ssize_t got = recv(pipe->socket, pipe->in.data + pipe->in.size, PIPE_READ_BYTES, 0);
    if (got > 0)
        pipe->in.size += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool pipe_answer(struct pipe *pipe, struct api_answer *answer)
{
    struct span rest = SPAN(pipe->in.data + pipe->used, pipe->in.size - pipe->used);
    size_t size = answer_size(rest);
    struct error error;
    if (size == 0)
        return false;
    error_set(&error, ERR_MALFORMED, "the node", "its answer can't be read");
    if (size == SIZE_MAX || api_answer_decode(SPAN(rest.data + LENGTH_BYTES, size - LENGTH_BYTES),
                                              answer, &error) != ERR_OK)
        bench_fail(&error);
    pipe->used += size;
    return true;
}

enum error_code pipe_ask(struct pipe *pipe, const char *verb, struct span args,
                         struct api_answer *answer)
{
    struct pollfd wait = {.fd = pipe->socket, .events = POLLIN};
    pipe_request(pipe, 1, verb, args);
    while (!pipe_answer(pipe, answer)) {
        wait.events = pipe_send(pipe) ? POLLIN : POLLIN | POLLOUT;
        poll(&wait, 1, -1);
        if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !pipe_receive(pipe))
            return ERR_UNREACHABLE;
    }
    return answer->status == API_ERROR ? answer->error.code : ERR_OK;
}
