/* Lines of items, a line for each channel of a link; links in turn. A link is known here only while
 * something of it waits. */
#include "node/core_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/core_thread.h"

_Static_assert((int)QUEUE_CHANNELS == (int)CHANNELS, "a line for each channel");

enum {
    LANE_OWN,
    LANE_CONTROL, /* and from here on the channels */
    LANES = LANE_CONTROL + CHANNELS,
    LANE_SHARE = 8, /* of a batch: an eighth for each lane first */
};

struct queue_link {
    uint32_t link;
    size_t count;           /* of items in all lines */
    struct core_item *down; /* it comes when the count is 0 */
    struct queue_line lines[CHANNELS];
    struct queue_link *next[CHANNELS]; /* whose turn is after this one's */
};

static void line_add(struct queue_line *line, struct core_item *item)
{
    item->event.next = NULL;
    if (line->first == NULL)
        line->first = item;
    else
        line->last->event.next = &item->event;
    line->last = item;
}

static struct core_item *line_take(struct queue_line *line)
{
    struct core_item *item = line->first;
    line->first = (struct core_item *)item->event.next;
    item->event.next = NULL;
    return item;
}

/* Where a link stands among the links, or would. */
static size_t place_of(const struct core_queue *queue, uint32_t link)
{
    size_t low = 0, high = queue->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (queue->links[middle]->link < link)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct queue_link *find(const struct core_queue *queue, uint32_t link)
{
    size_t place = place_of(queue, link);
    return place < queue->link_count && queue->links[place]->link == link ? queue->links[place]
                                                                          : NULL;
}

static struct queue_link *find_or_add(struct core_queue *queue, uint32_t name)
{
    struct queue_link *link = find(queue, name);
    if (link != NULL)
        return link;
    if (queue->link_count == queue->link_capacity) {
        queue->link_capacity = queue->link_capacity == 0 ? 8 : 2 * queue->link_capacity;
        queue->links = mem_resize(queue->links, queue->link_capacity * sizeof(struct queue_link *));
    }
    size_t place = place_of(queue, name);
    memmove(queue->links + place + 1, queue->links + place,
            (queue->link_count - place) * sizeof(struct queue_link *));
    queue->link_count++;
    link = queue->links[place] = mem_alloc(sizeof *link);
    link->link = name;
    return link;
}

static void forget(struct core_queue *queue, struct queue_link *link)
{
    size_t place = place_of(queue, link->link);
    assert(queue->links[place] == link && link->count == 0);
    queue->link_count--;
    memmove(queue->links + place, queue->links + place + 1,
            (queue->link_count - place) * sizeof(struct queue_link *));
    if (link->down != NULL)
        line_add(&queue->own, link->down);
    free(link);
}

static void wait_for_turn(struct core_queue *queue, struct queue_link *link, size_t channel)
{
    struct queue_turns *turns = &queue->turns[channel];
    link->next[channel] = NULL;
    if (turns->first == NULL)
        turns->first = link;
    else
        turns->last->next[channel] = link;
    turns->last = link;
}

static void add_of_link(struct core_queue *queue, struct core_item *item, uint32_t name,
                        size_t channel)
{
    struct queue_link *link = find_or_add(queue, name);
    assert(link->down == NULL); /* the last word about a link */
    if (link->lines[channel].first == NULL)
        wait_for_turn(queue, link, channel);
    line_add(&link->lines[channel], item);
    link->count++;
}

static void add_down(struct core_queue *queue, struct core_item *item)
{
    struct queue_link *link = find(queue, item->down);
    if (link == NULL)
        line_add(&queue->own, item);
    else
        link->down = item;
}

void core_queue_add(struct core_queue *queue, struct core_item *item)
{
    assert(queue->end == NULL);
    switch (item->kind) {
    case CORE_LINK_UP: add_of_link(queue, item, item->up.link, CHANNEL_CONTROL); break;
    case CORE_MESSAGE:
        add_of_link(queue, item, item->message.link, (size_t)item->message.channel);
        break;
    case CORE_LINK_DOWN: add_down(queue, item); break;
    case CORE_WRITES:
    case CORE_MARKS:
    case CORE_DOCUMENT:
    case CORE_SEEK:
    case CORE_STATUS: line_add(&queue->own, item); break;
    case CORE_END: queue->end = item; break;
    }
}

static bool nothing_waits(const struct core_queue *queue)
{
    return queue->own.first == NULL && queue->link_count == 0;
}

bool core_queue_empty(const struct core_queue *queue)
{
    return nothing_waits(queue) && queue->end == NULL;
}

static struct core_item *take_of_link(struct core_queue *queue, size_t channel)
{
    struct queue_turns *turns = &queue->turns[channel];
    struct queue_link *link = turns->first;
    struct core_item *item = line_take(&link->lines[channel]);
    turns->first = link->next[channel];
    if (link->lines[channel].first != NULL)
        wait_for_turn(queue, link, channel);
    if (--link->count == 0)
        forget(queue, link);
    return item;
}

static struct core_item *take_of_lane(struct core_queue *queue, size_t lane)
{
    if (lane == LANE_OWN)
        return queue->own.first == NULL ? NULL : line_take(&queue->own);
    size_t channel = lane - LANE_CONTROL;
    return queue->turns[channel].first == NULL ? NULL : take_of_link(queue, channel);
}

struct batch {
    struct queue_line line;
    size_t events, bytes;
};

static void batch_add(struct batch *batch, struct core_item *item)
{
    bool writes = item->kind == CORE_WRITES;
    batch->events += writes ? item->writes.count : 1;
    if (writes)
        batch->bytes += item->writes.argument_bytes;
    else if (item->kind == CORE_MESSAGE)
        batch->bytes += item->message.size;
    line_add(&batch->line, item);
}

/* Of one lane, until it is empty or the batch has grown by so much. */
static void take_lane(struct core_queue *queue, size_t lane, struct batch *batch, size_t events,
                      size_t bytes)
{
    size_t events_end = batch->events + events, bytes_end = batch->bytes + bytes;
    while (batch->events < events_end && batch->bytes < bytes_end) {
        struct core_item *item = take_of_lane(queue, lane);
        if (item == NULL)
            return;
        batch_add(batch, item);
    }
}

struct core_item *core_queue_take(struct core_queue *queue, size_t events_max, size_t bytes_max)
{
    struct batch batch = {0};
    assert(events_max > 0 && bytes_max > 0);
    for (size_t turn = 0; turn < 2 * LANES; turn++) {
        size_t events = events_max / LANE_SHARE + 1, bytes = bytes_max / LANE_SHARE + 1;
        if (batch.events >= events_max || batch.bytes >= bytes_max)
            break;
        if (turn >= LANES) { /* each has had its share: now in their order */
            events = events_max - batch.events;
            bytes = bytes_max - batch.bytes;
        }
        take_lane(queue, turn % LANES, &batch, events, bytes);
    }
    if (nothing_waits(queue) && queue->end != NULL) {
        line_add(&batch.line, queue->end);
        queue->end = NULL;
    }
    return batch.line.first;
}

void core_queue_free(struct core_queue *queue)
{
    while (!core_queue_empty(queue)) {
        struct core_item *item = core_queue_take(queue, 1, 1);
        while (item != NULL) {
            struct core_item *next = (struct core_item *)item->event.next;
            core_item_free(item);
            item = next;
        }
    }
    free(queue->links);
    *queue = (struct core_queue){0};
}
