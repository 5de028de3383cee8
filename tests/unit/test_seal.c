/* Sealed bytes: whoever is named reads, nobody else, and all of them the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"

enum { READERS = 3 };

static struct seal_key key_of(uint8_t number)
{
    struct seal_key key;
    struct hash secret = hash_of(HASH_NODE, SPAN(&number, 1));
    seal_key_from(secret.bytes, &key);
    return key;
}

static const struct span words = {(const uint8_t *)"what the county mustn't read", 28};

static struct buffer sealed_words(const struct hash *bound, uint8_t seed)
{
    uint8_t readers[READERS][KEY_BYTES];
    struct buffer out = {0};
    struct hash from = hash_of(HASH_REQUEST, SPAN(&seed, 1));
    for (uint8_t i = 0; i < READERS; i++) {
        struct seal_key key = key_of(i);
        memcpy(readers[i], key.public_key, KEY_BYTES);
    }
    assert_true(
        seal_make(words, bound, (const uint8_t(*)[KEY_BYTES])readers, READERS, &from, &out));
    return out;
}

static enum seal_answer answer_to(struct span sealed, const struct hash *bound, uint8_t who)
{
    struct seal_key key = key_of(who);
    struct buffer plain = {0};
    uint8_t content_key[SEAL_CONTENT_KEY_BYTES];
    enum seal_answer answer = seal_open(sealed, bound, &key, &plain, content_key);
    assert_int_equal(plain.size, answer == SEAL_OPENED ? words.size : 0);
    if (answer == SEAL_OPENED)
        assert_memory_equal(plain.data, words.data, words.size);
    buffer_free(&plain);
    return answer;
}

static void those_who_are_named_read(void **state)
{
    (void)state;
    struct buffer sealed = sealed_words(&hash_zero, 1);
    assert_int_equal(sealed.size,
                     words.size + SEAL_HEAD_BYTES + READERS * SEAL_READER_BYTES + SEAL_TAG_BYTES);
    for (uint8_t i = 0; i < READERS; i++)
        assert_int_equal(answer_to(span_of_buffer(&sealed), &hash_zero, i), SEAL_OPENED);
    assert_int_equal(answer_to(span_of_buffer(&sealed), &hash_zero, READERS), SEAL_FOR_OTHERS);
    for (size_t i = 0; i + words.size <= sealed.size; i++)
        assert_memory_not_equal(sealed.data + i, words.data, words.size);
    buffer_free(&sealed);
}

static void the_same_again_comes_out_otherwise(void **state)
{
    (void)state;
    struct buffer once = sealed_words(&hash_zero, 1), again = sealed_words(&hash_zero, 1),
                  other = sealed_words(&hash_zero, 2);
    assert_memory_equal(once.data, again.data, once.size); /* pure: of one seed, the same */
    assert_memory_not_equal(once.data + SEAL_HEAD_BYTES, other.data + SEAL_HEAD_BYTES,
                            once.size - SEAL_HEAD_BYTES);
    buffer_free(&once);
    buffer_free(&again);
    buffer_free(&other);
}

/* Copied into a stream of somebody else's it opens for nobody. */
static void it_is_bound(void **state)
{
    (void)state;
    struct hash bound = hash_of(HASH_KEY, span_of_text("a"));
    struct buffer sealed = sealed_words(&bound, 1);
    assert_int_equal(answer_to(span_of_buffer(&sealed), &bound, 0), SEAL_OPENED);
    assert_int_equal(answer_to(span_of_buffer(&sealed), &hash_zero, 0), SEAL_BROKEN);
    buffer_free(&sealed);
}

static void a_changed_byte_opens_nothing(void **state)
{
    (void)state;
    struct buffer sealed = sealed_words(&hash_zero, 1);
    for (size_t i = 0; i < sealed.size; i++) {
        sealed.data[i] ^= 0x10;
        assert_int_not_equal(answer_to(span_of_buffer(&sealed), &hash_zero, 1), SEAL_OPENED);
        sealed.data[i] ^= 0x10;
        assert_int_not_equal(answer_to(SPAN(sealed.data, i), &hash_zero, 1), SEAL_OPENED);
    }
    assert_int_equal(answer_to(span_of_buffer(&sealed), &hash_zero, 1), SEAL_OPENED);
    buffer_free(&sealed);
}

static void a_content_key_opens_its_own_alone(void **state)
{
    (void)state;
    struct buffer one = sealed_words(&hash_zero, 1), other = sealed_words(&hash_zero, 2),
                  plain = {0};
    struct seal_key key = key_of(0);
    uint8_t content_key[SEAL_CONTENT_KEY_BYTES];
    assert_int_equal(seal_open(span_of_buffer(&one), &hash_zero, &key, &plain, content_key),
                     SEAL_OPENED);
    buffer_clear(&plain);
    assert_int_equal(seal_open_with(span_of_buffer(&one), &hash_zero, content_key, &plain),
                     SEAL_OPENED);
    assert_memory_equal(plain.data, words.data, words.size);
    assert_int_equal(seal_open_with(span_of_buffer(&other), &hash_zero, content_key, &plain),
                     SEAL_BROKEN);
    content_key[5] ^= 1;
    assert_int_equal(seal_open_with(span_of_buffer(&one), &hash_zero, content_key, &plain),
                     SEAL_BROKEN);
    buffer_free(&one);
    buffer_free(&other);
    buffer_free(&plain);
}

static void a_key_that_is_none_is_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[1][KEY_BYTES];
    struct buffer out = {0};
    buffer_append_byte(&out, 7);
    struct seal_key key = key_of(0);
    assert_true(seal_key_acceptable(key.public_key));
    assert_false(seal_key_acceptable(zeros[0]));
    assert_false(seal_make(words, &hash_zero, zeros, 1, &hash_zero, &out));
    assert_int_equal(out.size, 1);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_are_named_read),
        cmocka_unit_test(the_same_again_comes_out_otherwise),
        cmocka_unit_test(it_is_bound),
        cmocka_unit_test(a_changed_byte_opens_nothing),
        cmocka_unit_test(a_content_key_opens_its_own_alone),
        cmocka_unit_test(a_key_that_is_none_is_refused),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
