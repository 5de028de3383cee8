/* The table of indicators: what each comes to in a period, by its formula over this node's roll-ups
 * or as this seat entered it, against its target. Definitions are records of the type `indicator`,
 * what is entered by hand of the type `report` (schema/types/county.yaml); a schema without these
 * has no rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/sql/formula.h"
#include "node/sql/sql_parts.h"
#include "replication/query/query_rollup.h"

enum {
    PERIOD = 0, /* the column that may be asked for */
    OF_PERIOD = 1,
    TOLD = 2, /* the first of those that come from the definition as they are */
    VALUE = 11,
    COLUMNS = 17,
    PERIOD_TEXT_BYTES = 16,
    RANGE_TEXT_BYTES = 24,
    VALUE_SCALE = 2,
    VALUE_UNIT = 100,
};

static const struct fixed_column columns[COLUMNS] = {
    {"period", COLUMN_TEXT},     {"of_period", COLUMN_TEXT},  {"serial", COLUMN_INTEGER},
    {"title", COLUMN_TEXT},      {"english", COLUMN_TEXT},    {"unit", COLUMN_TEXT},
    {"bound", COLUMN_ENUM},      {"target", COLUMN_DECIMAL},  {"duty", COLUMN_ENUM},
    {"department", COLUMN_TEXT}, {"formula", COLUMN_TEXT},    {"value", COLUMN_DECIMAL},
    {"verdict", COLUMN_ENUM},    {"origins", COLUMN_INTEGER}, {"expected", COLUMN_INTEGER},
    {"as_of", COLUMN_TIME},      {"wrong", COLUMN_TEXT},
};

/* ---- periods ---- */

/* Months since year 0, the first and how many: "2026", "2026-Q4", "2026-11". */
struct months {
    unsigned first, count;
};

static bool months_of(struct span text, struct months *months)
{
    char copy[PERIOD_TEXT_BYTES];
    unsigned year = 0, part = 0;
    int end = 0;
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (sscanf(copy, "%4u%n", &year, &end) == 1 && (size_t)end == text.size && end == 4)
        *months = (struct months){year * 12, 12};
    else if (sscanf(copy, "%4u-Q%1u%n", &year, &part, &end) == 2 && (size_t)end == text.size &&
             end == 7 && part >= 1 && part <= 4)
        *months = (struct months){year * 12 + 3 * (part - 1), 3};
    else if (sscanf(copy, "%4u-%2u%n", &year, &part, &end) == 2 && (size_t)end == text.size &&
             end == 7 && part >= 1 && part <= 12)
        *months = (struct months){year * 12 + part - 1, 1};
    else
        return false;
    return true;
}

/* As long as the indicator is reported each; the period itself where that is as long or longer. */
static struct months widened(struct months months, struct span unit)
{
    unsigned count = span_equal(unit, span_of_text("year"))      ? 12
                     : span_equal(unit, span_of_text("quarter")) ? 3
                                                                 : 1;
    if (count > months.count)
        months = (struct months){months.first / count * count, count};
    return months;
}

static void name_months(struct months months, char name[static PERIOD_TEXT_BYTES],
                        char range[static RANGE_TEXT_BYTES])
{
    unsigned year = months.first / 12 % 10000, month = months.first % 12 + 1;
    if (months.count == 12)
        snprintf(name, PERIOD_TEXT_BYTES, "%04u", year);
    else if (months.count == 3)
        snprintf(name, PERIOD_TEXT_BYTES, "%04u-Q%u", year, (month + 2) / 3);
    else
        snprintf(name, PERIOD_TEXT_BYTES, "%04u-%02u", year, month);
    if (months.count == 3)
        snprintf(range, RANGE_TEXT_BYTES, "%04u-%02u..%04u-%02u", year, month, year, month + 2);
    else
        snprintf(range, RANGE_TEXT_BYTES, "%s", name);
}

