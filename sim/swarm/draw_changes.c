/* A tree that changes while everything else goes on: who is admitted, replaced, revoked, moved, and
 * whose administrators are overruled; each by itself, and together with what makes it hard: a line
 * that is cut meanwhile, a second change of the same seat, work that doesn't wait. */
#include <string.h>

#include "sim/swarm/draw_parts.h"
#include <stdlib.h>

#define CHANGES_SALT ((uint64_t)0x7265657472656564)
#define FURTHER_SALT ((uint64_t)0x7468656e6d6f7665)

static bool chance(struct drawing *drawing, unsigned permille)
{
    return prng_chance(&drawing->prng, permille);
}

/* ---- the tree as it was drawn ---- */

static const struct tree_rule *tree_of(const struct drawing *drawing)
{
    return &drawing->scenario->tree;
}

static size_t row_of(const struct tree_rule *tree, const char *code)
{
    size_t row = 0;
    while (row < tree->row_count && strcmp(tree->rows[row].code, code) != 0)
        row++;
    return row;
}

/* The row of its parent; SIZE_MAX: it is the root. */
static size_t parent_of(const struct tree_rule *tree, size_t seat)
{
    const char *parent = tree->rows[seat].parent;
    return parent == NULL ? SIZE_MAX : row_of(tree, parent);
}

static bool has_children(const struct tree_rule *tree, size_t seat)
{
    for (size_t i = 0; i < tree->row_count; i++) {
        if (tree->rows[i].parent != NULL &&
            strcmp(tree->rows[i].parent, tree->rows[seat].code) == 0)
            return true;
    }
    return false;
}

static bool tier_of_others(const struct tree_rule *tree, size_t seat)
{
    for (size_t i = 0; i < tree->row_count; i++) {
        if (i != seat && !tree->rows[i].later &&
            strcmp(tree->rows[i].tier, tree->rows[seat].tier) == 0)
            return true;
    }
    return false;
}

/* Tiers stand in the table in their order, the root's first. */
static size_t tier_rank(const struct tree_rule *tree, size_t seat)
{
    size_t row = 0;
    while (strcmp(tree->rows[row].tier, tree->rows[seat].tier) != 0)
        row++;
    return row;
}

static bool is_there(const struct tree_rule *tree, size_t seat)
{
    return !tree->rows[seat].later;
}

static bool is_inner(const struct tree_rule *tree, size_t seat)
{
    return is_there(tree, seat) && tree->rows[seat].parent != NULL && has_children(tree, seat);
}

static bool is_below_root(const struct tree_rule *tree, size_t seat)
{
    return is_there(tree, seat) && tree->rows[seat].parent != NULL;
}

/* One of those, or SIZE_MAX where there is none. */
static size_t draw_seat_that(struct drawing *drawing,
                             bool (*fits)(const struct tree_rule *tree, size_t seat))
{
    const struct tree_rule *tree = tree_of(drawing);
    size_t from = prng_below(&drawing->prng, tree->row_count);
    for (size_t i = 0; i < tree->row_count; i++) {
        size_t seat = (from + i) % tree->row_count;
        if (fits(tree, seat))
            return seat;
    }
    return SIZE_MAX;
}

/* ---- one change ---- */

/* Signed in while everything else goes on. */
static void draw_admission(struct drawing *drawing, size_t seat)
{
    struct tree_rule *tree = &drawing->scenario->tree;
    if (has_children(tree, seat) || !tier_of_others(tree, seat))
        return;
    tree->rows[seat].later = true;
    draw_fault_of(drawing, FAULT_ADMIT, seat, 5, 90);
}

static void draw_revocation(struct drawing *drawing)
{
    const struct tree_rule *tree = tree_of(drawing);
    size_t seat = 1 + prng_below(&drawing->prng, tree->row_count - 1);
    if (tree->rows[seat].parent != NULL && !has_children(tree, seat))
        draw_fault_of(drawing, FAULT_REVOKE, seat, 20, 95);
}

/* The line to its parent is away from before the change until some time after it. */
static void cut_around(struct drawing *drawing, size_t seat, uint64_t at_ms)
{
    if (tree_of(drawing)->rows[seat].parent == NULL)
        return;
    struct fault *cut = draw_fault_of(drawing, FAULT_CUT, seat, 0, 0);
    uint64_t before = prng_between(&drawing->prng, 100, 5000);
    uint64_t from = at_ms > before ? at_ms - before : 1;
    cut->when.at = (struct range){from, from};
    cut->when.lasts = (struct range){at_ms - from + 500, at_ms - from + 20000};
}

