/* Indicators: what each came to, by its formula over roll-ups or as its seat entered it, against
 * its target, the period before, and in each branch. Their definitions are records of the type
 * `indicator`, what is entered by hand of the type `report` (schema/types/county.yaml); a schema
 * without these has no indicators. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"
#include "cli/report/report.h"
#include "schema/type/text_value.h"

enum { VALUE_SCALE = 2, INDICATORS_MAX = 200 };

/* One period of an indicator: what its roll-ups are asked for, and what was entered in it. */
struct asked_figures {
    struct gathering *gathering;
    const struct report_period *period;
    int branch; /* -1: this seat's whole subtree */
    struct error *error;
};

static bool figure_of(void *context, struct span name, struct fraction *value)
{
    const struct asked_figures *asked = context;
    char text[SEAT_NAME_BYTES_MAX];
    if (name.size >= sizeof text)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (json_object_get(asked->gathering->declared, text) == NULL)
        return false;
    const json_t *answer = gather_rollup(asked->gathering, text, asked->period, asked->error);
    *value = answer == NULL ? (struct fraction){0, 0}
                            : gather_value(asked->gathering, answer, asked->branch);
    return true;
}

/* The newest that this seat entered within the period. */
static struct fraction entered(const struct gathering *gathering, uint64_t serial, const char *seat,
                               const struct report_period *period)
{
    struct fraction value = {0, 0};
    uint64_t newest = 0;
    size_t index = 0;
    json_t *report = NULL;
    json_array_foreach(gathering->entered, index, report)
    {
        const json_t *fields = json_object_get(report, "fields");
        struct report_period of;
        struct error ignored = {0};
        int64_t number = 0;
        if (json_number(fields, "serial") != serial ||
            strcmp(json_text(report, "origin"), seat) != 0 ||
            report_period_parse(json_text(fields, "period"), 0, &of, &ignored) != ERR_OK ||
            of.from_ms < period->from_ms || of.until_ms > period->until_ms || of.until_ms < newest)
            continue;
        if (schema_decimal_of_text(span_of_text(json_text(fields, "value")), VALUE_SCALE,
                                   &number)) {
            value = fraction_of(number, 100);
            newest = of.until_ms;
        }
    }
    return value;
}

static struct fraction value_in(struct gathering *gathering, const json_t *fields,
                                const struct report_period *period, int branch, json_t *row)
{
    struct error error = {0};
    struct asked_figures asked = {gathering, period, branch, &error};
    struct fraction value = {0, 0};
    const char *formula = json_text(fields, "formula");
    const char *seat =
        branch < 0 ? gathering->self->row.seat
                   : json_text(json_array_get(json_object_get(gathering->report, "branches"),
                                              (size_t)branch),
                               "seat");
    if (formula[0] == '\0')
        return entered(gathering, json_number(fields, "serial"), seat, period);
    if (formula_work_out(formula, figure_of, &asked, &value, &error) != ERR_OK)
        json_object_set_new(row, "wrong", json_string(error.why));
    return value;
}

/* "met", "missed"; "none": no value or no target. */
static const char *verdict_of(const json_t *fields, struct fraction value)
{
    const char *bound = json_text(fields, "bound");
    int64_t target = 0;
    if (value.under == 0 ||
        !schema_decimal_of_text(span_of_text(json_text(fields, "target")), VALUE_SCALE, &target))
        return "none";
    int than = fraction_compare(value, fraction_of(target, 100));
    bool met = strcmp(bound, "at_least") == 0  ? than >= 0
               : strcmp(bound, "at_most") == 0 ? than <= 0
                                               : than < 0;
    return met ? "met" : "missed";
}

/* An indicator that is reported each quarter has the quarter in which the page's month lies. */
static bool period_of(const struct gathering *gathering, const json_t *fields,
                      struct report_period *period, struct report_period *former)
{
    struct error ignored = {0};
    char name[PERIOD_BYTES];
    report_period_widen(&gathering->period, json_text(fields, "period"), name);
    return report_period_parse(name, 0, period, &ignored) == ERR_OK &&
           report_period_parse(period->former, 0, former, &ignored) == ERR_OK;
}

