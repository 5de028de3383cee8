/* A load that runs beside the demonstration, in a process of its own, and what it has had
 * acknowledged so far. */
#ifndef TERRACE_CLI_DRILL_DEMO_LOAD_H
#define TERRACE_CLI_DRILL_DEMO_LOAD_H

#include <jansson.h>

#include "cli/drill/check_table.h"

struct demo_load {
    const struct drill *drill;
    struct check_table *table; /* finds seats by key */
    pid_t pid;                 /* 0: not running */
    int word;                  /* a pipe whose end lets a held load go on; -1: none */
    long offset;               /* of acknowledged.ndjson, read so far */
    uint64_t acknowledged;
    uint64_t *by_seat;
};

/* With a `hold` it sends so many and waits for demo_load_go_on; 0: it never waits. */
enum error_code demo_load_begin(const struct drill *drill, uint64_t records, uint64_t rate,
                                uint64_t hold, struct demo_load *load, struct error *error);
void demo_load_go_on(struct demo_load *load);
/* Read on in acknowledged.ndjson. */
void demo_load_look(struct demo_load *load);
/* Until so many are acknowledged or the load has ended; at most `wait_ms`. */
void demo_load_wait(struct demo_load *load, uint64_t acknowledged, uint64_t wait_ms);
/* Wait for its end; its JSON answer, NULL with `error`. The caller owns it. */
json_t *demo_load_end(struct demo_load *load, struct error *error);
/* Ends it at once where it still runs, and frees. */
void demo_load_free(struct demo_load *load);

#endif
