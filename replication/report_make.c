/* Our own report: the figures of this origin, whole, signed when they have changed and nothing of
 * the one before is under way. It is cut in parts where what a cell is says so, as rsync and its
 * kin cut files (content-defined chunking), so that what hasn't changed has the same name again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/folds.h"
#include "replication/notes.h"
#include "replication/reports.h"
#include "replication/rows/rollup_cells.h"
#include "replication/trust.h"

static int compare_cells(const void *a, const void *b)
{
    return cell_compare(a, b);
}

/* What is still being built isn't told, nor how often each value occurs. */
static bool is_told(struct step *step, const struct cell *cell)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type = NULL;
    uint16_t number = cell->rollup & ROLLUP_NUMBER;
    if (number < ROLLUP_OVERDUE)
        return true;
    if ((cell->rollup & ROLLUP_TALLY) != 0)
        return false;
    if (!step->replica->rollups_building)
        return true;
    const struct rollup *rollup = schema_rollup(schema, number, &type);
    if (number == ROLLUP_OVERDUE) {
        struct mp_reader reader = mp_reader(cell->group);
        mp_read_array(&reader);
        type = schema_type(schema, (uint16_t)mp_read_uint_max(&reader, UINT16_MAX));
        rollup = type == NULL ? NULL : type_rollup_at(type, type->rollup_count);
    }
    return rollup != NULL && rollup_is_built(step->view, step->replica->key_id, rollup, type);
}

/* What a roll-up takes of a report; that of every node counts as number 0. */
struct roll {
    uint16_t number;
    size_t cells, bytes;
    bool told;
};

struct rolls {
    struct roll *at;
    size_t count;
};

static struct roll *roll_of(struct rolls *rolls, const struct cell *cell)
{
    uint16_t number = cell->rollup & ROLLUP_NUMBER;
    size_t i = 0;
    if (number == ROLLUP_BUILT) { /* goes and stays with what it is about */
        struct mp_reader reader = mp_reader(cell->group);
        mp_read_array(&reader);
        number = (uint16_t)mp_read_uint_max(&reader, ROLLUP_NUMBER_MAX);
    }
    number = number < ROLLUP_OVERDUE ? 0 : number;
    while (i < rolls->count && rolls->at[i].number != number)
        i++;
    if (i == rolls->count) {
        rolls->at = mem_resize(rolls->at, ++rolls->count * sizeof *rolls->at);
        rolls->at[i] = (struct roll){.number = number};
    }
    return &rolls->at[i];
}

static size_t cell_bytes(const struct cell *cell)
{
    size_t bytes = 1 + 3 + cell->group.size + 5 + 1;
    for (size_t i = 0; i < cell->value_count; i++)
        bytes += cell->values[i] >= 0 && cell->values[i] < 128 ? 1 : 9;
    return bytes;
}

