/* The world's lines: each profile, hole, window and silence does what it says, and nothing of what
 * they do is lost for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/world_desk.h"

static void set_line(size_t child, struct link_profile profile)
{
    world_set_link(desk.world, child, &profile);
}

static uint64_t sessions(size_t child)
{
    return world_link_counts(desk.world, child)->sessions;
}

/* Time from a write until the parent has it; one write before opens the stream. */
static uint64_t crossing_ms(size_t child, size_t bytes)
{
    uint64_t before = desk_held(child, child);
    desk_write(child, bytes);
    desk_run(0);
    uint64_t after = desk_held(child, child);
    assert_true(after > before);
    return desk_until_held(SEAT_B, child, after);
}

static void a_line_has_a_latency_of_its_own(void **state)
{
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.latency_ms = 700, .jitter_ms = 50});
    set_line(SEAT_C2, (struct link_profile){.latency_ms = 20});
    uint64_t slow = crossing_ms(SEAT_C1, 10), fast = crossing_ms(SEAT_C2, 10);
    assert_in_range(slow, 700, 750);
    assert_in_range(fast, 20, 21);
    desk_end();
}

static void a_line_has_a_rate_of_its_own(void **state)
{
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.rate_bytes_s = 500});
    set_line(SEAT_C2, (struct link_profile){.rate_bytes_s = 50000});
    assert_true(crossing_ms(SEAT_C1, 900) > 1500);
    assert_true(crossing_ms(SEAT_C2, 900) < 50);
    desk_end();
}

/* The same writes over a line that loses and one that doesn't: nothing is missing, it takes longer.
 */
static void what_a_line_loses_costs_time_alone(void **state)
{
    (void)state;
    uint64_t took[2];
    for (int loses = 0; loses < 2; loses++) {
        desk_begin_running();
        set_line(SEAT_C1,
                 (struct link_profile){.latency_ms = 10, .loss_permille = loses ? 400 : 0});
        took[loses] = 0;
        for (int i = 0; i < 30; i++)
            took[loses] += crossing_ms(SEAT_C1, 50);
        assert_int_equal(sessions(SEAT_C1), 1);
        desk_end();
    }
    assert_true(took[1] > took[0] + 10 * 200);
}

static void what_a_line_alters_ends_the_session(void **state)
{
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.latency_ms = 1, .corrupt_permille = 100});
    for (int i = 0; i < 20; i++) {
        desk_write(SEAT_C1, 50);
        desk_run(SECOND);
    }
    assert_true(world_counts(desk.world)->corruptions > 1);
    assert_true(sessions(SEAT_C1) > 1);
    assert_int_equal(sessions(SEAT_C2), 1);
    set_line(SEAT_C1, (struct link_profile){.latency_ms = 1});
    desk_until_held(SEAT_B, SEAT_C1, desk_held(SEAT_C1, SEAT_C1));
    desk_end();
}

static void damage_and_duplicates_are_of_one_line(void **state)
{
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.damage_permille = 500, .duplicate_permille = 500});
    for (int i = 0; i < 10; i++) {
        desk_write(SEAT_C2, 50);
        desk_run(SECOND);
    }
    assert_int_equal(world_counts(desk.world)->damages, 0);
    assert_int_equal(world_counts(desk.world)->duplicates, 0);
    for (int i = 0; i < 10; i++) {
        desk_write(SEAT_C1, 50);
        desk_run(SECOND);
    }
    assert_true(world_counts(desk.world)->damages > 0);
    assert_true(world_counts(desk.world)->duplicates > 0);
    desk_end();
}

/* ---- holes ---- */

static void a_short_hole_holds_what_is_sent(void **state)
{
    (void)state;
    desk_begin_running();
    world_swallow(desk.world, SEAT_C1, WAY_BOTH);
    for (int i = 0; i < 5; i++) {
        desk_write(SEAT_C1, 20);
        desk_run(6 * SECOND);
    }
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 0);
    assert_true(world_is_up(desk.world, SEAT_C1));
    world_swallow(desk.world, SEAT_C1, WAY_NONE);
    assert_true(desk_until_held(SEAT_B, SEAT_C1, desk_held(SEAT_C1, SEAT_C1)) < 60 * SECOND);
    assert_int_equal(sessions(SEAT_C1), 1);
    assert_int_equal(desk.downs[SEAT_C1], 0);
    desk_end();
}

/* Wherever a new session is when the hole comes, and whichever way its next word goes. */
static void a_short_hole_holds_either_way(void **state)
{
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.latency_ms = 50});
    for (uint64_t ms = 0; ms < SECOND; ms += 20) {
        world_cut(desk.world, SEAT_C1);
        desk_write(SEAT_C1, 20);
        desk_run(5 * SECOND);
        world_heal(desk.world, SEAT_C1);
        desk_run(ms);
        world_swallow(desk.world, SEAT_C1, WAY_BOTH);
        desk_run(2 * SECOND);
        world_swallow(desk.world, SEAT_C1, WAY_NONE);
        assert_true(desk_until_held(SEAT_B, SEAT_C1, desk_held(SEAT_C1, SEAT_C1)) < 60 * SECOND);
    }
    desk_end();
}

