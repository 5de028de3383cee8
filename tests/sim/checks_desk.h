/* A small county at rest, for tests of the checkers:
 *
 *     C - T1 - V1, V2
 *
 * with V1's incident (record 0, edited by C), C's directive (1) and V1's mediation (2). */
#ifndef TERRACE_TESTS_SIM_CHECKS_DESK_H
#define TERRACE_TESTS_SIM_CHECKS_DESK_H

#include "sim/check/check.h"

enum { C, T1, V1, V2, SEATS, REST_MS = 60 * 1000 };

extern const struct county_row desk_rows[SEATS];

struct desk {
    struct findings findings;
    struct county *county;
    struct model *model;
    struct world *world;
};

int desk_start(void **state); /* a struct desk */
int desk_stop(void **state);
/* A write with the next marker as its text, and what comes of it. */
void desk_write(struct desk *desk, size_t node, enum write_kind kind, enum model_type type,
                size_t record);

/* ---- planting ---- */

/* The port of a node's store, a transaction open. */
struct store_port desk_port(struct desk *desk, size_t node);
/* The last row of a table, copied: a key and a value that stay. */
void desk_last_row(const struct store_port *port, enum table table, struct buffer *key,
                   struct buffer *value);
void desk_remove_last(struct desk *desk, size_t node, enum table table);
void desk_put_row(struct desk *desk, size_t node, enum table table, const char *key,
                  const char *value);
/* As if another disk had come: the model reads the node's log anew. */
void desk_read_again(struct desk *desk, size_t node);

#endif
