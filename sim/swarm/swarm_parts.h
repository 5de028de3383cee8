/* Inside of a run: of swarm.c, swarm_faults.c and swarm_writes.c alone. */
#ifndef TERRACE_SIM_SWARM_PARTS_H
#define TERRACE_SIM_SWARM_PARTS_H

#include "sim/swarm/swarm.h"

struct seat_plan { /* what has been done to a seat and when it ends; 0: nothing */
    uint64_t heal_ms, start_ms, release_ms;
};

struct swarm {
    const struct swarm_options *options;
    struct prng prng; /* of what is done to the world; the world has one of its own */
    struct county *county;
    struct world *world;
    struct model *model;
    struct findings *findings;
    struct seat_plan *plans;
    uint32_t writes_left;
    struct memory_store *image; /* of the seat that will be put back */
    size_t restored_seat;
    uint64_t image_commits;
    uint64_t image_ms, restore_ms, types_ms;
    FILE *trace; /* NULL: none */
};

/* One step of `step_ms` lies ahead: what goes wrong, what ends, what is written in it. */
void swarm_faults_step(struct swarm *swarm, uint64_t step_ms);
void swarm_faults_plan(struct swarm *swarm);
void swarm_faults_end(struct swarm *swarm); /* everything healed, everyone runs */
void swarm_writes_step(struct swarm *swarm, uint64_t steps_left);

#endif
