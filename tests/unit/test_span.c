/* Spans, buffers, numbers in bytes, UTF-8, errors: the ground that everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/msgpack.h"
#include "base/span.h"

static struct span text(const char *letters)
{
    return span_of_text(letters);
}

static void spans_are_compared_as_bytes(void **state)
{
    (void)state;
    assert_true(span_equal(text("abc"), text("abc")));
    assert_false(span_equal(text("abc"), text("abd")));
    assert_false(span_equal(text("abc"), text("ab")));
    assert_true(span_equal(SPAN_EMPTY, text("")));
    assert_true(span_compare(text("ab"), text("abc")) < 0);
    assert_true(span_compare(text("b"), text("abc")) > 0);
    assert_true(span_compare(text("\xff"), text("a")) > 0);
    assert_int_equal(span_compare(SPAN_EMPTY, SPAN_EMPTY), 0);
    assert_true(span_compare(SPAN_EMPTY, text("a")) < 0);
}

static void a_buffer_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (unsigned i = 0; i < 5000; i++)
        buffer_append_byte(&buffer, (uint8_t)(i * 7));
    assert_int_equal(buffer.size, 5000);
    assert_true(buffer.capacity >= 5000 && buffer.capacity <= 16384);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)(i * 7));
    size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.capacity, capacity);
    buffer_append_span(&buffer, text("again"));
    assert_true(span_equal(span_of_buffer(&buffer), text("again")));
    buffer_free(&buffer);
    assert_null(buffer.data);
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 0);
    buffer_free(&buffer);
}

static void reserving_makes_room_at_once(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append_byte(&buffer, 1);
    buffer_reserve(&buffer, 1000);
    assert_true(buffer.capacity >= 1001);
    const uint8_t *before = buffer.data;
    for (unsigned i = 0; i < 1000; i++)
        buffer_append_byte(&buffer, 2);
    assert_ptr_equal(buffer.data, before);
    buffer_free(&buffer);
}

static void numbers_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98, 0x80,
                                       0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
    struct buffer buffer = {0};
    buffer_append_u16(&buffer, 0x1234);
    buffer_append_u32(&buffer, 0xfedcba98);
    buffer_append_u64(&buffer, 0x8001020304050607);
    assert_true(span_equal(span_of_buffer(&buffer), SPAN_OF_ARRAY(expected)));
    assert_int_equal(read_u16(buffer.data), 0x1234);
    assert_true(read_u32(buffer.data + 2) == 0xfedcba98);
    assert_true(read_u64(buffer.data + 6) == 0x8001020304050607);
    buffer_free(&buffer);
}

static void memory_is_zeroed_and_copied(void **state)
{
    (void)state;
    uint8_t *zeros = mem_alloc(100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    uint8_t *copy = mem_copy("bytes", 5);
    assert_memory_equal(copy, "bytes", 5);
    char *name = mem_text("name");
    assert_string_equal(name, "name");
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    free(nothing);
    free(name);
    free(copy);
    free(zeros);
}

static void utf8_is_judged_by_the_letter(void **state)
{
    (void)state;
    static const char *const valid[] = {"",
                                        "a",
                                        "\x7f",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "永顺县"};
    static const char *const invalid[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2 ",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xe4\xb8",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf0\x9f\x98",
        "\xff",
        "\xfe",
        "a\x80",
        "\xe4\xb8\xad\xad",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        assert_true(utf8_valid(text(valid[i])));
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        assert_false(utf8_valid(text(invalid[i])));
    assert_false(utf8_valid(SPAN("a\0b", 3)));
}

static bool valid_by_characters(struct span all)
{
    uint32_t code = 1;
    size_t at = 0, length = 1;
    while (at < all.size && (length = utf8_character(all, at, &code)) > 0 && code != 0)
        at += length;
    return at == all.size;
}

/* Whole texts are judged in long steps: by any three bytes, wherever they stand in the text, the
 * verdict is that of one character after the other. */
static void long_steps_judge_as_single_characters(void **state)
{
    static const uint8_t ends[] = {0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90,
                                   0x9f, 0xa0, 0xbf, 0xc2, 0xff};
    (void)state;
    for (size_t at = 0; at < 10; at++) {
        uint8_t bytes[13] = "abcdefghijkl";
        for (size_t draw = 0; draw < 256 * sizeof ends * sizeof ends; draw++) {
            bytes[at] = (uint8_t)(draw % 256);
            bytes[at + 1] = ends[draw / 256 % sizeof ends];
            bytes[at + 2] = ends[draw / 256 / sizeof ends];
            assert_int_equal(utf8_valid(SPAN(bytes, 12)), valid_by_characters(SPAN(bytes, 12)));
            assert_int_equal(utf8_valid(SPAN(bytes, at + 3)),
                             valid_by_characters(SPAN(bytes, at + 3)));
        }
    }
}

