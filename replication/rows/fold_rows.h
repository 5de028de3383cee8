/* A fold: what a seat states as one for all below it (rules.md 6, B122-B126). It travels in the
 * seat's own report, as cells whose number has ROLLUP_FOLDED, and stands in rows as they do: of
 * another key's cells that bit says that they are folded, of this one's own that they are a tally
 * (rollup_cells.h), which is never reported.
 *
 *      number | FOLDED     group                                  values
 *      FOLD                []                                     m, oldest token, lost, term and
 *                                                                 version of the seat's document
 *      FOLD                [seat]                                 generation, epoch, k: the report
 *                                                                 that stands in it
 *      FOLD                [sum of the documents' hashes bin32]   1
 *      RECORDS             [type]                                 when, how many
 *      RECEIVED            [key id, epoch, stream, seq, tier]     when, seats that hold so much
 *      BUILT               [roll-up, type]                        when, fingerprint, seats
 *      OVERDUE, declared   as at one origin                       when, the values
 *
 * `when`: the token since which a figure of a period that had ended is so; 0: it is no correction.
 */
#ifndef TERRACE_REPLICATION_ROWS_FOLD_ROWS_H
#define TERRACE_REPLICATION_ROWS_FOLD_ROWS_H

#include "replication/rows/rollup_cells.h"

enum { ROLLUP_FOLDED = ROLLUP_TALLY };

struct fold_seat {
    char seat[SEAT_BYTES_MAX + 1];
    uint32_t generation, epoch;
    uint64_t k;
};

struct fold {
    struct key_id key;  /* whose report it stands in */
    uint32_t expected;  /* seats below, by the documents that it stands on */
    uint64_t oldest_ms; /* the oldest token of what is in it */
    uint64_t lost;
    uint64_t term, version;  /* of its seat's document */
    struct hash documents;   /* sum over the documents of the subtree */
    struct fold_seat *seats; /* owned; sorted */
    size_t seat_count;
};
void fold_free(struct fold *fold);

/* Cells while they are made; their groups can be read once they are settled. */
struct fold_cells {
    struct cell *cells;
    size_t count, capacity;
    struct buffer groups;
};
void fold_cells_add(struct fold_cells *cells, struct cell cell); /* copies the group */
void fold_cells_settle(struct fold_cells *cells);                /* no more are added */
void fold_cells_free(struct fold_cells *cells);
/* A fold's standing, as cells. */
void fold_standing_add(struct fold_cells *cells, const struct fold *fold);

/* Every fold of other keys that stands in rows; *count of them, owned (fold_free each, then free).
 * One that isn't in its form is left out. */
struct fold *folds_read(const struct view *view, struct key_id own, size_t *count);
/* Sum of the hashes of the branch documents of a seat and of all below it. */
struct hash fold_documents(const struct tree *tree, const struct seat *seat);

#endif
