/* Canonical msgpack: a cursor that reads, msgpack-c that writes.
 *
 * Reading goes through one function, take(): it reads one head (kind, number or count) with
 * the bytes that belong to it, and there every rule of canonical form is checked. `pending`
 * is how many values the open arrays and maps still owe: it tells where a value at the top
 * begins, so that the bound on items is for each value and not for the whole input. */
#include "base/msgpack.h"

#include <assert.h>
#include <limits.h>
#include <msgpack/pack.h>
#include <string.h>

#include "base/limits.h"

enum { KEY_LEAST = -32, KEY_MOST = 1023 };

/* Heads c0..df. `least` = what a shorter form could not have said; for signed integers the
 * number must be below it. */
struct form {
    enum mp_kind kind;
    uint8_t width;
    bool is_signed;
    int64_t least;
};

#define BAD_FORM                                                                                   \
    {                                                                                              \
        MP_BAD, 0, false, 0                                                                        \
    }
static const struct form forms[32] = {
    {MP_NIL, 0, false, 0},
    BAD_FORM,
    {MP_BOOL, 0, false, 0},
    {MP_BOOL, 0, false, 0},
    {MP_BIN, 1, false, 0},
    {MP_BIN, 2, false, 0x100},
    {MP_BIN, 4, false, 0x10000},
    BAD_FORM, /* ext */
    BAD_FORM,
    BAD_FORM,
    BAD_FORM, /* float */
    BAD_FORM,
    {MP_INT, 1, false, 0x80},
    {MP_INT, 2, false, 0x100},
    {MP_INT, 4, false, 0x10000},
    {MP_INT, 8, false, 0x100000000},
    {MP_INT, 1, true, -0x20},
    {MP_INT, 2, true, -0x80},
    {MP_INT, 4, true, -0x8000},
    {MP_INT, 8, true, -0x80000000LL},
    BAD_FORM, /* ext */
    BAD_FORM,
    BAD_FORM,
    BAD_FORM,
    BAD_FORM,
    {MP_STR, 1, false, 0x20},
    {MP_STR, 2, false, 0x100},
    {MP_STR, 4, false, 0x10000},
    {MP_ARRAY, 2, false, 0x10},
    {MP_ARRAY, 4, false, 0x10000},
    {MP_MAP, 2, false, 0x10},
    {MP_MAP, 4, false, 0x10000},
};

struct token {
    enum mp_kind kind;
    bool negative;     /* number is the two's complement of an int64 below zero */
    uint64_t number;   /* of an integer or boolean; bytes or elements or pairs of the others */
    struct span bytes; /* of a str or bin */
};

struct mp_reader mp_reader(struct span input)
{
    return (struct mp_reader){.input = input, .items_max = VALUE_ITEMS_MAX};
}

struct mp_reader mp_reader_known(struct span input)
{
    return (struct mp_reader){.input = input, .items_max = UINT_MAX, .known = true};
}

void mp_fail(struct mp_reader *reader)
{
    reader->failed = true;
}

static size_t bytes_left(const struct mp_reader *reader)
{
    return reader->input.size - reader->at;
}

static enum mp_kind kind_of_head(uint8_t head)
{
    if (head < 0x80 || head >= 0xe0)
        return MP_INT;
    if (head < 0x90)
        return MP_MAP;
    if (head < 0xa0)
        return MP_ARRAY;
    if (head < 0xc0)
        return MP_STR;
    return forms[head - 0xc0].kind;
}

enum mp_kind mp_peek(const struct mp_reader *reader)
{
    if (reader->failed)
        return MP_BAD;
    if (bytes_left(reader) == 0)
        return MP_END;
    return kind_of_head(reader->input.data[reader->at]);
}

/* The number behind a head c0..df; false if cut short or not in its shortest form. */
static bool take_number(struct mp_reader *reader, const struct form *form, struct token *token)
{
    if (bytes_left(reader) < form->width)
        return false;
    uint64_t number = 0;
    for (unsigned i = 0; i < form->width; i++)
        number = number << 8 | reader->input.data[reader->at++];
    token->number = number;
    if (!form->is_signed)
        return number >= (uint64_t)form->least;
    unsigned above = 64 - 8u * form->width;
    int64_t value = (int64_t)(number << above) >> above;
    token->negative = true;
    token->number = (uint64_t)value;
    return value < form->least;
}

static bool take_long_head(struct mp_reader *reader, uint8_t head, struct token *token)
{
    const struct form *form = &forms[head - 0xc0];
    token->kind = form->kind;
    token->number = head & 1; /* c2 false, c3 true */
    if (form->width == 0)
        return form->kind != MP_BAD;
    return take_number(reader, form, token);
}

