/* What a write says of entries that it writes again: its form, and where it may stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "schema/endorsement.h"
#include "schema/extension.h"
#include "schema/schema.h"

static void write_digests(struct buffer *out, uint32_t count, size_t size)
{
    uint8_t bytes[64] = {0};
    mp_write_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        bytes[0] = (uint8_t)i;
        mp_write_bin(out, SPAN(bytes, size));
    }
}

static enum error_code put(struct buffer *body, uint32_t count, size_t size, const char *reason)
{
    struct buffer digests = {0};
    struct error error = {0};
    write_digests(&digests, count, size);
    enum error_code code =
        endorsement_put(body, span_of_buffer(&digests), span_of_text(reason), &error);
    buffer_free(&digests);
    return code;
}

static void it_stands_beside_the_fields(void **state)
{
    (void)state;
    struct buffer body = {0};
    buffer_append(&body, (const uint8_t[]){0x83, 1, 0xa1, 'x', 0xfc, 0xa1, 'D', 0xff, 0xc2}, 9);
    assert_int_equal(endorsement_of(span_of_buffer(&body)).count, 0);
    assert_int_equal(put(&body, 3, HASH_BYTES, "看过"), ERR_OK);
    assert_true(mp_valid(span_of_buffer(&body)));
    struct endorsement found = endorsement_of(span_of_buffer(&body));
    assert_int_equal(found.count, 3);
    assert_true(span_equal(found.reason, span_of_text("看过")));
    assert_int_equal(endorsement_digest(&found, 2).bytes[0], 2);
    assert_true(span_equal(schema_body_address(span_of_buffer(&body)), span_of_text("D")));
    buffer_free(&body);
}

static void an_extension_may_have_one(void **state)
{
    (void)state;
    struct buffer body = {0};
    struct span seat = span_of_text("T1");
    extension_encode(&seat, 1, SPAN_EMPTY, &body);
    assert_int_equal(put(&body, 1, HASH_BYTES, ""), ERR_OK);
    assert_int_equal(extension_check(span_of_buffer(&body)), ERR_OK);
    body.data[body.size - HASH_BYTES - 1]--; /* its digest's length: no value at all */
    assert_false(mp_valid(span_of_buffer(&body)));
    buffer_clear(&body);
    extension_encode(&seat, 1, SPAN_EMPTY, &body);
    schema_put_system_field(&body, FIELD_ENDORSES, SPAN("\x80", 1));
    assert_int_equal(extension_check(span_of_buffer(&body)), ERR_INVALID);
    buffer_free(&body);
}

static void only_whole_digests_are_taken(void **state)
{
    (void)state;
    struct buffer body = {0};
    mp_write_map(&body, 0);
    assert_int_equal(put(&body, 0, HASH_BYTES, ""), ERR_INVALID);
    assert_int_equal(put(&body, ENDORSE_DIGESTS_MAX + 1, HASH_BYTES, ""), ERR_INVALID);
    assert_int_equal(put(&body, 1, HASH_BYTES - 1, ""), ERR_INVALID);
    assert_int_equal(put(&body, 1, HASH_BYTES, "\x1b[2J"), ERR_INVALID);
    char reason[ENDORSE_REASON_BYTES_MAX + 2];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    assert_int_equal(put(&body, 1, HASH_BYTES, reason), ERR_INVALID);
    assert_int_equal(body.size, 1);
    reason[sizeof reason - 2] = '\0';
    assert_int_equal(put(&body, ENDORSE_DIGESTS_MAX, HASH_BYTES, reason), ERR_OK);
    buffer_free(&body);
}

/* From elsewhere: an array, a map without digests, a digest that is none. */
static void what_comes_from_elsewhere_is_judged(void **state)
{
    (void)state;
    struct buffer value = {0};
    struct field title = {.number = 1, .kind = FIELD_TEXT, .length_max = 9};
    const struct record_type type = {.number = 1, .fields = &title, .field_count = 1};
    struct error error;
    mp_write_map(&value, 1);
    mp_write_uint(&value, ENDORSE_DIGESTS);
    write_digests(&value, 2, HASH_BYTES);
    assert_true(endorsement_fits(span_of_buffer(&value)));
    assert_false(endorsement_fits(SPAN("\x90", 1)));
    assert_false(endorsement_fits(SPAN("\x80", 1)));
    assert_false(endorsement_fits(SPAN("\x81\x02\x90", 3)));
    assert_false(endorsement_fits(SPAN("\x81\x02\x91\x05", 4)));
    assert_false(endorsement_fits(SPAN("\x81\x01\xa1r", 4)));
    struct buffer body = {0};
    mp_write_map(&body, 0);
    schema_put_system_field(&body, FIELD_ENDORSES, span_of_buffer(&value));
    assert_int_equal(schema_check_body(&type, span_of_buffer(&body), false, &error), ERR_OK);
    buffer_clear(&body);
    mp_write_map(&body, 0);
    schema_put_system_field(&body, FIELD_ENDORSES, SPAN("\x90", 1));
    assert_int_equal(schema_check_body(&type, span_of_buffer(&body), false, &error), ERR_INVALID);
    assert_int_equal(endorsement_of(span_of_buffer(&body)).count, 0);
    buffer_free(&body);
    buffer_free(&value);
}

/* What an extension says of a state that was overdue: a number from 1, or nothing. */
static void an_extension_says_what_was_overdue(void **state)
{
    (void)state;
    struct buffer body = {0};
    struct span seat = span_of_text("C");
    extension_encode_overdue(seat, 3, &body);
    assert_int_equal(extension_check(span_of_buffer(&body)), ERR_OK);
    assert_int_equal(extension_overdue(span_of_buffer(&body)), 3);
    buffer_clear(&body);
    extension_encode(&seat, 1, span_of_text("overdue"), &body);
    assert_int_equal(extension_check(span_of_buffer(&body)), ERR_OK);
    assert_int_equal(extension_overdue(span_of_buffer(&body)), 0);
    buffer_free(&body);
    assert_int_equal(extension_check(SPAN("\x82\x01\x91\xa1\x43\x03\x01", 7)), ERR_OK);
    assert_int_equal(extension_check(SPAN("\x82\x01\x91\xa1\x43\x03\x00", 7)), ERR_INVALID);
    assert_int_equal(extension_check(SPAN("\x82\x01\x91\xa1\x43\x03\xff", 7)), ERR_INVALID);
    assert_int_equal(extension_check(SPAN("\x82\x01\x91\xa1\x43\x03\xa1\x31", 8)), ERR_INVALID);
    assert_int_equal(extension_check(SPAN("\x82\x01\x91\xa1\x43\x03\xce\x00\x01\x00\x00", 11)),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_beside_the_fields),
        cmocka_unit_test(an_extension_may_have_one),
        cmocka_unit_test(only_whole_digests_are_taken),
        cmocka_unit_test(what_comes_from_elsewhere_is_judged),
        cmocka_unit_test(an_extension_says_what_was_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
