/* Rows of NDJSON, and what both formats share. */
#include "cli/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"
#include "replication/query/query.h"
#include "schema/workflow.h"

struct source {
    struct lines lines;
    const struct record_type *type, *companion; /* NULL: no private fields */
    struct csv_rows *csv;                       /* NULL: NDJSON */
    uint64_t rows;
};

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

enum error_code source_format_of(const char *format, const char *path, enum source_format *to,
                                 struct error *error)
{
    if (format != NULL && strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
        return error_set(error, ERR_USAGE, "--format", "found '%s', expected csv or ndjson",
                         format);
    bool csv = format != NULL ? strcmp(format, "csv") == 0 : ends_with(path, ".csv");
    bool ndjson = format != NULL ? !csv : ends_with(path, ".ndjson") || ends_with(path, ".jsonl");
    *to = csv ? SOURCE_CSV : SOURCE_NDJSON;
    if (csv || ndjson)
        return ERR_OK;
    error_set(error, ERR_USAGE, path, "its name doesn't say what it is");
    error_next(error, "add --format csv or --format ndjson");
    return ERR_USAGE;
}

bool source_skips(struct span name)
{
    static const char *const names[] = {"_id", "_origin", "_created", "_changed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (span_equal(name, span_of_text(names[i])))
            return true;
    }
    return false;
}

bool source_follows(const struct record_type *type, const struct field *field, struct span text)
{
    const struct workflow *workflow = type->workflow;
    if (field != NULL && field->more != NULL && field->more->derivation != NULL)
        return true;
    return field != NULL && workflow != NULL && workflow->field == field->number &&
           span_equal(text, span_of_text(workflow_initial(workflow)->name));
}

static bool is_left_out(const struct record_type *type, const char *name, const json_t *value)
{
    struct span text = json_is_string(value)
                           ? SPAN(json_string_value(value), json_string_length(value))
                           : SPAN_EMPTY;
    return json_is_null(value) || source_skips(span_of_text(name)) ||
           source_follows(type, type_field_named(type, span_of_text(name)), text);
}

void source_set_from(struct source_row *row, struct span text)
{
    struct record_id id;
    row->from[0] = '\0';
    if (text.size == 0)
        return;
    if (record_id_parse(text, &id)) {
        record_id_text(&id, row->from);
        return;
    }
    error_set(&row->error, ERR_INVALID, "_id", "found \"%.*s\", expected the 32 digits of an id",
              text.size > 40 ? 40 : (int)text.size, (const char *)text.data);
    error_next(&row->error, "leave it as `terrace export` wrote it, or leave the whole column out");
}

bool source_line_valid(const struct lines *lines, struct error *error)
{
    struct span line = span_of_buffer(&lines->line);
    unsigned column = 1;
    uint32_t code;
    for (size_t at = 0; at < line.size; column++) {
        size_t size = utf8_character(line, at, &code);
        if (size == 0 || code == 0) {
            error_set(error, ERR_MALFORMED, "the text",
                      size == 0 ? "it is not valid UTF-8" : "it holds a NUL");
            error_at(error, (unsigned)lines->number, column);
            error_next(error, "save the file as UTF-8");
            return false;
        }
        at += size;
    }
    return true;
}

static bool refuse_pair(const struct record_type *type, const char *name, struct error *error)
{
    char what[160];
    snprintf(what, sizeof what, "the field \"%.64s\" of %s", name, type->name);
    error_set(error, ERR_INVALID, what, "it holds a number with a fraction, which no field takes");
    return false;
}

static bool fields_of_object(const struct record_type *type, json_t *object, struct buffer *fields,
                             struct error *error)
{
    struct buffer pairs = {0};
    const char *key = NULL;
    json_t *value = NULL;
    uint32_t count = 0;
    bool good = true;
    json_object_foreach(object, key, value)
    {
        if (is_left_out(type, key, value))
            continue;
        mp_write_text(&pairs, key);
        good = good && (value_from_json(value, &pairs) || refuse_pair(type, key, error));
        count++;
    }
    mp_write_map(fields, count);
    buffer_append_span(fields, span_of_buffer(&pairs));
    buffer_free(&pairs);
    return good;
}

static bool read_object(const struct source *source, struct source_row *row)
{
    json_error_t fault;
    json_t *object =
        json_loadb((const char *)row->raw.data, row->raw.size, JSON_REJECT_DUPLICATES, &fault);
    bool good = json_is_object(object);
    if (object == NULL) {
        error_set(&row->error, ERR_MALFORMED, "the line", "%s", fault.text);
        error_at(&row->error, (unsigned)row->line, fault.column > 0 ? (unsigned)fault.column : 1);
    } else if (!good) {
        error_set(&row->error, ERR_MALFORMED, "the line", "expected one JSON object");
    } else {
        good = fields_of_object(source->type, object, &row->fields, &row->error);
    }
    const json_t *from = json_object_get(object, "_id");
    if (good && json_is_string(from))
        source_set_from(row, SPAN(json_string_value(from), json_string_length(from)));
    json_decref(object);
    return good;
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (strchr(" \t\r", line.data[i]) == NULL || line.data[i] == 0)
            return false;
    }
    return true;
}

