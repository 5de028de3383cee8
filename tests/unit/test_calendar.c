/* Working days and deadlines: years that end, leap days, long holidays, days that were moved; and a
 * calendar as a record says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/calendar.h"
#include "schema/type/text_value.h"

static struct error error;

static uint64_t ms(const char *text)
{
    int64_t at = 0;
    assert_true(schema_time_of_text(span_of_text(text), &at));
    return (uint64_t)at;
}

static int64_t day(const char *text)
{
    int64_t at = 0;
    assert_true(schema_date_of_text(span_of_text(text), &at));
    return at;
}

static struct schema *load(const char *text)
{
    error_clear(&error);
    struct schema_source *source = schema_compile(span_of_text(text), "types.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s (%s)", error.what, error.why, error.next);
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load(source->version, rows, source->row_count, &error);
    if (schema == NULL)
        fail_msg("%s: %s", error.what, error.why);
    schema_source_free(source);
    return schema;
}

#define CALENDAR_FIELDS                                                                            \
    "      anno: {number: 9, kind: text}\n"                                                        \
    "      year: {number: 1, kind: integer, required: true}\n"                                     \
    "      offset: {number: 2, kind: integer, required: true, min: -840, max: 840}\n"              \
    "      weekdays: {number: 3, kind: text}\n"                                                    \
    "      holidays: {number: 4, kind: list}\n"                                                    \
    "      workdays: {number: 5, kind: list}\n"

static const char types[] = "version: 1\n"
                            "types:\n"
                            "  calendar:\n"
                            "    number: 20\n"
                            "    circle: subtree\n"
                            "    calendar: true\n"
                            "    fields:\n" CALENDAR_FIELDS;

static void put_list(struct buffer *fields, const char *name, const char *const *items)
{
    uint32_t count = 0;
    while (items[count] != NULL)
        count++;
    if (count == 0)
        return;
    mp_write_text(fields, name);
    mp_write_array(fields, count);
    for (uint32_t i = 0; i < count; i++)
        mp_write_text(fields, items[i]);
}

/* The calendar that a record of these fields is; false: none. */
static bool read_calendar(int64_t year, int64_t offset, const char *weekdays,
                          const char *const *holidays, const char *const *workdays,
                          struct calendar *calendar)
{
    struct schema *schema = load(types);
    const struct record_type *type = schema_type(schema, 20);
    struct buffer fields = {0}, body = {0};
    mp_write_map(&fields, 3u + (holidays[0] != NULL) + (workdays[0] != NULL));
    mp_write_text(&fields, "year");
    mp_write_int(&fields, year);
    mp_write_text(&fields, "offset");
    mp_write_int(&fields, offset);
    mp_write_text(&fields, "weekdays");
    mp_write_text(&fields, weekdays);
    put_list(&fields, "holidays", holidays);
    put_list(&fields, "workdays", workdays);
    assert_int_equal(schema_encode_body(type, span_of_buffer(&fields), true, &body, &error),
                     ERR_OK);
    struct record_state *record = record_new();
    struct operation op = {.dot = {{{1}}, 1, 1}, .clock = 1};
    record_apply(record, &op, type, span_of_buffer(&body));
    bool is_one = calendar_read(record, type, calendar);
    record_free(record);
    buffer_free(&fields);
    buffer_free(&body);
    schema_free(schema);
    return is_one;
}

/* China's National Day of 2026, with the days that are worked for it. */
static struct calendar china_2026(void)
{
    static const char *const holidays[] = {"2026-01-01..2026-01-03",
                                           "2026-10-01..2026-10-07",
                                           "2025-12-30..2026-01-02",
                                           "no date",
                                           "2026-02-30",
                                           NULL};
    static const char *const workdays[] = {"2026-10-10", "2026-09-20", "2027-01-02", NULL};
    struct calendar calendar;
    assert_true(read_calendar(2026, 480, "12345", holidays, workdays, &calendar));
    return calendar;
}

