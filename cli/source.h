/* Records out of a file: NDJSON (an object a line) or CSV (the first row names the fields).
 *
 * Each row comes out as a map of names to values, checked against its type, or refused with its
 * line and the reason; a refused row stops nothing. Columns and names with these heads are not
 * fields and are left out: _id, _origin, _created, _changed (as `export --ids` writes them); _id is
 * kept beside the fields, since what was erased in that record must not come back. */
#ifndef TERRACE_CLI_SOURCE_H
#define TERRACE_CLI_SOURCE_H

#include "cli/lines.h"
#include "schema/schema.h"

enum source_format { SOURCE_NDJSON, SOURCE_CSV };
/* From --format, else the file's ending. ERR_USAGE. */
enum error_code source_format_of(const char *format, const char *path, enum source_format *to,
                                 struct error *error);

struct source_row {
    uint64_t number; /* from 1; refused ones count too */
    uint64_t line;   /* where it begins, from 1 */
    struct span raw; /* as it stands in the file, without the last line's end */
    struct buffer fields;
    char from[33]; /* _id: the record that it was exported from, 32 hex digits; empty: not said */
    struct error error; /* code ERR_OK: `fields` holds; else `what` and `why` */
};

struct source;

/* `digest`, `line_count`: of the whole file. A CSV header that the type doesn't know is an error
 * here, with the nearest name. NULL with `error`. The caller frees with source_free. */
struct source *source_new(const char *path, enum source_format format,
                          const struct record_type *type, const struct record_type *companion,
                          struct hash *digest, uint64_t *line_count, struct error *error);
void source_free(struct source *source); /* NULL is legal */
/* False at the end; with error->code set when the file can't be read on. */
bool source_next(struct source *source, struct source_row *row, struct error *error);
/* The header as it stands in the file; empty for NDJSON. */
struct span source_header(const struct source *source);
uint64_t source_line(const struct source *source); /* how far it has been read */

/* Whether such a name is left out. */
bool source_skips(struct span name);
/* Whether a new record shows this by itself, as an export has it: what follows from other fields,
 * and the state in which records of a type with a workflow begin. It is left out, too. */
bool source_follows(const struct record_type *type, const struct field *field, struct span text);
/* What stands in _id; an empty text says nothing, and what is no id is an error of the row. */
void source_set_from(struct source_row *row, struct span text);

/* csv_rows.c: rows of a CSV file. */
struct csv_rows;
struct csv_rows *csv_rows_new(struct lines *lines, const struct record_type *type,
                              const struct record_type *companion, struct error *error);
void csv_rows_free(struct csv_rows *rows);
bool csv_rows_next(struct csv_rows *rows, struct source_row *row, struct error *error);
struct span csv_rows_header(const struct csv_rows *rows);

/* A line that isn't UTF-8: says so with its column. */
bool source_line_valid(const struct lines *lines, struct error *error);

/* Cells that a spreadsheet would run: what is written in front of them, and taken away again. A
 * lone one is the empty text. */
#define CSV_GUARD '\''
bool csv_needs_guard(struct span text);
/* The text of a cell as it was read. */
struct span csv_unguarded(struct span cell);

#endif
