/* A node's directory put back as it was, high-water file and all, over the same files: nothing
 * tells the node that it has lived longer. Connected, what it had sent comes back first; isolated,
 * it signs places twice, and both branches are kept (threats 72, 73). */
#include <limits.h>
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

static const char *const files[] = {"data/data.mdb", "high_water"};

/* Bytes into the file that is there: its inode stays, and so the instance marker. */
static void copy_into(const char *from, const char *to)
{
    char bytes[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t size; (size = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

/* To one side (`save`), or back. */
static void keep(const char *node, bool save)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char here[PATH_MAX], aside[PATH_MAX + 8];
        snprintf(here, sizeof here, "%s", drill_node(node, files[i]));
        snprintf(aside, sizeof aside, "%s.kept", here);
        copy_into(save ? here : aside, save ? aside : here);
    }
}

static bool alarms_name(const char *node, const char *text)
{
    assert_int_equal(terrace_run("-d", node, "--json", "status", NULL), 0);
    const json_t *alarms = json_object_get(terrace_json(), "alarms");
    for (size_t i = 0; i < json_array_size(alarms); i++) {
        if (strstr(json_string_value(json_array_get(alarms, i)), text) != NULL)
            return true;
    }
    return false;
}

struct alarm {
    const char *node, *text;
};

static bool is_alarmed(const void *context)
{
    const struct alarm *alarm = context;
    return alarms_name(alarm->node, alarm->text);
}

static void alarm_must_come(const char *node, const char *text)
{
    char what[256];
    snprintf(what, sizeof what, "the alarm '%s'", text);
    until(is_alarmed, &(struct alarm){node, text}, what);
}

static void put_back_with_its_high_water_file(void **state)
{
    (void)state;
    const char *directory = drill_up("put back", tree_of_five);
    char village[PATH_MAX], county[PATH_MAX], sent[64], other[64];
    snprintf(village, sizeof village, "%s", drill_node(directory, "V1"));
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    drill_load(directory, "40", "V1");
    drill_holds(directory, 40, 40);
    drill_act(directory, "kill", "V1");
    keep(village, true);
    drill_act(directory, "start", "V1");
    snprintf(sent, sizeof sent, "%s", node_put(village, "incident", "甲"));
    drill_holds(directory, 40, 41);
    drill_act(directory, "kill", "T1"); /* alone */
    drill_act(directory, "kill", "V1");
    keep(village, false);
    drill_act(directory, "start", "V1");
    assert_int_equal(node_epoch(village), 1);
    snprintf(other, sizeof other, "%s", node_put(village, "incident", "乙"));
    assert_string_equal(sent, other); /* one name, two records: nobody could know */
    node_put(village, "incident", "丙");
    drill_act(directory, "start", "T1");
    alarm_must_come(village, "fork: V1:1 signed two blocks");
    alarm_must_come(county, "fork: V1:1 signed two blocks");
    assert_true(node_epoch(village) >= 2);
    node_put(village, "incident", "丁");
    drill_holds(directory, 40, 43);
    assert_int_equal(terrace_run("-d", county, "--json", "get", "incident", sent, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "conflicts")), 1);
    drill_act(directory, "kill", "C"); /* the alarm is kept */
    drill_act(directory, "start", "C");
    alarm_must_come(county, "fork: V1:1 signed two blocks");
    drill_down(directory);
}

static void put_back_and_connected_it_forks_nothing(void **state)
{
    (void)state;
    const char *directory = drill_up("connected", tree_of_five);
    char village[PATH_MAX], county[PATH_MAX];
    snprintf(village, sizeof village, "%s", drill_node(directory, "V1"));
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    drill_load(directory, "20", "V1");
    drill_holds(directory, 20, 20);
    drill_act(directory, "kill", "V1");
    keep(village, true);
    drill_act(directory, "start", "V1");
    for (unsigned i = 0; i < 20; i++) /* what never leaves a village would be lost with its disk */
        node_put(village, "incident", "甲");
    drill_holds(directory, 20, 40);
    drill_act(directory, "kill", "V1");
    keep(village, false);
    drill_act(directory, "start", "V1");
    drill_holds(directory, 20, 40); /* its own blocks have come back */
    assert_int_equal(node_epoch(village), 2);
    node_put(village, "incident", "乙");
    drill_holds(directory, 20, 41);
    assert_false(alarms_name(county, "fork:"));
    drill_down(directory);
}

int main(int count, char **values)
{
#define HARD(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        HARD(put_back_with_its_high_water_file),
        HARD(put_back_and_connected_it_forks_nothing),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
