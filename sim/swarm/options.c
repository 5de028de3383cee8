/* What a seed stands for. */
#include <inttypes.h>

#include "sim/swarm/swarm.h"

/* A fault is off in half of the seeds, moderate in most others, far up in some. */
static uint32_t draw_fault(struct prng *prng, uint32_t usual, uint32_t most)
{
    uint64_t dice = prng_below(prng, 10);
    if (dice < 5)
        return 0;
    return (uint32_t)(dice < 8 ? prng_between(prng, 1, usual) : prng_between(prng, usual, most));
}

static void draw_tree(struct swarm_options *options, struct prng *prng)
{
    uint64_t dice = prng_below(prng, 20);
    options->tiers = (uint32_t)prng_between(prng, 2, SWARM_TIERS_MAX);
    if (dice == 0)
        options->seats = (uint32_t)prng_between(prng, 16, SWARM_SEATS_MAX);
    else
        options->seats = (uint32_t)prng_between(prng, 3, dice < 6 ? 15 : 8);
    if (options->tiers > options->seats)
        options->tiers = options->seats;
}

static void draw_links(struct world_options *world, struct prng *prng)
{
    world->delay_ms_min = 1;
    world->delay_ms_max = (uint32_t)prng_between(prng, 1, prng_chance(prng, 300) ? 2000 : 100);
    world->overtaking = prng_chance(prng, 500);
    world->redial_ms_min = 50;
    world->redial_ms_max = (uint32_t)prng_between(prng, 100, 3000);
    world->down_ms_max = (uint32_t)prng_between(prng, 0, 2000);
    world->duplicate_permille = draw_fault(prng, 20, 200);
    world->damage_permille = draw_fault(prng, 20, 200);
}

static void draw_node(struct world_options *world, struct prng *prng)
{
    struct replica_tuning *tuning = &world->tuning;
    world->batch_ms_max = (uint32_t)prng_between(prng, 0, 50);
    world->batch_events_max = (uint32_t)(prng_chance(prng, 300) ? prng_between(prng, 1, 8) : 0);
    world->full_permille = draw_fault(prng, 5, 50);
    world->gift_types_permille = draw_fault(prng, 300, 1000);
    world->gift_subtree_permille = draw_fault(prng, 300, 1000);
    tuning->token_every_ms = (uint32_t)prng_between(prng, 1000, 10000);
    tuning->statement_after_data_ms = (uint32_t)prng_between(prng, 200, 5000);
    tuning->statement_idle_ms = (uint32_t)prng_between(prng, 5000, 20000);
    tuning->report_every_ms = (uint32_t)prng_between(prng, 100, 3000);
    if (prng_chance(prng, 300))
        tuning->stream_entries_max = (uint32_t)prng_between(prng, 4, 40);
    if (prng_chance(prng, 300))
        tuning->block_entries = (uint32_t)prng_between(prng, 1, 8);
    if (prng_chance(prng, 300))
        tuning->credit_entries = (uint32_t)prng_between(prng, 256, 512);
}

void swarm_draw(struct swarm_options *options, uint64_t seed)
{
    struct prng prng;
    prng_seed(&prng, seed);
    *options = (struct swarm_options){.seed = seed};
    draw_tree(options, &prng);
    options->writes = (uint32_t)prng_between(&prng, 20, 120);
    options->fault_ms = (uint32_t)prng_between(&prng, 5000, 40000);
    options->cut_permille = draw_fault(&prng, 100, 500);
    options->crash_permille = draw_fault(&prng, 20, 200);
    options->torn_permille = draw_fault(&prng, 20, 200);
    options->hold_permille = draw_fault(&prng, 50, 200);
    options->inject_permille = draw_fault(&prng, 200, 1000);
    options->skew_ms_max = draw_fault(&prng, 60 * 1000, 3 * 24 * 3600 * 1000);
    options->restore = prng_chance(&prng, 200);
    options->lose = !options->restore && prng_chance(&prng, 150);
    options->raise_types = prng_chance(&prng, 200);
    options->delete_percent = (uint32_t)prng_between(&prng, 0, 15);
    options->set_percent = (uint32_t)prng_between(&prng, 20, 75);
    options->burst_max = (uint32_t)(prng_chance(&prng, 200) ? prng_between(&prng, 2, 30) : 1);
    draw_links(&options->world, &prng);
    draw_node(&options->world, &prng);
}

void swarm_print_options(const struct swarm_options *options, FILE *out)
{
    const struct world_options *world = &options->world;
    const struct replica_tuning *tuning = &world->tuning;
    fprintf(out,
            "seed %" PRIu64 ": %u seats in %u tiers, %u writes in %u ms (%u%% set, %u%% delete, "
            "bursts of %u)\n",
            options->seed, options->seats, options->tiers, options->writes, options->fault_ms,
            options->set_percent, options->delete_percent, options->burst_max);
    fprintf(out,
            "  cut=%u crash=%u torn=%u full=%u hold=%u inject=%u duplicate=%u damage=%u skew=%ums"
            "%s%s%s\n",
            options->cut_permille, options->crash_permille, options->torn_permille,
            world->full_permille, options->hold_permille, options->inject_permille,
            world->duplicate_permille, world->damage_permille, options->skew_ms_max,
            options->restore ? " restore" : "", options->lose ? " lose" : "",
            options->raise_types ? " types" : "");
    fprintf(out,
            "  delay=%u..%ums%s redial=%ums down=%ums batch=%ums/%u gifts=%u/%u token=%u "
            "statement=%u/%u report=%u stream=%u block=%u credit=%u\n",
            world->delay_ms_min, world->delay_ms_max, world->overtaking ? " overtaking" : "",
            world->redial_ms_max, world->down_ms_max, world->batch_ms_max, world->batch_events_max,
            world->gift_types_permille, world->gift_subtree_permille, tuning->token_every_ms,
            tuning->statement_after_data_ms, tuning->statement_idle_ms, tuning->report_every_ms,
            tuning->stream_entries_max, tuning->block_entries, tuning->credit_entries);
}
