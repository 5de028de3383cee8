/* A drill whose tree changes while its nodes work: who is admitted, moved, revoked, replaced, and
 * `drill check` right after each. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/print.h"
#include "node/author/file.h"
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

static bool is_written(const void *village)
{
    return terrace_run("-d", village, "put", "incident", "title=after the gap", NULL) == 0;
}

/* It has heard of the raised term by the first document alone, which lists no V1; it starts with
 * that, asks the parent that it remembers for the other one, and takes writes
 * again when that is here. */
static void who_dies_between_two_documents_starts_again(void **state)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct buffer first = {0};
    (void)state;
    const char *directory = drill_up("between", tree_of_five);
    drill_act(directory, "kill", "V1");
    drill(directory, "overrule", "T1", NULL);
    snprintf(from, sizeof from, "%s/documents/1-00-C.document", drill_node(directory, "C"));
    snprintf(to, sizeof to, "%s/documents/1-00-C.document", drill_node(directory, "V1"));
    assert_int_equal(file_read(from, 1 << 20, &first, NULL), ERR_OK);
    assert_int_equal(file_replace(to, span_of_buffer(&first), 0644, NULL), ERR_OK);
    buffer_free(&first);
    drill_act(directory, "start", "V1");
    until(is_written, drill_node(directory, "V1"), "V1 is in a document again");
    snprintf(to, sizeof to, "%.*s", (int)strcspn(terrace_output(), " "), terrace_output());
    node_gets(drill_node(directory, "C"), "incident", to);
    drill_down(directory);
}

static const char tree_of_names[] = "code,name,tier,parent\n"
                                    "C,永顺县,county,\n"
                                    "T1,芙蓉镇,township,C\n"
                                    "T2,Lion Rock,township,C\n"
                                    "V1,泽家村民委员会,village,T1\n"
                                    "V2,é,village,T2\n";

static bool all_are_dated(const void *county)
{
    size_t dated = 0;
    if (terrace_run("-d", county, "topology", "show", NULL) != 0)
        return false;
    for (const char *at = terrace_output(); (at = strstr(at, "complete as of ")) != NULL; at++)
        dated++;
    return dated == 4;
}

/* Each cell under its title, whatever the names' letters take on a terminal. */
static void columns_stand(const char *drawn)
{
    static const char *const seats[] = {" C ", " T1 ", " T2 ", " V1 ", " V2 "};
    char *lines = strdup(drawn), *rest = NULL;
    char *line = strtok_r(lines, "\n", &rest);
    char *title = strstr(line, "seat");
    assert_non_null(title);
    *title = '\0';
    size_t width = text_width(line), rows = 0;
    while ((line = strtok_r(NULL, "\n", &rest)) != NULL) {
        for (size_t i = 0; i < sizeof seats / sizeof *seats; i++) {
            char *at = strstr(line, seats[i]);
            if (at == NULL)
                continue;
            at[1] = '\0';
            assert_int_equal(text_width(line), width);
            rows++;
            break;
        }
    }
    assert_int_equal(rows, 5);
    free(lines);
}

/* What the county knows of each seat: its own links, and by their signed statements those below. */
static void show_says_how_old_everything_is(void **state)
{
    (void)state;
    const char *directory = drill_up("show", tree_of_names);
    char county[256];
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    drill_load(directory, "40", NULL);
    until(all_are_dated, county, "each seat's statement says as of when");
    columns_stand(terrace_output());
    assert_non_null(strstr(terrace_output(), "this node"));
    drill_act(directory, "kill", "T2");
    status_falls(county, "children.live", 1);
    assert_int_equal(terrace_run("-d", county, "topology", "show", NULL), 0);
    assert_non_null(strstr(terrace_output(), "no link"));
    assert_non_null(strstr(terrace_output(), "live, heard "));
    assert_int_equal(terrace_run("-d", county, "--json", "topology", "show", "V2", NULL), 0);
    const json_t *heads = json_object_get(terrace_json(), "heads");
    assert_int_equal(json_integer_value(json_object_get(heads, "missing")), 0);
    assert_true(json_integer_value(json_object_get(heads, "as_of")) > 0);
    assert_true(json_is_integer(json_object_get(heads, "age_ms")));
    assert_int_equal(
        terrace_run("-d", county, "--json", "topology", "show", "T1", "--depth", "0", NULL), 0);
    heads = json_object_get(terrace_json(), "heads");
    assert_non_null(json_object_get(json_object_get(terrace_json(), "link"), "heard_ms"));
    drill_down(directory);
    assert_int_equal(terrace_run("-d", county, "topology", "show", NULL), 0);
    assert_non_null(strstr(terrace_errors(), "the node isn't running"));
    assert_non_null(strstr(terrace_output(), " ago")); /* what lies here has its age all the same */
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_township_that_is_cut_off_admits_a_village, terrace_drill_end),
        cmocka_unit_test_teardown(a_new_township_admits_too, terrace_drill_end),
        cmocka_unit_test_teardown(a_stolen_village_is_cut_off_while_it_runs, terrace_drill_end),
        cmocka_unit_test_teardown(the_county_overrules_what_a_township_signed, terrace_drill_end),
        cmocka_unit_test_teardown(who_dies_between_two_documents_starts_again, terrace_drill_end),
        cmocka_unit_test_teardown(show_says_how_old_everything_is, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    print_start();
    background_use(values[1]);
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