static int compare_rolls(const void *a_bytes, const void *b_bytes)
{
    const struct roll *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

/* One after the other by number, as long as they fit whole: half of one would be a wrong figure,
 * and one that is left out is known to be missing. */
static void choose(struct step *step, struct rolls *rolls)
{
    size_t room = REPORT_BYTES_MAX, cells = REPORT_PARTED_CELLS_MAX;
    uint16_t left_out = 0;
    if (rolls->count > 0)
        qsort(rolls->at, rolls->count, sizeof *rolls->at, compare_rolls);
    for (size_t i = 0; i < rolls->count; i++) {
        struct roll *roll = &rolls->at[i];
        roll->told = roll->bytes <= room && roll->cells <= cells;
        roll->told = roll->told || roll->number == 0;
        room -= roll->told && roll->bytes < room ? roll->bytes : roll->told ? room : 0;
        cells -= roll->told && roll->cells < cells ? roll->cells : roll->told ? cells : 0;
        left_out = !roll->told && left_out == 0 ? roll->number : left_out;
    }
    if (left_out != 0)
        replica_raise_alarm(step,
                            "roll-up %u has more figures than this node's report has room for, so "
                            "nobody above hears of it: group it by less, or by longer periods",
                            left_out);
}

static bool is_own_to_tell(struct step *step, const struct cell *cell, struct key_id origin)
{
    return key_id_equal(origin, step->replica->key_id) && mp_valid(cell->group) &&
           is_told(step, cell);
}

/* Our own cells, gathered to be told. Groups move while they are gathered. */
struct gathered {
    struct cell *cells;
    size_t *offsets;
    size_t count, capacity, bytes;
    struct buffer groups;
};

static void gather(struct gathered *gathered, const struct cell *cell)
{
    if (gathered->count == gathered->capacity) {
        gathered->capacity = gathered->capacity * 2 + 64;
        gathered->cells = mem_resize(gathered->cells, gathered->capacity * sizeof *gathered->cells);
        gathered->offsets =
            mem_resize(gathered->offsets, gathered->capacity * sizeof *gathered->offsets);
    }
    gathered->offsets[gathered->count] = gathered->groups.size;
    gathered->cells[gathered->count++] = *cell;
    gathered->bytes += cell_bytes(cell);
    buffer_append_span(&gathered->groups, cell->group);
}

static void gathered_free(struct gathered *gathered)
{
    free(gathered->cells);
    free(gathered->offsets);
    buffer_free(&gathered->groups);
    *gathered = (struct gathered){0};
}

/* `rolls` NULL: all, up to as many as a report has room for; true: those were all. */
static bool walk_own(struct step *step, struct rolls *rolls, bool count, struct gathered *gathered)
{
    struct buffer from = {0};
    struct cell cell;
    struct key_id origin;
    uint64_t changed;
    bool all = true;
    while (all && cells_next(step->view, &from, &cell, &origin, &changed)) {
        if (!is_own_to_tell(step, &cell, origin))
            continue;
        struct roll *roll = rolls == NULL ? NULL : roll_of(rolls, &cell);
        if (roll != NULL && count) {
            roll->cells++;
            roll->bytes += cell_bytes(&cell);
        } else if (roll == NULL || roll->told) {
            all = gathered->count < REPORT_PARTED_CELLS_MAX &&
                  gathered->bytes + cell_bytes(&cell) <= REPORT_BYTES_MAX;
            if (all)
                gather(gathered, &cell);
        }
    }
    buffer_free(&from);
    return all;
}

static void collect_own(struct step *step, struct gathered *gathered)
{
    if (!walk_own(step, NULL, false, gathered)) {
        struct rolls rolls = {0};
        gathered_free(gathered);
        walk_own(step, &rolls, true, gathered);
        choose(step, &rolls);
        walk_own(step, &rolls, false, gathered);
        free(rolls.at);
    }
}

static bool gather_all(struct gathered *gathered, const struct fold_cells *cells)
{
    for (size_t i = 0; i < cells->count; i++) {
        if (gathered->count == REPORT_PARTED_CELLS_MAX ||
            gathered->bytes + cell_bytes(&cells->cells[i]) > REPORT_BYTES_MAX)
            return false;
        gather(gathered, &cells->cells[i]);
    }
    return true;
}

/* The fold of all below, whole or not at all. */
static void collect_fold(struct step *step, struct gathered *gathered)
{
    struct fold_cells cells = {0};
    size_t count = gathered->count, bytes = gathered->bytes, groups = gathered->groups.size;
    folds_gather(step, &cells);
    if (gather_all(gathered, &cells)) {
        folds_stated(step);
    } else {
        gathered->count = count;
        gathered->bytes = bytes;
        gathered->groups.size = groups;
        folds_give_up(step, &cells);
        gather_all(gathered, &cells);
    }
    fold_cells_free(&cells);
}

static void collect(struct step *step, struct gathered *gathered)
{
    collect_own(step, gathered);
    collect_fold(step, gathered);
    for (size_t i = 0; i < gathered->count; i++)
        gathered->cells[i].group.data = gathered->groups.data + gathered->offsets[i];
    if (gathered->count > 0)
        qsort(gathered->cells, gathered->count, sizeof *gathered->cells, compare_cells);
}

/* ---- parts ---- */

/* By what a cell is, not by what it says: so the parts before and behind a cell that comes or goes
 * stay as they are. FNV-1a (Fowler, Noll, Vo), 32 bits. */
static uint32_t place_hash(const struct cell *cell)
{
    uint8_t head[6];
    uint32_t hash = 2166136261U;
    write_u16(head, cell->rollup);
    write_u32(head + 2, cell->period);
    for (size_t i = 0; i < sizeof head; i++)
        hash = (hash ^ head[i]) * 16777619U;
    for (size_t i = 0; i < cell->group.size; i++)
        hash = (hash ^ cell->group.data[i]) * 16777619U;
    return hash ^ hash >> 16;
}

/* How many cells from the first on are the next part. `usual` 0: as many as there is room for. */
static size_t part_length(const struct cell *cells, size_t count, uint32_t usual)
{
    size_t most = usual == 0 ? REPORT_PART_CELLS_MAX : 2 * (size_t)usual, bytes = 3, i = 0;
    for (; i < count && i < most; i++) {
        bytes += cell_bytes(&cells[i]);
        bool ends = usual > 0 && i > 0 && i >= usual / 4 && place_hash(&cells[i]) % usual == 0;
        if (i > 0 && (ends || bytes > REPORT_PART_BYTES_MAX))
            break;
    }
    return i;
}

static size_t parts_of(const struct gathered *gathered, uint32_t usual)
{
    size_t parts = 0;
    for (size_t at = 0; at < gathered->count; parts++)
        at += part_length(gathered->cells + at, gathered->count - at, usual);
    return parts;
}

static void put_part(struct step *step, struct span bytes, struct report_part *part, size_t cells)
{
    uint8_t key[REPORT_PART_KEY_BYTES];
    struct span held;
    part->name = report_part_name(bytes);
    part->bytes = (uint32_t)bytes.size;
    part->cells = (uint32_t)cells;
    report_part_key(key, step->replica->key_id, &part->name);
    if (!report_part_read(step->view, step->replica->key_id, &part->name, &held))
        updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), bytes);
}

