/* What links, disks, clocks and nodes are like in a simulated world. All zero: as good as can be.
 * Chances are in a thousand; rates are bytes a second; times are milliseconds. */
#ifndef TERRACE_SIM_PROFILES_H
#define TERRACE_SIM_PROFILES_H

#include <stdbool.h>
#include <stdint.h>

enum { SILENCE_MS_MAX = 60 * 1000 }; /* an end that hears nothing for so long gives its link up */

/* The line between a child and its parent. Sessions are in order and whole, as TCP and Noise make
 * them: what the line loses costs time, what it alters ends the session. */
struct link_profile {
    uint32_t latency_ms, jitter_ms; /* of a message: latency .. latency + jitter */
    uint32_t rate_bytes_s;          /* each way, what is urgent first; 0: no bound */
    uint32_t loss_permille;         /* of packets: sent again after a pause that doubles */
    uint32_t corrupt_permille;      /* of messages: the session ends */
    uint32_t damage_permille;       /* of block messages: a bit turned before they were sealed */
    uint32_t duplicate_permille;    /* of block messages: sent twice */
    bool overtaking;                /* channels don't wait for each other */
    uint32_t window_from_minute, window_to_minute; /* of the day, up between; equal: always */
    uint64_t cap_bytes_day; /* both ways; then down until midnight; 0: none */
};

enum way { WAY_NONE, WAY_UP, WAY_DOWN, WAY_BOTH };

struct disk_profile {
    uint32_t sync_ms_min, sync_ms_max; /* what a commit takes */
    uint64_t bytes_max;                /* of keys and values; 0: no bound */
    uint32_t full_permille;            /* of commits: refused as full */
    uint32_t unreadable_permille;      /* each hour: a row that can't be read any more */
    bool lies;                         /* a power cut takes back commits that it said were safe */
    bool tears;                        /* and leaves some of their rows unreadable */
};

/* clock = stands ? stands_at_ms : true time + offset_ms + drift_ppm of the time since it was set */
struct clock_profile {
    int64_t offset_ms;
    int32_t drift_ppm;
    bool stands;
    uint64_t stands_at_ms; /* since 1970 */
};

/* How a node cheats on its links, with its own true keys. */
struct conduct {
    uint32_t withhold_permille; /* of streams: their blocks don't go on, statements do */
    uint32_t delay_ms;          /* every message to its parent waits so long */
    uint32_t replay_permille;   /* of messages: sent again some time later */
    uint32_t forge_permille;    /* each second and link: something bad (enum mischief) */
    bool forks;                 /* signs two blocks for one place */
};

/* X(name, as written, what happens): where a failure can be planted, each once. */
#define FAULT_POINT_LIST(X)                                                                        \
    X(PUT_FULL, "put-full", "a put and its commit answer full")                                    \
    X(HIGH_WATER_FULL, "high-water-full", "the high-water file can't grow")                        \
    X(COMMIT_FULL, "commit-full", "a commit answers full")                                         \
    X(DIE_BEFORE_HIGH_WATER, "die-before-high-water", "dies before the high-water sync")           \
    X(DIE_AFTER_HIGH_WATER, "die-after-high-water", "dies between that and the commit")            \
    X(DIE_IN_COMMIT, "die-in-commit", "dies in the commit, nothing of it is durable")              \
    X(DIE_AFTER_COMMIT, "die-after-commit", "dies after the commit, before anything is sent")      \
    X(DIE_AFTER_SEND, "die-after-send", "dies after messages, before answers are out")             \
    X(UNREADABLE_ROW, "unreadable-row", "a row of the store can't be read")
enum fault_point {
#define X(name, text, what) FAULT_POINT_##name,
    FAULT_POINT_LIST(X)
#undef X
        FAULT_POINT_COUNT
};

#endif