static bool next_object(struct source *source, struct source_row *row, struct error *error)
{
    struct lines *lines = &source->lines;
    do {
        if (!lines_next(lines, error))
            return false;
    } while (is_blank(span_of_buffer(&lines->line)));
    row->line = lines->number;
    row->raw = span_of_buffer(&lines->line);
    if (row->raw.data[row->raw.size - 1] == '\r')
        row->raw.size--;
    if (lines->too_long)
        error_set(&row->error, ERR_OVERSIZE, "the line", "it is longer than %d bytes",
                  LINE_BYTES_MAX);
    else if (source_line_valid(lines, &row->error))
        read_object(source, row);
    return true;
}

struct source *source_new(const char *path, enum source_format format,
                          const struct record_type *type, const struct record_type *companion,
                          struct hash *digest, uint64_t *line_count, struct error *error)
{
    struct source *source = mem_alloc(sizeof *source);
    source->type = type;
    source->companion = companion;
    enum error_code code = lines_open(&source->lines, path, digest, line_count, error);
    if (code == ERR_OK && format == SOURCE_CSV) {
        source->csv = csv_rows_new(&source->lines, type, companion, error);
        code = source->csv == NULL ? error->code : ERR_OK;
    }
    if (code == ERR_OK)
        return source;
    source_free(source);
    return NULL;
}

void source_free(struct source *source)
{
    if (source == NULL)
        return;
    csv_rows_free(source->csv);
    lines_close(&source->lines);
    free(source);
}

/* What the node would say of the fields, private ones too. */
static void check_fields(const struct source *source, struct span fields, struct error *error)
{
    struct buffer shared = {0}, private = {0}, body = {0};
    schema_split_fields(source->companion, fields, &shared, &private);
    enum error_code code =
        schema_encode_body(source->type, span_of_buffer(&shared), true, &body, error);
    buffer_clear(&body);
    if (code == ERR_OK && source->companion != NULL)
        schema_encode_body(source->companion, span_of_buffer(&private), true, &body, error);
    buffer_free(&shared);
    buffer_free(&private);
    buffer_free(&body);
}

bool source_next(struct source *source, struct source_row *row, struct error *error)
{
    buffer_clear(&row->fields);
    row->from[0] = '\0';
    error_clear(&row->error);
    bool there = source->csv != NULL ? csv_rows_next(source->csv, row, error)
                                     : next_object(source, row, error);
    if (!there)
        return false;
    row->number = ++source->rows;
    if (row->error.code == ERR_OK)
        check_fields(source, span_of_buffer(&row->fields), &row->error);
    return true;
}

struct span source_header(const struct source *source)
{
    return source->csv == NULL ? SPAN_EMPTY : csv_rows_header(source->csv);
}

uint64_t source_line(const struct source *source)
{
    return source->lines.number;
}
