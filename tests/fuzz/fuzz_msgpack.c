/* The reader of values against msgpack-c.
 *
 * Whatever our reader takes, msgpack-c must parse to the same length and pack again to the
 * same bytes, and so must our own typed reads and writes. The other way round, a canonical
 * value built from the input must be taken, and no part of it that is cut off. msgpack-c sees
 * only what was taken: five bytes can make it ask for gigabytes. */
#include <assert.h>
#include <msgpack/object.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_against_msgpack_c(struct span value)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t at = 0;
    msgpack_unpack_return got =
        msgpack_unpack_next(&unpacked, (const char *)value.data, value.size, &at);
    assert(got == MSGPACK_UNPACK_SUCCESS);
    assert(at == value.size);
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    assert(msgpack_pack_object(&packer, unpacked.data) == 0);
    assert(span_equal(SPAN(packed.data, packed.size), value));
    msgpack_sbuffer_destroy(&packed);
    msgpack_unpacked_destroy(&unpacked);
}

static void copy_integer(struct mp_reader *reader, struct buffer *out)
{
    struct mp_reader again = *reader;
    int64_t number = mp_read_int(&again);
    if (again.failed) {
        mp_write_uint(out, mp_read_uint(reader)); /* above INT64_MAX */
        return;
    }
    *reader = again;
    mp_write_int(out, number);
}

static void copy_value(struct mp_reader *reader, struct buffer *out);

static void copy_map(struct mp_reader *reader, struct buffer *out)
{
    struct mp_reader again = *reader;
    mp_write_map(out, mp_read_map(&again));
    struct mp_fields fields = mp_fields(reader);
    int32_t key;
    while (mp_field(reader, &fields, &key)) {
        mp_write_int(out, key);
        copy_value(reader, out);
    }
}

static void copy_array(struct mp_reader *reader, struct buffer *out)
{
    uint32_t count = mp_read_array(reader);
    mp_write_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        copy_value(reader, out);
}

static void copy_value(struct mp_reader *reader, struct buffer *out)
{
    switch (mp_peek(reader)) {
    case MP_NIL:
        mp_read_nil(reader);
        mp_write_nil(out);
        break;
    case MP_BOOL: mp_write_bool(out, mp_read_bool(reader)); break;
    case MP_INT: copy_integer(reader, out); break;
    case MP_STR: mp_write_str(out, mp_read_str(reader)); break;
    case MP_BIN: mp_write_bin(out, mp_read_bin(reader)); break;
    case MP_ARRAY: copy_array(reader, out); break;
    case MP_MAP: copy_map(reader, out); break;
    case MP_END:
    case MP_BAD: abort();
    }
}

static void check_own_copy(struct span value)
{
    struct buffer out = {0};
    struct mp_reader reader = mp_reader(value);
    copy_value(&reader, &out);
    mp_read_end(&reader);
    assert(!reader.failed);
    assert(span_equal(span_of_buffer(&out), value));
    buffer_free(&out);
}

/* A canonical value drawn from the input. */
struct builder {
    struct span input;
    size_t at;
    unsigned items_left;
    struct buffer out;
};

static uint8_t draw(struct builder *builder)
{
    return builder->at < builder->input.size ? builder->input.data[builder->at++] : 0;
}

static uint64_t draw_number(struct builder *builder)
{
    uint64_t number = 0;
    for (unsigned bytes = draw(builder) % 9; bytes > 0; bytes--)
        number = number << 8 | draw(builder);
    return number;
}

static void build_bytes(struct builder *builder, bool is_text)
{
    bool is_long = draw(builder) == 255; /* seldom, since it is slow: past 16-bit lengths */
    size_t size = draw_number(builder) % (is_long ? 70000 : 300);
    struct buffer text = {0};
    for (size_t i = 0; i < size; i++)
        buffer_append_byte(&text, is_text ? (uint8_t)('a' + i % 26) : (uint8_t)i);
    if (is_text)
        mp_write_str(&builder->out, span_of_buffer(&text));
    else
        mp_write_bin(&builder->out, span_of_buffer(&text));
    buffer_free(&text);
}

static void build_value(struct builder *builder, unsigned depth);

static uint32_t draw_count(struct builder *builder, unsigned each, unsigned most)
{
    uint32_t count = draw(builder) % (most + 1);
    if (count * each > builder->items_left)
        count = builder->items_left / each;
    builder->items_left -= count * each;
    return count;
}

/* Keys of a map: so many steps upwards from -32 and from 0, written in the order of bytes. */
static void build_map(struct builder *builder, unsigned depth)
{
    uint32_t above = draw_count(builder, 2, 34), below = draw_count(builder, 2, 8);
    int32_t key = draw(builder) % 4;
    mp_write_map(&builder->out, above + below);
    for (uint32_t i = 0; i < above + below; i++) {
        if (i == above)
            key = -32 + draw(builder) % 4;
        mp_write_int(&builder->out, key);
        build_value(builder, depth + 1);
        key += 1 + draw(builder) % (key < 0 ? 4 : 30);
    }
}

static void build_value(struct builder *builder, unsigned depth)
{
    unsigned kind = draw(builder) % (depth < VALUE_DEPTH_MAX ? 7U : 5U);
    uint32_t count = 0;
    switch (kind) {
    case 0: mp_write_nil(&builder->out); break;
    case 1: mp_write_bool(&builder->out, draw(builder) & 1); break;
    case 2: mp_write_uint(&builder->out, draw_number(builder)); break;
    case 3: mp_write_int(&builder->out, -1 - (int64_t)(draw_number(builder) >> 1)); break;
    case 4: build_bytes(builder, draw(builder) & 1); break;
    case 5: build_map(builder, depth); break;
    default:
        count = draw_count(builder, 1, 40);
        mp_write_array(&builder->out, count);
        for (uint32_t i = 0; i < count; i++)
            build_value(builder, depth + 1);
    }
}

static void check_built(struct span input)
{
    struct builder builder = {.input = input, .items_left = VALUE_ITEMS_MAX - 1};
    build_value(&builder, 0);
    struct span value = span_of_buffer(&builder.out);
    assert(mp_valid(value));
    check_against_msgpack_c(value);
    check_own_copy(value);
    size_t cut = draw_number(&builder) % value.size;
    uint8_t *part = mem_copy(value.data, cut); /* an end of its own, so that overreading is seen */
    assert(!mp_valid(SPAN(part, cut)));
    free(part);
    buffer_free(&builder.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = SPAN(data, size);
    struct mp_reader reader = mp_reader(input);
    while (mp_peek(&reader) != MP_END && !reader.failed) {
        struct span value = mp_read_any(&reader);
        assert(mp_valid(value) == !reader.failed);
        if (reader.failed)
            break;
        check_against_msgpack_c(value);
        check_own_copy(value);
    }
    reader = mp_reader(input);
    reader.text_keys = true;
    struct span value = mp_read_any(&reader);
    if (!reader.failed)
        check_against_msgpack_c(value);
    check_built(input);
    return 0;
}