static void both_ends_of_a_hole_give_up_by_themselves(void **state)
{
    (void)state;
    desk_begin_running();
    uint64_t began = world_now_ms(desk.world);
    world_swallow(desk.world, SEAT_C1, WAY_BOTH);
    desk_write(SEAT_C1, 20);
    desk_run(SILENCE_MS_MAX - SECOND);
    assert_true(world_is_up(desk.world, SEAT_C1));
    desk_run(HOUR); /* nobody gets through a hole */
    assert_int_equal(sessions(SEAT_C1), 1);
    assert_int_equal(desk.downs[SEAT_C1], 1);
    assert_int_equal(desk.downs[SEAT_B], 1);
    assert_in_range(desk.down_ms[SEAT_C1], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 10);
    /* what the first end said when it gave up was swallowed */
    assert_in_range(desk.down_ms[SEAT_B], began + SILENCE_MS_MAX, began + 2 * SILENCE_MS_MAX + 10);
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 0);
    world_swallow(desk.world, SEAT_C1, WAY_NONE);
    desk_until_held(SEAT_B, SEAT_C1, 2);
    assert_int_equal(sessions(SEAT_C1), 2);
    desk_end();
}

/* Nothing goes up: the parent gives up, and its last word still comes down. */
static void a_hole_one_way(void **state)
{
    (void)state;
    desk_begin_running();
    uint64_t began = world_now_ms(desk.world);
    world_swallow(desk.world, SEAT_C1, WAY_UP);
    desk_write(SEAT_C1, 20);
    desk_write(SEAT_A, 20); /* what goes down arrives */
    desk_run(10 * MINUTE);
    assert_int_equal(desk_held(SEAT_B, SEAT_C1), 0);
    assert_in_range(desk.down_ms[SEAT_B], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 10);
    assert_in_range(desk.down_ms[SEAT_C1], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 10);
    assert_false(world_is_up(desk.world, SEAT_C1));
    desk_end();
}

/* The child dies in the hole: its parent hears nothing of it, also not when it comes back. */
static void an_end_that_is_lost_in_a_hole(void **state)
{
    (void)state;
    desk_begin_running();
    world_swallow(desk.world, SEAT_C1, WAY_BOTH);
    world_crash(desk.world, SEAT_C1);
    uint64_t began = world_now_ms(desk.world);
    desk_run(10 * SECOND);
    assert_int_equal(world_start(desk.world, SEAT_C1, 0), ERR_OK);
    desk_run(40 * SECOND);
    assert_int_equal(desk.downs[SEAT_B], 0);
    desk_run(MINUTE);
    assert_int_equal(desk.downs[SEAT_B], 1);
    assert_in_range(desk.down_ms[SEAT_B], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 10);
    world_swallow(desk.world, SEAT_C1, WAY_NONE);
    desk_run(SECOND);
    assert_true(world_is_up(desk.world, SEAT_C1));
    desk_end();
}

/* ---- windows and caps ---- */

static void a_line_that_is_open_for_an_hour_a_day(void **state)
{
    (void)state;
    desk_begin_running(); /* at 17:00 */
    set_line(SEAT_C1,
             (struct link_profile){.window_from_minute = 18 * 60, .window_to_minute = 19 * 60});
    assert_false(world_is_up(desk.world, SEAT_C1));
    desk_run(59 * MINUTE);
    assert_false(world_is_up(desk.world, SEAT_C1));
    for (int day = 0; day < 3; day++) {
        desk_run(2 * MINUTE);
        assert_true(world_is_up(desk.world, SEAT_C1));
        desk_run(57 * MINUTE);
        assert_true(world_is_up(desk.world, SEAT_C1));
        desk_run(2 * MINUTE);
        assert_false(world_is_up(desk.world, SEAT_C1));
        desk_run(DAY - 61 * MINUTE);
        assert_false(world_is_up(desk.world, SEAT_C1));
    }
    set_line(SEAT_C1,
             (struct link_profile){.window_from_minute = 22 * 60, .window_to_minute = 18 * 60});
    desk_run(SECOND); /* from late to early: over midnight */
    assert_true(world_is_up(desk.world, SEAT_C1));
    desk_end();
}

static void a_line_with_so_many_bytes_a_day(void **state)
{
    enum { CAP = 20000 };
    (void)state;
    desk_begin_running();
    set_line(SEAT_C1, (struct link_profile){.cap_bytes_day = CAP});
    for (int i = 0; i < 100; i++) {
        desk_write(SEAT_C1, 1000);
        desk_run(SECOND);
    }
    const struct link_counts *counts = world_link_counts(desk.world, SEAT_C1);
    uint64_t first_day = counts->bytes_up + counts->bytes_down;
    assert_false(world_is_up(desk.world, SEAT_C1));
    assert_in_range(first_day, CAP, CAP + 10000); /* the hello before it was set, and one message */
    desk_run(6 * HOUR);                           /* until 23:00 */
    assert_int_equal(counts->bytes_up + counts->bytes_down, first_day);
    desk_run(2 * HOUR);
    assert_in_range(counts->bytes_up + counts->bytes_down, first_day + CAP, first_day + CAP + 5000);
    set_line(SEAT_C1, (struct link_profile){0});
    desk_until_held(SEAT_B, SEAT_C1, desk_held(SEAT_C1, SEAT_C1));
    desk_end();
}

