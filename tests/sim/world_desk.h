/* A small county in a world for the tests of the world itself: A1, below it B1, below that C1 and
 * C2; every batch, answer and link seen. */
#ifndef TERRACE_TESTS_SIM_WORLD_DESK_H
#define TERRACE_TESTS_SIM_WORLD_DESK_H

#include "sim/world/world.h"

enum { SEAT_A, SEAT_B, SEAT_C1, SEAT_C2, SEATS, PLACES = 8 };
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

struct world_desk {
    struct county *county;
    struct world *world;
    uint64_t requests;
    enum error_code answer; /* the last one */
    uint64_t answered_ms;
    unsigned answers[PLACES], failures[PLACES];
    unsigned ups[PLACES], downs[PLACES]; /* that a node was told */
    uint64_t down_ms[PLACES], batches[PLACES];
    unsigned repaired[PLACES], lost[PLACES];
};
extern struct world_desk desk;

/* Nobody runs. Zero options: a millisecond of delay, redials within 100. */
void desk_begin(const struct world_options *options);
void desk_begin_running(void); /* all run, with zero options, and have met */
void desk_end(void);
void desk_run(uint64_t ms);
/* An incident with a title of so many bytes that hardly compress. */
void desk_write(size_t node, size_t bytes);
/* Entries of an author's present keys that a node holds, in streams for others. */
uint64_t desk_held(size_t node, size_t author);
/* Time until a node holds so much of an author; fails after an hour. */
uint64_t desk_until_held(size_t node, size_t author, uint64_t entries);

#endif
