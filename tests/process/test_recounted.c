/* Figures by a field that follows from others (`weighted`), when a new version of the types weighs
 * them another way: it comes by the links, every origin counts its records anew, and the county's
 * figure becomes the new one. Meanwhile an origin that counts by the old weights is said to be
 * behind, and stands in no figure: never a total of both. */
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

static const char types[] = "version: %d\n\ntypes:\n"
                            "  sheet:\n    number: 7\n    class: bulk\n    circle: path\n"
                            "    counted: true\n"
                            "    fields:\n"
                            "      name: {number: 1, kind: text, required: true}\n"
                            "      village: {number: 2, kind: integer}\n"
                            "      county: {number: 3, kind: integer}\n"
                            "      score: {number: 4, kind: integer,\n"
                            "        weighted: {village: %d, county: %d}}\n"
                            "      band: {number: 5, kind: enum, choices: [good, poor],\n"
                            "        band: {of: score, from: {good: 60, poor: 0}}}\n"
                            "    rollups:\n"
                            "      scores: {number: 16, kind: sum, of: score}\n"
                            "      bands: {number: 17, kind: count, by: band}\n";

static const char *types_of(const char *name, int version, int village, int county)
{
    char text[sizeof types + 40];
    snprintf(text, sizeof text, types, version, village, county);
    return terrace_file(name, text);
}

static void put(const char *node, const char *village, const char *county)
{
    assert_int_equal(terrace_run("-d", node, "put", "sheet", "name=x", village, county, NULL), 0);
}

struct want {
    const char *node;
    long long scores, good, reported;
    const char *behind; /* who is, and how; NULL: nobody */
};

static long long value_of(const char *node, const char *rollup, const char *by, const char *key)
{
    size_t index = 0;
    json_t *group = NULL;
    assert_int_equal(terrace_run("-d", node, "--json", "rollup", rollup, "--by", by, NULL), 0);
    json_array_foreach(json_object_get(terrace_json(), "groups"), index, group)
    {
        if (strcmp(json_text(group, "key"), key) == 0)
            return (long long)json_number(group, "value");
    }
    return 0;
}

static bool says(const void *context)
{
    const struct want *want = context;
    long long good = value_of(want->node, "bands", "band", "good");
    assert_int_equal(terrace_run("-d", want->node, "--json", "rollup", "scores", NULL), 0);
    const json_t *answer = terrace_json(), *behind = json_object_get(answer, "behind");
    const json_t *origins = json_object_get(answer, "origins");
    const json_t *first = json_array_get(behind, 0);
    return (long long)json_number(answer, "value") == want->scores && good == want->good &&
           json_integer_value(json_array_get(origins, 0)) == want->reported &&
           json_array_size(behind) == (want->behind != NULL) &&
           (want->behind == NULL || (strcmp(json_text(first, "seat"), want->behind) == 0 &&
                                     strcmp(json_text(first, "state"), "building") == 0));
}

static void publish(const char *directory, const char *file)
{
    char node[512], key[600], draft[512];
    snprintf(node, sizeof node, "%s", drill_node(directory, "C"));
    snprintf(key, sizeof key, "%s/keys/admin.key", node);
    snprintf(draft, sizeof draft, "%s", terrace_path("types.draft"));
    assert_int_equal(terrace_run("-d", node, "schema", "new", file, "--out", draft, NULL), 0);
    assert_int_equal(terrace_run("-d", node, "schema", "sign", draft, "--key", key, NULL), 0);
    assert_int_equal(terrace_run("-d", node, "schema", "publish", draft, NULL), 0);
}

static void other_weights_are_counted_anew(void **state)
{
    char county[512], first[512], second[512];
    (void)state;
    const char *table = terrace_file("recounted.csv", tree_of_five);
    const char *directory = terrace_path("recounted");
    terrace_drill_begin(directory);
    assert_int_equal(terrace_run("drill", "up", "--tree", table, "--dir", directory, "--types",
                                 types_of("first.yaml", 1, 1, 1), NULL),
                     0);
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(first, sizeof first, "%s", drill_node(directory, "V1"));
    snprintf(second, sizeof second, "%s", drill_node(directory, "V2"));
    put(first, "village=80", "county=40");   /* 60; then 50 */
    put(first, "village=100", "county=100"); /* 100; 100 */
    put(second, "village=20", "county=80");  /* 50; 65 */
    until(says, &(struct want){county, 210, 2, 5, NULL}, "all is counted by equal weights");

    drill_act(directory, "cut", "V2");
    publish(directory, types_of("second.yaml", 2, 1, 3));
    until(says, &(struct want){first, 150, 1, 1, NULL}, "the village counts by the new weights");
    until(says, &(struct want){county, 150, 1, 4, "V2"},
          "the county has the new figures, and says whose are not there");
    until(says, &(struct want){second, 50, 0, 1, NULL}, "who hasn't heard counts as before");
    assert_int_equal(terrace_run("-d", first, "rollup", "scores", "--verify", NULL), 0);

    drill_act(directory, "heal", "V2");
    until(says, &(struct want){county, 215, 2, 5, NULL}, "all is counted by the new weights");
    put(second, "village=0", "county=4"); /* 3 */
    until(says, &(struct want){county, 218, 2, 5, NULL}, "and goes on by them");
    assert_int_equal(terrace_run("-d", second, "rollup", "scores", "--verify", NULL), 0);
    drill_down(directory);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(other_weights_are_counted_anew, terrace_drill_end),
    };
    if (argument_count < 2)
        return 2;
    terrace_use(arguments[1]);
    background_use(arguments[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
