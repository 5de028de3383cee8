/* Moves: accepting a seat from another parent, and deciding who shall. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/amend_inner.h"

/* Rows of one seat in one document of the tree. */
struct found {
    const struct held_document *in;
    struct seat_row current;
    bool any;
};

static bool stands_before(const struct seat_row *a, const struct seat_row *b)
{
    if (a->standby != b->standby)
        return !a->standby;
    return a->generation > b->generation;
}

static void look_in(const struct held_document *held, struct span seat, struct found *found)
{
    *found = (struct found){.in = held};
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK ||
            !span_equal(span_of_text(row.seat), seat))
            continue;
        if (!found->any || stands_before(&row, &found->current))
            found->current = row;
        found->any = true;
    }
}

/* The document, other than the amended one, that lists the seat with the greatest counter. */
static bool find_listing(const struct amendment *amendment, struct span seat, struct found *best)
{
    *best = (struct found){0};
    for (size_t i = 0; i < tree_document_count(amendment->tree); i++) {
        const struct held_document *held = tree_document(amendment->tree, i);
        struct found found;
        if (held->kind != DOCUMENT_BRANCH || strcmp(held->seat, amendment->header.seat) == 0)
            continue;
        look_in(held, seat, &found);
        if (found.any && (!best->any || found.current.moves > best->current.moves))
            *best = found;
    }
    return best->any;
}

/* What documents in force have decided about the seat: the greatest counter. */
static bool find_decision(const struct tree *tree, struct span seat, struct move_decision *best)
{
    bool any = false;
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        struct move_decision decision;
        const struct held_document *held = tree_document(tree, i);
        for (unsigned k = 0; move_decision_at(held->header.decisions, k, &decision); k++) {
            if (!span_equal(decision.seat, seat) || (any && decision.counter <= best->counter))
                continue;
            *best = decision;
            any = true;
        }
    }
    return any;
}

static void take_row(struct amendment *amendment, const struct seat_row *from, uint64_t moves)
{
    struct seat_row row = *from;
    if (row.status == SEAT_RELEASED)
        row.status = SEAT_ACTIVE;
    row.released_to = SPAN_EMPTY;
    row.moves = moves;
    amend_put(amendment, amendment->row_count, &row);
}

static void put_decisions(struct amendment *amendment, const struct move_decision *decisions,
                          size_t count)
{
    struct buffer list = {0}; /* the decisions may point into the former one */
    move_decisions_encode(decisions, count, &list);
    buffer_free(&amendment->decisions);
    amendment->decisions = list;
    amendment->header.decisions = span_of_buffer(&list);
}

/* Whom a release to anybody let the seat go to: who lists it with the next counter. */
static struct span who_took(const struct amendment *amendment, const struct seat_row *released)
{
    for (size_t i = 0; i < tree_document_count(amendment->tree); i++) {
        struct found found;
        const struct held_document *held = tree_document(amendment->tree, i);
        if (held->kind != DOCUMENT_BRANCH || strcmp(held->seat, amendment->header.seat) == 0)
            continue;
        look_in(held, span_of_text(released->seat), &found);
        if (found.any && found.current.moves == released->moves + 1)
            return span_of_text(held->seat);
    }
    return SPAN_EMPTY;
}

/* The row of a seat that comes back goes, and with it what it proved: that the seat was released
 * to whom it went (B190). The header remembers that, while it has room; a return that was decided
 * from above needs no such proof. */
static enum error_code remember_release(struct amendment *amendment, struct span seat, bool decided,
                                        struct error *error)
{
    struct move_decision decisions[DECISIONS_MAX + 1];
    const struct seat_row *row = NULL;
    size_t count = 0;
    for (size_t i = 0; i < amendment->row_count; i++) {
        const struct seat_row *own = &amendment->rows[i].row;
        if (span_equal(span_of_text(own->seat), seat) && own->status == SEAT_RELEASED)
            row = own;
    }
    if (row == NULL)
        return ERR_OK;
    struct span to = row->released_to.size > 0 ? row->released_to : who_took(amendment, row);
    if (to.size == 0)
        return ERR_OK;
    while (move_decision_at(amendment->header.decisions, (unsigned)count, &decisions[count]))
        count++;
    decisions[count++] = (struct move_decision){seat, to, row->moves + 1};
    if (count > DECISIONS_MAX && decided)
        return ERR_OK;
    if (count > DECISIONS_MAX) {
        error_set(error, ERR_OVERSIZE, amend_what,
                  "%d moves are decided or remembered here already", DECISIONS_MAX);
        error_next(error, "A seat above both parents decides this move.");
        return ERR_OVERSIZE;
    }
    put_decisions(amendment, decisions, count);
    return ERR_OK;
}

