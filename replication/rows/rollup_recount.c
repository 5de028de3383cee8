/* Own cells counted once more from the records: the same code over rows that begin empty. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/rollup_cells.h"

static enum read_answer nothing_at(void *context, enum table table, struct span key,
                                   struct span *value)
{
    (void)context, (void)table, (void)key, (void)value;
    return READ_ABSENT;
}

static enum read_answer nothing_near(void *context, enum table table, struct span from,
                                     struct span *key, struct span *value)
{
    (void)context, (void)table, (void)from, (void)key, (void)value;
    return READ_ABSENT;
}

static const struct view nothing = {
    .get = nothing_at, .next = nothing_near, .previous = nothing_near};

struct recount {
    const struct view *view;
    const struct tree *tree;
    struct key_id own;
    struct block_cache cache;
    struct cell_desk desk;
    struct overdue_place place;
    bool damaged;
};

static bool is_counted(const struct recount *recount, const struct rollup *rollup,
                       const struct record_type *type)
{
    return rollup_is_built(recount->view, recount->own, rollup, type);
}

static struct cell_whose whose_of(const struct recount *recount, const struct record_id *id)
{
    struct key_id creator = record_id_author(id).author;
    struct cell_whose whose = {.former = creator};
    whose.here = key_id_equal(creator, recount->own);
    whose.inherits = !whose.here && is_inherited_by(recount->view, recount->own, creator);
    whose.here = whose.here || whose.inherits;
    return whose;
}

static void count_record(struct recount *recount, const struct record_type *type,
                         const uint8_t key[static RECORD_KEY_BYTES])
{
    uint16_t number;
    struct record_id id;
    struct record_row row;
    if (!record_key_parse(recount->view, SPAN(key, RECORD_KEY_BYTES), &number, &id))
        return;
    struct cell_whose whose = whose_of(recount, &id);
    if (!whose.here)
        return;
    bool read = record_row_read(recount->view, key, &row) == ERR_OK && row.present;
    struct record_state *state =
        read && row.located
            ? record_from_creation(&recount->cache, recount->view, recount->tree, type, &id, &row)
            : row.state;
    if (!read || state == NULL) {
        recount->damaged = true;
        return;
    }
    bool overdue = overdue_by(recount->view, &recount->place, key);
    for (size_t i = 0; i < type_rollup_count(type); i++) {
        const struct rollup *rollup = type_rollup_at(type, i);
        struct rollup_share share;
        type_share(rollup, type, state, &id, overdue, &share);
        if (share.there && is_counted(recount, rollup, type))
            rollup_cells_put(&recount->desk, rollup, &whose, &share, 1);
        rollup_share_free(&share);
    }
    record_free(state);
}

static void count_type(struct recount *recount, const struct record_type *type)
{
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    struct span key, value;
    size_t size = 2;
    write_u16(from, type->number);
    while (type_rollup_count(type) > 0 &&
           recount->view->next(recount->view->context, TABLE_RECORDS, SPAN(from, size), &key,
                               &value) == READ_FOUND &&
           key.size == RECORD_KEY_BYTES && read_u16(key.data) == type->number) {
        memcpy(from, key.data, RECORD_KEY_BYTES);
        size = sizeof from;
        count_record(recount, type, from);
    }
}

/* ---- comparing ---- */

static bool is_declared(const struct cell *cell)
{
    uint16_t number = cell->rollup & ROLLUP_NUMBER;
    return number >= ROLLUP_NUMBER_MIN || number == ROLLUP_OVERDUE;
}

static const struct rollup *rollup_of_cell(const struct recount *recount, const struct cell *cell,
                                           const struct record_type **type)
{
    const struct schema *schema = tree_schema(recount->tree);
    uint16_t number = cell->rollup & ROLLUP_NUMBER;
    if (number != ROLLUP_OVERDUE)
        return schema_rollup(schema, number, type);
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    *type = schema_type(schema, (uint16_t)mp_read_uint_max(&reader, UINT16_MAX));
    return *type == NULL || type_rollup_count(*type) == (*type)->rollup_count
               ? NULL
               : type_rollup_at(*type, (*type)->rollup_count);
}

