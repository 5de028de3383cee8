/* The roll-ups that the types declare, for the period, the one before it, and by branch. Each is
 * asked for by origin: what a branch has is what its origins have together. */
#include <string.h>

#include "cli/report/report.h"

enum { DAY_MS = 24 * 3600 * 1000, AVERAGE_PLACES = 2 };

static json_t *ask(struct gathering *gathering, const char *name, const char *range,
                   const char *key, const char *value, uint64_t since_ms, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, (uint32_t)((name != NULL) + (range != NULL && range[0] != '\0') +
                                   (key != NULL) + (since_ms != 0)));
    if (name != NULL)
        args_text(&args, "name", name);
    if (range != NULL && range[0] != '\0')
        args_text(&args, "period", range);
    if (key != NULL)
        args_text(&args, key, value);
    if (since_ms != 0) {
        mp_write_text(&args, "since");
        mp_write_uint(&args, since_ms);
    }
    json_t *answer = ask_node(gathering->arguments, "rollup", &args, error);
    buffer_free(&args);
    return answer;
}

/* One that counts by no period has the figures of now, whatever period is asked for. */
static const char *range_of(const json_t *declared, const struct report_period *period)
{
    const char *by = json_text(declared, "period");
    return by[0] == '\0' || strcmp(by, "none") == 0 ? "" : period->range;
}

const json_t *gather_rollup(struct gathering *gathering, const char *name,
                            const struct report_period *period, struct error *error)
{
    const json_t *declared = json_object_get(gathering->declared, name);
    char key[128];
    if (declared == NULL)
        return NULL;
    const char *range = range_of(declared, period);
    snprintf(key, sizeof key, "%.80s %s", name, range);
    json_t *answer = json_object_get(gathering->asked, key);
    if (answer == NULL) {
        answer = ask(gathering, name, range, "by", "origin", 0, error);
        if (answer != NULL)
            json_object_set_new(gathering->asked, key, answer);
    }
    return answer;
}

/* ---- figures as fractions ---- */

static int64_t power_of_ten(uint64_t places)
{
    int64_t power = 1;
    for (uint64_t i = 0; i < places && i < 18; i++)
        power *= 10;
    return power;
}

/* What a figure of an answer is; a sum of two numbers for what is divided last. */
static struct fraction figure_value(const json_t *answer, const json_t *figure)
{
    const json_t *value = json_object_get(figure, "value");
    const json_t *under = json_object_get(figure, "denominator");
    uint64_t scale = json_number(answer, "scale");
    if (json_flag(figure, "overflow") || json_flag(figure, "more"))
        return (struct fraction){0, 0};
    if (json_is_integer(under)) {
        bool average = strcmp(json_text(answer, "what"), "average") == 0;
        struct fraction parts = fraction_of(
            json_integer_value(json_object_get(figure, "numerator")), json_integer_value(under));
        return average && scale > AVERAGE_PLACES
                   ? fraction_divide(parts, power_of_ten(scale - AVERAGE_PLACES))
                   : parts;
    }
    return json_is_integer(value) ? fraction_of(json_integer_value(value), power_of_ten(scale))
                                  : (struct fraction){0, 0};
}

/* Whose figures are put together: a branch's, or a seat's own and those of its fold. */
struct chosen {
    const struct gathering *gathering;
    int branch;
    const char *seat; /* NULL: the branch's */
};

static bool is_chosen(const struct chosen *chosen, const char *key)
{
    if (chosen->seat == NULL)
        return gather_branch(chosen->gathering, key) == chosen->branch;
    return strcmp(key, chosen->seat) == 0 ||
           span_equal(gather_folder(key), span_of_text(chosen->seat));
}

/* Several origins' figures as one. NULL when they can't be put together: values that differ in one
 * origin may be the same in another. */
static json_t *put_together(const struct chosen *chosen, const json_t *answer)
{
    static const char *const added[] = {"value", "numerator", "denominator"};
    static const char *const flags[] = {"overflow", "more"};
    const char *what = json_text(answer, "what");
    bool least = strcmp(what, "min") == 0, most = strcmp(what, "max") == 0, any = false;
    size_t index = 0;
    json_t *group = NULL, *figure = json_object();
    if (strcmp(what, "count") == 0 || strcmp(what, "sum") == 0)
        json_object_set_new(figure, "value", json_integer(0)); /* of origins without any cell */
    json_array_foreach(json_object_get(answer, "groups"), index, group)
    {
        if (!is_chosen(chosen, json_text(group, "key")))
            continue;
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
            if (json_flag(group, flags[i]))
                json_object_set_new(figure, flags[i], json_true());
        }
        for (size_t i = 0; i < 3; i++) {
            const json_t *value = json_object_get(group, added[i]);
            json_int_t one = json_integer_value(value),
                       held = json_integer_value(json_object_get(figure, added[i]));
            if (!json_is_integer(value))
                continue;
            if (!least && !most)
                gather_add(figure, added[i], one);
            else if (!any || (least ? one < held : one > held))
                json_object_set_new(figure, added[i], json_integer(one));
        }
        any = true;
    }
    if (strcmp(what, "distinct") != 0)
        return figure;
    json_decref(figure);
    return NULL;
}