static bool take_head(struct mp_reader *reader, struct token *token)
{
    uint8_t head = reader->input.data[reader->at++];
    if (head >= 0xc0 && head < 0xe0)
        return take_long_head(reader, head, token);
    token->kind = kind_of_head(head);
    token->number = head;
    if (head >= 0xe0) {
        token->negative = true;
        token->number = (uint64_t)(head - 0x100);
    } else if (head >= 0x80) {
        token->number = token->kind == MP_STR ? head & 0x1f : head & 0x0f;
    }
    return true;
}

static bool take_bytes(struct mp_reader *reader, struct token *token)
{
    if (token->number > bytes_left(reader))
        return false;
    token->bytes = SPAN(reader->input.data + reader->at, (size_t)token->number);
    reader->at += token->bytes.size;
    return token->kind != MP_STR || reader->known || utf8_valid(token->bytes);
}

/* Every element still owed needs at least one byte, of all open arrays and maps together. */
static bool owe_elements(struct mp_reader *reader, const struct token *token)
{
    uint64_t values = token->kind == MP_MAP ? 2 * token->number : token->number;
    if (reader->pending > bytes_left(reader) || values > bytes_left(reader) - reader->pending)
        return false;
    reader->pending += (size_t)values;
    return true;
}

static bool count_item(struct mp_reader *reader)
{
    if (reader->pending == 0)
        reader->items = 0; /* a new value at the top */
    else
        reader->pending--;
    return ++reader->items <= reader->items_max;
}

static bool take_checked(struct mp_reader *reader, struct token *token)
{
    if (!count_item(reader) || !take_head(reader, token))
        return false;
    if (token->kind == MP_STR || token->kind == MP_BIN)
        return take_bytes(reader, token);
    if (token->kind == MP_ARRAY || token->kind == MP_MAP)
        return owe_elements(reader, token);
    return true;
}

/* One value, or the head of an array or map, of any kind. */
static bool take_any(struct mp_reader *reader, struct token *token)
{
    *token = (struct token){.kind = MP_BAD};
    if (!reader->failed && bytes_left(reader) > 0 && take_checked(reader, token))
        return true;
    mp_fail(reader);
    *token = (struct token){.kind = MP_BAD};
    return false;
}

/* The same, of this kind. */
static bool take(struct mp_reader *reader, enum mp_kind kind, struct token *token)
{
    if (take_any(reader, token) && token->kind == kind)
        return true;
    mp_fail(reader);
    *token = (struct token){.kind = MP_BAD};
    return false;
}

void mp_read_nil(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_NIL, &token);
}

bool mp_read_bool(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_BOOL, &token);
    return token.number != 0;
}

uint64_t mp_read_uint(struct mp_reader *reader)
{
    return mp_read_uint_max(reader, UINT64_MAX);
}

uint64_t mp_read_uint_max(struct mp_reader *reader, uint64_t max)
{
    struct token token;
    if (!take(reader, MP_INT, &token))
        return 0;
    if (!token.negative && token.number <= max)
        return token.number;
    mp_fail(reader);
    return 0;
}

int64_t mp_read_int(struct mp_reader *reader)
{
    struct token token;
    if (!take(reader, MP_INT, &token))
        return 0;
    if (token.negative || token.number <= INT64_MAX)
        return (int64_t)token.number;
    mp_fail(reader);
    return 0;
}

struct span mp_read_str(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_STR, &token);
    return token.bytes;
}

struct span mp_read_bin(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_BIN, &token);
    return token.bytes;
}

const uint8_t *mp_read_bin_of(struct mp_reader *reader, size_t size)
{
    struct span bytes = mp_read_bin(reader);
    if (!reader->failed && bytes.size == size)
        return bytes.data;
    mp_fail(reader);
    return NULL;
}

uint32_t mp_read_array(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_ARRAY, &token);
    return (uint32_t)token.number;
}

uint32_t mp_read_map(struct mp_reader *reader)
{
    struct token token;
    take(reader, MP_MAP, &token);
    return (uint32_t)token.number;
}

/* One open array or map of the value being walked. */
struct level {
    bool is_map;
    bool key_next;
    uint64_t left; /* values, keys included */
    struct mp_fields keys;
};

static bool check_key(struct mp_fields *keys, const struct token *token)
{
    int64_t key = (int64_t)token->number;
    bool in_range = token->negative ? key >= KEY_LEAST : token->number <= KEY_MOST;
    if (!in_range)
        return false;
    if (keys->any && mp_key_compare(keys->previous, (int32_t)key) >= 0)
        return false;
    keys->any = true;
    keys->previous = (int32_t)key;
    return true;
}

static bool key_allowed(const struct mp_reader *reader, struct level *level,
                        const struct token *token)
{
    if (token->kind == MP_STR)
        return reader->text_keys;
    return token->kind == MP_INT && check_key(&level->keys, token);
}

/* The next value as a part of `level` (NULL at the top): a key where a key is due. */
static bool walk_value(struct mp_reader *reader, struct level *level, struct token *token)
{
    if (!take_any(reader, token))
        return false;
    if (level == NULL)
        return true;
    level->left--;
    bool is_key = level->is_map && level->key_next;
    level->key_next = !level->key_next;
    return !is_key || key_allowed(reader, level, token);
}

