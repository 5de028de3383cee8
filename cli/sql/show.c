/* An answer as a table, CSV, a JSON array, or JSON line by line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv_cell.h"
#include "cli/print.h"
#include "cli/sql/sql.h"

enum { TABLE_ROWS = 1000 }; /* then it is shown, and the next begins with titles again */

struct sql_show {
    enum sql_format format;
    size_t count;
    char **names; /* in JSON each once */
    bool *exact;  /* a decimal: digits, a point and a sign, which no spreadsheet runs */
    struct table_column *columns;
    struct table_rows *table; /* NULL: none is begun */
    size_t table_rows;
    uint64_t rows;
    bool begun;
};

static const char *const format_names[] = {"table", "csv", "json", "ndjson"};

const char *sql_format_name(enum sql_format format)
{
    return format_names[format];
}

enum error_code sql_format_of(const char *name, enum sql_format *format, struct error *error)
{
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++) {
        if (strcmp(name, format_names[i]) == 0) {
            *format = (enum sql_format)i;
            return ERR_OK;
        }
    }
    return error_set(error, ERR_USAGE, "the format", "%s: table, csv, json or ndjson is meant",
                     name);
}

struct sql_show *sql_show_new(enum sql_format format)
{
    struct sql_show *show = mem_alloc(sizeof *show);
    show->format = format;
    return show;
}

/* The name, or with a number behind it if it was there before. */
static char *name_once(const struct sql_show *show, size_t count, const char *name)
{
    char *own = mem_text(name);
    for (unsigned number = 2; show->format == SQL_JSON || show->format == SQL_NDJSON; number++) {
        bool there = false;
        for (size_t i = 0; i < count; i++)
            there |= strcmp(show->names[i], own) == 0;
        if (!there)
            break;
        free(own);
        size_t size = strlen(name) + 16;
        own = mem_alloc(size);
        snprintf(own, size, "%s_%u", name, number);
    }
    return own;
}

void sql_show_columns(struct sql_show *show, const json_t *names, const json_t *kinds)
{
    show->count = json_array_size(names);
    show->names = mem_alloc((show->count + 1) * sizeof *show->names);
    show->exact = mem_alloc((show->count + 1) * sizeof *show->exact);
    show->columns = mem_alloc((show->count + 1) * sizeof *show->columns);
    for (size_t i = 0; i < show->count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const char *kind = json_string_value(json_array_get(kinds, i));
        show->names[i] = name_once(show, i, name == NULL ? "" : name);
        show->exact[i] = kind != NULL && strcmp(kind, "DECIMAL TEXT") == 0;
        show->columns[i].right = show->exact[i] || (kind != NULL && strcmp(kind, "INTEGER") == 0);
    }
    if (show->format == SQL_CSV) {
        for (size_t i = 0; i < show->count; i++) {
            if (i > 0)
                putchar(',');
            csv_put_cell(span_of_text(show->names[i]), true);
        }
        fputs("\r\n", stdout);
    }
}

static bool is_number(const json_t *value)
{
    return json_is_integer(value) || json_is_array(value);
}

/* A number's text; a text as it is. The caller frees. */
static char *value_text(const json_t *value)
{
    char number[32];
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_string(value))
        return mem_text(json_string_value(value));
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return mem_text(json_is_integer(value) ? number : "");
}

/* ---- table ---- */

static void flush_table(struct sql_show *show)
{
    if (show->table != NULL)
        table_print(show->table, stdout);
    show->table = NULL;
    show->table_rows = 0;
}

static void begin_table(struct sql_show *show, const json_t *row)
{
    for (size_t i = 0; i < show->count; i++) {
        show->columns[i].title = show->names[i];
        show->columns[i].right |= is_number(json_array_get(row, i));
    }
    show->table = table_new(show->columns, show->count);
}

static void table_row(struct sql_show *show, const json_t *row)
{
    if (show->table == NULL)
        begin_table(show, row);
    for (size_t i = 0; i < show->count; i++) {
        char *text = value_text(json_array_get(row, i));
        table_cell(show->table, "%s", text);
        free(text);
    }
    if (++show->table_rows == TABLE_ROWS)
        flush_table(show);
}

/* ---- CSV, JSON ---- */

static void csv_row(const struct sql_show *show, const json_t *row)
{
    for (size_t i = 0; i < show->count; i++) {
        const json_t *value = json_array_get(row, i);
        if (i > 0)
            putchar(',');
        if (json_is_null(value))
            continue;
        char *text = value_text(value);
        csv_put_cell(span_of_text(text), !is_number(value) && !show->exact[i]);
        free(text);
    }
    fputs("\r\n", stdout);
}

/* What SQLite writes of a number with a point is JSON, but for infinity. */
static void json_number_part(const char *text)
{
    if (strspn(text, "+-.0123456789eE") == strlen(text) && text[0] != '\0')
        fputs(text, stdout);
    else
        fputs("null", stdout);
}

static void json_row(const struct sql_show *show, const json_t *row)
{
    putchar('{');
    for (size_t i = 0; i < show->count; i++) {
        const json_t *value = json_array_get(row, i);
        if (i > 0)
            putchar(',');
        json_t *name = json_string(show->names[i]);
        print_json_part(name);
        json_decref(name);
        putchar(':');
        if (json_is_array(value))
            json_number_part(json_string_value(json_array_get(value, 0)));
        else
            print_json_part(value);
    }
    putchar('}');
}

void sql_show_row(struct sql_show *show, const json_t *row)
{
    show->rows++;
    switch (show->format) {
    case SQL_TABLE: table_row(show, row); break;
    case SQL_CSV: csv_row(show, row); break;
    case SQL_JSON:
        fputs(show->begun ? ",\n" : "[", stdout);
        json_row(show, row);
        break;
    case SQL_NDJSON:
        json_row(show, row);
        putchar('\n');
        break;
    }
    show->begun = true;
}

uint64_t sql_show_end(struct sql_show *show)
{
    uint64_t rows = show->rows;
    if (show->format == SQL_TABLE && show->rows == 0 && show->count > 0)
        begin_table(show, NULL);
    flush_table(show);
    if (show->format == SQL_JSON && show->names != NULL)
        fputs(show->begun ? "]\n" : "[]\n", stdout);
    for (size_t i = 0; i < show->count; i++)
        free(show->names[i]);
    free(show->names);
    free(show->exact);
    free(show->columns);
    free(show);
    return rows;
}
