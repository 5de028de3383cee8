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

enum error_code ask_each(const struct arguments *arguments, const char *verb,
                         const struct buffer *args, bool (*each)(void *context, const json_t *item),
                         void *context, struct error *error)
{
    const char *directory = NULL;
    struct pieces pieces = {each, context, false};
    struct span last = SPAN_EMPTY;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return error->code;
    struct client *client = client_new(directory, error);
    if (client == NULL)
        return error->code;
    enum error_code code =
        client_ask_pieces(client, verb, span_of_buffer(args), take_piece, &pieces, &last, error);
    if (code == ERR_OK && pieces.malformed)
        code = error_set(error, ERR_MALFORMED, directory, "its list was not understood");
    client_free(client);
    return code;
}
