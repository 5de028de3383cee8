/* Random histories of the store port, the same for every store: each step is done on the store and
 * on a plain array that is searched from end to end, and both must give the same answers. */
#ifndef TERRACE_TESTS_UNIT_STORE_HISTORY_H
#define TERRACE_TESTS_UNIT_STORE_HISTORY_H

#include "replication/ports.h"

struct history_target {
    void *context;
    struct store_port port;
    /* End the process that uses the store, with a transaction open perhaps, and start it again;
     * writes the new port. */
    void (*restart)(void *context, struct store_port *port);
};

/* One history, drawn from its seed, over an empty store (rows in `meta` may stand already). Fails
 * the running cmocka test, naming the seed, where the store and the array differ. */
void history_run(struct history_target *target, uint64_t seed);

/* A put of text, in the open transaction; fails the test unless it answers `expected`. */
void history_put(const struct store_port *port, enum table table, const char *key,
                 const char *value, enum error_code expected);
/* The value under a key is this text; NULL: there is none. */
void history_expect(const struct view *view, enum table table, const char *key, const char *value);
/* begin, put, commit; fails the test unless the commit answers `expected`. */
void history_commit(const struct store_port *port, enum table table, const char *key,
                    const char *value, enum error_code expected);

#endif
