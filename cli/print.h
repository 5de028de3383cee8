/* What people and scripts see: errors, tables, JSON lines, times, progress.
 *
 * stdout has the answer alone, stderr everything else. Texts that came from a store or another
 * node are shown without control characters, so that no record can drive a terminal. Widths come
 * from glibc's wcwidth under the C.UTF-8 locale, opened by name: Chinese characters take two
 * columns whatever the environment says. */
#ifndef TERRACE_CLI_PRINT_H
#define TERRACE_CLI_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"

void print_start(void); /* once, before all others */

/* Whether this environment reads Chinese: TERRACE_LANG, else the locale. */
bool print_chinese(void);

/* "terrace: WHAT: WHY", then the next step on a line of its own; in a Chinese environment
 * the code's sentence in Chinese after it. With `json` also
 * {"error":, "what":, "why":, "next":} on stdout. */
void print_failure(const struct error *error, bool json);
/* A note to the person on stderr: "terrace: ...". */
void print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of JSON to stdout; takes the value over. */
void print_json(json_t *value);
/* The same without an end of line, and the value stays the caller's. */
void print_json_part(const json_t *value);

/* Columns that a text takes on a terminal. */
size_t text_width(const char *text);
/* A copy without control characters, cut to `width` columns with an ellipsis; 0: not cut. The
 * caller frees it. */
char *text_shown(struct span text, size_t width);

/* A table whose columns are as wide as their widest cell. Numbers stand right. */
struct table_column {
    const char *title;
    bool right;
};
struct table_rows;
struct table_rows *table_new(const struct table_column *columns, size_t column_count);
/* One cell after the other, row by row; copied and shown without control characters. */
void table_cell(struct table_rows *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void table_print(struct table_rows *table, FILE *to); /* and free */
void table_free(struct table_rows *table);

/* "2026-03-05 14:02:11" in local time; "never" for 0. */
void time_text(uint64_t clock_ms, char text[static 32]);
/* "12 s", "3 min", "5 h", "2 d". */
void duration_text(uint64_t duration_ms, char text[static 32]);
/* "12.3 MiB" */
void bytes_text(uint64_t bytes, char text[static 32]);

/* Progress of long work on stderr: a bar on a terminal, otherwise a line now and then. Total 0: not
 * known, only the figure is shown. */
struct progress {
    const char *label;
    uint64_t total;
    uint64_t shown_ms;
    bool terminal, quiet, drawn;
};
void progress_begin(struct progress *progress, const char *label, uint64_t total, bool quiet);
void progress_update(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);

/* This machine's clock (ms since 1970), and one that only goes forward. */
uint64_t wall_now_ms(void);
uint64_t tick_now_ms(void);

#endif
