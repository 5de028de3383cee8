/* SQL over what a store holds, read-only: SQLite's engine over virtual tables (docs/sql.md).
 *
 *     one table a type (its fields as columns), one a list field (TYPE_FIELD), and types, columns,
 *     seats, links, history, conflicts, quarantine
 *
 * An engine belongs to one thread at a time and to one schema; a query runs over one snapshot. It
 * can't write, attach, load or open anything: an authorizer refuses whatever isn't reading, and
 * there is nothing behind the engine but its own memory. Each query has bounds, and what it can
 * meet without end (patterns, recursion, products, long texts) ends at them.
 *
 * Exact numbers: decimals are texts that compare, sort and add up as the numbers that they are;
 * times are texts in UTC that compare as instants. */
#ifndef TERRACE_NODE_SQL_SQL_H
#define TERRACE_NODE_SQL_SQL_H

#include "replication/query/query.h"

enum {
    SQL_TEXT_BYTES_MAX = 64 << 10,  /* of a query */
    SQL_VALUE_BYTES_MAX = 128 << 10 /* of a value; eight times the longest text of a record */
};

struct sql_engine;

/* What a query reads; all of it must live as long as sql_run runs. */
struct sql_source {
    const struct view *view;
    const struct tree *tree;
    const char *self; /* this seat */
    uint64_t now_ms;
    uint64_t freshness_ms; /* an origin whose token is older by this is behind */
    struct span links;     /* [{"seat":, "state": ...} ...] as in status; empty: none are known */
};

struct sql_query {
    struct span text;
    struct span parameters; /* {NAME: value ...}: nil, bool, int, str or bin; empty: none */
    uint64_t time_ms;       /* from the beginning of sql_run */
    uint64_t rows_max;
    /* Asked at least some hundred times a second: true, with `error` set, ends the query. */
    bool (*stop)(void *context, struct error *error);
    /* Once, before the first row. `kinds`: as declared, "" of what was computed. */
    bool (*columns)(void *context, const char *const *names, const char *const *kinds,
                    size_t count);
    /* One msgpack list, one value a column: nil, int, str, bin, or [str]: a number with a point.
     * False: nobody wants more. */
    bool (*row)(void *context, struct span row);
    void *context;
};

struct sql_result {
    uint64_t rows;
    uint64_t opened; /* records that were read for them */
};

/* An engine with the tables of this schema (NULL: no types are here yet). The memory of all engines
 * of the process together is bounded by `memory_bytes`. NULL with `error`: it can't be made. Free
 * with sql_engine_free. */
struct sql_engine *sql_engine_new(const struct schema *schema, uint64_t memory_bytes,
                                  struct error *error);
void sql_engine_free(struct sql_engine *engine); /* NULL is legal */

/* Runs one statement; `source->tree` has the schema that the engine was made for. ERR_USAGE: it
 * isn't understood, with line and column where that is known; ERR_NOT_ALLOWED: it isn't reading;
 * ERR_TIMEOUT, ERR_OVERSIZE: a bound; ERR_DAMAGED; and what `stop` says. */
enum error_code sql_run(struct sql_engine *engine, const struct sql_source *source,
                        const struct sql_query *query, struct sql_result *result,
                        struct error *error);

#endif
