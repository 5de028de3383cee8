/* Links to the core and back. The room's callbacks become items; what the core sends goes to the
 * room; who may call and whom we call comes from the signed tree. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node_parts.h"

static const char *seat_of_link(struct node *node, uint32_t link, bool uplink)
{
    static const char unknown[] = "?";
    struct link_info info;
    if (uplink && node->guiding)
        return node->guide.seat;
    if (uplink)
        return node->tree != NULL ? node->tree->parent : unknown;
    if (!link_room_info(node->room, link, &info))
        return unknown;
    for (size_t i = 0; node->tree != NULL && i < node->tree->peer_count; i++) {
        if (strcmp(node->tree->peers[i].seat, info.seat) == 0)
            return node->tree->peers[i].seat;
    }
    return unknown;
}

static size_t load_place(const struct node *node, uint32_t link)
{
    size_t place = node->load_count;
    while (place > 0 && node->loads[place - 1].link >= link)
        place--; /* links come up in ascending order: mostly it is the last */
    return place;
}

static struct link_load *load_find(struct node *node, uint32_t link)
{
    size_t low = 0, high = node->load_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node->loads[middle].link < link)
            low = middle + 1;
        else
            high = middle;
    }
    return low < node->load_count && node->loads[low].link == link ? &node->loads[low] : NULL;
}

static void load_begin(struct node *node, uint32_t link)
{
    if (node->load_count == node->load_capacity) {
        node->load_capacity = node->load_capacity == 0 ? 8 : 2 * node->load_capacity;
        node->loads = mem_resize(node->loads, node->load_capacity * sizeof *node->loads);
    }
    size_t place = load_place(node, link);
    memmove(node->loads + place + 1, node->loads + place,
            (node->load_count - place) * sizeof *node->loads);
    node->loads[place] = (struct link_load){.link = link};
    node->load_count++;
}

static void load_end(struct node *node, uint32_t link)
{
    struct link_load *load = load_find(node, link);
    if (load == NULL)
        return;
    node->load_count--;
    memmove(load, load + 1, (size_t)(node->loads + node->load_count - load) * sizeof *load);
}

/* How much of one link's may wait: when all together is too much, a fair share of half of that. */
static size_t load_most(const struct node *node)
{
    size_t share = PENDING_BYTES_MOST / 2 / (node->load_count + 1);
    if (!node->pending_much || share > PENDING_LINK_BYTES_MOST)
        return PENDING_LINK_BYTES_MOST;
    return share < MESSAGE_BYTES_MAX ? MESSAGE_BYTES_MAX : share;
}

static void load_add(struct node *node, uint32_t link, size_t bytes)
{
    struct link_load *load = load_find(node, link);
    if (load == NULL)
        return;
    load->pending_bytes += bytes;
    if (load->pending_bytes <= load_most(node) || load->held)
        return;
    load->held = true;
    link_room_hold(node->room, link, true);
}

/* Attempts are counted from here on. */
static void uplink_turns(struct node *node, uint32_t link)
{
    struct link_counters counters;
    link_room_counters(node->room, &counters);
    node->uplink = link;
    node->uplink_since_ms = uv_now(&node->loop);
    node->uplink_dialled = counters.dialled;
    node->uplink_answered = counters.answered;
}

/* Past the parent, which is dialled again at once. */
static void over_is_up(struct node *node, uint32_t link, const uint8_t *peer_key)
{
    const struct core_tree *tree = node->tree;
    const char *seat = "?";
    for (size_t i = 0; i < tree->guide_count; i++) {
        if (memcmp(tree->guides[i].key, peer_key, LINK_KEY_BYTES) == 0)
            seat = tree->guides[i].seat;
    }
    node->over = link;
    node->over_since_ms = uv_now(&node->loop);
    snprintf(node->over_seat, sizeof node->over_seat, "%s", seat);
    snprintf(node->over_host, sizeof node->over_host, "%s", node->guide.seat);
    node->guiding = false;
    log_line(&node->log, LOG_INFO, "link %u is up: %s, over the fallback %s, past %s", link, seat,
             node->over_host, tree->parent);
    node_link_dial_parent(node);
}

static void on_up(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                  bool uplink)
{
    struct node *node = context;
    struct link_info info;
    struct core_item *item = core_item_new(CORE_LINK_UP, SPAN_EMPTY);
    item->up.link = link;
    item->up.uplink = uplink;
    item->up.over = link_room_info(node->room, link, &info) && info.over;
    memcpy(item->up.peer_key, peer_key, KEY_BYTES);
    if (uplink && !item->up.over)
        uplink_turns(node, link);
    if (item->up.over)
        over_is_up(node, link, peer_key);
    else
        log_line(&node->log, LOG_INFO, "link %u is up: %s%s", link,
                 seat_of_link(node, link, uplink), uplink ? " (the seat above)" : "");
    load_begin(node, link);
    node_push(node, item, 0);
}

static void on_message(void *context, uint32_t link, unsigned channel, uint8_t type,
                       struct span body)
{
    struct node *node = context;
    struct core_item *item = core_item_new(CORE_MESSAGE, body);
    item->message.link = link;
    item->message.channel = (enum channel)channel;
    item->message.type = type;
    item->message.size = (uint16_t)body.size;
    node_push(node, item, body.size);
    load_add(node, link, body.size);
}

static void on_down(void *context, uint32_t link, enum link_down reason)
{
    struct node *node = context;
    struct core_item *item = core_item_new(CORE_LINK_DOWN, SPAN_EMPTY);
    item->down = link;
    load_end(node, link);
    if (link == node->uplink) {
        uplink_turns(node, 0);
        node_guide_down(node);
    }
    if (link == node->over)
        node->over = 0;
    log_line(&node->log, LOG_INFO, "link %u is down: %s", link, link_down_sentence(reason));
    node_push(node, item, 0);
}