static void a_record_says_a_year(void **state)
{
    (void)state;
    struct calendar china = china_2026();
    assert_int_equal(china.year, 2026);
    assert_int_equal(china.offset_minutes, 480);
    assert_true(calendar_is_worked(&china, 1, day("2026-09-30")));  /* Wednesday */
    assert_false(calendar_is_worked(&china, 1, day("2026-10-01"))); /* Thursday, a holiday */
    assert_false(calendar_is_worked(&china, 1, day("2026-10-07")));
    assert_true(calendar_is_worked(&china, 1, day("2026-10-08")));
    assert_true(calendar_is_worked(&china, 1, day("2026-10-10")));  /* Saturday, worked */
    assert_false(calendar_is_worked(&china, 1, day("2026-10-11"))); /* Sunday */
    assert_true(calendar_is_worked(&china, 1, day("2026-09-20")));  /* Sunday, worked */
    assert_false(calendar_is_worked(&china, 1, day("2026-01-02"))); /* Friday */
    /* other years are none of its: neither in nor out */
    assert_true(calendar_is_worked(&china, 1, day("2025-12-31"))); /* Wednesday */
    assert_false(calendar_is_worked(&china, 1, day("2027-01-02")));
}

static void what_is_no_year_is_no_calendar(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    struct calendar calendar;
    assert_false(read_calendar(0, 0, "12345", none, none, &calendar));
    assert_false(read_calendar(1969, 0, "12345", none, none, &calendar));
    assert_false(read_calendar(10000, 0, "12345", none, none, &calendar));
    assert_true(read_calendar(2024, -300, "123456x90", none, none, &calendar));
    assert_int_equal(calendar.weekdays, 0x3f);
    assert_true(calendar_is_worked(&calendar, 1, day("2024-02-29")));
    assert_true(calendar_is_worked(&calendar, 1, day("2024-12-28"))); /* Saturday */
    assert_false(calendar_is_worked(&calendar, 1, day("2024-12-29")));
}

static void hours_and_days_pass_by_the_clock(void **state)
{
    (void)state;
    struct calendar china = china_2026();
    uint64_t from = ms("2026-09-30T20:15:00Z");
    assert_int_equal(deadline_after(from, 4, WITHIN_HOURS, &china, 1), ms("2026-10-01T00:15:00Z"));
    assert_int_equal(deadline_after(from, 3, WITHIN_DAYS, &china, 1), ms("2026-10-03T20:15:00Z"));
    assert_int_equal(deadline_after(ms("2024-02-28T12:00:00Z"), 1, WITHIN_DAYS, NULL, 0),
                     ms("2024-02-29T12:00:00Z"));
}

static void working_days_end_at_midnight(void **state)
{
    (void)state;
    /* without a calendar: Monday to Friday, UTC; 2024 is a leap year */
    assert_int_equal(deadline_after(ms("2024-02-28T23:59:59Z"), 1, WITHIN_WORKING_DAYS, NULL, 0),
                     ms("2024-03-01T00:00:00Z"));
    assert_int_equal(deadline_after(ms("2024-02-28T23:59:59Z"), 2, WITHIN_WORKING_DAYS, NULL, 0),
                     ms("2024-03-02T00:00:00Z"));
    assert_int_equal(deadline_after(ms("2024-03-01T08:00:00Z"), 1, WITHIN_WORKING_DAYS, NULL, 0),
                     ms("2024-03-05T00:00:00Z"));
    assert_int_equal(deadline_after(ms("2025-12-31T08:00:00Z"), 2, WITHIN_WORKING_DAYS, NULL, 0),
                     ms("2026-01-03T00:00:00Z"));
    assert_int_equal(deadline_after(0, 1, WITHIN_WORKING_DAYS, NULL, 0),
                     ms("1970-01-03T00:00:00Z"));
}

static void a_long_holiday_is_passed_over(void **state)
{
    (void)state;
    struct calendar china = china_2026();
    /* begun on Wednesday, 23:00 in China; the next worked ones are the 8th, 9th, 10th, 12th */
    uint64_t from = ms("2026-09-30T23:00:00+08:00");
    assert_int_equal(deadline_after(from, 1, WITHIN_WORKING_DAYS, &china, 1),
                     ms("2026-10-09T00:00:00+08:00"));
    assert_int_equal(deadline_after(from, 3, WITHIN_WORKING_DAYS, &china, 1),
                     ms("2026-10-11T00:00:00+08:00"));
    assert_int_equal(deadline_after(from, 4, WITHIN_WORKING_DAYS, &china, 1),
                     ms("2026-10-13T00:00:00+08:00"));
    /* an hour and a second later it is October there */
    assert_int_equal(deadline_after(from + 3601000, 1, WITHIN_WORKING_DAYS, &china, 1),
                     ms("2026-10-09T00:00:00+08:00"));
    /* over the year's end, which no calendar says: 2025 ends in usual days, by the offset that is
     * known; the 1st to the 3rd are free, the 4th is a Sunday */
    assert_int_equal(
        deadline_after(ms("2025-12-31T10:00:00+08:00"), 1, WITHIN_WORKING_DAYS, &china, 1),
        ms("2026-01-06T00:00:00+08:00"));
}

