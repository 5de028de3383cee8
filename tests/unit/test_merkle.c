/* Merkle trees: roots as another program has them, proofs of all sizes to 40, and every
 * planted change refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

enum { LEAVES = 4097 };
static struct hash leaves[LEAVES];

static int make_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t name[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        leaves[i] = hash_of(HASH_ENTRY, SPAN_OF_ARRAY(name));
    }
    return crypto_start() ? 0 : -1;
}

static uint32_t drawn = 1;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 8) % below;
}

static void roots_are_as_expected(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        const char *root;
    } cases[] = {
        {1, "d00c528e493216d24771903cef111bf618fa2da86f8640553afaa2932b12f88b"},
        {2, "6e8d7db2adf878ed904d8f515098a0746875a2e55d0fb150d72a766867c4060c"},
        {3, "15440074a468ea5d4aba90b87b7995c9d63236096c3b96d7a4b0b3f79a6a9306"},
        {5, "4032b1be467dc51d60d3fcf37d3e584742d89d38a2d3e1834f24dfad2dcbca32"},
        {11, "6fca075abe0b91b299807223422fe9248c78dfb434bda19b6f334ad9484e97d1"},
        {40, "d69ed4091ba8e20e6439af0d475cf34745b83af19ce9371c1a4672f1c3a51282"},
        {256, "e6e53fdbec9e766fc5e26953cc761f801411b1e3868a7af0b6f808ec43a910d5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hash root = merkle_root(leaves, cases[i].count);
        char hex[2 * HASH_BYTES + 1];
        for (size_t j = 0; j < HASH_BYTES; j++)
            snprintf(hex + 2 * j, 3, "%02x", root.bytes[j]);
        assert_string_equal(hex, cases[i].root);
    }
}

struct proof {
    struct hash root;
    size_t count, place_count;
    uint32_t places[LEAVES];
    struct hash shown[LEAVES];
    struct buffer bytes;
};

static struct proof proof;

static bool check(void)
{
    return merkle_check(&proof.root, proof.count, proof.places, proof.shown, proof.place_count,
                        span_of_buffer(&proof.bytes));
}

/* A proof for `proof.places`, given already. */
static void prove(size_t count)
{
    proof.count = count;
    proof.root = merkle_root(leaves, count);
    buffer_clear(&proof.bytes);
    merkle_prove(leaves, count, proof.places, proof.place_count, &proof.bytes);
    for (size_t i = 0; i < proof.place_count; i++)
        proof.shown[i] = leaves[proof.places[i]];
}

static void prove_places(size_t count, const uint32_t *places, size_t place_count)
{
    proof.place_count = place_count;
    memcpy(proof.places, places, place_count * sizeof *places);
    prove(count);
}

static void draw_places(size_t count, uint32_t one_of)
{
    proof.place_count = 0;
    for (uint32_t place = 0; place < count; place++)
        if (draw(one_of) == 0)
            proof.places[proof.place_count++] = place;
    if (proof.place_count == 0)
        proof.places[proof.place_count++] = draw((uint32_t)count);
    prove(count);
}

static int free_proof(void **state)
{
    (void)state;
    buffer_free(&proof.bytes);
    return 0;
}

static void every_single_leaf_to_40_is_proved(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 40; count++)
        for (uint32_t place = 0; place < count; place++) {
            prove_places(count, &place, 1);
            assert_true(check());
            proof.shown[0] = leaves[40];
            assert_false(check());
        }
}

static void every_choice_of_leaves_to_10_is_proved(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 10; count++)
        for (uint32_t choice = 1; choice < 1u << count; choice++) {
            proof.place_count = 0;
            for (uint32_t place = 0; place < count; place++)
                if (choice >> place & 1)
                    proof.places[proof.place_count++] = place;
            prove(count);
            assert_true(check());
        }
}

static void sizes_of_proofs_are_as_expected(void **state)
{
    (void)state;
    uint32_t all[256], one = 77;
    for (uint32_t i = 0; i < 256; i++)
        all[i] = i;
    prove_places(256, &one, 1);
    assert_int_equal(proof.bytes.size, 8 * HASH_BYTES);
    prove_places(256, all + 32, 16);
    assert_int_equal(proof.bytes.size, 4 * HASH_BYTES);
    prove_places(256, all, 256);
    assert_int_equal(proof.bytes.size, 0);
    assert_true(check());
    one = 4; /* of five leaves the last goes up twice unchanged */
    prove_places(5, &one, 1);
    assert_int_equal(proof.bytes.size, HASH_BYTES);
    assert_true(check());
}

