/* A drill whose tree changes while its nodes work: who is admitted, moved, revoked, replaced, and
 * `drill check` right after each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

/* `terrace drill WORDS... --dir DIRECTORY` must end with 0. */
static void drill(const char *directory, const char *verb, const char *seat, const char *parent)
{
    int status = parent == NULL
                     ? terrace_run("drill", verb, "--json", "--dir", directory, seat, NULL)
                     : terrace_run("drill", verb, "--json", "--dir", directory, seat, parent, NULL);
    if (status != 0)
        fail_msg("%s %s ended with %d: %s", verb, seat, status, terrace_errors());
}

/* A township that is cut off signs a village in; the village works at once, the county learns of
 * it, and of all that it wrote, when the link is back. */
static void a_township_that_is_cut_off_admits_a_village(void **state)
{
    (void)state;
    const char *directory = drill_up("admit", tree_of_five);
    drill_load(directory, "50", NULL);
    drill_act(directory, "cut", "T1");
    drill(directory, "admit", "V9", "T1");
    assert_int_equal(terrace_number("generation"), 1);
    drill_load(directory, "40", "V9,T1,V1");
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(drill_node(directory, "V9"), "incident", "first words"));
    node_gets(drill_node(directory, "T1"), "incident", id);
    assert_false(node_has(drill_node(directory, "C"), "incident", id));
    drill_act(directory, "kill", "V9"); /* and it comes back with what it has */
    drill_act(directory, "start", "V9");
    drill_act(directory, "heal", "T1");
    node_gets(drill_node(directory, "C"), "incident", id);
    drill_load(directory, "60", NULL);
    drill_holds(directory, 150, 151);
    assert_int_equal(terrace_number("nodes"), 6);
    drill_down(directory);
}

/* A township that came later has villages of its own. */
static void a_new_township_admits_too(void **state)
{
    (void)state;
    const char *directory = drill_up("branch", tree_of_five);
    assert_int_equal(terrace_run("drill", "admit", "T3", "C", "--tier", "township", "--name",
                                 "新镇", "--dir", directory, NULL),
                     0);
    drill(directory, "admit", "V31", "T3");
    drill(directory, "admit", "V32", "T3");
    drill_load(directory, "160", NULL);
    drill_holds(directory, 160, 160);
    assert_int_equal(terrace_number("nodes"), 8);
    assert_int_equal(terrace_run("drill", "admit", "V31", "T1", "--dir", directory, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "this drill has that seat already"));
    assert_int_equal(terrace_run("drill", "admit", "X", "V1", "--dir", directory, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "there is no tier below"));
    assert_int_equal(
        terrace_run("drill", "admit", "X", "T1", "--tier", "county", "--dir", directory, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "can't stand under"));
    assert_int_equal(terrace_run("drill", "move", "T1", "V1", "--dir", directory, NULL), 3);
    assert_int_equal(terrace_run("drill", "revoke", "C", "--dir", directory, NULL), 3);
    drill_down(directory);
}

/* All is well and level, by the check's own word; its answer stays in terrace_json. */
static void must_hold(const char *directory)
{
    int status = terrace_run("drill", "check", "--json", "--dir", directory, "--wait", "120", NULL);
    if (status != 0)
        fail_msg("check ended with %d: %s %s", status, terrace_output(), terrace_errors());
    assert_int_equal(terrace_number("missing"), 0);
    assert_int_equal(terrace_number("diverged"), 0);
    assert_int_equal(terrace_number("leaked"), 0);
}

/* The thief works on with the machine; nobody counts what it writes, and it learns nothing more. */
static void a_stolen_village_is_cut_off_while_it_runs(void **state)
{
    (void)state;
    const char *directory = drill_up("stolen", tree_of_five);
    drill_load(directory, "100", NULL);
    must_hold(directory);
    drill(directory, "revoke", "V2", NULL);
    pid_t thief =
        background("drill", "load", "--dir", directory, "--records", "60", "--at", "V2", NULL);
    drill_load(directory, "100", NULL);
    assert_int_equal(background_wait(thief), 0);
    const char *id = node_put(drill_node(directory, "V2"), "incident", "stolen words");
    must_hold(directory);
    assert_int_equal(terrace_number("revoked"), 1);
    assert_int_equal(terrace_number("nodes"), 4);
    assert_int_equal(terrace_number("acknowledged"), 260);
    assert_in_range(terrace_number("cut_off"), 61,
                    90); /* the thief's, and what V2 kept to itself */
    assert_int_equal(terrace_number("county_total"), 200); /* V2's last report stays */
    assert_false(node_has(drill_node(directory, "T2"), "incident", id));
    assert_int_equal(terrace_run("drill", "revoke", "V2", "--dir", directory, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "revoked already"));
    drill_down(directory);
}

/* The township's machine is put back to a day before, and signs the cut-off from that: what the
 * village wrote since is honest, lies at the county, and is written again there. */
