/* A child that floods its parent, between processes: its blocks wait there, the others' go on,
 * people are told, and with more room everything comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static void configure(const char *directory, const char *seat, const char *script)
{
    char file[1024];
    snprintf(file, sizeof file, "%s/%s/node.yaml", directory, seat);
    drill_act(directory, "kill", seat);
    tool("sed", "-i", script, file, NULL);
    drill_act(directory, "start", seat);
}

static void load_incidents(const char *directory, const char *records, const char *at)
{
    int status = terrace_run("drill", "load", "--dir", directory, "--records", records, "--at", at,
                             "--type", "incident", NULL);
    if (status != 0)
        fail_msg("load ended with %d: %s", status, terrace_errors());
}

static void a_flooding_child_waits_and_the_others_go_on(void **state)
{
    const char *directory = drill_up("flood", tree_of_five);
    const char *parent = drill_node(directory, "C"), *other = drill_node(directory, "T2");
    (void)state;
    configure(directory, "C",
              "s/map_mib: .*/map_mib: 64/; s/^tuning:/tuning:\\n  child_share_percent: 1\\n  "
              "credit_bytes: 131072/");
    load_incidents(directory, "9000", "T1");
    status_reaches(parent, "refused.flood", 1); /* a hundredth of the room: some 4,000 records */
    const json_t *alarms = json_object_get(terrace_json(), "alarms");
    assert_non_null(strstr(json_string_value(json_array_get(alarms, 0)), "T1 has brought"));
    const char *id = node_put(other, "incident", "of a child that doesn't flood");
    node_gets(parent, "incident", id);
    assert_int_equal(status_number(parent, "refused.flood"), 1);
    assert_int_not_equal(
        terrace_run("drill", "check", "--json", "--dir", directory, "--wait", "1", NULL), 0);
    configure(directory, "C", "s/child_share_percent: .*/child_share_percent: 100/");
    drill_holds(directory, 9000, 9001);
    drill_down(directory);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_flooding_child_waits_and_the_others_go_on, terrace_drill_end),
    };
    if (count < 2)
        return 1;
    terrace_use(words[1]);
    background_use(words[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
