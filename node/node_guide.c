/* When the parent can't be reached for long, it may have moved, or got other keys: one of those
 * above it is dialled once in its place, and sends its documents (replication/guide.c). Then the
 * parent is dialled again, as the documents name it by then. Waits double, so that a parent that is
 * down for hours doesn't bring all its children upon the next tier. */
#include <sodium.h>

#include "node/node_parts.h"

enum { GUIDE_DOUBLINGS_MAX = 6 };

static uint64_t first_wait_ms(const struct node *node)
{
    return node->config.links.ping_ms != 0 ? node->config.links.ping_ms : PING_MS;
}

/* Without a link for so long; a part of it by chance, since all children wait alike. */
static uint64_t wait_ms(const struct node *node)
{
    uint32_t doublings =
        node->guide_waits < GUIDE_DOUBLINGS_MAX ? node->guide_waits : GUIDE_DOUBLINGS_MAX;
    uint64_t wait = first_wait_ms(node) << doublings;
    return wait + randombytes_uniform((uint32_t)(wait / 2 + 1));
}

static void look(uv_timer_t *timer);

static void look_in(struct node *node, uint64_t ms)
{
    if (!uv_is_closing((uv_handle_t *)&node->guide_timer))
        uv_timer_start(&node->guide_timer, look, ms, 0);
}

static void dial_guide(struct node *node)
{
    struct core_guide *guide = &node->guide;
    const char *urls[ENDPOINTS_MAX];
    struct error error;
    *guide = node->tree->guides[node->guide_next % node->tree->guide_count];
    for (size_t i = 0; i < guide->endpoint_count; i++)
        urls[i] = guide->endpoints[i];
    node->guide_next++;
    node->guide_waits++;
    if (link_room_dial(node->room, guide->key, urls, guide->endpoint_count, &error) != ERR_OK)
        return;
    node->guiding = true;
    log_line(&node->log, LOG_INFO, "no link to %s: asking %s where it is", node->tree->parent,
             guide->seat);
}

static void look(uv_timer_t *timer)
{
    struct node *node = timer->data;
    if (node->room == NULL)
        return;
    if (node->guiding) {
        node->guiding = false;
        node_link_dial_parent(node);
    } else if (node->uplink != 0) {
        node->guide_waits = 0;
    } else if (!node->cut && node->tree->guide_count > 0 &&
               uv_now(&node->loop) - node->uplink_since_ms >= first_wait_ms(node)) {
        dial_guide(node);
        look_in(node, first_wait_ms(node));
        return;
    }
    look_in(node, wait_ms(node));
}

void node_guide_start(struct node *node)
{
    look_in(node, wait_ms(node));
}

void node_guide_forget(struct node *node)
{
    node->guiding = false;
    node->guide_waits = 0;
}

void node_guide_down(struct node *node)
{
    if (node->guiding)
        look_in(node, 1);
}
