/* Cells: figures by origin, kept in the writing transaction; those of others by their reports
 * (rules.md 6). Two roll-ups: records of a type that name us, and how far we hold each subtree
 * stream, from which each directive's receipts follow by comparison. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/deadlines.h"
#include "replication/folds.h"
#include "replication/reports.h"
#include "replication/rows/rollup_cells.h"
#include "replication/trust.h"

void cells_set_own(struct step *step, struct cell *cell, bool add, int64_t value)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span found;
    size_t size = cell_key(key, cell, step->replica->key_id);
    assert(size > 0);
    cell->value_count = 1;
    cell->values[0] = value;
    cell->changed_ms = time_as_signed(step);
    if (step->view->get(step->view->context, TABLE_CELLS, SPAN(key, size), &found) == READ_FOUND) {
        struct cell before;
        struct key_id origin;
        uint64_t report;
        if (cell_parse(SPAN(key, size), found, &before, &origin, &report)) {
            if (add && __builtin_add_overflow(before.values[0], value, &cell->values[0])) {
                cell->values[0] = before.values[0]; /* a damaged row */
            }
        }
    }
    struct buffer row = {0};
    cell_value_encode(cell, step->replica->report_k + 1, &row);
    updates_put(step->updates, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row));
    buffer_free(&row);
    step->replica->cells_changed = true;
}

void cells_count_record(struct step *step, const struct record_id *id,
                        const struct record_type *type, int change)
{
    struct buffer group = {0};
    if (type->counted)
        inherit_count_record(step, id, type, change);
    if (!type->counted || (!PLANTED(ORIGIN_COUNTED_TWICE) &&
                           !key_id_equal(record_id_author(id).author, step->replica->key_id)))
        return;
    mp_write_array(&group, 1);
    mp_write_uint(&group, type->number);
    struct cell cell = {.rollup = ROLLUP_RECORDS, .group = span_of_buffer(&group)};
    cells_set_own(step, &cell, true, change);
    buffer_free(&group);
}

void cells_received_stream(struct step *step, const struct stream_id *stream, uint32_t seq)
{
    struct buffer group = {0};
    mp_write_array(&group, 3);
    mp_write_bin(&group, SPAN_OF_ARRAY(stream->author.bytes));
    mp_write_uint(&group, stream->epoch);
    mp_write_uint(&group, stream->number);
    struct cell cell = {.rollup = ROLLUP_RECEIVED, .group = span_of_buffer(&group)};
    cells_set_own(step, &cell, false, seq);
    buffer_free(&group);
}

bool cells_next(const struct view *view, struct buffer *from, struct cell *cell,
                struct key_id *origin, uint64_t *report)
{
    struct span key, value;
    bool parsed = false;
    if (from->size == 0)
        buffer_append_byte(from, 0);
    while (!parsed && view->next(view->context, TABLE_CELLS, span_of_buffer(from), &key, &value) ==
                          READ_FOUND) {
        parsed = key.size < STORE_KEY_BYTES_MAX && cell_parse(key, value, cell, origin, report);
        buffer_clear(from);
        buffer_append_span(from, key);
        if (key.size == STORE_KEY_BYTES_MAX)
            return false;
        buffer_append_byte(from, 0);
    }
    return parsed;
}

static void cell_remove(struct step *step, const struct cell *cell, struct key_id origin)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    size_t size = cell_key(key, cell, origin);
    if (size > 0)
        updates_remove(step->updates, TABLE_CELLS, SPAN(key, size));
}

void cells_forget_report(struct step *step, struct key_id origin)
{
    struct cell_report before;
    if (!report_load_held(step->view, origin, &before))
        return;
    for (size_t i = 0; i < before.cell_count; i++)
        cell_remove(step, &before.cells[i], origin);
    report_free(&before);
}

/* What becomes of a cell's row. */
struct cell_change {
    bool stays;
    uint64_t changed_ms;
};

static bool read_row(struct step *step, const struct cell *cell, struct key_id origin,
                     struct cell *held)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span row;
    struct key_id of;
    uint64_t number;
    size_t size = cell_key(key, cell, origin);
    return size > 0 &&
           step->view->get(step->view->context, TABLE_CELLS, SPAN(key, size), &row) == READ_FOUND &&
           cell_parse(SPAN(key, size), row, held, &of, &number);
}

static bool same_values(const struct cell *a, const struct cell *b)
{
    return a->value_count == b->value_count &&
           memcmp(a->values, b->values, a->value_count * sizeof a->values[0]) == 0;
}

/* What a former machine said of its own records, which a new one has begun to count: the former key
 * stands at the group's end. */
static bool read_former(struct step *step, const struct cell *cell, struct cell *held)
{
    struct mp_reader reader = mp_reader(cell->group);
    uint32_t count = mp_read_array(&reader);
    size_t begins = reader.at;
    if ((cell->rollup & ROLLUP_INHERITS) == 0 || count == 0)
        return false;
    for (uint32_t i = 1; i < count; i++)
        mp_read_any(&reader);
    size_t ends = reader.at;
    const uint8_t *former = mp_read_bin_of(&reader, KEY_ID_BYTES);
    if (reader.failed)
        return false;
    struct buffer group = {0};
    struct key_id origin;
    memcpy(origin.bytes, former, KEY_ID_BYTES);
    mp_write_array(&group, count - 1);
    buffer_append(&group, cell->group.data + begins, ends - begins);
    struct cell own = {.rollup = cell->rollup & ROLLUP_NUMBER,
                       .period = cell->period,
                       .group = span_of_buffer(&group)};
    bool is = read_row(step, &own, origin, held);
    buffer_free(&group);
    return is;
}

