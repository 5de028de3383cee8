/* UTF-8 as RFC 3629 has it. Every text that comes in passes here, most of it Chinese: so whole
 * texts are checked by the table of well-formed sequences (Unicode, table 3-7), without decoding.
 */
#include "base/msgpack.h"

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The second byte's range excludes overlong forms, surrogates, and what is above U+10FFFF. */
static inline bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0: return second >= 0xa0 && second <= 0xbf;
    case 0xed: return second >= 0x80 && second <= 0x9f;
    case 0xf0: return second >= 0x90 && second <= 0xbf;
    case 0xf4: return second >= 0x80 && second <= 0x8f;
    default: return is_continuation(second);
    }
}

/* Bytes of the well-formed sequence that begins at `at`, of which `left` are there; else 0. */
static inline size_t sequence_length(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    if (first >= 0xe0 && first < 0xf0)
        return left >= 3 && second_fits(first, at[1]) && is_continuation(at[2]) ? 3 : 0;
    if (first >= 0xc2 && first < 0xe0)
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    if (first < 0xf0 || first > 0xf4)
        return 0;
    return left >= 4 && second_fits(first, at[1]) && is_continuation(at[2]) &&
                   is_continuation(at[3])
               ? 4
               : 0;
}

size_t utf8_character(struct span text, size_t at, uint32_t *code)
{
    size_t length = at < text.size ? sequence_length(text.data + at, text.size - at) : 0;
    if (length == 0)
        return 0;
    uint32_t value = length == 1 ? text.data[at] : text.data[at] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        value = value << 6 | (text.data[at + i] & 0x3f);
    *code = value;
    return length;
}

bool utf8_valid(struct span text)
{
    const uint8_t *at = text.data;
    for (size_t left = text.size; left > 0;) {
        size_t length = sequence_length(at, left);
        if (length == 0 || at[0] == 0)
            return false;
        at += length;
        left -= length;
    }
    return true;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

bool utf8_printable(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t code;
        size_t length = utf8_character(text, at, &code);
        if (length == 0 || is_control(code))
            return false;
        at += length;
    }
    return true;
}

/* Controls are told by their bytes: one below 20 or 7f, or c2 and one below a0. */
bool utf8_writable(struct span text)
{
    const uint8_t *at = text.data;
    for (size_t left = text.size; left > 0;) {
        size_t length = sequence_length(at, left);
        bool lower =
            length == 1 && (at[0] == 0x7f || (at[0] < 0x20 && at[0] != '\n' && at[0] != '\t'));
        bool upper = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
        if (length == 0 || lower || upper)
            return false;
        at += length;
        left -= length;
    }
    return true;
}
