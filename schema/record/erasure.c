/* What an erase entry says, and what stays of a body that it erases. */
#include "schema/erasure.h"

#include <assert.h>
#include <string.h>

#include "base/msgpack.h"

/* ---- what stays ---- */

static bool stays(int32_t key)
{
    return key == FIELD_DELETED || key == FIELD_TRANSITION || key == FIELD_REMOVE ||
           key == FIELD_TO;
}

void erasure_rest(struct span body, struct buffer *rest)
{
    struct buffer pairs = {0};
    uint32_t count = 0;
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_peek(&reader) != MP_END && mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        if (key < 0 && !stays(key))
            continue;
        mp_write_int(&pairs, key);
        if (key < 0)
            buffer_append_span(&pairs, value);
        else
            mp_write_nil(&pairs);
        count++;
    }
    mp_write_map(rest, count);
    buffer_append_span(rest, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

bool erasure_touches(struct span body, const int32_t *fields, size_t count)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields pairs = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &pairs, &key); mp_read_any(&reader)) {
        for (size_t i = 0; i < count; i++) {
            if (fields[i] == key)
                return true;
        }
    }
    return false;
}

/* ---- the form ---- */

/* [[field, key id, epoch, n, place] ...] */
static bool removal_fits(struct mp_reader *reader)
{
    uint32_t count = mp_peek(reader) == MP_ARRAY ? mp_read_array(reader) : 0;
    bool fits = count > 0;
    for (uint32_t i = 0; i < count && fits; i++) {
        fits = mp_peek(reader) == MP_ARRAY && mp_read_array(reader) == 5;
        mp_read_uint_max(reader, INT32_MAX);
        mp_read_bin_of(reader, KEY_ID_BYTES);
        mp_read_uint_max(reader, UINT32_MAX);
        fits = fits && mp_read_uint_max(reader, UINT32_MAX) > 0;
        mp_read_uint_max(reader, VALUE_ITEMS_MAX);
        fits = fits && !reader->failed;
    }
    return fits;
}

static bool system_fits(int32_t key, struct mp_reader *value)
{
    if (key == FIELD_DELETED)
        return mp_peek(value) == MP_BOOL;
    if (key == FIELD_TRANSITION)
        return mp_peek(value) == MP_INT && mp_read_uint_max(value, UINT16_MAX) > 0 &&
               !value->failed;
    if (key == FIELD_REMOVE)
        return removal_fits(value);
    struct span seat = mp_peek(value) == MP_STR ? mp_read_str(value) : SPAN_EMPTY;
    return seat.size > 0 && seat.size <= SEAT_BYTES_MAX && utf8_printable(seat);
}

static enum error_code rest_check(struct span rest)
{
    struct mp_reader reader = mp_reader_known(rest);
    bool deletes = false, steps = false;
    if (mp_peek(&reader) != MP_MAP)
        return ERR_INVALID;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct mp_reader value = mp_reader_known(mp_read_any(&reader));
        if (key < 0 && !stays(key))
            return ERR_PARKED;
        if (key < 0 ? !system_fits(key, &value) : mp_peek(&value) != MP_NIL)
            return ERR_INVALID;
        deletes |= key == FIELD_DELETED;
        steps |= key == FIELD_TRANSITION;
    }
    return reader.failed || (deletes && steps) ? ERR_INVALID : ERR_OK;
}

/* [key id, epoch, n, digest, rest] */
static bool read_operation(struct mp_reader *reader, struct erased_operation *erased)
{
    if (mp_peek(reader) != MP_ARRAY || mp_read_array(reader) != 5)
        return false;
    const uint8_t *key = mp_read_bin_of(reader, KEY_ID_BYTES);
    erased->dot.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    erased->dot.n = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    const uint8_t *digest = mp_read_bin_of(reader, HASH_BYTES);
    erased->rest = mp_read_any(reader);
    if (reader->failed || erased->dot.n == 0)
        return false;
    memcpy(erased->dot.author.bytes, key, KEY_ID_BYTES);
    memcpy(erased->digest.bytes, digest, HASH_BYTES);
    return true;
}

static enum error_code operations_check(struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    uint32_t count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
    enum error_code code = count > 0 && count <= ERASE_ITEMS_MAX ? ERR_OK : ERR_INVALID;
    for (uint32_t i = 0; i < count && code == ERR_OK; i++) {
        struct erased_operation erased;
        code = read_operation(&reader, &erased) ? rest_check(erased.rest) : ERR_INVALID;
    }
    return code;
}

enum error_code erasure_check(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    enum error_code code = ERR_INVALID;
    bool fits = true;
    if (mp_peek(&reader) != MP_MAP)
        return ERR_INVALID;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span whole = mp_read_any(&reader);
        struct mp_reader value = mp_reader_known(whole);
        if (key < 0)
            return ERR_PARKED;
        if (key == ERASE_OPERATIONS)
            code = operations_check(whole);
        else if (key == ERASE_REASON)
            fits = fits && mp_peek(&value) == MP_STR &&
                   mp_read_str(&value).size <= ERASE_REASON_BYTES_MAX;
    }
    return code == ERR_OK && (!fits || reader.failed) ? ERR_INVALID : code;
}

static struct span elements(struct span array, uint32_t *count)
{
    struct mp_reader reader = mp_reader_known(array);
    *count = mp_read_array(&reader);
    return SPAN(array.data + reader.at, array.size - reader.at);
}

struct erasure erasure_of(struct span body)
{
    struct erasure erasure = {0};
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        struct mp_reader inside = mp_reader_known(value);
        if (key == ERASE_OPERATIONS)
            erasure.operations = elements(value, &erasure.count);
        else if (key == ERASE_REASON)
            erasure.reason = mp_read_str(&inside);
    }
    return erasure;
}

struct erased_operation erasure_operation(const struct erasure *erasure, uint32_t index)
{
    struct erased_operation erased = {.rest = SPAN_EMPTY};
    struct mp_reader reader = mp_reader_known(erasure->operations);
    assert(index < erasure->count);
    for (uint32_t i = 0; i < index; i++)
        mp_read_any(&reader);
    bool read = read_operation(&reader, &erased);
    assert(read); /* checked before */
    (void)read;
    return erased;
}

/* ---- writing ---- */

void erasure_put_operation(struct buffer *operations, const struct erased_operation *erased)
{
    mp_write_array(operations, 5);
    mp_write_bin(operations, SPAN_OF_ARRAY(erased->dot.author.bytes));
    mp_write_uint(operations, erased->dot.epoch);
    mp_write_uint(operations, erased->dot.n);
    mp_write_bin(operations, SPAN_OF_ARRAY(erased->digest.bytes));
    buffer_append_span(operations, erased->rest);
}

void erasure_encode(struct span operations, uint32_t count, struct span reason, struct buffer *body)
{
    assert(count > 0 && count <= ERASE_ITEMS_MAX && reason.size <= ERASE_REASON_BYTES_MAX);
    mp_write_map(body, 1u + (reason.size > 0));
    mp_write_uint(body, ERASE_OPERATIONS);
    mp_write_array(body, count);
    buffer_append_span(body, operations);
    if (reason.size > 0) {
        mp_write_uint(body, ERASE_REASON);
        mp_write_str(body, reason);
    }
}
