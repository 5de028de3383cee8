/* The world's nodes: disks that are slow, small, that lie, tear and rot; clocks; machines put back,
 * emptied, copied; nodes that cheat; points at which they die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/verify_once.h"
#include "tests/sim/world_desk.h"

static void set_disk(size_t node, struct disk_profile profile)
{
    world_set_disk(desk.world, node, &profile);
}

static void start(size_t node)
{
    assert_int_equal(world_start(desk.world, node, 0), ERR_OK);
}

static void restart(size_t node)
{
    world_crash(desk.world, node);
    start(node);
    desk_run(10 * SECOND);
}

static void write_often(size_t node, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        desk_write(node, 20);
        desk_run(100);
    }
}

/* ---- disks ---- */

static void a_slow_disk_holds_back_what_its_commits_send(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1, (struct disk_profile){.sync_ms_min = 800, .sync_ms_max = 900});
    desk_write(SEAT_C1, 20);
    assert_in_range(desk_until_held(SEAT_B, SEAT_C1, 2), 800, 920);
    uint64_t batches = desk.batches[SEAT_C1];
    for (int i = 0; i < 10; i++) {
        desk_write(SEAT_C1, 20);
        desk_run(10);
    }
    desk_run(20 * SECOND);
    assert_true(desk.batches[SEAT_C1] - batches < 8); /* many writers share a commit */
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 12);
    desk_end();
}

/* The commit has happened; what it would have sent dies with the process. */
static void a_death_while_the_disk_syncs(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1, (struct disk_profile){.sync_ms_min = 800, .sync_ms_max = 800});
    desk_write(SEAT_C1, 20);
    desk_run(400);
    world_crash(desk.world, SEAT_C1);
    desk_run(10 * SECOND);
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 0);
    start(SEAT_C1);
    desk_until_held(SEAT_B, SEAT_C1, 2);
    desk_end();
}

static void a_small_disk_fills_up(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1,
             (struct disk_profile){
                 .bytes_max = memory_store_bytes(world_store(desk.world, SEAT_C1)) + 20000});
    for (int i = 0; i < 60; i++) {
        desk_write(SEAT_C1, 1000);
        desk_run(100);
    }
    assert_true(desk.answers[SEAT_C1] > 5 && desk.failures[SEAT_C1] > 5);
    assert_int_equal(desk.answer, ERR_FULL);
    set_disk(SEAT_C1, (struct disk_profile){0});
    desk_run(MINUTE);
    desk_write(SEAT_C1, 1000);
    desk_run(SECOND);
    assert_int_equal(desk.answer, ERR_OK);
    desk_end();
}

static void commits_that_are_refused_by_chance(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1, (struct disk_profile){.full_permille = 300});
    write_often(SEAT_C1, 50);
    assert_true(desk.failures[SEAT_C1] > 2 && desk.answers[SEAT_C1] > 2);
    assert_int_equal(desk.failures[SEAT_C2], 0);
    desk_end();
}

/* One disk tells the truth, the other doesn't: the power goes for both. */
static void a_disk_that_lies_loses_what_it_called_safe(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1, (struct disk_profile){.lies = true});
    world_cut(desk.world, SEAT_C1);
    world_cut(desk.world, SEAT_C2);
    write_often(SEAT_C1, 30);
    write_often(SEAT_C2, 30);
    assert_int_equal(desk.answers[SEAT_C1], 30);
    world_power_cut(desk.world, SEAT_C1);
    world_power_cut(desk.world, SEAT_C2);
    assert_true(desk.lost[SEAT_C1] > 0);
    assert_int_equal(desk.lost[SEAT_C2], 0);
    assert_true(desk_held(SEAT_C1, SEAT_C1) < 31);
    assert_int_equal(desk_held(SEAT_C2, SEAT_C2), 31);
    start(SEAT_C1);
    start(SEAT_C2);
    assert_string_not_equal(replica_epoch_reason(world_replica(desk.world, SEAT_C1)), "");
    assert_string_equal(replica_epoch_reason(world_replica(desk.world, SEAT_C2)), "");
    desk_end();
}

