/* history: who wrote, who holds it, and why not yet, hop by hop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *directory, *village, *township, *county;
static char id[64];

static int make(void **state)
{
    (void)state;
    directory = drill_up("history", "code,name,tier,parent\nC,县,county,\nT,镇,township,C\n"
                                    "V,村,village,T\n");
    village = strdup(drill_node(directory, "V"));
    township = strdup(drill_node(directory, "T"));
    county = strdup(drill_node(directory, "C"));
    return 0;
}

/* The state of `seat` for an operation, as `node` tells it; "" when it names no such member. */
static const char *state_of(const char *node, const char *type, size_t operation, const char *seat)
{
    int status = terrace_run("-d", node, "--json", "history", type, id, NULL);
    if (status != 0)
        fail_msg("history ended with %d: %s", status, terrace_errors());
    const json_t *operations = json_object_get(terrace_json(), "operations");
    const json_t *members = json_object_get(json_array_get(operations, operation), "members");
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        if (strcmp(json_string_value(json_object_get(member, "seat")), seat) == 0)
            return json_string_value(json_object_get(member, "state"));
    }
    return "";
}

struct expected_state {
    const char *node, *type;
    size_t operation;
    const char *seat, *state;
};

static bool is_in_state(const void *context)
{
    const struct expected_state *expected = context;
    const char *state =
        state_of(expected->node, expected->type, expected->operation, expected->seat);
    return strcmp(state, expected->state) == 0;
}

static void until_state(const char *node, const char *type, size_t operation, const char *seat,
                        const char *state)
{
    char what[128];
    snprintf(what, sizeof what, "operation %zu is '%s' at %s", operation, state, seat);
    until(is_in_state, &(struct expected_state){node, type, operation, seat, state}, what);
}

static void says(const char *node, const char *type, const char *words)
{
    assert_int_equal(terrace_run("-d", node, "history", type, id, NULL), 0);
    if (strstr(terrace_output(), words) == NULL)
        fail_msg("'%s' is not in: %s", words, terrace_output());
}

static void from_the_village_to_the_county(void **state)
{
    (void)state;
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "桥面开裂"));
    until_state(village, "incident", 0, "T", "held");
    says(village, "incident", "held     T 镇: acknowledged by T");
    assert_string_equal(state_of(village, "incident", 0, "V"), "held");
    assert_string_equal(state_of(village, "incident", 0, "C"), "unknown");
    until_state(township, "incident", 0, "C", "held");
    says(county, "incident", "held     T 镇: passed it on");
    says(county, "incident", "held     C 县: this node");
}

static void what_waits_says_where_and_why(void **state)
{
    (void)state;
    drill_act(directory, "cut", "T");
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "level=2", NULL), 0);
    until_state(village, "incident", 1, "T", "held");
    until_state(township, "incident", 1, "C", "waits");
    says(township, "incident", "waits    C 县: waits at T: its uplink to C is cut for ");
    assert_string_equal(state_of(township, "incident", 0, "C"), "held");
    says(township, "incident", "acknowledged by C before its link went down");
    drill_act(directory, "kill", "T");
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "level=3", NULL), 0);
    until_state(village, "incident", 2, "T", "waits");
    says(village, "incident", "waits at V: its uplink to T is ");
    assert_string_equal(state_of(village, "incident", 0, "T"), "held");
    drill_act(directory, "start", "T");
    drill_act(directory, "heal", "T");
    until_state(township, "incident", 2, "C", "held");
}

static void others_circles(void **state)
{
    (void)state;
    snprintf(id, sizeof id, "%s", node_put(village, "mediation", "邻里"));
    says(village, "mediation", "its circle: its author's seat alone");
    until_state(village, "mediation", 0, "T", "sealed");
    assert_int_equal(terrace_run("-d", village, "extend", "mediation", id, "T", NULL), 0);
    says(village, "mediation", "its circle: its author's seat alone; joined by T");
    until_state(village, "mediation", 1, "T", "held");
    says(township, "mediation", "came with its proof from V");
    snprintf(id, sizeof id, "%s", node_put(county, "directive", "防汛"));
    until_state(county, "directive", 0, "T", "held");
    says(county, "directive", "who else has it: terrace rollup received --by ");
    node_gets(village, "directive", id);
    assert_string_equal(state_of(village, "directive", 0, "T"), "held");
    assert_int_equal(terrace_run("-d", village, "history", "incident", id, NULL), 3);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_village_to_the_county),
        cmocka_unit_test(what_waits_says_where_and_why),
        cmocka_unit_test(others_circles),
    };
    if (count != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
