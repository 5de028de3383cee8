/* The one source of chance in a simulated world: a seed gives a history.
 *
 * xoshiro256** seeded by SplitMix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018). Not for keys that guard anything. */
#ifndef TERRACE_SIM_PRNG_H
#define TERRACE_SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
/* 0 .. bound - 1; bound >= 1. */
uint64_t prng_below(struct prng *prng, uint64_t bound);
/* low .. high, both included. */
uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high);
/* True in `permille` of 1,000 cases. Draws nothing when it is 0. */
bool prng_chance(struct prng *prng, unsigned permille);
void prng_fill(struct prng *prng, void *bytes, size_t size);

#endif
