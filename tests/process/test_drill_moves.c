/* Seats of a drill get other parents while everybody writes: whoever hears of it in whatever order,
 * `drill check` holds right after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static void must(const char *what, int status)
{
    if (status != 0)
        fail_msg("%s ended with %d: %s", what, status, terrace_errors());
}

static void must_hold(const char *directory, long long acknowledged)
{
    int status = terrace_run("drill", "check", "--json", "--dir", directory, "--wait", "120", NULL);
    if (status != 0)
        fail_msg("check ended with %d: %s %s", status, terrace_output(), terrace_errors());
    assert_int_equal(terrace_number("acknowledged"), acknowledged);
    assert_int_equal(terrace_number("missing"), 0);
    assert_int_equal(terrace_number("diverged"), 0);
    assert_int_equal(terrace_number("leaked"), 0);
    assert_int_equal(terrace_number("quarantined"), 0);
}

static pid_t writing(const char *directory, const char *records, const char *at)
{
    return background("drill", "load", "--dir", directory, "--records", records, "--rate", "200",
                      "--at", at, NULL);
}

/* History 26: the village is offline, and all four write. */
static void a_village_is_moved_while_it_is_offline(void **state)
{
    (void)state;
    const char *directory = drill_up("offline", tree_of_five);
    drill_load(directory, "100", NULL);
    must_hold(directory, 100);
    drill_act(directory, "cut", "V1");
    pid_t load = writing(directory, "200", "C,T1,T2,V1");
    must("move", terrace_run("drill", "move", "V1", "T2", "--dir", directory, NULL));
    assert_int_equal(background_wait(load), 0);
    drill_act(directory, "heal", "V1");
    drill_load(directory, "100", NULL);
    must_hold(directory, 400);
    assert_int_equal(terrace_number("county_total"), 400);
    drill_down(directory);
}

/* With all links up: what is under way to the former parent when it hears of the move comes by
 * the new one, or stands already where it is going; nothing twice. */
static void a_village_is_moved_in_the_middle_of_a_transfer(void **state)
{
    (void)state;
    const char *directory = drill_up("midway", tree_of_five);
    drill_act(directory, "cut", "V1");
    drill_load(directory, "300", "V1"); /* a backlog */
    pid_t load = writing(directory, "200", "V1,T1,T2");
    drill_act(directory, "heal", "V1");
    must("move",
         terrace_run("drill", "move", "V1", "T2", "--tell", "T1,T2", "--dir", directory, NULL));
    assert_int_equal(background_wait(load), 0);
    must_hold(directory, 500);
    assert_int_equal(terrace_number("county_total"), 500);
    status_falls(drill_node(directory, "T1"), "children.live", 0);
    status_reaches(drill_node(directory, "T2"), "children.live", 2);
    drill_down(directory);
}

/* Who hears when: each gets the documents by hand, one after the other, with all uplinks cut. */
static void in_whatever_order_they_hear(void **state)
{
    static const char *const orders[][4] = {{"V1", "T1", "T2", "C"},
                                            {"C", "T2", "T1", "V1"},
                                            {"T2", "V1", "C", "T1"},
                                            {"T1", "C", "V1", "T2"}};
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char name[32];
        snprintf(name, sizeof name, "order %zu", i);
        const char *directory = drill_up(name, tree_of_five);
        drill_load(directory, "50", NULL);
        must_hold(directory, 50);
        must("cut", terrace_run("drill", "cut", "--dir", directory, "T1", "T2", "V1", NULL));
        must("move", terrace_run("drill", "move", "V1", "T2", "--tell", orders[i][0], "--dir",
                                 directory, NULL));
        for (size_t told = 1; told < 4; told++) {
            drill_load(directory, "20", NULL);
            drill_act(directory, "tell", orders[i][told]);
        }
        must("heal", terrace_run("drill", "heal", "--all", "--dir", directory, NULL));
        drill_load(directory, "20", NULL);
        must_hold(directory, 130);
        assert_int_equal(terrace_number("county_total"), 130);
        drill_down(directory);
    }
}

/* The county decides it; later its new parent lets it go back. */
static void the_county_decides_a_move_and_the_village_goes_back(void **state)
{
    (void)state;
    const char *directory = drill_up("decided", tree_of_five);
    drill_load(directory, "50", NULL);
    must("move", terrace_run("drill", "move", "V1", "T2", "--by", "C", "--dir", directory, NULL));
    drill_load(directory, "50", NULL);
    must_hold(directory, 100);
    must("move", terrace_run("drill", "move", "V1", "T1", "--dir", directory, NULL));
    drill_load(directory, "50", NULL);
    must_hold(directory, 150);
    assert_int_equal(
        terrace_run("drill", "move", "V1", "T2", "--by", "T1", "--dir", directory, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "doesn't stand above both"));
    drill_down(directory);
}

/* The new parent knows an older row of it, having written to that village before, and it hears of
 * the acceptance alone: the release comes by its link. */
