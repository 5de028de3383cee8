/* A table whose columns are as wide as their widest cell, counted in terminal columns. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "cli/print.h"

struct table_rows {
    const struct table_column *columns;
    size_t column_count;
    char **cells;
    size_t cell_count, capacity;
};

enum { TABLE_CELL_BYTES_MAX = 1024 };

struct table_rows *table_new(const struct table_column *columns, size_t column_count)
{
    struct table_rows *table = mem_alloc(sizeof *table);
    table->columns = columns;
    table->column_count = column_count;
    return table;
}

void table_cell(struct table_rows *table, const char *format, ...)
{
    char text[TABLE_CELL_BYTES_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (table->cell_count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->cells = mem_resize(table->cells, table->capacity * sizeof *table->cells);
    }
    table->cells[table->cell_count++] = text_shown(span_of_text(text), 0);
}

static size_t column_width(const struct table_rows *table, size_t column)
{
    size_t width = text_width(table->columns[column].title);
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t cell = text_width(table->cells[i]);
        width = cell > width ? cell : width;
    }
    return width;
}

static void put_spaces(size_t count, FILE *to)
{
    for (size_t i = 0; i < count; i++)
        fputc(' ', to);
}

static void put_cell(const struct table_rows *table, size_t column, size_t width, const char *text,
                     FILE *to)
{
    size_t spaces = width - text_width(text);
    bool last = column + 1 == table->column_count;
    if (table->columns[column].right)
        put_spaces(spaces, to);
    fputs(text, to);
    if (!table->columns[column].right && !last)
        put_spaces(spaces, to);
    fputs(last ? "\n" : "  ", to);
}

void table_free(struct table_rows *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

void table_print(struct table_rows *table, FILE *to)
{
    assert(table->cell_count % table->column_count == 0);
    size_t *widths = mem_alloc(table->column_count * sizeof *widths);
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i < table->column_count; i++)
        put_cell(table, i, widths[i], table->columns[i].title, to);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        put_cell(table, column, widths[column], table->cells[i], to);
    }
    free(widths);
    table_free(table);
}
