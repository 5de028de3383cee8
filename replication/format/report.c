/* Report of cells: one atomic unit, signed by the cells' origin. */
#include <assert.h>
#include <stdlib.h>

#include "replication/format/note_parts.h"

enum {
    REPORT_SINCE = 4,
    REPORT_ORIGIN = 5, /* another origin than the signer, and parts: reserved */
    REPORT_TOKEN = 6,
    REPORT_CELLS = 7,
    REPORT_PART = 8,
    CELL_PARTS = 4,
    /* A whole report is read as one value; its size, not the usual bound on items, limits it. */
    REPORT_ITEMS_MAX = NOTE_BYTES_MAX,
};

int cell_compare(const struct cell *a, const struct cell *b)
{
    if (a->rollup != b->rollup)
        return a->rollup < b->rollup ? -1 : 1;
    if (a->period != b->period)
        return a->period < b->period ? -1 : 1;
    return span_compare(a->group, b->group);
}

static void encode_cell(const struct cell *cell, struct buffer *map)
{
    assert(cell->group.size != 0 && cell->value_count <= CELL_VALUES_MAX);
    mp_write_array(map, CELL_PARTS);
    mp_write_uint(map, cell->rollup);
    buffer_append_span(map, cell->group);
    mp_write_uint(map, cell->period);
    mp_write_array(map, cell->value_count);
    for (size_t i = 0; i < cell->value_count; i++)
        mp_write_int(map, cell->values[i]);
}

void report_encode(const struct cell_report *report, struct buffer *map)
{
    assert(report->cell_count <= REPORT_CELLS_MAX);
    mp_write_map(map, 4U + (report->since != 0) + report->token.present);
    note_head_write(&report->head, map);
    if (report->since != 0) {
        mp_write_uint(map, REPORT_SINCE);
        mp_write_uint(map, report->since);
    }
    if (report->token.present) {
        mp_write_uint(map, REPORT_TOKEN);
        token_ref_write(&report->token, map);
    }
    mp_write_uint(map, REPORT_CELLS);
    mp_write_array(map, (uint32_t)report->cell_count);
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct cell *cell = &report->cells[i];
        assert(i == 0 || cell_compare(cell - 1, cell) < 0);
        encode_cell(cell, map);
    }
}

/* The group's elements are not looked at, only counted. */
static struct span read_group(struct mp_reader *reader)
{
    if (mp_peek(reader) != MP_ARRAY)
        mp_fail(reader);
    struct span group = mp_read_any(reader);
    struct mp_reader inside = mp_reader(group);
    if (!reader->failed && mp_read_array(&inside) > CELL_GROUP_MAX)
        mp_fail(reader);
    return group;
}

static void decode_cell(struct mp_reader *reader, struct cell *cell)
{
    if (mp_read_array(reader) != CELL_PARTS)
        mp_fail(reader);
    cell->rollup = (uint16_t)mp_read_uint_max(reader, UINT16_MAX);
    cell->group = read_group(reader);
    cell->period = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    uint32_t values = mp_read_array(reader);
    if (values > CELL_VALUES_MAX) {
        mp_fail(reader);
        return;
    }
    cell->value_count = (uint8_t)values;
    for (uint32_t i = 0; i < values; i++)
        cell->values[i] = mp_read_int(reader);
}

static void decode_cells(struct mp_reader *reader, struct cell_report *report)
{
    uint32_t count = mp_read_array(reader);
    if (count > REPORT_CELLS_MAX) {
        mp_fail(reader);
        return;
    }
    if (count == 0)
        return;
    report->cells = mem_alloc(count * sizeof *report->cells);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct cell *cell = &report->cells[i];
        decode_cell(reader, cell);
        if (!reader->failed && i > 0 && cell_compare(cell - 1, cell) >= 0)
            mp_fail(reader);
    }
    report->cell_count = count;
}

/* Gives false for what must be understood and isn't. */
static bool decode_field(struct mp_reader *reader, int32_t key, struct cell_report *report,
                         unsigned *seen)
{
    if (note_head_field(reader, key, &report->head, seen))
        return true;
    switch (key) {
    case REPORT_SINCE: report->since = mp_read_uint(reader); return true;
    case REPORT_ORIGIN:
    case REPORT_PART: return false;
    case REPORT_TOKEN: token_ref_read(reader, &report->token); return true;
    case REPORT_CELLS: decode_cells(reader, report); return true;
    default: mp_read_any(reader); return key >= 0;
    }
}

enum error_code report_decode(struct span note, struct cell_report *report, struct error *error)
{
    const char *what = "a report";
    *report = (struct cell_report){0};
    if (note.size > NOTE_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, what, "it is longer than 32 KiB");
    struct mp_reader reader = mp_reader(note_map(note));
    reader.items_max = REPORT_ITEMS_MAX;
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    bool understood = true;
    int32_t key = 0;
    while (understood && mp_field(&reader, &fields, &key))
        understood = decode_field(&reader, key, report, &seen);
    if (understood)
        mp_read_end(&reader);
    if (!reader.failed && understood && seen == NOTE_HEAD_SEEN)
        return ERR_OK;
    report_free(report);
    if (!reader.failed && !understood)
        return error_set(error, ERR_PARKED, what, "it has field %d, not known here", (int)key);
    return error_set(error, ERR_MALFORMED, what,
                     "expected signer, epoch, counter and a sorted list of cells");
}

void report_free(struct cell_report *report)
{
    free(report->cells);
    *report = (struct cell_report){0};
}
