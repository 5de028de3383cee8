/* The morning page of a province over two counties that state folds: what it knows of each county
 * together, what it says that it doesn't know of single seats, and what another system is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"
#include "tests/unit/exchange_shape.h"

static const char tree[] = "code,name,tier,parent\nN,省,province,\nA,甲县,county,N\n"
                           "B,乙县,county,N\nA1,甲乡,township,A\nA2,甲村,village,A1\n"
                           "B1,乙乡,township,B\nB2,乙村,village,B1\n";
enum { BRANCH_A, BRANCH_B };

static char N[512], A[512], A2[512];

static const json_t *figures_at(const char *node)
{
    size_t index = 0;
    json_t *row = NULL;
    assert_int_equal(terrace_run("-d", node, "--json", "report", "county", NULL), 0);
    json_array_foreach(json_object_get(terrace_json(), "rollups"), index, row)
    {
        if (strcmp(json_text(row, "name"), "incident_all") == 0)
            return row;
    }
    fail_msg("no incident_all");
    return NULL;
}

static bool counts(const void *context)
{
    const json_t *row = figures_at(N);
    return json_integer_value(json_object_get(row, "value")) == *(const int *)context &&
           json_array_size(json_object_get(terrace_json(), "behind")) == 0;
}

static const char *exchanged(const json_t *rows, const char *key, const char *seat)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(json_text(row, "dataElement"), "incident_all") == 0 &&
            strcmp(json_text(row, "orgUnit"), seat) == 0)
            return json_text(row, key);
    }
    return "";
}

/* A village that goes to the other county stands in no fold there. */
static void what_a_move_does_to_folds(void)
{
    assert_int_equal(terrace_run("-d", N, "--json", "topology", "plan", "--move", "A2:B1", NULL),
                     0);
    const json_t *folds = json_object_get(terrace_json(), "folds");
    assert_int_equal(json_array_size(folds), 2);
    const json_t *former = json_array_get(folds, 0), *present = json_array_get(folds, 1);
    assert_string_equal(json_text(former, "seat"), "A");
    assert_int_equal(json_number(former, "before"), 2);
    assert_int_equal(json_number(former, "after"), 1);
    assert_string_equal(json_text(present, "seat"), "B");
    assert_int_equal(json_number(present, "after"), 2);
    assert_int_equal(json_number(present, "alone"), 1);
    assert_int_equal(terrace_run("-d", N, "topology", "plan", "--move", "A2:A", NULL), 0);
    assert_null(strstr(terrace_output(), "folds:")); /* within one county nothing changes */
    assert_int_equal(terrace_run("-d", N, "topology", "plan", "--move", "A2:B1", NULL), 0);
    assert_non_null(strstr(terrace_output(), "folds: A states one set of figures for 1 seats"));
}

static void what_is_folded_counts_in_its_branch(void **state)
{
    static const int all = 4;
    (void)state;
    const char *table = terrace_file("morning-folds.csv", tree);
    const char *directory = terrace_path("morning-folds");
    terrace_drill_begin(directory);
    assert_int_equal(terrace_run("drill", "up", "--tree", table, "--dir", directory, "--fold-tier",
                                 "county", NULL),
                     0);
    snprintf(N, sizeof N, "%s", drill_node(directory, "N"));
    snprintf(A, sizeof A, "%s", drill_node(directory, "A"));
    snprintf(A2, sizeof A2, "%s", drill_node(directory, "A2"));
    node_put(A, "incident", "县里一件");
    node_put(A2, "incident", "桥面开裂");
    node_put(A2, "incident", "路灯不亮");
    node_put(N, "incident", "热线来电");
    until(counts, &all, "the province has all of it");

    const json_t *row = figures_at(N), *report = terrace_json();
    const json_t *branches = json_object_get(row, "branches");
    assert_int_equal(json_integer_value(json_array_get(branches, BRANCH_A)), 3);
    assert_int_equal(json_integer_value(json_array_get(branches, BRANCH_B)), 0);
    const json_t *fold = json_array_get(json_object_get(report, "folds"), 0);
    assert_string_equal(json_text(fold, "seat"), "A");
    assert_string_equal(json_text(fold, "documents"), "same");
    setenv("TERRACE_LANG", "zh", 1);
    assert_int_equal(terrace_run("-d", N, "report", "county", NULL), 0);
    unsetenv("TERRACE_LANG");
    assert_non_null(strstr(terrace_output(), "合并汇总的下级"));
    assert_int_equal(json_array_size(json_object_get(figures_at(A), "branches")), 1);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "folds")), 0);

    char path[512], beside[600];
    snprintf(path, sizeof path, "%s", terrace_path("folded.json"));
    snprintf(beside, sizeof beside, "%s.missing.json", path);
    assert_int_equal(terrace_run("-d", N, "report", "county", "--dhis2", path, NULL), 0);
    json_t *set = json_load_file(path, 0, NULL), *missing = json_load_file(beside, 0, NULL);
    check_exchange(set);
    const json_t *values = json_object_get(set, "dataValues");
    assert_string_equal(exchanged(values, "value", "A"), "3"); /* with those below it */
    assert_string_equal(exchanged(values, "value", "N"), "1");
    assert_string_equal(exchanged(values, "value", "A2"), "");
    assert_non_null(strstr(exchanged(missing, "why", "A2"), "stand in those of A"));
    json_decref(set);
    json_decref(missing);
    assert_int_equal(terrace_run("-d", A, "rollup", "incident_all", "--verify", NULL), 0);
    what_a_move_does_to_folds();
    drill_down(directory);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_folded_counts_in_its_branch, terrace_drill_end),
    };
    if (argument_count < 2)
        return 2;
    terrace_use(arguments[1]);
    background_use(arguments[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
