/* A declared roll-up while it is asked: query_declared.c and query_asking.c alone. */
#ifndef TERRACE_REPLICATION_QUERY_ASKING_H
#define TERRACE_REPLICATION_QUERY_ASKING_H

#include "replication/hash_table.h"
#include "replication/query/query_rollup.h"
#include "replication/query/total.h"

enum { DIMENSIONS_MAX = 4, GROUP_TEXT_MAX = 320, LATE_MAX = 100, SCALE_MORE = 2, RATIO_SCALE = 4 };
enum { BY_SEAT = -1, BY_TIER = -2, BY_PARENT = -3 };

struct figure {
    UT_hash_handle hh;
    int64_t values[2];
    bool any, over, more;
    int64_t greatest; /* of a distinct: how many one origin alone has */
    char label[SEAT_NAME_BYTES_MAX + 1];
    size_t key_size, period_size;
    char key[]; /* period, then group */
};

struct seen {
    UT_hash_handle hh;
    size_t size;
    uint8_t bytes[];
};

struct asking {
    struct total total;
    const struct rollup_question *question;
    const struct rollup *rollup;
    const struct record_type *type, *labelled;
    int by[DIMENSIONS_MAX]; /* a place in the group, or BY_ */
    size_t by_count;
    enum rollup_period each;
    bool inherits;                 /* these cells are of former keys' records */
    const struct total_fold *fold; /* the cell is folded there; NULL: its origin is known */
    char fold_name[SEAT_NAME_BYTES_MAX + 1];
    struct figure *figures;
    struct seen *seen;
    struct buffer late;
    uint32_t late_told, late_count;
};

/* ERR_USAGE: it has no such group, no such period. */
enum error_code asking_parse_by(struct asking *asking, struct error *error);
enum error_code asking_parse_each(struct asking *asking, struct error *error);

#endif
