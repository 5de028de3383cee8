/* The world's clock and its agenda: take what is next, move the clock, let it happen. */
#include "sim/world/world_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct world *world_new(const struct county *county, const struct world_options *options,
                        uint64_t seed, const struct world_hooks *hooks)
{
    struct world *world = mem_alloc(sizeof *world);
    world->county = county;
    world->options = *options;
    if (hooks != NULL)
        world->hooks = *hooks;
    prng_seed(&world->prng, seed);
    world->next_link_id = 1;
    world->nodes = mem_alloc(county->seat_count * sizeof *world->nodes);
    world->links = mem_alloc(county->seat_count * sizeof *world->links);
    for (size_t i = 0; i < county->seat_count; i++) {
        struct world_node *node = &world->nodes[i];
        node->world = world;
        node->place = i;
        node->store = memory_store_new();
        memory_store_strict(node->store, options->strict);
        memory_store_port(node->store, &node->port);
        memcpy(node->instance, "machine", sizeof node->instance);
        node->instance[7] = (uint8_t)i;
    }
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; i < world->county->seat_count; i++) {
        struct world_node *node = &world->nodes[i];
        drive_close(node->drive);
        node_clear_inbox(node);
        free(node->inbox);
        memory_store_free(node->store);
    }
    agenda_clear(&world->agenda);
    free(world->links);
    free(world->nodes);
    free(world);
}

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
    return WORLD_WALL_MS + world->now_ms;
}

uint64_t world_clock_ms(const struct world *world, size_t place)
{
    const struct world_node *node = &world->nodes[place];
    int64_t clock = (int64_t)world_wall_ms(world) + node->offset_ms;
    if (node->clock_stopped)
        return node->stopped_ms;
    return clock < 0 ? 0 : (uint64_t)clock;
}

void world_set_offset(struct world *world, size_t node, int64_t offset_ms)
{
    world->nodes[node].offset_ms = offset_ms;
    world->nodes[node].clock_stopped = false;
}

void world_stop_clock(struct world *world, size_t node, uint64_t clock_ms)
{
    world->nodes[node].clock_stopped = true;
    world->nodes[node].stopped_ms = clock_ms;
}

uint64_t draw_between(struct world *world, uint32_t low, uint32_t high)
{
    return low >= high ? low : prng_between(&world->prng, low, high);
}

static void let_happen(struct world *world, struct happening *happening)
{
    struct world_node *node = &world->nodes[happening->node];
    switch (happening->kind) {
    case HAPPENING_ARRIVAL:
        if (link_arrival_counts(world, happening))
            node_receive(node, happening);
        break;
    case HAPPENING_LINK_UP: node_link_up(node, happening); break;
    case HAPPENING_LINK_DOWN: node_link_down(node, happening->link); break;
    case HAPPENING_DIAL: link_dial(world, happening->node); break;
    case HAPPENING_BATCH: node_batch(node); break;
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
        bool is_idle = world->agenda.timer_count == world->agenda.count;
        if (is_idle && next->at_ms > world->now_ms)
            return true;
        if (next->at_ms > end_ms)
            return false;
        next_happening(world);
    }
    return true;
}
