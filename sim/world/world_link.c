/* Memory links. Each dial that meets both ends begins a session with ids of its own; what belongs
 * to an older one no longer counts, however late it comes. */
#include <assert.h>
#include <string.h>

#include "sim/world/world_parts.h"

static size_t end_node(const struct world *world, size_t child, enum end end)
{
    return end == END_CHILD ? child : world->county->seats[child].parent;
}

/* The link that a node knows by this id: its own to its parent, or a child's. */
static struct world_link *find(struct world_node *node, uint32_t id, enum end *own)
{
    struct world *world = node->world;
    for (size_t child = 0; child < world->county->seat_count; child++) {
        struct world_link *link = &world->links[child];
        for (int end = 0; end < END_COUNT; end++) {
            if (link->up && link->ids[end] == id &&
                end_node(world, child, (enum end)end) == node->place) {
                *own = (enum end)end;
                return link;
            }
        }
    }
    return NULL;
}

bool link_arrival_counts(const struct world *world, const struct happening *happening)
{
    for (size_t child = 0; child < world->county->seat_count; child++) {
        const struct world_link *link = &world->links[child];
        for (int end = 0; end < END_COUNT; end++) {
            if (link->ids[end] == happening->link &&
                end_node(world, child, (enum end)end) == happening->node)
                return link->session == happening->session && link->open[end];
        }
    }
    return false;
}

/* How long the line is busy with this message and what goes before it. What is less urgent and on
 * its way already isn't moved back: a line that is a little too good for it. */
static uint64_t line_ms(struct world *world, struct world_link *link, enum end to,
                        enum channel channel, size_t size)
{
    uint64_t now_us = world->now_ms * 1000;
    uint64_t took_us = size * 1000000 / world->options.rate_bytes_s;
    for (int other = (int)channel; other < WORLD_CHANNELS; other++) {
        uint64_t *busy_us = &link->busy_us[to][other];
        *busy_us = (*busy_us > now_us ? *busy_us : now_us) + took_us;
    }
    return (link->busy_us[to][channel] - now_us) / 1000;
}

static uint64_t arrival_ms(struct world *world, struct world_link *link, enum end to,
                           enum channel channel, size_t size)
{
    const struct world_options *options = &world->options;
    uint64_t at = world->now_ms + draw_between(world, options->delay_ms_min, options->delay_ms_max);
    if (options->rate_bytes_s > 0)
        at += line_ms(world, link, to, channel, size);
    uint64_t *last = link->last_ms[to];
    for (int other = 0; other < WORLD_CHANNELS; other++) {
        if ((other == (int)channel || !options->overtaking) && at < last[other])
            at = last[other];
    }
    last[channel] = at;
    return at;
}

enum { MESSAGE_IS_BLOCK = 8 };

static void note_handle(struct world_link *link, enum end to, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t handle = mp_read_uint_max(&reader, HANDLES_MAX - 1);
    if (!reader.failed && handle >= link->handles[to])
        link->handles[to] = (uint32_t)handle + 1;
}

static void plan_arrival(struct world *world, size_t child, enum end to, enum channel channel,
                         uint8_t type, struct span body, bool injected)
{
    struct world_link *link = &world->links[child];
    struct happening arrival = {
        .at_ms = arrival_ms(world, link, to, channel, body.size),
        .kind = HAPPENING_ARRIVAL,
        .node = end_node(world, child, to),
        .link = link->ids[to],
        .session = link->session,
        .channel = channel,
        .type = type,
        .injected = injected,
    };
    buffer_append_span(&arrival.body, body);
    if (type == MESSAGE_IS_BLOCK)
        note_handle(link, to, body);
    agenda_plan(&world->agenda, &arrival);
}

/* One bit turned, in the signature or the payload: a link's own tag guards what names the stream,
 * so bad memory or a bad disk at the sender is what is left. */
static bool damage(struct world *world, struct span body, struct buffer *damaged)
{
    if (body.size == 0 || !prng_chance(&world->prng, world->options.damage_permille))
        return false;
    buffer_append_span(damaged, body);
    uint64_t bit = prng_between(&world->prng, body.size * 4, body.size * 8 - 1);
    damaged->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    world->counts.damages++;
    return true;
}

void link_send(struct world_node *node, uint32_t id, enum channel channel, uint8_t type,
               struct span body)
{
    struct world *world = node->world;
    enum end own;
    struct world_link *link = find(node, id, &own);
    enum end to = own == END_CHILD ? END_PARENT : END_CHILD;
    if (link == NULL || !link->open[to])
        return;
    size_t child = (size_t)(link - world->links);
    struct buffer damaged = {0};
    world->counts.messages++;
    world->counts.bytes += body.size;
    if (world->hooks.sent != NULL)
        world->hooks.sent(world->hooks.context, node->place, end_node(world, child, to), channel,
                          type, body);
    if (world->hooks.passes != NULL && !world->hooks.passes(world->hooks.context, node->place,
                                                            end_node(world, child, to), type, body))
        return;
    if (type == MESSAGE_IS_BLOCK && damage(world, body, &damaged))
        body = span_of_buffer(&damaged);
    plan_arrival(world, child, to, channel, type, body, false);
    if (type == MESSAGE_IS_BLOCK && prng_chance(&world->prng, world->options.duplicate_permille)) {
        world->counts.duplicates++;
        plan_arrival(world, child, to, channel, type, body, false);
    }
    buffer_free(&damaged);
}

