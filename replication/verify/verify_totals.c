/* Figures: this node's own cells are counted again, others' compared with the signed report they
 * came in; and how much of each author waits or lies in quarantine. One snapshot, one count. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/report_rows.h"
#include "replication/rows/rollup_cells.h"
#include "replication/verify/verify_parts.h"

/* Records by type that name this node and aren't deleted. */
struct tally {
    struct verify *verify;
    const struct schema *schema;
    int64_t alive[TYPES_MAX]; /* by place in the schema */
    bool exactly;             /* creations that delete are looked for, block by block */
};

static bool is_own(const struct tally *tally, const struct record_id *id)
{
    return key_id_equal(record_id_author(id).author, tally->verify->options.own);
}

static bool is_deleted(struct tally *tally, struct span key)
{
    uint8_t record[RECORD_KEY_BYTES];
    struct record_row row;
    uint64_t clock;
    bool deleted = false;
    memcpy(record, key.data, sizeof record);
    if (tally->exactly)
        return verify_creation(tally->verify, SPAN_OF_ARRAY(record), &clock, &deleted) && deleted;
    if (record_row_read(tally->verify->view, record, &row) != ERR_OK || !row.present)
        return false; /* said */
    deleted = !row.located && (record_deleted(row.state) || !record_stands(row.state));
    record_free(row.state);
    return deleted;
}

static void count_alive(struct tally *tally, bool exactly)
{
    struct verify *verify = tally->verify;
    struct span key, value;
    memset(tally->alive, 0, sizeof tally->alive);
    tally->exactly = exactly;
    verify->from_size = 0;
    while (verify_next(verify, TABLE_RECORDS, &key, &value)) {
        uint16_t type;
        struct record_id id;
        if (!record_key_parse(verify->view, SPAN(verify->from, verify->from_size - 1), &type, &id))
            continue;
        const struct record_type *known = schema_type(tally->schema, type);
        if (known != NULL && known->counted && is_own(tally, &id))
            tally->alive[known - tally->schema->types] +=
                !is_deleted(tally, SPAN(verify->from, RECORD_KEY_BYTES));
    }
}

static bool own_cell(const struct verify *verify, struct cell *cell, int64_t *value)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span found;
    struct cell held;
    struct key_id origin;
    uint64_t report;
    size_t size = cell_key(key, cell, verify->options.own);
    enum read_answer answer =
        verify->view->get(verify->view->context, TABLE_CELLS, SPAN(key, size), &found);
    *value = 0;
    if (answer == READ_ABSENT)
        return true;
    if (answer != READ_FOUND || !cell_parse(SPAN(key, size), found, &held, &origin, &report) ||
        held.value_count != 1)
        return false;
    *value = held.values[0];
    return true;
}

static bool type_cell_is(const struct verify *verify, const struct record_type *type, int64_t alive)
{
    struct buffer group = {0};
    int64_t value;
    mp_write_array(&group, 1);
    mp_write_uint(&group, type->number);
    struct cell cell = {.rollup = ROLLUP_RECORDS, .group = span_of_buffer(&group)};
    bool is = own_cell(verify, &cell, &value) && value == alive;
    buffer_free(&group);
    return is;
}

static bool counts_agree(const struct tally *tally, bool say)
{
    bool agree = true;
    for (size_t i = 0; i < tally->schema->type_count; i++) {
        const struct record_type *type = &tally->schema->types[i];
        if (!type->counted || type_cell_is(tally->verify, type, tally->alive[i]))
            continue;
        agree = false;
        if (say)
            verify_say(tally->verify, TABLE_CELLS, "it isn't the count of this node's records",
                       "own total of %s", type->name);
    }
    return agree;
}

static void check_own_records(struct verify *verify, const struct schema *schema)
{
    struct tally *tally = mem_alloc(sizeof *tally);
    *tally = (struct tally){.verify = verify, .schema = schema};
    count_alive(tally, false);
    if (!counts_agree(tally, false)) {
        count_alive(tally, true);
        counts_agree(tally, true);
    }
    free(tally);
}

static void check_declared(struct verify *verify)
{
    struct recounted counted;
    rollup_recount(verify->view, verify->tree, verify->options.own, &counted);
    if (counted.wrong > 0 && !counted.damaged) /* what can't be read is said with the records */
        verify_say(verify, TABLE_CELLS, "it isn't what this node's records come to", "roll-up %s",
                   counted.cell);
}

