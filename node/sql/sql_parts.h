/* Inside of node/sql: engine.c (bounds, authorizer, one query), catalog.c (tables and columns),
 * records.c (tables of types and lists), fixed.c with fixed_*.c (all others), formula.c,
 * functions.c, values.c. Nobody else includes it. */
#ifndef TERRACE_NODE_SQL_SQL_PARTS_H
#define TERRACE_NODE_SQL_SQL_PARTS_H

#include <sqlite3.h>

#include "node/sql/sql.h"
#include "replication/query/query_scan.h"

enum column_kind {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_BOOLEAN,
    COLUMN_TIME,
    COLUMN_ENUM,
    COLUMN_DECIMAL,
    COLUMN_DATE,
    COLUMN_RECORD,
    COLUMN_SEAT,
    COLUMN_DIGEST,
    COLUMN_KINDS
};
/* As it is declared: SQLite takes the affinity from the word behind. */
const char *column_declared(enum column_kind kind);

struct sql_column {
    char *name;
    const char *field; /* the same without what was put in front */
    enum column_kind kind;
    bool private, required; /* of a field */
    bool hidden;            /* * doesn't show it */
};

enum sql_table_kind { TABLE_OF_TYPE, TABLE_OF_LIST, TABLE_FIXED };

/* What stands before the fields in the table of a type. */
enum record_column {
    RECORD_ID,
    RECORD_ORIGIN,
    RECORD_AUTHOR,
    RECORD_CREATED,
    RECORD_CHANGED,
    RECORD_STATE,
    RECORD_CIRCLE,
    RECORD_CONFLICTS,
    RECORD_DEADLINE,
    RECORD_OVERDUE,
    RECORD_PAST, /* hidden */
    RECORD_COLUMNS
};
enum list_column { LIST_ID, LIST_PLACE, LIST_VALUE, LIST_COLUMNS };

struct fixed_table;

struct sql_table {
    struct sql_engine *engine;
    char *name;
    enum sql_table_kind kind;
    uint16_t type;    /* of a type or a list */
    char *list_field; /* of a list */
    bool list_private;
    const struct fixed_table *fixed;
    struct sql_column *columns;
    size_t column_count;
};

/* Columns are found by name in the maps that queries give. */
struct fixed_column {
    const char *name;
    enum column_kind kind;
};
enum { FIXED_KEYS_MAX = 3 };

struct fixed_cursor;
struct fixed_table {
    const char *name;
    const struct fixed_column *columns;
    size_t column_count;
    int keys[FIXED_KEYS_MAX]; /* columns that are looked up by equality; -1: none */
    /* Appends rows, msgpack lists of one value a column, to cursor->rows; sets cursor->over at the
     * end. May append none. */
    enum error_code (*more)(struct fixed_cursor *cursor, struct error *error);
};
extern const struct fixed_table rollups_table;    /* fixed_rollups.c */
extern const struct fixed_table indicators_table; /* fixed_indicators.c */
extern const struct fixed_table *const fixed_tables[];
extern const size_t fixed_table_count;

struct fixed_cursor {
    sqlite3_vtab_cursor base; /* first */
    const struct sql_table *table;
    struct buffer rows; /* those not told yet begin at `at` */
    size_t at;
    bool over;
    struct span row;                    /* in `rows`; empty: at the end */
    struct buffer keys[FIXED_KEYS_MAX]; /* the texts that are looked for */
    bool has_key[FIXED_KEYS_MAX];
    /* where `more` goes on */
    struct buffer cursor;
    size_t place;
    struct query_scan *scan;
};

struct sql_engine {
    sqlite3 *db;
    struct sql_table **tables; /* each is the address that SQLite keeps */
    size_t table_count;
    struct cached *cached; /* prepared statements, the last used first */
    size_t cached_count;
    /* while a query runs */
    const struct sql_source *source;
    const struct sql_query *query;
    uint64_t end_ms;
    uint64_t judged_ms; /* by this time retention has ended or not */
    uint64_t asked;     /* for the stop */
    uint64_t opened;    /* records */
    bool stopped;       /* `trouble` says why */
    bool declaring;     /* SQLite parses a declaration of ours, as if it were to be written */
    bool refused;       /* by the authorizer: `trouble` says what */
    struct error trouble;
};

/* engine.c: whether the query must end; to be asked a row. */
bool engine_must_stop(struct sql_engine *engine);
/* A row can't be given: SQLITE_ERROR, and the query ends with this error. */
int engine_trouble(struct sql_engine *engine, const struct error *error);

