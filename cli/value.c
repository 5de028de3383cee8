/* Values to JSON and back. */
#include "cli/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/api/message.h"

static json_t *hexadecimal(struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = mem_alloc(bytes.size * 2 + 1);
    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    json_t *json = json_stringn(text, bytes.size * 2);
    free(text);
    return json;
}

static json_t *integer(struct mp_reader *reader)
{
    struct mp_reader before = *reader;
    int64_t value = mp_read_int(reader);
    if (!reader->failed)
        return json_integer(value);
    *reader = before;
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)mp_read_uint(reader));
    return json_string(text);
}

static json_t *array(struct mp_reader *reader)
{
    json_t *json = json_array();
    uint32_t count = mp_read_array(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        json_array_append_new(json, value_to_json(reader));
    return json;
}

static json_t *map(struct mp_reader *reader)
{
    json_t *json = json_object();
    uint32_t count = mp_read_map(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        char number[24];
        struct span key = SPAN_EMPTY;
        if (mp_peek(reader) == MP_INT) {
            int size = snprintf(number, sizeof number, "%lld", (long long)mp_read_int(reader));
            key = SPAN(number, (size_t)size);
        } else {
            key = mp_read_str(reader);
        }
        json_object_setn_new(json, (const char *)key.data, key.size, value_to_json(reader));
    }
    return json;
}

static json_t *text(struct mp_reader *reader)
{
    struct span span = mp_read_str(reader);
    return span.size == 0 ? json_string("") : json_stringn((const char *)span.data, span.size);
}

static json_t *any(struct mp_reader *reader)
{
    switch (mp_peek(reader)) {
    case MP_NIL: mp_read_nil(reader); return json_null();
    case MP_BOOL: return json_boolean(mp_read_bool(reader));
    case MP_INT: return integer(reader);
    case MP_STR: return text(reader);
    case MP_BIN: return hexadecimal(mp_read_bin(reader));
    case MP_ARRAY: return array(reader);
    case MP_MAP: return map(reader);
    case MP_END:
    case MP_BAD: break;
    }
    mp_fail(reader);
    return NULL;
}

json_t *value_to_json(struct mp_reader *reader)
{
    json_t *json = any(reader);
    if (!reader->failed)
        return json;
    json_decref(json);
    return NULL;
}

json_t *value_json(struct span value)
{
    struct mp_reader reader = api_reader(value);
    json_t *json = value_to_json(&reader);
    mp_read_end(&reader);
    if (!reader.failed)
        return json;
    json_decref(json);
    return NULL;
}

static bool array_from_json(const json_t *json, struct buffer *out)
{
    bool good = true;
    mp_write_array(out, (uint32_t)json_array_size(json));
    for (size_t i = 0; i < json_array_size(json); i++)
        good = value_from_json(json_array_get(json, i), out) && good;
    return good;
}

static bool map_from_json(const json_t *json, struct buffer *out)
{
    bool good = true;
    const char *key = NULL;
    json_t *value = NULL;
    mp_write_map(out, (uint32_t)json_object_size(json));
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        mp_write_text(out, key);
        good = value_from_json(value, out) && good;
    }
    return good;
}

bool value_from_json(const json_t *json, struct buffer *out)
{
    switch (json_typeof(json)) {
    case JSON_NULL: mp_write_nil(out); return true;
    case JSON_TRUE: mp_write_bool(out, true); return true;
    case JSON_FALSE: mp_write_bool(out, false); return true;
    case JSON_INTEGER: mp_write_int(out, json_integer_value(json)); return true;
    case JSON_STRING:
        mp_write_str(out, SPAN(json_string_value(json), json_string_length(json)));
        return true;
    case JSON_ARRAY: return array_from_json(json, out);
    case JSON_OBJECT: return map_from_json(json, out);
    case JSON_REAL: break;
    }
    mp_write_nil(out);
    return false;
}

bool value_from_pairs(const char *const *pairs, size_t count, struct buffer *out, size_t *bad)
{
    mp_write_map(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(pairs[i], '=');
        *bad = i;
        if (equals == NULL || equals == pairs[i] || !utf8_valid(span_of_text(pairs[i])))
            return false;
        mp_write_str(out, SPAN(pairs[i], (size_t)(equals - pairs[i])));
        mp_write_text(out, equals + 1);
    }
    return true;
}

const char *json_text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

uint64_t json_number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value < 0 ? 0 : (uint64_t)value;
}

bool json_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}
