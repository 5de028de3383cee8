/* The command line as scripts use it: exit statuses, JSON on stdout and nothing else there, ids as
 * the first word, errors with what, why and what next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/run_terrace.h"

static char node[4096], above[4096], id[64];

static int make(void **state)
{
    (void)state;
    const char *table = terrace_file("tree.csv", "code,name,tier,parent\nC,县,county,\n"
                                                 "V,村,village,C\n");
    const char *directory = terrace_path("drill");
    terrace_drill_begin(directory);
    snprintf(node, sizeof node, "%s/V", directory);
    snprintf(above, sizeof above, "%s/C", directory);
    return terrace_run("drill", "up", "--tree", table, "--dir", directory, NULL);
}

static void put_one(const char *type, const char *field)
{
    int status = terrace_run("-d", node, "put", type, field, NULL);
    if (status != 0)
        fail_msg("put ended with %d: %s", status, terrace_errors());
    assert_int_equal(sscanf(terrace_output(), "%63s", id), 1);
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
}

static void a_title_is_enough(void **state)
{
    (void)state;
    put_one("mediation", "title=邻里争执");
    put_one("incident", "title=桥面开裂");
    put_one("directive", "title=防汛");
}

static void a_record_through_its_life(void **state)
{
    (void)state;
    put_one("incident", "title=桥面开裂");
    assert_int_equal(terrace_run("-d", node, "set", "incident", id, "level=3", NULL), 0);
    assert_int_equal(terrace_run("-d", node, "add", "incident", id, "notes", "设警示牌", NULL), 0);
    assert_int_equal(terrace_run("-d", node, "--json", "get", "incident", id, NULL), 0);
    const json_t *fields = json_object_get(terrace_json(), "fields");
    assert_string_equal(json_string_value(json_object_get(fields, "title")), "桥面开裂");
    assert_int_equal(json_integer_value(json_object_get(fields, "level")), 3);
    const json_t *notes = json_object_get(fields, "notes");
    assert_string_equal(json_string_value(json_array_get(notes, 0)), "设警示牌");
    assert_int_equal(terrace_run("-d", node, "delete", "incident", id, NULL), 0);
    assert_int_equal(terrace_run("-d", node, "get", "incident", id, "--json", NULL), 0);
    assert_true(json_is_true(json_object_get(terrace_json(), "deleted")));
    assert_int_equal(terrace_run("-d", node, "set", "incident", id, "level=1", NULL), 3);
}

static void the_same_request_is_the_same_record(void **state)
{
    (void)state;
    char first[64];
    assert_int_equal(
        terrace_run("-d", node, "put", "incident", "title=一", "--request", "r1", NULL), 0);
    assert_int_equal(sscanf(terrace_output(), "%63s", first), 1);
    assert_int_equal(
        terrace_run("-d", node, "put", "incident", "title=一", "--request", "r1", NULL), 0);
    assert_int_equal(strncmp(terrace_output(), first, 32), 0);
}

static void lists_are_a_line_a_record(void **state)
{
    (void)state;
    put_one("mediation", "title=甲");
    put_one("mediation", "title=乙");
    assert_int_equal(terrace_run("-d", node, "list", "mediation", "--json", "--where", "title=乙",
                                 "--limit", "1", NULL),
                     0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "id")), id);
    assert_int_equal(terrace_run("-d", node, "list", "mediation", "--json", "--limit", "2", NULL),
                     0);
    const char *second = strchr(terrace_output(), '\n');
    assert_non_null(second);
    assert_int_equal(second[1], '{');
    assert_int_equal(terrace_run("-d", node, "list", "mediation", NULL), 0);
    assert_non_null(strstr(terrace_output(), id));
}

static void must_fail(int status, int expected, const char *word)
{
    if (status != expected || strstr(terrace_errors(), word) == NULL)
        fail_msg("ended with %d, expected %d and '%s': %s", status, expected, word,
                 terrace_errors());
    assert_int_equal(strncmp(terrace_errors(), "terrace: ", 9), 0);
}

/* How many lines the last command wrote. */
static size_t line_count(void)
{
    size_t count = 0;
    for (const char *at = terrace_output(); (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

static void a_list_says_what_found_it(void **state)
{
    (void)state;
    put_one("incident", "title=一");
    put_one("incident", "title=二");
    assert_int_equal(terrace_run("-d", node, "set", "incident", id, "level=4", NULL), 0);
    assert_int_equal(terrace_run("-d", node, "--json", "list", "incident", "--explain", "--where",
                                 "status=reported", "--where", "level>=4", NULL),
                     0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "id")), id);
    assert_int_equal(line_count(), 1);
    assert_non_null(strstr(terrace_errors(), "by the index [status, level]; records read: 1"));
    assert_int_equal(
        terrace_run("-d", node, "list", "incident", "--explain", "--where", "level>2", NULL), 0);
    assert_non_null(strstr(terrace_errors(), "without an index"));
    must_fail(terrace_run("-d", node, "list", "incident", "--where", "calls>2", NULL), 3,
              "calls is a counter");
    must_fail(terrace_run("-d", node, "list", "incident", "--where", "phone>2", NULL), 3,
              "private fields can only be asked for with =");
    must_fail(terrace_run("-d", node, "list", "incident", "--where", "level", NULL), 2,
              "expected NAME=VALUE, or >=");
}

static void totals_and_status_are_one_object(void **state)
{
    (void)state;
    assert_int_equal(
        terrace_run("-d", above, "rollup", "records", "--by", "origin", "--json", NULL), 0);
    const json_t *origins = json_object_get(terrace_json(), "origins");
    assert_int_equal(json_integer_value(json_array_get(origins, 1)), 2);
    assert_int_equal(terrace_run("-d", above, "rollup", "records", NULL), 0);
    assert_non_null(strstr(terrace_output(), " of 2 origins, as of "));
    assert_int_equal(terrace_run("-d", node, "rollup", NULL), 0);
    assert_non_null(strstr(terrace_output(), "incident_all"));
    assert_non_null(strstr(terrace_output(), "事件总数"));
    assert_int_equal(terrace_run("-d", node, "rollup", "mediation_all", "--by", "cause,seat",
                                 "--each", "month", "--since", "2026-01-01", "--verify", "--json",
                                 NULL),
                     0);
    const json_t *declared = terrace_json();
    assert_string_equal(json_string_value(json_object_get(declared, "what")), "count");
    assert_true(json_is_true(json_object_get(declared, "complete")));
    assert_true(json_array_size(json_object_get(declared, "groups")) > 0);
    assert_int_equal(json_array_size(json_object_get(declared, "periods")), 1);
    must_fail(terrace_run("-d", node, "rollup", "mediation_all", "--by", "title", NULL), 2,
              "--by is up to 4 of: origin, tier, parent, cause, status");
    must_fail(terrace_run("-d", node, "rollup", "mediation_all", "--each", "day", NULL), 2,
              "it is kept by month");
    assert_int_equal(terrace_run("-d", node, "--json", "status", NULL), 0);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "seat")), "V");
    assert_int_equal(terrace_run("-d", node, "status", NULL), 0);
    assert_non_null(strstr(terrace_output(), "above: live"));
}

