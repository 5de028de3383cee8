/* The data value set of a report: each seat's own figures, nothing of who is silent, and complete
 * only when everything is. The node's answers are written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/report/report.h"
#include "tests/unit/exchange_shape.h"
#include "tests/unit/tree_usual.h"

static struct gathering gathering;
static struct tree *tree;
static struct error error;

static json_t *json(const char *text)
{
    json_error_t wrong;
    json_t *value = json_loads(text, 0, &wrong);
    if (value == NULL)
        fail_msg("%s: %s", text, wrong.text);
    return value;
}

/* What the node would answer to "NAME RANGE". */
static void answers(const char *question, const char *answer)
{
    json_object_set_new(gathering.asked, question, json(answer));
}

static void begin(const char *period, uint64_t now_ms)
{
    gathering = (struct gathering){.tree = tree, .self = seat_named(tree, "C")};
    assert_int_equal(report_period_parse(period, now_ms, &gathering.period, &error), ERR_OK);
    gathering.asked = json_object();
    gathering.declared = json("{\"cases\": {\"period\": \"month\"}, \"share\": {\"period\": "
                              "\"month\"}, \"most\": {\"period\": \"month\"}, \"open\": "
                              "{\"period\": \"none\"}, \"yearly\": {\"period\": \"year\"}}");
    gathering.report = json("{\"branches\": [{\"seat\": \"T1\"}, {\"seat\": \"T2\"}], \"behind\": "
                            "[], \"indicators\": []}");
    json_object_set_new(gathering.report, "made_ms", json_integer((json_int_t)now_ms));
    answers("cases 2026-10", "{\"name\": \"cases\", \"what\": \"count\", \"scale\": 0, "
                             "\"groups\": [{\"key\": \"V1\", \"value\": 5}], \"behind\": []}");
    answers("most 2026-10", "{\"name\": \"most\", \"what\": \"max\", \"scale\": 2, \"groups\": "
                            "[{\"key\": \"T1\", \"value\": -5}], \"behind\": []}");
    answers("share 2026-10",
            "{\"name\": \"share\", \"what\": \"average\", \"scale\": 3, \"groups\": [{\"key\": "
            "\"V3\", \"value\": 9, \"numerator\": 90, \"denominator\": 4}], \"behind\": []}");
    answers("open ", "{\"name\": \"open\", \"what\": \"count\", \"scale\": 0, \"groups\": [], "
                     "\"behind\": []}");
}

static void drop(void)
{
    json_decref(gathering.asked);
    json_decref(gathering.declared);
    json_decref(gathering.report);
    json_decref(gathering.exchange);
    json_decref(gathering.left_out);
    gathering = (struct gathering){0};
}

static void make(void)
{
    json_decref(gathering.exchange);
    json_decref(gathering.left_out);
    assert_int_equal(gather_exchange(&gathering, "month", &error), ERR_OK);
    check_exchange(gathering.exchange);
}

static const json_t *of(const json_t *rows, const char *element, const char *seat)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(text_at(row, "dataElement"), element) == 0 &&
            strcmp(text_at(row, "orgUnit"), seat) == 0)
            return row;
    }
    return NULL;
}

/* The value in the set; "": there is none. */
static const char *value(const char *element, const char *seat)
{
    const json_t *row = of(json_object_get(gathering.exchange, "dataValues"), element, seat);
    return row == NULL ? "" : text_at(row, "value");
}

static const char *why(const char *element, const char *seat)
{
    const json_t *row = of(gathering.left_out, element, seat);
    return row == NULL ? "" : text_at(row, "why");
}

enum { DAY_S = 24 * 3600 };
/* Noon of the 5th of November 2026, in UTC; the month before has ended everywhere. */
static const uint64_t november_ms = UINT64_C(1793880000) * 1000;

static void each_seat_has_its_own(void **state)
{
    (void)state;
    begin("2026-10", november_ms);
    make();
    assert_string_equal(value("cases", "V1"), "5");
    assert_string_equal(value("cases", "C"), "0"); /* the county's own, not its branch's */
    assert_string_equal(value("cases", "V3"), "0");
    assert_string_equal(value("most", "T1"), "-0.05");
    assert_string_equal(value("most", "T2"), "");
    assert_string_equal(value("share_numerator", "V3"), "9.0");
    assert_string_equal(value("share_denominator", "V3"), "4");
    assert_string_equal(value("share_denominator", "V1"), "0");
    assert_string_equal(value("open", "C"), "");   /* it tells of now alone */
    assert_string_equal(value("yearly", "C"), ""); /* nothing of a month */
    assert_int_equal(json_array_size(gathering.left_out), 0);
    assert_string_equal(text_at(gathering.exchange, "period"), "202610");
    assert_string_equal(text_at(gathering.exchange, "orgUnit"), "C");
    assert_non_null(json_object_get(gathering.exchange, "completeDate"));
    drop();
}

static void add_behind(const char *question, const char *seat, const char *state, uint64_t as_of_ms)
{
    json_array_append_new(
        json_object_get(json_object_get(gathering.asked, question), "behind"),
        json_pack("{s:s,s:s,s:I}", "seat", seat, "state", state, "as_of", (json_int_t)as_of_ms));
}

