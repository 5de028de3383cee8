/* What is done to the nodes of a drill, for the subcommands and for the demonstration. Every one
 * needs the drill's lock (drill_open with `change`) and writes drill.json. `chosen`: a flag a
 * seat. */
#ifndef TERRACE_CLI_DRILL_ACT_H
#define TERRACE_CLI_DRILL_ACT_H

#include "cli/drill/drill.h"

enum {
    ACT_UP_WAIT_MS = 120 * 1000,   /* for one node to answer, beside all others starting */
    ACT_LINK_WAIT_MS = 180 * 1000, /* redialling waits up to 30 s between two tries */
    ACT_END_WAIT_MS = 60 * 1000,
};

/* Take the uplinks of the chosen seats down, or up again. Returns when they are. Cutting a node
 * that is stopped takes effect when it is started. */
enum error_code act_cut(struct drill *drill, const bool *chosen, bool cut, struct error *error);

/* Ask one node that runs to take its uplink down or up; doesn't wait, nor change the drill. */
enum error_code act_link(const struct drill *drill, size_t seat, bool cut, struct error *error);

/* SIGKILL; stopped ones are left alone. */
enum error_code act_kill(struct drill *drill, const bool *chosen, struct error *error);

/* Start those that don't run and wait until each answers, and where `linked` until its uplink is
 * live; a few at a time. Cut ones are cut again at once. */
enum error_code act_start(struct drill *drill, const bool *chosen, bool linked, bool quiet,
                          struct error *error);

/* Stop all cleanly through their APIs, children first; what doesn't end gets SIGTERM, then
 * SIGKILL. *forced counts the latter. */
enum error_code act_down(struct drill *drill, bool quiet, size_t *forced, struct error *error);

/* Flags for seats named one by one; the caller frees. NULL with `error`. */
bool *act_chosen(const struct drill *drill, const char *const *words, size_t count,
                 struct error *error);

#endif
