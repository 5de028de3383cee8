/* Lists of the local API, item by item. */
#include "cli/each.h"

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
    return more && !pieces->malformed;
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
