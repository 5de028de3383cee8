/* Audiences over random trees and circles: every member is reached by one stream that it may read,
 * nobody outside reads anything, and of ways that lie in one another only the longest is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/carry.h"
#include "sim/world/county.h"
#include "sim/world/prng.h"

enum { SEATS = 40, TREES = 30, CIRCLES = 40 };

static const char *const tiers[] = {"nation", "province", "county", "township", "village"};

struct drawn_tree {
    char codes[SEATS][8];
    struct county_row rows[SEATS];
    unsigned tier[SEATS];
};

static struct county *draw_tree(struct drawn_tree *drawn, struct prng *prng)
{
    for (size_t i = 0; i < SEATS; i++) {
        size_t parent = i == 0 ? 0 : (size_t)prng_below(prng, i);
        while (i > 0 && drawn->tier[parent] == 4)
            parent = (size_t)prng_below(prng, i);
        drawn->tier[i] = i == 0 ? 0 : drawn->tier[parent] + 1;
        snprintf(drawn->codes[i], sizeof drawn->codes[i], "S%zu", i);
        drawn->rows[i] = (struct county_row){drawn->codes[i], tiers[drawn->tier[i]],
                                             i == 0 ? NULL : drawn->codes[parent]};
    }
    return county_new(drawn->rows, SEATS, 7);
}

static bool reads(const struct audience *audience, const char *seat)
{
    bool on_way = false;
    for (size_t i = 1; i < audience->seat_count; i++)
        on_way = on_way || strcmp(audience->seats[i], seat) == 0;
    return on_way && (audience->sealed_to == NULL || strcmp(audience->sealed_to, seat) == 0);
}

static void check_ways(const struct tree *tree, const struct audiences *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct audience *way = &found->list[i];
        assert_int_equal(way->holders, HOLDERS_PATH);
        for (size_t k = 0; k + 1 < way->seat_count; k++) {
            const struct seat *a = tree_seat(tree, span_of_text(way->seats[k]));
            const struct seat *b = tree_seat(tree, span_of_text(way->seats[k + 1]));
            assert_true(a->parent == b || b->parent == a);
        }
        if (way->sealed_to != NULL) {
            assert_string_equal(way->sealed_to, way->seats[way->seat_count - 1]);
            continue;
        }
        for (size_t k = 0; k < found->count; k++) /* nested in no other clear one */
            assert_false(k != i && found->list[k].sealed_to == NULL &&
                         reads(&found->list[k], way->seats[way->seat_count - 1]));
    }
}

static void check_circle(struct replica *replica, const bool *member,
                         const struct drawn_tree *drawn)
{
    struct circle circle = {.holders = HOLDERS_PATH};
    struct step step = {.replica = replica};
    struct seat_names to;
    struct audiences found;
    for (size_t i = 0; i < SEATS; i++) {
        if (member[i])
            circle_add(&circle, drawn->codes[i]);
    }
    circle_others(&step, &circle, &to);
    audiences_find(&step, &circle, &to, &found);
    assert_int_equal(found.unreached_count, 0);
    if (to.count == 0) {
        assert_int_equal(found.count, 1);
        assert_int_equal(found.list[0].holders, HOLDERS_SELF);
    } else {
        check_ways(replica->tree, &found);
    }
    for (size_t seat = 0; seat < SEATS && to.count > 0; seat++) {
        size_t clear = 0, sealed = 0;
        for (size_t i = 0; i < found.count; i++) {
            clear += found.list[i].sealed_to == NULL && reads(&found.list[i], drawn->codes[seat]);
            sealed += found.list[i].sealed_to != NULL && reads(&found.list[i], drawn->codes[seat]);
        }
        bool own = strcmp(drawn->codes[seat], replica->options.seat) == 0;
        if (!member[seat] || own)
            assert_int_equal(clear + sealed, 0);
        else
            assert_true((clear > 0 && sealed == 0) || (clear == 0 && sealed == 1));
    }
    audiences_free(&found);
    free(to.names);
    circle_free(&circle);
}

static void all_members_and_nobody_else(void **state)
{
    struct prng prng;
    (void)state;
    prng_seed(&prng, 26);
    for (unsigned t = 0; t < TREES; t++) {
        struct drawn_tree drawn;
        struct county *county = draw_tree(&drawn, &prng);
        for (unsigned c = 0; c < CIRCLES; c++) {
            bool member[SEATS] = {false};
            size_t own = (size_t)prng_below(&prng, SEATS);
            uint64_t share = 1 + prng_below(&prng, 4);
            struct replica replica = {.tree = county->tree, .key_id = county->seats[own].key_id};
            snprintf(replica.options.seat, sizeof replica.options.seat, "%s", drawn.codes[own]);
            replica.options.seal = county->seats[own].seal;
            for (size_t i = 0; i < SEATS; i++)
                member[i] = prng_below(&prng, 4) < share;
            member[own] = true;
            check_circle(&replica, member, &drawn);
            free(replica.readers);
        }
        county_free(county);
    }
}

/* A member whose row isn't here isn't reached, and nobody else in its place. */
static void who_is_unknown_is_named(void **state)
{
    static const struct county_row rows[] = {
        {"C", "county", NULL}, {"T", "township", "C"}, {"D", "township", "C"}};
    (void)state;
    struct county *county = county_new(rows, 3, 1);
    struct replica replica = {.tree = county->tree, .key_id = county->seats[1].key_id};
    struct step step = {.replica = &replica};
    struct circle circle = {.holders = HOLDERS_PATH};
    struct seat_names to;
    struct audiences found;
    const uint8_t(*keys)[KEY_BYTES];
    snprintf(replica.options.seat, sizeof replica.options.seat, "T");
    replica.options.seal = county->seats[1].seal;
    assert_int_equal(seal_readers(&replica, "D", &keys), 2); /* D's own and ours (A4) */
    assert_int_equal(seal_readers(&replica, "X", &keys), 0);
    circle_add(&circle, "T");
    circle_add(&circle, "X");
    circle_others(&step, &circle, &to);
    audiences_find(&step, &circle, &to, &found);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.unreached_count, 1);
    assert_string_equal(found.unreached[0], "X");
    audiences_free(&found);
    free(to.names);
    circle_free(&circle);
    free(replica.readers);
    county_free(county);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_and_nobody_else),
        cmocka_unit_test(who_is_unknown_is_named),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
