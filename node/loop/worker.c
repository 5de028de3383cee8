/* One mutex, one condition on the monotonic clock (a wall clock that jumps must not stretch a
 * wait). */
#include "node/loop/worker.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static void *worker_main(void *argument)
{
    struct worker *worker = argument;

    worker->run(worker, worker->context);
    return NULL;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct worker *worker)
{
    pthread_cond_destroy(&worker->filled);
    pthread_mutex_destroy(&worker->mutex);
}

int worker_start(struct worker *worker, void (*run)(struct worker *worker, void *context),
                 void *context)
{
    pthread_attr_t attributes;
    int result;

    *worker = (struct worker){.run = run, .context = context};
    pthread_mutex_init(&worker->mutex, NULL);
    init_condition(&worker->filled);
    pthread_attr_init(&attributes);
    result = pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    assert(result == 0);
    result = pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_attr_destroy(&attributes);
    if (result != 0)
        destroy(worker);
    return result;
}

void worker_push(struct worker *worker, struct inbox_event *event)
{
    event->next = NULL;
    pthread_mutex_lock(&worker->mutex);
    if (worker->last)
        worker->last->next = event;
    else
        worker->first = event;
    worker->last = event;
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->mutex);
}

static struct timespec deadline_in(int64_t wait_ms)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)(wait_ms / 1000);
    deadline.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

/* Under the mutex: until there is an event, or the worker is to stop, or the time is over. */
static void wait_for_event(struct worker *worker, int64_t wait_ms)
{
    const struct timespec deadline = deadline_in(wait_ms > 0 ? wait_ms : 0);
    int result = 0;

    while (!worker->first && !worker->stopping && result == 0) {
        if (wait_ms < 0)
            result = pthread_cond_wait(&worker->filled, &worker->mutex);
        else
            result = pthread_cond_timedwait(&worker->filled, &worker->mutex, &deadline);
    }
}

struct inbox_event *worker_take_all(struct worker *worker, int64_t wait_ms, bool *stopping)
{
    struct inbox_event *first;

    pthread_mutex_lock(&worker->mutex);
    if (wait_ms != 0)
        wait_for_event(worker, wait_ms);
    first = worker->first;
    worker->first = NULL;
    worker->last = NULL;
    if (stopping)
        *stopping = worker->stopping && !first;
    pthread_mutex_unlock(&worker->mutex);
    return first;
}

void worker_stop(struct worker *worker)
{
    assert(!pthread_equal(pthread_self(), worker->thread));
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    destroy(worker);
}
