/* What a county does in a day, and after a week offline, on real nodes: all its types, each matter
 * through its steps by the seats that take them; and that a check sees what isn't as the load's own
 * bookkeeping says. */
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

static const char county[] = "code,name,tier,parent\n"
                             "C,永顺县,county,\n"
                             "D1,应急管理局,department,C\n"
                             "T1,石堤镇,township,C\n"
                             "T2,芙蓉镇,township,C\n"
                             "V1,大明村,village,T1\n"
                             "V2,团结村,village,T1\n"
                             "V3,兰花村,village,T2\n";

static long long load(const char *directory, const char *profile, const char *records)
{
    int status = terrace_run("--json", "drill", "load", "--dir", directory, "--profile", profile,
                             "--records", records, "--seed", "3", "--patience", "120", NULL);
    if (status != 0)
        fail_msg("load ended with %d: %s", status, terrace_errors());
    assert_true(terrace_number("steps") > terrace_number("acknowledged"));
    return terrace_number("acknowledged");
}

static int check(const char *directory, const char *wait)
{
    return terrace_run("--json", "drill", "check", "--dir", directory, "--wait", wait, NULL);
}

static void holds(const char *directory, long long acknowledged)
{
    int status = check(directory, "120");
    if (status != 0)
        fail_msg("check ended with %d: %s", status, terrace_output());
    assert_int_equal(terrace_number("acknowledged"), acknowledged);
    assert_int_equal(terrace_number("present"), acknowledged);
}

/* By the bookkeeping and by the stores: records of this type in this state, of whichever tier. */
static long long in_state(const char *type, const char *state)
{
    const char *key;
    json_t *pair;
    long long count = 0;
    json_object_foreach(json_object_get(terrace_json(), "states"), key, pair)
    {
        const char *last = strrchr(key, ' ');
        assert_true(json_equal(json_array_get(pair, 0), json_array_get(pair, 1)));
        if (strncmp(key, type, strlen(type)) == 0 && key[strlen(type)] == ' ' &&
            strcmp(last + 1, state) == 0)
            count += json_integer_value(json_array_get(pair, 1));
    }
    return count;
}

/* ---- bookkeeping that was tampered with ---- */

static char *lines_of(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/steps.ndjson", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 4 << 20);
    assert_true(fread(text, 1, (4 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void write_lines(const char *directory, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/steps.ndjson", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

/* A further line for the record of the last line with this word, changed by `change`. */
static void plant(const char *directory, const char *lines, const char *word,
                  void (*change)(json_t *line))
{
    const char *at = NULL;
    for (const char *next = lines; (next = strstr(next, word)) != NULL; next++)
        at = next;
    assert_non_null(at);
    while (at > lines && at[-1] != '\n')
        at--;
    json_t *line = json_loadb(at, (size_t)(strchr(at, '\n') - at), 0, NULL);
    assert_non_null(line);
    change(line);
    char *text = json_dumps(line, JSON_COMPACT);
    char *all = calloc(1, strlen(lines) + strlen(text) + 2);
    sprintf(all, "%s%s\n", lines, text);
    write_lines(directory, all);
    json_decref(line);
    free(text);
    free(all);
}

static void another_state(json_t *line)
{
    json_object_set_new(line, "state", json_string("open"));
}

static void another_field(json_t *line)
{
    json_object_set_new(json_object_get(line, "fields"), "title", json_string("另一个"));
}

static void another_item(json_t *line)
{
    json_array_append_new(json_object_get(json_object_get(line, "fields"), "attempts"),
                          json_string("2026-01-01 未到场"));
}

static void another_member(json_t *line)
{
    json_array_append_new(json_object_get(line, "members"), json_string("D1"));
}

/* The check compares states, fields, lists and circles. */
static void sees_what_was_planted(const char *directory)
{
    static const struct {
        const char *word;
        void (*change)(json_t *line);
    } plants[] = {{"\"settled\"", another_state},
                  {"\"settled\"", another_field},
                  {"\"attempt\"", another_item},
                  {"\"settled\"", another_member}};
    char *lines = lines_of(directory);
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        plant(directory, lines, plants[i].word, plants[i].change);
        if (check(directory, "0") != 1)
            fail_msg("plant %zu isn't seen: %s", i, terrace_output());
    }
    write_lines(directory, lines);
    free(lines);
}

static void a_day_and_a_week_offline(void **state)
{
    (void)state;
    const char *directory = drill_up("profile", county);
    long long count = load(directory, "county-day", "250");
    holds(directory, count);
    assert_true(in_state("mediation", "settled") > 0);
    assert_true(in_state("incident", "closed") > 0);
    assert_true(in_state("request", "rated") > 0);
    assert_true(in_state("matter", "closed") > 0);
    assert_true(in_state("receipt", "") > 0);
    sees_what_was_planted(directory);
    count += load(directory, "week-offline", "150");
    holds(directory, count);
    drill_down(directory);
}

static void what_there_is_not_is_refused(void **state)
{
    (void)state;
    assert_int_equal(terrace_run("drill", "load", "--dir", "nowhere", "--profile", "month", NULL),
                     2);
    assert_non_null(strstr(terrace_errors(), "county-day, week-offline, year"));
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_day_and_a_week_offline, terrace_drill_end),
        cmocka_unit_test(what_there_is_not_is_refused),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
