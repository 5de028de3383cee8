/* What waits for the core, and who comes first.
 *
 *     this node's own writes and questions | control | urgent | normal | bulk
 *                                            each: links in turn, an item at a time
 *
 * A batch takes the lanes in this order, but of each an eighth first: so an urgent block waits for
 * one batch, whatever else has come, a link with a thousand blocks costs the others one each, and
 * no lane starves another. Items of one link and channel keep their order; channels overtake each
 * other, as they do on the link. That a link is down comes after all that it brought, and the end
 * after everything. */
#ifndef TERRACE_NODE_CORE_QUEUE_H
#define TERRACE_NODE_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct core_item;
struct queue_link;

enum { QUEUE_CHANNELS = 4 };

struct queue_line { /* items, first come first */
    struct core_item *first, *last;
};

struct queue_turns { /* links that have something on one channel; the first one's turn is next */
    struct queue_link *first, *last;
};

/* All zero is an empty queue. It owns what is in it. */
struct core_queue {
    struct queue_line own;
    struct queue_turns turns[QUEUE_CHANNELS];
    struct queue_link **links; /* those with anything in it, ascending by name */
    size_t link_count, link_capacity;
    struct core_item *end;
};

void core_queue_add(struct core_queue *queue, struct core_item *item);
bool core_queue_empty(const struct core_queue *queue);
/* The next batch, linked by event.next, the caller's now; it ends with the item that reaches
 * events_max or bytes_max (each > 0). NULL: nothing waits. */
struct core_item *core_queue_take(struct core_queue *queue, size_t events_max, size_t bytes_max);
/* Frees what is in it and its memory. */
void core_queue_free(struct core_queue *queue);

#endif
