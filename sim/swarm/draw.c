/* What a seed stands for. Of everything that can go wrong each is off in half of the seeds,
 * moderate in most others, and far up in some: what hides behind one fault shows where it is
 * missing, and what needs much of it shows where there is much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/swarm/draw_parts.h"
#include "sim/swarm/swarm.h"

#define CASES_SALT ((uint64_t)0x7374657073636173)
#define PERSONS_SALT ((uint64_t)0x706572736f6e7365)
enum { SECOND_MS = 1000, DAY_S = 24 * 3600, DAY_MS = DAY_S * SECOND_MS };

static uint32_t between(struct drawing *drawing, uint64_t low, uint64_t high)
{
    return (uint32_t)prng_between(&drawing->prng, low, high);
}

static bool chance(struct drawing *drawing, unsigned permille)
{
    return prng_chance(&drawing->prng, permille);
}

static uint32_t draw_fault(struct drawing *drawing, uint32_t usual, uint32_t most)
{
    uint64_t dice = prng_below(&drawing->prng, 10);
    if (dice < 5)
        return 0;
    return dice < 8 ? between(drawing, 1, usual) : between(drawing, usual, most);
}

/* ---- the tree ---- */

struct names {
    char codes[SWARM_SEATS_MAX][8], tiers[SWARM_TIERS_MAX][8];
    size_t tier[SWARM_SEATS_MAX];
};

static size_t draw_seat_count(struct drawing *drawing)
{
    uint64_t dice = prng_below(&drawing->prng, 20);
    return dice == 0 ? between(drawing, 16, SWARM_SEATS_MAX)
                     : between(drawing, 3, dice < 6 ? 15 : 8);
}

/* One seat on each tier first, so that none is empty; then anywhere below anybody. */
static void draw_tree(struct drawing *drawing)
{
    struct names names;
    size_t seats = draw_seat_count(drawing), tiers = between(drawing, 2, SWARM_TIERS_MAX);
    tiers = tiers > seats ? seats : tiers;
    for (size_t tier = 0; tier < tiers; tier++)
        snprintf(names.tiers[tier], sizeof names.tiers[tier], "tier%u", (unsigned)tier % 100);
    for (size_t i = 0; i < seats; i++) {
        size_t parent = i < tiers ? i - (i > 0) : prng_below(&drawing->prng, i);
        while (i > 0 && names.tier[parent] + 1 >= tiers)
            parent = prng_below(&drawing->prng, i);
        names.tier[i] = i < tiers ? i : between(drawing, names.tier[parent] + 1, tiers - 1);
        snprintf(names.codes[i], sizeof names.codes[i], "%c%u", (char)('A' + names.tier[i] % 26),
                 (unsigned)i % 100);
        scenario_add_seat(drawing->scenario, names.codes[i], names.tiers[names.tier[i]],
                          i == 0 ? NULL : names.codes[parent]);
    }
}

/* ---- rules ---- */

static struct fault *add_fault(struct drawing *drawing, enum fault_kind kind)
{
    struct scenario *scenario = drawing->scenario;
    scenario->faults =
        mem_resize(scenario->faults, (scenario->fault_count + 1) * sizeof *scenario->faults);
    struct fault *fault = &scenario->faults[scenario->fault_count++];
    *fault = (struct fault){.kind = kind, .ways = WAY_BOTH, .mischief = MISCHIEF_COUNT};
    return fault;
}

static void select_seat(struct drawing *drawing, struct selector *who, size_t seat)
{
    const char *code = drawing->scenario->tree.rows[seat].code;
    who->seats = mem_alloc(sizeof *who->seats);
    memcpy(who->seats[0], code, strlen(code) + 1);
    who->seat_count = 1;
}

static size_t draw_seat(struct drawing *drawing)
{
    return prng_below(&drawing->prng, drawing->scenario->tree.row_count);
}

