/* Plans: a described tree checked and put in order.
 *
 * Codes are sorted once, so that parents are found by bisection; children are counted and laid
 * out breadth first; tiers are sorted by who stands above whom. */
#include "topology/author.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

static const char what[] = "the tree was refused";

struct code_place {
    struct span code;
    size_t place;
};

struct planning {
    struct author_plan *plan;
    const struct author_seat *seats;
    size_t count;
    struct code_place *codes; /* sorted */
    size_t root;
    struct error *error;
};

__attribute__((format(printf, 4, 5))) static bool refuse(struct planning *planning, size_t place,
                                                         const char *next, const char *why, ...)
{
    char words[320];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(words, sizeof words, why, arguments);
    va_end(arguments);
    error_set(planning->error, ERR_INVALID, what, "%s", words);
    error_at(planning->error, planning->seats[place].line, 0);
    error_next(planning->error, "%s", next);
    return false;
}

/* A text for a message: not longer than what can be shown. */
#define SHOWN(span) (int)((span).size > 64 ? 64 : (span).size), (const char *)(span).data

static bool is_text(struct span text, size_t size_max)
{
    return text.size <= size_max && utf8_printable(text);
}

static bool check_texts(struct planning *planning)
{
    for (size_t i = 0; i < planning->count; i++) {
        const struct author_seat *seat = &planning->seats[i];
        if (seat->code.size == 0 || !is_text(seat->code, SEAT_BYTES_MAX))
            return refuse(planning, i, "Give the seat a shorter code.",
                          "a code has 1 to %d bytes of printable text", SEAT_BYTES_MAX);
        if (!is_text(seat->name, SEAT_NAME_BYTES_MAX))
            return refuse(planning, i, "Shorten the name.",
                          "the name of seat %.*s has more than %d bytes, or can't be printed",
                          SHOWN(seat->code), SEAT_NAME_BYTES_MAX);
        if (seat->tier.size == 0 || !is_text(seat->tier, SEAT_BYTES_MAX))
            return refuse(planning, i, "Name the tier of the seat.",
                          "the tier of seat %.*s has not 1 to %d bytes of printable text",
                          SHOWN(seat->code), SEAT_BYTES_MAX);
        if (seat->endpoint.size > 0 && !is_text(seat->endpoint, ENDPOINT_BYTES_MAX))
            return refuse(planning, i, "Shorten the endpoint.",
                          "the endpoint of seat %.*s has more than %d bytes, or can't be printed",
                          SHOWN(seat->code), ENDPOINT_BYTES_MAX);
    }
    return true;
}

static int code_place_compare(const void *a, const void *b)
{
    const struct code_place *one = a, *other = b;
    int order = span_compare(one->code, other->code);
    if (order != 0)
        return order;
    return one->place < other->place ? -1 : one->place > other->place;
}

static bool sort_codes(struct planning *planning)
{
    struct code_place *codes = planning->codes;
    for (size_t i = 0; i < planning->count; i++)
        codes[i] = (struct code_place){.code = planning->seats[i].code, .place = i};
    qsort(codes, planning->count, sizeof *codes, code_place_compare);
    for (size_t i = 1; i < planning->count; i++) {
        if (span_equal(codes[i - 1].code, codes[i].code))
            return refuse(planning, codes[i].place, "Every seat needs a code of its own.",
                          "the code %.*s was used before, in line %u", SHOWN(codes[i].code),
                          planning->seats[codes[i - 1].place].line);
    }
    return true;
}

static const struct code_place *find_code(const struct planning *planning, struct span code)
{
    size_t low = 0, high = planning->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(planning->codes[middle].code, code) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < planning->count && span_equal(planning->codes[low].code, code))
        return &planning->codes[low];
    return NULL;
}

static bool find_parents(struct planning *planning)
{
    size_t root_count = 0;
    for (size_t i = 0; i < planning->count; i++) {
        const struct author_seat *seat = &planning->seats[i];
        if (seat->parent.size == 0) {
            if (root_count++ > 0)
                return refuse(planning, i, "Give all seats but one a parent.",
                              "%.*s has no parent, and neither has the root %.*s, line %u",
                              SHOWN(seat->code), SHOWN(planning->seats[planning->root].code),
                              planning->seats[planning->root].line);
            planning->root = i;
            planning->plan->parent[i] = i;
            continue;
        }
        const struct code_place *parent = find_code(planning, seat->parent);
        if (parent == NULL)
            return refuse(planning, i, "Add the parent, or correct its code.",
                          "the parent %.*s of seat %.*s is not in the table", SHOWN(seat->parent),
                          SHOWN(seat->code));
        if (parent->place == i)
            return refuse(planning, i, "Correct its parent.", "seat %.*s is its own parent",
                          SHOWN(seat->code));
        planning->plan->parent[i] = parent->place;
    }
    return root_count == 1 || refuse(planning, 0, "Leave the parent of the topmost seat empty.",
                                     "every seat has a parent, so none is the root");
}

/* A seat that the walk from the root doesn't reach hangs below a loop: name one in the loop. */
static bool refuse_loop(struct planning *planning, const bool *reached)
{
    size_t place = 0;
    while (reached[place])
        place++;
    for (size_t i = 0; i < planning->count; i++)
        place = planning->plan->parent[place];
    return refuse(planning, place, "Correct one of the parents on that way.",
                  "the way up from seat %.*s comes back to it", SHOWN(planning->seats[place].code));
}

