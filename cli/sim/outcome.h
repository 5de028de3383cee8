/* What `sim run` shows while a scenario is lived through, and the report that it leaves. */
#ifndef TERRACE_CLI_SIM_OUTCOME_H
#define TERRACE_CLI_SIM_OUTCOME_H

#include "cli/command.h"
#include "sim/report/timeline.h"

/* How far a run is, on stderr: a line that changes on a terminal, else one now and then. */
struct sim_progress {
    const struct scenario *scenario;
    const struct run_watcher *chained; /* NULL: none */
    struct run_watcher watcher;        /* to hand on */
    uint64_t began_ms, shown_ms;       /* of this machine's clock */
    bool terminal, drawn;
};
void sim_progress_begin(struct sim_progress *progress, const struct scenario *scenario,
                        const struct run_watcher *chained);
void sim_progress_end(struct sim_progress *progress);

/* A whole run with a report: FILE.json gets JSON, any other name the page. `report` NULL: none is
 * written. `command`: what brings the run back. */
enum error_code sim_run_reported(const struct scenario *scenario, struct run_options *options,
                                 const char *report, const char *command, struct run_result *result,
                                 struct error *error);

/* Where the processor's time went, on one line of stdout. */
void sim_print_cost(const struct run_result *result);

/* "terrace sim run NAME --seed N", with the options that were given. Owned by the caller. */
char *sim_command_text(const struct arguments *arguments, const struct scenario *scenario);

#endif
