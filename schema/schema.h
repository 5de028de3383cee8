/* What a record is: types and their fields, from the rows of the signed types document.
 *
 * People write types in YAML (schema/types/county.yaml); schema_compile makes the rows of a
 * types document (formats.md 2) from it; every node loads the rows with schema_load. Type,
 * field and roll-up numbers are permanent. Nothing here knows a node, a key or a tree. */
#ifndef TERRACE_SCHEMA_SCHEMA_H
#define TERRACE_SCHEMA_SCHEMA_H

#include "base/error.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "schema/workflow.h"

enum record_class { CLASS_URGENT, CLASS_NORMAL, CLASS_BULK, CLASS_COUNT };

enum circle_rule {
    CIRCLE_ORIGIN,    /* its author's seat alone; above, only as a count */
    CIRCLE_PATH,      /* every seat from its author's up to the root */
    CIRCLE_SUBTREE,   /* its author's whole subtree; written by its author only */
    CIRCLE_ADDRESSED, /* the seats on the tree path from its author to one other seat */
    CIRCLE_COUNT
};

enum field_kind {
    FIELD_TEXT,
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_TIME, /* milliseconds since 1970 UTC, an integer */
    FIELD_ENUM, /* text, one of the choices */
    FIELD_LIST, /* of text: values are appended, never replaced */
    FIELD_COUNTER,
    FIELD_DECIMAL, /* an integer: the number times 10^scale */
    FIELD_DATE,    /* days since 1970-01-01, an integer */
    FIELD_RECORD,  /* a record's id: 16 bytes */
    FIELD_SEAT,    /* a seat's id, text */
    FIELD_DIGEST,  /* 32 bytes, of something kept elsewhere */
    FIELD_KIND_COUNT
};

/* Which of a field's assignments is shown (rules.md 1, A17, A18). */
enum merge_rule {
    MERGE_LAST, /* of those that none replaced the highest tier's, then the latest; others conflict
                 */
    MERGE_HIGHEST_TIER, /* the same, and a lower tier's is no conflict */
    MERGE_MAX,          /* of all, replaced or not; no conflicts */
    MERGE_MIN,
    MERGE_FIRST, /* of all, that which saw none of them; no conflicts */
    MERGE_COUNT
};

/* System fields: negative numbers, the same in every type. */
enum { FIELD_DELETED = -1, FIELD_TRANSITION = -2, FIELD_REMOVE = -3, FIELD_TO = -4 };
enum {
    FIELD_CIRCLE = -5 /* of a state: the seats that an extension added; in no body of a write */
};
enum { FIELD_ENDORSES = -6 }; /* of a body: what it writes again (endorsement.h) */

/* What a field follows from that nobody writes (rules.md B113). */
struct derivation_part {
    int32_t what;   /* a field; of a band the place of its choice */
    int64_t number; /* its weight; of a band where it begins */
};
struct derivation {
    int32_t of; /* of a band: the field that lies in it; 0: the weighted mean of `at` */
    size_t count;
    struct derivation_part *at; /* of bands the highest first */
};

/* What few fields have. */
struct field_more {
    const char *pattern;  /* of text and list items, where they are written; NULL: none */
    const char *unit;     /* NULL: none */
    struct span standard; /* the default: a value as in a body; size 0: none */
    const struct derivation *derivation; /* NULL: it is written */
    const bool *choice_ended;            /* beside the choices: no longer written; NULL: none is */
    struct type_labels labels;
    struct type_labels *choice_labels; /* beside the choices; NULL: none has any */
};

struct field {
    const char *name;
    int32_t number; /* 1..1,023 */
    enum field_kind kind;
    enum merge_rule merge;
    bool required, personal;
    bool ended;      /* no longer written; old values stay */
    uint8_t scale;   /* decimal: 0..9 */
    uint16_t refers; /* record: the type that it names; 0: any */
    uint16_t choice_count;
    uint32_t length_max;           /* text and list items: bytes; TEXT_BYTES_MAX unless set */
    int64_t min, max;              /* integer, decimal (scaled), date, time */
    const char **choices;          /* enum */
    const struct field_more *more; /* never NULL */
};