static void plan_down(struct world *world, size_t child, enum end end, uint64_t at_ms)
{
    struct happening down = {
        .at_ms = at_ms,
        .kind = HAPPENING_LINK_DOWN,
        .node = end_node(world, child, end),
        .link = world->links[child].ids[end],
    };
    agenda_plan(&world->agenda, &down);
}

static void redial_later(struct world *world, size_t child)
{
    struct happening dial = {
        .at_ms = world->now_ms +
                 draw_between(world, world->options.redial_ms_min, world->options.redial_ms_max),
        .kind = HAPPENING_DIAL,
        .node = child,
    };
    agenda_plan(&world->agenda, &dial);
}

/* What was queued still arrives at the other end, then that hears the end of the link. */
void link_close(struct world_node *node, uint32_t id)
{
    struct world *world = node->world;
    enum end own;
    struct world_link *link = find(node, id, &own);
    if (link == NULL || !link->open[own])
        return;
    enum end other = own == END_CHILD ? END_PARENT : END_CHILD;
    size_t child = (size_t)(link - world->links);
    uint64_t last = world->now_ms;
    for (int channel = 0; channel < WORLD_CHANNELS; channel++)
        last = link->last_ms[other][channel] > last ? link->last_ms[other][channel] : last;
    link->up = link->open[own] = false;
    plan_down(world, child, own, world->now_ms);
    plan_down(world, child, other, last + 1);
    redial_later(world, child);
}

/* Nothing more arrives; each end that runs hears of it in its own time. */
static void drop(struct world *world, size_t child)
{
    struct world_link *link = &world->links[child];
    if (!link->up)
        return;
    link->up = false;
    for (int end = 0; end < END_COUNT; end++) {
        link->open[end] = false;
        if (world->nodes[end_node(world, child, (enum end)end)].drive != NULL)
            plan_down(world, child, (enum end)end,
                      world->now_ms + draw_between(world, 0, world->options.down_ms_max));
    }
}

void links_of_crashed(struct world *world, size_t node)
{
    for (size_t child = 0; child < world->county->seat_count; child++) {
        if (child == node || world->county->seats[child].parent == node)
            drop(world, child);
    }
}

void link_plan_dial(struct world *world, size_t child)
{
    if (world->county->seats[child].parent != child)
        redial_later(world, child);
}

static void plan_up(struct world *world, size_t child, enum end end)
{
    struct world_link *link = &world->links[child];
    struct happening up = {
        .at_ms = world->now_ms +
                 draw_between(world, world->options.delay_ms_min, world->options.delay_ms_max),
        .kind = HAPPENING_LINK_UP,
        .node = end_node(world, child, end),
        .link = link->ids[end],
        .session = end,
    };
    const struct county_seat *peer =
        &world->county->seats[end_node(world, child, end == END_CHILD ? END_PARENT : END_CHILD)];
    buffer_append(&up.body, peer->link_key, KEY_BYTES);
    agenda_plan(&world->agenda, &up);
    for (int channel = 0; channel < WORLD_CHANNELS; channel++)
        link->last_ms[end][channel] = up.at_ms;
    memset(link->busy_us[end], 0, sizeof link->busy_us[end]);
}

void link_dial(struct world *world, size_t child)
{
    struct world_link *link = &world->links[child];
    if (link->up || link->cut || !world_runs(world, child) ||
        !world_runs(world, world->county->seats[child].parent))
        return;
    link->up = true;
    link->session++;
    for (int end = 0; end < END_COUNT; end++) {
        link->ids[end] = world->next_link_id++;
        link->open[end] = true;
        link->handles[end] = 0;
    }
    /* the parent's end first, as the child's handshake reaches it first */
    plan_up(world, child, END_PARENT);
    plan_up(world, child, END_CHILD);
}

void world_cut(struct world *world, size_t child)
{
    assert(world->county->seats[child].parent != child);
    world->counts.cuts += !world->links[child].cut;
    world->links[child].cut = true;
    drop(world, child);
}

void world_heal(struct world *world, size_t child)
{
    if (world->links[child].cut) {
        world->links[child].cut = false;
        link_plan_dial(world, child);
    }
}

bool world_is_cut(const struct world *world, size_t child)
{
    return world->links[child].cut;
}

bool world_is_up(const struct world *world, size_t child)
{
    return world->links[child].up;
}

uint32_t world_next_handle(const struct world *world, size_t child, bool to_parent)
{
    return world->links[child].handles[to_parent ? END_PARENT : END_CHILD];
}

bool world_inject(struct world *world, size_t child, bool to_parent, enum channel channel,
                  uint8_t type, struct span body)
{
    enum end to = to_parent ? END_PARENT : END_CHILD;
    if (!world->links[child].up)
        return false;
    world->counts.injections++;
    plan_arrival(world, child, to, channel, type, body, true);
    return true;
}