static void honest_words_behind_a_cut_off_are_endorsed(void **state)
{
    (void)state;
    const char *directory = drill_up("endorse", tree_of_five);
    char first[64], second[64], made[64], instead[64];
    snprintf(first, sizeof first, "%s", node_put(drill_node(directory, "V2"), "incident", "early"));
    node_gets(drill_node(directory, "C"), "incident", first);
    drill_act(directory, "kill", "T2");
    tool("cp", "-a", drill_node(directory, "T2"), terrace_path("before"), NULL);
    drill_act(directory, "start", "T2");
    assert_int_equal(terrace_run("-d", drill_node(directory, "V2"), "set", "incident", first,
                                 "title=late words", NULL),
                     0);
    snprintf(second, sizeof second, "%s",
             node_put(drill_node(directory, "V2"), "incident", "made late"));
    node_gets(drill_node(directory, "C"), "incident", second);
    drill_act(directory, "kill", "V2");
    drill_act(directory, "kill", "C");
    drill_act(directory, "kill", "T2");
    tool("rm", "-r", drill_node(directory, "T2"), NULL);
    tool("mv", terrace_path("before"), drill_node(directory, "T2"), NULL);
    drill_act(directory, "start", "T2");
    drill(directory, "revoke", "V2", NULL);
    drill_act(directory, "start", "C");
    const char *county = drill_node(directory, "C");
    status_reaches(county, "quarantine", 2);
    assert_false(node_has(county, "incident", second));
    assert_int_equal(terrace_run("-d", county, "quarantine", "--revoked", "V2", NULL), 0);
    assert_non_null(strstr(terrace_output(), "title=late words"));
    assert_non_null(strstr(terrace_output(), "title=made late"));
    assert_non_null(strstr(terrace_output(), "2 behind a cut-off"));
    assert_int_equal(terrace_run("-d", county, "quarantine", "--revoked", "V1", NULL), 0);
    assert_non_null(strstr(terrace_output(), "0 behind a cut-off"));
    assert_int_equal(terrace_run("-d", county, "endorse", "incident", first, NULL), 0);
    assert_int_equal(terrace_run("-d", county, "get", "incident", first, NULL), 0);
    assert_non_null(strstr(terrace_output(), "late words"));
    assert_int_equal(terrace_run("-d", county, "endorse", "incident", second, NULL), 0);
    assert_int_equal(sscanf(terrace_output(), "%63s", made), 1);
    snprintf(instead, sizeof instead, "instead of %.33s", second);
    assert_non_null(strstr(terrace_output(), instead));
    assert_int_equal(terrace_run("-d", county, "get", "incident", made, NULL), 0);
    assert_non_null(strstr(terrace_output(), "made late"));
    /* again: the same record, not a third one */
    assert_int_equal(terrace_run("-d", county, "--json", "endorse", "incident", second, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "id")), made);
    assert_int_equal(terrace_run("-d", county, "endorse", "incident", made, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "nothing of this record is behind"));
    drill_down(directory);
}

static long long counted(const char *directory)
{
    assert_int_equal(terrace_run("drill", "status", "--json", "--dir", directory, NULL), 0);
    return terrace_number("records");
}

static bool is_overruled(const void *directory)
{
    const char *node = drill_node(directory, "V1");
    return terrace_run("-d", node, "--json", "status", NULL) == 0 &&
           strstr(terrace_output(), "\"live\"") != NULL && counted(directory) == 92;
}

/* History 24: both were lawful. The county's word counts; whom it left out is pending, and counts
 * from the first document that lists it again. */
static void the_county_overrules_what_a_township_signed(void **state)
{
    (void)state;
    const char *directory = drill_up("overrule", tree_of_five);
    drill_load(directory, "50", NULL);
    must_hold(directory);
    drill_act(directory, "cut", "T1");
    drill(directory, "admit", "V9", "T1");
    drill_load(directory, "50", NULL); /* 8 of them at V9 */
    drill(directory, "overrule", "T1", NULL);
    drill_act(directory, "heal", "T1");
    until(is_overruled, directory, "everything but V9's is counted");
    status_falls(drill_node(directory, "T1"), "children.expected", 1);
    must_hold(directory); /* V9's records wait where they are, and count nowhere */
    assert_int_equal(terrace_number("cut_off"), 8);
    assert_int_equal(terrace_number("present"), 92);
    assert_int_equal(terrace_number("nodes"), 5);
    assert_int_equal(terrace_run("drill", "overrule", "V1", "--dir", directory, NULL), 3);
    drill(directory, "admit", "V9", "T1"); /* by the township's new admin */
    drill_load(directory, "50", NULL);
    must_hold(directory);
    assert_int_equal(terrace_number("county_total"), 150);
    assert_int_equal(terrace_number("present"), 150);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_township_that_is_cut_off_admits_a_village, terrace_drill_end),
        cmocka_unit_test_teardown(a_new_township_admits_too, terrace_drill_end),
        cmocka_unit_test_teardown(a_stolen_village_is_cut_off_while_it_runs, terrace_drill_end),
        cmocka_unit_test_teardown(honest_words_behind_a_cut_off_are_endorsed, terrace_drill_end),
        cmocka_unit_test_teardown(the_county_overrules_what_a_township_signed, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    background_use(values[1]);
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