static void work_around(struct drawing *drawing, uint64_t at_ms)
{
    struct work busy = {.set_percent = 40, .burst_max = 3};
    busy.from = at_ms > 2000 ? at_ms - 2000 : 1;
    busy.until = at_ms + 4000;
    draw_more_work(drawing, "incident", 15, &busy);
    draw_more_work(drawing, "directive", 5, &busy);
}

/* Its machine is gone and another one comes, maybe while its people have much to write. */
static void draw_replacement(struct drawing *drawing)
{
    bool busy = chance(drawing, 500);
    size_t seat = draw_seat_that(drawing, busy ? is_inner : is_below_root);
    if (seat == SIZE_MAX)
        return;
    struct fault *fault = draw_fault_of(drawing, FAULT_REPLACE, seat, 10, 95);
    uint64_t at = fault->when.at.low;
    fault->when.lasts = (struct range){50, 10000};
    if (busy)
        work_around(drawing, at);
    if (chance(drawing, 200))
        cut_around(drawing, seat, at);
}

static void draw_overruling(struct drawing *drawing)
{
    size_t seat = draw_seat_that(drawing, is_below_root);
    if (seat != SIZE_MAX)
        draw_fault_of(drawing, FAULT_OVERRULE, seat, 10, 95);
}

/* ---- moves ---- */

/* Somebody of a tier above it who isn't its parent: nobody below it is of such a tier. */
static size_t draw_new_parent(struct drawing *drawing, size_t seat, size_t but)
{
    const struct tree_rule *tree = tree_of(drawing);
    size_t from = prng_below(&drawing->prng, tree->row_count);
    for (size_t i = 0; i < tree->row_count; i++) {
        size_t to = (from + i) % tree->row_count;
        if (to != but && is_there(tree, to) && tier_rank(tree, to) < tier_rank(tree, seat))
            return to;
    }
    return SIZE_MAX;
}

static bool can_move(const struct tree_rule *tree, size_t seat)
{
    for (size_t to = 0; is_below_root(tree, seat) && to < tree->row_count; to++) {
        if (to != parent_of(tree, seat) && is_there(tree, to) &&
            tier_rank(tree, to) < tier_rank(tree, seat))
            return true;
    }
    return false;
}

static uint64_t move_to(struct drawing *drawing, size_t seat, size_t to, unsigned from_percent,
                        unsigned to_percent)
{
    struct fault *fault = draw_fault_of(drawing, FAULT_MOVE, seat, from_percent, to_percent);
    const char *code = tree_of(drawing)->rows[to].code;
    memcpy(fault->to, code, strlen(code) + 1);
    fault->when.lasts = (struct range){50, 15000};
    return fault->when.at.low;
}

/* Once, or twice, or back again; with the line cut of the seat itself, or of a parent. */
static void draw_move(struct drawing *drawing)
{
    const struct tree_rule *tree = tree_of(drawing);
    size_t seat = draw_seat_that(drawing, can_move);
    if (seat == SIZE_MAX)
        return;
    size_t from = parent_of(tree, seat), to = draw_new_parent(drawing, seat, from);
    uint64_t at = move_to(drawing, seat, to, 10, 60);
    size_t third = chance(drawing, 500) ? from : draw_new_parent(drawing, seat, to);
    if (third != SIZE_MAX && chance(drawing, 350))
        move_to(drawing, seat, third, 60, 95);
    if (chance(drawing, 350)) {
        size_t apart[] = {seat, from, to};
        cut_around(drawing, apart[prng_below(&drawing->prng, 3)], at);
    }
}

/* ---- what somebody signs who is cut off ---- */

static bool can_come_later(const struct tree_rule *tree, size_t seat)
{
    size_t parent = parent_of(tree, seat);
    return is_below_root(tree, seat) && tree->rows[parent].parent != NULL &&
           is_there(tree, parent) && !has_children(tree, seat) && tier_of_others(tree, seat);
}

