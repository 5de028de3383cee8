/* Getting in by files: a request, its answer, documents on a stick; and whatever is refused on the
 * way says what to do. */
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

static const char *county; /* the drill's directory */

static const char *admin_of(const char *seat)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/keys/admin.key", drill_node(county, seat));
    return path;
}

/* A new machine for this seat; its request's line stays in `text`. */
static const char *new_machine(const char *name, const char *seat, char text[static 1024])
{
    const char *directory = terrace_path(name);
    assert_int_equal(terrace_run("-d", directory, "init", "--seat", seat, "--map-mib", "64", NULL),
                     0);
    assert_int_equal(terrace_run("-d", directory, "request", "--text", NULL), 0);
    snprintf(text, 1024, "%s", terrace_output());
    return directory;
}

static void refused(const char *why, const char *next)
{
    if (strstr(terrace_errors(), why) == NULL || strstr(terrace_errors(), next) == NULL)
        fail_msg("expected \"%s\" and \"%s\" in: %s", why, next, terrace_errors());
}

/* Admits at T1 with the key of T1 and this request; the answer lies at `answer`. */
static int admit(const char *seat, const char *request, const char *answer)
{
    return terrace_run("-d", drill_node(county, "T1"), "topology", "admit", seat, "--request",
                       request, "--key", admin_of("T1"), "--answer", answer, NULL);
}

static void a_request_becomes_a_village(void **state)
{
    char text[1024];
    const char *answer = terrace_path("V3.answer");
    (void)state;
    county = drill_up("enrol", tree_of_five);
    const char *directory = new_machine("V3", "V3", text);
    assert_int_equal(terrace_run("-d", directory, "run", NULL), 3);
    refused("hasn't joined a tree yet", "terrace join");
    assert_int_equal(admit("V3", text, answer), 0);
    assert_int_equal(terrace_run("-d", directory, "join", answer, NULL), 0);
    assert_int_equal(terrace_run("-d", directory, "join", answer, NULL), 0); /* once more */
    newcomer_works(county, directory);
    drill_down(county);
}

static void what_does_not_fit_is_refused(void **state)
{
    char text[1024], other[1024], changed[1024];
    const char *answer = terrace_path("V4.answer"), *unused = terrace_path("unused");
    (void)state;
    county = drill_up("refusing", tree_of_five);
    const char *right = new_machine("V4", "V4", text);
    const char *wrong = new_machine("V4-other", "V4", other);
    const char *seat = new_machine("V5", "V5", changed);
    assert_int_equal(admit("V5", text, unused), 3);
    refused("it is of seat V4, not of V5", "terrace request");
    snprintf(changed, sizeof changed, "%s", text);
    changed[40] = changed[40] == '7' ? '8' : '7';
    assert_int_equal(admit("V4", changed, unused), 3);
    refused("a letter of it is missing or wrong", "copy the whole text again");
    assert_int_equal(terrace_run("-d", drill_node(county, "T1"), "topology", "admit", "V4",
                                 "--request", text, "--fingerprint", "0000-1111", "--key",
                                 admin_of("T1"), NULL),
                     3);
    refused("another fingerprint", "don't sign it");
    assert_int_equal(terrace_run("-d", drill_node(county, "T1"), "topology", "admit", "V4",
                                 "--request", text, "--key", admin_of("T2"), NULL),
                     3);
    refused("may not sign for T1", "sign with an admin key of T1");
    assert_int_equal(access(unused, F_OK), -1);
    assert_int_equal(admit("V4", text, answer), 0);
    assert_int_equal(terrace_run("-d", wrong, "join", answer, NULL), 3);
    refused("the request of another machine", "terrace request");
    assert_int_equal(terrace_run("-d", seat, "join", answer, NULL), 3);
    refused("it is for seat V4", "terrace request");
    assert_int_equal(terrace_run("-d", right, "join", answer, "--fingerprint", "zzzz", NULL), 3);
    refused("another fingerprint", "don't use this file");
    assert_int_equal(terrace_run("-d", right, "join", terrace_path("V4/request.yaml"), NULL), 3);
    refused("no answer to a request", "copy it again");
    assert_int_equal(terrace_run("-d", right, "run", NULL), 3); /* nothing of all that was taken */
    assert_int_equal(terrace_run("-d", right, "join", answer, NULL), 0);
    assert_int_equal(admit("V4", other, unused), 3); /* the seat is taken */
    drill_down(county);
}

