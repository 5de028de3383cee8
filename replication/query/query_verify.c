/* Figures counted once more (`rollup --verify`): our own from the records, those of others from
 * their signed reports, the fold that this seat states from the cells of those who stand in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/folds.h"
#include "replication/query/query_parts.h"
#include "replication/query/query_rollup.h"
#include "replication/rows/report_rows.h"
#include "replication/rows/rollup_cells.h"

/* What is held of another origin is what its signed report says, cell by cell. */
static bool is_as_reported(const struct view *view, struct key_id key, char wrong[static 80])
{
    struct cell_report report;
    bool same = true;
    if (!report_load_held(view, key, &report))
        return true;
    for (size_t i = 0; same && i < report.cell_count; i++) {
        const struct cell *said = &report.cells[i];
        uint8_t cell_bytes[CELL_KEY_BYTES_MAX];
        struct span row;
        struct cell held;
        struct key_id origin;
        uint64_t number;
        size_t key_size = cell_key(cell_bytes, said, key);
        if (key_size == 0)
            continue;
        same =
            view->get(view->context, TABLE_CELLS, SPAN(cell_bytes, key_size), &row) == READ_FOUND &&
            cell_parse(SPAN(cell_bytes, key_size), row, &held, &origin, &number) &&
            held.value_count == said->value_count &&
            memcmp(held.values, said->values, said->value_count * sizeof held.values[0]) == 0;
        if (!same)
            snprintf(wrong, 80, "roll-up %u, period %d", said->rollup & ROLLUP_NUMBER,
                     (int)said->period);
    }
    report_free(&report);
    return same;
}

static enum error_code verify_others(const struct view *view, const struct tree *tree,
                                     const char *self, struct error *error)
{
    const struct seat *own = tree_seat(tree, span_of_text(self));
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        char wrong[80];
        if (seat == own || is_as_reported(view, seat_key_id(seat), wrong))
            continue;
        error_set(error, ERR_DAMAGED, "rollup",
                  "a cell of %s isn't what its signed report says: %s", seat->row.seat, wrong);
        error_next(error, "`terrace doctor` says what is damaged and repairs it");
        return ERR_DAMAGED;
    }
    return ERR_OK;
}

/* ---- the fold that this seat states ---- */

/* What was stated last, and what it comes to now. */
struct compared {
    const struct cell_report *stated;
    const struct fold_cells *made;
};

static bool is_of_fold(const struct cell *cell)
{
    return (cell->rollup & ROLLUP_FOLDED) != 0;
}

/* Whom it names and by which meanings it counts, not what it counts. */
static bool is_standing(const struct cell *cell)
{
    uint16_t number = cell->rollup & ROLLUP_NUMBER;
    return number == ROLLUP_FOLD || number == ROLLUP_BUILT;
}

static int by_place(const void *a, const void *b)
{
    return cell_compare(a, b);
}

static const struct cell *stated_as(const struct compared *compared, const struct cell *made)
{
    const struct cell_report *stated = compared->stated;
    return stated->cell_count == 0
               ? NULL
               : bsearch(made, stated->cells, stated->cell_count, sizeof *stated->cells, by_place);
}

/* Its oldest time and what was lost stand in the cell without a name: they may change alone. */
static bool says_the_same(const struct cell *stated, const struct cell *made)
{
    struct mp_reader reader = mp_reader(made->group);
    if ((made->rollup & ROLLUP_NUMBER) == ROLLUP_FOLD && mp_read_array(&reader) == 0)
        return true;
    return stated->value_count == made->value_count &&
           memcmp(stated->values, made->values, made->value_count * sizeof made->values[0]) == 0;
}

static size_t count_of(const struct cell *cells, size_t count, bool standing)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += is_of_fold(&cells[i]) && is_standing(&cells[i]) == standing;
    return found;
}

/* The first cell that differs; NULL: none does. */
static const struct cell *first_other(const struct compared *compared, bool standing)
{
    static const struct cell fewer = {.rollup = ROLLUP_FOLD | ROLLUP_FOLDED};
    for (size_t i = 0; i < compared->made->count; i++) {
        const struct cell *made = &compared->made->cells[i];
        const struct cell *stated =
            is_standing(made) == standing ? stated_as(compared, made) : made;
        if (stated == NULL || !says_the_same(stated, made))
            return made;
    }
    return count_of(compared->stated->cells, compared->stated->cell_count, standing) !=
                   count_of(compared->made->cells, compared->made->count, standing)
               ? &fewer
               : NULL;
}

/* One that names a seat without its report: figures of several machines, which may have changed. */
static bool names_reports(const struct fold_cells *made)
{
    for (size_t i = 0; i < made->count; i++) {
        const struct cell *cell = &made->cells[i];
        struct mp_reader reader = mp_reader(cell->group);
        if ((cell->rollup & ROLLUP_NUMBER) == ROLLUP_FOLD && mp_read_array(&reader) == 1 &&
            mp_peek(&reader) == MP_STR && cell->values[0] == 0)
            return false;
    }
    return true;
}

/* As long as it stands on the reports, documents and types that are here; else it is stated anew
 * soon. */
static enum error_code verify_fold(const struct view *view, const struct tree *tree,
                                   const struct seat *seat, struct error *error)
{
    struct cell_report report;
    struct fold_cells made = {0};
    if (!tree_seat_folds(tree, seat) || !report_load_held(view, seat_key_id(seat), &report))
        return ERR_OK;
    folds_make(view, tree, seat->row.seat, false, &made);
    struct compared compared = {&report, &made};
    const struct cell *other = NULL;
    if (names_reports(&made) && first_other(&compared, true) == NULL)
        other = first_other(&compared, false);
    if (other != NULL) {
        error_set(error, ERR_DAMAGED, "rollup",
                  "the fold that this seat has signed isn't what the reports of those below it "
                  "come to: roll-up %u, period %d",
                  other->rollup & ROLLUP_NUMBER, (int)other->period);
        error_next(error, "`terrace doctor` says what is damaged and repairs it");
    }
    fold_cells_free(&made);
    report_free(&report);
    return other == NULL ? ERR_OK : ERR_DAMAGED;
}

enum error_code query_verify_figures(const struct view *view, const struct tree *tree,
                                     const char *self, struct error *error)
{
    const struct seat *seat = tree_seat(tree, span_of_text(self));
    struct recounted counted;
    if (seat == NULL)
        return ERR_OK; /* said with the answer */
    rollup_recount(view, tree, seat_key_id(seat), &counted);
    if (counted.wrong == 0) {
        enum error_code code = verify_others(view, tree, self, error);
        return code == ERR_OK ? verify_fold(view, tree, seat, error) : code;
    }
    error_set(error, ERR_DAMAGED, "rollup",
              "%llu of %llu cells aren't what this node's records come to; the first: %s",
              (unsigned long long)counted.wrong, (unsigned long long)counted.cells, counted.cell);
    error_next(error, "`terrace doctor` says what is damaged and repairs it");
    return ERR_DAMAGED;
}
