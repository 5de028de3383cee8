/* Accepting a seat from another parent. */
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

static void take_row(struct amendment *amendment, const struct seat_row *from, uint64_t moves)
{
    struct seat_row row = *from;
    if (row.status == SEAT_RELEASED)
        row.status = SEAT_ACTIVE;
    row.released_to = SPAN_EMPTY;
    row.moves = moves;
    amend_put(amendment, amendment->row_count, &row);
}

static void remove_rows(struct amendment *amendment, struct span seat)
{
    for (size_t i = amendment->row_count; i > 0; i--) {
        if (span_equal(span_of_text(amendment->rows[i - 1].row.seat), seat))
            amend_remove(amendment, i - 1);
    }
}

/* Whether the seat may be accepted as it is listed there. */
static enum error_code acceptance_check(const struct amendment *amendment,
                                        const struct seat_row *current, bool ahead,
                                        struct error *error)
{
    const struct seat *owner = amendment->owner;
    struct span own = span_of_text(owner->row.seat);
    if (current->tier <= owner->row.tier)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "seat %s can't stand below %s: its tier, %s, is not lower", current->seat,
                         owner->row.seat, tree_tier_name(amendment->tree, current->tier));
    if (ahead)
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
    enum error_code code = acceptance_check(amendment, current, ahead, error);
    if (code != ERR_OK)
        return code;
    uint64_t moves = current->moves + 1;
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
