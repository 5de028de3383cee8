/* Text forms: what is written is read back, and no changed letter passes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "node/author/code_text.h"

static const char label[] = "terrace-test-";

static void reads_back(struct span text, struct span expected)
{
    struct buffer bytes = {0};
    struct error error = {0};
    assert_int_equal(code_text_read(label, "the text", text, &bytes, &error), ERR_OK);
    assert_true(span_equal(span_of_buffer(&bytes), expected));
    buffer_free(&bytes);
}

static void refuses(struct span text, enum error_code expected)
{
    struct buffer bytes = {0};
    struct error error = {0};
    assert_int_equal(code_text_read(label, "the text", text, &bytes, &error), expected);
    assert_int_equal(bytes.size, 0);
    assert_true(error.why[0] != '\0');
    buffer_free(&bytes);
}

static void every_length_is_read_back(void **state)
{
    uint8_t data[64];
    (void)state;
    for (size_t size = 0; size <= sizeof data; size++) {
        struct buffer text = {0};
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(i * 37 + size);
        code_text_write(label, SPAN(data, size), &text);
        reads_back(span_of_buffer(&text), SPAN(data, size));
        buffer_free(&text);
    }
}

static void case_blanks_and_look_alikes_do_not_matter(void **state)
{
    const uint8_t data[] = {0x00, 0x42, 0x10, 0x84, 0x21}; /* zeros and ones in every place */
    struct buffer text = {0}, told = {0};
    (void)state;
    code_text_write(label, SPAN_OF_ARRAY(data), &text);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t letter = text.data[i];
        bool digit = i >= sizeof label - 1;
        if (digit && letter == '0')
            letter = 'o';
        if (digit && letter == '1')
            letter = i % 2 == 0 ? 'l' : 'I';
        buffer_append_byte(&told, (uint8_t)toupper(letter));
        if (i > 12 && i % 5 == 0)
            buffer_append_span(&told, span_of_text(" \r\n\t"));
    }
    reads_back(span_of_buffer(&told), SPAN_OF_ARRAY(data));
    buffer_free(&told);
    buffer_free(&text);
}

static void no_changed_letter_passes(void **state)
{
    static const char all[] = "0123456789abcdefghjkmnpqrstvwxyz-!u\x80";
    const uint8_t data[] = "a village's keys, and more of them than five";
    struct buffer text = {0};
    (void)state;
    code_text_write(label, SPAN_OF_ARRAY(data), &text);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t right = text.data[i];
        for (size_t other = 0; other < sizeof all - 1; other++) {
            text.data[i] = (uint8_t)all[other];
            if (text.data[i] != right)
                refuses(span_of_buffer(&text), ERR_MALFORMED);
        }
        text.data[i] = right;
    }
    for (size_t size = 0; size < text.size; size++)
        refuses(SPAN(text.data, size), ERR_MALFORMED);
    buffer_append_byte(&text, '0');
    refuses(span_of_buffer(&text), ERR_MALFORMED);
    buffer_free(&text);
}

static void another_label_and_endless_text_are_refused(void **state)
{
    const uint8_t data[] = {1, 2, 3};
    struct buffer text = {0};
    (void)state;
    code_text_write("terrace-other-", SPAN_OF_ARRAY(data), &text);
    refuses(span_of_buffer(&text), ERR_MALFORMED);
    assert_false(code_text_is(label, span_of_buffer(&text)));
    assert_true(code_text_is("terrace-other-", span_of_buffer(&text)));
    while (text.size <= CODE_TEXT_CHARACTERS_MAX)
        buffer_append_byte(&text, '0');
    refuses(span_of_buffer(&text), ERR_OVERSIZE);
    refuses(SPAN_EMPTY, ERR_MALFORMED);
    buffer_free(&text);
}

static void fingerprints_are_told_by_telephone(void **state)
{
    const struct hash hash = hash_of(HASH_TREE, span_of_text("a tree"));
    struct hash other = hash;
    char text[FINGERPRINT_TEXT_BYTES], told[FINGERPRINT_TEXT_BYTES];
    (void)state;
    fingerprint_write(&hash, text);
    assert_int_equal(strlen(text), 39);
    assert_true(fingerprint_equal(&hash, span_of_text(text)));
    for (size_t i = 0; i < sizeof told; i++)
        told[i] = (char)(text[i] == '-' ? ' ' : toupper((unsigned char)text[i]));
    assert_true(fingerprint_equal(&hash, span_of_text(told)));
    assert_false(fingerprint_equal(&hash, SPAN(text, 38)));
    assert_false(fingerprint_equal(&hash, SPAN_EMPTY));
    other.bytes[19] ^= 1;
    assert_false(fingerprint_equal(&other, span_of_text(text)));
    told[0] = told[0] == '7' ? '8' : '7';
    assert_false(fingerprint_equal(&hash, span_of_text(told)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_read_back),
        cmocka_unit_test(case_blanks_and_look_alikes_do_not_matter),
        cmocka_unit_test(no_changed_letter_passes),
        cmocka_unit_test(another_label_and_endless_text_are_refused),
        cmocka_unit_test(fingerprints_are_told_by_telephone),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
