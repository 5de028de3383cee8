/* What people see when parts of the tree are apart: both sides read and write, totals say who is
 * missing and since when, and what was written at the same time is shown with its author. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static char county[PATH_MAX], township[PATH_MAX], village[PATH_MAX], other[PATH_MAX];

static const char *up(const char *name)
{
    const char *directory = drill_up(name, tree_of_five);
    snprintf(county, sizeof county, "%s/C", directory);
    snprintf(township, sizeof township, "%s/T1", directory);
    snprintf(village, sizeof village, "%s/V1", directory);
    snprintf(other, sizeof other, "%s/V2", directory);
    return directory;
}

static const json_t *get(const char *node, const char *type, const char *id)
{
    assert_int_equal(terrace_run("-d", node, "--json", "get", type, id, NULL), 0);
    return terrace_json();
}

static const char *field(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(json_object_get(record, "fields"), name));
}

static void what_both_sides_wrote_is_shown_with_its_author(void **state)
{
    (void)state;
    const char *directory = up("both");
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "桥"));
    node_gets(county, "incident", id);
    drill_act(directory, "cut", "V1");
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "title=村里", NULL), 0);
    assert_int_equal(terrace_run("-d", county, "set", "incident", id, "title=县里", NULL), 0);
    assert_string_equal(field(get(village, "incident", id), "title"), "村里");
    assert_string_equal(field(get(county, "incident", id), "title"), "县里");
    assert_int_equal(terrace_run("drill", "check", "--json", "--dir", directory, NULL), 5);
    assert_int_equal(terrace_number("late"), 1);
    assert_int_equal(terrace_number("diverged"), 0);
    drill_act(directory, "heal", "V1");
    drill_holds(directory, 0, 1);
    const json_t *record = get(village, "incident", id);
    assert_string_equal(field(record, "title"), "县里"); /* the higher tier is shown */
    const json_t *conflicts = json_object_get(record, "conflicts");
    assert_int_equal(json_array_size(conflicts), 1);
    const json_t *conflict = json_array_get(conflicts, 0);
    assert_string_equal(json_string_value(json_object_get(conflict, "value")), "村里");
    assert_string_equal(json_string_value(json_object_get(conflict, "seat")), "V1");
    assert_int_equal(terrace_run("-d", county, "get", "incident", id, NULL), 0);
    assert_non_null(strstr(terrace_output(), "村里\n    at V1, "));
    assert_int_equal(terrace_run("-d", county, "set", "incident", id, "title=商定", NULL), 0);
    drill_holds(directory, 0, 1);
    record = get(village, "incident", id);
    assert_string_equal(field(record, "title"), "商定");
    assert_int_equal(json_array_size(json_object_get(record, "conflicts")), 0);
    drill_down(directory);
}

static void a_directive_is_its_authors_alone(void **state)
{
    (void)state;
    const char *directory = up("order");
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(township, "directive", "防汛"));
    node_gets(village, "directive", id);
    assert_int_equal(terrace_run("-d", village, "set", "directive", id, "title=不", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "only its author's seat, T1,"));
    assert_int_equal(terrace_run("-d", village, "delete", "directive", id, NULL), 3);
    assert_int_equal(terrace_run("-d", village, "add", "directive", id, "additions", "不", NULL),
                     3);
    assert_false(node_has(county, "directive", id));
    assert_false(node_has(other, "directive", id));
    assert_int_equal(terrace_run("-d", township, "set", "directive", id, "level=2", NULL), 0);
    drill_holds(directory, 0, 1);
    drill_down(directory);
}

struct receipts {
    const char *id;
    long long expected;
};

static bool is_received(const void *context)
{
    const struct receipts *receipts = context;
    assert_int_equal(
        terrace_run("-d", county, "--json", "rollup", "received", "--by", receipts->id, NULL), 0);
    return terrace_number("value") == receipts->expected;
}

static void must_be_received(const char *id, long long expected)
{
    until(is_received, &(struct receipts){id, expected}, "as many as expected have received it");
}

static void receipts_name_who_is_missing(void **state)
{
    (void)state;
    const char *directory = up("receipts");
    char id[64];
    drill_act(directory, "cut", "T2");
    snprintf(id, sizeof id, "%s", node_put(county, "directive", "防汛"));
    must_be_received(id, 2);
    const json_t *origins = json_object_get(terrace_json(), "origins");
    assert_int_equal(json_integer_value(json_array_get(origins, 1)), 4);
    const json_t *behind = json_object_get(terrace_json(), "behind");
    assert_int_equal(json_array_size(behind), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *seat = json_string_value(json_object_get(json_array_get(behind, i), "seat"));
        assert_true(strcmp(seat, "T2") == 0 || strcmp(seat, "V2") == 0);
    }
    drill_act(directory, "heal", "T2");
    must_be_received(id, 4);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "behind")), 0);
    drill_down(directory);
}

static void a_list_is_asked_by_value(void **state)
{
    (void)state;
    const char *directory = up("where");
    assert_int_equal(terrace_run("-d", village, "put", "incident", "title=一", "level=2",
                                 "cause=flood", "public=true", NULL),
                     0);
    node_put(village, "incident", "二");
    static const char *const found[] = {"level=2", "cause=flood", "public=true", "title=一"};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        assert_int_equal(
            terrace_run("-d", village, "--json", "list", "incident", "--where", found[i], NULL), 0);
        assert_string_equal(field(terrace_json(), "title"), "一");
    }
    static const char *const wrong[] = {"lvel=2", "level=many", "cause=fluud"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(terrace_run("-d", village, "list", "incident", "--where", wrong[i], NULL),
                         3);
        assert_int_equal(strncmp(terrace_errors(), "terrace: ", 9), 0);
    }
    drill_down(directory);
}

static void only_lists_are_added_to(void **state)
{
    (void)state;
    const char *directory = up("lists");
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "桥"));
    assert_int_equal(terrace_run("-d", village, "add", "incident", id, "title", "路", NULL), 3);
    assert_int_equal(terrace_run("-d", village, "add", "incident", id, "level", "2", NULL), 3);
    assert_int_equal(terrace_run("-d", village, "add", "incident", id, "notes", "\xff", NULL), 2);
    assert_int_equal(terrace_run("-d", village, "add", "incident", id, "notes", "一", NULL), 0);
    assert_int_equal(terrace_run("-d", village, "add", "incident", id, "notes", "二", NULL), 0);
    const json_t *record = get(village, "incident", id);
    assert_string_equal(field(record, "title"), "桥");
    const json_t *notes = json_object_get(json_object_get(record, "fields"), "notes");
    assert_int_equal(json_array_size(notes), 2);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_both_sides_wrote_is_shown_with_its_author,
                                  terrace_drill_end),
        cmocka_unit_test_teardown(a_directive_is_its_authors_alone, terrace_drill_end),
        cmocka_unit_test_teardown(receipts_name_who_is_missing, terrace_drill_end),
        cmocka_unit_test_teardown(a_list_is_asked_by_value, terrace_drill_end),
        cmocka_unit_test_teardown(only_lists_are_added_to, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