/* The month that runs, by this machine's calendar. */
static void month_now(uint64_t now_ms, struct buffer *period)
{
    char text[PERIOD_TEXT_BYTES];
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm time;
    localtime_r(&seconds, &time);
    size_t size = strftime(text, sizeof text, "%Y-%m", &time);
    buffer_append(period, text, size);
}

/* ---- figures ---- */

struct figures {
    const struct sql_source *source;
    const char *range;
    bool known; /* a figure came with its completeness: the least of all */
    uint64_t origins, expected, as_of_ms;
};

static uint64_t number_of(struct span map, const char *name)
{
    struct mp_reader reader = map_reader(map_pair(map, name));
    return mp_peek(&reader) == MP_INT ? mp_read_uint(&reader) : 0;
}

static bool flag_of(struct span map, const char *name)
{
    struct mp_reader reader = map_reader(map_pair(map, name));
    return mp_peek(&reader) == MP_BOOL && mp_read_bool(&reader);
}

static bool integer_of(struct span map, const char *name, int64_t *number)
{
    struct mp_reader reader = map_reader(map_pair(map, name));
    bool there = mp_peek(&reader) == MP_INT;
    *number = there ? mp_read_int(&reader) : 0;
    return there && !reader.failed;
}

static struct span text_of(struct span map, const char *name)
{
    struct mp_reader reader = map_reader(map_pair(map, name));
    return mp_peek(&reader) == MP_STR ? mp_read_str(&reader) : SPAN_EMPTY;
}

/* A ratio and an average by their two numbers, so that nothing is rounded before the end. */
static struct fraction value_of(struct span answer)
{
    enum { AVERAGE_PLACES = 2 };
    int64_t over = 0, under = 0;
    uint64_t scale = number_of(answer, "scale");
    bool divided =
        integer_of(answer, "denominator", &under) && integer_of(answer, "numerator", &over);
    if (flag_of(answer, "overflow") || flag_of(answer, "more") ||
        (!divided && !integer_of(answer, "value", &over)))
        return (struct fraction){0, 0};
    bool average = span_equal(text_of(answer, "what"), span_of_text("average"));
    uint64_t places = !divided                            ? scale
                      : average && scale > AVERAGE_PLACES ? scale - AVERAGE_PLACES
                                                          : 0;
    struct fraction value = fraction_of(over, divided ? under : 1);
    for (; places > 0 && places <= DECIMAL_SCALE_MAX; places--)
        value = fraction_divide(value, 10);
    return value;
}

static void take_completeness(struct figures *figures, struct span answer)
{
    struct mp_reader reader = map_reader(map_pair(answer, "origins"));
    bool pair = mp_peek(&reader) == MP_ARRAY && mp_read_array(&reader) == 2;
    uint64_t origins = pair ? mp_read_uint(&reader) : 0,
             expected = pair ? mp_read_uint(&reader) : 0;
    uint64_t as_of_ms = number_of(answer, "as_of");
    if (!pair || reader.failed)
        return;
    if (!figures->known || origins < figures->origins) {
        figures->origins = origins;
        figures->expected = expected;
    }
    if (!figures->known || as_of_ms < figures->as_of_ms)
        figures->as_of_ms = as_of_ms;
    figures->known = true;
}

static bool figure_of(void *context, struct span name, struct fraction *value)
{
    struct figures *figures = context;
    const struct sql_source *source = figures->source;
    struct rollup_question question = {
        .name = name, .period = span_of_text(figures->range), .freshness_ms = source->freshness_ms};
    struct buffer out = {0};
    struct error error;
    enum error_code code =
        query_rollup_of(source->view, source->tree, source->self, &question, &out, &error);
    if (code == ERR_USAGE) { /* it counts by no period: its figures are those of now */
        question.period = SPAN_EMPTY;
        buffer_clear(&out);
        code = query_rollup_of(source->view, source->tree, source->self, &question, &out, &error);
    }
    *value = (struct fraction){0, 0};
    if (code == ERR_OK) {
        *value = value_of(span_of_buffer(&out));
        take_completeness(figures, span_of_buffer(&out));
    }
    buffer_free(&out);
    return code != ERR_NOT_FOUND;
}