/* The same of a machine between the two: it counted for the former one, too. */
static bool read_other_heir(struct step *step, const struct cell *cell, struct key_id heir,
                            struct cell *held)
{
    uint8_t key[CELL_KEY_BYTES_MAX], from[CELL_KEY_BYTES_MAX + 1];
    static const struct key_id least;
    struct span found, row;
    struct key_id origin;
    uint64_t number;
    size_t size = cell_key(key, cell, least), from_size = size;
    memcpy(from, key, size);
    while ((cell->rollup & ROLLUP_INHERITS) != 0 &&
           step->view->next(step->view->context, TABLE_CELLS, SPAN(from, from_size), &found,
                            &row) == READ_FOUND &&
           found.size == size && memcmp(found.data, key, size - KEY_ID_BYTES) == 0) {
        memcpy(from, found.data, size);
        from[size] = 0;
        from_size = size + 1;
        if (cell_parse(SPAN(from, size), row, held, &origin, &number) &&
            !key_id_equal(origin, heir) && same_values(held, cell))
            return true;
    }
    return false;
}

/* Since when a value has been so: since it was heard here. The report may be of an older token than
 * people have had an answer by. What a roll-up says when it is first told is no correction. */
static struct cell_change change_of(struct step *step, const struct cell_report *report,
                                    const struct cell *cell, uint64_t now)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct cell before;
    size_t size = cell_key(key, cell, report->head.signer);
    if (size == 0)
        return (struct cell_change){.stays = true}; /* nothing that can stand here */
    if (read_row(step, cell, report->head.signer, &before))
        return (struct cell_change){same_values(&before, cell), now};
    if (read_other_heir(step, cell, report->head.signer, &before))
        return (struct cell_change){false, before.changed_ms};
    if (read_former(step, cell, &before))
        return (struct cell_change){false, same_values(&before, cell) ? before.changed_ms : now};
    const struct record_type *type = NULL;
    const struct rollup *rollup = (cell->rollup & ROLLUP_FOLDED) != 0
                                      ? NULL /* it says itself since when it is so */
                                      : schema_rollup(schema, cell->rollup & ROLLUP_NUMBER, &type);
    bool told = rollup != NULL && rollup_is_built(step->view, report->head.signer, rollup, type);
    return (struct cell_change){false, told ? now : 0};
}

/* Cells of the report before that are in this one no more. Both are sorted. */
static void remove_others(struct step *step, const struct cell_report *report)
{
    struct cell_report before;
    size_t at = 0;
    if (!report_load_held(step->view, report->head.signer, &before))
        return;
    for (size_t i = 0; i < before.cell_count; i++) {
        while (at < report->cell_count && cell_compare(&report->cells[at], &before.cells[i]) < 0)
            at++;
        if (at == report->cell_count || cell_compare(&report->cells[at], &before.cells[i]) != 0)
            cell_remove(step, &before.cells[i], report->head.signer);
    }
    report_free(&before);
}

/* Our own, come back after a restore, say nothing: we count our own records. */
void cells_take_report(struct step *step, struct cell_report *report)
{
    if (key_id_equal(report->head.signer, step->replica->key_id))
        return;
    if (PLANTED(REPORT_HALF_TAKEN) && report->cell_count > 0)
        report->cell_count--;
    uint64_t now = time_as_signed(step);
    struct cell_change *changes = mem_alloc((report->cell_count + 1) * sizeof *changes);
    for (size_t i = 0; i < report->cell_count; i++) /* all, before a row of them changes */
        changes[i] = change_of(step, report, &report->cells[i], now);
    remove_others(step, report);
    for (size_t i = 0; i < report->cell_count; i++) {
        uint8_t key[CELL_KEY_BYTES_MAX];
        struct buffer row = {0};
        if (changes[i].stays)
            continue;
        size_t size = cell_key(key, &report->cells[i], report->head.signer);
        report->cells[i].changed_ms = changes[i].changed_ms;
        cell_value_encode(&report->cells[i], report->head.k, &row);
        updates_put(step->updates, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row));
        buffer_free(&row);
    }
    free(changes);
    folds_hear(step, report->head.signer);
}

void cells_as_reported(struct step *step, struct key_id origin)
{
    struct buffer from = {0};
    struct cell cell;
    struct key_id of;
    uint64_t number;
    while (cells_next(step->view, &from, &cell, &of, &number)) {
        from.size--; /* what stands before its end is the row's key */
        if (key_id_equal(of, origin))
            updates_remove(step->updates, TABLE_CELLS, span_of_buffer(&from));
        from.size++;
    }
    struct cell_report report;
    if (report_load_held(step->view, origin, &report)) {
        cells_take_report(step, &report);
        report_free(&report);
    }
    buffer_free(&from);
}
