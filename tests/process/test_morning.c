/* The morning page of real nodes: what it counts, what it says while a township is cut, and that it
 * says nothing that isn't so. tests/process/test_morning_page.py looks at it in a browser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "cli/value.h"
#include "node/author/file.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"
#include "tests/unit/exchange_shape.h"

static const char table[] = "code,name,tier,parent\n"
                            "C,永顺县,county,\n"
                            "T,石堤镇,township,C\n"
                            "S,芙蓉镇,township,C\n"
                            "V,大明村,village,T\n"
                            "W,团结村,village,T\n";

enum { BRANCH_S, BRANCH_T }; /* as the county's document lists them */

static const char *directory;
static char C[512], T[512], V[512];

static int setup(void **state)
{
    static unsigned drills;
    char name[32];
    (void)state;
    snprintf(name, sizeof name, "morning-%u", drills++);
    directory = drill_up(name, table);
    snprintf(C, sizeof C, "%s", drill_node(directory, "C"));
    snprintf(T, sizeof T, "%s", drill_node(directory, "T"));
    snprintf(V, sizeof V, "%s", drill_node(directory, "V"));
    return 0;
}

static int teardown(void **state)
{
    return terrace_drill_end(state);
}

static const json_t *report_at(const char *node)
{
    assert_int_equal(terrace_run("-d", node, "--json", "report", "county", NULL), 0);
    return terrace_json();
}

static long long number(const json_t *report, const char *key)
{
    return (long long)json_integer_value(json_object_get(report, key));
}

static const json_t *row_of(const json_t *rows, const char *seat)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(json_text(row, "seat"), seat) == 0)
            return row;
    }
    return NULL;
}

struct want {
    const char *node;
    long long records, alarms, received;
    const char *level;
};

/* The newest directive is the first of its list. */
static bool says(const void *context)
{
    const struct want *want = context;
    const json_t *report = report_at(want->node);
    const json_t *directive = json_array_get(json_object_get(report, "directives"), 0);
    const json_t *received = json_object_get(directive, "received");
    return number(report, "records") == want->records &&
           number(report, "alarms_count") == want->alarms &&
           json_integer_value(json_array_get(received, 0)) == want->received &&
           strcmp(json_text(json_object_get(report, "verdict"), "level"), want->level) == 0;
}

static void whole_then_cut_then_whole(void **state)
{
    char alarm[64];
    (void)state;
    node_put(V, "incident", "桥面开裂");
    node_put(C, "directive", "汛期值守");
    snprintf(alarm, sizeof alarm, "%s", node_put(V, "zero_occurrence", "</script><b>桥断"));
    until(says, &(struct want){C, 3, 1, 4, "held"}, "the county has all of it");
    assert_int_equal(json_array_size(json_object_get(report_at(C), "behind")), 0);
    assert_string_equal(
        json_text(json_array_get(json_object_get(terrace_json(), "alarms"), 0), "id"), alarm);
    const json_t *branch = row_of(json_object_get(terrace_json(), "branches"), "T");
    assert_int_equal(number(branch, "seats"), 3);
    assert_int_equal(number(branch, "records"), 2);
    assert_int_equal(number(terrace_json(), "seats"), 5);

    drill_act(directory, "cut", "T");
    node_put(C, "directive", "第二项");
    node_put(V, "incident", "断网后");
    until(says, &(struct want){C, 4, 1, 1, "undecided"}, "a township is away");
    const json_t *report = report_at(C);
    const json_t *directive = json_array_get(json_object_get(report, "directives"), 0);
    assert_non_null(row_of(json_object_get(report, "away"), "T"));
    assert_non_null(row_of(json_object_get(directive, "missing"), "V"));
    assert_null(row_of(json_object_get(directive, "missing"), "S"));
    assert_non_null(strstr(json_text(json_object_get(report, "verdict"), "en"), "石堤镇"));
    assert_non_null(strstr(json_text(json_object_get(report, "verdict"), "zh"), "石堤镇"));
    until(says, &(struct want){T, 3, 1, 2, "held"}, "the township counts its own");
    assert_int_equal(number(report_at(T), "seats"), 3);

    drill_act(directory, "heal", "T");
    until(says, &(struct want){C, 5, 1, 4, "held"}, "the township is back");
    assert_int_equal(
        terrace_run("-d", C, "do", "close", "zero_occurrence", alarm, "notes=已核实", NULL), 0);
    until(says, &(struct want){T, 3, 0, 2, "held"}, "the alarm has ended below, too");
}