/* ---- what is entered ---- */

static const struct record_type *type_with(const struct sql_source *source, const char *name,
                                           const char *const *fields)
{
    const struct schema *schema = tree_schema(source->tree);
    const struct record_type *type =
        schema == NULL ? NULL : schema_type_named(schema, span_of_text(name));
    for (; type != NULL && *fields != NULL; fields++) {
        if (type_field_named(type, span_of_text(*fields)) == NULL)
            return NULL;
    }
    return type;
}

/* In hundredths; false: it is no decimal number, or beyond 63 bits. */
static bool hundredths(struct span text, int64_t *number)
{
    struct decimal decimal;
    if (!decimal_parse(text, &decimal) || !decimal_rescale(&decimal, VALUE_SCALE) ||
        decimal.digits > INT64_MAX || decimal.digits < INT64_MIN)
        return false;
    *number = (int64_t)decimal.digits;
    return true;
}

/* The newest that this seat entered of indicator `serial` within the months. */
static enum error_code entered(struct fixed_cursor *cursor, uint64_t serial, struct months within,
                               struct fraction *value, struct error *error)
{
    static const char *const fields[] = {"serial", "period", "value", NULL};
    const struct sql_source *source = cursor->table->engine->source;
    const struct record_type *type = type_with(source, "report", fields);
    struct scan_range range;
    unsigned newest = 0;
    enum scan_answer answer = SCAN_END;
    if (type == NULL)
        return ERR_OK;
    scan_range_all(&range);
    range.order = SCAN_BY_ID;
    range.origin = span_of_text(source->self);
    struct query_scan *scan = query_scan_new(source->view, source->tree, type, &range);
    while (!engine_must_stop(cursor->table->engine) &&
           (answer = query_scan_next(scan)) != SCAN_END && answer != SCAN_DAMAGED) {
        struct months of;
        int64_t number;
        struct span told = answer == SCAN_RECORD ? query_scan_fields(scan) : SPAN_EMPTY;
        if (told.size == 0 || number_of(told, "serial") != serial ||
            !months_of(text_of(told, "period"), &of) || of.first < within.first ||
            of.first + of.count > within.first + within.count || of.first + of.count < newest ||
            !hundredths(text_of(told, "value"), &number))
            continue;
        *value = fraction_of(number, VALUE_UNIT);
        newest = of.first + of.count;
    }
    query_scan_free(scan);
    return answer == SCAN_DAMAGED ? damaged_store(error, "report") : ERR_OK;
}

/* ---- rows ---- */

static const char *verdict_of(struct span fields, struct fraction value)
{
    int64_t target;
    if (value.under == 0 || !hundredths(text_of(fields, "target"), &target))
        return "none";
    int than = fraction_compare(value, fraction_of(target, VALUE_UNIT));
    struct span bound = text_of(fields, "bound");
    bool met = span_equal(bound, span_of_text("at_least"))  ? than >= 0
               : span_equal(bound, span_of_text("at_most")) ? than <= 0
                                                            : than < 0;
    return met ? "met" : "missed";
}

static void put_value(struct fraction value, struct buffer *out)
{
    char text[DECIMAL_TEXT_BYTES];
    int64_t rounded;
    if (!fraction_round(value, VALUE_SCALE, &rounded)) {
        mp_write_nil(out);
        return;
    }
    decimal_text(&(struct decimal){rounded, VALUE_SCALE}, text);
    mp_write_text(out, text);
}

static void put_completeness(const struct figures *figures, struct buffer *out)
{
    if (figures->known) {
        mp_write_uint(out, figures->origins);
        mp_write_uint(out, figures->expected);
    } else {
        mp_write_nil(out);
        mp_write_nil(out);
    }
    if (figures->known && figures->as_of_ms != 0)
        mp_write_uint(out, figures->as_of_ms);
    else
        mp_write_nil(out);
}

