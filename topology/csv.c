/* Tables to rows: libcsv parses, fed byte by byte so that every fault has its line and column. */
#include "topology/csv.h"

#include <csv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

enum column { COLUMN_CODE, COLUMN_NAME, COLUMN_TIER, COLUMN_PARENT, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {"code", "name", "tier", "parent"};

struct reading {
    struct csv_tree *tree;
    const char *file_name;
    struct error *error;
    bool failed;
    bool header_read;
    size_t place_of[COLUMN_COUNT]; /* 1 + which field of a row it is; 0: not named */
    size_t field_count;            /* fields that the header has */
    size_t field;                  /* fields of this row so far */
    struct span fields[COLUMN_COUNT];
    bool row_open, field_open;
    unsigned line, column;           /* of the byte being read */
    unsigned row_line, field_column; /* where row and field began */
    unsigned field_line;
};

__attribute__((format(printf, 4, 5))) static void complain(struct reading *reading, unsigned line,
                                                           unsigned column, const char *why, ...)
{
    if (reading->failed)
        return;
    reading->failed = true;
    char place[160], words[320];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(words, sizeof words, why, arguments);
    va_end(arguments);
    snprintf(place, sizeof place, "%.120s:%u:%u", reading->file_name, line, column);
    error_set(reading->error, ERR_MALFORMED, place, "%s", words);
    error_at(reading->error, line, column);
    error_next(reading->error, "Correct the table and try again.");
}

static void on_header_field(struct reading *reading, struct span text)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (!span_equal(text, span_of_text(column_names[i])))
            continue;
        if (reading->place_of[i] != 0)
            complain(reading, reading->field_line, reading->field_column,
                     "the column %s comes twice", column_names[i]);
        reading->place_of[i] = reading->field + 1;
    }
}

static void on_field(void *data, size_t size, void *context)
{
    struct reading *reading = context;
    struct buffer *texts = &reading->tree->text;
    struct span text = SPAN(texts->data + texts->size, size);
    reading->field_open = false;
    if (!utf8_valid(SPAN(data, size)))
        complain(reading, reading->field_line, reading->field_column,
                 "the field is not valid UTF-8 text; save the table as UTF-8");
    if (texts->size + size > texts->capacity) {
        complain(reading, reading->field_line, reading->field_column, "the field is too long");
        return;
    }
    if (size > 0)
        buffer_append(texts, data, size);
    if (!reading->header_read)
        on_header_field(reading, text);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (reading->header_read && reading->place_of[i] == reading->field + 1)
            reading->fields[i] = text;
    }
    reading->field++;
}

static void header_finish(struct reading *reading)
{
    reading->header_read = true;
    reading->field_count = reading->field;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (reading->place_of[i] == 0)
            complain(reading, reading->row_line, 1,
                     "the first row names no column %s; it must name code,name,tier,parent",
                     column_names[i]);
    }
}

static void row_finish(struct reading *reading)
{
    struct csv_tree *tree = reading->tree;
    if (reading->field != reading->field_count) {
        complain(reading, reading->row_line, 1, "the row has %zu fields, the first row has %zu",
                 reading->field, reading->field_count);
        return;
    }
    size_t count = tree->row_count;
    if ((count & (count - 1)) == 0)
        tree->rows = mem_resize(tree->rows, (count == 0 ? 1 : count * 2) * sizeof *tree->rows);
    tree->rows[count] = (struct csv_tree_row){.code = reading->fields[COLUMN_CODE],
                                              .name = reading->fields[COLUMN_NAME],
                                              .tier = reading->fields[COLUMN_TIER],
                                              .parent = reading->fields[COLUMN_PARENT],
                                              .line = reading->row_line};
    tree->row_count++;
}

static void on_row(int terminator, void *context)
{
    struct reading *reading = context;
    (void)terminator;
    if (reading->header_read)
        row_finish(reading);
    else
        header_finish(reading);
    reading->row_open = false;
    reading->field_open = false;
    reading->field = 0;
}

static void feed(struct reading *reading, struct csv_parser *parser, uint8_t byte)
{
    bool is_blank = byte == '\r' || byte == '\n' || byte == ' ' || byte == '\t';
    if (!reading->field_open && !is_blank) {
        reading->field_open = true;
        reading->field_line = reading->line;
        reading->field_column = reading->column;
        if (!reading->row_open)
            reading->row_line = reading->line;
        reading->row_open = true;
    }
    if (csv_parse(parser, &byte, 1, on_field, on_row, reading) != 1)
        complain(reading, reading->line, reading->column,
                 "a quote stands where none can be; quote the whole field and double the quote");
    if (byte == '\n') {
        reading->line++;
        reading->column = 1;
    } else if ((byte & 0xc0) != 0x80) { /* not inside a character */
        reading->column++;
    }
}

static void feed_all(struct reading *reading, struct csv_parser *parser, struct span text)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    size_t at = text.size >= 3 && memcmp(text.data, mark, 3) == 0 ? 3 : 0;
    for (; at < text.size && !reading->failed; at++)
        feed(reading, parser, text.data[at]);
    if (!reading->failed && csv_fini(parser, on_field, on_row, reading) != 0)
        complain(reading, reading->field_line, reading->field_column,
                 "the quoted field that begins here never ends");
    if (!reading->failed && !reading->header_read)
        complain(reading, 1, 1, "the table is empty; its first row names code,name,tier,parent");
}

struct csv_tree *csv_tree_read(struct span text, const char *file_name, struct error *error)
{
    struct csv_tree *tree = mem_alloc(sizeof *tree);
    struct reading reading = {
        .tree = tree, .file_name = file_name, .error = error, .line = 1, .column = 1};
    struct csv_parser parser;
    if (text.size > CSV_TREE_BYTES_MAX)
        complain(&reading, 1, 1, "the table is larger than 64 MiB");
    if (!reading.failed && csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0) {
        /* Spans into it stay true: fields are never longer than the text they come from. */
        buffer_reserve(&tree->text, text.size + 1);
        feed_all(&reading, &parser, text);
        csv_free(&parser);
    }
    if (!reading.failed)
        return tree;
    csv_tree_free(tree);
    return NULL;
}

void csv_tree_free(struct csv_tree *tree)
{
    if (tree == NULL)
        return;
    free(tree->rows);
    buffer_free(&tree->text);
    free(tree);
}
