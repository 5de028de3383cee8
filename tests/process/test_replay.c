/* Scenarios against real processes come to the simulated end; what is changed behind a replay's
 * back, and what real processes would do otherwise, is found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum { EQUAL = 0, DIFFERS = 1, REFUSED_BEFORE = 2, STALE = 3 };

#define WORLD(shape)                                                                               \
    "begins: 2026-03-02 08:00\n"                                                                   \
    "lasts: 6 h\n"                                                                                 \
    "rest: 2 h\n"                                                                                  \
    "tree: {shape: " shape "}\n"

/* The same records are changed at all tiers while they can't hear each other. */
static const char cuts[] =
    WORLD("1+2+3") "work:\n"
                   "  - {tier: village, type: incident, records: 60-80 a day, change: 50 %}\n"
                   "  - {tier: township, type: incident, records: 80 a day, change: 80 %}\n"
                   "  - {tier: county, type: incident, records: 100 a day, change: 90 %}\n"
                   "  - {tier: village, type: matter, records: 20 a day, change: 50 %}\n"
                   "faults:\n"
                   "  - {fault: cut, tier: township, at: 1 h, lasts: 4 h}\n"
                   "  - {fault: cut, tier: village, at: 90 min, lasts: 3 h}\n";

static const char kills[] =
    WORLD("1+2+4") "work:\n"
                   "  - {tier: village, type: incident, records: 60 a day, change: 30 %}\n"
                   "  - {tier: county, type: directive, records: 20 a day, change: 20 %}\n"
                   "faults:\n"
                   "  - {fault: kill, tier: village, at: 1 h, lasts: 1 h}\n"
                   "  - {fault: power-cut, tier: county, at: 2 h, lasts: 1 h}\n"
                   "  - {fault: pause, tier: township, count: 1, at: 4 h, lasts: 30 min}\n";

static const char disks[] =
    WORLD("1+2+4") "work:\n"
                   "  - {tier: village, type: incident, records: 40 a day, change: 30 %}\n"
                   "  - {tier: village, type: mediation, records: 40 a day, change: 30 %}\n"
                   "faults:\n"
                   "  - {fault: restore, tier: village, count: 2, at: 3 h, age: 2 h, lasts: 1 h}\n"
                   "  - {fault: wipe, tier: village, count: 1, at: 5 h, lasts: 10 min}\n";

/* Two of one rank write to the same records, one of them with a clock of its own. */
static const char clocks[] =
    WORLD("1+2+2") "work:\n"
                   "  - {tier: township, type: matter, records: 160 a day, change: 80 %}\n"
                   "faults:\n"
                   "  - {fault: clock, seats: [\"1.1\"], at: 1 min, clock: {offset: 2 h}}\n"
                   "  - {fault: cut, tier: township, at: 1 h, lasts: 4 h}\n";

/* PLACE/NAME.yaml played in PLACE/NAME. */
static const char *replay(const char *name, const char *yaml, const char *more, int expected)
{
    char file[64];
    snprintf(file, sizeof file, "%s.yaml", name);
    const char *scenario = terrace_file(file, yaml), *directory = terrace_path(name);
    terrace_drill_begin(directory);
    int status = terrace_run("--json", "drill", "replay", scenario, "--dir", directory, "--seed",
                             "2", more, NULL);
    if (status != expected)
        fail_msg("replay ended with %d: %s %s", status, terrace_output(), terrace_errors());
    return directory;
}

static void all_equal(long long least_writes, long long least_faults)
{
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "outcome")), "equal");
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "notes")), 0);
    assert_int_equal(terrace_number("equal"), terrace_number("records"));
    assert_int_equal(terrace_number("agreed"), 0);
    assert_true(terrace_number("writes") >= least_writes);
    assert_true(terrace_number("faults") >= least_faults);
}

static void cuts_and_conflicting_edits(void **state)
{
    (void)state;
    const char *directory = replay("cuts", cuts, NULL, EQUAL);
    all_equal(80, 5);
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "1", NULL), 0);
    assert_int_equal(terrace_run("-d", drill_node(directory, "1"), "conflicts", NULL), 0);
    assert_non_null(strstr(terrace_output(), "incident")); /* there was something to differ in */
    assert_int_equal(terrace_run("drill", "down", "--dir", directory, NULL), 0);
}

static void kills_and_starts(void **state)
{
    (void)state;
    replay("kills", kills, NULL, EQUAL);
    all_equal(60, 6);
}

static void disks_put_back_and_emptied(void **state)
{
    (void)state;
    replay("disks", disks, NULL, EQUAL);
    all_equal(60, 3);
}

