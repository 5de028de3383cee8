/* Values: what the writer writes is shortest, and what the reader takes is canonical. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/msgpack.h"

#define BYTES(literal) SPAN(literal, sizeof(literal) - 1)

static struct buffer out;

static int clear_out(void **state)
{
    (void)state;
    buffer_free(&out);
    return 0;
}

static void assert_written(struct span expected)
{
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.data, expected.data, expected.size);
    buffer_clear(&out);
}

static void unsigned_integers_are_shortest(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        struct span bytes;
    } cases[] = {
        {0, {(const uint8_t *)"\x00", 1}},
        {127, {(const uint8_t *)"\x7f", 1}},
        {128, {(const uint8_t *)"\xcc\x80", 2}},
        {255, {(const uint8_t *)"\xcc\xff", 2}},
        {256, {(const uint8_t *)"\xcd\x01\x00", 3}},
        {65535, {(const uint8_t *)"\xcd\xff\xff", 3}},
        {65536, {(const uint8_t *)"\xce\x00\x01\x00\x00", 5}},
        {UINT32_MAX, {(const uint8_t *)"\xce\xff\xff\xff\xff", 5}},
        {UINT32_MAX + 1ull, {(const uint8_t *)"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9}},
        {UINT64_MAX, {(const uint8_t *)"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mp_write_uint(&out, cases[i].value);
        struct mp_reader reader = mp_reader(span_of_buffer(&out));
        assert_true(mp_read_uint(&reader) == cases[i].value);
        mp_read_end(&reader);
        assert_false(reader.failed);
        assert_written(cases[i].bytes);
        if (cases[i].value <= INT64_MAX) {
            mp_write_int(&out, (int64_t)cases[i].value);
            assert_written(cases[i].bytes);
        }
    }
}

static void negative_integers_are_shortest(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        struct span bytes;
    } cases[] = {
        {-1, {(const uint8_t *)"\xff", 1}},
        {-32, {(const uint8_t *)"\xe0", 1}},
        {-33, {(const uint8_t *)"\xd0\xdf", 2}},
        {-128, {(const uint8_t *)"\xd0\x80", 2}},
        {-129, {(const uint8_t *)"\xd1\xff\x7f", 3}},
        {-32768, {(const uint8_t *)"\xd1\x80\x00", 3}},
        {-32769, {(const uint8_t *)"\xd2\xff\xff\x7f\xff", 5}},
        {INT32_MIN, {(const uint8_t *)"\xd2\x80\x00\x00\x00", 5}},
        {INT32_MIN - 1ll, {(const uint8_t *)"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 9}},
        {INT64_MIN, {(const uint8_t *)"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mp_write_int(&out, cases[i].value);
        struct mp_reader reader = mp_reader(span_of_buffer(&out));
        assert_true(mp_read_int(&reader) == cases[i].value);
        mp_read_end(&reader);
        assert_false(reader.failed);
        assert_written(cases[i].bytes);
    }
}

/* What the head of a str or bin of this length is. */
static void assert_head(size_t size, bool is_text, struct span head)
{
    uint8_t *bytes = mem_alloc(size);
    memset(bytes, 'a', size);
    if (is_text)
        mp_write_str(&out, SPAN(bytes, size));
    else
        mp_write_bin(&out, SPAN(bytes, size));
    assert_int_equal(out.size, head.size + size);
    assert_memory_equal(out.data, head.data, head.size);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    struct span read = is_text ? mp_read_str(&reader) : mp_read_bin(&reader);
    assert_true(span_equal(read, SPAN(bytes, size)));
    mp_read_end(&reader);
    assert_false(reader.failed);
    buffer_clear(&out);
    free(bytes);
}