static void a_village_that_the_new_parent_knows_is_moved(void **state)
{
    (void)state;
    const char *directory = drill_up("known", tree_of_five);
    drill_load(directory, "50", NULL);
    must("put", terrace_run("-d", drill_node(directory, "V2"), "put", "matter", "--to", "V1",
                            "title=界址", NULL));
    must_hold(directory, 50);
    must("move",
         terrace_run("drill", "move", "V1", "T2", "--tell", "T2", "--dir", directory, NULL));
    drill_act(directory, "tell", "T1");
    drill_load(directory, "50", NULL);
    must_hold(directory, 100);
    drill_down(directory);
}

/* Its disk is dead, everybody writes on; the new machine gets back what others hold. */
static void a_township_is_replaced_under_load(void **state)
{
    (void)state;
    const char *directory = drill_up("replaced", tree_of_five);
    drill_load(directory, "200", NULL);
    must_hold(directory, 200);
    pid_t load = writing(directory, "300", "C,T2,V1,V2");
    must("replace", terrace_run("drill", "replace", "T1", "--json", "--dir", directory, NULL));
    assert_int_equal(terrace_number("generation"), 2);
    drill_load(directory, "30", "T1");
    assert_int_equal(background_wait(load), 0);
    must_hold(directory, 530);
    drill_down(directory);
}

/* Nothing that others hold is lost with the disk of a village, whatever was in flight; what only it
 * held is, and is told. The county's figures are those of what there is. */
static void a_village_is_replaced(void **state)
{
    (void)state;
    const char *directory = drill_up("village", tree_of_five);
    drill_load(directory, "200", NULL);
    must_hold(directory, 200);
    pid_t load = writing(directory, "200", "C,T1,T2,V1,V2");
    must("replace", terrace_run("drill", "replace", "V1", "--dir", directory, NULL));
    assert_int_equal(background_wait(load), 0);
    drill_load(directory, "100", NULL);
    must_hold(directory, 500);
    long long lost = terrace_number("cut_off");
    assert_true(lost > 0);
    assert_int_equal(terrace_number("county_total"), terrace_number("total_expected"));
    drill_down(directory);
}

/* `drill check` demands of the new parent what is open of a village that has moved; and takes what
 * somebody has extended by hand for no leak. */
static void open_cases_follow_and_a_hand_is_no_leak(void **state)
{
    (void)state;
    const char *directory = drill_up("followed", tree_of_five);
    drill_load(directory, "100", NULL);
    must_hold(directory, 100);
    must("move", terrace_run("drill", "move", "V1", "T2", "--dir", directory, NULL));
    must_hold(directory, 100);
    const char *id = node_put(drill_node(directory, "V1"), "mediation", "a wall");
    must("extend",
         terrace_run("-d", drill_node(directory, "V1"), "extend", "mediation", id, "T2", NULL));
    node_gets(drill_node(directory, "T2"), "mediation", id);
    must_hold(directory, 100);
    drill_act(directory, "kill", "T2");
    must("plant", terrace_run("drill", "plant", "loss", "T2", "--of", "V1", "--part", "state",
                              "--dir", directory, NULL));
    assert_int_equal(terrace_run("drill", "check", "--json", "--dir", directory, NULL), 5);
    assert_true(terrace_number("missing") > 0);
    assert_non_null(strstr(terrace_output(), "its seat has moved below this one"));
    drill_down(directory);
}

/* What it wrote under its former parent stands in streams that its parent of now never held: the
 * cut-off of its old key lists them all the same. */
static void a_village_is_replaced_after_it_has_moved(void **state)
{
    (void)state;
    const char *directory = drill_up("moved-replaced", tree_of_five);
    const char *county = drill_node(directory, "C"), *village = drill_node(directory, "V1");
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "before the move"));
    node_gets(county, "incident", id);
    must("move", terrace_run("drill", "move", "V1", "T2", "--dir", directory, NULL));
    must_hold(directory, 0);
    must("replace", terrace_run("drill", "replace", "V1", "--dir", directory, NULL));
    node_gets(village, "incident", id);
    must_hold(directory, 0);
    assert_int_equal(terrace_number("county_total"), 1);
    assert_true(node_has(county, "incident", id));
    assert_true(node_has(drill_node(directory, "T1"), "incident", id));
    drill_down(directory);
}

int main(int count, char **values)
{
#define TEST(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        TEST(a_village_is_moved_while_it_is_offline),
        TEST(a_village_is_moved_in_the_middle_of_a_transfer),
        TEST(in_whatever_order_they_hear),
        TEST(a_village_that_the_new_parent_knows_is_moved),
        TEST(the_county_decides_a_move_and_the_village_goes_back),
        TEST(a_township_is_replaced_under_load),
        TEST(a_village_is_replaced),
        TEST(a_village_is_replaced_after_it_has_moved),
        TEST(open_cases_follow_and_a_hand_is_no_leak),
    };
#undef TEST
    if (count == 3)
        cmocka_set_test_filter(values[--count]);
    if (count != 2)
        return 2;
    background_use(values[1]);
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
