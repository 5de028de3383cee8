/* A drill of real nodes, through the program's own commands: what the contract for scripts says of
 * them, faults while writing goes on, and trees of other shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

/* All is well, with everything that was acknowledged and nothing else. */
static void check_holds(const char *directory, long long acknowledged, long long nodes)
{
    drill_holds(directory, acknowledged, acknowledged);
    assert_int_equal(terrace_number("nodes"), nodes);
    assert_true(json_is_number(json_object_get(terrace_json(), "seconds")));
}

static void everything_arrives_once_and_only_where_it_belongs(void **state)
{
    (void)state;
    const char *directory = drill_up("plain", tree_of_five);
    assert_int_equal(terrace_number("nodes"), 5);
    drill_load(directory, "400", NULL);
    assert_int_equal(terrace_number("acknowledged"), 400);
    drill_load(directory, "30", "V1,C");
    check_holds(directory, 430, 5);
    assert_int_equal(terrace_run("drill", "status", "--json", "--dir", directory, NULL), 0);
    assert_int_equal(terrace_number("up"), 5);
    assert_int_equal(terrace_number("linked"), 5);
    assert_int_equal(terrace_number("records"), 430);
    drill_down(directory);
}

static void a_second_drill_in_one_directory_is_refused(void **state)
{
    (void)state;
    const char *directory = drill_up("twice", tree_of_five);
    int status =
        terrace_run("drill", "up", "--tree", terrace_path("twice.csv"), "--dir", directory, NULL);
    assert_int_equal(status, 3);
    assert_non_null(strstr(terrace_errors(), "there is a drill in this directory already"));
    assert_non_null(strstr(terrace_errors(), "next:"));
    check_holds(directory, 0, 5);
    drill_down(directory);
}

static void cut_and_killed_nodes_lose_nothing(void **state)
{
    (void)state;
    const char *directory = drill_up("faults", tree_of_five);
    drill_load(directory, "100", NULL);
    assert_int_equal(terrace_run("drill", "cut", "--dir", directory, "T1", "V2", NULL), 0);
    drill_load(directory, "100", NULL); /* both sides go on writing */
    assert_int_equal(terrace_run("drill", "check", "--json", "--dir", directory, NULL), 5);
    assert_int_equal(terrace_number("leaked"), 0);
    assert_true(terrace_number("missing") > 0);
    assert_int_equal(terrace_run("drill", "kill", "--dir", directory, "C", "T2", "V1", NULL), 0);
    assert_int_equal(terrace_run("drill", "load", "--json", "--dir", directory, "--records", "10",
                                 "--at", "C,T1", "--patience", "0", NULL),
                     4);
    assert_int_equal(terrace_number("acknowledged"), 5);
    assert_int_equal(terrace_number("unsent"), 5);
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "--all", NULL), 0);
    drill_load(directory, "100", NULL);
    assert_int_equal(terrace_run("drill", "status", "--json", "--dir", directory, NULL), 0);
    assert_int_equal(terrace_number("cut"), 2); /* over kill and start, too */
    assert_int_equal(terrace_run("drill", "heal", "--dir", directory, "--all", NULL), 0);
    check_holds(directory, 305, 5);
    drill_down(directory);
}

static void a_killed_node_is_seen_and_comes_back(void **state)
{
    (void)state;
    const char *directory = drill_up("silent", tree_of_five);
    drill_load(directory, "50", NULL);
    check_holds(directory, 50, 5);
    assert_int_equal(terrace_run("drill", "kill", "--dir", directory, "T1", NULL), 0);
    assert_int_equal(terrace_run("drill", "status", "--json", "--dir", directory, NULL), 0);
    assert_int_equal(terrace_number("up"), 4);
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "T1", NULL), 0);
    check_holds(directory, 50, 5);
    drill_down(directory);
}

