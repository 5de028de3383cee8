/* UTF-8 as RFC 3629 has it: one character at a time, everything else built on that. */
#include "base/msgpack.h"

static const uint32_t utf8_least[] = {0, 0, 0x80, 0x800, 0x10000};

/* Length that the first byte promises; 0 if none begins with it. */
static size_t promised_length(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2) /* a continuation, or an overlong form of ASCII */
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf5 ? 4 : 0;
}

size_t utf8_character(struct span text, size_t at, uint32_t *code)
{
    if (at >= text.size)
        return 0;
    uint8_t first = text.data[at];
    size_t length = promised_length(first);
    if (length == 0 || length > text.size - at)
        return 0;
    uint32_t value = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        uint8_t byte = text.data[at + i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < utf8_least[length] || value > 0x10ffff || surrogate)
        return 0;
    *code = value;
    return length;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static bool each_character(struct span text, bool controls_allowed)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t code;
        size_t length = utf8_character(text, at, &code);
        if (length == 0 || code == 0)
            return false;
        if (!controls_allowed && is_control(code))
            return false;
        at += length;
    }
    return true;
}

bool utf8_valid(struct span text)
{
    return each_character(text, true);
}

bool utf8_printable(struct span text)
{
    return each_character(text, false);
}
