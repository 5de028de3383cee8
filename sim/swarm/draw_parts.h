/* What the two files that draw a scenario share. */
#ifndef TERRACE_SIM_SWARM_DRAW_PARTS_H
#define TERRACE_SIM_SWARM_DRAW_PARTS_H

#include "sim/scenario/scenario.h"
#include "sim/world/prng.h"

struct drawing {
    struct scenario *scenario;
    struct prng prng;
    uint32_t scale; /* of rates by seat: in a large tree each seat has fewer, for as many in all */
};

/* A fault that strikes the seat of this row once, in this part of the scenario (per cent of its
 * length). It is the scenario's, and stays where it is until the next one is added. */
struct fault *draw_fault_of(struct drawing *drawing, enum fault_kind kind, size_t seat,
                            unsigned from_percent, unsigned to_percent);
/* So many writes more; of everything but their type and number they are as `usual`. */
void draw_more_work(struct drawing *drawing, const char *type, uint64_t total,
                    const struct work *usual);

bool draw_has_fault(const struct scenario *scenario, enum fault_kind kind);

/* draw_changes.c: what people sign about the tree meanwhile, in some of the seeds. */
void draw_changes(struct drawing *drawing);

/* Over whom seats go whose parent is away; in seeds beyond the first ten thousand alone. */
void draw_fallbacks(struct drawing *drawing);

#endif
