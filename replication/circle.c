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

/* The seats of the creation's stream. */
static void add_holders(struct circle *circle, const struct stream_open *open,
                        const struct seat *author)
{
    circle->class = open->class;
    circle->holders = open->holders;
    circle->tier = open->tier;
    if (open->holders != HOLDERS_PATH)
        circle_add(circle, author->row.seat);
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++)
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

bool circle_load(struct block_cache *cache, const struct view *view, const struct tree *tree,
                 const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle)
{
    const struct operation *creation = record_creation(record, id);
    const struct author *creator = tree_author(tree, record_id_author(id).author);
    *circle = (struct circle){0};
    if (creation == NULL || creator == NULL)
        return false;
    struct stream_row *row = mem_alloc(sizeof *row);
    bool known = read_opening(cache, view, tree, creation, row);
    if (known) {
        circle->author = creator->id;
        add_holders(circle, &row->open, creator->seat);
        add_members(circle, record, seen);
    }
    free(row);
    return known;
}
