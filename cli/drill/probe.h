/* Asking the nodes of a drill how they are, and waiting until they are so. */
#ifndef TERRACE_CLI_DRILL_PROBE_H
#define TERRACE_CLI_DRILL_PROBE_H

#include "cli/drill/drill.h"

/* What a node says of itself (docs/node.md, status). */
struct figures {
    bool answered;
    bool uplink_live;
    bool caught_up; /* every link is live and nothing is behind on it */
    uint64_t links, links_live;
    uint64_t children_live, children_expected;
    uint64_t records, entries, streams, store_bytes;
    uint64_t behind; /* entries, both ways, over all links */
    uint64_t uplink_behind;
    uint64_t heard_ms; /* ago, on the uplink; UINT64_MAX: never */
    uint64_t quarantine, parked, alarms;
    uint64_t anonymous, proportional; /* bytes of memory by its own words; 0: it doesn't say */
};

/* Ask one node. What can't be reached has answered == false. */
void probe_seat(const struct drill *drill, size_t seat, struct figures *figures);

/* What a seat should be like; `figures` are fresh. */
typedef bool probe_condition(const struct drill *drill, size_t seat, const struct figures *figures);
probe_condition probe_is_up, probe_is_linked, probe_is_caught_up;

/* Wait until the condition holds at every chosen seat (NULL: all), at most `wait_ms`. A chosen
 * node whose process has ended is an error at once, with the end of its log. ERR_TIMEOUT names a
 * seat where it doesn't hold. */
enum error_code probe_wait(const struct drill *drill, const bool *chosen,
                           probe_condition *condition, const char *label, uint64_t wait_ms,
                           bool quiet, struct error *error);

/* A pause between two looks at something that has no wake-up of its own. */
void probe_pause(void);

#endif