static void control_characters_are_not_printable(void **state)
{
    (void)state;
    assert_true(utf8_printable(text("Yongshun 永顺 ~")));
    assert_true(utf8_printable(text("\xc2\xa0")));
    assert_false(utf8_printable(text("a\nb")));
    assert_false(utf8_printable(text("\x1b[2J")));
    assert_false(utf8_printable(text("\x7f")));
    assert_false(utf8_printable(text("\xc2\x9b"))); /* C1 */
    assert_false(utf8_printable(SPAN("\0", 1)));
    assert_false(utf8_printable(text("\xff")));
}

static void line_feeds_and_tabs_may_be_written(void **state)
{
    (void)state;
    assert_true(utf8_writable(text("two\nlines\tand 永顺")));
    assert_true(utf8_writable(SPAN_EMPTY));
    assert_false(utf8_writable(text("a\r\n")));
    assert_false(utf8_writable(text("\x1b[2J")));
    assert_false(utf8_writable(text("\x7f")));
    assert_false(utf8_writable(text("\xc2\x9b")));
    assert_false(utf8_writable(SPAN("\0", 1)));
    assert_false(utf8_writable(text("\xff")));
}

static void a_character_has_a_length_and_a_code(void **state)
{
    (void)state;
    uint32_t code = 0;
    assert_int_equal(utf8_character(text("a\xe6\xb0\xb8"), 1, &code), 3);
    assert_int_equal(code, 0x6c38);
    assert_int_equal(utf8_character(text("\xf4\x8f\xbf\xbf"), 0, &code), 4);
    assert_int_equal(code, 0x10ffff);
    assert_int_equal(utf8_character(text("a"), 1, &code), 0);
    assert_int_equal(utf8_character(text("a\xe6\xb0\xb8"), 2, &code), 0);
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        enum error_code code = (enum error_code)i;
        assert_true(strlen(error_name(code)) > 0);
        assert_true(strlen(error_sentence(code)) > 0);
        assert_true(utf8_printable(text(error_sentence_chinese(code))));
        assert_int_equal(error_by_name(text(error_name(code))), code);
    }
    assert_string_equal(error_name(ERR_NOT_FOUND), "not_found");
    assert_int_equal(error_exit_status(ERR_OK), 0);
    assert_int_equal(error_exit_status(ERR_FORGED), 3);
    assert_int_equal(error_exit_status(ERR_UNREACHABLE), 4);
    assert_int_equal(error_by_name(text("no such name")), ERR_INTERNAL);
}

static void an_error_is_set_and_wrapped(void **state)
{
    (void)state;
    struct error error;
    error_clear(&error);
    assert_int_equal(error.code, ERR_OK);
    assert_int_equal(error_set(&error, ERR_STALE, "row", "version %d", 7), ERR_STALE);
    error_at(&error, 3, 9);
    error_next(&error, "fetch %s", "again");
    assert_string_equal(error.what, "row");
    assert_string_equal(error.why, "version 7");
    assert_string_equal(error.next, "fetch again");
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 9);
    error_set(&error, error.code, "document", "%s: %s", error.what, error.why);
    assert_string_equal(error.what, "document");
    assert_string_equal(error.why, "row: version 7");
    assert_string_equal(error.next, "");
    assert_int_equal(error.line, 0);
    assert_int_equal(error_set(NULL, ERR_FULL, "x", "y"), ERR_FULL);
    error_next(NULL, "nothing happens");
    error_at(NULL, 1, 1);
}

static void a_long_error_is_cut_at_a_character(void **state)
{
    (void)state;
    char long_text[1000] = "";
    for (size_t i = 0; i + 4 < sizeof long_text; i += 3)
        memcpy(long_text + i, "永", 4);
    for (int shift = 0; shift < 3; shift++) {
        struct error error;
        error_set(&error, ERR_INVALID, long_text, "%.*s%s", shift, "ab", long_text);
        assert_true(utf8_valid(text(error.what)));
        assert_true(utf8_valid(text(error.why)));
        assert_true(strlen(error.what) >= sizeof error.what - 4);
        assert_true(strlen(error.why) >= sizeof error.why - 4);
        assert_null(strchr(error.why, '?'));
    }
}

static void hostile_bytes_do_not_reach_the_screen(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERR_INVALID,
              "a\xff"
              "b",
              "x\x1b[31my\x80\xc2\x9b\nz");
    assert_string_equal(error.what, "a?b");
    assert_string_equal(error.why, "x?[31my??\nz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_compared_as_bytes),
        cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(reserving_makes_room_at_once),
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(memory_is_zeroed_and_copied),
        cmocka_unit_test(utf8_is_judged_by_the_letter),
        cmocka_unit_test(long_steps_judge_as_single_characters),
        cmocka_unit_test(control_characters_are_not_printable),
        cmocka_unit_test(line_feeds_and_tabs_may_be_written),
        cmocka_unit_test(a_character_has_a_length_and_a_code),
        cmocka_unit_test(every_error_has_its_words),
        cmocka_unit_test(an_error_is_set_and_wrapped),
        cmocka_unit_test(a_long_error_is_cut_at_a_character),
        cmocka_unit_test(hostile_bytes_do_not_reach_the_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
