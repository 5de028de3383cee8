/* What is honest behind a cut-off, listed and written again, in a drill of five seats. */
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

enum { CHANGED, MADE, DELETED, EXTENDED, RECORDS };
static char ids[RECORDS][64];

static const char *answer_text(const char *key)
{
    return json_string_value(json_object_get(terrace_json(), key));
}

/* `terrace -d NODE WORDS...` must end with 0; what it prints is in terrace_output. */
#define AT(node, ...)                                                                              \
    do {                                                                                           \
        if (terrace_run("-d", node, __VA_ARGS__, NULL) != 0)                                       \
            fail_msg("%s: %s", #__VA_ARGS__, terrace_errors());                                    \
    } while (0)
#define SAYS(text) assert_non_null(strstr(terrace_output(), text))

/* Honest words of V2's last day. */
static void write_late(const char *village)
{
    AT(village, "set", "incident", ids[CHANGED], "title=late words", "calls=3", "notes=one");
    AT(village, "set", "incident", ids[CHANGED], "calls=4", "notes=two");
    snprintf(ids[MADE], sizeof ids[MADE], "%s", node_put(village, "incident", "made late"));
    AT(village, "set", "incident", ids[MADE], "phone=13800000001");
    AT(village, "extend", "incident", ids[MADE], "C", "--private");
    AT(village, "set", "incident", ids[DELETED], "phone=13800000002");
    AT(village, "extend", "incident", ids[DELETED], "C", "--private");
    AT(village, "delete", "incident", ids[DELETED]);
    AT(village, "extend", "incident", ids[EXTENDED], "T1", "--reason", "T1 helps");
}

static bool has_phone(const void *county)
{
    return node_has(county, "incident", ids[MADE]) &&
           terrace_run("-d", county, "get", "incident", ids[MADE], NULL) == 0 &&
           strstr(terrace_output(), "13800000001") != NULL;
}

/* The township's machine is put back to a day before, and signs the cut-off from that: what the
 * village wrote since is honest, lies at the county, and doesn't count there. */
static const char *cut_off_too_early(void)
{
    const char *directory = drill_up("endorse", tree_of_five);
    const char *village = drill_node(directory, "V2"), *county = drill_node(directory, "C");
    for (int i = 0; i < RECORDS; i++)
        if (i != MADE)
            snprintf(ids[i], sizeof ids[i], "%s", node_put(village, "incident", "early"));
    AT(village, "set", "incident", ids[CHANGED], "calls=2");
    for (int i = 0; i < RECORDS; i++)
        if (i != MADE)
            node_gets(county, "incident", ids[i]);
    drill_act(directory, "kill", "T2");
    tool("cp", "-a", drill_node(directory, "T2"), terrace_path("before"), NULL);
    drill_act(directory, "start", "T2");
    write_late(village);
    until(has_phone, county, "the county has what is private");
    node_gets(drill_node(directory, "T1"), "incident", ids[EXTENDED]);
    drill_act(directory, "kill", "V2");
    drill_act(directory, "kill", "C");
    drill_act(directory, "kill", "T2");
    tool("rm", "-r", drill_node(directory, "T2"), NULL);
    tool("mv", terrace_path("before"), drill_node(directory, "T2"), NULL);
    drill_act(directory, "start", "T2");
    assert_int_equal(terrace_run("drill", "revoke", "V2", "--dir", directory, NULL), 0);
    drill_act(directory, "start", "C");
    status_reaches(county, "quarantine", 9);
    return directory;
}

static void what_is_cut_off_is_listed(const char *county)
{
    size_t index = 0, endorsed = 0, extends = 0;
    AT(county, "--json", "release"); /* what is behind a cut-off stays there */
    assert_int_equal(terrace_number("released"), 0);
    assert_int_equal(terrace_number("left"), 9);
    AT(county, "quarantine", "--revoked", "V2");
    SAYS("title=late words");
    SAYS("title=made late");
    SAYS("_deleted=true");
    SAYS("lets in T1");
    SAYS("9 behind a cut-off, 0 of them endorsed");
    AT(county, "quarantine", "--revoked", "V1");
    SAYS("0 behind a cut-off");
    AT(county, "--json", "quarantine", "--revoked", "V2");
    char *rest = NULL, *lines = strdup(terrace_output());
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), index++) {
        json_t *item = json_loads(line, 0, NULL);
        assert_non_null(item);
        assert_string_equal(json_string_value(json_object_get(item, "seat")), "V2");
        assert_int_equal(strlen(json_string_value(json_object_get(item, "digest"))), 64);
        assert_true(json_is_integer(json_object_get(item, "trusted")));
        endorsed += json_object_size(json_object_get(item, "endorsed")) > 0;
        extends += json_array_size(json_object_get(item, "seats")) == 1;
        json_decref(item);
    }
    free(lines);
    assert_int_equal(index, 9);
    assert_int_equal(endorsed, 0);
    assert_int_equal(extends, 3);
}