static long long branch_value(const json_t *row, size_t branch, const char *key)
{
    const json_t *at = json_array_get(json_object_get(row, "branches"), branch);
    return (long long)json_integer_value(key == NULL ? at : json_object_get(at, key));
}

static const json_t *figure_of(const json_t *report, const char *list, const char *key,
                               const char *name)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(report, list), index, row)
    {
        if (strcmp(json_text(row, key), name) == 0)
            return row;
    }
    fail_msg("no %s in %s", name, list);
    return NULL;
}

struct figures {
    const char *rollup;
    long long value, reported;
};

static bool has_figures(const void *context)
{
    const struct figures *want = context;
    const json_t *report = report_at(C);
    const json_t *row = figure_of(report, "rollups", "name", want->rollup);
    return number(row, "value") == want->value &&
           branch_value(figure_of(report, "indicators", "title", "人工"), BRANCH_T, "value") ==
               want->reported;
}

static void put(const char *node, const char *type, const char *const *fields)
{
    assert_int_equal(terrace_run("-d", node, "put", type, fields[0], fields[1], fields[2],
                                 fields[3], fields[4], fields[5], NULL),
                     0);
}

/* The value that a file has for it; "": none. */
static const char *exchanged(const json_t *set, const char *element, const char *seat)
{
    size_t index = 0;
    json_t *value = NULL;
    json_array_foreach(json_object_get(set, "dataValues"), index, value)
    {
        if (strcmp(text_at(value, "dataElement"), element) == 0 &&
            strcmp(text_at(value, "orgUnit"), seat) == 0)
            return text_at(value, "value");
    }
    return "";
}

/* Of the same figures the file for another system, and what it lacks. */
static void figures_for_another_system(void)
{
    char path[512], beside[600];
    snprintf(path, sizeof path, "%s", terrace_path("set.json"));
    snprintf(beside, sizeof beside, "%s.missing.json", path);
    assert_int_equal(terrace_run("-d", C, "report", "county", "--dhis2", path, NULL), 0);
    json_t *set = json_load_file(path, 0, NULL), *missing = json_load_file(beside, 0, NULL);
    check_exchange(set);
    assert_true(json_is_array(missing));
    assert_string_equal(exchanged(set, "incident_all", "V"), "2");
    assert_string_equal(exchanged(set, "incident_all", "C"), "1");
    assert_string_equal(exchanged(set, "incident_all", "S"), "0");
    assert_string_equal(exchanged(set, "indicator_1", "C"), "0.00");
    assert_string_equal(exchanged(set, "indicator_2", "T"), "9.00");
    assert_string_equal(exchanged(set, "indicator_2", "S"), "");
    assert_string_equal(exchanged(set, "indicator_3", "C"), "");
    assert_null(json_object_get(set, "completeDate")); /* the month lasts */
    json_decref(set);
    json_decref(missing);
    assert_int_not_equal(
        terrace_run("-d", C, "report", "county", "--dhis2", terrace_path("no/where"), NULL), 0);
}

