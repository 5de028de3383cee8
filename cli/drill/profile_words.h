/* Words for invented matters, and numbers to choose them by. */
#ifndef TERRACE_CLI_DRILL_PROFILE_WORDS_H
#define TERRACE_CLI_DRILL_PROFILE_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum words {
    WORDS_QUARREL, /* what people quarrel about */
    WORDS_HAZARD,
    WORDS_SERVICE,
    WORDS_TASK,  /* what one seat asks of another */
    WORDS_ORDER, /* what is told to all below */
    WORDS_GRAVE, /* what must not happen */
    WORDS_EQUIPMENT,
    WORDS_PLACE,
    WORDS_TALK, /* what was said at an attempt */
    WORDS_DONE, /* what was done */
    WORDS_PERSON,
    WORDS_WHY, /* why it was sent back */
    WORDS_COUNT
};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
uint64_t words_draw(uint64_t *state);
unsigned words_below(uint64_t *state, unsigned bound); /* 0 .. bound - 1 */
const char *words_one(uint64_t *state, enum words list);

#endif