static void remove_rows(struct amendment *amendment, struct span seat)
{
    for (size_t i = amendment->row_count; i > 0; i--) {
        if (span_equal(span_of_text(amendment->rows[i - 1].row.seat), seat))
            amend_remove(amendment, i - 1);
    }
}

/* Whether the seat may be accepted as it is listed there; *moves: by which counter; *decided: by a
 * seat above both. */
static enum error_code acceptance_check(const struct amendment *amendment,
                                        const struct seat_row *current, bool ahead, uint64_t *moves,
                                        bool *decided, struct error *error)
{
    const struct seat *owner = amendment->owner;
    struct span own = span_of_text(owner->row.seat);
    if (current->tier <= owner->row.tier)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "seat %s can't stand below %s: its tier, %s, is not lower", current->seat,
                         owner->row.seat, tree_tier_name(amendment->tree, current->tier));
    struct move_decision decision;
    *decided = find_decision(amendment->tree, span_of_text(current->seat), &decision) &&
               decision.counter > current->moves && span_equal(decision.to, own);
    if (*decided)
        *moves = decision.counter;
    if (ahead || *decided)
        return ERR_OK;
    if (current->status != SEAT_RELEASED) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "its parent has not released seat %s",
                  current->seat);
        error_next(error, "The parent signs the release, or a seat above both decides the move.");
        return ERR_NOT_ALLOWED;
    }
    if (current->released_to.size > 0 && !span_equal(current->released_to, own)) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s was released to %.*s, not to %s",
                  current->seat, (int)current->released_to.size,
                  (const char *)current->released_to.data, owner->row.seat);
        error_next(error, "Its former parent may release it to %s instead.", owner->row.seat);
        return ERR_NOT_ALLOWED;
    }
    return ERR_OK;
}

static enum error_code take_over(struct amendment *amendment, const struct seat_row *rows,
                                 size_t count, bool ahead, struct error *error)
{
    const struct seat_row *current = &rows[0];
    struct span seat = span_of_text(rows[0].seat);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(rows[i].seat, rows[0].seat) != 0)
            return error_set(error, ERR_INVALID, amend_what, "rows of two seats, %s and %s",
                             rows[0].seat, rows[i].seat);
        if (stands_before(&rows[i], current))
            current = &rows[i];
    }
    for (size_t i = 0; i < amendment->row_count; i++) {
        const struct seat_row *own = &amendment->rows[i].row;
        if (span_equal(span_of_text(own->seat), seat) && own->moves > current->moves)
            return error_set(error, ERR_STALE, amend_what,
                             "seat %s has moved here already, its counter is %llu", own->seat,
                             (unsigned long long)own->moves);
    }
    uint64_t moves = current->moves + 1;
    bool decided = false;
    enum error_code code = acceptance_check(amendment, current, ahead, &moves, &decided, error);
    if (code == ERR_OK)
        code = remember_release(amendment, seat, decided, error);
    if (code != ERR_OK)
        return code;
    remove_rows(amendment, seat);
    for (size_t i = 0; i < count; i++)
        take_row(amendment, &rows[i], moves);
    amendment->adds = true;
    amendment->ahead = amendment->ahead || ahead;
    return ERR_OK;
}

enum error_code amend_take_over(struct amendment *amendment, struct span seat,
                                const struct seat_row *rows, size_t row_count, bool ahead,
                                struct error *error)
{
    struct found found;
    if (amendment->owner == NULL)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "the root document lists the topmost seat alone");
    enum error_code code = amend_delegation_check(amendment, error);
    if (code != ERR_OK)
        return code;
    if (row_count > 0)
        return take_over(amendment, rows, row_count, ahead, error);
    if (!find_listing(amendment, seat, &found)) {
        error_set(error, ERR_NOT_FOUND, amend_what,
                  "the document that lists seat %.*s now isn't here", (int)seat.size,
                  (const char *)seat.data);
        error_next(error, "Bring the release from its former parent, then try again.");
        return ERR_NOT_FOUND;
    }
    struct seat_row *own = mem_alloc((found.in->row_count + 1) * sizeof *own);
    size_t count = 0;
    for (size_t i = 0; i < found.in->row_count; i++) {
        if (seat_row_decode(found.in->rows[i], &own[count], NULL) == ERR_OK &&
            span_equal(span_of_text(own[count].seat), seat))
            count++;
    }
    code = take_over(amendment, own, count, ahead, error);
    free(own);
    return code;
}

