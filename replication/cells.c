/* Cells: figures by origin, kept in the writing transaction, reported by the origin alone
 * (rules.md 6). Two roll-ups: records of a type that name us, and how far we hold each subtree
 * stream, from which each directive's receipts follow by comparison. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/trust.h"

void cells_set_own(struct step *step, struct cell *cell, bool add, int64_t value)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span found;
    size_t size = cell_key(key, cell, step->replica->key_id);
    assert(size > 0);
    cell->value_count = 1;
    cell->values[0] = value;
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

/* The next cell that can be read. */
static bool next_cell(const struct view *view, struct buffer *from, struct cell *cell,
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

static int compare_cells(const void *a, const void *b)
{
    return cell_compare(a, b);
}

/* Our own cells, whole: there are few, and a whole report leaves no gap to be asked about. */
static void collect_own(struct step *step, struct cell_report *report, struct buffer *groups)
{
    struct buffer from = {0};
    struct cell cell;
    struct key_id origin;
    uint64_t changed;
    size_t offsets[REPORT_CELLS_MAX];   /* the groups move while they are gathered */
    size_t room = NOTE_BYTES_MAX - 256; /* for all but the cells */
    report->cells = mem_alloc(REPORT_CELLS_MAX * sizeof *report->cells);
    while (report->cell_count < REPORT_CELLS_MAX &&
           next_cell(step->view, &from, &cell, &origin, &changed)) {
        size_t size = cell.group.size + 11U + 9U * cell.value_count;
        if (key_id_equal(origin, step->replica->key_id) && mp_valid(cell.group) && size <= room) {
            room -= size;
            offsets[report->cell_count] = groups->size;
            buffer_append_span(groups, cell.group);
            report->cells[report->cell_count++] = cell;
        }
    }
    for (size_t i = 0; i < report->cell_count; i++)
        report->cells[i].group.data = groups->data + offsets[i];
    qsort(report->cells, report->cell_count, sizeof *report->cells, compare_cells);
    buffer_free(&from);
}

static void sign_report(struct step *step)
{
    struct replica *replica = step->replica;
    struct buffer groups = {0}, note = {0};
    struct cell_report report = {
        .head = {replica->key_id, replica->self.epoch, ++replica->report_k},
        .token = replica->token,
    };
    collect_own(step, &report, &groups);
    report_encode(&report, &note);
    note_sign(&note, HASH_CELLS, &replica->options.tree_id, replica->options.signing_secret,
              replica->options.verifier);
    note_store_own(step, HASH_CELLS, span_of_buffer(&note), &report.head);
    updates_trace(step->updates, "report %llu: %zu cells", (unsigned long long)report.head.k,
                  report.cell_count);
    replica->cells_changed = false;
    replica->report_at_tick = step->tick_ms;
    free(report.cells);
    buffer_free(&groups);
    buffer_free(&note);
}

/* One report in flight at most: a week offline costs one report. The root has nobody above. */
void report_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    inherit_when_due(step);
    const struct session *parent = session_parent(replica);
    if (!replica->cells_changed || parent == NULL || parent->report_in_flight ||
        own_seat(replica) == NULL)
        return;
    uint64_t due = replica->report_at_tick +
                   tuning_or(replica->options.tuning.report_every_ms, REPORT_EVERY_MS);
    if (replica->report_k == 0 || step->tick_ms >= due)
        sign_report(step);
    else if (due < replica->deadline_tick)
        replica->deadline_tick = due;
}

void cells_forget_report(struct step *step, struct key_id origin)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span value;
    struct cell_report before;
    size_t size = note_key(key, HASH_CELLS, origin, 0);
    if (step->view->get(step->view->context, TABLE_NOTES, SPAN(key, size), &value) != READ_FOUND ||
        report_decode(value, &before, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < before.cell_count; i++) {
        uint8_t cell[CELL_KEY_BYTES_MAX];
        size_t cell_size = cell_key(cell, &before.cells[i], origin);
        if (cell_size > 0)
            updates_remove(step->updates, TABLE_CELLS, SPAN(cell, cell_size));
    }
    report_free(&before);
}

/* A whole report of another origin replaces what that origin reported before, in one piece. Our
 * own, come back after a restore, say nothing: we count our own records. */
void cells_take_report(struct step *step, const struct cell_report *report)
{
    if (key_id_equal(report->head.signer, step->replica->key_id))
        return;
    cells_forget_report(step, report->head.signer);
    size_t count = report->cell_count - (PLANTED(REPORT_HALF_TAKEN) && report->cell_count > 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t key[CELL_KEY_BYTES_MAX];
        struct buffer row = {0};
        size_t size = cell_key(key, &report->cells[i], report->head.signer);
        if (size > 0) {
            cell_value_encode(&report->cells[i], report->head.k, &row);
            updates_put(step->updates, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row));
        }
        buffer_free(&row);
    }
}