/* Breadth first. Children are gathered in the order of their codes. */
static bool lay_out(struct planning *planning)
{
    struct author_plan *plan = planning->plan;
    size_t *sorted = mem_alloc(planning->count * sizeof *sorted); /* children, parent by parent */
    size_t *begin = mem_alloc((planning->count + 1) * sizeof *begin);
    bool *reached = mem_alloc(planning->count * sizeof *reached);
    for (size_t i = 0; i < planning->count; i++)
        plan->child_count[plan->parent[i]] += i != planning->root ? 1 : 0;
    for (size_t i = 0; i < planning->count; i++)
        begin[i + 1] = begin[i] + plan->child_count[i];
    for (size_t i = 0; i < planning->count; i++) {
        size_t place = planning->codes[i].place;
        if (place != planning->root)
            sorted[begin[plan->parent[place]]++] = place;
    }
    size_t laid = 0;
    plan->order[laid++] = planning->root;
    for (size_t i = 0; i < laid; i++) {
        size_t parent = plan->order[i];
        size_t count = plan->child_count[parent];
        reached[parent] = true;
        plan->child_first[parent] = laid;
        if (count > 0) /* `begin` has moved to the end of its children */
            memcpy(plan->order + laid, sorted + begin[parent] - count, count * sizeof *sorted);
        laid += count;
    }
    bool whole = laid == planning->count || refuse_loop(planning, reached);
    free(reached);
    free(begin);
    free(sorted);
    return whole;
}

static bool name_tiers(struct planning *planning)
{
    struct author_plan *plan = planning->plan;
    for (size_t place = 0; place < planning->count; place++) {
        struct span name = planning->seats[place].tier;
        uint8_t tier = 0;
        while (tier < plan->tier_count && !span_equal(plan->tiers[tier], name))
            tier++;
        if (tier == TIERS_MAX)
            return refuse(planning, place, "Use fewer tiers.",
                          "the tier %.*s would be the seventeenth", SHOWN(name));
        if (tier == plan->tier_count)
            plan->tiers[plan->tier_count++] = name;
        plan->tier[place] = tier;
    }
    return true;
}

typedef bool tier_table[TIERS_MAX][TIERS_MAX];

/* above[a][b]: somewhere a seat of tier a is the parent of one of tier b. */
static void tiers_above(const struct planning *planning, tier_table above)
{
    const struct author_plan *plan = planning->plan;
    for (size_t i = 0; i < planning->count; i++) {
        if (i != planning->root)
            above[plan->tier[plan->parent[i]]][plan->tier[i]] = true;
    }
}

static bool tier_is_free(const struct author_plan *plan, tier_table above, const bool *placed,
                         uint8_t tier)
{
    for (uint8_t i = 0; i < plan->tier_count; i++) {
        if (!placed[i] && above[i][tier])
            return false;
    }
    return !placed[tier];
}

/* No order of the tiers fits: name the first seat that stands against the order of appearance
 * among those that could not be placed. */
static bool refuse_tiers(struct planning *planning, const bool *placed)
{
    const struct author_plan *plan = planning->plan;
    for (size_t i = 1; i < planning->count; i++) {
        size_t place = plan->order[i], parent = plan->parent[plan->order[i]];
        if (!placed[plan->tier[place]] && !placed[plan->tier[parent]] &&
            plan->tier[place] <= plan->tier[parent])
            return refuse(planning, place, "Correct its tier or its parent.",
                          "seat %.*s of tier %.*s is not below its parent %.*s of tier %.*s",
                          SHOWN(planning->seats[place].code), SHOWN(planning->seats[place].tier),
                          SHOWN(planning->seats[parent].code), SHOWN(planning->seats[parent].tier));
    }
    assert(false);
    return false;
}

static bool sort_tiers(struct planning *planning)
{
    struct author_plan *plan = planning->plan;
    tier_table above = {{false}};
    bool placed[TIERS_MAX] = {false};
    uint8_t rank[TIERS_MAX] = {0};
    struct span names[TIERS_MAX];
    tiers_above(planning, above);
    for (uint8_t next = 0; next < plan->tier_count; next++) {
        uint8_t tier = 0;
        while (tier < plan->tier_count && !tier_is_free(plan, above, placed, tier))
            tier++;
        if (tier == plan->tier_count)
            return refuse_tiers(planning, placed);
        placed[tier] = true;
        rank[tier] = next;
        names[next] = plan->tiers[tier];
    }
    memcpy(plan->tiers, names, plan->tier_count * sizeof *names);
    for (size_t i = 0; i < planning->count; i++)
        plan->tier[i] = rank[plan->tier[i]];
    return true;
}

struct author_plan *author_plan_new(const struct author_seat *seats, size_t count,
                                    struct error *error)
{
    if (count == 0) {
        error_set(error, ERR_INVALID, what, "it has no seat");
        error_next(error, "Give it at least a root.");
        return NULL;
    }
    struct author_plan *plan = mem_alloc(sizeof *plan);
    struct planning planning = {.plan = plan, .seats = seats, .count = count, .error = error};
    planning.codes = mem_alloc(count * sizeof *planning.codes);
    plan->seat_count = count;
    plan->order = mem_alloc(count * sizeof *plan->order);
    plan->parent = mem_alloc(count * sizeof *plan->parent);
    plan->child_first = mem_alloc(count * sizeof *plan->child_first);
    plan->child_count = mem_alloc(count * sizeof *plan->child_count);
    plan->tier = mem_alloc(count * sizeof *plan->tier);
    bool good = check_texts(&planning) && sort_codes(&planning) && find_parents(&planning) &&
                lay_out(&planning) && name_tiers(&planning) && sort_tiers(&planning);
    free(planning.codes);
    if (good)
        return plan;
    author_plan_free(plan);
    return NULL;
}

void author_plan_free(struct author_plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->tier);
    free(plan->child_count);
    free(plan->child_first);
    free(plan->parent);
    free(plan->order);
    free(plan);
}
