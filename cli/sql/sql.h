/* terrace sql: asking, showing, and the prompt. */
#ifndef TERRACE_CLI_SQL_SQL_H
#define TERRACE_CLI_SQL_SQL_H

#include <jansson.h>

#include "cli/client.h"

enum sql_format { SQL_TABLE, SQL_CSV, SQL_JSON, SQL_NDJSON };
/* ERR_USAGE names those that there are. */
enum error_code sql_format_of(const char *name, enum sql_format *format, struct error *error);

const char *sql_format_name(enum sql_format format);

/* show.c: an answer on stdout, row by row. */
struct sql_show;
struct sql_show *sql_show_new(enum sql_format format);
void sql_show_columns(struct sql_show *show, const json_t *names, const json_t *kinds);
/* One value a column: null, number, text, or [text]: a number with a point. */
void sql_show_row(struct sql_show *show, const json_t *row);
/* Ends it, as well after an error; gives how many rows there were. */
uint64_t sql_show_end(struct sql_show *show);

/* ask.c: what is asked with, and one question. */
struct sql_asking {
    const char *directory;
    enum sql_format format;
    struct buffer parameters; /* a msgpack map; empty: none */
    uint64_t timeout_ms;      /* 0: as the node has it */
    struct client *client;
    int stop; /* a descriptor that ends a query when it can be read; -1: none */
};
/* From --param NAME=VALUE texts: whole numbers become numbers. ERR_USAGE. */
enum error_code sql_parameters(struct sql_asking *asking, const char *const *pairs, size_t count,
                               struct error *error);
void sql_asking_free(struct sql_asking *asking);
/* One statement; `line`: where it begins in what was read, from 1. The rows are shown; where it
 * isn't understood, the line and a mark under the place go to stderr. */
enum error_code sql_ask(struct sql_asking *asking, struct span statement, unsigned line,
                        struct error *error);
/* The same, with the rows for the caller. */
enum error_code sql_ask_rows(struct sql_asking *asking, struct span statement,
                             void (*row)(void *context, const json_t *row), void *context,
                             struct error *error);

/* statements.c: the first statement of `text` up to its ';' outside of texts, names and comments.
 * Gives its size with the ';'; 0: it isn't complete. */
size_t sql_statement_size(struct span text);
/* Whether there is nothing in it but space, comments and ';'. */
bool sql_is_blank(struct span text);

/* prompt.c: on a terminal, with a line editor. */
enum error_code sql_prompt(struct sql_asking *asking, struct error *error);
/* Statement after statement from stdin; the first error ends it. */
enum error_code sql_from_pipe(struct sql_asking *asking, struct error *error);
/* .tables [PATTERN], .schema [TABLE], .mode [FORMAT], .help; `.quit` sets *over. ERR_USAGE. */
enum error_code sql_dot(struct sql_asking *asking, const char *line, bool *over,
                        struct error *error);

#endif
