/* A scenario lived through in a process of its own: it holds, is violated, doesn't come to rest,
 * crashes, or takes longer than it may. */
#ifndef TERRACE_SIM_TRIAL_H
#define TERRACE_SIM_TRIAL_H

#include "sim/run/run.h"

struct trial_settings {
    FILE *trace;        /* the nodes' own lines and what is done to them; NULL: none */
    unsigned cpu_s_max; /* processor time; 0: no bound */
};

struct trial {
    enum outcome outcome;
    size_t counts[FINDING_COUNT];
    size_t records, writes;
    struct world_counts world;
    struct hash trace;
    uint64_t rested_ms, cpu_us;
    struct buffer text; /* the findings; of a crash the last lines that it wrote */
};

/* Clear with trial_clear. A scenario that can't begin is OUTCOME_UNDECIDED, `text` says why. */
void trial_run(const struct scenario *scenario, const struct trial_settings *settings,
               struct trial *trial);
void trial_clear(struct trial *trial);
/* Whether both failed alike: crashed both, or one kind of finding is in both that decides. */
bool trial_alike(const struct trial *a, const struct trial *b);

#endif
