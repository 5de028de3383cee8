/* The swarm's own parts: work in a child, what seeds stand for, that a run can be repeated. What it
 * finds is tried by planted.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/swarm/child.h"
#include "sim/swarm/swarm.h"

/* ---- children ---- */

static void say_something(void *context, struct buffer *said)
{
    buffer_append_span(said, span_of_text(context));
    fprintf(stderr, "a line beside\n");
}

static void test_what_is_said_comes_back(void **state)
{
    struct child_end end;
    char text[] = "all is well";
    (void)state;
    assert_true(child_run(say_something, text, 0, &end));
    assert_int_equal(end.kind, CHILD_DONE);
    assert_true(span_equal(span_of_buffer(&end.said), span_of_text("all is well")));
    assert_true(span_equal(span_of_buffer(&end.lines), span_of_text("a line beside\n")));
    child_end_clear(&end);
}

static void say_much(void *context, struct buffer *said)
{
    (void)context;
    for (int i = 0; i < 300 * 1000; i++)
        buffer_append_byte(said, (uint8_t)i);
    for (int i = 0; i < 20000; i++)
        fprintf(stderr, "line %d\n", i);
}

static void test_much_is_said(void **state)
{
    struct child_end end;
    (void)state;
    assert_true(child_run(say_much, NULL, 0, &end));
    assert_int_equal(end.kind, CHILD_DONE);
    assert_int_equal(end.said.size, 300 * 1000);
    assert_true(end.lines.size < 32 << 10);
    assert_memory_equal(end.lines.data + end.lines.size - 11, "line 19999\n", 11);
    child_end_clear(&end);
}

static void die(void *context, struct buffer *said)
{
    buffer_append_span(said, span_of_text("half of it"));
    fprintf(stderr, "why\n");
    if (context != NULL)
        exit(0);
    abort();
}

static void test_a_crash_is_told_with_its_last_lines(void **state)
{
    struct child_end end;
    (void)state;
    assert_true(child_run(die, NULL, 0, &end));
    assert_int_equal(end.kind, CHILD_CRASHED);
    assert_int_equal(end.signal, SIGABRT);
    assert_int_equal(end.said.size, 0);
    assert_true(span_equal(span_of_buffer(&end.lines), span_of_text("why\n")));
    child_end_clear(&end);
}

static void test_an_exit_before_the_end_is_a_crash(void **state)
{
    struct child_end end;
    bool politely = true;
    (void)state;
    assert_true(child_run(die, &politely, 0, &end));
    assert_int_equal(end.kind, CHILD_CRASHED);
    child_end_clear(&end);
}

static void never_end(void *context, struct buffer *said)
{
    volatile uint64_t *count = context;
    (void)said;
    for (;;)
        ++*count;
}

static void test_what_never_ends_is_ended(void **state)
{
    struct child_end end;
    uint64_t count = 0;
    (void)state;
    assert_true(child_run(never_end, &count, 1, &end));
    assert_int_equal(end.kind, CHILD_LATE);
    child_end_clear(&end);
}

/* ---- seeds ---- */

static void test_a_seed_is_one_scenario(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct buffer one = {0}, same = {0}, next = {0};
        struct scenario *scenarios[] = {swarm_draw(seed, NULL), swarm_draw(seed, NULL),
                                        swarm_draw(seed + 1, NULL)};
        struct buffer *texts[] = {&one, &same, &next};
        for (size_t i = 0; i < 3; i++) {
            scenario_write(scenarios[i], texts[i]);
            scenario_free(scenarios[i]);
        }
        assert_true(span_equal(span_of_buffer(&one), span_of_buffer(&same)));
        assert_false(span_equal(span_of_buffer(&one), span_of_buffer(&next)));
        for (size_t i = 0; i < 3; i++)
            buffer_free(texts[i]);
    }
}

/* What is drawn can be written down, and is the same when it is read. */
static void test_what_is_drawn_can_be_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct buffer yaml = {0}, again = {0};
        struct error error = {0};
        struct scenario *drawn = swarm_draw(seed, NULL);
        scenario_write(drawn, &yaml);
        struct scenario *read = scenario_read(span_of_buffer(&yaml), "drawn", NULL, NULL, &error);
        if (read == NULL)
            fail_msg("seed %llu, %u:%u: %s: %s", (unsigned long long)seed, error.line, error.column,
                     error.what, error.why);
        scenario_write(read, &again);
        if (!span_equal(span_of_buffer(&yaml), span_of_buffer(&again)))
            fail_msg("%.*s\nis read as\n%.*s", (int)yaml.size, (const char *)yaml.data,
                     (int)again.size, (const char *)again.data);
        buffer_free(&yaml);
        buffer_free(&again);
        scenario_free(drawn);
        scenario_free(read);
    }
}

