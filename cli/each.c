/* Lists of the local API, item by item. */
#include "cli/each.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"

struct pieces {
    bool (*each)(void *context, const json_t *item);
    void *context;
    bool malformed;
};

static bool take_piece(void *context, struct span value)
{
    struct pieces *pieces = context;
    struct mp_reader reader = api_reader(value);
    uint32_t count = mp_read_array(&reader);
    bool more = true;
    for (uint32_t i = 0; more && i < count && !reader.failed; i++) {
        json_t *item = value_to_json(&reader);
        if (item == NULL)
            break;
        more = pieces->each(pieces->context, item);
        json_decref(item);
    }
    pieces->malformed = pieces->malformed || reader.failed;
    return more && !pieces->malformed && ferror(stdout) == 0;
}

static enum error_code ask(const struct arguments *arguments, uint64_t wait_ms, const char *verb,
                           const struct buffer *args, struct pieces *pieces, json_t **end,
                           struct error *error)
{
    const char *directory = NULL;
    struct span last = SPAN_EMPTY;
    *end = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return error->code;
    struct client *client = client_new(directory, error);
    if (client == NULL)
        return error->code;
    client_patience(client, wait_ms);
    enum error_code code =
        client_ask_pieces(client, verb, span_of_buffer(args), take_piece, pieces, &last, error);
    if (code == ERR_OK && pieces->malformed)
        code = error_set(error, ERR_MALFORMED, directory, "its list was not understood");
    if (code == ERR_OK && ferror(stdout) != 0)
        code = error_set(error, ERR_IO, "the standard output", "it can't be written");
    if (code == ERR_OK)
        *end = value_json(last);
    client_free(client);
    return code;
}

enum error_code ask_each(const struct arguments *arguments, const char *verb,
                         const struct buffer *args, bool (*each)(void *context, const json_t *item),
                         void *context, struct error *error)
{
    struct pieces pieces = {each, context, false};
    json_t *end;
    enum error_code code = ask(arguments, CLIENT_WAIT_MS, verb, args, &pieces, &end, error);
    json_decref(end);
    return code;
}

enum error_code ask_each_for_ever(const struct arguments *arguments, const char *verb,
                                  const struct buffer *args,
                                  bool (*each)(void *context, const json_t *item), void *context,
                                  json_t **last, struct error *error)
{
    enum { FOR_EVER_MS = INT32_MAX }; /* 24 days; then the command ends and says so */
    struct pieces pieces = {each, context, false};
    return ask(arguments, FOR_EVER_MS, verb, args, &pieces, last, error);
}

/* By what --where compares, and the argument that says so; of two that begin alike the longer one
 * first. */
static const struct comparison {
    const char *sign, *argument;
} comparisons[] = {
    {">=", "at_least"}, {"<=", "at_most"}, {">", "above"}, {"<", "below"}, {"=", "where"}};
enum { COMPARISONS = sizeof comparisons / sizeof *comparisons };

struct wanted {
    struct buffer pairs[COMPARISONS];
    uint32_t counts[COMPARISONS];
};

static bool read_wanted(const char *text, struct wanted *wanted)
{
    size_t name = strcspn(text, "<>="), i = 0;
    while (i < COMPARISONS &&
           strncmp(text + name, comparisons[i].sign, strlen(comparisons[i].sign)) != 0)
        i++;
    if (name == 0 || i == COMPARISONS || !utf8_valid(span_of_text(text)))
        return false;
    mp_write_str(&wanted->pairs[i], SPAN(text, name));
    mp_write_text(&wanted->pairs[i], text + name + strlen(comparisons[i].sign));
    wanted->counts[i]++;
    return true;
}

static enum error_code read_all_wanted(const struct arguments *arguments, struct wanted *wanted,
                                       struct error *error)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        const char *text = arguments->given[i].value;
        if (strcmp(arguments->given[i].row->name, "where") != 0 || read_wanted(text, wanted))
            continue;
        error_set(error, ERR_USAGE, text, "expected NAME=VALUE, or >=, <=, >, <, in UTF-8");
        error_next(error, "write for example --where place=塔卧 or --where 'level>=2'");
        return ERR_USAGE;
    }
    return ERR_OK;
}

static enum error_code records_args(const struct arguments *arguments, uint64_t limit, bool past,
                                    struct buffer *args, struct error *error)
{
    struct wanted wanted = {0};
    enum error_code code = read_all_wanted(arguments, &wanted, error);
    uint32_t maps = 0;
    for (size_t i = 0; i < COMPARISONS; i++)
        maps += wanted.counts[i] > 0;
    mp_write_map(args, 4u + (arguments->word_count > 0) + maps);
    if (arguments->word_count > 0)
        args_text(args, "type", arguments->words[0]);
    mp_write_text(args, "overdue");
    mp_write_bool(args, arguments_flag(arguments, "overdue"));
    mp_write_text(args, "limit");
    mp_write_uint(args, limit == 0 ? INT64_MAX : limit);
    mp_write_text(args, "past");
    mp_write_bool(args, past);
    mp_write_text(args, "deleted");
    mp_write_bool(args, arguments_flag(arguments, "deleted"));
    for (size_t i = 0; i < COMPARISONS; i++) {
        if (wanted.counts[i] > 0) {
            mp_write_text(args, comparisons[i].argument);
            mp_write_map(args, wanted.counts[i]);
            buffer_append_span(args, span_of_buffer(&wanted.pairs[i]));
        }
        buffer_free(&wanted.pairs[i]);
    }
    return code;
}

enum error_code ask_each_record(const struct arguments *arguments, uint64_t limit, bool past,
                                bool (*each)(void *context, const json_t *record), void *context,
                                json_t **last, struct error *error)
{
    struct buffer args = {0};
    struct pieces pieces = {each, context, false};
    json_t *end = NULL;
    enum error_code code = records_args(arguments, limit, past, &args, error);
    if (code == ERR_OK)
        code = ask(arguments, CLIENT_WAIT_MS, "list", &args, &pieces, &end, error);
    if (last != NULL)
        *last = end;
    else
        json_decref(end);
    buffer_free(&args);
    return code;
}
