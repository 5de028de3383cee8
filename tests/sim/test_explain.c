/* Stories of records and nodes, and settings that make a variant of a scenario. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report/explain.h"
#include "sim/scenario/settings.h"

static const char yaml[] = "begins: 2026-03-02 08:00\n"
                           "lasts: 4 h\n"
                           "rest: 2 h\n"
                           "tree:\n"
                           "  shape: 1+2+4\n"
                           "work:\n"
                           "  - {tier: village, type: incident, records: 40 a day, change: 30 %}\n"
                           "  - {tier: county, type: directive, records: 12 a day}\n"
                           "faults:\n"
                           "  - {fault: cut, seats: [\"1.1\"], at: 30 min, lasts: 3 h}\n";

static struct scenario *scenario_of(const char *text)
{
    struct error error = {0};
    struct scenario *scenario = scenario_read(span_of_text(text), "test", NULL, NULL, &error);
    if (scenario == NULL)
        fail_msg("%s: %s; %s", error.what, error.why, error.next);
    return scenario;
}

static json_t *story_of(const struct explain_request *request)
{
    struct scenario *scenario = scenario_of(yaml);
    struct run_result result;
    struct error error = {0};
    json_t *story = NULL;
    if (explain_run(scenario, request, NULL, &result, &story, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    run_result_clear(&result);
    scenario_free(scenario);
    return story;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void check_order(const json_t *story)
{
    const json_t *lines = json_object_get(story, "lines");
    for (size_t i = 1; i < json_array_size(lines); i++)
        assert_true(json_integer_value(json_object_get(json_array_get(lines, i - 1), "at_ms")) <=
                    json_integer_value(json_object_get(json_array_get(lines, i), "at_ms")));
}

/* A record that met the cut: the member beyond it had it last, and the story says why. */
static void check_waited(const json_t *story, size_t *waited)
{
    const json_t *operations = json_object_get(story, "operations");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const json_t *operation = json_array_get(operations, i);
        json_int_t written = json_integer_value(json_object_get(operation, "written_ms"));
        const json_t *members = json_object_get(operation, "members");
        for (size_t j = 0; j < json_array_size(members); j++) {
            const json_t *member = json_array_get(members, j);
            const json_t *had = json_object_get(member, "had_ms");
            assert_true(json_is_integer(had) && json_integer_value(had) >= written);
            if (strstr(text_at(member, "reason"), "the line of 1.1 to 1 was cut") == NULL)
                continue;
            assert_true(json_integer_value(had) >= 12600000);
            ++*waited;
        }
    }
}

static void test_records(void **state)
{
    size_t waited = 0;
    (void)state;
    for (unsigned number = 0; number < 12; number++) {
        char name[16];
        snprintf(name, sizeof name, "%u", number);
        json_t *story = story_of(&(struct explain_request){.record = name});
        assert_true(json_array_size(json_object_get(story, "lines")) >= 1);
        assert_int_equal(json_integer_value(json_object_get(story, "number")), number);
        check_order(story);
        check_waited(story, &waited);
        json_t *again = story_of(&(struct explain_request){.record = text_at(story, "name")});
        assert_true(json_equal(story, again));
        json_decref(again);
        json_decref(story);
    }
    assert_true(waited > 2);
}

static void test_write_and_node(void **state)
{
    (void)state;
    json_t *story = story_of(&(struct explain_request){.write = "5"});
    json_t *first = json_array_get(json_object_get(story, "operations"), 0);
    assert_true(json_integer_value(json_object_get(first, "write")) <= 5);
    json_decref(story);
    story = story_of(&(struct explain_request){.node = "1.1"});
    bool cut = false, level = false;
    const json_t *lines = json_object_get(story, "lines");
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *text = text_at(json_array_get(lines, i), "text");
        cut |= strcmp(text, "its line to 1 is cut") == 0;
        level |= strstr(text, "is level with its parent after") != NULL;
    }
    assert_true(cut && level);
    check_order(story);
    json_decref(story);
}

static void test_not_found(void **state)
{
    static const struct explain_request requests[] = {
        {.record = "99999"},   {.record = "00000000000000000000000000000000"},
        {.record = "1.9:1#1"}, {.write = "99999"},
        {.write = "0"},        {.write = "w5"},
        {.node = "1.9"},
    };
    struct scenario *scenario = scenario_of(yaml);
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct run_result result;
        struct error error = {0};
        json_t *story = NULL;
        assert_int_not_equal(explain_run(scenario, &requests[i], NULL, &result, &story, &error),
                             ERR_OK);
        assert_true(story == NULL && error.next[0] != '\0');
        run_result_clear(&result);
    }
    scenario_free(scenario);
}

/* ---- settings ---- */

static enum error_code set(const char *setting, struct scenario **scenario, struct error *error)
{
    struct buffer text = {0};
    buffer_append(&text, yaml, sizeof yaml - 1);
    enum error_code code = scenario_set(&text, "test", setting, error);
    *scenario =
        code == ERR_OK ? scenario_read(span_of_buffer(&text), "test", NULL, NULL, error) : NULL;
    buffer_free(&text);
    return code;
}

static void test_settings(void **state)
{
    struct error error = {0};
    struct scenario *scenario;
    (void)state;
    assert_int_equal(set("lasts=6 h", &scenario, &error), ERR_OK);
    assert_int_equal(scenario->lasts_ms, 21600000);
    scenario_free(scenario);
    assert_int_equal(set("faults.0.lasts=10 min", &scenario, &error), ERR_OK);
    assert_int_equal(scenario->faults[0].when.lasts.high, 600000);
    scenario_free(scenario);
    assert_int_equal(set("link.rate=16 kbit/s", &scenario, &error), ERR_OK);
    assert_int_equal(scenario->link.rate_bytes_s, 2000);
    scenario_free(scenario);
    assert_int_equal(set("expect=[{equal: 1 h}, {age: 1 day}]", &scenario, &error), ERR_OK);
    assert_int_equal(scenario->expectation_count, 2);
    scenario_free(scenario);
    assert_int_equal(set("faults=", &scenario, &error), ERR_OK);
    assert_int_equal(scenario->fault_count, 0);
    assert_int_equal(scenario->work_count, 2);
    scenario_free(scenario);
}

static void test_bad_settings(void **state)
{
    static const struct {
        const char *setting, *says;
    } rows[] = {
        {"lasts", "as in"},
        {"=5", "as in"},
        {"faults.3.lasts=1 h", "place"},
        {"faults.x.lasts=1 h", "place"},
        {"tre.shape=1+1", "did you mean 'tree'"},
        {"lasts.x=1", "docs"},
        {"lasts=[", "as in"},
        {"a..b=1", "as in"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        struct scenario *scenario;
        if (set(rows[i].setting, &scenario, &error) != ERR_USAGE ||
            strstr(error.next, rows[i].says) == NULL)
            fail_msg("%s: %s; %s", rows[i].setting, error.why, error.next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),      cmocka_unit_test(test_write_and_node),
        cmocka_unit_test(test_not_found),    cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bad_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