/* At random, so often in a thousand seconds for each seat. */
static struct fault *add_random(struct drawing *drawing, enum fault_kind kind, uint32_t permille,
                                uint32_t lasts_low, uint32_t lasts_high)
{
    if (permille == 0)
        return NULL;
    struct fault *fault = add_fault(drawing, kind);
    uint64_t milli = (uint64_t)permille * DAY_S / drawing->scale;
    fault->when.per_day_milli = (uint32_t)(milli > 0 ? milli : 1);
    fault->when.lasts = (struct range){lasts_low, lasts_high};
    return fault;
}

/* Once, in this part of the scenario. */
static struct fault *add_timed(struct drawing *drawing, enum fault_kind kind, unsigned from_percent,
                               unsigned to_percent)
{
    struct fault *fault = add_fault(drawing, kind);
    uint64_t lasts = drawing->scenario->lasts_ms;
    uint64_t low =
        prng_between(&drawing->prng, 1 + lasts * from_percent / 100, 1 + lasts * to_percent / 100);
    fault->when.at = (struct range){low, low};
    return fault;
}

/* The same, to one seat, whichever. */
static struct fault *add_once(struct drawing *drawing, enum fault_kind kind, unsigned from_percent,
                              unsigned to_percent)
{
    struct fault *fault = add_timed(drawing, kind, from_percent, to_percent);
    size_t seat = draw_seat(drawing);
    while (kind == FAULT_CLONE && drawing->scenario->tree.rows[seat].parent == NULL)
        seat = draw_seat(drawing); /* a copy dials a parent */
    select_seat(drawing, &fault->who, seat);
    return fault;
}

struct fault *draw_fault_of(struct drawing *drawing, enum fault_kind kind, size_t seat,
                            unsigned from_percent, unsigned to_percent)
{
    struct fault *fault = add_timed(drawing, kind, from_percent, to_percent);
    select_seat(drawing, &fault->who, seat);
    return fault;
}

/* ---- what links, disks and clocks are like ---- */

static void draw_link(struct drawing *drawing, struct link_profile *link)
{
    link->latency_ms = 1;
    link->jitter_ms = between(drawing, 1, chance(drawing, 300) ? 2000 : 100);
    link->overtaking = chance(drawing, 500);
    link->duplicate_permille = draw_fault(drawing, 20, 200);
    link->damage_permille = draw_fault(drawing, 20, 200);
    link->corrupt_permille = draw_fault(drawing, 5, 50);
    link->loss_permille = draw_fault(drawing, 20, 200);
    if (chance(drawing, 200))
        link->rate_bytes_s = between(drawing, 2000, 64000);
}

static void draw_disk(struct drawing *drawing, struct disk_profile *disk)
{
    disk->sync_ms_min = 0;
    disk->sync_ms_max = draw_fault(drawing, 20, 500);
    disk->full_permille = draw_fault(drawing, 5, 50);
}

static void draw_clocks(struct drawing *drawing)
{
    uint32_t skew = draw_fault(drawing, 60 * SECOND_MS, 3 * DAY_MS);
    bool stands = chance(drawing, 100);
    size_t seats = drawing->scenario->tree.row_count;
    for (size_t i = 0; (skew > 0 || stands) && i < seats && i < SWARM_SEATS_MAX; i++) {
        struct fault *fault = add_fault(drawing, FAULT_CLOCK);
        select_seat(drawing, &fault->who, seats <= SWARM_SEATS_MAX ? i : draw_seat(drawing));
        if (stands && chance(drawing, 700)) {
            fault->clock.stands = true;
            fault->clock.stands_at_ms = chance(drawing, 500) ? 0 : 4070908800000; /* 2099 */
        } else if (skew > 0) {
            fault->clock.offset_ms = (int64_t)prng_below(&drawing->prng, 2 * (uint64_t)skew) - skew;
            fault->clock.drift_ppm = (int32_t)between(drawing, 0, 400) - 200;
        }
    }
}