struct fraction gather_value(const struct gathering *gathering, const json_t *answer, int branch)
{
    if (branch < 0)
        return figure_value(answer, answer);
    json_t *figure = put_together(&(struct chosen){gathering, branch, NULL}, answer);
    struct fraction value = figure_value(answer, figure);
    json_decref(figure);
    return value;
}

json_t *gather_with_fold(const json_t *answer, const char *seat)
{
    return put_together(&(struct chosen){NULL, -1, seat}, answer);
}

json_t *gather_number(struct fraction value, uint8_t scale)
{
    int64_t rounded = 0;
    return fraction_round(value, scale, &rounded) ? json_integer(rounded) : json_null();
}

/* ---- the report's rows ---- */

static void add_trend(struct gathering *gathering, const json_t *declared, json_t *row,
                      struct error *error)
{
    char range[PERIOD_RANGE_BYTES];
    const char *each = NULL;
    if (!report_period_trend(&gathering->period, json_text(declared, "period"),
                             (int)json_integer_value(json_object_get(declared, "offset")), range,
                             &each))
        return;
    json_t *answer = ask(gathering, json_text(declared, "name"), range, "each", each, 0, error);
    json_t *trend = json_array(), *part = NULL;
    uint8_t scale = (uint8_t)json_number(row, "scale");
    size_t index = 0;
    json_array_foreach(json_object_get(answer, "periods"), index, part) json_array_append_new(
        trend, json_pack("{s:O,s:o}", "period", json_object_get(part, "period"), "value",
                         gather_number(figure_value(answer, part), scale)));
    json_object_set_new(row, "trend", trend);
    json_object_set_new(row, "trend_range", json_string(range));
    json_object_set_new(row, "each", json_string(each));
    json_decref(answer);
}

static void add_late(struct gathering *gathering, const json_t *declared, json_t *row,
                     struct error *error)
{
    uint64_t made_ms = json_number(gathering->report, "made_ms");
    json_t *answer =
        ask(gathering, json_text(declared, "name"), NULL, NULL, NULL, made_ms - DAY_MS, error);
    json_object_set_new(row, "late", json_integer((json_int_t)json_number(answer, "late_count")));
    json_decref(answer);
}

static json_t *row_of(struct gathering *gathering, const json_t *declared, struct error *error)
{
    const char *name = json_text(declared, "name");
    struct report_period former = {0};
    const json_t *now = gather_rollup(gathering, name, &gathering->period, error);
    if (now == NULL || report_period_parse(gathering->period.former, 0, &former, error) != ERR_OK)
        return NULL;
    const json_t *before = gather_rollup(gathering, name, &former, error);
    uint8_t scale = (uint8_t)json_number(now, "scale");
    json_t *branches = json_array();
    size_t count = json_array_size(json_object_get(gathering->report, "branches"));
    json_t *formers = json_array();
    bool counts_by_time = before != NULL && range_of(declared, &former)[0] != '\0';
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(branches, gather_number(gather_value(gathering, now, (int)i), scale));
        json_array_append_new(
            formers, counts_by_time ? gather_number(gather_value(gathering, before, (int)i), scale)
                                    : json_null());
    }
    json_t *row =
        json_pack("{s:s,s:O,s:O,s:s,s:i,s:o,s:O,s:o}", "name", name, "label",
                  json_object_get(declared, "label"), "what", json_object_get(declared, "what"),
                  "unit", json_text(now, "unit"), "scale", (int)scale, "value",
                  gather_number(gather_value(gathering, now, -1), scale), "origins",
                  json_object_get(now, "origins"), "branches", branches);
    json_object_set_new(row, "former_branches", formers);
    if (counts_by_time)
        json_object_set_new(row, "former",
                            gather_number(gather_value(gathering, before, -1), scale));
    if (strcmp(json_text(now, "complete"), "building") == 0)
        json_object_set_new(row, "building", json_true());
    return row;
}

/* Those of types; what every node counts is told elsewhere on the page. */
static bool is_declared(const json_t *rollup)
{
    return json_text(rollup, "type")[0] != '\0';
}

enum error_code gather_rollups(struct gathering *gathering, struct error *error)
{
    json_t *list = ask(gathering, NULL, NULL, NULL, NULL, 0, error), *rollup = NULL;
    json_t *rows = json_array();
    size_t index = 0;
    json_object_set_new(gathering->report, "rollups", rows);
    json_array_foreach(list, index, rollup)
    {
        if (is_declared(rollup))
            json_object_set(gathering->declared, json_text(rollup, "name"), rollup);
    }
    json_array_foreach(list, index, rollup)
    {
        json_t *row =
            is_declared(rollup) && error->code == ERR_OK ? row_of(gathering, rollup, error) : NULL;
        if (row == NULL)
            continue;
        add_trend(gathering, rollup, row, error);
        add_late(gathering, rollup, row, error);
        json_array_append_new(rows, row);
    }
    json_decref(list);
    return error->code;
}
