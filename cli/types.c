/* The signed types, as the node holds them. */
#include "cli/types.h"

#include <stdlib.h>

#include "cli/print.h"

static struct schema *load(struct span value, bool labelled, struct error *error)
{
    struct mp_reader reader = api_reader(value);
    struct span rows[TYPES_MAX];
    uint64_t version = 0;
    uint32_t count = 0;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("version"))) {
            version = mp_read_uint_max(&reader, UINT32_MAX);
        } else if (span_equal(key, span_of_text("rows"))) {
            count = mp_read_array(&reader);
            for (uint32_t i = 0; i < count && count <= TYPES_MAX; i++)
                rows[i] = mp_read_bin(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    if (!reader.failed && count <= TYPES_MAX)
        return labelled ? schema_load_labelled((uint32_t)version, rows, count, error)
                        : schema_load((uint32_t)version, rows, count, error);
    error_set(error, ERR_MALFORMED, "the node", "its types were not understood");
    return NULL;
}

struct schema *types_ask(struct client *client, struct error *error)
{
    struct span value = SPAN_EMPTY;
    return client_ask(client, "types", SPAN_EMPTY, &value, error) == ERR_OK
               ? load(value, false, error)
               : NULL;
}

struct schema *types_ask_labelled(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    struct buffer value = {0};
    struct schema *schema = NULL;
    if (arguments_directory(arguments, &directory, error) == ERR_OK &&
        client_once(directory, "types", SPAN_EMPTY, &value, error) == ERR_OK)
        schema = load(span_of_buffer(&value), true, error);
    buffer_free(&value);
    return schema;
}

const struct record_type *types_for_showing(const struct arguments *arguments, const char *name,
                                            struct schema **schema)
{
    const char *directory = NULL;
    struct error error = {0};
    *schema = NULL;
    struct client *client = arguments_directory(arguments, &directory, &error) == ERR_OK
                                ? client_new(directory, &error)
                                : NULL;
    if (client != NULL)
        *schema = types_ask(client, &error);
    client_free(client);
    return *schema == NULL ? NULL : schema_type_named(*schema, span_of_text(name));
}

const struct record_type *types_of_field(const struct record_type *type,
                                         const struct record_type *companion, const char *name)
{
    bool is_private = companion != NULL && type_field_named(companion, span_of_text(name)) != NULL;
    return is_private ? companion : type;
}

char *types_value_text(const struct record_type *type, const char *name, const json_t *value)
{
    const struct field *field = type == NULL ? NULL : type_field_named(type, span_of_text(name));
    char when[32];
    if (json_is_string(value))
        return mem_text(json_string_value(value));
    if (field != NULL && field->kind == FIELD_TIME && json_integer_value(value) > 0) {
        time_text((uint64_t)json_integer_value(value), when);
        return mem_text(when);
    }
    if (json_is_null(value))
        return mem_text("erased");
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}
