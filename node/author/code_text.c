/* Five bits a digit; the last digit's bits that are left over are zero, and must be. */
#include "node/author/code_text.h"

#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <string.h>

enum { SUM_BYTES = 5, FINGERPRINT_BYTES = 20, GROUP = 4, NO_DIGIT = -1 };

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static int digit_value(uint8_t character)
{
    int lower = tolower(character);
    if (lower == 'o')
        return 0;
    if (lower == 'i' || lower == 'l')
        return 1;
    const char *at = lower == '\0' ? NULL : strchr(digits, lower);
    return at == NULL ? NO_DIGIT : (int)(at - digits);
}

static bool is_blank(uint8_t character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static void digits_write(struct span bytes, struct buffer *text)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        held = held << 8 | bytes.data[i];
        for (bits += 8; bits >= 5; bits -= 5)
            buffer_append_byte(text, (uint8_t)digits[held >> (bits - 5) & 31]);
    }
    if (bits > 0)
        buffer_append_byte(text, (uint8_t)digits[held << (5 - bits) & 31]);
}

/* False: a character that can't be, or bits left over. */
static bool digits_read(struct span text, struct buffer *bytes)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (is_blank(text.data[i]))
            continue;
        int value = digit_value(text.data[i]);
        if (value == NO_DIGIT)
            return false;
        held = held << 5 | (unsigned)value;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            buffer_append_byte(bytes, (uint8_t)(held >> bits));
        }
        held &= (1U << bits) - 1;
    }
    return bits < 5 && held == 0;
}

static void sum(const char *label, struct span bytes, uint8_t out[static SUM_BYTES])
{
    static const uint8_t personal[16] = "terrace text sum";
    crypto_generichash_blake2b_state state;
    uint8_t hash[HASH_BYTES];
    crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, sizeof hash, NULL, personal);
    crypto_generichash_blake2b_update(&state, (const uint8_t *)label, strlen(label) + 1);
    crypto_generichash_blake2b_update(&state, bytes.data, bytes.size);
    crypto_generichash_blake2b_final(&state, hash, sizeof hash);
    memcpy(out, hash, SUM_BYTES);
}

void code_text_write(const char *label, struct span bytes, struct buffer *text)
{
    struct buffer all = {0};
    uint8_t check[SUM_BYTES];
    assert(bytes.size <= CODE_TEXT_BYTES_MAX);
    sum(label, bytes, check);
    buffer_reserve(&all, bytes.size + sizeof check);
    buffer_append_span(&all, bytes);
    buffer_append(&all, check, sizeof check);
    buffer_append_span(text, span_of_text(label));
    digits_write(span_of_buffer(&all), text);
    sodium_memzero(all.data, all.size);
    buffer_free(&all);
}

/* Moves past blanks and the label, in any case. */
static bool skip_label(const char *label, struct span *text)
{
    size_t at = 0;
    while (at < text->size && is_blank(text->data[at]))
        at++;
    for (; *label != '\0'; label++, at++) {
        if (at == text->size || tolower(text->data[at]) != *label)
            return false;
    }
    *text = SPAN(text->data + at, text->size - at);
    return true;
}

bool code_text_is(const char *label, struct span text)
{
    return skip_label(label, &text);
}

enum error_code code_text_read(const char *label, const char *name, struct span text,
                               struct buffer *bytes, struct error *error)
{
    struct buffer all = {0};
    uint8_t check[SUM_BYTES];
    enum error_code code = ERR_OK;
    if (text.size > CODE_TEXT_CHARACTERS_MAX)
        return error_set(error, ERR_OVERSIZE, name, "it is longer than any such text");
    if (!skip_label(label, &text)) {
        error_set(error, ERR_MALFORMED, name, "it doesn't begin with %s", label);
        error_next(error, "copy the whole text, from %s to its last letter", label);
        return ERR_MALFORMED;
    }
    buffer_reserve(&all, text.size + 1); /* so that no copy of a secret stays in a resize */
    bool read = digits_read(text, &all) && all.size >= SUM_BYTES &&
                all.size - SUM_BYTES <= CODE_TEXT_BYTES_MAX;
    if (read) {
        struct span body = SPAN(all.data, all.size - SUM_BYTES);
        sum(label, body, check);
        read = sodium_memcmp(check, all.data + body.size, SUM_BYTES) == 0;
        if (read)
            buffer_append_span(bytes, body);
    }
    if (!read) {
        code = error_set(error, ERR_MALFORMED, name, "a letter of it is missing or wrong");
        error_next(error, "copy the whole text again, to its last letter");
    }
    sodium_memzero(all.data, all.capacity);
    buffer_free(&all);
    return code;
}

void fingerprint_write(const struct hash *hash, char text[static FINGERPRINT_TEXT_BYTES])
{
    struct buffer plain = {0};
    size_t at = 0;
    digits_write(SPAN(hash->bytes, FINGERPRINT_BYTES), &plain);
    for (size_t i = 0; i < plain.size; i++) {
        if (i > 0 && i % GROUP == 0)
            text[at++] = '-';
        text[at++] = (char)plain.data[i];
    }
    assert(at == FINGERPRINT_TEXT_BYTES - 1);
    text[at] = '\0';
    buffer_free(&plain);
}

bool fingerprint_equal(const struct hash *hash, struct span text)
{
    char right[FINGERPRINT_TEXT_BYTES];
    size_t at = 0;
    fingerprint_write(hash, right);
    for (size_t i = 0; i < text.size; i++) {
        if (is_blank(text.data[i]) || text.data[i] == '-')
            continue;
        if (right[at] == '-')
            at++;
        int value = digit_value(text.data[i]);
        if (right[at] == '\0' || value == NO_DIGIT || digits[value] != right[at])
            return false;
        at++;
    }
    return right[at] == '\0';
}
