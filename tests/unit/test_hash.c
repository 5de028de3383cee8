/* Hashes, key ids, sums, signatures. Expected values were made with other programs: Python's
 * hashlib for BLAKE2b and OpenSSL for Ed25519. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static void bytes_of_hex(const char *hex, uint8_t *to)
{
    for (size_t i = 0; hex[2 * i] != 0; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        to[i] = (uint8_t)byte;
    }
}

static void assert_bytes(const uint8_t *bytes, const char *hex)
{
    uint8_t expected[64];
    bytes_of_hex(hex, expected);
    assert_memory_equal(bytes, expected, strlen(hex) / 2);
}

static void every_context_is_its_own(void **state)
{
    (void)state;
    static const char *const first_bytes[HASH_CONTEXT_COUNT] = {
        [HASH_KEY] = "9d4180817a12db3b",      [HASH_TREE] = "94ffaeaef51e823b",
        [HASH_DOCUMENT] = "afd33892cad86180", [HASH_ROW] = "e1bacf8b0663accb",
        [HASH_NODE] = "84d6e587f127d7dd",     [HASH_BODY] = "0df438ffa443443c",
        [HASH_ENTRY] = "e8dfc375b3b6645a",    [HASH_PAYLOAD] = "96e729a2c379461a",
        [HASH_BLOCK] = "feb4cabc93d71b59",    [HASH_HEAD] = "0caf906120c55438",
        [HASH_TOKEN] = "67ec71c7f737b738",    [HASH_HEADS] = "a7f3a1c520bf933d",
        [HASH_RECEIPT] = "dc52f5b65acf95e6",  [HASH_CELLS] = "049ee3660ed03fb1",
        [HASH_REQUEST] = "ee8c0d4d1c78597c",  [HASH_SEAL] = "9590b93ad742ad36",
        [HASH_PART] = "a0ae98ceffd20323",
    };
    for (unsigned i = 0; i < HASH_CONTEXT_COUNT; i++) {
        struct hash hash = hash_of((enum hash_context)i, span_of_text("terrace"));
        assert_bytes(hash.bytes, first_bytes[i]);
    }
}

static void whole_hashes_are_as_expected(void **state)
{
    (void)state;
    struct hash hash = hash_of(HASH_ENTRY, SPAN_EMPTY);
    assert_bytes(hash.bytes, "36deb287e78a5726968897e02c08ed2cc7aa54fd87823d2edcd179f73d4a9464");
    hash = hash_of(HASH_DOCUMENT, span_of_text("abc"));
    assert_bytes(hash.bytes, "e7d3aeaa3b30b2b90e1bbedac1f2c3df3ffe4477ed0f1d2c12c19182647f59ac");
    hash = hash_of_two(HASH_NODE, SPAN_OF_ARRAY(hash_zero.bytes), SPAN_OF_ARRAY(hash_zero.bytes));
    assert_bytes(hash.bytes, "fc388bcdc928bb59b4e80bad6a0154cf607a811c92e7c22c85df5d7aaf4d5371");
}

static void two_spans_hash_as_one(void **state)
{
    (void)state;
    uint8_t bytes[400];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31);
    struct hash whole = hash_of(HASH_BODY, SPAN_OF_ARRAY(bytes));
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct hash two =
            hash_of_two(HASH_BODY, SPAN(bytes, cut), SPAN(bytes + cut, sizeof bytes - cut));
        assert_true(hash_equal(&whole, &two));
    }
    struct hash other = hash_of_two(HASH_ENTRY, SPAN_OF_ARRAY(bytes), SPAN_EMPTY);
    assert_false(hash_equal(&whole, &other));
}

static void key_ids_are_eight_bytes_of_their_own(void **state)
{
    (void)state;
    uint8_t key[KEY_BYTES];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    struct key_id id = key_id_of(key);
    assert_bytes(id.bytes, "73c9a04622af7327");
    key[31] ^= 1;
    struct key_id other = key_id_of(key);
    assert_true(key_id_equal(id, id));
    assert_false(key_id_equal(id, other));
    assert_int_equal(key_id_compare(id, id), 0);
    assert_int_equal(key_id_compare(id, other) > 0, memcmp(id.bytes, other.bytes, 8) > 0);
}

static void sums_wrap_around(void **state)
{
    (void)state;
    struct hash sum, one = {{0}};
    memset(sum.bytes, 0xff, sizeof sum.bytes);
    one.bytes[HASH_BYTES - 1] = 1;
    hash_add(&sum, &one);
    assert_true(hash_equal(&sum, &hash_zero));
    hash_subtract(&sum, &one);
    for (size_t i = 0; i < HASH_BYTES; i++)
        assert_int_equal(sum.bytes[i], 0xff);
    struct hash value = {{0}};
    value.bytes[30] = 1; /* 256 */
    hash_subtract(&value, &one);
    assert_int_equal(value.bytes[30], 0);
    assert_int_equal(value.bytes[31], 255);
    assert_true(hash_compare(&value, &one) > 0);
    assert_true(hash_compare(&hash_zero, &one) < 0);
}