static void lengths_are_shortest(void **state)
{
    (void)state;
    assert_head(0, true, BYTES("\xa0"));
    assert_head(31, true, BYTES("\xbf"));
    assert_head(32, true, BYTES("\xd9\x20"));
    assert_head(255, true, BYTES("\xd9\xff"));
    assert_head(256, true, BYTES("\xda\x01\x00"));
    assert_head(65535, true, BYTES("\xda\xff\xff"));
    assert_head(65536, true, BYTES("\xdb\x00\x01\x00\x00"));
    assert_head(0, false, BYTES("\xc4\x00"));
    assert_head(255, false, BYTES("\xc4\xff"));
    assert_head(256, false, BYTES("\xc5\x01\x00"));
    assert_head(65536, false, BYTES("\xc6\x00\x01\x00\x00"));
}

static void counts_are_shortest(void **state)
{
    (void)state;
    mp_write_array(&out, 15);
    assert_written(BYTES("\x9f"));
    mp_write_array(&out, 16);
    assert_written(BYTES("\xdc\x00\x10"));
    mp_write_array(&out, 65536);
    assert_written(BYTES("\xdd\x00\x01\x00\x00"));
    mp_write_map(&out, 15);
    assert_written(BYTES("\x8f"));
    mp_write_map(&out, 16);
    assert_written(BYTES("\xde\x00\x10"));
    mp_write_map(&out, 65536);
    assert_written(BYTES("\xdf\x00\x01\x00\x00"));
    mp_write_nil(&out);
    mp_write_bool(&out, true);
    mp_write_bool(&out, false);
    mp_write_text(&out, "县");
    assert_written(BYTES("\xc0\xc3\xc2\xa3\xe5\x8e\xbf"));
}

