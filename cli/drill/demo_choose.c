/* Which nodes a demonstration cuts and kills. */
#include "cli/drill/demo_choose.h"

#include <stdlib.h>

enum { CUT_LEAVES = 5, KILL_INNER = 2 };

static bool is_inner(const struct drill *drill, size_t seat)
{
    return seat != 0 && drill->seats[seat].child_count != 0;
}

/* The lowest seat with children that isn't taken; DRILL_NO_SEAT. Parents stand before children. */
static size_t lowest_inner(const struct drill *drill, const struct demo_choice *choice)
{
    for (size_t i = drill->seat_count; i > 1; i--) {
        if (is_inner(drill, i - 1) && !choice->cut[i - 1] && !choice->kill[i - 1])
            return i - 1;
    }
    return DRILL_NO_SEAT;
}

static bool is_free_leaf(const struct drill *drill, const struct demo_choice *choice, size_t seat)
{
    if (seat == 0 || drill->seats[seat].child_count != 0 || choice->cut[seat] || choice->kill[seat])
        return false;
    for (size_t above = seat; above != DRILL_NO_SEAT; above = drill->seats[above].parent) {
        if (choice->cut[above])
            return false; /* cut off already */
    }
    return true;
}

static size_t deepest_tier(const struct drill *drill)
{
    size_t deepest = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        deepest = drill->seats[i].tier > deepest ? drill->seats[i].tier : deepest;
    return deepest;
}

/* Up to `wanted` leaves of this tier or below, spread over the tree; `flags` is choice->cut or
 * choice->kill. */
static size_t take_leaves_from(const struct drill *drill, const struct demo_choice *choice,
                               bool *flags, size_t wanted, size_t tier)
{
    size_t leaves = 0, seen = 0, taken = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        leaves += drill->seats[i].tier >= tier && is_free_leaf(drill, choice, i) ? 1 : 0;
    wanted = wanted < leaves ? wanted : leaves;
    for (size_t i = 0; i < drill->seat_count && taken < wanted; i++) {
        if (drill->seats[i].tier < tier || !is_free_leaf(drill, choice, i))
            continue;
        if (seen++ * wanted >= taken * leaves) {
            flags[i] = true;
            taken++;
        }
    }
    return taken;
}

/* Villages first; where there are too few, other leaves. */
static size_t take_leaves(const struct drill *drill, const struct demo_choice *choice, bool *flags,
                          size_t wanted)
{
    size_t taken = take_leaves_from(drill, choice, flags, wanted, deepest_tier(drill));
    return taken + take_leaves_from(drill, choice, flags, wanted - taken, 0);
}

void demo_choose(const struct drill *drill, struct demo_choice *choice)
{
    *choice = (struct demo_choice){0};
    choice->cut = mem_alloc(drill->seat_count * sizeof *choice->cut);
    choice->kill = mem_alloc(drill->seat_count * sizeof *choice->kill);
    size_t inner = lowest_inner(drill, choice);
    if (inner != DRILL_NO_SEAT) {
        choice->cut[inner] = true;
        choice->cut_count++;
    }
    size_t killed = 0;
    for (; killed < KILL_INNER; killed++) {
        inner = lowest_inner(drill, choice);
        if (inner == DRILL_NO_SEAT)
            break;
        choice->kill[inner] = true;
    }
    choice->cut_count += take_leaves(drill, choice, choice->cut, CUT_LEAVES);
    killed += take_leaves(drill, choice, choice->kill, KILL_INNER - killed);
    choice->kill[0] = true;
    choice->kill_count = killed + 1;
}

void demo_choice_free(struct demo_choice *choice)
{
    free(choice->cut);
    free(choice->kill);
}
