/* What needs a person: conflicts, quarantine, doctor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *directory, *village, *above;

static int make(void **state)
{
    (void)state;
    directory = drill_up("doctor", "code,name,tier,parent\nC,县,county,\nV,村,village,C\n");
    village = strdup(drill_node(directory, "V"));
    above = strdup(drill_node(directory, "C"));
    return 0;
}

static void run_says(int expected, const char *node, const char *command, const char *words)
{
    int status = terrace_run("-d", node, command, NULL);
    if (status != expected || strstr(terrace_output(), words) == NULL)
        fail_msg("%s ended with %d, and '%s' is not in: %s %s", command, status, words,
                 terrace_output(), terrace_errors());
}

static bool conflicts_are_listed(const void *node)
{
    assert_int_equal(terrace_run("-d", node, "--json", "conflicts", "incident", NULL), 0);
    return terrace_output()[0] != '\0';
}

static bool doctor_hears_nobody(const void *node)
{
    return terrace_run("-d", node, "doctor", NULL) == 1 &&
           strstr(terrace_output(), "got no answer") != NULL;
}

static void nothing_is_wrong(void **state)
{
    (void)state;
    run_says(0, village, "doctor", "nothing is wrong here");
    run_says(0, village, "conflicts", "0 records");
    run_says(0, village, "quarantine", "0 in quarantine, 0 waiting");
    assert_int_equal(terrace_run("-d", village, "--json", "doctor", NULL), 0);
    assert_int_equal(terrace_number("problems"), 0);
    assert_true(status_number(village, "room.map_bytes") >
                status_number(village, "room.used_bytes")); /* what doctor looks at */
}

static void values_written_at_the_same_time(void **state)
{
    (void)state;
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "桥面开裂"));
    node_gets(above, "incident", id);
    drill_act(directory, "cut", "V");
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "place=东", NULL), 0);
    assert_int_equal(terrace_run("-d", above, "set", "incident", id, "place=西", NULL), 0);
    run_says(0, village, "conflicts", "0 records");
    run_says(1, village, "doctor", "the link to the seat above is cut by hand");
    run_says(1, above, "doctor", "1 of 1 nodes below are not linked");
    assert_non_null(strstr(terrace_output(), "why:  V"));
    drill_act(directory, "heal", "V");
    until(conflicts_are_listed, village, "the village lists the conflict");
    const json_t *record = json_object_get(terrace_json(), "record");
    const json_t *conflict = json_array_get(json_object_get(record, "conflicts"), 0);
    const json_t *shown = json_array_get(json_object_get(terrace_json(), "shown"), 0);
    assert_string_equal(json_string_value(json_object_get(conflict, "seat")), "V");
    assert_string_equal(json_string_value(json_object_get(conflict, "value")), "东");
    assert_string_equal(json_string_value(json_object_get(shown, "seat")), "C");
    assert_string_equal(json_string_value(json_object_get(shown, "field")), "place");
    run_says(0, village, "conflicts", "1 record with values or steps of the same time");
    assert_non_null(strstr(terrace_output(), "2 also:  东"));
    assert_int_equal(terrace_run("-d", village, "resolve", "incident", id, "title=桥", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "there is nothing to settle"));
    assert_int_equal(
        terrace_run("-d", village, "resolve", "incident", id, "place", "--keep", "3", NULL), 3);
    assert_int_equal(
        terrace_run("-d", village, "resolve", "incident", id, "place=a", "--keep", "1", NULL), 2);
    assert_int_equal(
        terrace_run("-d", village, "resolve", "incident", id, "place", "--keep", "2", NULL), 0);
    run_says(0, village, "conflicts", "0 records");
    assert_int_equal(terrace_run("-d", village, "--json", "get", "incident", id, NULL), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(terrace_json(), "fields"), "place")),
        "东");
    assert_int_equal(terrace_run("-d", village, "conflicts", "incidnt", NULL), 3);
}

static void times_are_readable(void **state)
{
    (void)state;
    assert_int_equal(terrace_run("-d", village, "put", "incident", "title=钟",
                                 "happened=2025-06-30T12:00:00Z", NULL),
                     0);
    char id[64];
    assert_int_equal(sscanf(terrace_output(), "%63s", id), 1);
    assert_int_equal(terrace_run("-d", village, "get", "incident", id, NULL), 0);
    assert_non_null(strstr(terrace_output(), "happened      2025-06-30 "));
    assert_int_equal(terrace_run("-d", village, "list", "incident", NULL), 0);
    assert_non_null(strstr(terrace_output(), "happened=2025-06-30 "));
    assert_int_equal(terrace_run("-d", village, "--json", "get", "incident", id, NULL), 0);
    const json_t *fields = json_object_get(terrace_json(), "fields");
    assert_int_equal(json_integer_value(json_object_get(fields, "happened")), 1751284800000);
}

static void a_node_that_does_not_run(void **state)
{
    (void)state;
    drill_act(directory, "kill", "C");
    run_says(1, above, "doctor", "the node is not running");
    until(doctor_hears_nobody, village, "the village gets no answer from the seat above");
    run_says(1, village, "doctor", "no link to the seat above, C, for");
    tool("chmod", "644", drill_node(directory, "C/keys/link.key"), NULL);
    run_says(1, above, "doctor", "others than its owner may read it");
    tool("chmod", "600", drill_node(directory, "C/keys/link.key"), NULL);
    drill_act(directory, "start", "C");
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "C", NULL), 0);
    assert_non_null(strstr(terrace_output(), "C runs already, pid "));
    run_says(1, terrace_path("nowhere"), "doctor", "there is no such directory");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong),
        cmocka_unit_test(values_written_at_the_same_time),
        cmocka_unit_test(times_are_readable),
        cmocka_unit_test(a_node_that_does_not_run),
    };
    if (count != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
