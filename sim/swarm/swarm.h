/* A swarm of histories: each seed stands for a scenario, which is lived through in a process of its
 * own. What fails is told with the command that brings it back, and made smaller on request. */
#ifndef TERRACE_SIM_SWARM_H
#define TERRACE_SIM_SWARM_H

#include <stdio.h>

#include "sim/swarm/trial.h"

enum { SWARM_SEATS_MAX = 30, SWARM_TIERS_MAX = 5 };

/* The scenario of a seed: tree, work, faults, what links, disks and clocks are like. `on`: over
 * this scenario's tree (NULL: a small one is drawn too); its other parts count where the drawing
 * says nothing of them. The caller frees it. */
struct scenario *swarm_draw(uint64_t seed, const struct scenario *on);
/* Everything that was drawn, a line for each part. */
void swarm_print(const struct scenario *scenario, FILE *out);

struct swarm_settings {
    uint64_t first, last;      /* seeds */
    const struct scenario *on; /* NULL: small trees */
    bool verbose, all, quiet;  /* quiet: only failures and the sum; all: go on after a failure */
    uint64_t until_ms;         /* of the monotonic clock: no seed begins after it; 0: no bound */
    unsigned cpu_s_max;        /* of each seed; 0: no bound */
    const char *program;       /* as it stands in the replay command */
    const char *options;       /* what the replay command needs besides the seed; "" */
    void *context;
    /* A seed has failed, and has been told; NULL: nothing more is done. */
    void (*failed)(void *context, const struct scenario *scenario, const struct trial *trial);
};
struct swarm_sum {
    uint64_t done, counts[OUTCOME_COUNT];
    uint64_t last;       /* seed that was lived through */
    uint64_t worst_seed; /* the first of the worst */
    enum outcome worst;  /* held, undecided, not converged, violated, crashed: in this order */
};
/* What was drawn first, the replay command last of each that fails, then the sum. */
void swarm_run_all(const struct swarm_settings *settings, FILE *out, struct swarm_sum *sum);

/* shrink.c: a smaller scenario that fails like `failed`: rules, work and seats that it doesn't need
 * are gone, times and totals halved, parameters zero. `from` stays as it is. */
struct shrink_settings {
    uint64_t until_ms;  /* of the monotonic clock; 0: no bound */
    unsigned tries_max; /* runs; 0: 3,000 */
    unsigned cpu_s_max; /* of each run */
    FILE *out;          /* what it tells; NULL: nothing */
};
struct shrink_sum {
    unsigned tries;
    size_t rules_before, rules_after, seats_before, seats_after;
    uint64_t writes_before, writes_after, lasts_before_ms, lasts_after_ms;
};
struct scenario *swarm_shrink(const struct scenario *from, const struct trial *failed,
                              const struct shrink_settings *settings, struct shrink_sum *sum);

/* Milliseconds of the monotonic clock. */
uint64_t swarm_clock_ms(void);

#endif