static void draw_world(struct drawing *drawing)
{
    struct world_options *world = &drawing->scenario->world;
    struct replica_tuning *tuning = &world->tuning;
    world->redial_ms_min = 50;
    world->redial_ms_max = between(drawing, 100, 3000);
    world->down_ms_max = between(drawing, 0, 2000);
    world->batch_ms_max = between(drawing, 0, 50);
    world->batch_events_max = chance(drawing, 300) ? between(drawing, 1, 8) : 0;
    world->gift_types_permille = draw_fault(drawing, 300, 1000);
    world->gift_subtree_permille = draw_fault(drawing, 300, 1000);
    tuning->token_every_ms = between(drawing, 1000, 10000);
    tuning->statement_after_data_ms = between(drawing, 200, 5000);
    tuning->statement_idle_ms = between(drawing, 5000, 20000);
    tuning->report_every_ms = between(drawing, 100, 3000);
    if (chance(drawing, 300))
        tuning->stream_entries_max = between(drawing, 4, 40);
    if (chance(drawing, 300))
        tuning->block_entries = between(drawing, 1, 8);
    if (chance(drawing, 300))
        tuning->credit_entries = between(drawing, 256, 512);
}

/* ---- what goes wrong ---- */

static void draw_cuts(struct drawing *drawing)
{
    static const enum way ways[] = {WAY_UP, WAY_DOWN, WAY_BOTH};
    add_random(drawing, FAULT_CUT, draw_fault(drawing, 100, 500), 100, 15000);
    struct fault *hole = NULL;
    if (chance(drawing, 300))
        hole = add_random(drawing, FAULT_HALF_OPEN, draw_fault(drawing, 10, 100), 500, 90000);
    if (hole != NULL)
        hole->ways = ways[prng_below(&drawing->prng, 3)];
    struct fault *line = NULL;
    if (chance(drawing, 300))
        line = add_random(drawing, FAULT_LINK, draw_fault(drawing, 20, 100), 1000, 10000);
    if (line != NULL)
        draw_link(drawing, &line->link);
}

static void draw_deaths(struct drawing *drawing)
{
    add_random(drawing, FAULT_KILL, draw_fault(drawing, 20, 200), 50, 5000);
    add_random(drawing, FAULT_PAUSE, draw_fault(drawing, 50, 200), 200, 3000);
    if (chance(drawing, 300))
        add_random(drawing, FAULT_POWER, draw_fault(drawing, 20, 100), 50, 5000);
    uint32_t torn = draw_fault(drawing, 20, 200);
    for (int point = 0; torn > 0 && point < FAULT_POINT_COUNT; point++) {
        struct fault *fault = point == FAULT_POINT_UNREADABLE_ROW || chance(drawing, 500)
                                  ? NULL
                                  : add_random(drawing, FAULT_POINT, (torn + 3) / 4, 0, 0);
        if (fault != NULL)
            fault->point = (enum fault_point)point;
    }
}

/* Disks that forget, and their owners who put others in their place. */
static void draw_disks_lost(struct drawing *drawing)
{
    struct fault *fault;
    if (chance(drawing, 200)) {
        fault = add_once(drawing, FAULT_RESTORE, 50, 99);
        fault->age = prng_between(&drawing->prng, 1, fault->when.at.low);
        fault->when.lasts = (struct range){50, 5000};
        fault->keeps_high_water = chance(drawing, 100);
    } else if (chance(drawing, 150)) {
        fault = add_once(drawing, FAULT_DISK, 0, 20);
        fault->disk = drawing->scenario->disk;
        fault->disk.lies = true;
        fault->when.lasts =
            (struct range){drawing->scenario->lasts_ms, drawing->scenario->lasts_ms};
        struct selector who = fault->who;
        struct fault *cut = add_once(drawing, FAULT_POWER, 50, 99);
        memcpy(cut->who.seats[0], who.seats[0], sizeof *who.seats);
        cut->when.lasts = (struct range){50, 5000};
    } else if (chance(drawing, 80)) {
        fault = add_once(drawing, FAULT_WIPE, 30, 99);
        fault->when.lasts = (struct range){50, 5000};
    } else if (chance(drawing, 60)) {
        fault = add_once(drawing, FAULT_CLONE, 20, 70);
        fault->when.lasts = (struct range){2000, drawing->scenario->lasts_ms};
    }
}

