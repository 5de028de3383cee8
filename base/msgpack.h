/* Values: canonical msgpack, read with bounds and written shortest.
 *
 * The reader is a cursor over a span: it allocates nothing, copies nothing, and refuses at
 * the first byte that is not canonical (formats.md 1): shortest lengths and integers, valid
 * UTF-8 without NUL, no floats, no ext, depth <= 8, items <= 4,096, counts <= bytes left.
 * An error sticks: after the first failure every read answers zero and `failed` stays set,
 * so that a caller reads a whole thing and asks once at the end.
 *
 * The writer is msgpack-c packing into a struct buffer. */
#ifndef TERRACE_BASE_MSGPACK_H
#define TERRACE_BASE_MSGPACK_H

#include "base/span.h"

enum mp_kind { MP_NIL, MP_BOOL, MP_INT, MP_STR, MP_BIN, MP_ARRAY, MP_MAP, MP_END, MP_BAD };

struct mp_reader {
    struct span input;
    size_t at;          /* offset of the next byte to read */
    size_t pending;     /* values that the open arrays and maps still owe */
    unsigned items;     /* values read since the last one began at the top, keys included */
    unsigned items_max; /* VALUE_ITEMS_MAX; only the local API raises it */
    bool failed;
    bool text_keys; /* maps may have str keys, in any order (local API only) */
    bool known;     /* the input has been read as canonical before: see mp_reader_known */
};

/* The input may hold several values, one after the other: the bound on items is for each.
 * Always begin with this; move only by reading (or copy the whole reader to come back). */
struct mp_reader mp_reader(struct span input);
/* For bytes that mp_read_any has already found canonical: bounds and kinds are checked as ever, but
 * not again UTF-8, the order of keys and the number of items. */
struct mp_reader mp_reader_known(struct span input);

/* Kind of the next value, nothing consumed; MP_END at the end, MP_BAD after a failure or
 * at a byte that can't begin a value. */
enum mp_kind mp_peek(const struct mp_reader *reader);

/* Each consumes one value of that kind or fails. Spans point into the input. */
void mp_read_nil(struct mp_reader *reader);
bool mp_read_bool(struct mp_reader *reader);
uint64_t mp_read_uint(struct mp_reader *reader);                   /* fails below 0 */
uint64_t mp_read_uint_max(struct mp_reader *reader, uint64_t max); /* fails above max */
int64_t mp_read_int(struct mp_reader *reader);                     /* fails above INT64_MAX */
struct span mp_read_str(struct mp_reader *reader);
struct span mp_read_bin(struct mp_reader *reader);
/* A bin of exactly `size` bytes; NULL on failure. */
const uint8_t *mp_read_bin_of(struct mp_reader *reader, size_t size);
/* Number of elements (of pairs for a map) that follow; the caller reads them. */
uint32_t mp_read_array(struct mp_reader *reader);
uint32_t mp_read_map(struct mp_reader *reader);
/* Consume one whole value of any kind, checked to its last byte: at most 8 arrays and maps
 * around one another, every map a fields map (see below). Returns its bytes. */
struct span mp_read_any(struct mp_reader *reader);
/* Fails unless every byte has been consumed and every array and map was read to its end. */
void mp_read_end(struct mp_reader *reader);
void mp_fail(struct mp_reader *reader);

/* True if the span is exactly one canonical value. */
bool mp_valid(struct span value);

/* Fields map: open it with mp_fields, then call mp_field until it answers false; it gives
 * the keys in order, checked to be unique and ascending by encoded bytes (0, 1, 2 ...,
 * then -32 ... -2, -1; keys -32..1,023). The caller must consume the value (mp_read_any to skip).
 */
struct mp_fields {
    uint32_t left;
    bool any; /* a key has been read */
    int32_t previous;
};
struct mp_fields mp_fields(struct mp_reader *reader);
bool mp_field(struct mp_reader *reader, struct mp_fields *fields, int32_t *key);

/* Order of two fields-map keys by their encoded bytes: 0, 1, 2 ..., then -32, ... -2, -1. */
int mp_key_compare(int32_t a, int32_t b);

void mp_write_nil(struct buffer *out);
void mp_write_bool(struct buffer *out, bool value);
void mp_write_uint(struct buffer *out, uint64_t value);
void mp_write_int(struct buffer *out, int64_t value);
/* The text must be valid UTF-8 without NUL, or no reader takes it. */
void mp_write_str(struct buffer *out, struct span text);
void mp_write_text(struct buffer *out, const char *text);
void mp_write_bin(struct buffer *out, struct span bytes);
void mp_write_array(struct buffer *out, uint32_t count);
void mp_write_map(struct buffer *out, uint32_t pairs);

/* UTF-8 as in RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF. And no NUL. */
bool utf8_valid(struct span text);
bool utf8_printable(struct span text); /* valid, and no control characters (C0, DEL, C1) */
bool utf8_writable(struct span text); /* the same, but for line feeds and tabs: what people write */
/* Bytes of the character that begins at offset `at`, and its code point; 0 if none is there. */
size_t utf8_character(struct span text, size_t at, uint32_t *code);

#endif
