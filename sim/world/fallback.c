/* Fallbacks: a node whose parent can't be reached talks to the nearest one above it that another
 * seat can reach, over that seat. The host passes sealed bytes on (node/link/wire.c): here its core
 * isn't asked, and hears nothing.
 *
 *     V1 --x T1          V1's link is the one to C from now on; it stands while
 *      \                 T2 runs and its own line is there, and ends when T1 is back
 *       T2 ===== C */
#include <assert.h>
#include <string.h>

#include "sim/world/world_parts.h"

enum { FALLBACK_MS = 15 * 1000 };

static uint64_t wait_ms(const struct world *world)
{
    return world->options.fallback_ms > 0 ? world->options.fallback_ms : FALLBACK_MS;
}

static const struct seat *seat_of(const struct world_node *node)
{
    const struct tree *tree = node->drive == NULL ? NULL : replica_tree(drive_replica(node->drive));
    const char *code = node->world->county->seats[node->seat].code;
    return tree == NULL ? NULL : tree_seat(tree, span_of_text(code));
}

static bool answers(const struct world_node *node)
{
    return node->drive != NULL && !node->paused;
}

/* What stands between a seat and one above it is there: the machine, and its line up. */
static bool reaches(const struct world *world, size_t host, size_t above)
{
    const struct world_node *node = world->nodes[host];
    const struct world_link *link = &node->uplink;
    return answers(node) && node->fallback == SIZE_MAX && !link->cut && link->hole_ms[0] == 0 &&
           link->hole_ms[1] == 0 && answers(world->nodes[above]);
}

/* The nearest one above both that is there; SIZE_MAX: none. */
static size_t target_of(const struct world *world, const struct seat *seat, size_t host)
{
    const struct county *county = world->county;
    for (const struct seat *above = seat->parent->parent; above != NULL; above = above->parent) {
        size_t place = county_find(county, above->row.seat);
        if (place != SIZE_MAX && county_is_above(county, place, host) &&
            (place == host ? answers(world->nodes[host]) : reaches(world, host, place)))
            return place;
    }
    return SIZE_MAX;
}

static void begin(struct world *world, struct world_node *node, const struct seat *seat)
{
    const struct text_list *fallbacks = &seat->row.fallbacks;
    for (unsigned i = 0; i < fallbacks->count; i++) {
        char code[SEAT_BYTES_MAX + 1] = "";
        struct span text = text_list_at(fallbacks, i);
        memcpy(code, text.data, text.size);
        size_t host = county_find(world->county, code);
        size_t target = host == SIZE_MAX ? SIZE_MAX : target_of(world, seat, host);
        if (target == SIZE_MAX)
            continue;
        node->home = node->parent;
        node->fallback = host;
        node_turn_to(node, target);
        return;
    }
}

static void end(struct world *world, struct world_node *node)
{
    wire_drop(world, node->place);
    node_turn_to(node, node->home);
    node->fallback = node->home = SIZE_MAX;
}

static bool is_away(const struct world *world, const struct world_node *node, size_t parent)
{
    return node->uplink.cut || !answers(world->nodes[parent]);
}

void fallback_choose(struct world *world, size_t child)
{
    struct world_node *node = world->nodes[child];
    const struct seat *seat = world->county->fallbacks ? seat_of(node) : NULL;
    bool over = node->fallback != SIZE_MAX;
    if (over && (seat == NULL || !is_away(world, node, node->home) ||
                 !reaches(world, node->fallback, node->parent)))
        end(world, node);
    else if (!over && seat != NULL && seat->parent != NULL && !node->uplink.up &&
             node->parent != child && is_away(world, node, node->parent) &&
             world->now_ms - node->uplink.down_ms >= wait_ms(world))
        begin(world, node, seat);
}

void fallback_look(struct world *world)
{
    for (size_t i = 0; i < world->node_count && world->county->fallbacks; i++) {
        struct world_node *node = world->nodes[i];
        const struct seat *seat = seat_of(node);
        bool stands = node->fallback != SIZE_MAX && reaches(world, node->fallback, node->parent);
        if (node->fallback != SIZE_MAX && !stands)
            end(world, node);
        if (seat == NULL || seat->row.fallbacks.count == 0)
            continue;
        struct happening dial = {
            .at_ms = world->now_ms + wait_ms(world), .kind = HAPPENING_DIAL, .node = i};
        agenda_plan(&world->agenda, &dial);
    }
}