static void draw_cheats(struct drawing *drawing)
{
    uint32_t inject = draw_fault(drawing, 200, 1000);
    if (inject > 0) {
        struct fault *fault = add_fault(drawing, FAULT_INJECT);
        uint32_t mean = 1000 * SECOND_MS / inject;
        fault->when.at = (struct range){1, mean};
        fault->when.every = (struct range){1, 2 * (uint64_t)mean};
        fault->who.count = 1;
    }
    if (!chance(drawing, 100))
        return;
    struct fault *fault = add_once(drawing, FAULT_CONDUCT, 0, 50);
    fault->when.lasts = (struct range){2000, 20000};
    fault->conduct.withhold_permille = draw_fault(drawing, 300, 1000);
    fault->conduct.delay_ms = draw_fault(drawing, 2000, 10000);
    fault->conduct.replay_permille = draw_fault(drawing, 20, 100);
    fault->conduct.forge_permille = draw_fault(drawing, 50, 300);
}

bool draw_has_fault(const struct scenario *scenario, enum fault_kind kind)
{
    for (size_t i = 0; i < scenario->fault_count; i++) {
        if (scenario->faults[i].kind == kind)
            return true;
    }
    return false;
}

/* What alters, repeats or takes back makes honest peers refuse each other now and then. */
static bool may_accuse(const struct scenario *scenario)
{
    static const enum fault_kind kinds[] = {FAULT_INJECT, FAULT_CONDUCT, FAULT_RESTORE, FAULT_POWER,
                                            FAULT_WIPE,   FAULT_CLONE,   FAULT_LINK};
    bool may = scenario->link.damage_permille + scenario->link.duplicate_permille +
                   scenario->world.gift_subtree_permille >
               0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        may |= draw_has_fault(scenario, kinds[i]);
    return may;
}

/* ---- what people do ---- */

void draw_more_work(struct drawing *drawing, const char *type, uint64_t total,
                    const struct work *usual)
{
    struct scenario *scenario = drawing->scenario;
    if (total == 0)
        return;
    scenario->works =
        mem_resize(scenario->works, (scenario->work_count + 1) * sizeof *scenario->works);
    struct work *work = &scenario->works[scenario->work_count++];
    *work = *usual;
    work->total = total;
    snprintf(work->type, sizeof work->type, "%s", type);
}

/* Incidents mostly; every kind of circle has its share. */
static void draw_work(struct drawing *drawing)
{
    static const struct {
        const char *type;
        unsigned eighths;
    } shares[] = {
        {"incident", 3}, {"directive", 1}, {"mediation", 1}, {"survey", 1}, {"matter", 2}};
    uint32_t writes = between(drawing, 20, 120);
    struct work usual = {
        .delete_percent = between(drawing, 0, 15),
        .set_percent = between(drawing, 20, 75),
        .burst_max = chance(drawing, 200) ? between(drawing, 2, 30) : 1,
    };
    if (drawing->scale > 1)
        writes *= 3;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        draw_more_work(drawing, shares[i].type, (writes * shares[i].eighths + 7) / 8, &usual);
}

/* Newer types come, and people use them at once: entries overtake the types on their way. */
static void draw_types(struct drawing *drawing)
{
    const struct scenario *scenario = drawing->scenario;
    struct fault *fault = add_once(drawing, FAULT_TYPES, 1, 99);
    const char *root = scenario->tree.rows[0].code;
    struct work busy = {.set_percent = 50, .burst_max = 4};
    busy.from = fault->when.at.low;
    busy.until = busy.from + 4 * SECOND_MS;
    memcpy(fault->who.seats[0], root, strlen(root) + 1);
    draw_more_work(drawing, "incident", 10, &busy);
    draw_more_work(drawing, "directive", 10, &busy);
}