/* What doesn't fit one note easily stands in parts. */
static void cut_in_parts(struct step *step, const struct gathered *gathered,
                         struct cell_report *report)
{
    uint32_t usual =
        tuning_or(step->replica->options.tuning.report_part_cells, REPORT_PART_CELLS_USUAL);
    assert(usual <= REPORT_PART_CELLS_USUAL);
    if (gathered->count <= 2 * (size_t)usual && gathered->bytes <= REPORT_PART_BYTES_MAX)
        return;
    size_t parts = parts_of(gathered, usual);
    if (parts > REPORT_PARTS_MAX) {
        usual = 0;
        parts = parts_of(gathered, usual);
    }
    assert(parts <= REPORT_PARTS_MAX);
    report->parts = mem_alloc(parts * sizeof *report->parts);
    struct buffer bytes = {0};
    for (size_t at = 0; at < gathered->count;) {
        size_t length = part_length(gathered->cells + at, gathered->count - at, usual);
        buffer_clear(&bytes);
        report_part_encode(gathered->cells + at, length, &bytes);
        put_part(step, span_of_buffer(&bytes), &report->parts[report->part_count++], length);
        at += length;
    }
    buffer_free(&bytes);
}

static void sign_report(struct step *step)
{
    struct replica *replica = step->replica;
    struct gathered gathered = {0};
    struct buffer note = {0};
    struct cell_report report = {
        .head = {replica->key_id, replica->self.epoch, ++replica->report_k},
        .token = replica->token,
    };
    collect(step, &gathered);
    cut_in_parts(step, &gathered, &report);
    report.cells = gathered.cells;
    report.cell_count = gathered.count;
    report_encode(&report, &note);
    note_sign(&note, HASH_CELLS, &replica->options.tree_id, replica->options.signing_secret,
              replica->options.verifier);
    note_store_own(step, HASH_CELLS, span_of_buffer(&note), &report.head);
    reports_tidy(step, replica->key_id);
    updates_trace(step->updates, "report %llu: %zu cells", (unsigned long long)report.head.k,
                  report.cell_count);
    replica->cells_changed = replica->fold_changed = false;
    replica->report_at_tick = step->tick_ms;
    free(report.parts);
    gathered_free(&gathered);
    buffer_free(&note);
}

/* One report in flight at most: a week offline costs one report. The root has nobody above. */
void report_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    inherit_when_due(step);
    const struct session *parent = session_parent(replica);
    if ((!replica->cells_changed && !replica->fold_changed) || parent == NULL ||
        parent->report_in_flight || own_seat(replica) == NULL)
        return;
    uint64_t due = replica->report_at_tick +
                   tuning_or(replica->options.tuning.report_every_ms, REPORT_EVERY_MS);
    if (replica->report_k == 0 || step->tick_ms >= due)
        sign_report(step);
    else if (due < replica->deadline_tick)
        replica->deadline_tick = due;
}
