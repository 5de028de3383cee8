/* terrace sql: read-only SQL over everything that the node holds; one query, or a prompt. */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/sql/sql.h"

static const struct option_row options[] = {
    {"format", "FORMAT", "table (unless given), csv, json or ndjson"},
    {"param", "NAME=VALUE", "the value of :NAME in the query; may be given more than once"},
    {"timeout", "SECONDS", "the query's limit (30 unless the node says otherwise)"},
    {NULL, NULL, NULL},
};

static enum error_code read_options(const struct arguments *arguments, struct sql_asking *asking,
                                    struct error *error)
{
    const char *format = arguments_value(arguments, "format"), *pairs[OPTIONS_GIVEN_MAX];
    size_t count = 0;
    uint64_t seconds = 0;
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].row->name, "param") == 0)
            pairs[count++] = arguments->given[i].value;
    }
    asking->format = arguments->json ? SQL_NDJSON : SQL_TABLE;
    if (arguments_directory(arguments, &asking->directory, error) != ERR_OK ||
        arguments_number(arguments, "timeout", 1, 3600, &seconds, error) != ERR_OK ||
        (format != NULL && sql_format_of(format, &asking->format, error) != ERR_OK))
        return error->code;
    asking->timeout_ms = seconds * 1000;
    return sql_parameters(asking, pairs, count, error);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct sql_asking asking = {.stop = -1};
    if (read_options(arguments, &asking, error) == ERR_OK) {
        if (arguments->word_count > 0)
            sql_ask(&asking, span_of_text(arguments->words[0]), 1, error);
        else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
            sql_prompt(&asking, error);
        else
            sql_from_pipe(&asking, error);
    }
    sql_asking_free(&asking);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_sql = {
    .name = "sql",
    .usage = "[QUERY]",
    .summary = "read-only SQL over everything this node holds; without QUERY a prompt",
    .detail =
        "A table for each type (its fields are columns, beside id, origin, created, changed ...),\n"
        "one for each list field (TYPE_FIELD: id, place, value), and types, columns, seats, "
        "links,\n"
        "history, conflicts, quarantine. SELECT * FROM columns lists all of them.\n"
        "Without QUERY statements are read from the terminal, or from a pipe, each up to its ;\n"
        "Examples, and what is exact how: docs/sql.md",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