/* ---- what differs is found ---- */

static const char *again(const char *directory, int expected)
{
    char file[4096];
    snprintf(file, sizeof file, "%s.yaml", directory);
    int status = terrace_run("--json", "drill", "replay", file, "--dir", directory, "--seed", "2",
                             "--again", NULL);
    if (status != expected)
        fail_msg("comparing again ended with %d: %s %s", status, terrace_output(),
                 terrace_errors());
    const json_t *differences = json_object_get(terrace_json(), "differences");
    assert_true((expected == EQUAL) == (json_array_size(differences) == 0));
    return expected == EQUAL
               ? ""
               : json_string_value(json_object_get(json_array_get(differences, 0), "why"));
}

static bool is_changed(const void *directory)
{
    return terrace_run("-d", drill_node(directory, "1"), "--json", "list", "incident", "--where",
                       "s=otherwise", NULL) == 0 &&
           strstr(terrace_output(), "otherwise") != NULL;
}

/* Everybody agrees on it, and still it is another end. */
static void a_change_behind_its_back(void **state)
{
    (void)state;
    char id[64] = "";
    const char *directory = replay("changed", kills, "--keep", EQUAL);
    const char *village = drill_node(directory, "1.1.1");
    again(directory, EQUAL);
    assert_int_equal(terrace_run("-d", village, "--json", "list", "incident", "--limit", "1", NULL),
                     0);
    const char *found = strstr(terrace_output(), "\"id\"");
    assert_non_null(found);
    assert_int_equal(sscanf(found + 4, "%*[^0-9a-f]%32[0-9a-f]", id), 1);
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "s=otherwise", NULL), 0);
    until(is_changed, directory, "the change is at the root");
    assert_string_equal(again(directory, DIFFERS), "another state");
    drill_down(directory);
}

static void a_store_that_was_altered(void **state)
{
    (void)state;
    const char *directory = replay("altered", kills, NULL, EQUAL);
    assert_int_equal(terrace_run("drill", "plant", "difference", "1.1.1", "--dir", directory, NULL),
                     0);
    again(directory, DIFFERS);
}

static void a_record_that_was_lost(void **state)
{
    (void)state;
    const char *directory = replay("lost", kills, NULL, EQUAL);
    assert_int_equal(terrace_run("drill", "plant", "loss", "1.1.1", "--dir", directory, NULL), 0);
    assert_string_equal(again(directory, DIFFERS), "missing");
}

static void another_scenario_is_not_compared(void **state)
{
    (void)state;
    const char *directory = replay("one", disks, NULL, EQUAL);
    const char *other = terrace_file("other.yaml", kills);
    assert_int_equal(terrace_run("drill", "replay", other, "--dir", directory, "--again", NULL),
                     STALE);
    assert_non_null(strstr(terrace_errors(), "no replay of this scenario"));
}

/* ---- what would come out otherwise is told before ---- */

static void clocks_that_decide(void **state)
{
    (void)state;
    replay("clocks", clocks, NULL, REFUSED_BEFORE);
    assert_non_null(strstr(terrace_errors(), "the simulated clocks decided"));
    replay("clocks", clocks, "--anyway", EQUAL);
    assert_true(terrace_number("agreed") > 0);
    assert_int_equal(terrace_number("agreed") + terrace_number("equal"), terrace_number("records"));
}

/* What nobody wrote down: trees, work and faults from seeds that leave the tree as it is. The last
 * one has types and steps that aren't played. */
static void scenarios_of_the_swarm(void **state)
{
    static const char *const seeds[] = {"2", "12", "14", "7002"};
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        const char *directory = terrace_path(seeds[i]);
        terrace_drill_begin(directory);
        int status = terrace_run("--json", "drill", "replay", seeds[i], "--anyway", "--dir",
                                 directory, NULL);
        if (status != EQUAL)
            fail_msg("seed %s ended with %d: %s %s", seeds[i], status, terrace_output(),
                     terrace_errors());
        assert_true(terrace_number("equal") > 0);
    }
}

int main(int count, char **values)
{
#define REPLAY(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        REPLAY(cuts_and_conflicting_edits),       REPLAY(kills_and_starts),
        REPLAY(disks_put_back_and_emptied),       REPLAY(a_change_behind_its_back),
        REPLAY(a_store_that_was_altered),         REPLAY(a_record_that_was_lost),
        REPLAY(another_scenario_is_not_compared), REPLAY(clocks_that_decide),
        REPLAY(scenarios_of_the_swarm),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
