/* A node's first start, some work, a kill, a start and more work, recorded by the shim. */
#ifndef TERRACE_TESTS_CRASH_CRASH_RECORD_H
#define TERRACE_TESTS_CRASH_CRASH_RECORD_H

#include "tests/process/node_world.h"

/* Leaves T's directory and its record, SEAT.dir and SEAT.dir.trace; all processes have ended. */
void crash_record(struct node_world *world);

#endif