static void a_torn_store_is_made_anew(void **state)
{
    (void)state;
    desk_begin_running();
    set_disk(SEAT_C1, (struct disk_profile){.lies = true, .tears = true});
    write_often(SEAT_C1, 30);
    world_power_cut(desk.world, SEAT_C1);
    assert_true(memory_store_damaged_count(world_store(desk.world, SEAT_C1)) > 0);
    start(SEAT_C1);
    assert_int_equal(desk.repaired[SEAT_C1], 1);
    assert_int_equal(memory_store_damaged_count(world_store(desk.world, SEAT_C1)), 0);
    desk_run(MINUTE);
    /* the parent has it all, so nothing is gone */
    assert_int_equal(desk_held(SEAT_C1, SEAT_C1), desk_held(SEAT_B, SEAT_C1));
    assert_true(desk_held(SEAT_C1, SEAT_C1) >= 31);
    write_often(SEAT_C1, 1);
    assert_int_equal(desk.answer, ERR_OK);
    desk_end();
}

static void a_disk_that_rots(void **state)
{
    (void)state;
    desk_begin_running();
    write_often(SEAT_C1, 20);
    set_disk(SEAT_C1, (struct disk_profile){.unreadable_permille = 500});
    desk_run(10 * HOUR);
    assert_int_equal(memory_store_damaged_count(world_store(desk.world, SEAT_C2)), 0);
    if (world_runs(desk.world, SEAT_C1)) { /* it may have met a row that it can't do without */
        assert_true(memory_store_damaged_count(world_store(desk.world, SEAT_C1)) > 0);
        world_crash(desk.world, SEAT_C1);
    }
    set_disk(SEAT_C1, (struct disk_profile){0});
    start(SEAT_C1);
    assert_int_equal(desk.repaired[SEAT_C1], 1);
    desk_run(MINUTE);
    assert_true(desk_held(SEAT_C1, SEAT_C1) >= 21);
    desk_end();
}

/* ---- clocks ---- */

static void clocks_go_wrong_each_in_its_way(void **state)
{
    const struct world_options options = {.wall_ms = 1767225600000};
    (void)state;
    desk_begin(&options);
    world_set_clock(desk.world, SEAT_A, &(struct clock_profile){.offset_ms = -5});
    world_set_clock(desk.world, SEAT_B, &(struct clock_profile){.drift_ppm = 500});
    world_set_clock(desk.world, SEAT_C1,
                    &(struct clock_profile){.stands = true, .stands_at_ms = 12345});
    assert_int_equal(world_clock_ms(desk.world, SEAT_B), options.wall_ms);
    desk_run(DAY);
    assert_int_equal(world_wall_ms(desk.world), options.wall_ms + DAY);
    assert_int_equal(world_clock_ms(desk.world, SEAT_A), options.wall_ms + DAY - 5);
    assert_int_equal(world_clock_ms(desk.world, SEAT_B), options.wall_ms + DAY + DAY / 2000);
    assert_int_equal(world_clock_ms(desk.world, SEAT_C1), 12345);
    assert_int_equal(world_clock_ms(desk.world, SEAT_C2), options.wall_ms + DAY);
    world_set_clock(desk.world, SEAT_B, &(struct clock_profile){.drift_ppm = -1000});
    desk_run(1001);
    assert_int_equal(world_clock_ms(desk.world, SEAT_B), world_wall_ms(desk.world) - 1);
    desk_end();
}

/* ---- machines ---- */

static void an_emptied_machine_gets_back_what_others_hold(void **state)
{
    (void)state;
    desk_begin_running();
    write_often(SEAT_C1, 5);
    world_crash(desk.world, SEAT_C1);
    world_wipe(desk.world, SEAT_C1);
    struct high_water mark;
    assert_int_equal(memory_store_bytes(world_store(desk.world, SEAT_C1)), 0);
    assert_false(memory_store_high_water(world_store(desk.world, SEAT_C1), &mark));
    start(SEAT_C1);
    desk_run(MINUTE);
    assert_int_equal(desk_held(SEAT_C1, SEAT_C1), desk_held(SEAT_B, SEAT_C1));
    desk_end();
}