/* Somebody changes the tree, or copies a machine. */
static bool tree_changes(const struct scenario *scenario)
{
    static const enum fault_kind changes[] = {FAULT_ADMIT, FAULT_REPLACE,  FAULT_REVOKE,
                                              FAULT_MOVE,  FAULT_OVERRULE, FAULT_CLONE};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (draw_has_fault(scenario, changes[i]))
            return true;
    }
    return false;
}

/* Where nobody changes the tree or copies a machine: cases, whose steps meet those of other seats.
 * With a generator of its own, as in draw_changes. */
static void draw_cases(struct drawing *drawing)
{
    enum { ROOT = 0 };
    struct drawing own = *drawing;
    struct work steps = {.set_percent = 92, .delete_percent = 1, .burst_max = 1};
    prng_seed(&own.prng, drawing->scenario->seed ^ CASES_SALT);
    if (tree_changes(drawing->scenario) || !chance(&own, 150))
        return;
    if (!draw_has_fault(drawing->scenario, FAULT_TYPES) && !drawing->scenario->deadlines)
        draw_fault_of(&own, FAULT_TYPES, ROOT, 0, 3);
    draw_more_work(&own, "case", between(&own, 60, 200), &steps);
}

/* Words of persons are erased while everything else goes on. As the cases; in seeds beyond the
 * fifth thousand mostly, and then much is erased of what others are let into meanwhile. */
static void draw_persons(struct drawing *drawing)
{
    enum { ROOT = 0, ERASING_FROM = 5001 };
    bool much = drawing->scenario->seed >= ERASING_FROM;
    struct drawing own = *drawing;
    struct work work = {
        .set_percent = 50, .delete_percent = 3, .erase_percent = 15, .burst_max = 1};
    prng_seed(&own.prng, drawing->scenario->seed ^ PERSONS_SALT);
    static const enum fault_kind not_with[] = {FAULT_ADMIT, FAULT_REPLACE,  FAULT_REVOKE,
                                               FAULT_MOVE,  FAULT_OVERRULE, FAULT_CLONE};
    for (size_t i = 0; i < sizeof not_with / sizeof *not_with; i++) {
        if (draw_has_fault(drawing->scenario, not_with[i]))
            return;
    }
    if (!chance(&own, much ? 900 : 150))
        return;
    if (!draw_has_fault(drawing->scenario, FAULT_TYPES) && !drawing->scenario->deadlines)
        draw_fault_of(&own, FAULT_TYPES, ROOT, 0, 3);
    work.extend_percent = chance(&own, 500) || much ? 10 : 0;
    if (much)
        work = (struct work){
            .set_percent = 40, .erase_percent = 25, .extend_percent = 25, .burst_max = 1};
    draw_more_work(&own, "person", between(&own, 40, 150) << much, &work);
}

/* What is private in a record, handed on and let others in meanwhile: in seeds beyond the first
 * thousand. As the persons. */
static void draw_visits(struct drawing *drawing)
{
    enum { ROOT = 0, VISITS_FROM = 1001, VISITS_SALT = 0x7669 };
    struct drawing own = *drawing;
    struct work work = {.set_percent = 60, .delete_percent = 3, .extend_percent = 8};
    work.burst_max = 1;
    prng_seed(&own.prng, drawing->scenario->seed ^ VISITS_SALT);
    if (drawing->scenario->seed < VISITS_FROM || draw_has_fault(drawing->scenario, FAULT_CLONE) ||
        !chance(&own, 400))
        return;
    if (!draw_has_fault(drawing->scenario, FAULT_TYPES) && !drawing->scenario->deadlines)
        draw_fault_of(&own, FAULT_TYPES, ROOT, 0, 3);
    draw_more_work(&own, "visit", between(&own, 30, 150), &work);
}

/* Where clocks stand, only the last of the rules on ties decides. */
static bool any_clock_stands(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->fault_count; i++) {
        if (scenario->faults[i].clock.stands)
            return true;
    }
    return false;
}

/* What has a limit of time; by the clock of an author that is behind it is overdue at once. With a
 * generator of its own, and in seeds beyond the first thousand alone: those stay as they were. */
