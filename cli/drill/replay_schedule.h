/* What a scenario comes to, as a list of things to do to real processes: the simulator lives
 * through it once, and a watcher writes down who wrote what when, having seen what, and what was
 * done to whom.
 *
 *     scenario --run_scenario--> items in the order of virtual time
 *                          \---> what every seat's records are in the end
 *
 * Seats are places in `county`, operations and records places here: no name of the simulated world
 * goes to a real node. */
#ifndef TERRACE_CLI_DRILL_REPLAY_SCHEDULE_H
#define TERRACE_CLI_DRILL_REPLAY_SCHEDULE_H

#include "sim/check/portrait.h"
#include "sim/run/run.h"

/* X(name, as told): what is done to a seat; of CUT and HEAL, to its uplink. */
#define REPLAY_ACT_LIST(X)                                                                         \
    X(WRITE, "write")                                                                              \
    X(CUT, "cut")                                                                                  \
    X(HEAL, "heal")                                                                                \
    X(KILL, "kill")                                                                                \
    X(START, "start")                                                                              \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(IMAGE, "copy the disk of")                                                                   \
    X(RESTORE, "put back the disk of")                                                             \
    X(WIPE, "empty the disk of")
enum replay_act {
#define X(name, text) REPLAY_##name,
    REPLAY_ACT_LIST(X)
#undef X
        REPLAY_ACTS
};
const char *replay_act_text(enum replay_act act);

struct replay_need { /* a seat has this write by now */
    size_t write, seat;
};

struct replay_item {
    uint64_t at_ms;
    enum replay_act act;
    size_t seat;
    size_t number; /* WRITE: among the writes; IMAGE, RESTORE: of the image */
    bool quiet;    /* nothing was on its way in the simulated world */
    struct replay_need
        *needs; /* before something is taken away: what has come since the last; owned */
    size_t need_count;
    bool high_water; /* RESTORE: of that file too */
};

struct replay_write {
    uint64_t serial; /* as the simulation numbers it */
    size_t seat, record;
    enum write_kind kind;
    struct buffer fields;        /* msgpack map name -> value; empty for a deletion */
    char to[SEAT_BYTES_MAX + 1]; /* empty: nobody */
    size_t *seen, seen_count;    /* writes of the record that its author had, ascending; owned */
    bool gone;                   /* the simulation lost it with a disk */
    /* as it was played */
    bool played;
    uint64_t clock;
};

struct replay_record {
    char type[FIELD_NAME_BYTES_MAX + 1];
    size_t origin;
    size_t *writes, write_count; /* in the order of play; owned */
    struct record_id simulated;
    const char *excuse; /* why it is judged for being the same everywhere alone; NULL: it isn't */
    /* as it was played */
    bool made;
    struct record_id real;
};

struct replay_schedule {
    struct county *county;
    struct run_result result;
    struct replay_item *items;
    size_t item_count;
    struct replay_write *writes;
    size_t write_count;
    struct replay_record *records;
    size_t record_count;
    size_t image_count;
    struct portrait *ends; /* a seat each */
    char **left_out;       /* what real processes can't be given here: a sentence each */
    size_t left_out_count;
    size_t excused; /* records with an excuse, as the schedule was made */
};

/* NULL with `error`: it can't begin, or the simulation itself doesn't hold. Free with
 * replay_schedule_free. */
struct replay_schedule *replay_schedule_new(const struct scenario *scenario, struct error *error);
/* replay_left_out.c: fills in the sentences. */
void replay_leave_out(struct replay_schedule *schedule, const struct scenario *scenario);
void replay_schedule_free(struct replay_schedule *schedule); /* NULL is legal */

#endif