/* A node that no link reaches is told of a change by a stick; an older stick changes nothing. */
static void documents_come_on_a_stick(void **state)
{
    char text[1024];
    const char *older = terrace_path("older.pack"), *newer = terrace_path("newer.pack");
    (void)state;
    county = drill_up("sticks", tree_of_five);
    drill_act(county, "cut", "T1");
    const char *township = drill_node(county, "T1"), *above = drill_node(county, "C");
    new_machine("V6", "V6", text);
    assert_int_equal(terrace_run("-d", township, "topology", "pack", "T1", "--answer", older, NULL),
                     0);
    assert_int_equal(admit("V6", text, terrace_path("V6.answer")), 0);
    assert_int_equal(terrace_run("-d", township, "topology", "pack", "T1", "--answer", newer, NULL),
                     0);
    assert_int_equal(terrace_run("-d", above, "topology", "show", "V6", NULL), 3);
    assert_int_equal(terrace_run("-d", above, "topology", "take", newer, NULL), 0);
    assert_int_equal(terrace_run("-d", above, "topology", "show", "V6", NULL), 0);
    assert_int_equal(terrace_run("-d", above, "topology", "take", older, NULL), 0);
    assert_non_null(strstr(terrace_output(), "nothing new"));
    assert_int_equal(terrace_run("-d", above, "topology", "show", "V6", NULL), 0);
    drill_down(county);
    const char *stranger = drill_up("strangers", tree_of_five);
    drill_down(stranger);
    assert_int_equal(terrace_run("-d", drill_node(stranger, "C"), "topology", "take", newer, NULL),
                     3);
    refused("of another tree", "terrace join");
}

static int change(const char *at, const char *verb, const char *seat, const char *option,
                  const char *value)
{
    char key[4096], directory[4096];
    snprintf(directory, sizeof directory, "%s", drill_node(county, at));
    snprintf(key, sizeof key, "%s", admin_of(at));
    return terrace_run("-d", directory, "topology", verb, seat, "--key", key, option, value, NULL);
}

/* By both parents, the file of the release carried by hand; and back by the county's word. */
static void a_village_goes_over_and_back(void **state)
{
    const char *released = terrace_path("V1.document");
    (void)state;
    county = drill_up("moving", tree_of_five);
    assert_int_equal(change("T2", "accept", "V1", NULL, NULL), 3); /* nobody let it go */
    assert_int_equal(terrace_run("-d", drill_node(county, "T1"), "topology", "release", "V1",
                                 "--to", "T2", "--key", admin_of("T1"), "--out", released, NULL),
                     0);
    assert_int_equal(change("T2", "accept", "V1", "--from", released), 0);
    status_reaches(drill_node(county, "T2"), "children.live", 2);
    const char *id = node_put(drill_node(county, "V1"), "incident", "on the way");
    node_gets(drill_node(county, "C"), "incident", id);
    assert_int_equal(change("C", "move", "V1", "--to", "T1"), 0);
    assert_int_equal(terrace_run("-d", drill_node(county, "C"), "topology", "move", "V1", "--key",
                                 admin_of("T1"), "--to", "T2", NULL),
                     3);
    refused("may not sign for C", "sign with an admin key of C");
    drill_down(county);
}