static void the_demonstration_holds(void **state)
{
    (void)state;
    const char *table = terrace_file("demo.csv", tree_of_five), *directory = terrace_path("demo");
    terrace_drill_begin(directory);
    int status = terrace_run("drill", "demo", "--json", "--tree", table, "--dir", directory,
                             "--records", "300", NULL);
    if (status != 0)
        fail_msg("the demonstration ended with %d: %s", status, terrace_errors());
    assert_int_equal(terrace_number("nodes"), 5);
    assert_true(terrace_number("cut_side") > 0);
    assert_true(terrace_number("other_side") > 0);
    const json_t *check = json_object_get(terrace_json(), "check");
    assert_int_equal(json_integer_value(json_object_get(check, "present")), 300);
    assert_non_null(strstr(terrace_errors(), "silent, as of"));
    assert_non_null(strstr(terrace_errors(), "down: all nodes have ended"));
}

/* What the first fold that an answer stands on says of its documents. */
static const char *fold_says(void)
{
    const json_t *fold = json_array_get(json_object_get(terrace_json(), "folds"), 0);
    const char *documents = json_string_value(json_object_get(fold, "documents"));
    return documents == NULL ? "there is none" : documents;
}

/* A province over two counties that state folds: the total is that of all records, also while a
 * county is cut off from it and works on. */
static void figures_are_folded(void **state)
{
    static const char tree[] = "code,name,tier,parent\nN,省,province,\nA,甲县,county,N\n"
                               "B,乙县,county,N\nA1,甲乡,township,A\nA2,甲村,village,A1\n";
    (void)state;
    const char *table = terrace_file("folds.csv", tree), *directory = terrace_path("folds");
    assert_int_not_equal(terrace_run("drill", "up", "--tree", table, "--dir", directory,
                                     "--fold-tier", "village", NULL),
                         0);
    assert_non_null(strstr(terrace_errors(), "is called"));
    terrace_drill_begin(directory);
    assert_int_equal(terrace_run("drill", "up", "--tree", table, "--dir", directory, "--fold-tier",
                                 "county", NULL),
                     0);
    drill_load(directory, "60", NULL);
    check_holds(directory, 60, 5);
    const char *top = terrace_path("folds/N");
    assert_int_equal(terrace_run("-d", top, "rollup", "records", "--json", NULL), 0);
    assert_string_equal(fold_says(), "same");
    assert_int_equal(terrace_run("drill", "cut", "--dir", directory, "A", NULL), 0);
    drill_load(directory, "40", NULL);
    assert_int_equal(terrace_run("drill", "heal", "--dir", directory, "--all", NULL), 0);
    check_holds(directory, 100, 5);
    drill_down(directory);
}