/* An image of the store alone is doubted; one of the whole disk is not, by itself. */
static void an_image_with_and_without_its_high_water_file(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        desk_begin_running();
        write_often(SEAT_C1, 5);
        world_cut(desk.world, SEAT_C1);
        struct memory_store *image = memory_store_clone(world_store(desk.world, SEAT_C1));
        write_often(SEAT_C1, 5);
        world_crash(desk.world, SEAT_C1);
        if (whole)
            world_restore_whole(desk.world, SEAT_C1, image);
        else
            world_restore(desk.world, SEAT_C1, image);
        start(SEAT_C1);
        const char *reason = replica_epoch_reason(world_replica(desk.world, SEAT_C1));
        assert_int_equal(strcmp(reason, "") != 0, !whole);
        memory_store_free(image);
        desk_end();
    }
}

static void two_machines_of_one_key_drive_each_other_away(void **state)
{
    (void)state;
    desk_begin_running();
    write_often(SEAT_C1, 3);
    size_t clone = world_clone(desk.world, SEAT_C1);
    assert_int_equal(clone, SEATS);
    assert_int_equal(world_node_count(desk.world), SEATS + 1);
    assert_int_equal(world_seat_of(desk.world, clone), SEAT_C1);
    assert_int_equal(desk_held(clone, SEAT_C1), desk_held(SEAT_C1, SEAT_C1));
    start(clone);
    desk_run(10 * MINUTE);
    const uint64_t own = world_link_counts(desk.world, SEAT_C1)->sessions;
    const uint64_t other = world_link_counts(desk.world, clone)->sessions;
    assert_true(own > 2 && other > 1);
    assert_true(own < 200); /* ever more slowly */
    assert_false(world_is_up(desk.world, SEAT_C1) && world_is_up(desk.world, clone));
    desk_write(clone, 20);
    desk_write(SEAT_C1, 20);
    desk_run(HOUR);
    assert_int_equal(desk.answers[clone], 1);
    world_end_clone(desk.world, clone);
    uint64_t ended = world_link_counts(desk.world, clone)->sessions;
    desk_run(HOUR);
    assert_true(world_is_up(desk.world, SEAT_C1));
    assert_int_equal(world_link_counts(desk.world, clone)->sessions, ended);
    desk_end();
}

/* ---- cheats ---- */

static void set_conduct(size_t node, struct conduct conduct)
{
    world_set_conduct(desk.world, node, &conduct);
}

static void a_township_that_withholds(void **state)
{
    (void)state;
    desk_begin_running();
    set_conduct(SEAT_B, (struct conduct){.withhold_permille = 1000});
    desk_run(SECOND);
    write_often(SEAT_C1, 5);
    write_often(SEAT_B, 5);
    desk_run(10 * MINUTE);
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 6);
    assert_int_equal(desk_held(SEAT_A, SEAT_C1), 0);
    assert_int_equal(desk_held(SEAT_A, SEAT_B), 6);
    set_conduct(SEAT_B, (struct conduct){0});
    desk_until_held(SEAT_A, SEAT_C1, 6);
    desk_end();
}

static void a_township_that_takes_its_time(void **state)
{
    (void)state;
    desk_begin_running();
    set_conduct(SEAT_B, (struct conduct){.delay_ms = 20 * SECOND});
    desk_run(5 * MINUTE);
    desk_write(SEAT_C1, 20);
    assert_true(desk_until_held(SEAT_A, SEAT_C1, 2) >= 20 * SECOND);
    desk_write(SEAT_A, 20);
    desk_end();
}

static void a_township_that_repeats_and_forges(void **state)
{
    (void)state;
    desk_begin_running();
    set_conduct(SEAT_B, (struct conduct){.replay_permille = 500, .forge_permille = 300});
    write_often(SEAT_C1, 30);
    desk_run(5 * MINUTE);
    assert_true(world_counts(desk.world)->replays > 5);
    assert_true(world_counts(desk.world)->injections > 50);
    set_conduct(SEAT_B, (struct conduct){0});
    uint64_t injections = world_counts(desk.world)->injections;
    desk_until_held(SEAT_A, SEAT_C1, 31);
    desk_run(MINUTE);
    assert_int_equal(world_counts(desk.world)->injections, injections);
    desk_end();
}

