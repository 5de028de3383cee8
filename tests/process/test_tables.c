/* Trees as people save them: a table that is wrong is refused with its line, in words, and leaves
 * nothing; one that is only unusual becomes a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

#define HEADER "code,name,tier,parent\n"
#define ROOT HEADER "C,c,county,\n"
#define EIGHT "xxxxxxxx"
#define LONG_CODE EIGHT EIGHT EIGHT EIGHT
#define LONG_NAME LONG_CODE LONG_CODE LONG_CODE

static const struct wrong {
    const char *table, *place, *why;
} wrong_tables[] = {
    {"", "wrong.csv:1:1: ", "the table is empty"},
    {HEADER, "", "it has no seat"},
    {"C,c,county,\nV,v,village,C\n", "wrong.csv:1:1: ", "names no column code"},
    {"code;name;tier;parent\nC;c;county;\n", "wrong.csv:1:1: ", "names no column"},
    {"code,name,tier,parent,code\nC,c,county,,\n", "wrong.csv:1:", "comes twice"},
    {ROOT "V,v,village,C\nV,w,village,C\n", "wrong.csv:4: ", "used before, in line 3"},
    {ROOT "V,v,village,X\n", "wrong.csv:3: ", "the parent X of seat V"},
    {ROOT "A,a,township,A\n", "wrong.csv:3: ", "its own parent"},
    {ROOT "A,a,township,B\nB,b,township,A\n", "wrong.csv:", "comes back to it"},
    {ROOT "D,d,county,\n", "wrong.csv:3: ", "neither has the root"},
    {ROOT "T,t,township,C\nV,v,village,T\nT2,t,township,V\n", "wrong.csv:5: ", "is not below"},
    {ROOT LONG_CODE "x,v,village,C\n", "wrong.csv:3: ", "1 to 32 bytes"},
    {ROOT "V\x01,v,village,C\n", "wrong.csv:3: ", "1 to 32 bytes"},
    {ROOT ",v,village,C\n", "wrong.csv:3: ", "1 to 32 bytes"},
    {ROOT "a/b,v,village,C\n", "line 3 of ", "slashes"},
    {ROOT "..,v,village,C\n", "line 3 of ", "another code"},
    {ROOT "drill.json,v,village,C\n", "line 3 of ", "another code"},
    {ROOT "V," LONG_NAME "x,village,C\n", "wrong.csv:3: ", "more than 96 bytes"},
    {ROOT "V,a\x07z,village,C\n", "wrong.csv:3: ", "can't be printed"},
    {ROOT "V,\xff\xfe,village,C\n", "wrong.csv:3:", "not valid UTF-8"},
    {ROOT "V,v,,C\n", "wrong.csv:3: ", "the tier of seat V"},
    {ROOT "V,v,village\n", "wrong.csv:3:", "the row has 3 fields"},
    {ROOT "V,v,village,C,x\n", "wrong.csv:3:", "the row has 5 fields"},
    {ROOT "V,\"v,village,C\n", "wrong.csv:3:", "never ends"},
};

static void a_wrong_table_is_refused_with_its_line(void **state)
{
    (void)state;
    const char *directory = terrace_path("refused");
    for (size_t i = 0; i < sizeof wrong_tables / sizeof *wrong_tables; i++) {
        const struct wrong *wrong = &wrong_tables[i];
        const char *file = terrace_file("wrong.csv", wrong->table);
        int status = terrace_run("drill", "up", "--tree", file, "--dir", directory, NULL);
        if (status != 3 || strstr(terrace_errors(), wrong->place) == NULL ||
            strstr(terrace_errors(), wrong->why) == NULL ||
            strstr(terrace_errors(), "next: ") == NULL)
            fail_msg("table %zu: ended with %d, expected 3, '%s' and '%s': %s", i, status,
                     wrong->place, wrong->why, terrace_errors());
        assert_string_equal(terrace_output(), "");
        assert_int_not_equal(access(directory, F_OK), 0);
    }
}

/* Up, one record from each seat to the root, the name as it was written. */
static void becomes_a_tree(const char *name, const char *table, const char *seat,
                           const char *expected)
{
    const char *directory = drill_up(name, table), *node = drill_node(directory, seat);
    assert_int_equal(terrace_run("-d", node, "--json", "status", NULL), 0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "name")), expected);
    drill_load(directory, "12", NULL);
    drill_holds(directory, 12, 12);
    drill_down(directory);
}

static void an_unusual_table_is_a_tree(void **state)
{
    (void)state;
    becomes_a_tree("crlf", "code,name,tier,parent\r\nC,c,county,\r\nV,村,village,C\r\n", "V", "村");
    becomes_a_tree("mark", "\xef\xbb\xbf" ROOT "V,v,village,C", "C", "c");
    becomes_a_tree("order", "parent,people,tier,name,code\n,9,county,c,C\nC,3,village,二,V\n", "V",
                   "二");
    becomes_a_tree("below", HEADER "V,v,village,C\n\nC,c,county,\n", "V", "v");
}

static void names_are_kept_to_the_byte(void **state)
{
    (void)state;
    becomes_a_tree("quotes", HEADER "C,\"县 \"\"甲\"\", 一\",县,\nV," LONG_NAME ",村,C\n", "C",
                   "县 \"甲\", 一");
    becomes_a_tree("wide", HEADER "C,县,县,\n村一," LONG_NAME ",村,C\n", "村一", LONG_NAME);
    becomes_a_tree("signs", HEADER "C,县,县,\n" LONG_CODE ",🦀 é 🏔,村,C\n", LONG_CODE,
                   "🦀 é 🏔");
}

static void one_parent_of_many(void **state)
{
    enum { CHILDREN = 40 };
    static char table[CHILDREN * 32];
    size_t size = (size_t)snprintf(table, sizeof table, "%s", ROOT);
    (void)state;
    for (unsigned i = 0; i < CHILDREN; i++)
        size += (size_t)snprintf(table + size, sizeof table - size, "V%u,v,village,C\n", i);
    const char *directory = drill_up("many", table);
    drill_load(directory, "400", NULL);
    drill_act(directory, "kill", "C");
    drill_load(directory, "40", "V1,V39");
    drill_act(directory, "start", "C");
    drill_holds(directory, 440, 440);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_table_is_refused_with_its_line),
        cmocka_unit_test_teardown(an_unusual_table_is_a_tree, terrace_drill_end),
        cmocka_unit_test_teardown(names_are_kept_to_the_byte, terrace_drill_end),
        cmocka_unit_test_teardown(one_parent_of_many, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
