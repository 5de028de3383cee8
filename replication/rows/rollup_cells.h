/* Cells of declared roll-ups, as one record after another changes them (rules.md B105).
 *
 *      number            period, group            what it says
 *      n                 p, [by ...]              this key's figure, reported
 *      n                 p, [by ..., value]       of a distinct: one value, reported while they are
 *                                                 at most as many as its limit
 *      n | INHERITS      the same, behind `by`    the same of a former key's records
 *                        the former key
 *      n | TALLY         p, [by ..., value]       how often: of min, max, distinct; never reported
 *
 * Why a tally: when the record with the least value goes, the next one is a read away; recounting
 * the group would take as long as the group is large, within one write. It costs a row for each
 * different value. */
#ifndef TERRACE_REPLICATION_ROWS_ROLLUP_CELLS_H
#define TERRACE_REPLICATION_ROWS_ROLLUP_CELLS_H

#include "replication/rows/rows.h"
#include "schema/rollup.h"

enum { ROLLUP_INHERITS = 0x8000, ROLLUP_TALLY = 0x4000, ROLLUP_NUMBER = 0x3fff };
_Static_assert((int)ROLLUP_NUMBER_MAX == (int)ROLLUP_NUMBER, "the bits above mean something else");

/* Where cells are kept: rows of a step, or, to count again, rows over an empty view. */
struct cell_desk {
    const struct view *view;
    struct updates *updates;
    struct key_id own;
    uint64_t report;     /* the next one's number */
    uint64_t changed_ms; /* now, as far as signed (time_as_signed) */
    bool changed;        /* something that is reported */
};

/* Whose record it is: this key's, or a former one's that it counts for. */
struct cell_whose {
    bool here; /* false: it isn't counted here */
    bool inherits;
    struct key_id former;
};

/* The share of one record comes (1) or goes (-1). */
void rollup_cells_put(struct cell_desk *desk, const struct rollup *rollup,
                      const struct cell_whose *whose, const struct rollup_share *share, int sign);
/* Whether a record's deadline `due_ms` has been passed by what is counted so far. */
struct overdue_place {
    uint8_t bytes[DEADLINE_PLACE_BYTES];
};
bool overdue_by(const struct view *view, const struct overdue_place *place,
                const uint8_t record[static RECORD_KEY_BYTES]);
void overdue_place_read(const struct view *view, struct overdue_place *place);
void overdue_place_write(struct updates *updates, const struct overdue_place *place);

/* The roll-ups of a type: the declared ones, then the one that counts what is overdue, where the
 * type is counted and has limits. NULL: there is none at this index. */
const struct rollup *type_rollup_at(const struct record_type *type, size_t index);
/* What a record that stands gives to each of them, `type_rollup_count` shares. */
size_t type_rollup_count(const struct record_type *type);
void type_share(const struct rollup *rollup, const struct record_type *type,
                const struct record_state *record, const struct record_id *id, bool overdue,
                struct rollup_share *share);

/* [number, type] of the cell that says a roll-up is built here: its fingerprint. */
void rollup_built_group(const struct rollup *rollup, const struct record_type *type,
                        struct buffer *group);
bool rollup_is_built(const struct view *view, struct key_id origin, const struct rollup *rollup,
                     const struct record_type *type);

/* Whether this key counts for a former one of its seat, of all types (rules.md A28). */
bool is_inherited_by(const struct view *view, struct key_id own, struct key_id former);

/* Own cells of all roll-ups that are built, counted again from the records that are held. */
struct recounted {
    uint64_t cells, wrong;
    bool damaged;   /* a record couldn't be read, so it may be that */
    char cell[240]; /* the first that is wrong, in words */
};
void rollup_recount(const struct view *view, const struct tree *tree, struct key_id own,
                    struct recounted *answer);

#endif