static bool walk(struct mp_reader *reader)
{
    struct level levels[VALUE_DEPTH_MAX];
    size_t depth = 0;
    do {
        struct token token;
        if (!walk_value(reader, depth > 0 ? &levels[depth - 1] : NULL, &token))
            return false;
        if (token.kind == MP_ARRAY || token.kind == MP_MAP) {
            if (depth == VALUE_DEPTH_MAX)
                return false;
            bool is_map = token.kind == MP_MAP;
            levels[depth++] = (struct level){.is_map = is_map,
                                             .key_next = is_map,
                                             .left = is_map ? 2 * token.number : token.number};
        }
        while (depth > 0 && levels[depth - 1].left == 0)
            depth--;
    } while (depth > 0);
    return true;
}

/* Over one head and its bytes; how many values it owes is added to `owed`. */
static bool skip_one(struct mp_reader *reader, uint64_t *owed)
{
    struct token token = {.kind = MP_BAD};
    if (bytes_left(reader) == 0 || !take_head(reader, &token))
        return false;
    if (token.kind == MP_ARRAY || token.kind == MP_MAP)
        *owed += token.kind == MP_MAP ? 2 * token.number : token.number;
    return (token.kind != MP_STR && token.kind != MP_BIN) || take_bytes(reader, &token);
}

/* One whole value that is known to be canonical: only where it ends is of interest. Most heads are
 * one byte that says how many follow. */
static bool skip(struct mp_reader *reader)
{
    for (uint64_t owed = 1; owed > 0; owed--) {
        size_t left = bytes_left(reader);
        uint8_t head = left > 0 ? reader->input.data[reader->at] : 0xc1;
        if (head < 0x80)
            reader->at++;
        else if (head >= 0xa0 && head < 0xc0 && left > (head & 0x1f))
            reader->at += 1 + (head & 0x1f);
        else if (!skip_one(reader, &owed))
            return false;
    }
    reader->pending -= reader->pending > 0 ? 1 : 0;
    return true;
}

struct span mp_read_any(struct mp_reader *reader)
{
    size_t start = reader->at;
    if (reader->failed || !(reader->known ? skip(reader) : walk(reader))) {
        mp_fail(reader);
        return SPAN_EMPTY;
    }
    return SPAN(reader->input.data + start, reader->at - start);
}

void mp_read_end(struct mp_reader *reader)
{
    if (bytes_left(reader) > 0 || reader->pending > 0)
        mp_fail(reader);
}

bool mp_valid(struct span value)
{
    struct mp_reader reader = mp_reader(value);
    mp_read_any(&reader);
    mp_read_end(&reader);
    return !reader.failed;
}

struct mp_fields mp_fields(struct mp_reader *reader)
{
    return (struct mp_fields){.left = mp_read_map(reader)};
}

bool mp_field(struct mp_reader *reader, struct mp_fields *fields, int32_t *key)
{
    *key = 0;
    if (reader->failed || fields->left == 0)
        return false;
    struct token token;
    if (!take(reader, MP_INT, &token) || !check_key(fields, &token)) {
        mp_fail(reader);
        return false;
    }
    fields->left--;
    *key = fields->previous;
    return true;
}

int mp_key_compare(int32_t a, int32_t b)
{
    if ((a < 0) != (b < 0))
        return a < 0 ? 1 : -1;
    return (a > b) - (a < b); /* e0 is -32 and ff is -1: ascending on both sides */
}

static int append_packed(void *data, const char *bytes, size_t size)
{
    buffer_append(data, bytes, size);
    return 0;
}

static msgpack_packer packer_of(struct buffer *out)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, append_packed);
    return packer;
}

void mp_write_nil(struct buffer *out)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_nil(&packer);
}

void mp_write_bool(struct buffer *out, bool value)
{
    msgpack_packer packer = packer_of(out);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void mp_write_uint(struct buffer *out, uint64_t value)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_uint64(&packer, value);
}

void mp_write_int(struct buffer *out, int64_t value)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_int64(&packer, value);
}

void mp_write_str(struct buffer *out, struct span text)
{
    assert(text.size <= UINT32_MAX);
    msgpack_packer packer = packer_of(out);
    msgpack_pack_str(&packer, text.size);
    buffer_append_span(out, text);
}

void mp_write_text(struct buffer *out, const char *text)
{
    mp_write_str(out, span_of_text(text));
}

void mp_write_bin(struct buffer *out, struct span bytes)
{
    assert(bytes.size <= UINT32_MAX);
    msgpack_packer packer = packer_of(out);
    msgpack_pack_bin(&packer, bytes.size);
    buffer_append_span(out, bytes);
}

void mp_write_array(struct buffer *out, uint32_t count)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_array(&packer, count);
}

void mp_write_map(struct buffer *out, uint32_t pairs)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_map(&packer, pairs);
}
