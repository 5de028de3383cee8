/* A swarm of histories: each seed draws a tree, faults (some off, others far up) and writes, lives
 * through them, is healed, and must then come to rest with everything where it belongs. */
#ifndef TERRACE_SIM_SWARM_H
#define TERRACE_SIM_SWARM_H

#include <stdio.h>

#include "sim/check/check.h"

enum { SWARM_SEATS_MAX = 30, SWARM_TIERS_MAX = 5 };

/* All drawn from the seed; printed before anything runs. */
struct swarm_options {
    uint64_t seed;
    uint32_t seats, tiers;
    uint32_t writes, fault_ms;
    /* in a thousand, each virtual second and for each link or node */
    uint32_t cut_permille, crash_permille, torn_permille, hold_permille;
    uint32_t inject_permille; /* each second: something bad on some link */
    uint32_t skew_ms_max;     /* of clocks */
    bool restore;             /* one node is put back to an old image */
    bool lose;                /* one node's disk forgets its last commits in a power cut */
    bool raise_types;         /* a second version of the types comes in the middle */
    uint32_t delete_percent, set_percent, burst_max;
    struct world_options world;
};
void swarm_draw(struct swarm_options *options, uint64_t seed);
void swarm_print_options(const struct swarm_options *options, FILE *out);

enum swarm_outcome { SWARM_HELD, SWARM_VIOLATED, SWARM_NOT_CONVERGED };
/* One seed from beginning to end. With `verbose`, the nodes' own lines go to `out`. `findings` is
 * filled in; the caller clears it. */
enum swarm_outcome swarm_run(const struct swarm_options *options, bool verbose, FILE *out,
                             struct findings *findings);

/* Seeds first..last, one after the other: options first, replay command last on a failure, then a
 * summary. Stops at the first failure unless `all`. The worst outcome. */
struct swarm_settings {
    uint64_t first, last;
    bool verbose, all, quiet; /* quiet: only failures and the summary */
    const char *program;      /* as it stands in the replay command */
};
enum swarm_outcome swarm_run_all(const struct swarm_settings *settings, FILE *out);
/* 0 held, 1 violated, 5 not converged. */
int swarm_exit_status(enum swarm_outcome outcome);

#endif
