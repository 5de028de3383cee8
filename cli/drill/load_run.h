/* Writing a load: many connections, many requests in flight on each, one thread and one epoll.
 *
 * Every put carries a request id, so that what is sent again after a lost answer gives the same
 * record (rules.md A39). A node that is away rests for a moment and is tried again, until it has
 * been away for longer than the patience. */
#ifndef TERRACE_CLI_DRILL_LOAD_RUN_H
#define TERRACE_CLI_DRILL_LOAD_RUN_H

#include "cli/drill/drill.h"
#include "cli/drill/sample.h"

struct load_options {
    uint64_t records;
    uint64_t seed;
    uint64_t rate;                  /* records a second; 0: as fast as it goes */
    uint64_t hold;                  /* after so many a line of stdin is waited for; 0: never */
    uint64_t patience_ms;           /* with one node that is away */
    const struct record_type *type; /* NULL: by the seat */
    const bool *chosen;             /* a flag a seat */
    bool quiet;
};

struct load_result {
    uint64_t acknowledged, refused;
    uint64_t unanswered; /* sent, and never answered */
    uint64_t unsent;     /* never sent: their nodes were away to the end */
    uint64_t retried;
    uint64_t steps; /* of a profile: what came after creations */
    uint64_t duration_ms;
    uint64_t *by_seat;       /* acknowledged; the caller frees */
    bool *unreached;         /* a flag a seat; the caller frees */
    struct error first;      /* of what was refused */
    struct error why_unsent; /* of a profile, the last reason */
};

/* ERR_IO when acknowledged.ndjson can't be written; nodes that are away are no error. */
enum error_code load_run(const struct drill *drill, const struct schema *schema,
                         const struct load_options *options, struct load_result *result,
                         struct error *error);

#endif
