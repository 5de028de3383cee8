/* A node's first start, some work, a kill, a start and more work, recorded by the shim. */
#ifndef TERRACE_TESTS_CRASH_CRASH_RECORD_H
#define TERRACE_TESTS_CRASH_CRASH_RECORD_H

#include "tests/process/node_world.h"

/* The seat that was watched: its directory and its record, SEAT.dir and SEAT.dir.trace, are left;
 * all processes have ended. The seed chooses which. */
struct node_world_seat *crash_record(struct node_world *world, uint64_t seed);

#endif