/* ---- points ---- */

static void each_point_strikes_once(void **state)
{
    static const struct {
        enum fault_point point;
        enum error_code answer;
        bool dies, there;
    } cases[] = {
        {FAULT_POINT_PUT_FULL, ERR_FULL, false, false},
        {FAULT_POINT_HIGH_WATER_FULL, ERR_FULL, false, false},
        {FAULT_POINT_COMMIT_FULL, ERR_FULL, false, false},
        {FAULT_POINT_DIE_BEFORE_HIGH_WATER, ERR_IO, true, false},
        {FAULT_POINT_DIE_AFTER_HIGH_WATER, ERR_IO, true, false},
        {FAULT_POINT_DIE_IN_COMMIT, ERR_IO, true, false},
        {FAULT_POINT_DIE_AFTER_COMMIT, ERR_IO, true, true},
        {FAULT_POINT_DIE_AFTER_SEND, ERR_IO, true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        desk_begin_running();
        write_often(SEAT_C1, 1);
        world_arm(desk.world, SEAT_C1, cases[i].point);
        write_often(SEAT_C1, 1);
        assert_int_equal(desk.answer, cases[i].answer);
        assert_int_equal(!world_runs(desk.world, SEAT_C1), cases[i].dies);
        assert_int_equal(desk_held(SEAT_C1, SEAT_C1), cases[i].there ? 3 : 2);
        if (cases[i].dies)
            start(SEAT_C1);
        desk_run(10 * SECOND);
        assert_int_equal(desk.repaired[SEAT_C1], 0);
        write_often(SEAT_C1, 1);
        assert_int_equal(desk.answer, ERR_OK);
        desk_end();
    }
}

/* Its messages are out, its people have heard nothing. */
static void a_death_between_messages_and_answers(void **state)
{
    (void)state;
    desk_begin_running();
    world_arm(desk.world, SEAT_C1, FAULT_POINT_DIE_AFTER_SEND);
    set_disk(SEAT_C1, (struct disk_profile){0});
    desk_write(SEAT_C1, 20);
    desk_run(10 * SECOND);
    assert_false(world_runs(desk.world, SEAT_C1));
    assert_int_equal(desk.answers[SEAT_C1], 0);
    assert_int_equal(desk_held(SEAT_C1, SEAT_C1), 2);
    desk_end();
}

static void a_row_that_cannot_be_read_any_more(void **state)
{
    (void)state;
    desk_begin_running();
    write_often(SEAT_C1, 5);
    world_arm(desk.world, SEAT_C1, FAULT_POINT_UNREADABLE_ROW);
    assert_int_equal(memory_store_damaged_count(world_store(desk.world, SEAT_C1)), 1);
    restart(SEAT_C1);
    assert_int_equal(desk.repaired[SEAT_C1], 1);
    assert_int_equal(desk_held(SEAT_C1, SEAT_C1), desk_held(SEAT_B, SEAT_C1));
    for (int point = 0; point < FAULT_POINT_COUNT; point++)
        assert_true(strlen(fault_point_name((enum fault_point)point)) > 0);
    desk_end();
}

/* ---- signatures verified once ---- */

/* Every single wrong bit, before and after the right one is known. */
static void what_does_not_hold_never_does(void **state)
{
    enum { HASH_BITS = 8 * HASH_BYTES, SIGNATURE_BITS = 8 * SIGNATURE_BYTES };
    uint8_t seed[32] = {7}, key[KEY_BYTES], other_key[KEY_BYTES], secret[SECRET_BYTES];
    uint8_t signature[SIGNATURE_BYTES];
    struct hash hash = hash_of(HASH_BODY, span_of_text("a block"));
    struct verify_once *once = verify_once_new(1);
    struct verifier verifier;
    (void)state;
    verify_once_verifier(once, &verifier);
    sign_key_pair(seed, key, secret);
    sign_hash(&hash, secret, signature);
    seed[0] = 8;
    sign_key_pair(seed, other_key, secret);
    for (int known = 0; known < 2; known++) {
        for (int bit = 0; bit < HASH_BITS + SIGNATURE_BITS; bit++) {
            uint8_t *byte =
                bit < HASH_BITS ? &hash.bytes[bit / 8] : &signature[(bit - HASH_BITS) / 8];
            *byte ^= (uint8_t)(1U << bit % 8);
            assert_false(verifier_holds(&verifier, &hash, signature, key));
            *byte ^= (uint8_t)(1U << bit % 8);
        }
        assert_false(verifier_holds(&verifier, &hash, signature, other_key));
        assert_true(verifier_holds(&verifier, &hash, signature, key));
        assert_true(verifier_holds(&verifier, &hash, signature, key));
    }
    const struct verify_once_counts *counts = verify_once_counts(once);
    assert_int_equal(counts->refused, 2 * (HASH_BITS + SIGNATURE_BITS + 1));
    assert_int_equal(counts->verified, counts->refused + 1);
    verify_once_free(once);
}

/* More than it can remember: all still hold, some are verified again. */
static void what_is_forgotten_is_verified_again(void **state)
{
    static struct hash hashes[VERIFY_ONCE_WAYS + 1];
    static uint8_t signatures[VERIFY_ONCE_WAYS + 1][SIGNATURE_BYTES];
    uint8_t seed[32] = {7}, key[KEY_BYTES], secret[SECRET_BYTES];
    struct verify_once *once = verify_once_new(1);
    struct verifier verifier;
    (void)state;
    verify_once_verifier(once, &verifier);
    sign_key_pair(seed, key, secret);
    for (size_t i = 0; i <= VERIFY_ONCE_WAYS; i++) {
        hashes[i] = hash_of(HASH_BODY, SPAN(&i, sizeof i));
        sign_hash(&hashes[i], secret, signatures[i]);
        assert_true(verifier_holds(&verifier, &hashes[i], signatures[i], key));
    }
    assert_true(
        verifier_holds(&verifier, &hashes[VERIFY_ONCE_WAYS], signatures[VERIFY_ONCE_WAYS], key));
    assert_int_equal(verify_once_counts(once)->verified, VERIFY_ONCE_WAYS + 1);
    assert_true(verifier_holds(&verifier, &hashes[0], signatures[0], key));
    assert_int_equal(verify_once_counts(once)->verified, VERIFY_ONCE_WAYS + 2);
    assert_int_equal(verify_once_counts(once)->refused, 0);
    verify_once_free(once);
}

/* A secret whose public half is another's signs nothing that holds. */
static void what_a_wrong_secret_signs_does_not_hold(void **state)
{
    uint8_t seed[32] = {7}, key[KEY_BYTES], other_key[KEY_BYTES], secret[SECRET_BYTES];
    uint8_t other_secret[SECRET_BYTES], signature[SIGNATURE_BYTES];
    struct hash hash = hash_of(HASH_BODY, span_of_text("a block"));
    struct verify_once *once = verify_once_new(4);
    struct verifier verifier;
    (void)state;
    verify_once_verifier(once, &verifier);
    sign_key_pair(seed, key, secret);
    seed[0] = 8;
    sign_key_pair(seed, other_key, other_secret);
    verifier_signs(&verifier, &hash, secret, signature);
    uint64_t verified = verify_once_counts(once)->verified;
    assert_true(verifier_holds(&verifier, &hash, signature, key));
    assert_int_equal(verify_once_counts(once)->verified, verified); /* it was made here */
    assert_true(verify_hash(&hash, signature, key));
    memcpy(secret + SECRET_BYTES - KEY_BYTES, other_key, KEY_BYTES);
    for (int times = 0; times < 2; times++) {
        verifier_signs(&verifier, &hash, secret, signature);
        assert_false(verifier_holds(&verifier, &hash, signature, other_key));
        assert_false(verifier_holds(&verifier, &hash, signature, key));
    }
    verify_once_free(once);
}

static void a_key_that_may_not_be_is_refused_each_time(void **state)
{
    uint8_t seed[32] = {7}, key[KEY_BYTES], secret[SECRET_BYTES], bad[KEY_BYTES] = {1};
    struct verify_once *once = verify_once_new(4);
    struct verifier verifier;
    (void)state;
    verify_once_verifier(once, &verifier);
    sign_key_pair(seed, key, secret);
    for (int times = 0; times < 2; times++) {
        assert_true(verifier_accepts(&verifier, key));
        assert_false(verifier_accepts(&verifier, bad)); /* of small order */
        assert_int_equal(verifier_accepts(NULL, bad), false);
    }
    verify_once_free(once);
}

/* ---- shapes ---- */

static void shapes_are_read_or_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2",
                                      "1+",
                                      "1++3",
                                      "1+0",
                                      "1 + 3",
                                      "1+3x",
                                      "1+4097",
                                      "1+3+999999999",
                                      "1+4096+2000000",
                                      "1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"};
    struct county_shape shape;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(county_shape_read(span_of_text(bad[i]), &shape, &error), ERR_INVALID);
    assert_int_equal(county_shape_read(span_of_text("1+3+23+303"), &shape, &error), ERR_OK);
    assert_int_equal(shape.tier_count, 4);
    assert_int_equal(county_shape_seats(&shape), 330);
}