/* What a type was until some version: read when an entry of that time comes. */
struct former_type {
    uint32_t last_version; /* the greatest that it was in force with */
    struct span row;
    struct record_type *type; /* NULL: not read yet; of no known form if `unknown` */
    bool unknown;
};

/* The fields of a calendar (calendar.h), by number; 0: the type has none for it. */
struct calendar_fields {
    int32_t year, offset;       /* integers; the offset in minutes from UTC */
    int32_t weekdays;           /* a text */
    int32_t holidays, workdays; /* lists */
};

struct record_type {
    uint16_t number; /* 1..65,535 */
    const char *name;
    enum record_class class;
    enum circle_rule circle;
    struct field *fields; /* ascending by number */
    size_t field_count;
    bool counted;       /* takes part in roll-up 1, records by type and origin */
    bool ended;         /* no new records; what is here lives */
    bool alarm;         /* a record of it that isn't closed is an alarm wherever it is held */
    bool sealed_backup; /* own-only records also sealed at the parent */
    int32_t closed_by;  /* the field that says that a record is closed; 0: none does */
    const char *closed_choice; /* of an enum or a text: by this value; NULL: a boolean, by true */
    uint16_t companion;        /* the type of its private fields; 0: none */
    uint16_t companion_of;     /* this one holds the private fields of that type; 0: of none */
    uint32_t retention_days;   /* 0: for ever */
    int32_t **indexes;         /* each a list of field numbers that ends in 0 */
    size_t index_count;
    struct workflow *workflow;              /* NULL: none */
    const struct calendar_fields *calendar; /* NULL: its records are no calendars */
    struct rollup *rollups;                 /* ascending by number (rollup.h) */
    size_t rollup_count;
    struct type_labels labels;
    struct former_type *former; /* the newest first */
    size_t former_count;
};

/* Those of every node; declared ones have numbers from ROLLUP_NUMBER_MIN on (rollup.h). */
enum {
    ROLLUP_RECORDS = 1,   /* [type]: records that stand */
    ROLLUP_RECEIVED = 2,  /* [key id, epoch, stream]: entries held of a subtree stream */
    ROLLUP_INHERITED = 3, /* [type, former key]: the same as 1, of its records */
    ROLLUP_BUILT = 4,     /* [roll-up, type]: all records are in, and what it counts by */
    ROLLUP_OVERDUE = 5,   /* [type]: records whose state is overdue */
    ROLLUP_FOLD = 6,      /* what a fold stands on (rows/fold_rows.h) */
};

struct schema {
    uint32_t version;          /* rises; entries name it */
    struct record_type *types; /* ascending by number */
    size_t type_count;
    const char **tiers; /* as schema_resolve_tiers was told; NULL: not yet */
    size_t tier_count;
    struct schema_memory *memory; /* all of it lies there */
};

/* From YAML to the rows of a types document (one encoded row a type, sorted by number) and the
 * schema version. NULL, with `error` naming file, line and column, on a fault. The caller frees
 * with schema_source_free. */
struct schema_source {
    uint32_t version;
    struct buffer *rows;
    size_t row_count;
};
struct schema_source *schema_compile(struct span yaml_text, const char *file_name,
                                     struct error *error);
void schema_source_free(struct schema_source *source);

/* From the rows of a verified types document. NULL on a fault. Unknown row fields >= 0 are
 * ignored; an unknown negative one makes that type unknown, not the whole document. */
struct schema *schema_load(uint32_t version, const struct span *rows, size_t row_count,
                           struct error *error);
/* The same with labels, for whoever shows types to people. */
struct schema *schema_load_labelled(uint32_t version, const struct span *rows, size_t row_count,
                                    struct error *error);
void schema_free(struct schema *schema); /* NULL is legal */

/* Finds the tiers that workflows name among those of the root document, the root's first. To be
 * called again when they change. */
void schema_resolve_tiers(struct schema *schema, const char *const *tiers, size_t count);
/* Whether that was done with these. */
bool schema_resolved_so(const struct schema *schema, const char *const *tiers, size_t count);

/* The type as entries of this schema version meant it (rules.md B60). NULL: there is none of that
 * number, or `version` is above the schema's. */
