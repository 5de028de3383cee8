/* The world's clock and its agenda: take what is next, move the clock, let it happen. */
#include "sim/world/world_parts.h"

#include <assert.h>

enum { DRIFT_SHARE = 1000 * 1000 }; /* drift is in millionths */

const struct county *world_county(const struct world *world)
{
    return world->county;
}

struct prng *world_prng(struct world *world)
{
    return &world->prng;
}

const struct world_counts *world_counts(const struct world *world)
{
    return &world->counts;
}

struct world_options *world_options(struct world *world)
{
    return &world->options;
}

uint64_t world_now_ms(const struct world *world)
{
    return world->now_ms;
}

uint64_t world_wall_ms(const struct world *world)
{
    return (world->options.wall_ms > 0 ? world->options.wall_ms : WORLD_WALL_MS) + world->now_ms;
}

uint64_t world_clock_ms(const struct world *world, size_t place)
{
    const struct world_node *node = world->nodes[place];
    const struct clock_profile *profile = &node->clock;
    if (profile->stands)
        return profile->stands_at_ms;
    int64_t since = (int64_t)(world->now_ms - node->clock_set_ms);
    int64_t clock = (int64_t)world_wall_ms(world) + profile->offset_ms +
                    since / DRIFT_SHARE * profile->drift_ppm +
                    since % DRIFT_SHARE * profile->drift_ppm / DRIFT_SHARE;
    return clock < 0 ? 0 : (uint64_t)clock;
}

void world_set_clock(struct world *world, size_t node, const struct clock_profile *profile)
{
    world->nodes[node]->clock = *profile;
    world->nodes[node]->clock_set_ms = world->now_ms;
}

void world_set_offset(struct world *world, size_t node, int64_t offset_ms)
{
    world_set_clock(world, node, &(struct clock_profile){.offset_ms = offset_ms});
}

void world_stop_clock(struct world *world, size_t node, uint64_t clock_ms)
{
    world_set_clock(world, node, &(struct clock_profile){.stands = true, .stands_at_ms = clock_ms});
}

uint64_t draw_between(struct world *world, uint64_t low, uint64_t high)
{
    return low >= high ? low : prng_between(&world->prng, low, high);
}

static void let_happen(struct world *world, struct happening *happening)
{
    struct world_node *node = world->nodes[happening->node];
    switch (happening->kind) {
    case HAPPENING_ARRIVAL: wire_arrive(world, happening); break;
    case HAPPENING_LINK_UP: node_link_up(node, happening); break;
    case HAPPENING_LINK_DOWN: node_link_down(node, happening->link); break;
    case HAPPENING_DIAL: wire_dial(world, happening->node); break;
    case HAPPENING_BATCH: node_batch(node); break;
    case HAPPENING_SILENCE: wire_silence(world, happening); break;
    case HAPPENING_LINE: line_edge(world, happening->node, happening->session); break;
    case HAPPENING_DECAY: disk_decay(node, happening->session); break;
    case HAPPENING_CHEAT: conduct_cheat(node, happening->session); break;
    case HAPPENING_TIMER: node_timer(node, happening->session); break;
    }
    buffer_free(&happening->body);
}

static void next_happening(struct world *world)
{
    struct happening happening;
    bool taken = agenda_take(&world->agenda, &happening);
    assert(taken && happening.at_ms >= world->now_ms);
    (void)taken;
    world->now_ms = happening.at_ms;
    let_happen(world, &happening);
}

void world_run_until(struct world *world, uint64_t until_ms)
{
    for (const struct happening *next;
         (next = agenda_next(&world->agenda)) != NULL && next->at_ms <= until_ms;)
        next_happening(world);
    if (world->now_ms < until_ms)
        world->now_ms = until_ms;
}

bool world_run_quiet(struct world *world, uint64_t most_ms)
{
    uint64_t end_ms = world->now_ms + most_ms;
    for (const struct happening *next; (next = agenda_next(&world->agenda)) != NULL;) {
        bool is_idle = world->agenda.endless_count == world->agenda.count;
        if (is_idle && next->at_ms > world->now_ms)
            return true;
        if (next->at_ms > end_ms)
            return false;
        next_happening(world);
    }
    return true;
}