/* Who is moved, and where to: both below the seat that decides, and where they can stand. */
static enum error_code decision_check(const struct amendment *amendment, struct span seat,
                                      struct span to, struct error *error)
{
    const struct tree *tree = amendment->tree;
    const struct seat *top = amendment->owner != NULL ? amendment->owner : tree_root_seat(tree);
    const struct seat *moved = tree_seat(tree, seat), *parent = tree_seat(tree, to);
    const struct seat *unknown[] = {moved, parent};
    for (size_t i = 0; i < 2; i++) {
        struct span code = i == 0 ? seat : to;
        if (unknown[i] != NULL && top != NULL && seat_is_ancestor_or_self(top, unknown[i]))
            continue;
        error_set(error, ERR_NOT_FOUND, amend_what, "seat %.*s is not below %s", (int)code.size,
                  (const char *)code.data, top == NULL ? "the root" : top->row.seat);
        error_next(error, "A seat above both decides a move.");
        return ERR_NOT_FOUND;
    }
    if (moved->row.tier <= parent->row.tier)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "seat %s can't stand below %s: its tier, %s, is not lower",
                         moved->row.seat, parent->row.seat, tree_tier_name(tree, moved->row.tier));
    return ERR_OK;
}

/* Whether a listing rests on the decision: without it that would be a claim that nothing proves. */
static bool is_leaned_on(const struct amendment *amendment, const struct move_decision *decision)
{
    struct found found;
    const struct held_document *held =
        tree_find_document(amendment->tree, DOCUMENT_BRANCH, decision->to);
    if (held == NULL)
        return false;
    look_in(held, decision->seat, &found);
    return found.any && found.current.moves == decision->counter;
}

/* No decision, but a release of a seat that has come back. */
static bool is_remembered(const struct amendment *amendment, const struct move_decision *decision)
{
    for (size_t i = 0; i < amendment->row_count; i++) {
        const struct seat_row *row = &amendment->rows[i].row;
        if (span_equal(span_of_text(row->seat), decision->seat) && row->moves >= decision->counter)
            return true;
    }
    return false;
}

/* What a former version has decided goes when it was overtaken and nothing rests on it any more; of
 * a seat that is decided about again, also when it was never followed. */
static bool is_kept(const struct amendment *amendment, const struct move_decision *decision,
                    struct span decided_now)
{
    const struct seat *seat = tree_seat(amendment->tree, decision->seat);
    if (is_remembered(amendment, decision) || is_leaned_on(amendment, decision))
        return true;
    return !span_equal(decision->seat, decided_now) &&
           (seat == NULL || seat->row.moves <= decision->counter);
}

enum error_code amend_decide(struct amendment *amendment, struct span seat, struct span to,
                             uint64_t counter, struct error *error)
{
    struct move_decision decisions[DECISIONS_MAX + 1], found;
    size_t count = 0;
    enum error_code code = decision_check(amendment, seat, to, error);
    if (code != ERR_OK)
        return code;
    uint64_t least = tree_seat(amendment->tree, seat)->row.moves + 1;
    if (find_decision(amendment->tree, seat, &found) && found.counter >= least)
        least = found.counter + 1;
    if (counter != 0 && counter < least)
        return error_set(error, ERR_STALE, amend_what, "the move counter must be %llu at least",
                         (unsigned long long)least);
    for (unsigned i = 0; move_decision_at(amendment->header.decisions, i, &found); i++) {
        if (is_kept(amendment, &found, seat))
            decisions[count++] = found;
    }
    decisions[count++] = (struct move_decision){seat, to, counter == 0 ? least : counter};
    if (count > DECISIONS_MAX) {
        error_set(error, ERR_OVERSIZE, amend_what, "%d moves are decided here already",
                  DECISIONS_MAX);
        error_next(error, "Decide the next ones when some of these seats have moved again.");
        return ERR_OVERSIZE;
    }
    put_decisions(amendment, decisions, count);
    return ERR_OK;
}
