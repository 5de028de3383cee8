/* Rows of a CSV file. libcsv is fed a line at a time; a line ends one row at most, since only the
 * line feed ends rows here (a carriage return before it is a blank). What libcsv calls an error,
 * and a row that is too long, cost the row, and reading goes on at the next line; a row that isn't
 * UTF-8 is read to its end, so that none of its lines is taken for a row of its own. */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/source.h"
#include "cli/value.h"

enum { ROW_BYTES_MAX = LINE_BYTES_MAX, COLUMNS_MAX = 2 * FIELDS_MAX + 8 };

struct cell {
    size_t at, size; /* in `text` */
};

struct csv_rows {
    struct lines *lines;
    const struct record_type *type, *companion; /* NULL: no private fields */
    struct csv_parser parser;
    const struct field *columns[COLUMNS_MAX]; /* NULL: left out */
    size_t column_count;
    size_t id_column; /* SIZE_MAX: none */
    struct buffer header;
    struct buffer raw, text; /* of the row being read */
    struct cell cells[COLUMNS_MAX + 1];
    size_t cell_count; /* may be greater than what `cells` holds */
    bool row_ended;
};

static int is_blank(unsigned char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static int is_end(unsigned char byte)
{
    return byte == '\n';
}

static void on_cell(void *data, size_t size, void *context)
{
    struct csv_rows *rows = context;
    if (rows->cell_count++ > COLUMNS_MAX)
        return;
    struct cell *cell = &rows->cells[rows->cell_count - 1];
    const uint8_t *bytes = data;
    cell->at = rows->text.size;
    for (size_t i = 0; i < size; i++) {
        /* lines within a cell end as texts here do */
        if (bytes[i] != '\r' || i + 1 == size || bytes[i + 1] != '\n')
            buffer_append_byte(&rows->text, bytes[i]);
    }
    cell->size = rows->text.size - cell->at;
}

static void on_row(int end, void *context)
{
    struct csv_rows *rows = context;
    (void)end;
    rows->row_ended = true;
}

static struct span cell_at(const struct csv_rows *rows, size_t index)
{
    return SPAN(rows->text.data + rows->cells[index].at, rows->cells[index].size);
}

static void parser_begin(struct csv_rows *rows)
{
    if (csv_init(&rows->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        abort(); /* only for a pointer that is none */
    csv_set_space_func(&rows->parser, is_blank);
    csv_set_term_func(&rows->parser, is_end);
}

static void parser_again(struct csv_rows *rows)
{
    csv_free(&rows->parser);
    parser_begin(rows);
}

static unsigned column_of(struct span line, size_t offset)
{
    unsigned column = 1;
    for (size_t i = 0; i < offset && i < line.size; i++)
        column += (line.data[i] & 0xc0) != 0x80;
    return column;
}

/* One line into the parser; false: the row is spoiled, `error` says why. */
static bool feed(struct csv_rows *rows, struct error *error)
{
    const struct lines *lines = rows->lines;
    if (rows->raw.size > 0)
        buffer_append_byte(&rows->raw, '\n');
    buffer_append_span(&rows->raw, span_of_buffer(&lines->line));
    if (error->code == ERR_OK)
        source_line_valid(lines, error);
    if (lines->too_long || rows->raw.size > ROW_BYTES_MAX) {
        error_set(error, ERR_OVERSIZE, "the row", "it is longer than %d bytes", ROW_BYTES_MAX);
        error_next(error, "look for a quote that was opened and not closed");
        return false;
    }
    buffer_append_byte(&rows->lines->line, '\n');
    struct span line = span_of_buffer(&rows->lines->line);
    size_t taken = csv_parse(&rows->parser, line.data, line.size, on_cell, on_row, rows);
    if (taken == line.size)
        return true;
    error_set(error, ERR_MALFORMED, "the row", "a quote stands where none can be");
    error_next(error, "quote the whole cell and double the quote");
    error_at(error, (unsigned)lines->number, column_of(line, taken));
    return false;
}

/* All lines of the next row. False at the end of the file. */
static bool read_row(struct csv_rows *rows, uint64_t *line, struct error *fault,
                     struct error *error)
{
    buffer_clear(&rows->raw);
    buffer_clear(&rows->text);
    buffer_reserve(&rows->text, 1);
    rows->cell_count = 0;
    rows->row_ended = false;
    *line = 0;
    while (!rows->row_ended) {
        if (!lines_next(rows->lines, error)) {
            if (error->code != ERR_OK || *line == 0)
                return false;
            error_set(fault, ERR_MALFORMED, "the row", "a quoted cell in it never ends");
            parser_again(rows);
            return true;
        }
        if (*line == 0)
            *line = rows->lines->number;
        if (!feed(rows, fault)) {
            parser_again(rows);
            return true;
        }
        if (!rows->row_ended && rows->cell_count == 0 && rows->parser.pstate == 0) {
            buffer_clear(&rows->raw); /* an empty line is no row */
            *line = 0;
        }
    }
    return true;
}

/* The type's own words for a name that it doesn't have. */
static void refuse_column(struct csv_rows *rows, struct span name, struct error *error)
{
    struct buffer fields = {0}, body = {0};
    mp_write_map(&fields, 1);
    mp_write_str(&fields, name);
    mp_write_text(&fields, "");
    schema_encode_body(rows->type, span_of_buffer(&fields), false, &body, error);
    buffer_free(&fields);
    buffer_free(&body);
}

static void name_column(struct csv_rows *rows, struct span name, struct error *error)
{
    const struct field *field = type_field_named(rows->type, name);
    if (field == NULL && rows->companion != NULL)
        field = type_field_named(rows->companion, name);
    for (size_t i = 0; field != NULL && i < rows->column_count; i++) {
        if (rows->columns[i] == field)
            error_set(error, ERR_INVALID, "the first row", "the column %s comes twice",
                      field->name);
    }
    if (field == NULL && !source_skips(name))
        refuse_column(rows, name, error);
    if (span_equal(name, span_of_text("_id")))
        rows->id_column = rows->column_count;
    rows->columns[rows->column_count++] = field;
}

static bool has_column(const struct csv_rows *rows, const struct field *field)
{
    for (size_t i = 0; i < rows->column_count; i++) {
        if (rows->columns[i] == field)
            return true;
    }
    return false;
}

static void check_required(const struct csv_rows *rows, const struct record_type *type,
                           struct error *error)
{
    for (size_t i = 0; error->code == ERR_OK && i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        if (!field->required || has_column(rows, field))
            continue;
        error_set(error, ERR_INVALID, rows->lines->name,
                  "its first row doesn't name %s, which every %s needs", field->name,
                  rows->type->name);
    }
}

static void read_header(struct csv_rows *rows, struct error *error)
{
    uint64_t line;
    if (!read_row(rows, &line, error, error) && error->code == ERR_OK) {
        error_set(error, ERR_MALFORMED, rows->lines->name, "it is empty");
        error_next(error, "its first row names the fields of %s", rows->type->name);
    } else if (error->code == ERR_OK && rows->cell_count > COLUMNS_MAX) {
        error_set(error, ERR_OVERSIZE, rows->lines->name, "its first row has %zu cells",
                  rows->cell_count);
    }
    for (size_t i = 0; error->code == ERR_OK && i < rows->cell_count; i++)
        name_column(rows, cell_at(rows, i), error);
    if (error->code == ERR_OK)
        check_required(rows, rows->type, error);
    if (error->code == ERR_OK && rows->companion != NULL)
        check_required(rows, rows->companion, error);
}

struct csv_rows *csv_rows_new(struct lines *lines, const struct record_type *type,
                              const struct record_type *companion, struct error *error)
{
    struct csv_rows *rows = mem_alloc(sizeof *rows);
    rows->lines = lines;
    rows->type = type;
    rows->companion = companion;
    rows->id_column = SIZE_MAX;
    parser_begin(rows);
    error_clear(error);
    read_header(rows, error);
    buffer_append_span(&rows->header, span_of_buffer(&rows->raw));
    if (error->code == ERR_OK)
        return rows;
    struct error fault = *error;
    if (strcmp(fault.what, lines->name) != 0) {
        error_set(error, fault.code, "", "%s: %s", fault.what, fault.why);
        snprintf(error->what, sizeof error->what, "%.120s:%llu", lines->name,
                 (unsigned long long)lines->number);
        error_next(error, "%s", fault.next);
    }
    csv_rows_free(rows);
    return NULL;
}

void csv_rows_free(struct csv_rows *rows)
{
    if (rows == NULL)
        return;
    csv_free(&rows->parser);
    buffer_free(&rows->header);
    buffer_free(&rows->raw);
    buffer_free(&rows->text);
    free(rows);
}

static struct span without_return(const struct buffer *text)
{
    size_t size = text->size;
    return SPAN(text->data, size > 0 && text->data[size - 1] == '\r' ? size - 1 : size);
}

struct span csv_rows_header(const struct csv_rows *rows)
{
    return without_return(&rows->header);
}

bool csv_needs_guard(struct span text)
{
    static const char *const heads[] = {"=",  "+", "-",  "@",  "\t", "\r",
                                        "\n", "'", "＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t size = strlen(heads[i]);
        if (text.size >= size && memcmp(text.data, heads[i], size) == 0)
            return true;
    }
    return text.size == 0;
}

struct span csv_unguarded(struct span cell)
{
    struct span rest =
        cell.size > 0 && cell.data[0] == CSV_GUARD ? SPAN(cell.data + 1, cell.size - 1) : cell;
    return rest.size != cell.size && csv_needs_guard(rest) ? rest : cell;
}

/* A list is a JSON array of texts; anything else is its one item. */
static void write_list(struct span text, struct buffer *out)
{
    json_t *items = text.size > 0 && text.data[0] == '['
                        ? json_loadb((const char *)text.data, text.size, 0, NULL)
                        : NULL;
    if (json_is_array(items))
        value_from_json(items, out);
    else
        mp_write_str(out, text);
    json_decref(items);
}

/* Whether a cell is a value of the new record. */
static bool is_given(const struct csv_rows *rows, size_t index)
{
    return rows->columns[index] != NULL && rows->cells[index].size > 0 &&
           !source_follows(rows->type, rows->columns[index], csv_unguarded(cell_at(rows, index)));
}

static void write_cells(const struct csv_rows *rows, struct buffer *fields)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rows->column_count; i++)
        count += is_given(rows, i);
    mp_write_map(fields, count);
    for (size_t i = 0; i < rows->column_count; i++) {
        struct span text = csv_unguarded(cell_at(rows, i));
        if (!is_given(rows, i))
            continue;
        mp_write_text(fields, rows->columns[i]->name);
        if (rows->columns[i]->kind == FIELD_LIST)
            write_list(text, fields);
        else
            mp_write_str(fields, text);
    }
}

bool csv_rows_next(struct csv_rows *rows, struct source_row *row, struct error *error)
{
    if (!read_row(rows, &row->line, &row->error, error))
        return false;
    row->raw = without_return(&rows->raw);
    if (row->error.code != ERR_OK)
        return true;
    if (rows->cell_count != rows->column_count)
        error_set(&row->error, ERR_MALFORMED, "the row", "it has %zu cells, the first row has %zu",
                  rows->cell_count, rows->column_count);
    else
        write_cells(rows, &row->fields);
    if (row->error.code == ERR_OK && rows->id_column < rows->cell_count)
        source_set_from(row, csv_unguarded(cell_at(rows, rows->id_column)));
    return true;
}