static void on_join(void *context, uint32_t link, const uint8_t invite[static LINK_INVITE_ID_BYTES],
                    const uint8_t peer_key[static LINK_KEY_BYTES], struct span body)
{
    node_join_ask(context, link, invite, peer_key, body);
}

static void on_wire(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                    const char *seat)
{
    node_wire_ask(context, link, peer_key, seat);
}

/* The links are gone: the core finishes what it has, and says so. */
static void on_stopped(void *context)
{
    struct node *node = context;
    node->room = NULL;
    node_push(node, core_item_new(CORE_END, SPAN_EMPTY), 0);
}

/* What credit lets out, a window a class, and as much again for control as is usual. */
static size_t queue_bytes_max(const struct node *node)
{
    size_t window = node->config.tuning.credit_bytes;
    return window <= CREDIT_BYTES ? LINK_QUEUE_BYTES_MAX
                                  : LINK_QUEUE_BYTES_MAX + CLASS_COUNT * (window - CREDIT_BYTES);
}

enum error_code node_link_start(struct node *node, struct error *error)
{
    uint64_t rate = (uint64_t)node->config.links.rate_kbit * 125;
    struct link_options options = {
        .loop = &node->loop,
        .listen_url = node->config.listen[0] != '\0' ? node->config.listen : NULL,
        .callbacks = {on_up, on_message, on_down, on_stopped, on_join, on_wire},
        .context = node,
        .handshake_ms = node->config.links.handshake_ms,
        .ping_ms = node->config.links.ping_ms,
        .dead_ms = node->config.links.dead_ms,
        .rate_bytes = rate,
        .rate_least = (uint32_t)(rate == 0 || rate / 4 > LINK_RATE_LEAST ? 0 : rate / 4 + 1),
        .queue_bytes_max = queue_bytes_max(node),
    };
    memcpy(options.link_secret, node->keys->link_secret, LINK_KEY_BYTES);
    memcpy(options.tree_id, node->config.tree_id.bytes, HASH_BYTES);
    memcpy(options.psk, node->keys->tree_secret, LINK_PSK_BYTES);
    node->uplink_since_ms = uv_now(&node->loop);
    node->room = link_room_start(&options, error);
    secret_wipe(options.link_secret, sizeof options.link_secret);
    secret_wipe(options.psk, sizeof options.psk);
    return node->room != NULL ? ERR_OK : error->code;
}

void node_link_take_sends(struct node *node, struct span sends)
{
    struct core_send send;
    size_t at = 0;
    while (node->room != NULL && core_send_next(sends, &at, &send)) {
        if (send.closes)
            link_room_close(node->room, send.link, LINK_BYE_NONE);
        else
            link_room_send(node->room, send.link, send.channel, send.type, send.body);
    }
}

void node_link_dial_parent(struct node *node)
{
    const struct core_tree *tree = node->tree;
    const char *urls[ENDPOINTS_MAX];
    struct error error;
    for (size_t i = 0; i < tree->endpoint_count; i++)
        urls[i] = tree->endpoints[i];
    node->uplink_trouble[0] = '\0';
    if (tree->has_parent && tree->endpoint_count == 0)
        snprintf(node->uplink_trouble, sizeof node->uplink_trouble,
                 "the signed tree gives no endpoint of %s", tree->parent);
    if (link_room_dial(node->room, tree->parent_key, urls, tree->endpoint_count, &error) != ERR_OK)
        snprintf(node->uplink_trouble, sizeof node->uplink_trouble,
                 "the signed tree's endpoint of %s: %s", tree->parent, error.why);
    if (node->uplink_trouble[0] != '\0')
        log_line(&node->log, LOG_ERROR, "%s", node->uplink_trouble);
}

void node_link_take_tree(struct node *node)
{
    const struct core_tree *tree = node->tree;
    if (node->room == NULL)
        return;
    node_wire_take_tree(node);
    link_room_set_peers(node->room, tree->peers, tree->listed ? tree->peer_count : 0);
    if (node->guiding && node->uplink != 0)
        return; /* it is still telling */
    node_guide_forget(node);
    node_link_dial_parent(node);
}

void node_link_settle(struct node *node, struct span taken)
{
    struct core_taken one;
    for (size_t at = 0; core_taken_next(taken, &at, &one);) {
        struct link_load *load = load_find(node, one.link);
        if (load == NULL)
            continue; /* it is down by now */
        assert(load->pending_bytes >= one.bytes);
        load->pending_bytes -= one.bytes;
    }
    for (size_t i = 0; i < node->load_count && node->room != NULL; i++) {
        struct link_load *load = &node->loads[i];
        if (load->held && load->pending_bytes <= load_most(node) / 2) {
            load->held = false;
            link_room_hold(node->room, load->link, false);
        }
    }
}

void node_link_release_all(struct node *node)
{
    for (size_t i = 0; i < node->load_count && node->room != NULL; i++) {
        if (node->loads[i].held)
            link_room_hold(node->room, node->loads[i].link, false);
        node->loads[i].held = false;
    }
}

void node_link_set_cut(struct node *node, bool cut)
{
    if (node->cut == cut)
        return;
    node->cut = cut;
    node->uplink_since_ms = uv_now(&node->loop);
    log_line(&node->log, LOG_INFO, "the uplink is %s", cut ? "cut by order" : "dialled again");
    link_room_set_cut(node->room, cut);
}