/* The row of one definition, for the months that are asked for. */
static enum error_code put_row(struct fixed_cursor *cursor, struct span fields, struct span asked,
                               struct months months, struct error *error)
{
    char of[PERIOD_TEXT_BYTES], range[RANGE_TEXT_BYTES], formula[FORMULA_BYTES_MAX + 1];
    struct buffer *out = &cursor->rows;
    struct span text = text_of(fields, "formula");
    struct fraction value = {0, 0};
    struct error wrong;
    error_clear(&wrong);
    months = widened(months, text_of(fields, "period"));
    name_months(months, of, range);
    struct figures figures = {.source = cursor->table->engine->source, .range = range};
    if (text.size == 0) {
        enum error_code code = entered(cursor, number_of(fields, "serial"), months, &value, error);
        if (code != ERR_OK)
            return code;
    } else if (text.size <= FORMULA_BYTES_MAX) {
        memcpy(formula, text.data, text.size);
        formula[text.size] = '\0';
        (void)formula_work_out(formula, figure_of, &figures, &value, &wrong);
    }
    mp_write_array(out, COLUMNS);
    mp_write_str(out, asked);
    mp_write_text(out, of);
    for (int i = TOLD; i < VALUE; i++) {
        struct span told = map_pair(fields, columns[i].name);
        if (told.size == 0)
            mp_write_nil(out);
        else
            buffer_append_span(out, told);
    }
    put_value(value, out);
    mp_write_text(out, verdict_of(fields, value));
    put_completeness(&figures, out);
    if (wrong.code == ERR_OK)
        mp_write_nil(out);
    else
        mp_write_text(out, wrong.why);
    return ERR_OK;
}

/* cursor->cursor: the period that is asked for. */
static enum error_code begin(struct fixed_cursor *cursor, struct error *error)
{
    static const char *const fields[] = {"serial", "title", "bound", "target", "formula", NULL};
    const struct sql_source *source = cursor->table->engine->source;
    const struct record_type *type = type_with(source, "indicator", fields);
    struct scan_range range;
    struct months months;
    if (cursor->has_key[PERIOD])
        buffer_append_span(&cursor->cursor, span_of_buffer(&cursor->keys[PERIOD]));
    else
        month_now(source->now_ms, &cursor->cursor);
    if (!months_of(span_of_buffer(&cursor->cursor), &months)) {
        error_set(error, ERR_USAGE, "indicators", "\"%.*s\" is no period",
                  (int)(cursor->cursor.size < 64 ? cursor->cursor.size : 64),
                  (const char *)cursor->cursor.data);
        error_next(error, "write a month, a quarter or a year: '2026-11', '2026-Q4', '2026'");
        return error->code;
    }
    scan_range_all(&range);
    range.order = SCAN_BY_ID;
    if (type != NULL)
        cursor->scan = query_scan_new(source->view, source->tree, type, &range);
    cursor->over = type == NULL;
    return ERR_OK;
}

static enum error_code more(struct fixed_cursor *cursor, struct error *error)
{
    struct months months = {0, 1};
    if (cursor->scan == NULL) {
        enum error_code code = begin(cursor, error);
        if (code != ERR_OK || cursor->over)
            return code;
    }
    struct span asked = span_of_buffer(&cursor->cursor);
    (void)months_of(asked, &months);
    switch (query_scan_next(cursor->scan)) {
    case SCAN_END: cursor->over = true; break;
    case SCAN_NONE: break;
    case SCAN_DAMAGED: return damaged_store(error, "indicator");
    case SCAN_RECORD: return put_row(cursor, query_scan_fields(cursor->scan), asked, months, error);
    }
    return ERR_OK;
}

const struct fixed_table indicators_table = {
    "indicators", columns, COLUMNS, {PERIOD, -1, -1}, more};