/* How far each subtree stream of others is held here. */
static void check_received(struct verify *verify)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    for (uint64_t cursor = 0; stream_row_next(verify->view, &cursor, &stream, row);) {
        struct buffer group = {0};
        int64_t value;
        if (row->open.holders != HOLDERS_SUBTREE || stream.branch > 0 ||
            key_id_equal(stream.author, verify->options.own))
            continue;
        mp_write_array(&group, 3);
        mp_write_bin(&group, SPAN_OF_ARRAY(stream.author.bytes));
        mp_write_uint(&group, stream.epoch);
        mp_write_uint(&group, stream.number);
        struct cell cell = {.rollup = ROLLUP_RECEIVED, .group = span_of_buffer(&group)};
        if (!own_cell(verify, &cell, &value) || value != row->head.seq)
            verify_say(verify, TABLE_CELLS, "it doesn't say how far the stream is held here",
                       "receipt of %s", label_stream(verify->tree, &stream).text);
        buffer_free(&group);
    }
    free(row);
}

/* Whether the row of this cell says the same. */
static bool row_agrees(const struct verify *verify, const struct cell *said, struct key_id origin)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span value;
    struct cell cell;
    struct key_id of;
    uint64_t report;
    size_t size = cell_key(key, said, origin);
    return size > 0 &&
           verify->view->get(verify->view->context, TABLE_CELLS, SPAN(key, size), &value) ==
               READ_FOUND &&
           cell_parse(SPAN(key, size), value, &cell, &of, &report) &&
           cell.value_count == said->value_count &&
           memcmp(cell.values, said->values, said->value_count * sizeof *said->values) == 0;
}

/* How many cells of others the signed reports account for. */
static uint64_t cells_accounted_for(struct verify *verify)
{
    struct span key, value;
    uint64_t count = 0;
    verify->from_size = 0;
    while (verify_next(verify, TABLE_NOTES, &key, &value)) {
        struct cell_report report;
        if (key.data[0] != HASH_CELLS || !report_load(verify->view, value, &report))
            continue;
        bool own = key_id_equal(report.head.signer, verify->options.own);
        for (size_t i = 0; !own && i < report.cell_count; i++)
            count += row_agrees(verify, &report.cells[i], report.head.signer);
        report_free(&report);
    }
    return count;
}

static uint64_t cells_of_others(struct verify *verify)
{
    struct span key, value;
    uint64_t count = 0;
    verify->from_size = 0;
    while (verify_next(verify, TABLE_CELLS, &key, &value)) {
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        count += cell_parse(key, value, &cell, &origin, &report) &&
                 !key_id_equal(origin, verify->options.own);
    }
    return count;
}

/* Whether the report that is held of this origin has the cell. */
static bool is_reported(const struct verify *verify, const struct cell *cell, struct key_id origin)
{
    struct cell_report report;
    bool is = false;
    if (!report_load_held(verify->view, origin, &report))
        return false;
    for (size_t i = 0; !is && i < report.cell_count; i++)
        is = cell_compare(&report.cells[i], cell) == 0 &&
             row_agrees(verify, &report.cells[i], origin);
    report_free(&report);
    return is;
}

/* One by one they are only looked for when their number says that one can't be found. */
static void check_cell_rows(struct verify *verify)
{
    struct span key, value;
    bool known = verify->options.trusting || cells_of_others(verify) == cells_accounted_for(verify);
    verify->from_size = 0;
    while (verify_next(verify, TABLE_CELLS, &key, &value)) {
        struct buffer row = {0};
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        verify->counts.cells++;
        buffer_append_span(&row, key);
        if (!cell_parse(span_of_buffer(&row), value, &cell, &origin, &report) ||
            !mp_valid(cell.group))
            verify_say_row(verify, TABLE_CELLS, "a row that can't be read", span_of_buffer(&row));
        else if (!known && !key_id_equal(origin, verify->options.own) &&
                 !is_reported(verify, &cell, origin))
            verify_say_row(verify, TABLE_CELLS, "no signed report says so", span_of_buffer(&row));
        buffer_free(&row);
    }
}