const struct record_type *schema_type_at(const struct schema *schema, uint16_t number,
                                         uint32_t version);
const struct record_type *schema_type(const struct schema *schema, uint16_t number);
const struct record_type *schema_type_named(const struct schema *schema, struct span name);
/* The same, or NULL with ERR_UNKNOWN_TYPE, the nearest name and the known ones in `error`. `schema`
 * may be NULL: none is known here yet. */
const struct record_type *schema_find_type(const struct schema *schema, struct span name,
                                           struct error *error);
const struct field *type_field(const struct record_type *type, int32_t number);
/* Whether it holds a person's data, so that bodies of its operations can be erased: a companion, or
 * a type one of whose fields is personal. */
bool type_is_personal(const struct record_type *type);
const struct field *type_field_named(const struct record_type *type, struct span name);
const char *circle_name(enum circle_rule circle); /* "origin", "path", "subtree", "addressed" */
const char *class_name(enum record_class class);
const char *field_kind_name(enum field_kind kind);
const char *merge_rule_name(enum merge_rule merge); /* "last", "highest_tier", ... */

/* A body from a local write. `fields` is a msgpack map NAME -> value (str keys): str, int, bool;
 * a str is also taken for integer, boolean and time fields when it reads as one (command
 * lines have only text), "_deleted" is FIELD_DELETED; for a list field a str or an array of str
 * is appended; for a counter the integer is what is *added* and comes out as is (the core makes
 * the running total of it). `creating`: required fields must be there. On success appends the
 * canonical body (fields map by number) to `body`. Errors: UNKNOWN_FIELD with the nearest name,
 * INVALID with what was found and expected. */
enum error_code schema_encode_body(const struct record_type *type, struct span fields,
                                   bool creating, struct buffer *body, struct error *error);

/* The type of a type's private fields; NULL: it has none. */
const struct record_type *schema_companion(const struct schema *schema,
                                           const struct record_type *type);
/* What is given of a record, a map of names, as two maps appended to `shared` and `private`: the
 * fields of its companion (NULL: none) go to the latter, whatever else is named to the former; so
 * does what is no such map, as it is. How many are private. */
uint32_t schema_split_fields(const struct record_type *companion, struct span fields,
                             struct buffer *shared, struct buffer *private);

/* A body, a fields map without this negative field, with it. */
void schema_put_system_field(struct buffer *body, int32_t number, struct span value);
/* The same of values that are looked for: ended fields, a workflow's state and texts that match no
 * pattern may stand there. */
enum error_code schema_encode_wanted(const struct record_type *type, struct span fields,
                                     struct buffer *body, struct error *error);

/* A value of a body as it is told to people and programs: decimals and dates as texts ("12.50",
 * "2025-06-30"), which are taken back as they are; everything else as it stands. */
void schema_tell_value(const struct field *field, struct span value, struct buffer *out);

/* A creation's body with the seat that it is addressed to (FIELD_TO), which a type of
 * CIRCLE_ADDRESSED needs and no other may have. And the seat that a body names; empty: none. */
void schema_address_body(struct buffer *body, struct span seat);
struct span schema_body_address(struct span body);

/* A step's body, from what a local write gives: its number in FIELD_TRANSITION beside the fields.
 * `body` is empty before. And the number that a body names; 0: it is no step. */
enum error_code schema_encode_step(const struct record_type *type,
                                   const struct transition *transition, struct span fields,
                                   struct buffer *body, struct error *error);
uint16_t schema_body_transition(struct span body);
/* The step of this name that may be taken now; NULL with ERR_INVALID, and the nearest name. */
const struct transition *workflow_find(const struct record_type *type, struct span name,
                                       struct error *error);

/* The verdict on a body that came from elsewhere: ERR_OK, ERR_INVALID (decidably wrong), or
 * ERR_PARKED: it has something that this schema doesn't know (an unknown field number). */
enum error_code schema_check_body(const struct record_type *type, struct span body, bool creating,
                                  struct error *error);
/* The same of a body that is known to be one canonical value, as a decoded entry's is. */
enum error_code schema_check_fields(const struct record_type *type, struct span body, bool creating,
                                    struct error *error);

#endif
