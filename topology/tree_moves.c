/* Which of several listings of a seat counts (rules.md 5, B25).
 *
 *     T1: V1, 0, released to T2 ──> T2: V1, 1, released to T3 ──> T3: V1, 2
 *
 * Listings with the lowest move counter need no proof. From one that counts, the next is proved by
 * its release to the next parent, counter + 1; or by a decision in the document of a seat that
 * stands above both parents. Where a seat came back to, its former release stands in the header. Of
 * all that are proved the greatest counter wins; of equal ones the decided, then the signer nearer
 * the root, then the lower document hash. A pure function of the documents in force. What isn't
 * proved is ignored, with an alarm. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

enum { LISTINGS_MAX = 256 }; /* of one seat; beyond it there is nothing but noise */

struct choice *choice_new(struct tree *tree, struct span seat, const struct holding *chosen)
{
    struct choice *choice = mem_alloc(sizeof *choice);
    assert(seat.size <= SEAT_BYTES_MAX);
    memcpy(choice->seat, seat.data, seat.size);
    choice->chosen = chosen;
    choice_add(tree, choice);
    return choice;
}

static void add_listing(struct choice *choice, const struct listing *listing)
{
    if (choice->listing_count == LISTINGS_MAX)
        return;
    choice->listings =
        mem_resize(choice->listings, (choice->listing_count + 1) * sizeof *choice->listings);
    choice->listings[choice->listing_count++] = *listing;
}

void choice_add_listing(struct choice *choice, const struct listing *listing)
{
    struct span seat = span_of_text(choice->seat), own = span_of_text(listing->in->held.seat);
    struct move_decision released;
    struct listing past = *listing;
    add_listing(choice, listing);
    past.past = past.released = true;
    for (unsigned i = 0; move_decision_at(listing->in->held.header.decisions, i, &released); i++) {
        if (!span_equal(released.seat, seat) || span_equal(released.to, own) ||
            released.counter == 0 || released.counter > listing->moves)
            continue;
        past.moves = released.counter - 1;
        past.released_to = released.to;
        add_listing(choice, &past);
    }
}

static const struct seat *owner_seat(const struct listing *listing)
{
    return listing->owner == NULL ? NULL : &listing->owner->seat;
}

/* Before the other where nothing else decides. */
static bool stands_before(const struct listing *a, const struct listing *b)
{
    if (a->depth != b->depth)
        return a->depth < b->depth;
    return hash_compare(&a->in->held.hash, &b->in->held.hash) < 0;
}

/* The rank of (seat, generation) never changes. */
static bool contradicts(const struct listing *a, const struct listing *b)
{
    return a->generation == b->generation && a->tier != b->tier;
}

static bool is_released_to(const struct listing *from, const struct listing *to)
{
    return from->released && to->moves > from->moves && to->moves - from->moves == 1 &&
           (from->released_to.size == 0 ||
            span_equal(from->released_to, span_of_text(to->in->held.seat)));
}

static bool names_listing(const struct held_document *held, const char *seat,
                          const struct listing *listing)
{
    struct move_decision decision;
    for (unsigned i = 0; move_decision_at(held->header.decisions, i, &decision); i++) {
        if (decision.counter == listing->moves && span_equal(decision.seat, span_of_text(seat)) &&
            span_equal(decision.to, span_of_text(listing->in->held.seat)))
            return true;
    }
    return false;
}

/* Whether a document of a seat above both parents says that this listing counts. */
static bool is_decided(const struct tree *tree, const char *seat, const struct listing *listing,
                       const struct listing *against)
{
    const struct seat *above = owner_seat(listing), *other = owner_seat(against);
    for (; above != NULL; above = above->parent) {
        const struct holding *branch = branch_find(tree, span_of_text(above->row.seat));
        if (branch != NULL && branch->attached && other != NULL &&
            seat_is_ancestor_or_self(above, other) && names_listing(&branch->held, seat, listing))
            return true;
    }
    return names_listing(&tree->root->held, seat, listing);
}

enum proof { PROOF_NONE, PROOF_RELEASED, PROOF_DECIDED };

static enum proof proof_by(const struct tree *tree, const char *seat, const struct listing *from,
                           const struct listing *to)
{
    if (contradicts(from, to))
        return PROOF_NONE;
    if (to->moves >= from->moves && is_decided(tree, seat, to, from))
        return PROOF_DECIDED;
    return is_released_to(from, to) ? PROOF_RELEASED : PROOF_NONE;
}

struct judged {
    bool out; /* says another tier than one that stands before it */
    bool proved, decided;
};

static void judge_tiers(const struct choice *choice, struct judged *judged)
{
    for (size_t i = 0; i < choice->listing_count; i++) {
        for (size_t j = 0; j < choice->listing_count && !judged[i].out; j++)
            judged[i].out = contradicts(&choice->listings[i], &choice->listings[j]) &&
                            stands_before(&choice->listings[j], &choice->listings[i]);
    }
}

static void judge_origins(const struct choice *choice, struct judged *judged)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < choice->listing_count; i++) {
        if (!judged[i].out && !choice->listings[i].past && choice->listings[i].moves < lowest)
            lowest = choice->listings[i].moves;
    }
    for (size_t i = 0; i < choice->listing_count; i++)
        judged[i].proved =
            !judged[i].out && !choice->listings[i].past && choice->listings[i].moves == lowest;
}

