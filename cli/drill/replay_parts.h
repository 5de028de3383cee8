/* Between the files that make a schedule. */
#ifndef TERRACE_CLI_DRILL_REPLAY_PARTS_H
#define TERRACE_CLI_DRILL_REPLAY_PARTS_H

#include "cli/drill/replay_schedule.h"

struct image { /* as long as nobody knows whether it is put back */
    size_t seat, item;
    char name[SCENARIO_NAME_BYTES]; /* or its time, in ms */
};

struct under_way { /* an operation that not all of its circle have been seen to have */
    size_t op;
    uint64_t *noted; /* a bit each by model_circle_place; owned */
    size_t noted_count;
};

struct asked { /* a write as it was asked for, by its number */
    struct buffer fields;
    char type[FIELD_NAME_BYTES_MAX + 1];
    char to[SEAT_BYTES_MAX + 1];
};

struct watching {
    struct replay_schedule *schedule;
    struct asked *asked; /* place = serial - 1 */
    size_t asked_count;
    size_t *open; /* places of the model's operations that no log has had yet */
    size_t open_count, model_count;
    struct under_way *under_way;
    size_t under_way_count, under_way_capacity;
    const struct model *model;
    struct image *images;
    size_t image_count;
    unsigned *half_open, *paused; /* how many faults keep each seat so */
    bool *cut;                    /* as the items say */
    struct world *world;
    size_t touched; /* a link that something was done to: how it is is seen a moment later */
    uint64_t touched_ms;
    bool *dead;        /* real nodes are up at the beginning */
    uint64_t block_ms; /* when the last block was sent */
    struct error error;
};

/* replay_watch.c: while it lives. Fills in a watcher that writes into the schedule. */
void watching_begin(struct watching *watching, struct replay_schedule *schedule,
                    struct run_watcher *watcher);
void watching_end(struct watching *watching); /* the schedule stays */

/* replay_schedule.c: at its end, while world and model are still there. */
void replay_take_end(struct watching *watching, struct world *world, const struct model *model);

#endif
