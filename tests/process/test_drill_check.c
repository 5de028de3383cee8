/* `drill check` is itself proven: leaks, losses and differences planted into stopped nodes' stores
 * must be found and named, in each place where they can hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/run_terrace.h"

static const char *directory;

static int make(void **state)
{
    const char *table =
        terrace_file("tree.csv", "code,name,tier,parent\nC,县,county,\nT,乡,township,C\n"
                                 "V1,大明村,village,T\nV2,二村,village,T\n");
    static char path[4096];
    snprintf(path, sizeof path, "%s", terrace_path("drill"));
    directory = path;
    terrace_drill_begin(directory);
    if (terrace_run("drill", "up", "--tree", table, "--dir", directory, NULL) != 0 ||
        terrace_run("drill", "load", "--dir", directory, "--records", "200", NULL) != 0 ||
        terrace_run("drill", "check", "--dir", directory, "--wait", "120", NULL) != 0) {
        print_error("%s %s\n", terrace_output(), terrace_errors());
        terrace_drill_end(state); /* no teardown follows a set-up that failed */
        return -1;
    }
    return 0;
}

/* The next test gets a drill of its own. */
static int end(void **state)
{
    terrace_drill_end(state);
    return terrace_run("drill", "down", "--dir", directory, NULL);
}

struct planted {
    const char *kind, *seat, *part;
    const char *found; /* the finding's kind and place, that must be named */
    const char *where;
    const char *counter; /* of the answer, must be above 0 */
    int stopped;         /* exit status while the node is stopped, and when it runs again */
    int running;
};

static void must_name(const struct planted *planted)
{
    const json_t *findings = json_object_get(terrace_json(), "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        if (strcmp(json_string_value(json_object_get(finding, "kind")), planted->found) == 0 &&
            strcmp(json_string_value(json_object_get(finding, "where")), planted->where) == 0)
            return;
    }
    fail_msg("no %s in %s was named: %s", planted->found, planted->where, terrace_output());
}

static void must_find(const struct planted *planted, int expected, const char *wait)
{
    int status = terrace_run("drill", "check", "--json", "--dir", directory, "--wait", wait, NULL);
    if (status != expected)
        fail_msg("%s of %s at %s: check ended with %d, not %d: %s", planted->kind, planted->part,
                 planted->seat, status, expected, terrace_output());
    assert_true(terrace_number(planted->counter) > 0);
    must_name(planted);
}

static void plant_and_find(const struct planted *planted)
{
    assert_int_equal(terrace_run("drill", "kill", "--dir", directory, planted->seat, NULL), 0);
    int status = terrace_run("drill", "plant", planted->kind, planted->seat, "--dir", directory,
                             "--part", planted->part, NULL);
    if (status != 0)
        fail_msg("plant ended with %d: %s", status, terrace_errors());
    must_find(planted, planted->stopped, "0");
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, planted->seat, NULL), 0);
    must_find(planted, planted->running, planted->running == 1 ? "10" : "0");
}

#define PLANT_TEST(name, ...)                                                                      \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct planted planted = {__VA_ARGS__};                                       \
        (void)state;                                                                               \
        plant_and_find(&planted);                                                                  \
    }

PLANT_TEST(a_leak_in_the_log, "leak", "V1", "log", "leak", "log", "leaked", 1, 1)
PLANT_TEST(a_leak_in_the_state, "leak", "V1", "state", "leak", "state", "leaked", 1, 1)
PLANT_TEST(a_leak_in_the_index, "leak", "V1", "index", "leak", "index", "leaked", 1, 1)
PLANT_TEST(a_leak_upwards, "leak", "C", "all", "leak", "state", "leaked", 1, 1)
PLANT_TEST(a_loss_from_the_log, "loss", "V1", "log", "missing", "log", "missing", 1, 1)
PLANT_TEST(a_loss_from_the_state, "loss", "V1", "state", "missing", "state", "missing", 1, 1)
PLANT_TEST(a_loss_at_a_holder, "loss", "C", "state", "missing", "state", "missing", 5, 1)
PLANT_TEST(a_loss_from_the_index, "loss", "T", "index", "missing", "index", "missing", 5, 1)
PLANT_TEST(a_difference_at_the_only_holder, "difference", "V1", "all", "difference", "state",
           "diverged", 1, 1)

/* While a holder is away, another state may be one that is on its way. */
static void a_difference_between_holders(void **state)
{
    static const struct planted planted = {"difference", "T",        "all", "difference",
                                           "state",      "diverged", 5,     1};
    (void)state;
    assert_int_equal(terrace_run("drill", "kill", "--dir", directory, "T", NULL), 0);
    assert_int_equal(
        terrace_run("drill", "plant", "difference", "T", "--dir", directory, "--part", "all", NULL),
        0);
    assert_int_equal(terrace_run("drill", "check", "--json", "--dir", directory, NULL), 5);
    assert_true(terrace_number("late") > 0);
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "T", NULL), 0);
    must_find(&planted, planted.running, "10");
}

static void a_running_node_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(terrace_run("drill", "plant", "loss", "V1", "--dir", directory, NULL), 1);
    assert_non_null(strstr(terrace_errors(), "this node is running"));
    assert_int_equal(terrace_run("drill", "check", "--dir", directory, "--wait", "60", NULL), 0);
}

/* A drill of its own for each: made anew in a directory of the same name. */
static int remake(void **state)
{
    static unsigned round;
    char name[32];
    snprintf(name, sizeof name, "gone %u", round++);
    if (directory != NULL && rename(directory, terrace_path(name)) != 0)
        return -1;
    return make(state);
}

/* The same of a drill whose tree has changed, which is judged another way. */
static int remake_changed(void **state)
{
    static const char *const acts[][4] = {
        {"admit", "V3", "T", NULL},        {"load", "--records", "60", NULL},
        {"check", "--wait", "120", NULL},  {"revoke", "V3", NULL, NULL},
        {"load", "--records", "60", NULL}, {"check", "--wait", "120", NULL}};
    if (remake(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (terrace_run("drill", acts[i][0], "--dir", directory, acts[i][1], acts[i][2], acts[i][3],
                        NULL) == 0)
            continue;
        print_error("%s: %s %s\n", acts[i][0], terrace_output(), terrace_errors());
        terrace_drill_end(state);
        return -1;
    }
    return 0;
}

int main(int count, char **values)
{
#define PROOF(name) cmocka_unit_test_setup_teardown(name, remake, end)
#define PROOF_CHANGED(name) cmocka_unit_test_setup_teardown(name, remake_changed, end)
    const struct CMUnitTest tests[] = {
        PROOF_CHANGED(a_leak_in_the_log),
        PROOF_CHANGED(a_leak_in_the_state),
        PROOF_CHANGED(a_loss_at_a_holder),
        PROOF_CHANGED(a_loss_from_the_index),
        PROOF(a_leak_in_the_log),
        PROOF(a_leak_in_the_state),
        PROOF(a_leak_in_the_index),
        PROOF(a_leak_upwards),
        PROOF(a_loss_from_the_log),
        PROOF(a_loss_from_the_state),
        PROOF(a_loss_at_a_holder),
        PROOF(a_loss_from_the_index),
        PROOF(a_difference_between_holders),
        PROOF(a_difference_at_the_only_holder),
        PROOF(a_running_node_is_left_alone),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