static void hashes_stand_lowest_level_first_left_to_right(void **state)
{
    (void)state;
    static const uint32_t places[] = {1, 4, 6};
    struct hash pair = merkle_root(leaves + 2, 2);
    prove_places(7, places, 3);
    /* level 0: 0 beside 1, 5 beside 4 (6 goes up alone); level 1: 2-3 beside 0-1 */
    assert_int_equal(proof.bytes.size, 3 * HASH_BYTES);
    assert_memory_equal(proof.bytes.data, leaves[0].bytes, HASH_BYTES);
    assert_memory_equal(proof.bytes.data + HASH_BYTES, leaves[5].bytes, HASH_BYTES);
    assert_memory_equal(proof.bytes.data + 2 * HASH_BYTES, pair.bytes, HASH_BYTES);
    assert_true(check());
}

/* Change one thing, see it refused, and put it back. */
static void plant_changes(void)
{
    size_t size = proof.bytes.size, count = proof.place_count, victim = draw((uint32_t)count);
    assert_true(check());
    proof.shown[victim].bytes[draw(HASH_BYTES)] ^= (uint8_t)(1u << draw(8));
    assert_false(check());
    proof.shown[victim] = leaves[proof.places[victim]];
    proof.root.bytes[draw(HASH_BYTES)] ^= 1;
    assert_false(check());
    proof.root = merkle_root(leaves, proof.count);
    if (size > 0) {
        size_t at = draw((uint32_t)size);
        proof.bytes.data[at] ^= 4;
        assert_false(check());
        proof.bytes.data[at] ^= 4;
        proof.bytes.size = size - HASH_BYTES;
        assert_false(check());
        proof.bytes.size = size - 1;
        assert_false(check());
        proof.bytes.size = size;
    }
    buffer_append(&proof.bytes, hash_zero.bytes, HASH_BYTES);
    assert_false(check());
    proof.bytes.size = size + 1;
    assert_false(check());
    proof.bytes.size = size;
    assert_true(check());
}

static void planted_changes_are_refused(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 40; count++)
        for (uint32_t one_of = 1; one_of <= 8; one_of++) {
            draw_places(count, one_of);
            plant_changes();
        }
    draw_places(4096, 3);
    plant_changes();
}

static void a_leaf_stands_at_no_other_place(void **state)
{
    (void)state;
    for (uint32_t count = 2; count <= 40; count++)
        for (uint32_t place = 0; place < count; place++) {
            prove_places(count, &place, 1);
            for (uint32_t other = 0; other < count; other++) {
                proof.places[0] = other;
                assert_int_equal(check(), other == place);
            }
        }
}

static void another_count_of_other_depth_is_refused(void **state)
{
    (void)state;
    uint32_t place = 3;
    prove_places(16, &place, 1);
    for (proof.count = 4; proof.count <= 64; proof.count++)
        if (proof.count < 9 || proof.count > 16)
            assert_false(check());
    proof.count = 16;
    assert_true(check());
}

/* Everything fits, only one leaf is counted twice. */
static void a_place_named_twice_is_refused(void **state)
{
    (void)state;
    uint32_t place = 2;
    prove_places(9, &place, 1);
    struct buffer single = proof.bytes;
    proof.bytes = (struct buffer){0};
    for (size_t at = 0; at < single.size; at += HASH_BYTES)
        for (unsigned twice = 0; twice < 2; twice++)
            buffer_append(&proof.bytes, single.data + at, HASH_BYTES);
    buffer_free(&single);
    proof.places[1] = place;
    proof.shown[1] = leaves[place];
    proof.place_count = 2;
    assert_false(check());
}

static void senseless_questions_are_refused(void **state)
{
    (void)state;
    static const uint32_t places[] = {2, 5};
    prove_places(9, places, 2);
    assert_true(check());
    proof.places[1] = 2;
    assert_false(check());
    proof.places[0] = 5;
    assert_false(check());
    proof.places[0] = 2;
    proof.places[1] = 9;
    assert_false(check());
    proof.places[1] = UINT32_MAX;
    assert_false(check());
    proof.places[1] = 5;
    proof.place_count = 0;
    assert_false(check());
    proof.place_count = 10;
    assert_false(check());
    proof.place_count = 2;
    proof.count = 0;
    assert_false(check());
    proof.count = 9;
    assert_true(check());
    uint32_t first = 0;
    prove_places(4097, &first, 1);
    assert_false(check()); /* more leaves than anything of ours has */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_as_expected),
        cmocka_unit_test(every_single_leaf_to_40_is_proved),
        cmocka_unit_test(every_choice_of_leaves_to_10_is_proved),
        cmocka_unit_test(sizes_of_proofs_are_as_expected),
        cmocka_unit_test(hashes_stand_lowest_level_first_left_to_right),
        cmocka_unit_test(planted_changes_are_refused),
        cmocka_unit_test(a_leaf_stands_at_no_other_place),
        cmocka_unit_test(another_count_of_other_depth_is_refused),
        cmocka_unit_test(a_place_named_twice_is_refused),
        cmocka_unit_test(senseless_questions_are_refused),
    };
    return cmocka_run_group_tests(tests, make_leaves, free_proof);
}
