/* Many pushers, one taker: pushing puts on a stack by compare and swap, taking swaps the whole
 * stack for nothing and turns it around. Nothing is ever taken out singly, so no address is seen
 * twice. */
#include "node/loop/inbox.h"

#include <assert.h>
#include <stddef.h>

struct inbox_event *inbox_in_order(struct inbox_event *newest)
{
    struct inbox_event *first = NULL;

    while (newest) {
        struct inbox_event *older = newest->next;

        newest->next = first;
        first = newest;
        newest = older;
    }
    return first;
}

static void inbox_drain(uv_async_t *wake)
{
    struct inbox *inbox = wake->data;
    struct inbox_event *event =
        inbox_in_order(atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire));

    while (event) {
        struct inbox_event *next = event->next; /* handling may push or free the event */

        event->next = NULL;
        inbox->handle(inbox->context, event);
        event = next;
    }
}

int inbox_open(struct inbox *inbox, uv_loop_t *loop,
               void (*handle)(void *context, struct inbox_event *event), void *context)
{
    assert(handle);
    *inbox = (struct inbox){.handle = handle, .context = context};
    atomic_init(&inbox->newest, NULL);
    inbox->wake.data = inbox;
    return uv_async_init(loop, &inbox->wake, inbox_drain);
}

void inbox_push(struct inbox *inbox, struct inbox_event *event)
{
    struct inbox_event *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);

    do
        event->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, event,
                                                  memory_order_release, memory_order_relaxed));
    uv_async_send(&inbox->wake);
}

void inbox_hold_loop(struct inbox *inbox, bool held)
{
    if (held)
        uv_ref((uv_handle_t *)&inbox->wake);
    else
        uv_unref((uv_handle_t *)&inbox->wake);
}

static void inbox_gone(uv_handle_t *wake)
{
    struct inbox *inbox = wake->data;

    if (inbox->closed)
        inbox->closed(inbox->context);
}

void inbox_close(struct inbox *inbox, void (*closed)(void *context))
{
    assert(!uv_is_closing((uv_handle_t *)&inbox->wake));
    inbox->closed = closed;
    uv_close((uv_handle_t *)&inbox->wake, inbox_gone);
}