static void draw_deadlines(struct drawing *drawing)
{
    enum { LIMITS_FROM = 1001, HOUR_S = 3600, DEADLINES_SALT = 0x6475 };
    struct drawing own = *drawing;
    struct scenario *scenario = drawing->scenario;
    prng_seed(&own.prng, scenario->seed ^ DEADLINES_SALT);
    if (scenario->seed < LIMITS_FROM || !chance(&own, 750))
        return;
    scenario->deadlines = true;
    struct work usual = {.set_percent = 40, .delete_percent = 5, .burst_max = 2};
    draw_more_work(&own, "duty", between(&own, 20, 80), &usual);
    for (size_t seat = 1; seat < scenario->tree.row_count && seat < SWARM_SEATS_MAX; seat++) {
        if (chance(&own, 500))
            continue;
        struct fault *fault = add_fault(&own, FAULT_CLOCK);
        select_seat(&own, &fault->who, seat);
        fault->clock.offset_ms = -(int64_t)between(&own, HOUR_S, 2 * DAY_S) * SECOND_MS;
    }
}

/* Emergencies of a subtree, with much in bulk, where nobody changes the tree. Drawn as deadlines
 * are. */
static void draw_emergencies(struct drawing *drawing)
{
    enum { ORDERS_FROM = 1001, ORDERS_SALT = 0x6f72 };
    struct drawing own = *drawing;
    const struct work bulk = {.set_percent = 50, .burst_max = 3};
    prng_seed(&own.prng, drawing->scenario->seed ^ ORDERS_SALT);
    if (drawing->scenario->seed < ORDERS_FROM || tree_changes(drawing->scenario) ||
        !chance(&own, 500))
        return;
    draw_more_work(&own, "survey", between(&own, 20, 120), &bulk);
    for (int i = 0; i < 3 && chance(&own, 600); i++) {
        struct fault *fault = add_once(&own, FAULT_EMERGENCY, 5, 80);
        fault->when.lasts = (struct range){500, drawing->scenario->lasts_ms / 2};
    }
}

struct scenario *swarm_draw(uint64_t seed, const struct scenario *on)
{
    struct scenario *scenario = on == NULL ? mem_alloc(sizeof *scenario) : scenario_copy(on);
    struct drawing drawing = {.scenario = scenario, .scale = 1};
    prng_seed(&drawing.prng, seed);
    if (on == NULL) {
        scenario_usual(scenario);
        draw_tree(&drawing);
    } else if (scenario->tree.row_count > SWARM_SEATS_MAX) {
        drawing.scale = 1 + (uint32_t)(scenario->tree.row_count / SWARM_SEATS_MAX);
    }
    snprintf(scenario->name, sizeof scenario->name, "seed-%llu", (unsigned long long)seed);
    scenario->seed = seed;
    scenario->lasts_ms = between(&drawing, 5000, 40000);
    draw_link(&drawing, &scenario->link);
    draw_disk(&drawing, &scenario->disk);
    draw_world(&drawing);
    draw_work(&drawing);
    draw_clocks(&drawing);
    draw_cuts(&drawing);
    draw_deaths(&drawing);
    draw_disks_lost(&drawing);
    draw_cheats(&drawing);
    if (chance(&drawing, 200))
        draw_types(&drawing);
    if (any_clock_stands(scenario))
        draw_more_work(&drawing, "matter", 40, &(struct work){.set_percent = 80, .burst_max = 2});
    draw_changes(&drawing);
    draw_deadlines(&drawing);
    draw_emergencies(&drawing);
    draw_cases(&drawing);
    draw_persons(&drawing);
    draw_visits(&drawing);
    draw_fallbacks(&drawing);
    if (draw_has_fault(scenario, FAULT_HALF_OPEN))
        scenario->lasts_ms += 60 * SECOND_MS;
    scenario->injects_expected = may_accuse(scenario);
    scenario->rest_ms_max = 900 * SECOND_MS;
    return scenario;
}
