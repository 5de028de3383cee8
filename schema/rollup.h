/* Roll-ups that a type declares (docs/schema.md, rules.md B104): what they count, and what one
 * record gives to each. Pure: a record as it stands and whether it is overdue go in, a cell and
 * whole numbers come out. No floating point: an average and a ratio are two whole numbers until
 * somebody reads them.
 *
 * A number means the same for life: its cells are combined with those of nodes that have other
 * versions of the types, so whatever changes what it counts needs a number of its own. */
#ifndef TERRACE_SCHEMA_ROLLUP_H
#define TERRACE_SCHEMA_ROLLUP_H

#include "schema/record.h"
#include "schema/schema.h"

enum {
    ROLLUPS_MAX = 64,       /* of a type */
    ROLLUP_NUMBER_MIN = 16, /* below are those of every node */
    ROLLUP_NUMBER_MAX = 0x3fff,
    ROLLUP_BY_MAX = 3,
    ROLLUP_CONDITIONS_MAX = 8,
    ROLLUP_VALUES_MAX = 16, /* of one condition */
    ROLLUP_DISTINCT_MAX = 256,
    ROLLUP_TEXT_MAX = 64, /* bytes of a text that makes a group */
};

/* The kinds of a row are these numbers, for life. */
enum rollup_kind {
    ROLL_COUNT,
    ROLL_SUM,
    ROLL_MIN,
    ROLL_MAX,
    ROLL_AVERAGE,  /* [sum, records that have the field] */
    ROLL_RATIO,    /* [those of them that `part` holds for, all that `where` holds for] */
    ROLL_DISTINCT, /* different values of a field, exactly up to `limit` at one origin */
    ROLL_KIND_COUNT
};

enum rollup_period { PERIOD_NONE, PERIOD_DAY, PERIOD_MONTH, PERIOD_YEAR, PERIOD_COUNT };

enum rollup_test {
    TEST_FIELD,   /* the field shows one of the values */
    TEST_CLOSED,  /* `is`: the record is closed */
    TEST_OVERDUE, /* `is`: its state is overdue */
    TEST_COUNT
};

struct rollup_condition {
    enum rollup_test test;
    bool is;
    int32_t field;
    struct span *values; /* as in a body */
    size_t value_count;
};

struct rollup {
    uint16_t number;  /* ROLLUP_NUMBER_MIN..ROLLUP_NUMBER_MAX, once in a schema */
    const char *name; /* once in a schema */
    enum rollup_kind kind;
    int32_t field;                  /* that is summed and the like; 0: of a count, a ratio */
    struct rollup_condition *where; /* all hold */
    size_t where_count;
    struct rollup_condition *part; /* of a ratio */
    size_t part_count;
    int32_t by[ROLLUP_BY_MAX];
    size_t by_count;
    enum rollup_period period;
    int32_t at;     /* the date or time that says the period; 0: when the record was made */
    int16_t offset; /* minutes that local time is ahead of UTC, -840..840 */
    uint16_t limit; /* of a distinct */
    bool ended;     /* left out of a later version: kept on, and not shown */
    struct type_labels labels;
};

/* A record without a date is in this period. */
enum { PERIOD_UNKNOWN = INT32_MIN };

const char *rollup_kind_name(unsigned kind);     /* "count", "sum", ... */
const char *rollup_period_name(unsigned period); /* "none", "day", ... */
/* NULL: no type has it. *type: whose it is. */
const struct rollup *schema_rollup(const struct schema *schema, uint16_t number,
                                   const struct record_type **type);
const struct rollup *schema_rollup_named(const struct schema *schema, struct span name,
                                         const struct record_type **type);
/* Whether records of the type make a difference to it only with time. */
bool rollup_is_timed(const struct rollup *rollup);
/* Whether both count the same. */
bool rollup_same(const struct rollup *a, const struct rollup *b);
/* What its figures hang on, for equal figures equal: also which states and values close a record,
 * where it asks for that, and what the fields that it reads follow from. */
int64_t rollup_fingerprint(const struct rollup *rollup, const struct record_type *type);

/* The period of a time in milliseconds since 1970: days or months since then, or the year; and when
 * a period ends, UTC. INT64_MAX: never. */
int32_t rollup_period_of(const struct rollup *rollup, int64_t ms);
int64_t rollup_period_end_ms(const struct rollup *rollup, int32_t period);
/* 2025-06-30, 2025-06, 2025; "-" of what has no date. */
void rollup_period_text(const struct rollup *rollup, int32_t period, char to[static 32]);

/* What one record gives. */
struct rollup_share {
    bool there; /* false: nothing, and the rest is empty */
    int32_t period;
    uint32_t group_count; /* elements of the group */
    struct buffer group;  /* they, encoded, without the array's head */
    uint8_t value_count;
    int64_t values[2];
    struct buffer value; /* of min, max, distinct: the value itself, encoded */
};
/* `share` is cleared first; freed with rollup_share_free. */
void rollup_share(const struct rollup *rollup, const struct record_type *type,
                  const struct record_state *record, uint64_t created_ms, bool overdue,
                  struct rollup_share *share);
void rollup_share_free(struct rollup_share *share);
bool rollup_share_equal(const struct rollup_share *a, const struct rollup_share *b);

#endif
