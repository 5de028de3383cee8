/* Memory links. Each dial that meets both ends begins a session with ids of its own; what belongs
 * to an older one no longer counts, however late it comes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/world_parts.h"

enum { REPLACED_SHIFT_MAX = 7, LASTING_MS = 60 * 1000 };

struct world_node *wire_end(const struct world *world, size_t child, enum end end)
{
    struct world_node *node = world->nodes[child];
    return end == END_CHILD ? node : world->nodes[node->parent];
}

struct world_link *wire_find(const struct world *world, uint32_t id, size_t *child, enum end *end)
{
    assert(id > 0 && id < world->next_link_id);
    *child = world->link_ends[id] / 2;
    *end = (enum end)(world->link_ends[id] % 2);
    struct world_link *link = link_of(world, *child);
    return link->ids[*end] == id ? link : NULL;
}

/* An id is never used twice, so that what is late can be told from what counts. */
static uint32_t new_id(struct world *world, size_t child, enum end end)
{
    assert(child <= UINT32_MAX / 2 && world->next_link_id < UINT32_MAX);
    if (world->next_link_id >= world->link_capacity) {
        world->link_capacity = world->link_capacity * 2 + 64;
        world->link_ends =
            mem_resize(world->link_ends, world->link_capacity * sizeof *world->link_ends);
    }
    world->link_ends[world->next_link_id] = (uint32_t)(2 * child + (size_t)end);
    return world->next_link_id++;
}

void wire_arrive(struct world *world, struct happening *happening)
{
    size_t child;
    enum end end;
    const struct world_link *link = wire_find(world, happening->link, &child, &end);
    if (link == NULL || link->session != happening->session || !link->open[end] ||
        wire_swallows(world, happening))
        return;
    if (happening->corrupt) { /* its tag doesn't hold */
        wire_end_by(world, child, end);
        return;
    }
    node_receive(world->nodes[happening->node], happening);
}

void wire_plan_down(struct world *world, size_t child, enum end end, uint64_t at_ms)
{
    struct happening down = {
        .at_ms = at_ms,
        .kind = HAPPENING_LINK_DOWN,
        .node = wire_end(world, child, end)->place,
        .link = link_of(world, child)->ids[end],
    };
    agenda_plan(&world->agenda, &down);
}

/* Two machines of one key drive each other away: they wait longer each time. */
static uint64_t redial_ms(struct world *world, const struct world_link *link)
{
    unsigned shift = link->replaced < REPLACED_SHIFT_MAX ? link->replaced : REPLACED_SHIFT_MAX;
    return draw_between(world, world->options.redial_ms_min,
                        (uint64_t)world->options.redial_ms_max << shift);
}

void wire_plan_dial(struct world *world, size_t child)
{
    if (world->nodes[child]->parent == child)
        return;
    struct world_link *link = link_of(world, child);
    uint64_t from_ms = link->hears_ms > world->now_ms ? link->hears_ms : world->now_ms;
    struct happening dial = {
        .at_ms = from_ms + redial_ms(world, link),
        .kind = HAPPENING_DIAL,
        .node = child,
    };
    agenda_plan(&world->agenda, &dial);
}

void wire_end_by(struct world *world, size_t child, enum end own)
{
    struct world_link *link = link_of(world, child);
    enum end other = other_end(own);
    uint64_t last = world->now_ms + node_sync_ms(wire_end(world, child, own));
    for (int channel = 0; channel < WORLD_CHANNELS; channel++)
        last = link->last_ms[other][channel] > last ? link->last_ms[other][channel] : last;
    link->up = link->open[own] = false;
    link->down_ms = world->now_ms;
    wire_forget_held(link);
    wire_plan_down(world, child, own, world->now_ms);
    wire_tell_down(world, child, other, last + 1);
    if (own == END_PARENT)
        link->hears_ms = last + 1;
    wire_plan_dial(world, child);
}

void wire_close(struct world_node *node, uint32_t id)
{
    enum end own;
    size_t child;
    struct world_link *link = wire_find(node->world, id, &child, &own);
    if (link != NULL && link->up && link->open[own])
        wire_end_by(node->world, child, own);
}

void wire_drop(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    if (!link->up)
        return;
    link->up = false;
    link->down_ms = world->now_ms;
    wire_forget_held(link);
    for (int end = 0; end < END_COUNT; end++) {
        link->open[end] = false;
        if (wire_end(world, child, (enum end)end)->drive != NULL)
            wire_tell_down(world, child, (enum end)end,
                           world->now_ms + draw_between(world, 0, world->options.down_ms_max));
    }
}