static bool same_values(const struct cell *a, const struct cell *b)
{
    return a->value_count == b->value_count &&
           memcmp(a->values, b->values, a->value_count * sizeof a->values[0]) == 0;
}

static void name_cell(const struct recount *recount, const struct cell *cell, const char *what,
                      const struct cell *counted, struct recounted *answer)
{
    const struct record_type *type;
    const struct rollup *rollup = rollup_of_cell(recount, cell, &type);
    char period[32] = "-";
    answer->wrong++;
    if (answer->wrong > 1)
        return;
    if (rollup != NULL)
        rollup_period_text(rollup, (int32_t)cell->period, period);
    snprintf(answer->cell, sizeof answer->cell, "%s, %s, %zu bytes of group: %s %lld, counted %lld",
             rollup == NULL ? "?" : rollup->name, period, cell->group.size, what,
             (long long)(cell->value_count > 0 ? cell->values[0] : 0),
             (long long)(counted->value_count > 0 ? counted->values[0] : 0));
}

/* Every own row of a roll-up that is built is as it was counted. */
static void compare_rows(struct recount *recount, struct recounted *answer)
{
    struct buffer from = {0};
    struct span key, value, counted_row;
    const struct view *counted = recount->desk.view;
    buffer_append_byte(&from, 0);
    while (recount->view->next(recount->view->context, TABLE_CELLS, span_of_buffer(&from), &key,
                               &value) == READ_FOUND &&
           key.size < STORE_KEY_BYTES_MAX) {
        struct cell cell, other = {0};
        struct key_id origin;
        uint64_t report;
        const struct record_type *type;
        buffer_clear(&from);
        buffer_append_span(&from, key);
        bool own = cell_parse(span_of_buffer(&from), value, &cell, &origin, &report) &&
                   key_id_equal(origin, recount->own) && is_declared(&cell);
        const struct rollup *rollup = own ? rollup_of_cell(recount, &cell, &type) : NULL;
        if (rollup != NULL && is_counted(recount, rollup, type)) {
            answer->cells++;
            if (counted->get(counted->context, TABLE_CELLS, span_of_buffer(&from), &counted_row) !=
                    READ_FOUND ||
                !cell_parse(span_of_buffer(&from), counted_row, &other, &origin, &report) ||
                !same_values(&cell, &other))
                name_cell(recount, &cell, "it says", &other, answer);
        }
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
}

/* And nothing that was counted lacks its row. */
static void compare_counted(struct recount *recount, struct recounted *answer)
{
    static const struct cell none = {0};
    struct row_change change;
    struct span found;
    for (size_t cursor = 0; updates_each_row(recount->desk.updates, &cursor, &change);) {
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        if (change.removed || !cell_parse(change.key, change.value, &cell, &origin, &report) ||
            recount->view->get(recount->view->context, TABLE_CELLS, change.key, &found) ==
                READ_FOUND)
            continue;
        name_cell(recount, &none, "no row, and it should say", &cell, answer);
    }
}

void rollup_recount(const struct view *view, const struct tree *tree, struct key_id own,
                    struct recounted *answer)
{
    const struct schema *schema = tree_schema(tree);
    struct recount recount = {.view = view, .tree = tree, .own = own};
    *answer = (struct recounted){0};
    recount.desk.updates = updates_new();
    updates_begin(recount.desk.updates, &nothing);
    recount.desk.view = updates_view(recount.desk.updates);
    recount.desk.own = own;
    overdue_place_read(view, &recount.place);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++)
        count_type(&recount, &schema->types[i]);
    compare_rows(&recount, answer);
    compare_counted(&recount, answer);
    answer->damaged = recount.damaged;
    block_cache_free(&recount.cache);
    updates_free(recount.desk.updates);
}
