/* What a replay says: left-outs, the table, differences, JSON; and what it leaves in DIR, so that
 * the same can be compared again. */
#ifndef TERRACE_CLI_DRILL_REPLAY_TELL_H
#define TERRACE_CLI_DRILL_REPLAY_TELL_H

#include <stdio.h>

#include "cli/drill/replay_compare.h"

/* X(name, as told, exit status) */
#define REPLAY_VERDICT_LIST(X)                                                                     \
    X(EQUAL, "equal", EXIT_DONE)                                                                   \
    X(DIFFERS, "differs", EXIT_FAILED)                                                             \
    X(NOT_LEVEL, "not level", EXIT_UNFINISHED)
enum replay_verdict {
#define X(name, text, status) REPLAY_##name,
    REPLAY_VERDICT_LIST(X)
#undef X
};
int replay_exit_status(enum replay_verdict verdict);

struct replay_told {
    const struct scenario *scenario;
    const struct replay *replay;
    const struct replay_result *result;
    enum replay_verdict verdict;
    uint64_t duration_ms;
};
void replay_left_out_print(const struct replay_schedule *schedule, FILE *to);
void replay_told_print(const struct replay_told *told, FILE *to);
json_t *replay_told_json(const struct replay_told *told);

/* DIR/replay.json: which real record is which simulated one, excuses, notes; and back. Loading
 * refuses what another scenario, seed or version of the program has left: ERR_STALE. */
enum error_code replay_save(const struct replay *replay, struct error *error);
enum error_code replay_load(struct replay *replay, struct error *error);

#endif
