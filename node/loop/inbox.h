/* Inbox of a libuv loop: events pushed from any thread, handled on the loop's thread.
 *
 * The queue carries the events, the wake carries nothing (libuv merges wake-ups). An event is a
 * struct inbox_event embedded in whatever it belongs to; the pusher gives it away and gets it back
 * when it is handled. An event must not be pushed again before that. */
#ifndef TERRACE_NODE_LOOP_INBOX_H
#define TERRACE_NODE_LOOP_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct inbox_event {
    struct inbox_event *next; /* the inbox's, until the event is handled */
};

struct inbox {
    _Atomic(struct inbox_event *) newest; /* a stack, turned around when it is taken */
    uv_async_t wake;
    void (*handle)(void *context, struct inbox_event *event);
    void *context;
    void (*closed)(void *context);
};

/* `handle` gets one event at a time, in the order of pushing; it may push the event again, free
 * what holds it, or close the inbox if no other event can be under way. Returns libuv's error or 0.
 * The inbox must not move. */
int inbox_open(struct inbox *inbox, uv_loop_t *loop,
               void (*handle)(void *context, struct inbox_event *event), void *context);

/* From any thread, between inbox_open and inbox_close. */
void inbox_push(struct inbox *inbox, struct inbox_event *event);

/* An open inbox does not keep its loop alive when `held` is false (it does at first). */
void inbox_hold_loop(struct inbox *inbox, bool held);

/* On the loop's thread, once no pusher is left: each has *returned* from inbox_push, which its
 * having been handled does not yet say (join the thread or stop the aio first). What is still in
 * the inbox is dropped. `closed` (may be NULL) is called when libuv lets the memory go. */
void inbox_close(struct inbox *inbox, void (*closed)(void *context));

/* Turns a taken stack into pushing order. */
struct inbox_event *inbox_in_order(struct inbox_event *newest);

#endif