/* catalog.c */
void catalog_make(struct sql_engine *engine, const struct schema *schema);
void catalog_free(struct sql_engine *engine);
/* What both kinds of modules make of a table; columns are told to SQLite at once. */
struct sql_vtab {
    sqlite3_vtab base; /* first */
    const struct sql_table *table;
};
/* xConnect and xDisconnect of every module; the context is the table. */
int catalog_connect(sqlite3 *db, void *context, int count, const char *const *arguments,
                    sqlite3_vtab **made, char **message);
int catalog_disconnect(sqlite3_vtab *base);
/* The name most like this one among tables, or columns of all; NULL: none is. */
const char *catalog_nearest_table(const struct sql_engine *engine, struct span name);
const char *catalog_nearest_column(const struct sql_engine *engine, struct span name);

/* field_plans.c: plans over the indexes that a type declares. */
enum {
    ROWS_ALL = 1000000,     /* a guess; */
    ROW_COST = 10,          /* and what opening a record costs against reading a row of an index */
    PLAN_INDEX = 512,       /* of idxNum; the bits above it are field_plans.c's */
    PLAN_COVERED = 1 << 22, /* all that the query wants stands in the index's rows */
};
struct field_plan {
    int number;          /* for idxNum */
    bool ordered;        /* its rows come as the query wants them, or backward */
    double rows, cost;   /* guesses */
    int constraints[16]; /* in the order of the arguments; count of them: */
    int count;
};
/* The best one for these constraints; with none that fits, one for the order, or one that spares
 * opening records. False: none. */
bool field_plan_choose(const struct sql_table *table, sqlite3_index_info *info,
                       struct field_plan *plan);
/* "index [status, level]: status = level >"; SQLite's memory. NULL: there is none. */
char *field_plan_text(const struct sql_table *table, int number);
/* Which field of the index (from 0) is this column; -1: none, or all records are read. */
int field_plan_place(const struct field_range *range, const struct record_type *type,
                     const struct sql_column *columns, int column);
enum field_plan_answer {
    FIELD_PLAN_RANGE,
    FIELD_PLAN_EMPTY, /* nothing can match */
    FIELD_PLAN_NONE   /* the index isn't whole yet: read all */
};
enum field_plan_answer field_plan_range(const struct sql_table *table, int number,
                                        sqlite3_value **values, struct field_range *range);

/* records.c, fixed.c */
extern const sqlite3_module records_module, fixed_module;

/* functions.c: like, glob, ms, decimal, scaled, sum, avg and the two collations. */
int functions_add(sqlite3 *db);

/* values.c */
/* Of a map of names the value of one; empty: there is none. */
struct span map_pair(struct span map, const char *name);
/* Reads such a map, and lists of them: their names are no numbers. */
struct mp_reader map_reader(struct span value);
/* A msgpack value as a result. */
void value_result(sqlite3_context *context, enum column_kind kind, struct span value);
/* A row's values, as SQLite has them, as one msgpack list. */
void value_write_row(sqlite3_stmt *statement, struct buffer *out);
/* Binds one msgpack value; false: it is none of those that can be bound. */
bool value_bind(sqlite3_stmt *statement, int index, struct span value);

/* A row's number, the same in every walk: where SQLite looks for rows in two ways at once (OR), it
 * tells by it which it has met. 63 bits of a hash (FNV-1a) of the bytes and the number. */
sqlite3_int64 row_number(struct span bytes, uint64_t number);

enum { TIME_TEXT_BYTES = 32 };
/* "2026-03-05T14:02:11.123Z"; of what no calendar of four digits has, the milliseconds. */
void value_time_text(int64_t ms, char text[static TIME_TEXT_BYTES]);
/* Back, also from a date, from "2026-03-05 14:02[:11[.123]]" and from milliseconds. False: none. */
bool value_time_parse(struct span text, int64_t *ms);

__extension__ typedef __int128 wide; /* not of ISO C; gcc and clang have it */
__extension__ typedef unsigned __int128 wide_unsigned;

/* A decimal number: digits times 10^-scale. */
struct decimal {
    wide digits;
    unsigned scale; /* 0..DECIMAL_SCALE_MAX */
};
enum { DECIMAL_SCALE_MAX = 9, DECIMAL_TEXT_BYTES = 48 };
bool decimal_parse(struct span text, struct decimal *number);
int decimal_compare(const struct decimal *a, const struct decimal *b);
void decimal_text(const struct decimal *number, char text[static DECIMAL_TEXT_BYTES]);
/* With another scale; half away from zero. False: too large. */
bool decimal_rescale(struct decimal *number, unsigned scale);

#endif
