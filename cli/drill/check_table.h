/* What a check knows of every record: where it belongs, by its own simple computing from the
 * drill's tree, and where it was found. Nothing here asks the core where a record goes.
 *
 * One fixed-size row a record, so that memory grows with the records and not with the nodes. In a
 * tree that has changed its shape (or whose keys were cut off) each row has a bit a seat, too:
 * which shape its author knew is seen from where the record stands. It must stand everywhere in one
 * of the shapes that the author can have known, and nowhere outside all of them. */
#ifndef TERRACE_CLI_DRILL_CHECK_TABLE_H
#define TERRACE_CLI_DRILL_CHECK_TABLE_H

#include "cli/drill/check_shape.h"
#include "replication/hash_table.h"
#include "schema/record.h"
#include "topology/tree.h"

struct json_t; /* of jansson */

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
    bool closed;                  /* its origin's store says so, by the word of its type */
    size_t origin;                /* seat; DRILL_NO_SEAT: nobody of this tree */
    size_t to;                    /* seat that it is addressed to; DRILL_NO_SEAT: none is known */
    uint32_t holders;             /* how many stores must have it */
    uint32_t found[PLACE_COUNT];  /* in how many it was found */
    uint32_t marked[PLACE_COUNT]; /* the store (number + 1) that last had it: counted once each */
    uint32_t leaked_at;           /* the store (number + 1) where it last was a leak */
    uint64_t fields_hash;         /* of what was acknowledged */
    struct hash state;            /* of the first holder that had it */
    struct hash operations;       /* which ones that holder had */
    uint64_t clock_ms;            /* its author's when it was acknowledged; 0: not known */
    bool trusted;                 /* an entry of it counts, whatever became of its author's key */
    struct json_t *steps;         /* the last line of its steps; NULL: it had none */
    uint32_t joined[PLACE_COUNT]; /* of those who joined by a step, in how many it was found */
    bool has_state;               /* `state` and `operations` are known */
    uint64_t *bits;               /* a seat each, for each place; NULL: counts alone are enough */
    UT_hash_handle hh;
};

struct check_table {
    const struct drill *drill;
    struct check_shapes shapes;
    bool changed;                 /* seats have moved, or keys were cut off */
    bool *outside;                /* a seat each: revoked, or listed by no document in force */
    struct check_record *records; /* uthash, in the order of insertion */
    size_t acknowledged;
    struct check_author {
        struct key_id id;
        size_t seat;
        bool cut_off; /* retired or revoked: it counts up to some places only */
    } * authors;      /* present and former keys, by id */
    size_t author_count;
    size_t *by_code;   /* seats, sorted by code */
    uint32_t *subtree; /* seats below and at each seat */
    uint32_t *depth;   /* seats above and at each seat */
    uint64_t *due;     /* of each seat: acknowledged records that its store must have */
};

void check_table_new(const struct drill *drill, struct check_table *table);
void check_table_free(struct check_table *table);
/* Seats that this tree doesn't list are pending: they stand outside until it does again. */
void check_table_leave_out(struct check_table *table, const struct tree *tree);
/* Forget what was found, for another look. */
void check_table_reset(struct check_table *table);

/* Take in acknowledged.ndjson from where the last call ended (*offset). ERR_MALFORMED names the
 * line. */
enum error_code check_table_load(struct check_table *table, long *offset, struct error *error);

/* The record's row; one that wasn't acknowledged gets a row when it is first seen. */
struct check_record *check_table_find(struct check_table *table, uint16_t type,
                                      const struct record_id *id);
/* The seat whose key this is or was; DRILL_NO_SEAT. */
size_t check_table_seat_of(const struct check_table *table, struct key_id key);
/* Whether this key was cut off. */
bool check_table_cut_off(const struct check_table *table, struct key_id key);
/* Whether the key that made this record was cut off before any entry of it that is to be found. */
bool check_is_cut(const struct check_table *table, const struct check_record *record);

/* Whom an addressed record is for, as soon as that is known; nothing for other types. */
void check_table_address(struct check_table *table, struct check_record *record, const char *to);

/* Whether a record of this type from `origin` may stand at `seat`. An addressed one may as long as
 * it isn't known whom it is for. */
bool check_belongs(const struct check_table *table, const struct check_record *record, size_t seat);

size_t check_bits_size(const struct check_table *table); /* bytes of a record's bits */
/* Whether it must, in this shape of the tree. */
bool check_must_hold(const struct check_table *table, const struct check_record *record,
                     size_t shape, size_t seat);
/* Note, and ask, whether it was found there; only of a tree that has changed. */
void check_mark(const struct check_table *table, struct check_record *record,
                enum check_place place, size_t seat);
bool check_marked(const struct check_table *table, const struct check_record *record,
                  enum check_place place, size_t seat);
/* Whether it was found everywhere where it must be; *shape: the one that its author knew, as far as
 * can be seen. */
bool check_is_complete(const struct check_table *table, const struct check_record *record,
                       size_t *shape);
/* Whether this seat has had other parents. */
bool check_has_moved(const struct check_table *table, size_t seat);
/* An open record of a seat that has moved is extended to its parent of now, if a parent before was
 * in its circle: *parent. */
bool check_follows(const struct check_table *table, const struct check_record *record,
                   size_t *parent);

/* Hash of fields as JSON, whatever the order of names. */
uint64_t check_fields_hash(const struct json_t *fields);

#endif
