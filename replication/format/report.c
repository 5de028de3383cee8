/* Report of cells: one atomic unit, signed by the cells' origin. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/note_parts.h"

enum {
    REPORT_SINCE = 4,  /* a report of what has changed alone: never written (rules.md B117) */
    REPORT_ORIGIN = 5, /* another origin than the signer: reserved */
    REPORT_TOKEN = 6,
    REPORT_CELLS = 7,
    REPORT_PARTS = 8,
    PART_LINE = 3,
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

static void encode_cells(const struct cell *cells, size_t count, struct buffer *out)
{
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || cell_compare(&cells[i - 1], &cells[i]) < 0);
        encode_cell(&cells[i], out);
    }
}

static void encode_parts(const struct cell_report *report, struct buffer *map)
{
    mp_write_array(map, (uint32_t)report->part_count);
    for (size_t i = 0; i < report->part_count; i++) {
        const struct report_part *part = &report->parts[i];
        mp_write_array(map, PART_LINE);
        mp_write_bin(map, SPAN_OF_ARRAY(part->name.bytes));
        mp_write_uint(map, part->bytes);
        mp_write_uint(map, part->cells);
    }
}

void report_encode(const struct cell_report *report, struct buffer *map)
{
    assert(report->part_count > 0 || report->cell_count <= REPORT_CELLS_MAX);
    assert(report->part_count <= REPORT_PARTS_MAX);
    mp_write_map(map, 4U + report->token.present);
    note_head_write(&report->head, map);
    if (report->token.present) {
        mp_write_uint(map, REPORT_TOKEN);
        token_ref_write(&report->token, map);
    }
    mp_write_uint(map, report->part_count > 0 ? REPORT_PARTS : REPORT_CELLS);
    if (report->part_count > 0)
        encode_parts(report, map);
    else
        encode_cells(report->cells, report->cell_count, map);
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

/* More cells behind those that the report has. */
static void decode_cells(struct mp_reader *reader, struct cell_report *report, size_t most)
{
    uint32_t count = mp_read_array(reader);
    if (count > most) {
        mp_fail(reader);
        return;
    }
    if (count == 0 || reader->failed)
        return;
    size_t before = report->cell_count;
    report->cells = mem_resize(report->cells, (before + count) * sizeof *report->cells);
    memset(report->cells + before, 0, count * sizeof *report->cells);
    for (size_t i = before; i < before + count && !reader->failed; i++) {
        struct cell *cell = &report->cells[i];
        decode_cell(reader, cell);
        if (!reader->failed && i > 0 && cell_compare(cell - 1, cell) >= 0)
            mp_fail(reader);
    }
    report->cell_count = before + count;
}

static void decode_parts(struct mp_reader *reader, struct cell_report *report)
{
    uint32_t count = mp_read_array(reader);
    uint64_t bytes = 0, cells = 0;
    if (count < 1 || count > REPORT_PARTS_MAX || report->parts != NULL) {
        mp_fail(reader);
        return;
    }
    report->parts = mem_alloc(count * sizeof *report->parts);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct report_part *part = &report->parts[i];
        if (mp_read_array(reader) != PART_LINE)
            mp_fail(reader);
        const uint8_t *name = mp_read_bin_of(reader, HASH_BYTES);
        if (name != NULL)
            memcpy(part->name.bytes, name, HASH_BYTES);
        part->bytes = (uint32_t)mp_read_uint_max(reader, REPORT_PART_BYTES_MAX);
        part->cells = (uint32_t)mp_read_uint_max(reader, REPORT_PART_CELLS_MAX);
        bytes += part->bytes;
        cells += part->cells;
        if (part->bytes == 0 || part->cells == 0)
            mp_fail(reader);
    }
    if (bytes > REPORT_BYTES_MAX || cells > REPORT_PARTED_CELLS_MAX)
        mp_fail(reader);
    report->part_count = count;
}

/* Gives false for what must be understood and isn't. */
static bool decode_field(struct mp_reader *reader, int32_t key, struct cell_report *report,
                         unsigned *seen)
{
    if (note_head_field(reader, key, &report->head, seen))
        return true;
    switch (key) {
    case REPORT_SINCE:
    case REPORT_ORIGIN: return false;
    case REPORT_TOKEN: token_ref_read(reader, &report->token); return true;
    case REPORT_CELLS: decode_cells(reader, report, REPORT_CELLS_MAX); return true;
    case REPORT_PARTS: decode_parts(reader, report); return true;
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
    bool either = report->part_count == 0 || report->cell_count == 0;
    if (!reader.failed && understood && either && seen == NOTE_HEAD_SEEN)
        return ERR_OK;
    report_free(report);
    if (!reader.failed && !understood)
        return error_set(error, ERR_PARKED, what, "it has field %d, not known here", (int)key);
    return error_set(error, ERR_MALFORMED, what,
                     "expected signer, epoch, counter and a sorted list of cells, or of parts");
}

void report_free(struct cell_report *report)
{
    free(report->cells);
    free(report->parts);
    buffer_free(&report->held);
    *report = (struct cell_report){0};
}

void report_part_encode(const struct cell *cells, size_t count, struct buffer *part)
{
    assert(count > 0 && count <= REPORT_PART_CELLS_MAX);
    encode_cells(cells, count, part);
}

struct hash report_part_name(struct span part)
{
    return hash_of(HASH_PART, part);
}

static bool part_read(const struct report_part *part, struct span bytes, struct cell_report *report)
{
    struct mp_reader reader = mp_reader(bytes);
    size_t before = report->cell_count;
    reader.items_max = REPORT_ITEMS_MAX;
    decode_cells(&reader, report, REPORT_PART_CELLS_MAX);
    mp_read_end(&reader);
    return !reader.failed && report->cell_count - before == part->cells;
}

bool report_part_fits(const struct report_part *part, struct span bytes)
{
    struct cell_report alone = {0};
    if (bytes.size != part->bytes)
        return false;
    struct hash name = report_part_name(bytes);
    bool fits = hash_equal(&name, &part->name) && part_read(part, bytes, &alone);
    report_free(&alone);
    return fits;
}

bool report_join(struct cell_report *report)
{
    size_t at = 0;
    assert(report->cell_count == 0);
    for (size_t i = 0; i < report->part_count; i++) {
        const struct report_part *part = &report->parts[i];
        if (part->bytes > report->held.size - at ||
            !part_read(part, SPAN(report->held.data + at, part->bytes), report))
            return false;
        at += part->bytes;
    }
    return at == report->held.size;
}
