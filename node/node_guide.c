/* When the parent can't be reached for long, its fallbacks are dialled, in order (rules.md B150):
 * the link that comes of one stands until the parent's is there. Or it has moved, or got other
 * keys: one of those above it is dialled once in its place, and sends its documents
 * (replication/guide.c). Then the parent is dialled again, as the documents name it by then. Waits
 * double, so that a parent that is down for hours doesn't bring all its children upon the next
 * tier. */
#include <sodium.h>
#include <string.h>

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

/* As many turns as there are fallbacks, in order, then one of those above is asked. */
static const struct core_guide *whose_turn(const struct node *node, bool *over)
{
    const struct core_tree *tree = node->tree;
    size_t round = tree->host_count + (tree->guide_count > 0);
    size_t turn = node->guide_next % round;
    *over = turn < tree->host_count;
    return *over ? &tree->hosts[turn] : &tree->guides[node->guide_next / round % tree->guide_count];
}

static void look(uv_timer_t *timer);

static void look_in(struct node *node, uint64_t ms)
{
    if (!uv_is_closing((uv_handle_t *)&node->guide_timer))
        uv_timer_start(&node->guide_timer, look, ms, 0);
}

static enum error_code dial_over(struct node *node, const char *const *urls)
{
    const struct core_tree *tree = node->tree;
    const struct core_guide *host = &node->guide;
    struct link_target targets[TIERS_MAX];
    struct error error;
    for (size_t i = 0; i < tree->guide_count; i++) {
        memcpy(targets[i].seat, tree->guides[i].seat, sizeof targets[i].seat);
        memcpy(targets[i].key, tree->guides[i].key, sizeof targets[i].key);
    }
    return link_room_dial_over(node->room, host->key, urls, host->endpoint_count, node->config.seat,
                               targets, tree->guide_count, &error);
}

static void dial_guide(struct node *node)
{
    struct core_guide *guide = &node->guide;
    const char *urls[ENDPOINTS_MAX];
    struct error error;
    bool over;
    *guide = *whose_turn(node, &over);
    for (size_t i = 0; i < guide->endpoint_count; i++)
        urls[i] = guide->endpoints[i];
    node->guide_next++;
    node->guide_waits += !over;
    if ((over ? dial_over(node, urls)
              : link_room_dial(node->room, guide->key, urls, guide->endpoint_count, &error)) !=
        ERR_OK)
        return;
    node->guiding = true;
    if (over)
        log_line(&node->log, LOG_INFO, "no link to %s: going over the fallback %s",
                 node->tree->parent, guide->seat);
    else
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
    } else if (node->uplink != 0 || node->over != 0) {
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
