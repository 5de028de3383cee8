/* One statement to the node, its rows to whoever shows them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/sql/sql.h"
#include "cli/value.h"

enum { PATIENCE_MS = 15000 }; /* beside the query's own time */

/* A whole number as it would be written; anything else stays a text. */
static bool is_integer(const char *text, long long *number)
{
    char again[32], *end = NULL;
    errno = 0;
    *number = strtoll(text, &end, 10);
    snprintf(again, sizeof again, "%lld", *number);
    return errno == 0 && strcmp(again, text) == 0;
}

enum error_code sql_parameters(struct sql_asking *asking, const char *const *pairs, size_t count,
                               struct error *error)
{
    if (count == 0)
        return ERR_OK;
    mp_write_map(&asking->parameters, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const char *equal = strchr(pairs[i], '=');
        long long number;
        if (equal == NULL || equal == pairs[i] || !utf8_valid(span_of_text(pairs[i]))) {
            error_set(error, ERR_USAGE, "--param", "%.100s: NAME=VALUE is meant", pairs[i]);
            error_next(error, "in the query it is called :NAME");
            return ERR_USAGE;
        }
        mp_write_str(&asking->parameters, SPAN(pairs[i], (size_t)(equal - pairs[i])));
        if (is_integer(equal + 1, &number))
            mp_write_int(&asking->parameters, number);
        else
            mp_write_text(&asking->parameters, equal + 1);
    }
    return ERR_OK;
}

void sql_asking_free(struct sql_asking *asking)
{
    client_free(asking->client);
    buffer_free(&asking->parameters);
}

/* ---- what comes back ---- */

struct taking {
    struct sql_show *show; /* NULL: `row` gets them */
    void (*row)(void *context, const json_t *row);
    void *context;
    bool malformed;
};

static void take_rows(struct taking *taking, struct mp_reader *reader)
{
    for (uint32_t left = mp_read_array(reader); left > 0 && !reader->failed; left--) {
        json_t *row = value_to_json(reader);
        if (row != NULL && taking->show != NULL)
            sql_show_row(taking->show, row);
        else if (row != NULL)
            taking->row(taking->context, row);
        json_decref(row);
    }
}

static bool take(void *context, struct span value)
{
    struct taking *taking = context;
    struct mp_reader reader = api_reader(value);
    reader.items_max = UINT32_MAX;
    if (mp_peek(&reader) == MP_MAP) {
        json_t *head = value_to_json(&reader);
        if (head != NULL && taking->show != NULL)
            sql_show_columns(taking->show, json_object_get(head, "columns"),
                             json_object_get(head, "kinds"));
        json_decref(head);
    } else {
        take_rows(taking, &reader);
    }
    taking->malformed |= reader.failed;
    return !reader.failed && ferror(stdout) == 0;
}

static bool connected(struct sql_asking *asking, struct error *error)
{
    if (asking->client == NULL)
        asking->client = client_new(asking->directory, error);
    if (asking->client != NULL)
        client_stop_at(asking->client, asking->stop);
    if (asking->client != NULL)
        client_patience(asking->client,
                        asking->timeout_ms + PATIENCE_MS + (asking->timeout_ms == 0 ? 3600000 : 0));
    return asking->client != NULL;
}

static enum error_code ask(struct sql_asking *asking, struct span statement, struct taking *taking,
                           struct error *error)
{
    struct buffer args = {0};
    struct span last = SPAN_EMPTY;
    if (!connected(asking, error))
        return error->code;
    mp_write_map(&args, 1u + (asking->parameters.size > 0) + (asking->timeout_ms > 0));
    mp_write_text(&args, "text");
    mp_write_str(&args, statement);
    if (asking->parameters.size > 0) {
        mp_write_text(&args, "parameters");
        buffer_append_span(&args, span_of_buffer(&asking->parameters));
    }
    if (asking->timeout_ms > 0) {
        mp_write_text(&args, "timeout_ms");
        mp_write_uint(&args, asking->timeout_ms);
    }
    enum error_code code =
        client_ask_pieces(asking->client, "sql", span_of_buffer(&args), take, taking, &last, error);
    buffer_free(&args);
    if (code == ERR_OK && taking->malformed)
        code = error_set(error, ERR_MALFORMED, asking->directory, "its rows were not understood");
    if (code == ERR_OK && ferror(stdout) != 0)
        code = error_set(error, ERR_IO, "the standard output", "it can't be written");
    if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT || taking->malformed || code == ERR_IO) {
        client_free(asking->client); /* what is under way there ends with it */
        asking->client = NULL;
    }
    return code;
}

enum error_code sql_ask_rows(struct sql_asking *asking, struct span statement,
                             void (*row)(void *context, const json_t *row), void *context,
                             struct error *error)
{
    struct taking taking = {.row = row, .context = context};
    return ask(asking, statement, &taking, error);
}

/* The line that an error names, and a mark under its column. */
static void point_at(struct span statement, const struct error *error)
{
    size_t at = 0;
    unsigned line = 1, column = 1;
    uint32_t code;
    for (; at < statement.size && line < error->line; at++)
        line += statement.data[at] == '\n';
    const uint8_t *end = memchr(statement.data + at, '\n', statement.size - at);
    size_t size =
        (size_t)((end == NULL ? statement.data + statement.size : end) - statement.data) - at;
    struct span text = SPAN(statement.data + at, size);
    size_t behind = 0;
    for (; behind < size && column < error->column; column++) {
        size_t step = utf8_character(text, behind, &code);
        behind += step == 0 ? 1 : step;
    }
    char *shown = text_shown(text, 0), *before = text_shown(SPAN(text.data, behind), 0);
    fflush(stdout);
    fprintf(stderr, "  %s\n  %*s^\n", shown, (int)text_width(before), "");
    free(before);
    free(shown);
}

enum error_code sql_ask(struct sql_asking *asking, struct span statement, unsigned line,
                        struct error *error)
{
    struct taking taking = {.show = sql_show_new(asking->format)};
    enum error_code code = ask(asking, statement, &taking, error);
    sql_show_end(taking.show);
    if (code != ERR_OK && error->line != 0) {
        point_at(statement, error);
        error->line += line - 1;
    }
    return code;
}