static void heads_are_what_a_cut_off_is_made_from(void **state)
{
    (void)state;
    put_one("mediation", "title=丙");
    assert_int_equal(terrace_run("-d", node, "--json", "status", "--heads", NULL), 0);
    const json_t *keys = json_object_get(terrace_json(), "keys");
    assert_int_equal(json_array_size(keys), 1);
    const json_t *line = json_array_get(json_object_get(json_array_get(keys, 0), "streams"), 0);
    assert_int_equal(json_array_size(line), 4);
    assert_true(json_integer_value(json_array_get(line, 2)) > 1);
    assert_int_equal(strlen(json_string_value(json_array_get(line, 3))), 64);
    assert_int_equal(terrace_run("-d", above, "status", "--heads", "V", NULL), 0);
    assert_non_null(strstr(terrace_output(), "generation 1, active"));
    assert_int_equal(terrace_run("-d", node, "status", "V", NULL), 2);
    assert_int_equal(terrace_run("-d", node, "status", "--heads", "nowhere", NULL), 3);
}

static void errors_say_what_why_and_what_next(void **state)
{
    (void)state;
    must_fail(terrace_run("-d", node, "put", "incident", "titel=x", NULL), 3, "did you mean");
    assert_string_equal(terrace_output(), "");
    must_fail(terrace_run("-d", node, "put", "nosuch", "title=x", NULL), 3, "nosuch");
    must_fail(terrace_run("-d", node, "get", "incident", "00000000000000000000000000000000", NULL),
              3, "terrace: ");
    must_fail(terrace_run("-d", terrace_path("nowhere"), "status", NULL), 4, "next: ");
    must_fail(terrace_run("-d", node, "put", "incident", NULL), 2, "next: ");
    must_fail(terrace_run("-d", node, "put", "incident", "title", NULL), 2, "NAME=VALUE");
    must_fail(terrace_run("nosuch", NULL), 2, "there is no such command");
    must_fail(terrace_run("drill", "nosuch", NULL), 2, "no such subcommand");
    must_fail(terrace_run("list", "incident", "--limit", "many", NULL), 2, "expected a number");
    must_fail(terrace_run("status", "--nosuch", NULL), 2, "no such option");
}

