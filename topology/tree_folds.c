/* Who states folds, and whose figures stand in them (rules.md B122, B123, B161). No two folds may
 * ever name one seat, whoever has heard of a move: so a seat that has moved is folded by the one
 * below which all its places lie, from the first to the one it has now, as long as documents here
 * show each of them. */
#include "topology/tree_inner.h"

#include <string.h>

/* Beyond these a seat goes unfolded: that costs a report, and nothing else. */
enum { MOVES_LOOKED_AT = 16, PLACES_LOOKED_AT = 256 };

struct looking {
    const struct tree *tree;
    const struct seat *folder;
    unsigned places;
};

bool tree_seat_folds(const struct tree *tree, const struct seat *seat)
{
    uint8_t tier = tree->root == NULL ? 0 : tree->root->held.header.fold_tier;
    if (tier == 0 || seat->row.tier != tier)
        return false;
    for (const struct seat *above = seat->parent; above != NULL; above = above->parent) {
        if (above->row.tier == tier)
            return false;
    }
    return true;
}

static bool stayed_below(struct looking *looking, const struct seat *seat);

/* With which counters a document shows the seat below its own, if that stands below the folding
 * seat for good: by its rows, and by what it remembers of a seat that has come back (B190). */
static uint32_t counters_in(struct looking *looking, const struct held_document *held,
                            const struct seat *seat)
{
    const struct seat *owner = tree_seat(looking->tree, span_of_text(held->seat));
    uint32_t counters = 0;
    if (held->kind != DOCUMENT_BRANCH || owner == NULL || !stayed_below(looking, owner))
        return 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) == ERR_OK &&
            strcmp(row.seat, seat->row.seat) == 0 && row.moves < MOVES_LOOKED_AT)
            counters |= 1U << row.moves;
    }
    struct move_decision decision;
    for (unsigned i = 0; counters != 0 && move_decision_at(held->header.decisions, i, &decision);
         i++) {
        if (span_equal(decision.seat, span_of_text(seat->row.seat)) && decision.counter > 0 &&
            decision.counter <= MOVES_LOOKED_AT)
            counters |= 1U << (decision.counter - 1);
    }
    return counters;
}

static bool all_places_below(struct looking *looking, const struct seat *seat)
{
    const struct moved_seat *moved = tree_find_moved(looking->tree, seat);
    if (moved == NULL || seat->row.moves >= MOVES_LOOKED_AT)
        return false;
    uint32_t all = (2U << seat->row.moves) - 1;
    uint32_t shown = counters_in(looking, tree_listing_of(seat), seat);
    for (size_t i = 0; i < moved->other_count && shown != all; i++)
        shown |= counters_in(looking, moved->others[i], seat);
    return (shown & all) == all;
}

/* It, and everybody between the two. */
static bool stayed_below(struct looking *looking, const struct seat *seat)
{
    for (; seat != NULL && seat != looking->folder; seat = seat->parent) {
        if (++looking->places > PLACES_LOOKED_AT ||
            (seat->row.moves > 0 && !all_places_below(looking, seat)))
            return false;
    }
    return seat != NULL;
}

bool tree_seat_is_folded(const struct tree *tree, const struct seat *folder,
                         const struct seat *seat)
{
    struct looking looking = {.tree = tree, .folder = folder};
    return seat != folder && stayed_below(&looking, seat);
}
