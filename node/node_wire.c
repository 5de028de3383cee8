/* Others that come over us, as their fallback. Who that is the signed tree says: a row that names
 * this seat among its fallbacks. Where that row isn't here it is asked for above, and the caller
 * waits meanwhile, as long as the link room lets him. He is put through to whoever stands above
 * both and answers, the nearest first; what passes is between the two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node_parts.h"

/* Rows that strangers with the tree's secret may make us ask for, in the life of a process. */
enum { WIRE_SEEKS_MAX = 256 };

static size_t add_routes(struct link_route *routes, size_t count, const char *seat,
                         const char (*endpoints)[ENDPOINT_BYTES_MAX + 1], size_t endpoint_count)
{
    for (size_t i = 0; i < endpoint_count && count < LINK_ROUTES_MAX; i++, count++) {
        snprintf(routes[count].seat, sizeof routes[count].seat, "%s", seat);
        snprintf(routes[count].url, sizeof routes[count].url, "%s", endpoints[i]);
    }
    return count;
}

static const struct core_hosted *find_hosted(const struct node *node, const char *seat)
{
    const struct core_tree *tree = node->tree;
    for (size_t i = 0; i < tree->hosted_count; i++) {
        if (strcmp(tree->hosted[i].caller.seat, seat) == 0)
            return &tree->hosted[i];
    }
    return NULL;
}

static void put_through(struct node *node, const struct wire_ask *ask,
                        const struct core_hosted *hosted)
{
    const struct core_tree *tree = node->tree;
    struct link_route routes[LINK_ROUTES_MAX];
    size_t count = 0;
    if (hosted->to_parent)
        count = add_routes(routes, count, tree->parent, tree->endpoints, tree->endpoint_count);
    for (size_t i = 0; i < tree->guide_count; i++) {
        const struct core_guide *guide = &tree->guides[i];
        if ((hosted->to_guides & 1U << i) != 0)
            count = add_routes(routes, count, guide->seat, guide->endpoints, guide->endpoint_count);
    }
    bool same = memcmp(hosted->caller.key, ask->caller.key, LINK_KEY_BYTES) == 0;
    log_line(&node->log, LOG_INFO, "link %u: %s falls back on this seat: %s", ask->link,
             ask->caller.seat,
             !same       ? "refused, its key is another"
             : count > 0 ? "put through"
                         : "refused, nobody above both has an endpoint");
    if (same && count > 0)
        link_room_put_through(node->room, ask->link, routes, count);
    else
        link_room_close(node->room, ask->link, LINK_BYE_REFUSED);
}

/* Each name counts once. */
static bool may_seek(struct node *node, const char *seat)
{
    for (size_t i = 0; i < node->wire_sought_count; i++) {
        if (strcmp(node->wire_sought[i], seat) == 0)
            return true;
    }
    if (node->wire_sought_count == WIRE_SEEKS_MAX)
        return false;
    size_t count = node->wire_sought_count + 1;
    node->wire_sought = mem_resize(node->wire_sought, count * sizeof *node->wire_sought);
    snprintf(node->wire_sought[node->wire_sought_count++], SEAT_BYTES_MAX + 1, "%s", seat);
    return true;
}

static void forget_gone(struct node *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->wire_ask_count; i++) {
        if (link_room_wiring(node->room, node->wire_asks[i].link))
            node->wire_asks[kept++] = node->wire_asks[i];
    }
    node->wire_ask_count = kept;
}

static void keep_waiting(struct node *node, const struct wire_ask *ask)
{
    forget_gone(node);
    if (node->wire_ask_count == LINK_WIRES_MAX || !may_seek(node, ask->caller.seat)) {
        link_room_close(node->room, ask->link, LINK_BYE_FULL);
        return;
    }
    node->wire_asks = mem_resize(node->wire_asks, LINK_WIRES_MAX * sizeof *node->wire_asks);
    node->wire_asks[node->wire_ask_count++] = *ask;
    struct core_item *item = core_item_new(CORE_SEEK, span_of_text(ask->caller.seat));
    item->seek_bytes = strlen(ask->caller.seat);
    node_push(node, item, 0);
    log_line(&node->log, LOG_INFO, "link %u: %s wants to be put through; its row is asked for",
             ask->link, ask->caller.seat);
}

void node_wire_ask(struct node *node, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                   const char *seat)
{
    struct wire_ask ask = {.link = link};
    const struct core_hosted *hosted = find_hosted(node, seat);
    memcpy(ask.caller.key, peer_key, LINK_KEY_BYTES);
    snprintf(ask.caller.seat, sizeof ask.caller.seat, "%s", seat);
    if (hosted != NULL)
        put_through(node, &ask, hosted);
    else
        keep_waiting(node, &ask);
}

void node_wire_take_tree(struct node *node)
{
    size_t kept = 0;
    forget_gone(node);
    for (size_t i = 0; i < node->wire_ask_count; i++) {
        struct wire_ask ask = node->wire_asks[i];
        const struct core_hosted *hosted = find_hosted(node, ask.caller.seat);
        if (hosted != NULL)
            put_through(node, &ask, hosted);
        else
            node->wire_asks[kept++] = ask;
    }
    node->wire_ask_count = kept;
}

void node_wire_free(struct node *node)
{
    free(node->wire_asks);
    free(node->wire_sought);
    node->wire_asks = NULL;
    node->wire_sought = NULL;
    node->wire_ask_count = node->wire_sought_count = 0;
}