static void the_nearest_calendar_of_a_year_counts(void **state)
{
    (void)state;
    struct calendar both[3];
    static const char *const town_days[] = {"2026-10-08", NULL}, *const none[] = {NULL};
    assert_true(read_calendar(2026, 480, "12345", town_days, none, &both[0]));
    both[1] = china_2026();
    calendar_usual(&both[2], 2027);
    both[2].holidays[0] = 1; /* the 1st of January, a Friday */
    uint64_t from = ms("2026-09-30T09:00:00+08:00");
    assert_int_equal(deadline_after(from, 1, WITHIN_WORKING_DAYS, both, 3),
                     ms("2026-10-02T00:00:00+08:00"));
    assert_int_equal(deadline_after(from, 6, WITHIN_WORKING_DAYS, both, 3),
                     ms("2026-10-10T00:00:00+08:00"));
    assert_int_equal(
        deadline_after(ms("2026-12-31T09:00:00+08:00"), 1, WITHIN_WORKING_DAYS, both, 3),
        ms("2027-01-05T00:00:00+08:00"));
}

static void a_year_without_work_ends(void **state)
{
    (void)state;
    struct calendar idle;
    calendar_usual(&idle, 2026);
    idle.weekdays = 0;
    assert_int_equal(deadline_after(ms("2026-01-01T09:00:00Z"), 1, WITHIN_WORKING_DAYS, &idle, 1),
                     ms("2027-01-02T00:00:00Z"));
    assert_true(deadline_after(ms("2026-01-01T09:00:00Z"), WORKFLOW_WITHIN_MAX, WITHIN_WORKING_DAYS,
                               &idle, 1) > ms("2064-01-01T00:00:00Z"));
}

/* Against a walk that knows nothing of years: day by day with its own count of weeks. */
static void every_begin_of_eight_years(void **state)
{
    (void)state;
    const int64_t first = day("2023-12-20"), last = day("2032-01-10");
    for (int64_t at = first; at < last; at++) {
        int64_t end = at;
        for (unsigned worked = 0; worked < 5;)
            worked += (unsigned)((++end + 3) % 7 < 5);
        assert_int_equal(
            deadline_after((uint64_t)at * 86400000 + 5, 5, WITHIN_WORKING_DAYS, NULL, 0),
            (uint64_t)(end + 1) * 86400000);
    }
}

static void expect_fault(const char *text, const char *what)
{
    error_clear(&error);
    struct schema_source *source = schema_compile(span_of_text(text), "types.yaml", &error);
    assert_null(source);
    assert_non_null(strstr(error.why, what));
}

#define HEAD "version: 1\ntypes:\n  calendar:\n    number: 20\n    calendar: true\n"

static void faults_are_told(void **state)
{
    (void)state;
    expect_fault(HEAD "    circle: origin\n    fields:\n" CALENDAR_FIELDS, "circle: subtree");
    expect_fault(HEAD "    circle: subtree\n    fields:\n"
                      "      year: {number: 1, kind: text, required: true}\n"
                      "      offset: {number: 2, kind: integer, required: true}\n",
                 "\"year\" is of kind integer, and required");
    expect_fault(HEAD "    circle: subtree\n    fields:\n"
                      "      year: {number: 1, kind: integer, required: true}\n",
                 "\"offset\" is of kind integer, and required");
    expect_fault(HEAD "    circle: subtree\n    fields:\n"
                      "      year: {number: 1, kind: integer, required: true}\n"
                      "      offset: {number: 2, kind: integer, required: true}\n"
                      "      holidays: {number: 3, kind: text}\n",
                 "\"holidays\" is of kind list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_says_a_year),
        cmocka_unit_test(what_is_no_year_is_no_calendar),
        cmocka_unit_test(hours_and_days_pass_by_the_clock),
        cmocka_unit_test(working_days_end_at_midnight),
        cmocka_unit_test(a_long_holiday_is_passed_over),
        cmocka_unit_test(the_nearest_calendar_of_a_year_counts),
        cmocka_unit_test(a_year_without_work_ends),
        cmocka_unit_test(every_begin_of_eight_years),
        cmocka_unit_test(faults_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
