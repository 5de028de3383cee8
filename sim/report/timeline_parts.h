/* Inside of a timeline: of timeline.c, samples.c and causes.c alone. */
#ifndef TERRACE_SIM_REPORT_TIMELINE_PARTS_H
#define TERRACE_SIM_REPORT_TIMELINE_PARTS_H

#include "sim/report/timeline.h"
#include "sim/report/waiting.h"

#define NEVER_MS UINT64_MAX

/* What a recovery's cause is told from. */
struct recovery_facts {
    uint64_t offline_ms; /* without a session though nothing stood in the way */
    uint64_t parent_ms;  /* of the parent's own outages meanwhile */
    uint32_t cuts, stops;
    bool refilled, disk, withheld;
    uint64_t bytes_before; /* of the link, at the healing */
    uint64_t sessions;     /* of the link, at the last look */
    uint64_t counted_ms;   /* until when offline_ms has been counted */
};

struct live_node {
    uint64_t since_ms[REPORT_STATES]; /* NEVER_MS: it is not in that state */
    uint64_t complete_as_of_ms;       /* greatest token that the root was complete as of */
    uint64_t broken_ms;               /* since when nothing could pass; NEVER_MS: something can */
    char outage[REPORT_FAULT_BYTES];  /* by what */
    unsigned cut, paused;             /* how many faults keep it so */
    char struck[REPORT_FAULT_BYTES];  /* by the last fault, or empty */
    uint64_t struck_ms;
    bool recovering, waited; /* waited: something did at the last sample */
    bool disk, withholds, refilled;
    struct report_recovery recovery;
    struct recovery_facts facts;
    uint64_t touched_ms;      /* last batch of one of the two ends */
    bool touched;             /* since it was looked at */
    size_t recovering_at;     /* place in the list */
    uint64_t bytes_sampled;   /* of its link, until the last sample */
    struct refusals refusals; /* of the life that runs */
    unsigned starts;
};

struct timeline {
    const struct scenario *scenario;
    const struct run_watcher *chained;
    struct run_watcher watcher;
    struct world *world;         /* NULL before the first sample */
    const struct county *county; /* alive as long as the run */
    struct waiting_book *book;
    struct run_report *report;
    struct live_node *live;
    size_t live_count;
    size_t root;
    const char *focus;       /* a seat's code; NULL: none */
    struct waiting *waiting; /* by node, at the last sample */
    uint64_t *ages;          /* scratch of a sample */
    size_t *recovering;      /* nodes that do */
    size_t recovering_count;
    uint64_t look_ms; /* when they are looked at again */
    uint32_t sample_skip, samples_skipped;
};

/* samples.c */
void timeline_sample(struct timeline *timeline, uint64_t at_ms, struct model *model);
/* expected.c */
void expected_end(struct timeline *timeline, const struct run_result *result);
/* causes.c */
enum report_cause recovery_cause(const struct timeline *timeline, size_t node,
                                 const struct report_recovery *recovery,
                                 const struct recovery_facts *facts);
/* The link's profile as the scenario gives it, faults aside. */
struct link_profile link_profile_of(const struct scenario *scenario, const struct county *county,
                                    size_t node);

/* recoveries.c */
void timeline_enter(struct timeline *timeline, uint64_t at_ms, size_t node,
                    enum report_state state);
void timeline_leave(struct timeline *timeline, uint64_t at_ms, size_t node,
                    enum report_state state);
bool timeline_blocked(const struct timeline *timeline, size_t node);
/* Of one that recovers: is it level now? */
void timeline_look(struct timeline *timeline, uint64_t at_ms, size_t node);
/* What stands in the way of a node's link: begins, and ends. */
void obstacle_begins(struct timeline *timeline, uint64_t at_ms, size_t node,
                     enum report_state state, const char *what);
void obstacle_ends(struct timeline *timeline, uint64_t at_ms, size_t node, enum report_state state);
void recovery_keep(struct timeline *timeline, const struct report_recovery *recovery);
void recoveries_keep_slowest(struct run_report *report);

#endif