static void canonical_values_are_taken(void **state)
{
    (void)state;
    static const struct span good[] = {
        {(const uint8_t *)"\xc0", 1},
        {(const uint8_t *)"\xc2", 1},
        {(const uint8_t *)"\xc3", 1},
        {(const uint8_t *)"\x90", 1},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\x93\x01\xa1x\xc4\x01\x00", 7},
        {(const uint8_t *)"\x83\x00\x01\x05\xc0\xff\xc3", 7},
        {(const uint8_t *)"\x82\x01\x82\x01\xc0\x02\xc0\x02\x90", 9},
        {(const uint8_t *)"\x84\x7f\x00\xcc\x80\x00\xcd\x03\xff\x00\xe0\x00", 12},
        {(const uint8_t *)"\x91\x91\x91\x91\x91\x91\x91\x90", 8}, /* depth 8 */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mp_valid(good[i]));
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct span bytes;
    } bad[] = {
        {"nothing", {NULL, 0}},
        {"never used", {(const uint8_t *)"\xc1", 1}},
        {"float", {(const uint8_t *)"\xca\x00\x00\x00\x00", 5}},
        {"double", {(const uint8_t *)"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9}},
        {"ext", {(const uint8_t *)"\xd4\x01\x00", 3}},
        {"ext 8", {(const uint8_t *)"\xc7\x01\x01\x00", 4}},
        {"two values", {(const uint8_t *)"\xc0\xc0", 2}},
        {"long 127", {(const uint8_t *)"\xcc\x7f", 2}},
        {"long 255", {(const uint8_t *)"\xcd\x00\xff", 3}},
        {"long 65535", {(const uint8_t *)"\xce\x00\x00\xff\xff", 5}},
        {"long 2^32-1", {(const uint8_t *)"\xcf\x00\x00\x00\x00\xff\xff\xff\xff", 9}},
        {"signed 0", {(const uint8_t *)"\xd0\x00", 2}},
        {"signed 127", {(const uint8_t *)"\xd0\x7f", 2}},
        {"signed 256", {(const uint8_t *)"\xd1\x01\x00", 3}},
        {"signed 2^40", {(const uint8_t *)"\xd3\x00\x00\x01\x00\x00\x00\x00\x00", 9}},
        {"long -32", {(const uint8_t *)"\xd0\xe0", 2}},
        {"long -128", {(const uint8_t *)"\xd1\xff\x80", 3}},
        {"long -32768", {(const uint8_t *)"\xd2\xff\xff\x80\x00", 5}},
        {"long -2^31", {(const uint8_t *)"\xd3\xff\xff\xff\xff\x80\x00\x00\x00", 9}},
        {"long str", {(const uint8_t *)"\xd9\x01x", 3}},
        {"long str 16", {(const uint8_t *)"\xda\x00\x01x", 4}},
        {"long bin", {(const uint8_t *)"\xc5\x00\x01x", 4}},
        {"long array", {(const uint8_t *)"\xdc\x00\x01\x00", 4}},
        {"long map", {(const uint8_t *)"\xde\x00\x01\x00\x00", 5}},
        {"cut int", {(const uint8_t *)"\xcd\x01", 2}},
        {"cut str", {(const uint8_t *)"\xa2x", 2}},
        {"cut bin", {(const uint8_t *)"\xc4\x02x", 3}},
        {"cut head", {(const uint8_t *)"\xc6\x00\x00", 3}},
        {"cut array", {(const uint8_t *)"\x92\x01", 2}},
        {"cut map", {(const uint8_t *)"\x81\x01", 2}},
        {"huge array", {(const uint8_t *)"\xdd\xff\xff\xff\xff", 5}},
        {"huge map", {(const uint8_t *)"\xdf\xff\xff\xff\xff", 5}},
        {"huge str", {(const uint8_t *)"\xdb\xff\xff\xff\xff", 5}},
        {"not UTF-8", {(const uint8_t *)"\xa1\xff", 2}},
        {"NUL", {(const uint8_t *)"\xa1\x00", 2}},
        {"key str", {(const uint8_t *)"\x81\xa1x\x00", 4}},
        {"key nil", {(const uint8_t *)"\x81\xc0\x00", 3}},
        {"key array", {(const uint8_t *)"\x81\x90\x00", 3}},
        {"key 1024", {(const uint8_t *)"\x81\xcd\x04\x00\x00", 5}},
        {"key -33", {(const uint8_t *)"\x81\xd0\xdf\x00", 4}},
        {"key 2^64-1", {(const uint8_t *)"\x81\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00", 11}},
        {"key twice", {(const uint8_t *)"\x82\x01\x00\x01\x00", 5}},
        {"keys falling", {(const uint8_t *)"\x82\x02\x00\x01\x00", 5}},
        {"negative first", {(const uint8_t *)"\x82\xff\x00\x01\x00", 5}},
        {"-1 before -2", {(const uint8_t *)"\x82\xff\x00\xfe\x00", 5}},
        {"inner keys falling", {(const uint8_t *)"\x81\x01\x82\x02\x00\x01\x00", 7}},
        {"depth 9", {(const uint8_t *)"\x91\x91\x91\x91\x91\x91\x91\x91\x90", 9}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (mp_valid(bad[i].bytes))
            fail_msg("taken: %s", bad[i].why);
}

static void every_cut_of_a_value_is_refused(void **state)
{
    (void)state;
    static const uint8_t value[] = "\x84\x01\x92\xa2xy\xcd\x01\x00\x02\xc4\x03"
                                   "abc\x05\x81\x00\xd1\xff\x7f\xff\xc3";
    struct span whole = SPAN(value, sizeof value - 1);
    assert_true(mp_valid(whole));
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *exact = mem_copy(value, size); /* so that reading past the end is seen */
        assert_false(mp_valid(SPAN(exact, size)));
        free(exact);
    }
}

static void items_are_bounded_for_each_value(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        mp_write_array(&out, VALUE_ITEMS_MAX - 1);
        for (unsigned i = 0; i < VALUE_ITEMS_MAX - 1; i++)
            mp_write_uint(&out, 1);
    }
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    mp_read_any(&reader);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count; i++)
        mp_read_uint(&reader);
    mp_read_any(&reader);
    mp_read_end(&reader);
    assert_false(reader.failed);

    buffer_clear(&out);
    mp_write_array(&out, VALUE_ITEMS_MAX);
    for (unsigned i = 0; i < VALUE_ITEMS_MAX; i++)
        mp_write_uint(&out, 1);
    assert_false(mp_valid(span_of_buffer(&out)));
    reader = mp_reader(span_of_buffer(&out));
    reader.items_max = VALUE_ITEMS_MAX + 1;
    mp_read_any(&reader);
    mp_read_end(&reader);
    assert_false(reader.failed);
}