/* Every cell of a report has its row, every part that it names is here. */
static void check_report(struct verify *verify, struct span note)
{
    struct cell_report report;
    if (!report_load(verify->view, note, &report)) {
        struct note_head head = {0};
        if (report_decode(note, &report, NULL) != ERR_OK)
            return; /* said with the notes */
        head = report.head;
        report_free(&report);
        struct author_epoch author = {head.signer, head.epoch};
        verify_say(verify, TABLE_META, "a part of a signed report is missing", "report of %s",
                   label_author(verify->tree, &author).text);
        return;
    }
    bool own = key_id_equal(report.head.signer, verify->options.own);
    for (size_t i = 0; !own && i < report.cell_count; i++) {
        uint8_t key[CELL_KEY_BYTES_MAX];
        struct span value;
        size_t size = cell_key(key, &report.cells[i], report.head.signer);
        if (size > 0 && verify->view->get(verify->view->context, TABLE_CELLS, SPAN(key, size),
                                          &value) != READ_FOUND)
            verify_say_row(verify, TABLE_CELLS, "a cell of a signed report is missing",
                           SPAN(key, size));
    }
    report_free(&report);
}

static bool note_names(struct span note, const uint8_t name[static HASH_BYTES])
{
    struct cell_report report;
    bool is = false;
    if (report_decode(note, &report, NULL) != ERR_OK)
        return false;
    for (size_t i = 0; !is && i < report.part_count; i++)
        is = memcmp(report.parts[i].name.bytes, name, HASH_BYTES) == 0;
    report_free(&report);
    return is;
}

static void check_part(struct verify *verify, const uint8_t key[static REPORT_PART_KEY_BYTES],
                       struct span part)
{
    struct hash name = report_part_name(part);
    struct key_id signer;
    struct span note;
    uint8_t held[NOTE_KEY_BYTES_MAX];
    memcpy(signer.bytes, key + 1, KEY_ID_BYTES);
    const uint8_t *named = key + 1 + KEY_ID_BYTES;
    size_t size = note_key(held, HASH_CELLS, signer, 0);
    const char *wrong = NULL;
    if (memcmp(name.bytes, named, HASH_BYTES) != 0)
        wrong = "a part of a report that isn't what its name says";
    else if (!(report_waiting_read(verify->view, signer, &note) && note_names(note, named)) &&
             !(verify->view->get(verify->view->context, TABLE_NOTES, SPAN(held, size), &note) ==
                   READ_FOUND &&
               note_names(note, named)))
        wrong = "a part that no signed report names";
    if (wrong != NULL)
        verify_say_row(verify, TABLE_META, wrong, SPAN(key, REPORT_PART_KEY_BYTES));
}

static void check_waiting(struct verify *verify, const uint8_t key[static REPORT_WAITING_KEY_BYTES],
                          struct span value)
{
    struct buffer note = {0};
    struct note_head head;
    uint8_t signer[KEY_BYTES];
    buffer_append_span(&note, value);
    if (note_read_head(span_of_buffer(&note), HASH_CELLS, &head, NULL) != ERR_OK ||
        memcmp(head.signer.bytes, key + 1, KEY_ID_BYTES) != 0 ||
        !author_key_read(verify->view, verify->tree, head.signer, signer) ||
        !note_verify(span_of_buffer(&note), HASH_CELLS, &verify->options.tree_id, signer, NULL))
        verify_say_row(verify, TABLE_META, "a report that waits and isn't signed",
                       SPAN(key, REPORT_WAITING_KEY_BYTES));
    buffer_free(&note);
}

void verify_report_row(struct verify *verify, struct span key, struct span value)
{
    uint8_t copy[REPORT_PART_KEY_BYTES];
    if (key.size != REPORT_PART_KEY_BYTES && key.size != REPORT_WAITING_KEY_BYTES)
        return;
    memcpy(copy, key.data, key.size);
    if (key.size == REPORT_PART_KEY_BYTES && key.data[0] == 'P')
        check_part(verify, copy, value);
    else if (key.size == REPORT_WAITING_KEY_BYTES && key.data[0] == 'Q' && verify->tree != NULL)
        check_waiting(verify, copy, value);
}

static void check_reports(struct verify *verify)
{
    struct span key, value;
    verify->from_size = 0;
    while (verify_next(verify, TABLE_NOTES, &key, &value)) {
        if (key.data[0] != HASH_CELLS)
            continue;
        struct buffer note = {0};
        buffer_append_span(&note, value);
        check_report(verify, span_of_buffer(&note));
        buffer_free(&note);
    }
}

bool verify_cells(struct verify *verify)
{
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    check_cell_rows(verify);
    if (verify->options.trusting || schema == NULL)
        return false;
    check_own_records(verify, schema);
    check_declared(verify);
    check_received(verify);
    check_reports(verify);
    return false;
}
