/* One scenario from beginning to end: the world is made, people work, faults strike, all is healed,
 * and it must come to rest as the model says.
 *
 * The same scenario and seed give the same run: `trace` in the result is a hash over every event
 * and every message, in order. */
#ifndef TERRACE_SIM_RUN_H
#define TERRACE_SIM_RUN_H

#include <stdio.h>

#include "sim/check/check.h"
#include "sim/scenario/scenario.h"
#include "sim/world/cost.h"

/* X(name, as told, exit status) */
#define OUTCOME_LIST(X)                                                                            \
    X(HELD, "held", 0)                                                                             \
    X(VIOLATED, "broke an invariant or an expectation", 1)                                         \
    X(NOT_CONVERGED, "did not come to rest", 5)                                                    \
    X(CRASHED, "crashed", 6)                                                                       \
    X(UNDECIDED, "undecided: the time or memory given was over", 7)
enum outcome {
#define X(name, text, status) OUTCOME_##name,
    OUTCOME_LIST(X)
#undef X
        OUTCOME_COUNT
};
const char *outcome_text(enum outcome outcome);
int outcome_exit_status(enum outcome outcome);

/* X(name): what a timeline tells, each of one node, or of the link of one child. */
#define MOMENT_LIST(X)                                                                             \
    X(CUT)                                                                                         \
    X(HEALED)                                                                                      \
    X(LINK_UP)                                                                                     \
    X(LINK_DOWN)                                                                                   \
    X(DIED)                                                                                        \
    X(STARTED)                                                                                     \
    X(PAUSED)                                                                                      \
    X(RESUMED)                                                                                     \
    X(FAULT)    /* any other fault begins; `text` says which */                                    \
    X(ENDED)    /* and ends */                                                                     \
    X(IMAGED)   /* its disk was copied aside */                                                    \
    X(RESTORED) /* it has the disk of IMAGED again; `text`: when that was, in ms, and after it */  \
                /* " high-water" where that file was put back too */                               \
    X(WIPED)    /* it has an empty disk */                                                         \
    X(SIGNED)   /* a document of its seat; `text`: what it changes */                              \
    X(LEVEL)    /* the node holds all that its peers have for it, after it did not */              \
    X(BEHIND)   /* it has begun not to */                                                          \
    X(FINDING)  /* a checker found something */
enum moment_kind {
#define X(name) MOMENT_##name,
    MOMENT_LIST(X)
#undef X
        MOMENT_KINDS
};

/* What a watcher of a run hears; all may be NULL; none may change the world. */
struct run_watcher {
    void *context;
    void (*moment)(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                   const char *text);
    /* First of all, before anything is done; then every `sample_ms` of virtual time, and at the
     * end: the watcher asks the world and the model what it wants to know. `model` is NULL when
     * nothing is checked. */
    void (*sample)(void *context, uint64_t at_ms, struct world *world, struct model *model);
    void (*sent)(void *context, uint64_t at_ms, size_t from, size_t to, enum channel channel,
                 uint8_t type, struct span body);
    /* A node takes a local write up (EVENT_WRITE, numbered as in the model); again, when the batch
     * failed. */
    void (*write)(void *context, uint64_t at_ms, size_t node, const struct event *write);
    /* A node has ended a batch, and the model has heard of it. */
    void (*batch)(void *context, uint64_t at_ms, size_t node, struct world *world,
                  struct model *model);
    /* The nodes' own lines; only with `tracing`. */
    void (*lines)(void *context, uint64_t at_ms, size_t node, struct span lines);
    uint64_t sample_ms; /* 0: a five-hundredth of the scenario */
};

struct run_options {
    bool tracing;
    bool unchecked;                    /* no model: for measuring alone; the result says so */
    bool costed;                       /* say where the time goes; one run of a process at a time */
    uint64_t cpu_ms_max;               /* processor time; beyond it: UNDECIDED; 0: no bound */
    const struct run_watcher *watcher; /* NULL: none */
    uint64_t order; /* of the scenario's groups of steps, below scenario_orders */
};

struct run_result {
    enum outcome outcome; /* HELD of an unchecked run: it came to its end */
    bool unchecked;
    struct findings findings;              /* cleared by run_result_clear */
    uint64_t expected[SCENARIO_RULES_MAX]; /* the worst that each expectation saw */
    struct hash trace;
    struct world_counts counts;
    size_t records, writes;
    uint64_t healed_ms;            /* when the last fault ended */
    uint64_t rested_ms;            /* when everything was equal and complete; 0: never */
    uint64_t cpu_us;               /* processor time that the run took */
    uint64_t parts_us[COST_PARTS]; /* of it, when it was asked for */
};

/* ERR_OK, or why it could not begin (a selector that takes nobody, a type that isn't there). */
enum error_code run_scenario(const struct scenario *scenario, const struct run_options *options,
                             struct run_result *result, struct error *error);
void run_result_clear(struct run_result *result);

#endif
