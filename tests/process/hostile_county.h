/* A drill under attack: a county, a township that is attacked, an honest village whose load goes
 * on, and a village whose machine is stolen. cmocka's headers must come first. */
#ifndef TERRACE_TESTS_PROCESS_HOSTILE_COUNTY_H
#define TERRACE_TESTS_PROCESS_HOSTILE_COUNTY_H

#include "tests/process/hostile_peer.h"

enum { MEMORY_GROWTH_MAX = 64 << 20 }; /* under sanitizers, whose own memory counts too */

struct hostile_county {
    const char *directory;
    char county[4096], attacked[4096], honest[4096], stolen[4096];
    struct thief thief; /* the keys of V2, whose node is down */
    pid_t load;
    long long memory_before;
};
/* C, T1, V1 and V2: V2's keys are stolen, its node is down; `records` are written at V1 in the
 * background. `links` are lines for the node.yaml of T1 and V1, below `links:`; NULL: as usual. */
void county_begin(struct hostile_county *county, const char *name, unsigned records,
                  const char *links);
/* The load ends, all of it is at the county, and the attacked node is as large as before. */
void county_holds(struct hostile_county *county);
void county_end(struct hostile_county *county);

/* A refusal's counter, against what it was: for what happens in between.
 *     long long before = refused(node, "forged"); ... refused_since(node, "forged", before, 1); */
long long refused(const char *node, const char *counter);
void refused_since(const char *node, const char *counter, long long before, long long least);

#endif