static void counts_of_nested_arrays_add_up(void **state)
{
    (void)state;
    /* each count alone fits into the bytes that are left, both together do not */
    struct mp_reader reader = mp_reader(BYTES("\x92\x92\x00\x00"));
    assert_int_equal(mp_read_array(&reader), 2);
    assert_false(reader.failed);
    assert_int_equal(mp_read_array(&reader), 0);
    assert_true(reader.failed);
}

static void an_error_sticks(void **state)
{
    (void)state;
    struct mp_reader reader = mp_reader(BYTES("\x05\xa1x\x06"));
    assert_int_equal(mp_read_uint(&reader), 5);
    assert_false(mp_read_bool(&reader));
    assert_true(reader.failed);
    assert_int_equal(mp_peek(&reader), MP_BAD);
    assert_int_equal(mp_read_str(&reader).size, 0);
    assert_int_equal(mp_read_uint(&reader), 0);
    assert_int_equal(mp_read_array(&reader), 0);
    assert_null(mp_read_bin_of(&reader, 0));
    assert_int_equal(mp_read_any(&reader).size, 0);
    int32_t key;
    struct mp_fields fields = mp_fields(&reader);
    assert_false(mp_field(&reader, &fields, &key));
    mp_read_end(&reader);
    assert_true(reader.failed);
}

static void each_read_takes_its_own_kind(void **state)
{
    (void)state;
    struct mp_reader reader =
        mp_reader(BYTES("\xc0\xc3\x05\xff\xa2hi\xc4\x02\x01\x02\x91\x80\x80"));
    static const enum mp_kind kinds[] = {MP_NIL, MP_BOOL, MP_INT,   MP_INT,
                                         MP_STR, MP_BIN,  MP_ARRAY, MP_MAP};
    struct mp_reader walker = reader;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(mp_peek(&walker), kinds[i]);
        mp_read_any(&walker);
    }
    mp_read_nil(&reader);
    assert_true(mp_read_bool(&reader));
    assert_int_equal(mp_read_uint_max(&reader, 5), 5);
    assert_int_equal(mp_read_int(&reader), -1);
    assert_true(span_equal(mp_read_str(&reader), BYTES("hi")));
    assert_memory_equal(mp_read_bin_of(&reader, 2), "\x01\x02", 2);
    assert_int_equal(mp_peek(&reader), MP_ARRAY);
    assert_int_equal(mp_read_array(&reader), 1);
    assert_int_equal(mp_peek(&reader), MP_MAP);
    assert_int_equal(mp_read_map(&reader), 0);
    assert_int_equal(mp_read_any(&reader).size, 1);
    assert_int_equal(mp_peek(&reader), MP_END);
    mp_read_end(&reader);
    assert_false(reader.failed);
    mp_read_nil(&reader);
    assert_true(reader.failed);
}