/* What is asked before it is signed is told, and nothing has changed. */
static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    county = drill_up("dry", tree_of_five);
    assert_int_equal(change("T1", "revoke", "V1", "--dry-run", NULL), 0);
    assert_non_null(strstr(terrace_output(), "V1: its keys, active -> revoked"));
    status_reaches(drill_node(county, "T1"), "children.live", 1);
    assert_int_equal(change("T1", "revoke", "V1", NULL, NULL), 0);
    status_falls(drill_node(county, "T1"), "children.live", 0);
    assert_int_equal(change("T1", "retire", "V9", NULL, NULL), 3);
    refused("no document here lists such a seat", "topology show");
    drill_down(county);
}

/* Who calls whom, whose totals, how much and how long; and what can't be taken back. */
static void a_plan_is_told_before_anybody_signs(void **state)
{
    (void)state;
    county = drill_up("plans", tree_of_five);
    drill_load(county, "20", "V1");
    drill_holds(county, 20, 20);
    const char *above = drill_node(county, "C");
    assert_int_equal(terrace_run("-d", above, "--json", "topology", "plan", "--move", "V1:T2",
                                 "--rate-kbit", "16", NULL),
                     0);
    const json_t *link = json_array_get(json_object_get(terrace_json(), "links"), 0);
    assert_string_equal(json_string_value(json_object_get(link, "seat")), "V1");
    assert_string_equal(json_string_value(json_object_get(link, "from")), "T1");
    assert_string_equal(json_string_value(json_object_get(link, "to")), "T2");
    assert_true(terrace_number("entries") >= 1); /* what has come up to the county */
    assert_int_equal(terrace_number("bytes"), 70 * terrace_number("entries"));
    const json_t *totals = json_array_get(json_object_get(terrace_json(), "totals"), 0);
    assert_int_equal(json_integer_value(json_object_get(totals, "origins")), 1);
    assert_int_equal(json_integer_value(json_object_get(totals, "records")), 20);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "nodes")), 3);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--merge", "T1:T2", NULL), 0);
    assert_non_null(strstr(terrace_output(), "T1: its keys, active -> retired"));
    assert_non_null(strstr(terrace_output(), "V1: its parent changes, T1 -> T2"));
    assert_non_null(strstr(terrace_output(), "links that change: 1"));
    assert_non_null(strstr(terrace_output(), "1 origins with 20 records count under T2"));
    assert_non_null(strstr(terrace_output(), "can't be undone: T1"));
    assert_non_null(strstr(terrace_output(), "can't be undone: T2"));
    assert_non_null(strstr(terrace_output(), "no rate of the links is declared"));
    assert_int_equal(terrace_run("-d", above, "--json", "topology", "plan", "--move", "V1:T9",
                                 "--new", "T9:C:township", "--rate-kbit", "1", NULL),
                     0);
    link = json_array_get(json_object_get(terrace_json(), "links"), 0);
    assert_string_equal(json_string_value(json_object_get(link, "to")), "T9");
    assert_true(json_real_value(json_object_get(link, "hours")) > 0);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "nodes")), 4); /* and C */
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--merge", "T1:T1", NULL), 2);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--retire", "C", NULL), 3);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--new", "T9:C", NULL), 2);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--new", "T9:C:hamlet", NULL), 3);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", "--move", "V1:V2", NULL), 3);
    assert_int_equal(terrace_run("-d", above, "topology", "plan", NULL), 2);
    assert_int_equal(change("T1", "revoke", "V1", "--out", terrace_path("revoked.document")), 0);
    assert_int_equal(
        terrace_run("-d", drill_node(county, "C"), "--json", "topology", "show", "V1", NULL), 0);
    drill_down(county);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_request_becomes_a_village, terrace_drill_end),
        cmocka_unit_test_teardown(what_does_not_fit_is_refused, terrace_drill_end),
        cmocka_unit_test_teardown(documents_come_on_a_stick, terrace_drill_end),
        cmocka_unit_test_teardown(a_village_goes_over_and_back, terrace_drill_end),
        cmocka_unit_test_teardown(a_dry_run_changes_nothing, terrace_drill_end),
        cmocka_unit_test_teardown(a_plan_is_told_before_anybody_signs, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
