/* What a check knows of every record: where it belongs, by its own simple computing from the
 * drill's tree, and where it was found. Nothing here asks the core where a record goes.
 *
 * One fixed-size row a record, so that memory grows with the records and not with the nodes. */
#ifndef TERRACE_CLI_DRILL_CHECK_TABLE_H
#define TERRACE_CLI_DRILL_CHECK_TABLE_H

#include "cli/drill/drill.h"
#include "replication/hash_table.h"
#include "schema/record.h"

struct check_key {
    struct record_id id;
    uint16_t type;
};
_Static_assert(sizeof(struct check_key) == 18, "no padding: it is hashed as bytes");

/* The three places of a store where a record stands. */
enum check_place { PLACE_LOG, PLACE_STATE, PLACE_INDEX, PLACE_COUNT };

struct check_record {
    struct check_key key;
    bool acknowledged, diverged, late, wrong_fields, deleted, at_origin;
    size_t origin;                /* seat; DRILL_NO_SEAT: nobody of this tree */
    size_t to;                    /* seat that it is addressed to; DRILL_NO_SEAT: none is known */
    uint32_t holders;             /* how many stores must have it */
    uint32_t found[PLACE_COUNT];  /* in how many it was found */
    uint32_t marked[PLACE_COUNT]; /* the store (number + 1) that last had it: counted once each */
    uint32_t leaked_at;           /* the store (number + 1) where it last was a leak */
    uint64_t fields_hash;         /* of what was acknowledged */
    struct hash state;            /* of the first holder that had it */
    struct hash operations;       /* which ones that holder had */
    UT_hash_handle hh;
};

struct check_table {
    const struct drill *drill;
    struct check_record *records; /* uthash, in the order of insertion */
    size_t acknowledged;
    size_t *by_key;     /* seats, sorted by the id of their key */
    struct key_id *ids; /* of each seat's key */
    size_t *by_code;    /* seats, sorted by code */
    uint32_t *subtree;  /* seats below and at each seat */
    uint32_t *depth;    /* seats above and at each seat */
    uint64_t *due;      /* of each seat: acknowledged records that its store must have */
};

void check_table_new(const struct drill *drill, struct check_table *table);
void check_table_free(struct check_table *table);
/* Forget what was found, for another look. */
void check_table_reset(struct check_table *table);

/* Take in acknowledged.ndjson from where the last call ended (*offset). ERR_MALFORMED names the
 * line. */
enum error_code check_table_load(struct check_table *table, long *offset, struct error *error);

/* The record's row; one that wasn't acknowledged gets a row when it is first seen. */
struct check_record *check_table_find(struct check_table *table, uint16_t type,
                                      const struct record_id *id);
/* The seat whose key this is; DRILL_NO_SEAT. */
size_t check_table_seat_of(const struct check_table *table, struct key_id key);

/* Whom an addressed record is for, as soon as that is known; nothing for other types. */
void check_table_address(struct check_table *table, struct check_record *record, const char *to);

/* Whether a record of this type from `origin` belongs to `seat`. An addressed one does as long as
 * it isn't known whom it is for. */
bool check_belongs(const struct check_table *table, const struct check_record *record, size_t seat);

/* Hash of fields as JSON, whatever the order of names. */
struct json_t; /* of jansson */
uint64_t check_fields_hash(const struct json_t *fields);

#endif