/* Twice is once: neither a counter nor a list gets anything twice. */
static void a_change_is_endorsed(const char *county)
{
    AT(county, "get", "incident", ids[CHANGED]);
    assert_null(strstr(terrace_output(), "late words"));
    for (int i = 0; i < 2; i++) {
        AT(county, "--json", "endorse", "incident", ids[CHANGED], "--reason", "seen by 李华");
        assert_int_equal(terrace_number("operations"), 2);
        assert_int_equal(terrace_number("endorsed"), i == 0 ? 2 : 0);
        assert_string_equal(answer_text("id"), ids[CHANGED]);
        AT(county, "--json", "get", "incident", ids[CHANGED]);
        json_t *fields = json_object_get(terrace_json(), "fields");
        assert_int_equal(json_integer_value(json_object_get(fields, "calls")), 9);
        assert_int_equal(json_array_size(json_object_get(fields, "notes")), 2);
        assert_string_equal(json_string_value(json_object_get(fields, "title")), "late words");
    }
    AT(county, "endorse", "incident", ids[CHANGED]);
    assert_non_null(strstr(terrace_errors(), "2 of 2 were already endorsed by C"));
    assert_non_null(strstr(terrace_errors(), "seen by 李华"));
    AT(county, "history", "incident", ids[CHANGED]);
    SAYS("writes again what 2 entries behind a cut-off said: seen by 李华");
}

static void a_record_is_made_anew(const char *county)
{
    char made[64], instead[64];
    assert_false(node_has(county, "incident", ids[MADE]));
    assert_int_equal(terrace_run("-d", county, "endorse", "incident-private", ids[MADE], NULL), 3);
    assert_non_null(strstr(terrace_errors(), "terrace endorse incident"));
    AT(county, "endorse", "incident", ids[MADE]);
    assert_int_equal(sscanf(terrace_output(), "%63s", made), 1);
    snprintf(instead, sizeof instead, "instead of %.33s", ids[MADE]);
    SAYS(instead);
    AT(county, "get", "incident", made);
    SAYS("made late");
    AT(county, "--json", "endorse", "incident", ids[MADE]);
    assert_string_equal(answer_text("id"), made);
    assert_int_equal(terrace_number("endorsed"), 0);
    assert_int_equal(terrace_run("-d", county, "endorse", "incident", made, NULL), 3);
    assert_non_null(strstr(terrace_errors(), "nothing of this record is behind"));
}

/* They go to their record, under its new id; never to one of their own. */
static void private_fields_are_endorsed(const char *county)
{
    char made[64];
    long long records = status_number(county, "records");
    for (int i = 0; i < 2; i++) {
        AT(county, "endorse", "incident-private", ids[MADE]);
        assert_int_equal(sscanf(terrace_output(), "%63s", made), 1);
        AT(county, "endorse", "incident", ids[MADE]);
        assert_non_null(strstr(terrace_output(), made));
        AT(county, "get", "incident", made);
        SAYS("made late");
        SAYS("13800000001");
    }
    assert_int_equal(status_number(county, "records"), records);
    assert_int_equal(terrace_run("-d", county, "endorse", "incident-private", ids[DELETED], NULL),
                     3);
    assert_non_null(strstr(terrace_errors(), "only V2, where it was made, can give the first"));
    assert_int_equal(status_number(county, "records"), records);
}

static bool is_endorsed(const void *township)
{
    return terrace_run("-d", township, "quarantine", "--revoked", NULL) == 0 &&
           strstr(terrace_output(), "endorsed by C") != NULL;
}

static void honest_words_behind_a_cut_off_are_endorsed(void **state)
{
    (void)state;
    const char *directory = cut_off_too_early();
    char county[256], township[256];
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(township, sizeof township, "%s", drill_node(directory, "T2"));
    what_is_cut_off_is_listed(county);
    a_change_is_endorsed(county);
    a_record_is_made_anew(county);
    private_fields_are_endorsed(county);
    AT(county, "endorse", "incident", ids[DELETED]);
    AT(county, "--json", "get", "incident", ids[DELETED]);
    assert_true(json_is_true(json_object_get(terrace_json(), "deleted")));
    AT(county, "endorse", "incident", ids[EXTENDED], "--reason", "T1 helps");
    AT(county, "--json", "get", "incident", ids[EXTENDED]);
    assert_int_equal(json_array_size(json_object_get(terrace_json(), "circle")), 4);
    AT(county, "quarantine", "--revoked", "V2");
    SAYS("9 behind a cut-off, 6 of them endorsed");
    until(is_endorsed, township, "the township sees who has endorsed what");
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(honest_words_behind_a_cut_off_are_endorsed, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