static void bounds_of_integers_hold(void **state)
{
    (void)state;
    struct mp_reader reader = mp_reader(BYTES("\xff"));
    mp_read_uint(&reader);
    assert_true(reader.failed);
    reader = mp_reader(BYTES("\x06"));
    mp_read_uint_max(&reader, 5);
    assert_true(reader.failed);
    reader = mp_reader(BYTES("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"));
    mp_read_int(&reader);
    assert_true(reader.failed);
    reader = mp_reader(BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_true(mp_read_int(&reader) == INT64_MAX);
    assert_false(reader.failed);
    reader = mp_reader(BYTES("\xc4\x02xy"));
    assert_null(mp_read_bin_of(&reader, 3));
    assert_true(reader.failed);
}

static void fields_come_in_order_and_unknown_ones_are_skipped(void **state)
{
    (void)state;
    struct mp_reader reader =
        mp_reader(BYTES("\x84\x01\x07\x02\x92\x01\x81\x00\xc0\xfe\xc2\xff\xc3"));
    struct mp_fields fields = mp_fields(&reader);
    static const int32_t expected[] = {1, 2, -2, -1};
    int32_t key;
    for (size_t i = 0; i < 4; i++) {
        assert_true(mp_field(&reader, &fields, &key));
        assert_int_equal(key, expected[i]);
        assert_true(mp_read_any(&reader).size > 0);
    }
    assert_false(mp_field(&reader, &fields, &key));
    mp_read_end(&reader);
    assert_false(reader.failed);
}

static void fields_out_of_order_fail(void **state)
{
    (void)state;
    static const struct span bad[] = {
        {(const uint8_t *)"\x82\x02\x00\x01\x00", 5},
        {(const uint8_t *)"\x82\x01\x00\x01\x00", 5},
        {(const uint8_t *)"\x82\xff\x00\x00\x00", 5},
        {(const uint8_t *)"\x82\xff\x00\xfe\x00", 5},
        {(const uint8_t *)"\x82\x00\x00\xa1x\x00", 6},
        {(const uint8_t *)"\x82\x00\x00\xcd\x04\x00\x00", 7},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mp_reader reader = mp_reader(bad[i]);
        struct mp_fields fields = mp_fields(&reader);
        int32_t key;
        assert_true(mp_field(&reader, &fields, &key));
        mp_read_any(&reader);
        assert_false(mp_field(&reader, &fields, &key));
        assert_true(reader.failed);
    }
}

static void keys_compare_as_their_bytes(void **state)
{
    (void)state;
    struct buffer other = {0};
    for (int32_t a = -32; a <= 1023; a += 5)
        for (int32_t b = -32; b <= 1023; b += 3) {
            buffer_clear(&out);
            buffer_clear(&other);
            mp_write_int(&out, a);
            mp_write_int(&other, b);
            int by_bytes = span_compare(span_of_buffer(&out), span_of_buffer(&other));
            int by_value = mp_key_compare(a, b);
            assert_true((by_bytes > 0) == (by_value > 0) && (by_bytes < 0) == (by_value < 0));
        }
    buffer_free(&other);
}

static void text_keys_are_taken_only_where_allowed(void **state)
{
    (void)state;
    struct span bytes = BYTES("\x83\x01\xc0\xa1z\x81\xa1"
                              "a\x00\xa1"
                              "b\x00");
    assert_false(mp_valid(bytes));
    struct mp_reader reader = mp_reader(bytes);
    reader.text_keys = true;
    assert_int_equal(mp_read_any(&reader).size, bytes.size);
    mp_read_end(&reader);
    assert_false(reader.failed);
    reader = mp_reader(BYTES("\x82\xa1x\x00\xc0\x00"));
    reader.text_keys = true;
    mp_read_any(&reader);
    assert_true(reader.failed);
}

static void an_array_left_unread_is_not_the_end(void **state)
{
    (void)state;
    struct mp_reader reader = mp_reader(BYTES("\x92\xa1x"));
    mp_read_array(&reader);
    mp_read_str(&reader);
    mp_read_end(&reader);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(unsigned_integers_are_shortest, clear_out),
        cmocka_unit_test_teardown(negative_integers_are_shortest, clear_out),
        cmocka_unit_test_teardown(lengths_are_shortest, clear_out),
        cmocka_unit_test_teardown(counts_are_shortest, clear_out),
        cmocka_unit_test(canonical_values_are_taken),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(every_cut_of_a_value_is_refused),
        cmocka_unit_test_teardown(items_are_bounded_for_each_value, clear_out),
        cmocka_unit_test(counts_of_nested_arrays_add_up),
        cmocka_unit_test(an_error_sticks),
        cmocka_unit_test(each_read_takes_its_own_kind),
        cmocka_unit_test(bounds_of_integers_hold),
        cmocka_unit_test(fields_come_in_order_and_unknown_ones_are_skipped),
        cmocka_unit_test(fields_out_of_order_fail),
        cmocka_unit_test_teardown(keys_compare_as_their_bytes, clear_out),
        cmocka_unit_test(text_keys_are_taken_only_where_allowed),
        cmocka_unit_test(an_array_left_unread_is_not_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