static void plan_up(struct world *world, size_t child, enum end end)
{
    struct world_link *link = link_of(world, child);
    struct happening up = {
        .at_ms = world->now_ms + line_latency_ms(world, link),
        .kind = HAPPENING_LINK_UP,
        .node = wire_end(world, child, end)->place,
        .link = link->ids[end],
        .session = end,
    };
    const struct world_node *peer = wire_end(world, child, other_end(end));
    up.type = world->nodes[child]->fallback != SIZE_MAX;
    buffer_append(&up.body, peer->keys.link_key, KEY_BYTES);
    agenda_plan(&world->agenda, &up);
    for (int channel = 0; channel < WORLD_CHANNELS; channel++)
        link->last_ms[end][channel] = up.at_ms;
    memset(link->busy_us[end], 0, sizeof link->busy_us[end]);
}

/* What a parent does when a key that it has a link of comes anew: the older one is told down first
 * (node/link). */
static void replace(struct world *world, size_t child)
{
    struct world_node *node = world->nodes[child];
    struct world_node *parent = world->nodes[node->parent];
    struct world_link *own = &node->uplink;
    if (own->lingers[END_PARENT]) {
        own->lingers[END_PARENT] = false;
        wire_plan_down(world, child, END_PARENT, world->now_ms);
    }
    for (size_t i = 0; i < parent->child_count && world->node_count > world->county->seat_count;
         i++) {
        size_t twin = parent->children[i];
        struct world_link *link = link_of(world, twin);
        if (twin == child || world->nodes[twin]->seat != node->seat)
            continue;
        if (link->up) {
            link->replaced = world->now_ms - link->up_ms < LASTING_MS ? link->replaced + 1 : 0;
            wire_end_by(world, twin, END_PARENT);
        } else if (link->lingers[END_PARENT]) {
            link->lingers[END_PARENT] = false;
            wire_plan_down(world, twin, END_PARENT, world->now_ms);
        }
    }
}

void wire_dial(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    fallback_choose(world, child);
    bool cut = link->cut && world->nodes[child]->fallback == SIZE_MAX;
    if (link->up || cut || link->lingers[END_CHILD] || link->hole_ms[END_CHILD] > 0 ||
        link->hole_ms[END_PARENT] > 0 || !world_runs(world, child) || world->nodes[child]->paused ||
        line_is_shut(world, link) || world->now_ms < link->hears_ms)
        return;
    node_find_parent(world->nodes[child]);
    struct world_node *parent = world->nodes[world->nodes[child]->parent];
    if (parent->drive == NULL || parent->paused)
        return;
    if (!node_knows(world->nodes[child], parent)) {
        wire_plan_dial(world, child);
        return;
    }
    replace(world, child);
    link->up = true;
    link->up_ms = world->now_ms;
    link->session++;
    link->counts.sessions++;
    for (int end = 0; end < END_COUNT; end++) {
        link->ids[end] = new_id(world, child, (enum end)end);
        link->open[end] = true;
        link->handles[end] = 0;
        link->lingers[end] = false;
    }
    /* the parent's end first, as the child's handshake reaches it first */
    plan_up(world, child, END_PARENT);
    plan_up(world, child, END_CHILD);
}

void wire_leave(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    assert(!link->up);
    if (link->lingers[END_PARENT])
        wire_plan_down(world, child, END_PARENT, world->now_ms);
    link->lingers[END_PARENT] = link->lingers[END_CHILD] = false;
    wire_forget_held(link);
    memset(link->hole_ms, 0, sizeof link->hole_ms);
}

void world_cut(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    assert(world->nodes[child]->parent != child);
    world->counts.cuts += !link->cut;
    link->cut = true;
    if (world->nodes[child]->fallback == SIZE_MAX)
        wire_drop(world, child);
    fallback_look(world);
}

void world_heal(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    if (link->cut) {
        link->cut = false;
        wire_plan_dial(world, child);
        fallback_look(world);
    }
}

bool world_is_cut(const struct world *world, size_t child)
{
    return link_of(world, child)->cut;
}

bool world_is_up(const struct world *world, size_t child)
{
    return link_of(world, child)->up;
}

uint32_t world_next_handle(const struct world *world, size_t child, bool to_parent)
{
    return link_of(world, child)->handles[to_parent ? END_PARENT : END_CHILD];
}

const struct link_counts *world_link_counts(const struct world *world, size_t child)
{
    return &link_of(world, child)->counts;
}