static void errors_are_json_and_chinese_where_asked(void **state)
{
    (void)state;
    assert_int_equal(terrace_run("-d", node, "--json", "put", "nosuch", "title=x", NULL), 3);
    assert_string_equal(json_string_value(json_object_get(terrace_json(), "error")),
                        "unknown_type");
    setenv("TERRACE_LANG", "zh", 1);
    assert_int_equal(terrace_run("-d", node, "put", "nosuch", "title=x", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "没有这个类型"));
    unsetenv("TERRACE_LANG");
}

static void everything_has_help(void **state)
{
    static const char *const commands[] = {
        "init",   "run",    "put",    "set",     "add",     "delete", "get",       "list",
        "import", "export", "rollup", "status",  "history", "watch",  "conflicts", "quarantine",
        "doctor", "drill",  "key",    "resolve", "release", "do"};
    static const char *const drills[] = {"up",    "load",   "cut",  "heal",  "kill", "start",
                                         "check", "status", "down", "plant", "demo"};
    (void)state;
    assert_int_equal(terrace_run("--help", NULL), 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_equal(terrace_run("--help", NULL), 0);
        assert_non_null(strstr(terrace_output(), commands[i]));
        assert_int_equal(terrace_run(commands[i], "--help", NULL), 0);
        assert_int_equal(strncmp(terrace_output(), "usage: terrace ", 15), 0);
    }
    for (size_t i = 0; i < sizeof drills / sizeof *drills; i++) {
        assert_int_equal(terrace_run("drill", drills[i], "--help", NULL), 0);
        assert_non_null(strstr(terrace_output(), "--dir"));
    }
}

static void a_new_node_directory(void **state)
{
    (void)state;
    char secret[4200], tree[65];
    snprintf(secret, sizeof secret, "%s/keys/tree.secret", above);
    memset(tree, 'a', 64);
    tree[64] = '\0';
    const char *fresh = terrace_path("fresh");
    assert_int_equal(
        terrace_run("-d", fresh, "init", "--seat", "V9", "--tree", tree, "--secret", secret, NULL),
        0);
    must_fail(
        terrace_run("-d", fresh, "init", "--seat", "V9", "--tree", tree, "--secret", secret, NULL),
        3, "terrace: ");
    must_fail(terrace_run("-d", fresh, "init", NULL), 2, "--seat is missing");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_title_is_enough),
        cmocka_unit_test(a_record_through_its_life),
        cmocka_unit_test(the_same_request_is_the_same_record),
        cmocka_unit_test(lists_are_a_line_a_record),
        cmocka_unit_test(a_list_says_what_found_it),
        cmocka_unit_test(totals_and_status_are_one_object),
        cmocka_unit_test(heads_are_what_a_cut_off_is_made_from),
        cmocka_unit_test(errors_say_what_why_and_what_next),
        cmocka_unit_test(errors_are_json_and_chinese_where_asked),
        cmocka_unit_test(everything_has_help),
        cmocka_unit_test(a_new_node_directory),
    };
    if (count != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
