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
    FIELD_KIND_COUNT
};

/* System fields: negative numbers, the same in every type. */
enum { FIELD_DELETED = -1, FIELD_TRANSITION = -2, FIELD_REMOVE = -3, FIELD_TO = -4 };
enum {
    FIELD_CIRCLE = -5
}; /* of a state: the seats that an extension added; in no body of a write */

struct field {
    int32_t number; /* 1..1,023 */
    char *name;
    enum field_kind kind;
    bool required;
    uint32_t length_max; /* text and list items: bytes; TEXT_BYTES_MAX unless set */
    int64_t min, max;    /* integer */
    char **choices;      /* enum */
    size_t choice_count;
};

struct record_type {
    uint16_t number; /* 1..65,535 */
    char *name;
    enum record_class class;
    enum circle_rule circle;
    struct field *fields; /* ascending by number */
    size_t field_count;
    bool counted;        /* takes part in roll-up 1, records by type and origin */
    int32_t closed_by;   /* the field that says that a record is closed; 0: none does */
    char *closed_choice; /* of an enum or a text: by this value; NULL: a boolean, by true */
};

enum { ROLLUP_RECORDS = 1, ROLLUP_RECEIVED = 2, ROLLUP_INHERITED = 3 };

struct schema {
    uint32_t version;          /* rises; entries name it */
    struct record_type *types; /* ascending by number */
    size_t type_count;
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
void schema_free(struct schema *schema); /* NULL is legal */

const struct record_type *schema_type(const struct schema *schema, uint16_t number);
const struct record_type *schema_type_named(const struct schema *schema, struct span name);
/* The same, or NULL with ERR_UNKNOWN_TYPE, the nearest name and the known ones in `error`. `schema`
 * may be NULL: none is known here yet. */
const struct record_type *schema_find_type(const struct schema *schema, struct span name,
                                           struct error *error);
const struct field *type_field(const struct record_type *type, int32_t number);
const struct field *type_field_named(const struct record_type *type, struct span name);
const char *circle_name(enum circle_rule circle); /* "origin", "path", "subtree", "addressed" */
const char *class_name(enum record_class class);
const char *field_kind_name(enum field_kind kind);

/* A body from a local write. `fields` is a msgpack map NAME -> value (str keys): str, int, bool;
 * a str is also taken for integer, boolean and time fields when it reads as one (command
 * lines have only text), "_deleted" is FIELD_DELETED; for a list field a str or an array of str
 * is appended; for a counter the integer is what is *added* and comes out as is (the core makes
 * the running total of it). `creating`: required fields must be there. On success appends the
 * canonical body (fields map by number) to `body`. Errors: UNKNOWN_FIELD with the nearest name,
 * INVALID with what was found and expected. */
enum error_code schema_encode_body(const struct record_type *type, struct span fields,
                                   bool creating, struct buffer *body, struct error *error);

/* A creation's body with the seat that it is addressed to (FIELD_TO), which a type of
 * CIRCLE_ADDRESSED needs and no other may have. And the seat that a body names; empty: none. */
void schema_address_body(struct buffer *body, struct span seat);
struct span schema_body_address(struct span body);

/* The verdict on a body that came from elsewhere: ERR_OK, ERR_INVALID (decidably wrong), or
 * ERR_PARKED: it has something that this schema doesn't know (an unknown field number). */
enum error_code schema_check_body(const struct record_type *type, struct span body, bool creating,
                                  struct error *error);
/* The same of a body that is known to be one canonical value, as a decoded entry's is. */
enum error_code schema_check_fields(const struct record_type *type, struct span body, bool creating,
                                    struct error *error);

#endif
