/* The loop's inbox and the worker's: nothing lost, nothing twice, order kept for each pusher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "node/loop/inbox.h"
#include "node/loop/worker.h"

enum { PUSHERS = 4, EVENTS_EACH = 20000 };

struct numbered {
    struct inbox_event event; /* first */
    unsigned pusher, number;
};

struct pusher {
    pthread_t thread;
    struct inbox *inbox;
    struct worker *worker;
    struct numbered *events;
};

struct taken {
    unsigned next[PUSHERS]; /* number expected of each */
    size_t total;
    bool wrong;
    size_t batches;
};

static void take(struct taken *taken, const struct inbox_event *event)
{
    const struct numbered *numbered = (const struct numbered *)(const void *)event;

    if (numbered->number != taken->next[numbered->pusher]++)
        taken->wrong = true;
    taken->total++;
}

static void handle(void *context, struct inbox_event *event)
{
    take(context, event);
}

static void *push_all(void *argument)
{
    struct pusher *pusher = argument;

    for (unsigned i = 0; i < EVENTS_EACH; i++) {
        if (pusher->inbox)
            inbox_push(pusher->inbox, &pusher->events[i].event);
        else
            worker_push(pusher->worker, &pusher->events[i].event);
    }
    return NULL;
}

static void pushers_start(struct pusher *pushers, struct inbox *inbox, struct worker *worker)
{
    for (unsigned p = 0; p < PUSHERS; p++) {
        pushers[p] = (struct pusher){.inbox = inbox, .worker = worker};
        pushers[p].events = calloc(EVENTS_EACH, sizeof *pushers[p].events);
        assert_non_null(pushers[p].events);
        for (unsigned i = 0; i < EVENTS_EACH; i++) {
            pushers[p].events[i].pusher = p;
            pushers[p].events[i].number = i;
        }
        assert_int_equal(pthread_create(&pushers[p].thread, NULL, push_all, &pushers[p]), 0);
    }
}

static void pushers_join(struct pusher *pushers)
{
    for (unsigned p = 0; p < PUSHERS; p++)
        pthread_join(pushers[p].thread, NULL);
}

static void pushers_free(struct pusher *pushers)
{
    for (unsigned p = 0; p < PUSHERS; p++)
        free(pushers[p].events);
}

static void closed(void *context)
{
    ((struct taken *)context)->batches = 1;
}

static void many_threads_to_the_loop(void **state)
{
    struct pusher pushers[PUSHERS];
    struct taken taken = {0};
    struct inbox inbox;
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(inbox_open(&inbox, &loop, handle, &taken), 0);
    pushers_start(pushers, &inbox, NULL);
    while (taken.total < PUSHERS * EVENTS_EACH)
        uv_run(&loop, UV_RUN_ONCE);
    pushers_join(pushers);
    assert_false(taken.wrong);
    inbox_hold_loop(&inbox, false);
    assert_int_equal(uv_run(&loop, UV_RUN_NOWAIT), 0); /* it alone keeps no loop alive */
    inbox_hold_loop(&inbox, true);
    inbox_close(&inbox, closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(taken.batches, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    pushers_free(pushers);
}

struct repeater {
    struct inbox_event event; /* first */
    struct inbox *inbox;
    unsigned left;
};

static void push_again(void *context, struct inbox_event *event)
{
    struct repeater *repeater = (struct repeater *)(void *)event;

    (void)context;
    if (--repeater->left > 0)
        inbox_push(repeater->inbox, event);
    else
        inbox_close(repeater->inbox, NULL);
}

/* Handling may push the event again, and close the inbox. */
static void pushed_again_while_handled(void **state)
{
    struct inbox inbox;
    struct repeater repeater = {.inbox = &inbox, .left = 100};
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(inbox_open(&inbox, &loop, push_again, NULL), 0);
    inbox_push(&inbox, &repeater.event);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(repeater.left, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void take_batches(struct worker *worker, void *context)
{
    struct taken *taken = context;
    bool stopping = false;

    while (!stopping) {
        const struct inbox_event *event = worker_take_all(worker, -1, &stopping);

        taken->batches += event != NULL;
        for (; event; event = event->next)
            take(taken, event);
    }
}

/* What was pushed before the stop is taken before it. */
static void many_threads_to_a_worker(void **state)
{
    struct pusher pushers[PUSHERS];
    struct taken taken = {0};
    struct worker worker;

    (void)state;
    assert_int_equal(worker_start(&worker, take_batches, &taken), 0);
    pushers_start(pushers, NULL, &worker);
    pushers_join(pushers);
    worker_stop(&worker);
    assert_int_equal(taken.total, PUSHERS * EVENTS_EACH);
    assert_false(taken.wrong);
    assert_in_range(taken.batches, 1, PUSHERS * EVENTS_EACH);
    pushers_free(pushers);
}

struct waits {
    bool empty_at_once, empty_after_wait, stopped;
};

static void wait_in_turns(struct worker *worker, void *context)
{
    struct waits *waits = context;

    waits->empty_at_once = worker_take_all(worker, 0, NULL) == NULL;
    waits->empty_after_wait = worker_take_all(worker, 1, NULL) == NULL;
    worker_take_all(worker, 1000 * 1000, &waits->stopped); /* ended by the stop */
}

static void waits_end(void **state)
{
    struct waits waits = {0};
    struct worker worker;

    (void)state;
    assert_int_equal(worker_start(&worker, wait_in_turns, &waits), 0);
    worker_stop(&worker);
    assert_true(waits.empty_at_once && waits.empty_after_wait && waits.stopped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_to_the_loop),
        cmocka_unit_test(pushed_again_while_handled),
        cmocka_unit_test(many_threads_to_a_worker),
        cmocka_unit_test(waits_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