/* A seat that is cut off admits one below it; now and then whoever is above overrules it. */
static void draw_delegated_admission(struct drawing *drawing)
{
    struct tree_rule *tree = &drawing->scenario->tree;
    size_t seat = draw_seat_that(drawing, can_come_later);
    if (seat == SIZE_MAX || tree->file != NULL)
        return;
    for (size_t i = 0; i < drawing->scenario->fault_count; i++) {
        const struct fault *fault = &drawing->scenario->faults[i];
        if (fault->kind != FAULT_CLOCK && fault->who.seat_count > 0 &&
            strcmp(fault->who.seats[0], tree->rows[seat].code) == 0)
            return; /* something else befalls it, which it must be there for */
    }
    tree->rows[seat].later = true;
    uint64_t at = draw_fault_of(drawing, FAULT_ADMIT, seat, 10, 70)->when.at.low;
    size_t parent = parent_of(tree, seat);
    if (chance(drawing, 700))
        cut_around(drawing, parent, at);
    if (!chance(drawing, 400))
        return;
    struct fault *overruled = draw_fault_of(drawing, FAULT_OVERRULE, parent, 0, 0);
    at += prng_between(&drawing->prng, 1, 4000);
    overruled->when.at = (struct range){at, at};
}

/* ---- all of it ---- */

/* How many seeds of a thousand that change the tree do so in each way; moves, up to three times. */
enum {
    REPLACED = 250,
    REVOKED = 300,
    MOVED = 400,
    OVERRULED = 120,
    EXTENDED = 300,
    DELEGATED = 250
};

static void draw_further(struct drawing *drawing)
{
    if (chance(drawing, REPLACED))
        draw_replacement(drawing);
    if (chance(drawing, OVERRULED))
        draw_overruling(drawing);
    for (int i = 0; i < 3 && chance(drawing, MOVED); i++)
        draw_move(drawing);
    if (chance(drawing, DELEGATED))
        draw_delegated_admission(drawing);
}

/* With generators of its own: what else is drawn from a seed stays as it was. */
void draw_changes(struct drawing *drawing)
{
    struct drawing own = *drawing, further = *drawing;
    struct scenario *scenario = drawing->scenario;
    const struct tree_rule *tree = &scenario->tree;
    prng_seed(&own.prng, scenario->seed ^ CHANGES_SALT);
    prng_seed(&further.prng, scenario->seed ^ FURTHER_SALT);
    if (!chance(&own, 300) || tree->row_count < 3)
        return;
    for (size_t seat = 1; seat < tree->row_count && tree->file == NULL; seat++) {
        if (chance(&own, 150))
            draw_admission(&own, seat);
    }
    if (chance(&own, REVOKED))
        draw_revocation(&own);
    bool extends = chance(&own, EXTENDED);
    draw_further(&further);
    for (size_t i = 0; extends && i < scenario->work_count; i++)
        scenario->works[i].extend_percent = 10;
}

static bool is_above(const struct tree_rule *tree, const char *above, size_t row)
{
    const char *at = tree->rows[row].code;
    while (at != NULL && strcmp(at, above) != 0) {
        size_t i = 0;
        while (strcmp(tree->rows[i].code, at) != 0)
            i++;
        at = tree->rows[i].parent;
    }
    return at != NULL;
}

void draw_fallbacks(struct drawing *drawing)
{
    enum { FALLBACKS_FROM = 10001, FALLBACKS_SALT = 0x6662, SEATS_MOST = 40 };
    struct scenario *scenario = drawing->scenario;
    struct tree_rule *tree = &scenario->tree;
    struct drawing own = *drawing;
    prng_seed(&own.prng, scenario->seed ^ FALLBACKS_SALT);
    if (scenario->seed < FALLBACKS_FROM || tree->file != NULL || tree->shape != NULL ||
        tree->row_count > SEATS_MOST || draw_has_fault(scenario, FAULT_REVOKE) ||
        !prng_chance(&own.prng, 500))
        return;
    scenario->world.fallback_ms = (uint32_t)prng_between(&own.prng, 100, 2000);
    for (size_t seat = 1; seat < tree->row_count; seat++) {
        size_t host = prng_below(&own.prng, tree->row_count);
        const struct county_row *row = &tree->rows[seat];
        if (row->later || tree->rows[host].later || is_above(tree, row->code, host) ||
            strcmp(tree->rows[host].code, row->parent) == 0)
            continue;
        scenario_set_fallback(scenario, seat, span_of_text(tree->rows[host].code));
        for (int i = 0; i < 2 && prng_chance(&own.prng, 600); i++) {
            struct fault *fault = draw_fault_of(&own, FAULT_CUT, seat, 5, 80);
            fault->when.lasts = (struct range){scenario->lasts_ms / 10, scenario->lasts_ms / 2};
        }
    }
}