static void sums_do_not_know_the_order(void **state)
{
    (void)state;
    struct hash values[20], up = hash_zero, down = hash_zero;
    for (uint8_t i = 0; i < 20; i++)
        values[i] = hash_of(HASH_HEAD, SPAN(&i, 1));
    for (size_t i = 0; i < 20; i++) {
        hash_add(&up, &values[i]);
        hash_add(&down, &values[19 - i]);
    }
    assert_true(hash_equal(&up, &down));
    for (size_t i = 0; i < 20; i += 2)
        hash_subtract(&up, &values[i]);
    assert_false(hash_equal(&up, &hash_zero));
    for (size_t i = 1; i < 20; i += 2)
        hash_subtract(&up, &values[i]);
    assert_true(hash_equal(&up, &hash_zero));
}

static uint8_t public_key[KEY_BYTES], secret[SECRET_BYTES];

static int make_key(void **state)
{
    (void)state;
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)i;
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, public_key, secret);
    return 0;
}

static void a_signature_is_as_expected(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES];
    struct hash hash = hash_of(HASH_BLOCK, span_of_text("abc"));
    sign_hash(&hash, secret, signature);
    assert_bytes(public_key, "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    assert_bytes(hash.bytes, "77104b28f41b60d3116e7e0b5c0ffb61dab1ff9c5bc5bb497435cfa7408f829d");
    assert_bytes(signature, "32e0c4f8e32bf00f07b4df8392e7700074e9084ac181da145d0ccd50573fd1ac"
                            "78359a389a94494e17f3f16035781c6cfc628abb1482d25f7ed9834e46d38f0c");
    assert_true(verify_hash(&hash, signature, public_key));
}

static void any_changed_bit_is_seen(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES];
    struct hash hash = hash_of(HASH_BLOCK, span_of_text("abc"));
    sign_hash(&hash, secret, signature);
    for (size_t bit = 0; bit < sizeof signature * 8; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verify_hash(&hash, signature, public_key));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < HASH_BYTES * 8; bit++) {
        hash.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verify_hash(&hash, signature, public_key));
        hash.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    uint8_t other_key[KEY_BYTES], other_secret[SECRET_BYTES], seed[32] = {7};
    sign_key_pair(seed, other_key, other_secret);
    assert_false(verify_hash(&hash, signature, other_key));
    assert_true(verify_hash(&hash, signature, public_key));
}

static void only_sound_keys_are_admitted(void **state)
{
    (void)state;
    static const char *const unsound[] = {
        /* small order: neutral, order 2, order 8 */
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        /* a sound key and a point of order 8 */
        "b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58",
        /* y = p + 3, and y = 2, which is on no point */
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
    };
    assert_true(sign_key_acceptable(public_key));
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        uint8_t key[KEY_BYTES];
        bytes_of_hex(unsound[i], key);
        assert_false(sign_key_acceptable(key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_context_is_its_own),
        cmocka_unit_test(whole_hashes_are_as_expected),
        cmocka_unit_test(two_spans_hash_as_one),
        cmocka_unit_test(key_ids_are_eight_bytes_of_their_own),
        cmocka_unit_test(sums_wrap_around),
        cmocka_unit_test(sums_do_not_know_the_order),
        cmocka_unit_test(a_signature_is_as_expected),
        cmocka_unit_test(any_changed_bit_is_seen),
        cmocka_unit_test(only_sound_keys_are_admitted),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
