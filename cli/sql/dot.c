/* What begins with a point at the prompt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sql/sql.h"

static enum error_code show(struct sql_asking *asking, const char *statement, const char *table,
                            struct error *error)
{
    struct sql_asking own = {.directory = asking->directory,
                             .format = SQL_TABLE,
                             .timeout_ms = asking->timeout_ms,
                             .client = asking->client,
                             .stop = asking->stop};
    if (table != NULL) {
        mp_write_map(&own.parameters, 1);
        mp_write_text(&own.parameters, "table");
        mp_write_text(&own.parameters, table);
    }
    enum error_code code = sql_ask(&own, span_of_text(statement), 1, error);
    asking->client = own.client;
    buffer_free(&own.parameters);
    return code;
}

static void help(void)
{
    printf("a statement ends with ; and may go over several lines\n"
           ".tables [LIKE]   the tables: one a type, one a list of a type, and some more\n"
           ".schema [TABLE]  its columns; of all tables\n"
           ".mode [FORMAT]   how rows are shown: table, csv, json or ndjson\n"
           ".help            this\n"
           ".quit            end; Ctrl-D does it too\n"
           "Ctrl-C           ends the query, or forgets what was typed\n"
           "times are UTC: WHERE created > '2026-03-01'; decimals are exact\n"
           "EXPLAIN QUERY PLAN SELECT ... says which index serves\n");
}

static enum error_code mode(struct sql_asking *asking, const char *name, struct error *error)
{
    if (name[0] != '\0')
        return sql_format_of(name, &asking->format, error);
    printf("%s\n", sql_format_name(asking->format));
    return ERR_OK;
}

enum error_code sql_dot(struct sql_asking *asking, const char *line, bool *over,
                        struct error *error)
{
    size_t size = strcspn(line, " \t;");
    const char *rest = line + size + strspn(line + size, " \t;");
    char table[128];
    snprintf(table, sizeof table, "%.*s", (int)strcspn(rest, " \t;"), rest);
    struct span word = SPAN(line, size);
    if (span_equal(word, span_of_text(".quit")) || span_equal(word, span_of_text(".exit"))) {
        *over = true;
    } else if (span_equal(word, span_of_text(".help"))) {
        help();
    } else if (span_equal(word, span_of_text(".tables"))) {
        return show(asking,
                    "SELECT table_name AS \"table\", count(*) AS columns FROM columns "
                    "WHERE table_name LIKE :table GROUP BY table_name ORDER BY 1",
                    table[0] == '\0' ? "%" : table, error);
    } else if (span_equal(word, span_of_text(".mode"))) {
        return mode(asking, table, error);
    } else if (span_equal(word, span_of_text(".schema")) && table[0] != '\0') {
        return show(asking,
                    "SELECT name, kind, private, required FROM columns "
                    "WHERE table_name = :table COLLATE NOCASE",
                    table, error);
    } else if (span_equal(word, span_of_text(".schema"))) {
        return show(asking, "SELECT table_name AS \"table\", name, kind FROM columns", NULL, error);
    } else {
        error_set(error, ERR_USAGE, "sql", "there is no %.40s here", line);
        error_next(error, ".help lists what there is; a statement begins with SELECT or WITH");
    }
    return error->code;
}
