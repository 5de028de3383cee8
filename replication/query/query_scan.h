/* A walk over the records of one type, row by row, in an order and between bounds: what a query
 * language stands on. Over a view of committed rows; it keeps no cursor of the store's, so it may
 * rest as long as its view lives. */
#ifndef TERRACE_REPLICATION_QUERY_QUERY_SCAN_H
#define TERRACE_REPLICATION_QUERY_QUERY_SCAN_H

#include "replication/query/query.h"
#include "replication/rows/field_rows.h"

enum scan_order {
    SCAN_BY_CREATION, /* by the clock of their creation, then as they are numbered here */
    SCAN_BY_ID,       /* by the bytes of their ids */
    SCAN_BY_INDEX,    /* by the values of an index, then by the clock of their creation */
};

/* Which records. Bounds of the other order are passed over. */
struct scan_range {
    enum scan_order order;
    bool backward;                     /* SCAN_BY_CREATION, SCAN_BY_INDEX: the last first */
    uint64_t created_min, created_max; /* SCAN_BY_CREATION */
    struct record_id id_min, id_max;   /* SCAN_BY_ID */
    struct span origin;                /* SCAN_BY_ID: of this seat alone; empty: of all */
    struct field_range index;          /* SCAN_BY_INDEX; values that were cut let others through */
    bool covered;                      /* SCAN_BY_INDEX: what its rows hold is all that is wanted */
};
void scan_range_all(struct scan_range *range); /* of the whole type, the newest first */

enum scan_answer {
    SCAN_END,
    SCAN_RECORD,
    SCAN_NONE,   /* a row that is no record to be shown: ask again */
    SCAN_DAMAGED /* something that belongs here can't be read */
};

struct query_scan;
/* `view` and `tree` must outlive it, `range` is copied, but for its span. Free with
 * query_scan_free. */
struct query_scan *query_scan_new(const struct view *view, const struct tree *tree,
                                  const struct record_type *type, const struct scan_range *range);
void query_scan_free(struct query_scan *scan); /* NULL is legal */

/* One row further: records that stand and aren't deleted. Each call reads at most a few rows. */
enum scan_answer query_scan_next(struct query_scan *scan);
/* So many rows of records were opened. */
uint64_t query_scan_opened(const struct query_scan *scan);

/* Whether the last record was not opened, because its index row holds all that is wanted: then only
 * its id, when it was created, and the fields of the index can be asked for. */
bool query_scan_covered(const struct query_scan *scan);
/* Of a covered record the value of the index's field `which` (from 0), as query_scan_fields tells
 * it; empty: none is shown. Borrowed until the next call. */
struct span query_scan_indexed(const struct query_scan *scan, size_t which);

/* What the last SCAN_RECORD stands on; borrowed until the next call. */
const struct record_id *query_scan_id(const struct query_scan *scan);
const struct record_state *query_scan_state(const struct query_scan *scan);
/* {NAME: value ...} as record_describe tells its fields; and its private ones: empty where they
 * aren't held. *damaged: they are, and can't be read. */
struct span query_scan_fields(struct query_scan *scan);
struct span query_scan_private(struct query_scan *scan, bool *damaged);
/* Clocks, ms: of its creation, of its newest operation; and when the state that it is in is overdue
 * (0: it has no limit), and whether it is, by the reader's clock or by the newest token. */
uint64_t query_scan_created(const struct query_scan *scan);
uint64_t query_scan_changed(struct query_scan *scan);
uint64_t query_scan_due(const struct query_scan *scan);
bool query_scan_overdue(const struct query_scan *scan, uint64_t now_ms);
/* Its circle's seats, as a msgpack list. */
struct span query_scan_circle(struct query_scan *scan);
/* How many values stand beside those that are shown, of both. */
size_t query_scan_conflicts(struct query_scan *scan);

/* The time that retention is judged by (rules.md B116): the lesser of the reader's clock and the
 * newest token's; 0: by none. */
uint64_t query_retention_time(const struct view *view, uint64_t now_ms);

#endif