static void children_are_spread_evenly(void **state)
{
    static const char *const tiers[] = {"county", "township", "village"};
    struct county_shape shape;
    (void)state;
    assert_int_equal(county_shape_read(span_of_text("1+11+96"), &shape, NULL), ERR_OK);
    struct county *county = county_new_shape(&shape, tiers, 0);
    assert_int_equal(county->seat_count, 108);
    for (size_t i = 0; i < county->seat_count; i++) {
        size_t children = county->child_first[i + 1] - county->child_first[i];
        if (county->seats[i].tier == 1)
            assert_in_range(children, 8, 9);
        assert_int_equal(county_find(county, county->seats[i].code), i);
        for (size_t k = county->child_first[i]; k < county->child_first[i + 1]; k++)
            assert_int_equal(county->seats[county->children[k]].parent, i);
    }
    assert_int_equal(county_find(county, "B12"), SIZE_MAX);
    assert_int_equal(county_find(county, "C96"), 107);
    county_free(county);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_disk_holds_back_what_its_commits_send),
        cmocka_unit_test(a_death_while_the_disk_syncs),
        cmocka_unit_test(a_small_disk_fills_up),
        cmocka_unit_test(commits_that_are_refused_by_chance),
        cmocka_unit_test(a_disk_that_lies_loses_what_it_called_safe),
        cmocka_unit_test(a_torn_store_is_made_anew),
        cmocka_unit_test(a_disk_that_rots),
        cmocka_unit_test(clocks_go_wrong_each_in_its_way),
        cmocka_unit_test(an_emptied_machine_gets_back_what_others_hold),
        cmocka_unit_test(an_image_with_and_without_its_high_water_file),
        cmocka_unit_test(two_machines_of_one_key_drive_each_other_away),
        cmocka_unit_test(a_township_that_withholds),
        cmocka_unit_test(a_township_that_takes_its_time),
        cmocka_unit_test(a_township_that_repeats_and_forges),
        cmocka_unit_test(each_point_strikes_once),
        cmocka_unit_test(a_death_between_messages_and_answers),
        cmocka_unit_test(a_row_that_cannot_be_read_any_more),
        cmocka_unit_test(what_does_not_hold_never_does),
        cmocka_unit_test(what_is_forgotten_is_verified_again),
        cmocka_unit_test(what_a_wrong_secret_signs_does_not_hold),
        cmocka_unit_test(a_key_that_may_not_be_is_refused_each_time),
        cmocka_unit_test(shapes_are_read_or_refused),
        cmocka_unit_test(children_are_spread_evenly),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
