/* Arguments of the API's requests: a map of names to values, each checked for its kind. */
#include <string.h>

#include "node/node_parts.h"

static bool wrong(struct error *error, const char *name, const char *expected)
{
    error_set(error, ERR_INVALID, name, "expected %s", expected);
    return false;
}

static struct argument *find(struct argument *arguments, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(name, span_of_text(arguments[i].name)))
            return &arguments[i];
    }
    return NULL;
}

bool arguments_read(struct span args, struct argument *arguments, size_t count, struct error *error)
{
    struct mp_reader reader = api_reader(args);
    uint32_t pairs = args.size > 0 ? mp_read_map(&reader) : 0;
    for (size_t i = 0; i < count; i++)
        arguments[i].value = SPAN_EMPTY;
    for (; pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader), value = mp_read_any(&reader);
        struct argument *argument = find(arguments, count, name);
        if (reader.failed)
            break;
        if (argument == NULL) {
            error_set(error, ERR_USAGE, "request", "there is no argument %.*s here",
                      (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
            return false;
        }
        if (argument->value.size > 0)
            return wrong(error, argument->name, "it only once");
        argument->value = value;
    }
    return reader.failed ? wrong(error, "request", "a map of names to values") : true;
}

/* A reader at the value, if there is one of this kind. */
static bool open_value(const struct argument *argument, enum mp_kind kind, const char *expected,
                       bool required, struct mp_reader *reader, struct error *error)
{
    *reader = api_reader(argument->value);
    if (argument->value.size == 0)
        return required ? wrong(error, argument->name, expected) : true;
    return mp_peek(reader) == kind ? true : wrong(error, argument->name, expected);
}

bool argument_text(const struct argument *argument, bool required, struct span *text,
                   struct error *error)
{
    struct mp_reader reader;
    *text = SPAN_EMPTY;
    if (!open_value(argument, MP_STR, "a text", required, &reader, error))
        return false;
    if (argument->value.size > 0)
        *text = mp_read_str(&reader);
    return true;
}

bool argument_bool(const struct argument *argument, bool *value, struct error *error)
{
    struct mp_reader reader;
    if (!open_value(argument, MP_BOOL, "true or false", false, &reader, error))
        return false;
    if (argument->value.size > 0)
        *value = mp_read_bool(&reader);
    return true;
}

bool argument_uint(const struct argument *argument, uint64_t *value, struct error *error)
{
    struct mp_reader reader;
    if (!open_value(argument, MP_INT, "a number", false, &reader, error))
        return false;
    if (argument->value.size > 0)
        *value = mp_read_uint(&reader);
    return reader.failed ? wrong(error, argument->name, "a number, 0 or more") : true;
}

bool argument_bin(const struct argument *argument, struct span *bytes, struct error *error)
{
    struct mp_reader reader;
    *bytes = SPAN_EMPTY;
    if (!open_value(argument, MP_BIN, "bytes", false, &reader, error))
        return false;
    if (argument->value.size > 0)
        *bytes = mp_read_bin(&reader);
    return true;
}

bool argument_map(const struct argument *argument, bool required, struct span *map,
                  struct error *error)
{
    struct mp_reader reader;
    *map = argument->value;
    return open_value(argument, MP_MAP, "a map of names to values", required, &reader, error);
}

bool argument_record(const struct argument *argument, struct record_id *id, struct error *error)
{
    struct span text;
    if (!argument_text(argument, true, &text, error))
        return false;
    return record_id_parse(text, id) ? true : wrong(error, argument->name, "32 hex digits");
}
