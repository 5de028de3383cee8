/* Who comes first to the core: urgent before bulk, links in turn, nobody starved, each link's own
 * order kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/core_thread.h"

enum { BYTES_MAX = 1 << 20 };

/* The type numbers the messages of a link and channel. */
static void add(struct core_queue *queue, uint32_t link, enum channel channel, uint8_t number)
{
    static const uint8_t body[100];
    struct core_item *item = core_item_new(CORE_MESSAGE, SPAN_OF_ARRAY(body));
    item->message.link = link;
    item->message.channel = channel;
    item->message.type = number;
    item->message.size = sizeof body;
    core_queue_add(queue, item);
}

static void add_kind(struct core_queue *queue, enum core_item_kind kind, uint32_t link)
{
    struct core_item *item = core_item_new(kind, SPAN_EMPTY);
    if (kind == CORE_LINK_UP)
        item->up.link = link;
    else if (kind == CORE_LINK_DOWN)
        item->down = link;
    core_queue_add(queue, item);
}

static struct core_item *next_of(struct core_item *item)
{
    struct core_item *next = (struct core_item *)item->event.next;
    core_item_free(item);
    return next;
}

static size_t free_batch(struct core_item *first)
{
    size_t count = 0;
    for (; first != NULL; first = next_of(first))
        count++;
    return count;
}

static void an_urgent_block_waits_for_one_batch(void **state)
{
    struct core_queue queue = {0};
    size_t place = 0, urgent_at = SIZE_MAX;
    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        add(&queue, 1, CHANNEL_BULK, (uint8_t)i);
    add(&queue, 2, CHANNEL_URGENT, 1);
    for (struct core_item *item = core_queue_take(&queue, 64, BYTES_MAX); item != NULL;
         item = next_of(item), place++) {
        if (item->message.link == 2)
            urgent_at = place;
    }
    assert_int_equal(place, 64);
    assert_int_equal(urgent_at, 0);
    core_queue_free(&queue);
}

static void links_take_turns(void **state)
{
    struct core_queue queue = {0};
    size_t found[4] = {0};
    uint8_t expected[4] = {0};
    (void)state;
    for (uint32_t link = 1; link <= 3; link++)
        for (unsigned i = 0; i < (link == 1 ? 200 : 10); i++)
            add(&queue, link, CHANNEL_BULK, (uint8_t)i);
    for (struct core_item *item = core_queue_take(&queue, 30, BYTES_MAX); item != NULL;
         item = next_of(item)) {
        uint32_t link = item->message.link;
        found[link]++;
        assert_int_equal(item->message.type, expected[link]); /* in its own order */
        expected[link]++;
    }
    assert_int_equal(found[1], 10);
    assert_int_equal(found[2], 10);
    assert_int_equal(found[3], 10);
    assert_int_equal(free_batch(core_queue_take(&queue, 1000, BYTES_MAX)), 190);
    assert_true(core_queue_empty(&queue));
    core_queue_free(&queue);
}

/* A flood of control messages, and of local writes, leaves an eighth to each of the others. */
static void no_lane_starves_another(void **state)
{
    struct core_queue queue = {0};
    size_t found[CHANNELS] = {0}, own = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        add(&queue, 1, CHANNEL_CONTROL, 1);
        add(&queue, 1, CHANNEL_URGENT, 1);
        add(&queue, 2, CHANNEL_NORMAL, 1);
        add(&queue, 2, CHANNEL_BULK, 1);
        add_kind(&queue, CORE_STATUS, 0);
    }
    for (struct core_item *item = core_queue_take(&queue, 80, BYTES_MAX); item != NULL;
         item = next_of(item)) {
        if (item->kind == CORE_MESSAGE)
            found[item->message.channel]++;
        else
            own++;
    }
    for (size_t channel = 0; channel < CHANNELS; channel++)
        assert_int_equal(found[channel], 11);
    assert_int_equal(own, 80 - CHANNELS * 11);
    core_queue_free(&queue);
}

static void batches_are_bounded_by_bytes_too(void **state)
{
    struct core_queue queue = {0};
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        add(&queue, 1, CHANNEL_NORMAL, 1);
    assert_int_equal(free_batch(core_queue_take(&queue, 1000, 1000)), 10);
    assert_int_equal(free_batch(core_queue_take(&queue, 1, 1000)), 1);
    assert_int_equal(free_batch(core_queue_take(&queue, 1000, BYTES_MAX)), 89);
    assert_null(core_queue_take(&queue, 1000, BYTES_MAX));
    core_queue_free(&queue);
}

/* Up before all that a link brings, down behind it; the end behind everything. */
static void up_first_down_last(void **state)
{
    struct core_queue queue = {0};
    enum core_item_kind expected[] = {CORE_STATUS,  CORE_LINK_UP,   CORE_MESSAGE, CORE_MESSAGE,
                                      CORE_MESSAGE, CORE_LINK_DOWN, CORE_END};
    struct core_item *item;
    (void)state;
    add_kind(&queue, CORE_LINK_UP, 7);
    add(&queue, 7, CHANNEL_BULK, 1);
    add(&queue, 7, CHANNEL_BULK, 2);
    add(&queue, 7, CHANNEL_CONTROL, 3);
    add_kind(&queue, CORE_LINK_DOWN, 7);
    add_kind(&queue, CORE_STATUS, 0);
    add_kind(&queue, CORE_END, 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        item = core_queue_take(&queue, 1, BYTES_MAX);
        assert_non_null(item);
        assert_int_equal(item->kind, expected[i]);
        item = next_of(item);
        if (i == 5) { /* that it is down leaves an empty queue: the end comes with it */
            assert_non_null(item);
            assert_int_equal(item->kind, CORE_END);
            assert_null(next_of(item));
            break;
        }
        assert_null(item);
    }
    assert_true(core_queue_empty(&queue));
    add_kind(&queue, CORE_LINK_DOWN, 8); /* of a link that brought nothing */
    assert_int_equal(free_batch(core_queue_take(&queue, 1, BYTES_MAX)), 1);
    core_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_urgent_block_waits_for_one_batch),
        cmocka_unit_test(links_take_turns),
        cmocka_unit_test(no_lane_starves_another),
        cmocka_unit_test(batches_are_bounded_by_bytes_too),
        cmocka_unit_test(up_first_down_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
