/* Playing a schedule to the processes of a drill: the order is kept, the pauses are not. What the
 * simulated world had waited for is waited for here by looking, never by the clock. */
#ifndef TERRACE_CLI_DRILL_REPLAY_PLAY_H
#define TERRACE_CLI_DRILL_REPLAY_PLAY_H

#include <jansson.h>

#include "cli/drill/drill.h"
#include "cli/drill/replay_schedule.h"

enum {
    REPLAY_WAIT_MS = 60 * 1000,  /* for one thing to come that the simulated node had by then */
    REPLAY_LEVEL_MS = 180 * 1000 /* for all to be level in the end, unless said otherwise */
};

struct replay {
    struct replay_schedule *schedule;
    struct drill *drill; /* open, its lock held */
    size_t *seat_of;     /* the drill's, by the county's */
    bool *paused;        /* by the drill's seat */
    bool moved;          /* something has happened since all were level */
    bool quiet;          /* no progress on stderr */
    json_t *notes;       /* sentences: what went otherwise than in the simulation */
};

void replay_begin(struct replay *replay, struct replay_schedule *schedule, struct drill *drill,
                  bool quiet);
void replay_end(struct replay *replay); /* the schedule and the drill stay */
__attribute__((format(printf, 2, 3))) void replay_note(struct replay *replay, const char *format,
                                                       ...);

/* Everything on the schedule; then everything healed, resumed and started. ERR_OK also when nodes
 * did otherwise than in the simulation (the notes, the records' excuses); an error is of the drill
 * itself, and leaves nodes as they are. */
enum error_code replay_play(struct replay *replay, struct error *error);

/* Until every node that runs has what its links can bring, at most `wait_ms`. False: not so. */
bool replay_level(struct replay *replay, uint64_t wait_ms);

/* A pause in waiting for something to come; true: it won't, since all are level or it is so late.
 */
bool replay_is_vain(struct replay *replay, uint64_t until_ms);

/* replay_write.c: one write, after its author has seen what it had seen. */
enum error_code replay_write_one(struct replay *replay, struct replay_write *write,
                                 struct error *error);
/* Whether the seat has this write. */
bool replay_holds(struct replay *replay, size_t seat, const struct replay_write *write);

/* replay_disk.c. The node stops, if it runs, while its disk is copied aside; it must not run when
 * one is put back or emptied. */
enum error_code replay_image(struct replay *replay, size_t seat, size_t image, struct error *error);
enum error_code replay_put_back(struct replay *replay, size_t seat, size_t image, bool high_water,
                                struct error *error);
enum error_code replay_wipe(struct replay *replay, size_t seat, struct error *error);

#endif