/* Each fault that there is comes, and is missing in many; but for poison, which needs an urgent
 * stream to be in: it has a scenario of its own. */
static void test_every_fault_is_drawn_and_off(void **state)
{
    enum { FIRST = 801, SEEDS = 400 }; /* emergencies are in later ones alone */
    unsigned with[FAULT_KINDS] = {0};
    (void)state;
    for (uint64_t seed = FIRST; seed < FIRST + SEEDS; seed++) {
        struct scenario *scenario = swarm_draw(seed, NULL);
        bool here[FAULT_KINDS] = {false};
        for (size_t i = 0; i < scenario->fault_count; i++)
            here[scenario->faults[i].kind] = true;
        for (int kind = 0; kind < FAULT_KINDS; kind++)
            with[kind] += here[kind];
        scenario_free(scenario);
    }
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        if (kind == FAULT_POISON)
            assert_int_equal(with[kind], 0);
        else if (with[kind] < 5 || with[kind] > SEEDS * 3 / 4)
            fail_msg("%s is in %u of %d seeds", fault_name((enum fault_kind)kind), with[kind],
                     SEEDS);
    }
}

/* ---- runs ---- */

static void test_a_seed_is_one_history(void **state)
{
    const struct trial_settings settings = {.cpu_s_max = 120};
    (void)state;
    for (uint64_t seed = 3; seed <= 5; seed++) {
        struct scenario *scenario = swarm_draw(seed, NULL);
        struct trial one, again;
        trial_run(scenario, &settings, &one);
        trial_run(scenario, &settings, &again);
        assert_int_equal(one.outcome, again.outcome);
        assert_false(hash_equal(&one.trace, &hash_zero));
        assert_true(hash_equal(&one.trace, &again.trace));
        assert_int_equal(one.rested_ms, again.rested_ms);
        trial_clear(&one);
        trial_clear(&again);
        scenario_free(scenario);
    }
}

enum { SCATTERED = 4000 };

/* Blocks of all sizes, every other one given back: what is allocated next lies elsewhere. */
static void scatter(void *kept[static SCATTERED])
{
    for (size_t i = 0; i < SCATTERED; i++)
        kept[i] = mem_alloc(16 + i * 13 % 900);
    for (size_t i = 0; i < SCATTERED; i += 2) {
        free(kept[i]);
        kept[i] = NULL;
    }
}

/* Two documents that list one moved seat were once told in the order of their addresses. */
static void test_a_seed_is_one_history_wherever_memory_lies(void **state)
{
    const struct trial_settings settings = {.cpu_s_max = 240};
    struct scenario *scenario = swarm_draw(3113, NULL);
    struct trial one, elsewhere;
    void *kept[SCATTERED];
    (void)state;
    trial_run(scenario, &settings, &one);
    for (unsigned turn = 0; turn < 3; turn++) {
        scatter(kept);
        trial_run(scenario, &settings, &elsewhere);
        assert_true(hash_equal(&one.trace, &elsewhere.trace));
        trial_clear(&elsewhere);
        for (size_t i = 0; i < SCATTERED; i++)
            free(kept[i]);
    }
    trial_clear(&one);
    scenario_free(scenario);
}

static void test_the_replay_command_comes_last(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct swarm_settings settings = {
        .first = 7, .last = 7, .cpu_s_max = 120, .program = "terrace sim swarm", .options = ""};
    struct swarm_sum sum;
    (void)state;
    swarm_run_all(&settings, out, &sum);
    fclose(out);
    assert_int_equal(sum.done, 1);
    assert_memory_equal(text, "seed 7: ", 8);
    assert_non_null(strstr(text, "  link: "));
    assert_non_null(strstr(text, "  work: "));
    if (sum.worst != OUTCOME_HELD)
        assert_non_null(strstr(text, "again: terrace sim swarm --seed 7 --verbose\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_comes_back),
        cmocka_unit_test(test_much_is_said),
        cmocka_unit_test(test_a_crash_is_told_with_its_last_lines),
        cmocka_unit_test(test_an_exit_before_the_end_is_a_crash),
        cmocka_unit_test(test_what_never_ends_is_ended),
        cmocka_unit_test(test_a_seed_is_one_scenario),
        cmocka_unit_test(test_what_is_drawn_can_be_written),
        cmocka_unit_test(test_every_fault_is_drawn_and_off),
        cmocka_unit_test(test_a_seed_is_one_history),
        cmocka_unit_test(test_a_seed_is_one_history_wherever_memory_lies),
        cmocka_unit_test(test_the_replay_command_comes_last),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
