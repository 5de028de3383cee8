#include "replication/circle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void circle_free(struct circle *circle)
{
    free(circle->seats);
    *circle = (struct circle){0};
}

bool circle_has(const struct circle *circle, const char *seat)
{
    for (size_t i = 0; i < circle->count; i++) {
        if (strcmp(circle->seats[i], seat) == 0)
            return true;
    }
    return false;
}

void circle_add(struct circle *circle, const char *seat)
{
    size_t size = strlen(seat);
    assert(size <= SEAT_BYTES_MAX);
    if (circle_has(circle, seat))
        return;
    if (circle->count == circle->capacity) {
        circle->capacity = circle->capacity == 0 ? 8 : 2 * circle->capacity;
        circle->seats = mem_resize(circle->seats, circle->capacity * sizeof *circle->seats);
    }
    memcpy(circle->seats[circle->count++], seat, size + 1);
}

bool circle_may_write(const struct circle *circle, const struct seat *seat)
{
    return circle_has(circle, seat->row.seat);
}

const struct seat *circle_next_above(const struct tree *tree, const struct circle *circle)
{
    const struct seat *seat = tree_seat(tree, span_of_text(circle->origin));
    while (seat != NULL && circle_has(circle, seat->row.seat))
        seat = seat->parent;
    return seat;
}

/* The seats of the creation's stream. */
static void add_holders(struct circle *circle, const struct stream_open *open,
                        const struct seat *author)
{
    bool backup = stream_is_backup(open); /* the parent keeps it, and holds nothing of it */
    circle->class = open->class;
    circle->holders = backup ? HOLDERS_SELF : open->holders;
    circle->tier = open->tier;
    if (circle->holders != HOLDERS_PATH)
        circle_add(circle, author->row.seat);
    for (size_t i = 0; circle->holders == HOLDERS_PATH && i < open->seat_count; i++)
        circle_add(circle, open->seats[i]);
    circle->first_count = circle->count;
}

/* What the creation's stream is: from its row, or proved by what carried the creation. */
static bool read_opening(struct block_cache *cache, const struct view *view,
                         const struct tree *tree, const struct operation *creation,
                         struct stream_row *row)
{
    struct entry_place place = operation_place(creation);
    struct located_entry located;
    if (!place.carried)
        return stream_row_read(view, &place.stream, row);
    if (!entry_open(cache, view, tree, &place, &located) || located.open == NULL)
        return false;
    row->open = *located.open;
    return true;
}

static void add_members(struct circle *circle, const struct record_state *record,
                        const struct operation *seen)
{
    for (size_t i = 0; i < record_member_count(record); i++) {
        struct record_member member = record_member(record, i);
        char seat[SEAT_BYTES_MAX + 1] = "";
        if (member.seat.size > SEAT_BYTES_MAX ||
            (seen != NULL && !operation_saw(seen, &member.by->dot)))
            continue;
        memcpy(seat, member.seat.data, member.seat.size);
        circle_add(circle, seat);
    }
}

/* Of two creations under one name the one that says where the record is; of several names each. For
 * an operation that saw the name, both: which of them it was shows nowhere (A13). */
static bool says_where(const struct record_state *record, const struct record_id *id,
                       const struct operation *creation, const struct operation *seen)
{
    if (creation->verdict != OPERATION_ADMITTED ||
        (seen != NULL && dot_compare(&seen->dot, &creation->dot) != 0 &&
         !operation_saw(seen, &creation->dot)))
        return false;
    for (size_t i = 0; seen == NULL && i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        if (op != creation && operation_begins(op, id) &&
            dot_compare(&op->dot, &creation->dot) == 0 && operation_made_before(op, creation))
            return false;
    }
    return true;
}

bool circle_load(struct block_cache *cache, const struct view *view, const struct tree *tree,
                 const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle)
{
    const struct operation *first = record_creation(record, id);
    const struct author *creator = tree_author(tree, record_id_author(id).author);
    *circle = (struct circle){0};
    if (first == NULL || creator == NULL)
        return false;
    struct stream_row *row = mem_alloc(sizeof *row);
    bool known = true, said = false;
    circle->author = creator->id;
    circle->origin = creator->seat->row.seat;
    for (size_t i = 0; known && i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        if (!operation_begins(op, id) || !says_where(record, id, op, seen))
            continue;
        known = read_opening(cache, view, tree, op, row);
        if (known)
            add_holders(circle, &row->open, creator->seat);
        said = true;
    }
    if (known && !said && read_opening(cache, view, tree, first, row)) {
        add_holders(circle, &row->open, creator->seat);
        said = true;
    }
    if (known && said)
        add_members(circle, record, seen);
    free(row);
    if (!known || !said)
        circle_free(circle);
    return known && said;
}
