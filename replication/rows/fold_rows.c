#include "replication/rows/fold_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/hash_table.h"

enum { HEAD_VALUES = 5, SEAT_VALUES = 3 };

void fold_free(struct fold *fold)
{
    free(fold->seats);
    *fold = (struct fold){0};
}

/* ---- cells ---- */

void fold_cells_add(struct fold_cells *cells, struct cell cell)
{
    if (cells->count == cells->capacity) {
        cells->capacity = cells->capacity * 2 + 32;
        cells->cells = mem_resize(cells->cells, cells->capacity * sizeof *cells->cells);
    }
    buffer_append_span(&cells->groups, cell.group);
    cells->cells[cells->count++] = cell;
}

/* The groups lie one behind the other. */
void fold_cells_settle(struct fold_cells *cells)
{
    size_t at = 0;
    for (size_t i = 0; i < cells->count; i++) {
        cells->cells[i].group.data = cells->groups.data + at;
        at += cells->cells[i].group.size;
    }
    assert(at == cells->groups.size);
}

void fold_cells_free(struct fold_cells *cells)
{
    free(cells->cells);
    buffer_free(&cells->groups);
    *cells = (struct fold_cells){0};
}

static void add_standing(struct fold_cells *cells, struct buffer *group, const int64_t *values,
                         uint8_t count)
{
    struct cell cell = {.rollup = ROLLUP_FOLD | ROLLUP_FOLDED,
                        .group = span_of_buffer(group),
                        .value_count = count};
    memcpy(cell.values, values, count * sizeof *values);
    fold_cells_add(cells, cell);
    buffer_clear(group);
}

void fold_standing_add(struct fold_cells *cells, const struct fold *fold)
{
    struct buffer group = {0};
    const int64_t head[HEAD_VALUES] = {fold->expected, (int64_t)fold->oldest_ms,
                                       (int64_t)fold->lost, (int64_t)fold->term,
                                       (int64_t)fold->version};
    const int64_t one = 1;
    mp_write_array(&group, 0);
    add_standing(cells, &group, head, HEAD_VALUES);
    mp_write_array(&group, 1);
    mp_write_bin(&group, SPAN_OF_ARRAY(fold->documents.bytes));
    add_standing(cells, &group, &one, 1);
    for (size_t i = 0; i < fold->seat_count; i++) {
        const struct fold_seat *seat = &fold->seats[i];
        const int64_t values[SEAT_VALUES] = {seat->generation, seat->epoch, (int64_t)seat->k};
        mp_write_array(&group, 1);
        mp_write_text(&group, seat->seat);
        add_standing(cells, &group, values, SEAT_VALUES);
    }
    buffer_free(&group);
}

/* ---- rows ---- */

struct stated {
    UT_hash_handle hh;
    struct fold fold;
    bool headed, faulty;
};

static struct stated *stated_of(struct stated **all, struct key_id key)
{
    struct stated *one = NULL;
    HASH_FIND(hh, *all, key.bytes, KEY_ID_BYTES, one);
    if (one == NULL) {
        one = mem_alloc(sizeof *one);
        one->fold.key = key;
        HASH_ADD_KEYPTR(hh, *all, one->fold.key.bytes, KEY_ID_BYTES, one);
    }
    return one;
}

static bool take_head(struct fold *fold, const struct cell *cell)
{
    const int64_t *values = cell->values;
    for (size_t i = 0; i < HEAD_VALUES; i++) {
        if (cell->value_count != HEAD_VALUES || values[i] < 0)
            return false;
    }
    if (values[0] > UINT32_MAX)
        return false;
    fold->expected = (uint32_t)values[0];
    fold->oldest_ms = (uint64_t)values[1];
    fold->lost = (uint64_t)values[2];
    fold->term = (uint64_t)values[3];
    fold->version = (uint64_t)values[4];
    return true;
}

static bool take_seat(struct fold *fold, const struct cell *cell, struct span name)
{
    const int64_t *values = cell->values;
    if (cell->value_count != SEAT_VALUES || name.size == 0 || name.size > SEAT_BYTES_MAX ||
        values[0] < 0 || values[0] > UINT32_MAX || values[1] < 0 || values[1] > UINT32_MAX ||
        values[2] < 0)
        return false;
    fold->seats = mem_resize(fold->seats, (fold->seat_count + 1) * sizeof *fold->seats);
    struct fold_seat *seat = &fold->seats[fold->seat_count++];
    *seat = (struct fold_seat){
        .generation = (uint32_t)values[0], .epoch = (uint32_t)values[1], .k = (uint64_t)values[2]};
    memcpy(seat->seat, name.data, name.size);
    return true;
}

static void take_cell(struct stated *one, const struct cell *cell)
{
    struct fold *fold = &one->fold;
    struct mp_reader reader = mp_reader(cell->group);
    uint32_t count = mp_read_array(&reader);
    bool good = cell->period == 0 && count <= 1;
    if (count == 0) {
        good = good && take_head(fold, cell);
        one->headed = true;
    } else if (mp_peek(&reader) == MP_BIN) {
        const uint8_t *sum = mp_read_bin_of(&reader, HASH_BYTES);
        good = good && sum != NULL;
        if (sum != NULL)
            memcpy(fold->documents.bytes, sum, HASH_BYTES);
    } else {
        struct span name = mp_read_str(&reader);
        good = good && !reader.failed && take_seat(fold, cell, name);
    }
    mp_read_end(&reader);
    one->faulty = one->faulty || !good || reader.failed;
}

static int compare_seats(const void *a, const void *b)
{
    return strcmp(((const struct fold_seat *)a)->seat, ((const struct fold_seat *)b)->seat);
}

static struct fold *take_good(struct stated *all, size_t *count)
{
    struct fold *folds = mem_alloc((HASH_COUNT(all) + 1) * sizeof *folds);
    struct stated *one, *next;
    *count = 0;
    HASH_ITER (hh, all, one, next) {
        struct fold *fold = &one->fold;
        HASH_DEL(all, one);
        if (fold->seat_count > 0)
            qsort(fold->seats, fold->seat_count, sizeof *fold->seats, compare_seats);
        if (one->headed && !one->faulty)
            folds[(*count)++] = *fold;
        else
            fold_free(fold);
        free(one);
    }
    return folds;
}

struct fold *folds_read(const struct view *view, struct key_id own, size_t *count)
{
    struct stated *all = NULL;
    struct buffer from = {0};
    struct span key, value;
    buffer_append_u16(&from, ROLLUP_FOLD | ROLLUP_FOLDED);
    while (view->next(view->context, TABLE_CELLS, span_of_buffer(&from), &key, &value) ==
               READ_FOUND &&
           key.size >= 2 && key.size < STORE_KEY_BYTES_MAX &&
           read_u16(key.data) == (ROLLUP_FOLD | ROLLUP_FOLDED)) {
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        if (cell_parse(key, value, &cell, &origin, &report) && !key_id_equal(origin, own))
            take_cell(stated_of(&all, origin), &cell);
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
    return take_good(all, count);
}

struct hash fold_documents(const struct tree *tree, const struct seat *seat)
{
    struct hash sum = hash_zero;
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        const struct seat *whose =
            held->kind == DOCUMENT_BRANCH ? tree_seat(tree, span_of_text(held->seat)) : NULL;
        if (whose != NULL && seat_is_ancestor_or_self(seat, whose))
            hash_add(&sum, &held->hash);
    }
    return sum;
}