/* The same indicators as rows, of the month that runs and of the quarter it lies in. */
static void the_same_in_sql(const char *month)
{
    char text[300], expected[600];
    static const char wanted[] = "SELECT serial, value, verdict, origins, expected, wrong FROM "
                                 "indicators WHERE period = '%s' ORDER BY serial";
    assert_int_equal(terrace_run("-d", C, "sql", "--format", "csv",
                                 "SELECT serial, period, of_period, title, value, target, verdict, "
                                 "origins, expected FROM indicators ORDER BY serial",
                                 NULL),
                     0);
    snprintf(expected, sizeof expected,
             "serial,period,of_period,title,value,target,verdict,origins,expected\r\n"
             "1,%s,%s,计算,0.00,25.00,missed,5,5\r\n2,%s,%s,人工,12.50,12.50,missed,,\r\n"
             "3,%s,%s,错,,1.00,none,,\r\n",
             month, month, month, month, month, month);
    assert_string_equal(terrace_output(), expected);
    snprintf(text, sizeof text, wanted, "2020-Q1");
    assert_int_equal(terrace_run("-d", T, "sql", "--format", "csv", text, NULL), 0);
    assert_non_null(strstr(terrace_output(), "2,8.00,met,,,"));
    assert_non_null(strstr(terrace_output(), "nobody"));
    snprintf(text, sizeof text, wanted, "2020-13");
    assert_int_not_equal(terrace_run("-d", C, "sql", text, NULL), 0);
    assert_non_null(strstr(terrace_errors(), "is no period"));
}

/* "period=2026-10" of "2026-11" */
static const char *former_of(const char *month)
{
    static char text[32];
    int year = 0, of_year = 0;
    assert_int_equal(sscanf(month, "%d-%d", &year, &of_year), 2);
    snprintf(text, sizeof text, "period=%04d-%02d", of_year == 1 ? year - 1 : year,
             of_year == 1 ? 12 : of_year - 1);
    return text;
}

/* Roll-ups by branch, what is entered by hand and what is worked out, against their targets. */
static void figures_and_indicators(void **state)
{
    char month[32], period[48];
    (void)state;
    snprintf(month, sizeof month, "%s", json_text(json_object_get(report_at(C), "period"), "name"));
    snprintf(period, sizeof period, "period=%s", month);
    put(C, "indicator",
        (const char *[]){"serial=1", "title=计算", "bound=at_least", "target=25",
                         "formula=incident_closed / incident_all * 100", "department=应急管理局"});
    put(C, "indicator",
        (const char *[]){"serial=2", "title=人工", "bound=below", "target=12.5", "unit=件", NULL});
    put(C, "indicator",
        (const char *[]){"serial=3", "title=错", "bound=below", "target=1", "formula=nobody + 1",
                         NULL});
    put(C, "report", (const char *[]){"serial=2", period, "value=12.5", NULL, NULL, NULL});
    put(T, "report", (const char *[]){"serial=2", period, "value=9", NULL, NULL, NULL});
    put(T, "report", (const char *[]){"serial=2", "period=2020-01", "value=8", NULL, NULL, NULL});
    put(T, "report", (const char *[]){"serial=2", former_of(month), "value=7", NULL, NULL, NULL});
    node_put(V, "incident", "桥面开裂");
    node_put(V, "incident", "路灯不亮");
    node_put(C, "incident", "热线来电");
    until(has_figures, &(struct figures){"incident_all", 3, 900}, "all figures have come");
    const json_t *report = terrace_json();
    const json_t *all = figure_of(report, "rollups", "name", "incident_all");
    assert_int_equal(branch_value(all, BRANCH_T, NULL), 2);
    assert_int_equal(branch_value(all, BRANCH_S, NULL), 0);
    const json_t *formers = json_object_get(all, "former_branches");
    assert_int_equal(json_array_size(formers), 2);
    assert_int_equal(json_integer_value(json_array_get(formers, BRANCH_T)), 0);
    assert_int_equal(
        branch_value(figure_of(report, "indicators", "title", "人工"), BRANCH_T, "former"), 700);
    assert_int_equal(number(all, "former"), 0);
    const json_t *worked_out = figure_of(report, "indicators", "title", "计算");
    assert_int_equal(number(worked_out, "value"), 0);
    assert_string_equal(json_text(worked_out, "verdict"), "missed");
    const json_t *by_hand = figure_of(report, "indicators", "title", "人工");
    assert_int_equal(number(by_hand, "value"), 1250);
    assert_string_equal(json_text(by_hand, "verdict"), "missed"); /* below is not equal */
    const json_t *of_branch = json_array_get(json_object_get(by_hand, "branches"), BRANCH_T);
    assert_string_equal(json_text(of_branch, "verdict"), "met");
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(by_hand, "branches"), BRANCH_S), "value")));
    const json_t *wrong = figure_of(report, "indicators", "title", "错");
    assert_non_null(strstr(json_text(wrong, "wrong"), "nobody"));
    assert_string_equal(json_text(wrong, "verdict"), "none");
    assert_int_equal(terrace_run("-d", C, "report", "county", NULL), 0);
    assert_non_null(strstr(terrace_output(), "12.50"));
    figures_for_another_system();
    the_same_in_sql(month);
}

