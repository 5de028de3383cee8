/* An emergency on real processes: a township that is cut off from the county orders it for its
 * villages; urgent passes, bulk waits; the county hears of it later, and ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char types[] = "version: 1\n\ntypes:\n"
                            "  survey:\n    number: 7\n    class: bulk\n    circle: path\n"
                            "    fields:\n      title: {number: 1, kind: text}\n"
                            "  alarm:\n    number: 8\n    class: urgent\n    circle: path\n"
                            "    fields:\n      title: {number: 1, kind: text}\n";

struct answers {
    const char *node, *seat;
    long long count;
};

static bool have_answered(const void *context)
{
    const struct answers *wanted = context;
    return terrace_run("-d", wanted->node, "--json", "emergency", "show", wanted->seat, NULL) ==
               0 &&
           terrace_number("answered") == wanted->count;
}

static void answered(const char *node, const char *seat, long long count)
{
    struct answers wanted = {node, seat, count};
    until(have_answered, &wanted, "so many have answered the roll-call");
}

static const char *admin_key_of(const char *directory, const char *seat)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s/keys/admin.key", directory, seat);
    return path;
}

static void a_township_that_is_cut_off_calls_an_emergency(void **state)
{
    (void)state;
    const char *table = terrace_file("storm.csv", tree_of_five), *at = terrace_path("storm");
    terrace_drill_begin(at);
    int status = terrace_run("drill", "up", "--tree", table, "--dir", at, "--types",
                             terrace_file("storm.yaml", types), NULL);
    if (status != 0)
        fail_msg("up ended with %d: %s", status, terrace_errors());
    const char *township = drill_node(at, "T1"), *village = drill_node(at, "V1");
    const char *county = drill_node(at, "C");
    drill_act(at, "cut", "T1");
    assert_int_equal(
        terrace_run("-d", township, "emergency", "on", "--key", admin_key_of(at, "T2"), NULL), 3);
    assert_non_null(strstr(terrace_errors(), "may not give orders"));
    status = terrace_run("-d", township, "emergency", "on", "--key", admin_key_of(at, "T1"), NULL);
    if (status != 0)
        fail_msg("the order ended with %d: %s", status, terrace_errors());
    answered(township, "T1", 2); /* T1 and V1 */
    char survey[64], alarm[64];
    snprintf(survey, sizeof survey, "%s", node_put(village, "survey", "wells"));
    snprintf(alarm, sizeof alarm, "%s", node_put(village, "alarm", "the dam"));
    for (int i = 0; i < 3; i++) /* each way back and forth could have taken the survey along */
        node_gets(township, "alarm", node_put(village, "alarm", "the weir"));
    node_gets(township, "alarm", alarm);
    assert_false(node_has(township, "survey", survey)); /* older, and it waits */
    assert_int_equal(terrace_run("-d", village, "--json", "status", NULL), 0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "emergency")), "T1");
    drill_act(at, "heal", "T1");
    answered(county, "T1", 2);
    answered(county, "C", 0); /* no order was given to all */
    assert_int_equal(terrace_run("-d", county, "--json", "status", NULL), 0);
    assert_null(json_string_value(json_object_get(terrace_json(), "emergency")));
    node_gets(county, "alarm", alarm);
    assert_false(node_has(county, "survey", survey));
    status =
        terrace_run("-d", county, "emergency", "off", "T1", "--key", admin_key_of(at, "C"), NULL);
    if (status != 0)
        fail_msg("ending it ended with %d: %s", status, terrace_errors());
    node_gets(township, "survey", survey);
    node_gets(county, "survey", survey);
    answered(county, "T1", 2);
    drill_down(at);
}

/* A restart forgets neither the order nor who has answered; the roll is called again by hand. */
static void an_emergency_outlives_restarts_and_names_who_is_silent(void **state)
{
    (void)state;
    const char *at = drill_up("roll", tree_of_five), *county = drill_node(at, "C");
    drill_act(at, "kill", "V2");
    assert_int_equal(
        terrace_run("-d", county, "emergency", "on", "--key", admin_key_of(at, "C"), NULL), 0);
    answered(county, "C", 4);
    drill_act(at, "kill", "T1");
    drill_act(at, "start", "T1");
    assert_int_equal(terrace_run("-d", county, "emergency", "show", NULL), 0);
    assert_non_null(strstr(terrace_output(), "NOT YET"));
    assert_int_equal(
        terrace_run("-d", county, "emergency", "roll-call", "--key", admin_key_of(at, "C"), NULL),
        0);
    answered(county, "C", 4);
    assert_int_equal(terrace_run("-d", county, "--json", "emergency", "show", NULL), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(terrace_json(), "order"), "what")),
        "emergency");
    drill_act(at, "start", "V2");
    answered(county, "C", 5);
    /* an order on a stick, to a seat that no link reaches; it stays on the stick */
    drill_act(at, "cut", "T1");
    const char *stick = terrace_path("stick.document"), *township = drill_node(at, "T1");
    assert_int_equal(terrace_run("-d", county, "emergency", "off", "--key", admin_key_of(at, "C"),
                                 "--out", stick, NULL),
                     0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(terrace_run("-d", township, "topology", "take", stick, NULL), 0);
    assert_non_null(strstr(terrace_output(), "nothing new"));
    assert_int_equal(terrace_run("-d", township, "emergency", "show", "C", NULL), 0);
    assert_non_null(strstr(terrace_output(), "peace since"));
    drill_down(at);
}

int main(int count, char **values)
{
#define TEST(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        TEST(a_township_that_is_cut_off_calls_an_emergency),
        TEST(an_emergency_outlives_restarts_and_names_who_is_silent),
    };
#undef TEST
    if (count != 2)
        return 2;
    background_use(values[1]);
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
