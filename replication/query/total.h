/* A total while it is gathered: shared by the queries of roll-ups and by replication/folds.c. */
#ifndef TERRACE_REPLICATION_QUERY_TOTAL_H
#define TERRACE_REPLICATION_QUERY_TOTAL_H

#include "replication/query/query.h"
#include "replication/rows/fold_rows.h"
#include "replication/rows/rollup_cells.h"

struct group {
    char key[SEAT_NAME_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    int64_t value;
};

/* A former key of a seat whose records the present one counts. */
struct heir {
    struct key_id former, key;
    int64_t reported, found; /* by the former one's last report; when the present one began */
};

/* A fold that is held here, of a seat below this one. */
struct total_fold {
    struct fold stated;
    const struct seat *seat;
    bool used;         /* false: what it names contradicts other folds, or the tree */
    uint32_t counted;  /* seats that it names and this tree has below us */
    uint64_t as_of_ms; /* the oldest of theirs */
    uint32_t building; /* of them, those that aren't in the roll-up asked for */
    bool same;         /* it stands on the documents that are held here */
};

struct total {
    const struct view *view;
    const struct tree *tree;
    const struct seat *self;
    uint64_t freshness_ms, newest_ms;
    uint64_t as_of_ms; /* the oldest so far, 0 being the oldest of all; UINT64_MAX: nobody yet */
    uint32_t reported, expected;
    int64_t value;
    struct group *groups;
    size_t group_count;
    struct heir *heirs;
    size_t heir_count;
    struct key_id origin;          /* of the cell that is visited */
    uint32_t finals;               /* seats of which no key is in force: nothing more will come */
    struct buffer behind, suspect; /* elements of arrays */
    uint32_t behind_count, suspect_count;
    struct total_fold *folds;
    size_t fold_count;
    struct total_named *named; /* every seat that a used fold names, by code */
    size_t named_count;
    const struct rollup *rollup; /* an origin counts once it is built there; NULL: built in */
    const struct record_type *type;
    bool damaged; /* a cell can't be read */
};

/* False with `error`: no document names this seat. Ended with total_end in either case. */
bool total_begin(struct total *total, const struct view *view, const struct tree *tree,
                 const char *self, uint64_t freshness_ms, struct error *error);
void total_end(struct total *total);
/* Every cell of one roll-up whose origin's seat is ours or below ours. */
void total_each_cell(struct total *total, uint16_t rollup, void *context,
                     void (*visit)(struct total *, void *, const struct cell *,
                                   const struct seat *));
/* As much of a roll-up as folds state: each cell with the seat whose fold it stands in, its values
 * without the one that says when it changed. */
void total_each_folded(struct total *total, uint16_t rollup, void *context,
                       void (*visit)(struct total *, void *, const struct cell *,
                                     const struct total_fold *));
/* The fold that the seat's figures stand in, and as what it is named there; NULL: its own cells
 * count. */
struct total_fold *total_fold_naming(const struct total *total, const struct seat *seat,
                                     const struct fold_seat **as);
/* When an origin's figures are of, by its newest report and statement; false: it has never
 * reported. */
/* The head of a key's newest report; false: it has never reported. */
bool total_head(const struct total *total, struct key_id key, struct note_head *head);
/* Whether figures of the seat's former keys stand that nobody counts in their place, and the oldest
 * token of theirs (UINT64_MAX: none). */
bool total_former(const struct total *total, const struct seat *seat, uint64_t *oldest_ms);
/* By its newest report alone. */
bool total_reported(const struct total *total, const struct seat *seat, uint64_t *token_ms);
bool total_as_of(const struct total *total, const struct seat *seat, uint64_t *as_of_ms);
/* A statement of the same epoch says which report was the newest then: when that one is here, or a
 * later one, the figures are of the statement's time as well. 0: it tells nothing. */
uint64_t total_stated_ms(const struct total *total, const struct note_head *reported);
bool total_is_fresh(const struct total *total, uint64_t as_of_ms);
void total_add_behind(struct total *total, const struct seat *seat, const char *state,
                      uint64_t as_of_ms, uint64_t missing);
/* Whether the fold counts the roll-up of this cell as it is meant here. */
bool total_fold_is_built(const struct total *total, const struct total_fold *fold,
                         const struct cell *cell);
/* What folds leave open: who is still counting below them, whom they name that isn't listed. */
void total_judge_folds(struct total *total);
/* query_received.c: of the record with this id. */
enum error_code total_received(struct total *total, struct span by, struct error *error);
void total_find_folds(struct total *total);
void total_free_folds(struct total *total);
/* Which keys count for which former ones; and of one of these the key that does. */
void total_find_heirs(struct total *total);
struct heir *total_heir_of(const struct total *total, struct key_id former);
/* Whether the roll-up is whole at this origin; of what is overdue: of all types. */
bool total_is_built(const struct total *total, struct key_id origin);
/* n of m, as of, and who is behind. */
void total_judge_origins(struct total *total);
/* "origins", "as_of", "newest", "behind", "finals", "suspect", and "folds", where there are any:
 * how many pairs. */
uint32_t total_standing_pairs(const struct total *total);
void total_write_standing(const struct total *total, struct buffer *out);
/* What a group of folded figures is called: "A (folded)", "County A and below". */
void total_fold_words(const struct total_fold *fold, char key[static SEAT_NAME_BYTES_MAX + 1],
                      char name[static SEAT_NAME_BYTES_MAX + 1]);
/* total_folds.c: the pair "folds". */
void total_write_folds(const struct total *total, struct buffer *out);

#endif
