/* The shapes that a drill's tree has had: one as it was made, and one after each move. Seats that
 * came later stand in all of them, where they were admitted. */
#ifndef TERRACE_CLI_DRILL_CHECK_SHAPE_H
#define TERRACE_CLI_DRILL_CHECK_SHAPE_H

#include "cli/drill/drill.h"

struct check_shapes {
    const struct drill *drill;
    size_t count;                      /* 1 + moves */
    uint32_t *parents;                 /* of each seat, in each shape; its own number: the root */
    const struct drill_change **moves; /* what made shape i + 1 of shape i */
    const struct drill_change *
        *revoked; /* a seat each: the revocation of its present key; or NULL */
};
void check_shapes_new(const struct drill *drill, struct check_shapes *shapes);
void check_shapes_free(struct check_shapes *shapes);

/* The last shape that somebody could know at this time; 0 ms: the last of all. */
size_t check_shape_at(const struct check_shapes *shapes, uint64_t clock_ms);

bool check_shape_above_or_same(const struct check_shapes *shapes, size_t shape, size_t above,
                               size_t below);
/* Whether `seat` is on the way from one to another. */
bool check_shape_on_path(const struct check_shapes *shapes, size_t shape, size_t from, size_t to,
                         size_t seat);

#endif