static void what_people_read(void **state)
{
    struct buffer page = {0};
    struct error error;
    (void)state;
    const char *path = terrace_path("page.html");
    node_put(V, "zero_occurrence", "</script><b>桥断");
    until(says, &(struct want){C, 1, 1, 0, "held"}, "the alarm has come");
    assert_int_equal(terrace_run("-d", C, "report", "county", NULL), 0);
    assert_non_null(strstr(terrace_output(), "All 5 seats are counted"));
    assert_non_null(strstr(terrace_output(), "桥断"));
    assert_int_equal(terrace_run("-d", C, "report", "county", "--html", path, NULL), 0);
    assert_int_equal(file_read(path, 1 << 22, &page, &error), ERR_OK);
    buffer_append_byte(&page, 0);
    assert_non_null(strstr((const char *)page.data, "永顺县"));
    assert_non_null(strstr((const char *)page.data, "\\u003c/script>\\u003cb>桥断"));
    assert_null(strstr((const char *)page.data, "<b>桥断"));
    buffer_free(&page);
    assert_int_equal(terrace_run("-d", C, "status", NULL), 0);
    assert_non_null(strstr(terrace_output(), "closed records of 2 types leave the lists"));
    assert_non_null(strstr(terrace_output(), "list --past"));
    setenv("TERRACE_LANG", "zh", 1);
    assert_int_equal(terrace_run("-d", C, "status", NULL), 0);
    unsetenv("TERRACE_LANG");
    assert_non_null(strstr(terrace_output(), "2 类已办结记录"));
}

static void what_is_no_report(void **state)
{
    static const char *const periods[] = {"2026-13",   "2026-02-30", "2026-Q5",
                                          "2026-1",    "26",         "2026-Q1x",
                                          "yesterday", "",           "2026-11-22-2026-11-22"};
    static const struct {
        const char *period, *former;
    } right[] = {{"2026", "2025"},
                 {"2026-Q1", "2025-Q4"},
                 {"2026-01", "2025-12"},
                 {"2026-03-01", "2026-02-28"}};
    (void)state;
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++)
        assert_int_equal(terrace_run("-d", C, "report", "county", "--period", periods[i], NULL), 2);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(
            terrace_run("-d", C, "--json", "report", "county", "--period", right[i].period, NULL),
            0);
        const json_t *period = json_object_get(terrace_json(), "period");
        assert_string_equal(json_text(period, "name"), right[i].period);
        assert_string_equal(json_text(period, "former"), right[i].former);
    }
    assert_int_equal(terrace_run("-d", C, "report", "evening", NULL), 2);
    assert_int_not_equal(
        terrace_run("-d", C, "report", "county", "--html", terrace_path("no/where"), NULL), 0);
    assert_non_null(strstr(terrace_errors(), "no/where"));
    node_put(C, "directive", "now");
    assert_int_equal(
        terrace_run("-d", C, "--json", "report", "county", "--period", "2020-05", NULL), 0);
    assert_int_equal(number(terrace_json(), "directives_count"), 0);
    assert_int_equal(number(report_at(C), "directives_count"), 1);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_then_cut_then_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(figures_and_indicators, setup, teardown),
        cmocka_unit_test_setup_teardown(what_people_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_report, setup, teardown),
    };
    if (argument_count < 2)
        return 2;
    terrace_use(arguments[1]);
    background_use(arguments[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
