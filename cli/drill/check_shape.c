/* The shapes of a tree. */
#include "cli/drill/check_shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t *shape_of(const struct check_shapes *shapes, size_t shape)
{
    assert(shape < shapes->count);
    return shapes->parents + shape * shapes->drill->seat_count;
}

/* From the last one back: a move undone gives the shape before it. */
static void fill(struct check_shapes *shapes)
{
    const struct drill *drill = shapes->drill;
    uint32_t *last = shape_of(shapes, shapes->count - 1);
    for (size_t i = 0; i < drill->seat_count; i++)
        last[i] = (uint32_t)(drill->seats[i].parent == DRILL_NO_SEAT ? i : drill->seats[i].parent);
    for (size_t i = shapes->count - 1; i > 0; i--) {
        memcpy(shape_of(shapes, i - 1), shape_of(shapes, i),
               drill->seat_count * sizeof *shapes->parents);
        shape_of(shapes, i - 1)[shapes->moves[i - 1]->seat] =
            (uint32_t)shapes->moves[i - 1]->former;
    }
}

void check_shapes_new(const struct drill *drill, struct check_shapes *shapes)
{
    *shapes = (struct check_shapes){.drill = drill, .count = 1};
    shapes->moves = mem_alloc((drill->change_count + 1) * sizeof *shapes->moves);
    shapes->revoked = mem_alloc((drill->seat_count + 1) * sizeof *shapes->revoked);
    for (size_t i = 0; i < drill->change_count; i++) {
        const struct drill_change *change = &drill->changes[i];
        if (change->kind == CHANGE_MOVE)
            shapes->moves[shapes->count++ - 1] = change;
        else if (change->kind == CHANGE_REVOKE && drill->seats[change->seat].revoked)
            shapes->revoked[change->seat] = change;
    }
    shapes->parents = mem_alloc(shapes->count * drill->seat_count * sizeof *shapes->parents);
    fill(shapes);
}

void check_shapes_free(struct check_shapes *shapes)
{
    free(shapes->moves);
    free(shapes->revoked);
    free(shapes->parents);
}

size_t check_shape_at(const struct check_shapes *shapes, uint64_t clock_ms)
{
    size_t shape = 0;
    if (clock_ms == 0)
        return shapes->count - 1;
    while (shape + 1 < shapes->count && shapes->moves[shape]->signed_ms <= clock_ms)
        shape++;
    return shape;
}

bool check_shape_above_or_same(const struct check_shapes *shapes, size_t shape, size_t above,
                               size_t below)
{
    const uint32_t *parents = shape_of(shapes, shape);
    while (below != above && parents[below] != below)
        below = parents[below];
    return below == above;
}

bool check_shape_on_path(const struct check_shapes *shapes, size_t shape, size_t from, size_t to,
                         size_t seat)
{
    const uint32_t *parents = shape_of(shapes, shape);
    size_t meet = from;
    while (!check_shape_above_or_same(shapes, shape, meet, to))
        meet = parents[meet];
    return check_shape_above_or_same(shapes, shape, meet, seat) &&
           (check_shape_above_or_same(shapes, shape, seat, from) ||
            check_shape_above_or_same(shapes, shape, seat, to));
}
