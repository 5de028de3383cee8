/* Seeds of the swarm that don't hold yet (docs/simulate.md names what they have in common). */
#ifndef TERRACE_TESTS_SIM_OPEN_SEEDS_H
#define TERRACE_TESTS_SIM_OPEN_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool seed_is_open(uint64_t seed)
{
    static const uint64_t open[] = {0}; /* none: 0 is no seed */
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        if (open[i] == seed)
            return true;
    }
    return false;
}

#endif
