/* A thread with an inbox of its own: it takes everything that is there as one batch.
 *
 * The core runs in one: group commit falls out of taking whole batches. Results go back to the loop
 * through the loop's own inbox (inbox.h). */
#ifndef TERRACE_NODE_LOOP_WORKER_H
#define TERRACE_NODE_LOOP_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include "node/loop/inbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORKER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WORKER_SANITIZED 1
#endif
#endif

enum {
#ifdef WORKER_SANITIZED
    WORKER_STACK_BYTES = 1 << 20, /* sanitizers make frames several times larger */
#else
    WORKER_STACK_BYTES = 256 << 10, /* 330 nodes on one machine; the core recurses nowhere */
#endif
};

struct worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct inbox_event *first, *last;
    bool stopping;
    void (*run)(struct worker *worker, void *context);
    void *context;
};

/* Start a thread in `run`, which returns when worker_take_all says that it should stop. Returns an
 * errno or 0. The worker must not move. */
int worker_start(struct worker *worker, void (*run)(struct worker *worker, void *context),
                 void *context);

/* From any thread, until worker_stop returns. The event must not be pushed again before it is
 * taken. */
void worker_push(struct worker *worker, struct inbox_event *event);

/* On the worker's thread: all events pushed so far, in order, linked by next; the caller owns them.
 * Waits for the first one for at most wait_ms (0: not at all; below 0: for as long as it takes).
 * NULL: the time is over, or the worker is to stop; *stopping (may be NULL) says which. What was
 * pushed before the stop is still given out first. */
struct inbox_event *worker_take_all(struct worker *worker, int64_t wait_ms, bool *stopping);

/* Ask the thread to stop and wait until it has. Not from its own thread. */
void worker_stop(struct worker *worker);

#endif