static void who_is_silent_gives_nothing(void **state)
{
    (void)state;
    begin("2026-10", november_ms);
    add_behind("cases 2026-10", "V1", "silent", november_ms - UINT64_C(10) * DAY_S * 1000);
    add_behind("cases 2026-10", "V2", "unknown", 0);
    add_behind("cases 2026-10", "V3", "final", 0);
    make();
    assert_string_equal(value("cases", "V1"), "");
    assert_string_equal(value("cases", "V2"), "");
    assert_string_equal(value("cases", "V3"), "0");
    assert_non_null(strstr(why("cases", "V1"), "silent, as of 2026-10-26"));
    assert_non_null(strstr(why("cases", "V2"), "as of ever"));
    assert_null(json_object_get(gathering.exchange, "completeDate"));
    drop();
}

/* Silent since, but after the last moment of the month: nothing of it is missing. */
static void who_said_it_all_counts(void **state)
{
    (void)state;
    begin("2026-10", november_ms);
    add_behind("cases 2026-10", "V1", "silent", gathering.period.until_ms);
    make();
    assert_string_equal(value("cases", "V1"), "5");
    assert_non_null(json_object_get(gathering.exchange, "completeDate"));
    json_array_clear(json_object_get(json_object_get(gathering.asked, "cases 2026-10"), "behind"));
    add_behind("cases 2026-10", "V1", "withheld", gathering.period.until_ms);
    make();
    assert_string_equal(value("cases", "V1"), "");
    drop();
}

static void a_period_that_lasts_is_not_complete(void **state)
{
    (void)state;
    begin("2026-10", november_ms - UINT64_C(20) * DAY_S * 1000);
    make();
    assert_string_equal(value("open", "C"), "0");
    assert_null(json_object_get(gathering.exchange, "completeDate"));
    drop();
}

static void indicators_wait_for_everybody(void **state)
{
    (void)state;
    begin("2026-10", november_ms);
    json_object_set_new(
        gathering.report, "indicators",
        json("[{\"serial\": 3, \"formula\": \"cases / 7 * 100\", \"period\": \"2026-10\", "
             "\"value\": 7143, \"branches\": [{\"value\": 7143}, {\"value\": 0}]}, {\"serial\": 4, "
             "\"formula\": \"cases_other\", \"period\": \"2026-Q4\", \"value\": null, \"wrong\": "
             "\"no cases_other\", \"branches\": []}, {\"serial\": 5, \"formula\": \"\", "
             "\"period\": \"2026-10\", \"value\": -5, \"branches\": [{\"value\": 100}, "
             "{\"value\": null}]}]"));
    make();
    assert_string_equal(value("indicator_3", "C"), "71.43");
    assert_string_equal(value("indicator_3", "T2"), "0.00");
    assert_string_equal(why("indicator_4", "C"), "no cases_other");
    assert_string_equal(value("indicator_5", "C"), "-0.05");
    assert_string_equal(value("indicator_5", "T1"), "1.00");
    assert_string_equal(why("indicator_5", "T2"), "there is no figure for it");
    add_behind("cases 2026-10", "V1", "silent", 0);
    json_object_set_new(gathering.report, "behind",
                        json("[{\"seat\": \"T1\", \"state\": \"silent\", \"as_of\": 5}]"));
    make();
    assert_string_equal(value("indicator_3", "C"), "");
    assert_string_equal(value("indicator_3", "T1"), "");
    assert_string_equal(value("indicator_3", "T2"), "0.00"); /* nobody is silent in that branch */
    assert_non_null(strstr(why("indicator_3", "C"), "V1 is not counted"));
    assert_string_equal(value("indicator_5", "C"), "-0.05"); /* entered here */
    assert_non_null(strstr(why("indicator_5", "T1"), "T1 is not counted"));
    drop();
}

static void what_cannot_be_told_is_named(void **state)
{
    (void)state;
    begin("2026-10", november_ms);
    answers("cases 2026-10",
            "{\"name\": \"cases\", \"what\": \"distinct\", \"scale\": 0, \"groups\": [{\"key\": "
            "\"V1\", \"value\": 5, \"more\": true}], \"behind\": []}");
    answers("most 2026-10",
            "{\"name\": \"a_name_of_a_roll_up_that_is_longer_than_fifty_letters\", \"what\": "
            "\"count\", \"scale\": 0, \"groups\": [], \"behind\": []}");
    make();
    assert_string_equal(value("cases", "V1"), "");
    assert_non_null(strstr(why("cases", "V1"), "more than can be counted"));
    assert_non_null(
        strstr(why("a_name_of_a_roll_up_that_is_longer_than_fifty_letters", "C"), "50 characters"));
    drop();
}

static void periods_are_written_as_there(void **state)
{
    static const char *const cases[][2] = {
        {"2026", "2026"}, {"2026-Q4", "2026Q4"}, {"2026-11", "202611"}, {"2026-11-22", "20261122"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(cases[i][0], november_ms);
        json_object_clear(gathering.declared);
        make();
        assert_string_equal(text_at(gathering.exchange, "period"), cases[i][1]);
        drop();
    }
}

static int group_begin(void **state)
{
    documents_make(state);
    tree = tree_usual();
    return 0;
}

static int group_end(void **state)
{
    tree_free(tree);
    return documents_drop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seat_has_its_own),
        cmocka_unit_test(who_is_silent_gives_nothing),
        cmocka_unit_test(who_said_it_all_counts),
        cmocka_unit_test(a_period_that_lasts_is_not_complete),
        cmocka_unit_test(indicators_wait_for_everybody),
        cmocka_unit_test(what_cannot_be_told_is_named),
        cmocka_unit_test(periods_are_written_as_there),
    };
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