static json_t *branch_row(struct gathering *gathering, const json_t *fields,
                          const struct report_period *period, const struct report_period *former,
                          int branch, json_t *row)
{
    struct fraction value = value_in(gathering, fields, period, branch, row);
    struct fraction before = value_in(gathering, fields, former, branch, row);
    return json_pack("{s:o,s:s,s:o}", "value", gather_number(value, VALUE_SCALE), "verdict",
                     verdict_of(fields, value), "former", gather_number(before, VALUE_SCALE));
}

static json_t *row_of(struct gathering *gathering, const json_t *record)
{
    static const char *const kept[] = {"serial", "title", "english",    "unit",   "bound",
                                       "target", "duty",  "department", "formula"};
    const json_t *fields = json_object_get(record, "fields");
    struct report_period period, former;
    json_t *row = json_object(), *branches = json_array();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_object_set(row, kept[i], json_object_get(fields, kept[i]));
    json_object_set_new(row, "branches", branches);
    if (!period_of(gathering, fields, &period, &former)) {
        json_object_set_new(row, "verdict", json_string("none"));
        return row;
    }
    struct fraction value = value_in(gathering, fields, &period, -1, row);
    json_object_set_new(row, "period", json_string(period.name));
    json_object_set_new(row, "value", gather_number(value, VALUE_SCALE));
    json_object_set_new(row, "verdict", json_string(verdict_of(fields, value)));
    json_object_set_new(row, "former",
                        gather_number(value_in(gathering, fields, &former, -1, row), VALUE_SCALE));
    size_t count = json_array_size(json_object_get(gathering->report, "branches"));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(branches,
                              branch_row(gathering, fields, &period, &former, (int)i, row));
    return row;
}

/* ---- what is held of them ---- */

static bool has_fields(const struct schema *schema, const char *type, const char *const *fields)
{
    const struct record_type *found =
        schema == NULL ? NULL : schema_type_named(schema, span_of_text(type));
    for (; found != NULL && *fields != NULL; fields++) {
        if (type_field_named(found, span_of_text(*fields)) == NULL)
            return false;
    }
    return found != NULL;
}

static bool keep(void *context, const json_t *record)
{
    json_array_append(context, (json_t *)(uintptr_t)record);
    return json_array_size(context) < REPORT_LISTED_MAX;
}

static enum error_code list_all(struct gathering *gathering, const char *type, json_t *into,
                                struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "type", type);
    mp_write_text(&args, "limit");
    mp_write_uint(&args, REPORT_LISTED_MAX);
    enum error_code code = ask_each(gathering->arguments, "list", &args, keep, into, error);
    buffer_free(&args);
    return code;
}

static int by_serial(const void *a, const void *b)
{
    json_t *const *left = a, *const *right = b;
    uint64_t first = json_number(json_object_get(*left, "fields"), "serial");
    uint64_t second = json_number(json_object_get(*right, "fields"), "serial");
    return (first > second) - (first < second);
}

static void add_rows(struct gathering *gathering, const json_t *definitions, json_t *rows)
{
    json_t *sorted[INDICATORS_MAX];
    size_t count = json_array_size(definitions);
    if (count > INDICATORS_MAX)
        count = INDICATORS_MAX;
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(definitions, i);
    qsort(sorted, count, sizeof *sorted, by_serial);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row_of(gathering, sorted[i]));
}

enum error_code gather_indicators(struct gathering *gathering, struct error *error)
{
    static const char *const of_definition[] = {"serial", "title", "bound", "target", NULL};
    static const char *const of_report[] = {"serial", "period", "value", NULL};
    json_t *rows = json_array(), *definitions = json_array();
    json_object_set_new(gathering->report, "indicators", rows);
    gathering->entered = json_array();
    bool told = has_fields(gathering->schema, "indicator", of_definition) &&
                has_fields(gathering->schema, "report", of_report);
    if (told && list_all(gathering, "indicator", definitions, error) == ERR_OK &&
        list_all(gathering, "report", gathering->entered, error) == ERR_OK)
        add_rows(gathering, definitions, rows);
    json_decref(definitions);
    json_decref(gathering->entered);
    gathering->entered = NULL;
    return error->code;
}
