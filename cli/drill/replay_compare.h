/* What became of a replay: the records of every seat, beside those of its simulated twin. */
#ifndef TERRACE_CLI_DRILL_REPLAY_COMPARE_H
#define TERRACE_CLI_DRILL_REPLAY_COMPARE_H

#include "cli/drill/replay_play.h"

enum { DIFFERENCES_NAMED_MAX = 50 }; /* all are counted, so many are told */

struct replay_sums {    /* over (record, seat) pairs */
    uint64_t records;   /* that the simulation has there */
    uint64_t equal;     /* the same text here */
    uint64_t excused;   /* judged for being the same at all their holders, and so they are */
    uint64_t differing; /* not so, missing, or more than there should be */
};

struct replay_result {
    struct replay_sums *tiers; /* by the drill's tier */
    struct replay_sums all;
    json_t *differences; /* [{"seat":, "record": first line and title, "why":, "simulated":,
                            "real":} ...] */
    struct hash real; /* over the texts of all seats, in their order: changes when anything has */
};

/* Look at every store once. The caller frees with replay_result_free. */
enum error_code replay_compare(const struct replay *replay, struct replay_result *result,
                               struct error *error);
void replay_result_free(struct replay_result *result);

#endif
