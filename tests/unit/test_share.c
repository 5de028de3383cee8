/* What one village holds of a large tree is small, whatever the tree's size (threat 63). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/share.h"

enum {
    COUNTIES = 30,
    TOWNSHIPS = 3,
    VILLAGES = 20, /* of each township */
    SEATS = 1 + COUNTIES * (1 + TOWNSHIPS * (1 + VILLAGES)),
    SHARE_BYTES_MAX = 64 << 10,
    CODE_BYTES = 33,
};

static char codes[SEATS][CODE_BYTES];
static char name[SEAT_NAME_BYTES_MAX + 1], endpoint[ENDPOINT_BYTES_MAX + 1];

static void describe(struct author_seat *seat, size_t place, size_t parent, const char *tier)
{
    uint8_t seed[32] = {0}, secret[SECRET_BYTES], key[KEY_BYTES];
    memcpy(seed, &place, sizeof place);
    snprintf(codes[place], CODE_BYTES, "a-seat-with-a-long-code-%08zu", place);
    *seat = (struct author_seat){.code = span_of_text(codes[place]),
                                 .name = span_of_text(name),
                                 .tier = span_of_text(tier),
                                 .parent = place == 0 ? SPAN_EMPTY : span_of_text(codes[parent]),
                                 .has_seal_key = true,
                                 .has_admin = true,
                                 .endpoint = span_of_text(endpoint)};
    sign_key_pair(seed, seat->signing_key, secret);
    memcpy(seat->link_key, seat->signing_key, KEY_BYTES);
    seat->link_key[31] ^= 1;
    memcpy(seat->seal_key, seat->link_key, KEY_BYTES);
    seed[31] = 1;
    sign_key_pair(seed, key, seat->admin_secret);
}

static size_t describe_all(struct author_seat *seats)
{
    size_t place = 0;
    memset(name, 'n', SEAT_NAME_BYTES_MAX);
    snprintf(endpoint, sizeof endpoint, "tcp://192.0.2.1:7000");
    describe(&seats[place++], 0, 0, "nation");
    for (size_t i = 0; i < COUNTIES; i++) {
        size_t county = place++;
        describe(&seats[county], county, 0, "county");
        for (size_t j = 0; j < TOWNSHIPS; j++) {
            size_t township = place++;
            describe(&seats[township], township, county, "township");
            for (size_t k = 0; k < VILLAGES; k++, place++)
                describe(&seats[place], place, township, "village");
        }
    }
    return place;
}

static void a_village_holds_a_few_kilobytes(void **state)
{
    (void)state;
    struct error error = {0};
    struct author_seat *seats = mem_alloc(SEATS * sizeof *seats);
    assert_int_equal(describe_all(seats), SEATS);
    struct author_plan *plan = author_plan_new(seats, SEATS, &error);
    assert_non_null(plan);
    struct author_tree *made =
        author_tree_new(plan, seats, &(struct author_options){.issued_ms = 1}, &error);
    assert_non_null(made);
    struct share_tree share = share_tree_of(plan, made);
    for (size_t seat = SEATS - 1; seat >= SEATS - VILLAGES; seat--) {
        struct tree *taken = tree_new(&made->tree_id);
        size_t size = share_of(&share, seat, taken);
        assert_true(size < SHARE_BYTES_MAX / 8); /* four tiers, each row as large as is usual */
        assert_int_equal(tree_seat_count(taken), 4);
        assert_non_null(tree_seat(taken, span_of_text(codes[seat])));
        assert_int_equal(size, share_of(&share, seat, NULL));
        tree_free(taken);
    }
    share_tree_free(&share);
    author_tree_free(made);
    author_plan_free(plan);
    free(seats);
}

/* The most that a way can cost: 15 documents, a row of the most bytes that it may have in each, a
 * proof among the most rows. Such a tree nobody makes; one with usual rows stays far below. */
static void the_bound_follows_from_the_limits(void **state)
{
    (void)state;
    enum { ROW_USUAL = 1024, PROOF = 12 * HASH_BYTES, SIGNED = 400 };
    assert_true((TIERS_MAX - 1) * (ROW_USUAL + PROOF + SIGNED) < SHARE_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_village_holds_a_few_kilobytes),
        cmocka_unit_test(the_bound_follows_from_the_limits),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