/* From what is proved to what it proves, until nothing is added. */
static void judge_proofs(const struct tree *tree, const struct choice *choice,
                         struct judged *judged)
{
    bool added = true;
    while (added) {
        added = false;
        for (size_t i = 0; i < choice->listing_count; i++) {
            for (size_t j = 0; j < choice->listing_count; j++) {
                if (i == j || judged[i].out || !judged[j].proved || judged[i].decided)
                    continue;
                enum proof proof =
                    proof_by(tree, choice->seat, &choice->listings[j], &choice->listings[i]);
                added = added || proof == PROOF_DECIDED ||
                        (proof == PROOF_RELEASED && !judged[i].proved);
                judged[i].proved = judged[i].proved || proof != PROOF_NONE;
                judged[i].decided = proof == PROOF_DECIDED;
            }
        }
    }
}

static bool beats(const struct choice *choice, const struct judged *judged, size_t a, size_t b)
{
    const struct listing *left = &choice->listings[a], *right = &choice->listings[b];
    if (left->moves != right->moves)
        return left->moves > right->moves;
    if (judged[a].decided != judged[b].decided)
        return judged[a].decided;
    return stands_before(left, right);
}

/* What people must look into: listings without proof, and those with the winner's counter, unless
 * it was decided. */
static void raise_alarms(struct tree *tree, const struct choice *choice,
                         const struct judged *judged, size_t winner)
{
    for (size_t i = 0; i < choice->listing_count; i++) {
        if (i != winner && !choice->listings[i].past &&
            (!judged[i].proved || (choice->listings[i].moves == choice->listings[winner].moves &&
                                   !judged[winner].decided)))
            raise_placing_alarm(tree);
    }
}

static bool is_barred(const struct choice *choice, const struct holding *holding)
{
    for (size_t i = 0; i < choice->barred_count; i++) {
        if (choice->barred[i] == holding)
            return true;
    }
    return false;
}

static const struct holding *choose(struct tree *tree, const struct choice *choice)
{
    struct judged judged[LISTINGS_MAX] = {{0}};
    size_t winner = choice->listing_count;
    judge_tiers(choice, judged);
    judge_origins(choice, judged);
    judge_proofs(tree, choice, judged);
    for (size_t i = 0; i < choice->listing_count; i++) {
        if (judged[i].proved && !choice->listings[i].past &&
            !is_barred(choice, choice->listings[i].in) &&
            (winner == choice->listing_count || beats(choice, judged, i, winner)))
            winner = i;
    }
    if (winner == choice->listing_count) { /* all that is proved is out of reach */
        raise_placing_alarm(tree);
        return choice->listings[0].in;
    }
    raise_alarms(tree, choice, judged, winner);
    return choice->listings[winner].in;
}

static bool was_met(const struct choice *choice, const struct holding *holding)
{
    for (size_t i = 0; i < choice->listing_count; i++) {
        if (choice->listings[i].in == holding)
            return true;
    }
    return false;
}

bool choices_settle(struct tree *tree)
{
    bool changed = false;
    for (struct choice *choice = tree->choices; choice != NULL; choice = choice->hh.next) {
        if (!was_met(choice, choice->chosen)) {
            choice->barred =
                mem_resize(choice->barred, (choice->barred_count + 1) * sizeof *choice->barred);
            choice->barred[choice->barred_count++] = choice->chosen;
        }
        if (choice->listing_count == 0)
            continue; /* out of reach with all that hangs on it */
        const struct holding *chosen = choose(tree, choice);
        changed = changed || chosen != choice->chosen;
        choice->chosen = chosen;
    }
    return changed;
}

void choices_begin_pass(struct tree *tree)
{
    for (struct choice *choice = tree->choices; choice != NULL; choice = choice->hh.next)
        choice->listing_count = 0;
}

static int compare_moved(const void *a, const void *b)
{
    const struct moved_seat *left = a, *right = b;
    return strcmp(left->seat->row.seat, right->seat->row.seat);
}

void moved_show(struct tree *tree)
{
    size_t count = 0;
    for (struct choice *choice = tree->choices; choice != NULL; choice = choice->hh.next)
        count++;
    if (count == 0)
        return;
    tree->moved = mem_alloc(count * sizeof *tree->moved);
    for (struct choice *choice = tree->choices; choice != NULL; choice = choice->hh.next) {
        const struct seat_node *node = seat_node_find(tree, span_of_text(choice->seat));
        if (node == NULL)
            continue;
        struct moved_seat *moved = &tree->moved[tree->moved_count++];
        const struct held_document **others =
            mem_alloc((choice->listing_count + 1) * sizeof *others);
        for (size_t i = 0; i < choice->listing_count; i++) {
            if (choice->listings[i].in != node->listed_in && !choice->listings[i].past)
                others[moved->other_count++] = &choice->listings[i].in->held;
        }
        moved->seat = &node->seat;
        moved->others = others;
    }
    if (tree->moved_count > 0)
        qsort(tree->moved, tree->moved_count, sizeof *tree->moved, compare_moved);
}

size_t tree_moved_count(const struct tree *tree)
{
    return tree->moved_count;
}

const struct moved_seat *tree_moved(const struct tree *tree, size_t index)
{
    assert(index < tree->moved_count);
    return &tree->moved[index];
}

const struct moved_seat *tree_find_moved(const struct tree *tree, const struct seat *seat)
{
    for (size_t i = 0; i < tree->moved_count; i++) {
        if (tree->moved[i].seat == seat)
            return &tree->moved[i];
    }
    return NULL;
}

bool tree_is_former_parent(const struct tree *tree, const struct seat *parent,
                           const struct seat *seat)
{
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    for (size_t i = 0; moved != NULL && i < moved->other_count; i++) {
        if (strcmp(moved->others[i]->seat, parent->row.seat) == 0)
            return true;
    }
    return false;
}