static void any_tree_will_do(void **state)
{
    static const struct {
        const char *name, *tree;
        long long nodes;
    } trees[] = {
        {"alone", "code,name,tier,parent\nC,县,county,\n", 1},
        {"one child", "code,name,tier,parent\nC,县,county,\nV,村,village,C\n", 2},
        {"two tiers",
         "tier,code,name,parent\n省,根,根节点,\n村,村一,第一村,根\n村,村二,第二村,根\n"
         "村,村三,第三村,根\n",
         4},
        {"seven tiers",
         "code,name,tier,parent\na,a,t1,\nb,b,t2,a\nc,c,t3,b\nd,d,t4,c\ne,e,t5,d\nf,f,t6,e\n"
         "g,g,t7,f\nh,h,t7,b\n",
         8},
        {"mixed",
         "code,name,tier,parent\nC,县,county,\nT,乡,township,C\nV0,直属村,village,C\n"
         "V1,村,village,T\n",
         4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        const char *directory = drill_up(trees[i].name, trees[i].tree);
        drill_load(directory, "160", NULL);
        check_holds(directory, 160, trees[i].nodes);
        drill_down(directory);
    }
}

static void own_types_will_do(void **state)
{
    (void)state;
    const char *table = terrace_file("own.csv", tree_of_five), *directory = terrace_path("own");
    const char *types = terrace_file("own.yaml", "version: 1\n\ntypes:\n"
                                                 "  复核:\n    number: 7\n    class: bulk\n"
                                                 "    circle: path\n    counted: true\n"
                                                 "    fields:\n"
                                                 "      题目: {number: 1, kind: text,"
                                                 " required: true, length_max: 30}\n"
                                                 "      次数: {number: 2, kind: counter}\n");
    terrace_drill_begin(directory);
    int status =
        terrace_run("drill", "up", "--tree", table, "--dir", directory, "--types", types, NULL);
    if (status != 0)
        fail_msg("up ended with %d: %s", status, terrace_errors());
    drill_load(directory, "60", NULL);
    check_holds(directory, 60, 5);
    drill_down(directory);
}

/* From any seat to any other, of which most have never heard; and one by hand. */
static void a_matter_stands_on_the_way_to_its_seat_alone(void **state)
{
    (void)state;
    char node[512], id[64];
    const char *directory =
        drill_up("matters", "code,name,tier,parent\nC,县,county,\nD,部门,department,C\n"
                            "T1,镇一,township,C\nT2,镇二,township,C\nV1,村一,village,T1\n"
                            "V2,村二,village,T2\n");
    int status = terrace_run("drill", "load", "--json", "--dir", directory, "--records", "120",
                             "--type", "matter", "--seed", "5", NULL);
    if (status != 0)
        fail_msg("load ended with %d: %s %s", status, terrace_output(), terrace_errors());
    check_holds(directory, 120, 6);
    snprintf(node, sizeof node, "%s/V1", directory);
    /* the department's row was among its documents: no link is needed to write to it */
    assert_int_equal(terrace_run("drill", "cut", "--dir", directory, "V1", NULL), 0);
    status = terrace_run("-d", node, "put", "whistle", "--to", "D", "title=桥断了", NULL);
    assert_int_equal(status, 0);
    assert_int_equal(terrace_run("drill", "heal", "--dir", directory, "V1", NULL), 0);
    status = terrace_run("-d", node, "put", "matter", "--to", "V2", "title=界址", NULL);
    if (status != 0)
        fail_msg("put ended with %d: %s", status, terrace_errors());
    assert_int_equal(sscanf(terrace_output(), "%63s", id), 1);
    assert_int_equal(terrace_run("-d", node, "put", "matter", "--to", "V7", "title=x", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "did you mean"));
    assert_int_equal(terrace_run("-d", node, "put", "incident", "--to", "D", "title=x", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "it isn't made for one seat"));
    status = terrace_run("drill", "check", "--json", "--dir", directory, "--wait", "60", NULL);
    assert_int_equal(status, 0);
    assert_int_equal(terrace_number("unanswered"), 2);
    static const char *const on_the_way[] = {"T1", "C", "T2", "V2"};
    for (size_t i = 0; i < sizeof on_the_way / sizeof *on_the_way; i++)
        assert_true(node_has(drill_node(directory, on_the_way[i]), "matter", id));
    assert_false(node_has(drill_node(directory, "D"), "matter", id));
    assert_int_equal(terrace_run("-d", node, "--json", "get", "matter", id, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "circle")), 5);
    drill_down(directory);
}

static void a_tree_that_is_wrong_leaves_nothing(void **state)
{
    (void)state;
    const char *table =
        terrace_file("wrong.csv", "code,name,tier,parent\nC,县,county,\nT,乡,township,X\n");
    const char *directory = terrace_path("wrong");
    int status = terrace_run("drill", "up", "--tree", table, "--dir", directory, NULL);
    assert_int_equal(status, 3);
    assert_non_null(strstr(terrace_errors(), "wrong.csv:3"));
    assert_int_equal(terrace_run("drill", "status", "--dir", directory, NULL), 3);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(everything_arrives_once_and_only_where_it_belongs,
                                  terrace_drill_end),
        cmocka_unit_test_teardown(a_second_drill_in_one_directory_is_refused, terrace_drill_end),
        cmocka_unit_test_teardown(cut_and_killed_nodes_lose_nothing, terrace_drill_end),
        cmocka_unit_test_teardown(a_killed_node_is_seen_and_comes_back, terrace_drill_end),
        cmocka_unit_test_teardown(the_demonstration_holds, terrace_drill_end),
        cmocka_unit_test_teardown(figures_are_folded, terrace_drill_end),
        cmocka_unit_test_teardown(any_tree_will_do, terrace_drill_end),
        cmocka_unit_test_teardown(own_types_will_do, terrace_drill_end),
        cmocka_unit_test_teardown(a_matter_stands_on_the_way_to_its_seat_alone, terrace_drill_end),
        cmocka_unit_test(a_tree_that_is_wrong_leaves_nothing),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