/* ---- machines that are not heard ---- */

static void a_machine_that_stands_still(void **state)
{
    (void)state;
    desk_begin_running();
    uint64_t batches = desk.batches[SEAT_B], began = world_now_ms(desk.world);
    world_pause(desk.world, SEAT_B, true);
    desk_write(SEAT_B, 20);
    desk_write(SEAT_C1, 20);
    desk_run(SILENCE_MS_MAX - SECOND);
    assert_int_equal(desk.downs[SEAT_A] + desk.downs[SEAT_C1], 0);
    desk_run(2 * SECOND);
    assert_int_equal(desk.down_ms[SEAT_A], began + SILENCE_MS_MAX);
    assert_int_equal(desk.down_ms[SEAT_C1], began + SILENCE_MS_MAX);
    desk_run(MINUTE);
    assert_int_equal(desk.batches[SEAT_B], batches);
    assert_int_equal(desk.answers[SEAT_B], 0);
    world_pause(desk.world, SEAT_B, false);
    desk_until_held(SEAT_A, SEAT_C1, 2);
    assert_int_equal(desk.answers[SEAT_B], 1);
    assert_int_equal(sessions(SEAT_C1), 2);
    assert_int_equal(sessions(SEAT_B), 2);
    desk_end();
}

static void a_short_pause_costs_no_session(void **state)
{
    (void)state;
    desk_begin_running();
    world_pause(desk.world, SEAT_B, true);
    desk_write(SEAT_C1, 20);
    desk_run(SILENCE_MS_MAX / 2);
    world_pause(desk.world, SEAT_B, false);
    desk_until_held(SEAT_A, SEAT_C1, 2);
    desk_run(2 * MINUTE);
    assert_int_equal(sessions(SEAT_C1), 1);
    assert_int_equal(sessions(SEAT_B), 1);
    desk_end();
}

static void power_goes_without_a_word(void **state)
{
    (void)state;
    desk_begin_running();
    uint64_t began = world_now_ms(desk.world);
    world_power_cut(desk.world, SEAT_B);
    desk_run(SILENCE_MS_MAX - SECOND);
    assert_int_equal(desk.downs[SEAT_A] + desk.downs[SEAT_C1] + desk.downs[SEAT_C2], 0);
    desk_run(2 * SECOND);
    assert_in_range(desk.down_ms[SEAT_A], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 5);
    assert_in_range(desk.down_ms[SEAT_C1], began + SILENCE_MS_MAX, began + SILENCE_MS_MAX + 5);
    assert_int_equal(world_start(desk.world, SEAT_B, 0), ERR_OK);
    desk_run(SECOND);
    assert_true(world_is_up(desk.world, SEAT_B) && world_is_up(desk.world, SEAT_C1));
    desk_end();
}

static void power_that_is_back_soon_is_heard_at_once(void **state)
{
    (void)state;
    desk_begin_running();
    world_power_cut(desk.world, SEAT_B);
    desk_run(5 * SECOND);
    assert_int_equal(world_start(desk.world, SEAT_B, 0), ERR_OK);
    desk_run(SECOND);
    assert_int_equal(desk.downs[SEAT_C1], 1);
    assert_int_equal(desk.downs[SEAT_A], 1);
    assert_true(world_is_up(desk.world, SEAT_B) && world_is_up(desk.world, SEAT_C1));
    desk_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_latency_of_its_own),
        cmocka_unit_test(a_line_has_a_rate_of_its_own),
        cmocka_unit_test(what_a_line_loses_costs_time_alone),
        cmocka_unit_test(what_a_line_alters_ends_the_session),
        cmocka_unit_test(damage_and_duplicates_are_of_one_line),
        cmocka_unit_test(a_short_hole_holds_what_is_sent),
        cmocka_unit_test(a_short_hole_holds_either_way),
        cmocka_unit_test(both_ends_of_a_hole_give_up_by_themselves),
        cmocka_unit_test(a_hole_one_way),
        cmocka_unit_test(an_end_that_is_lost_in_a_hole),
        cmocka_unit_test(a_line_that_is_open_for_an_hour_a_day),
        cmocka_unit_test(a_line_with_so_many_bytes_a_day),
        cmocka_unit_test(a_machine_that_stands_still),
        cmocka_unit_test(a_short_pause_costs_no_session),
        cmocka_unit_test(power_goes_without_a_word),
        cmocka_unit_test(power_that_is_back_soon_is_heard_at_once),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
