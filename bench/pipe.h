/* One connection to a node's local API with many requests in flight. */
#ifndef TERRACE_BENCH_PIPE_H
#define TERRACE_BENCH_PIPE_H

#include "node/api/message.h"

struct pipe {
    int socket;
    struct buffer out, in;
    size_t sent; /* of `out` */
    size_t used; /* of `in`: answers that were given out */
};

/* Every fault of the world ends the program with a line on stderr: a benchmark that goes on after
 * one measures something else. */
_Noreturn void bench_fail(const struct error *error);

void pipe_open(struct pipe *pipe, const char *directory);
/* False with `error`: nobody listens there (yet). */
bool pipe_try_open(struct pipe *pipe, const char *directory, struct error *error);
void pipe_close(struct pipe *pipe);

/* A request behind what is there already; pipe_send moves it. */
void pipe_request(struct pipe *pipe, uint64_t id, const char *verb, struct span args);
/* As much as the socket takes without waiting; true when all is out. */
bool pipe_send(struct pipe *pipe);
/* Reads what is there; false when the node has gone. */
bool pipe_receive(struct pipe *pipe);
/* The next whole answer; its spans stay valid until pipe_receive. False: more must be read. */
bool pipe_answer(struct pipe *pipe, struct api_answer *answer);
/* Ask and wait. An error is the node's answer, or that it has gone. */
enum error_code pipe_ask(struct pipe *pipe, const char *verb, struct span args,
                         struct api_answer *answer);

uint64_t bench_now_ns(void); /* CLOCK_MONOTONIC: the same for all processes */

#endif
