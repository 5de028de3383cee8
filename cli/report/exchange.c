/* What the report has as a data value set of DHIS2: one file to be imported there, and one that
 * names every value that isn't in it, and why. Formats of periods and of the set: the DHIS2
 * developer's manual, web API, "Date and period format" and "Data values".
 *
 *     roll-ups    of each seat its own figure: DHIS2 adds up along its own tree
 *     indicators  of this seat and of each branch as on the page, once everybody is counted */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/report/report.h"

enum { CODE_BYTES_MAX = 50, VALUE_BYTES = 48, INDICATOR_SCALE = 2, AVERAGE_PLACES = 2 };

struct exchange {
    struct gathering *gathering;
    json_t *values, *missing;
    bool whole; /* nobody whose figures of the period may still change is waited for */
};

/* "202611" of "2026-11", "2026Q4" of "2026-Q4". */
static void period_text(const char *name, char text[static PERIOD_BYTES])
{
    size_t size = 0;
    for (; *name != '\0'; name++) {
        if (*name != '-')
            text[size++] = *name;
    }
    text[size] = '\0';
}

static void number_text(int64_t number, uint64_t scale, char text[static VALUE_BYTES])
{
    uint64_t ten = 1, digits = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    for (uint64_t i = 0; i < scale && i < 18; i++)
        ten *= 10;
    if (scale == 0)
        snprintf(text, VALUE_BYTES, "%lld", (long long)number);
    else
        snprintf(text, VALUE_BYTES, "%s%llu.%0*llu", number < 0 ? "-" : "",
                 (unsigned long long)(digits / ten), (int)scale,
                 (unsigned long long)(digits % ten));
}

static void add_missing(struct exchange *exchange, const char *element, const char *seat,
                        const char *period, const char *why)
{
    char of[PERIOD_BYTES];
    period_text(period, of);
    json_array_append_new(exchange->missing, json_pack("{s:s,s:s,s:s,s:s}", "dataElement", element,
                                                       "period", of, "orgUnit", seat, "why", why));
}

static void add_value(struct exchange *exchange, const char *element, const char *seat,
                      const char *period, const char *value)
{
    char of[PERIOD_BYTES];
    period_text(period, of);
    if (strlen(element) > CODE_BYTES_MAX || strlen(seat) > CODE_BYTES_MAX) {
        add_missing(exchange, element, seat, period, "DHIS2's codes have 50 characters at most");
        return;
    }
    json_array_append_new(exchange->values,
                          json_pack("{s:s,s:s,s:s,s:s}", "dataElement", element, "period", of,
                                    "orgUnit", seat, "value", value));
}

/* ---- who is counted ---- */

/* Why this seat's figures of the period aren't all here; NULL: they are. One that has been silent
 * only since the period ended has said all of it. */
static const json_t *behind_row(const json_t *behind, const char *seat,
                                const struct report_period *period)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(behind, index, row)
    {
        const char *state = json_text(row, "state");
        bool said = strcmp(state, "silent") == 0 && json_number(row, "as_of") >= period->until_ms;
        if (strcmp(json_text(row, "seat"), seat) == 0 && strcmp(state, "final") != 0 && !said)
            return row;
    }
    return NULL;
}

static void behind_text(const json_t *row, char text[static 160])
{
    char since[32] = "ever";
    time_t seconds = (time_t)(json_number(row, "as_of") / 1000);
    struct tm time;
    gmtime_r(&seconds, &time);
    if (seconds > 0)
        strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &time);
    snprintf(text, 160, "%s is not counted up to now: %s, as of %s", json_text(row, "seat"),
             json_text(row, "state"), since);
}

static bool is_below(const struct gathering *gathering, const struct seat *seat)
{
    return seat == gathering->self || gather_branch(gathering, seat->row.seat) >= 0;
}

/* ---- roll-ups: each seat's own ---- */

/* What counts by no period tells of now, what counts by longer ones nothing of this one. */
static bool tells_of(const json_t *declared, const struct report_period *period)
{
    const char *by = json_text(declared, "period");
    size_t length = strlen(period->name);
    if (by[0] == '\0' || strcmp(by, "none") == 0)
        return period->shown_ms + 1 < period->until_ms;
    return strcmp(by, "day") == 0 || (strcmp(by, "month") == 0 && length < 10) || length == 4;
}

static const json_t *group_of(const json_t *answer, const char *seat)
{
    size_t index = 0;
    json_t *group = NULL;
    json_array_foreach(json_object_get(answer, "groups"), index, group)
    {
        if (strcmp(json_text(group, "key"), seat) == 0)
            return group;
    }
    return NULL;
}

static void add_part(struct exchange *exchange, const json_t *answer, const json_t *group,
                     const char *seat, const char *part)
{
    char element[160], value[VALUE_BYTES];
    uint64_t scale = json_number(answer, "scale");
    bool share = strcmp(part, "value") != 0;
    bool average = strcmp(json_text(answer, "what"), "average") == 0;
    if (share && average && strcmp(part, "numerator") == 0)
        scale = scale > AVERAGE_PLACES ? scale - AVERAGE_PLACES : 0;
    else if (share)
        scale = 0;
    snprintf(element, sizeof element, "%s%s%s", json_text(answer, "name"), share ? "_" : "",
             share ? part : "");
    number_text(json_integer_value(json_object_get(group, part)), scale, value);
    add_value(exchange, element, seat, exchange->gathering->period.name, value);
}

/* The seat in whose fold the figures of one stand that has none of its own here; NULL: none. */
static const struct seat *folder_of(const struct gathering *gathering, const struct seat *seat)
{
    const struct seat *at = seat == gathering->self ? NULL : seat->parent;
    while (at != NULL && at != gathering->self && !tree_seat_folds(gathering->tree, at))
        at = at->parent;
    return at == gathering->self ? NULL : at;
}

/* A seat without any figure of it has made none: of what is counted that is 0, of a least or
 * greatest nothing. */
static void add_figure(struct exchange *exchange, const json_t *answer, const char *seat,
                       const json_t *group)
{
    const char *name = json_text(answer, "name"), *what = json_text(answer, "what");
    const char *period = exchange->gathering->period.name;
    bool share = strcmp(what, "ratio") == 0 || strcmp(what, "average") == 0;
    bool extreme = strcmp(what, "min") == 0 || strcmp(what, "max") == 0;
    if (json_flag(group, "overflow") || json_flag(group, "more")) {
        add_missing(exchange, name, seat, period, "it is more than can be counted");
    } else if (share) {
        add_part(exchange, answer, group, seat, "numerator");
        add_part(exchange, answer, group, seat, "denominator");
    } else if (!extreme || json_is_integer(json_object_get(group, "value"))) {
        add_part(exchange, answer, group, seat, "value");
    }
}

/* Of a seat that folds all together: so the element adds up along the tree. */
static void add_seat(struct exchange *exchange, const json_t *answer, const struct seat *seat)
{
    const char *code = seat->row.seat, *period = exchange->gathering->period.name;
    const struct seat *folder = folder_of(exchange->gathering, seat);
    char why[160];
    if (folder != NULL && group_of(answer, code) == NULL) {
        snprintf(why, sizeof why, "its figures stand in those of %s", folder->row.seat);
        add_missing(exchange, json_text(answer, "name"), code, period, why);
        return;
    }
    bool folds =
        seat != exchange->gathering->self && tree_seat_folds(exchange->gathering->tree, seat);
    json_t *figure = folds ? gather_with_fold(answer, code)
                           : json_copy((json_t *)(uintptr_t)group_of(answer, code));
    if (folds && figure == NULL)
        add_missing(exchange, json_text(answer, "name"), code, period,
                    "what differs in one seat may be the same in another");
    else
        add_figure(exchange, answer, code, figure);
    json_decref(figure);
}

static void add_rollup(struct exchange *exchange, const json_t *answer)
{
    const struct gathering *gathering = exchange->gathering;
    const json_t *behind = json_object_get(answer, "behind");
    for (size_t i = 0; i < tree_seat_count(gathering->tree); i++) {
        const struct seat *seat = tree_seat_at(gathering->tree, i);
        const char *code = seat->row.seat;
        bool in_force = seat->row.status == SEAT_ACTIVE;
        if (!is_below(gathering, seat) || (!in_force && group_of(answer, code) == NULL))
            continue;
        const json_t *late = behind_row(behind, code, &gathering->period);
        if (late == NULL) {
            add_seat(exchange, answer, seat);
            continue;
        }
        char why[160];
        behind_text(late, why);
        add_missing(exchange, json_text(answer, "name"), code, gathering->period.name, why);
        exchange->whole = false;
    }
}

static enum error_code add_rollups(struct exchange *exchange, struct error *error)
{
    struct gathering *gathering = exchange->gathering;
    const char *name = NULL;
    json_t *declared = NULL;
    json_object_foreach(gathering->declared, name, declared)
    {
        if (!tells_of(declared, &gathering->period))
            continue;
        const json_t *answer = gather_rollup(gathering, name, &gathering->period, error);
        if (answer == NULL)
            return error->code;
        add_rollup(exchange, answer);
    }
    return ERR_OK;
}

/* ---- indicators ---- */

static bool is_of_name(char letter)
{
    return letter == '_' || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9');
}

static bool names(const char *formula, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = strstr(formula, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == formula || !is_of_name(at[-1])) && !is_of_name(at[size]))
            return true;
    }
    return false;
}

/* The first seat of a branch (-1: of all) that an answer isn't complete from. */
static const json_t *first_behind(const struct gathering *gathering, const json_t *behind,
                                  int branch, const struct report_period *period)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(behind, index, row)
    {
        const char *seat = json_text(row, "seat");
        const json_t *late = behind_row(behind, seat, period);
        if (late != NULL && (branch < 0 || gather_branch(gathering, seat) == branch))
            return late;
    }
    return NULL;
}

/* Who is missing in what an indicator is worked out of, or who may have entered it anew. */
static const json_t *waited_for(struct exchange *exchange, const json_t *indicator,
                                const char *head, int branch, const struct report_period *period)
{
    struct gathering *gathering = exchange->gathering;
    const char *formula = json_text(indicator, "formula"), *name = NULL;
    json_t *declared = NULL;
    if (formula[0] == '\0')
        return branch < 0 ? NULL
                          : behind_row(json_object_get(gathering->report, "behind"), head, period);
    json_object_foreach(gathering->declared, name, declared)
    {
        struct error ignored = {0};
        const json_t *answer =
            names(formula, name) ? gather_rollup(gathering, name, period, &ignored) : NULL;
        const json_t *late =
            first_behind(gathering, json_object_get(answer, "behind"), branch, period);
        if (late != NULL)
            return late;
    }
    return NULL;
}

static void add_indicator(struct exchange *exchange, const json_t *indicator, const json_t *value,
                          const char *seat, int branch)
{
    struct report_period period;
    struct error ignored = {0};
    char element[48], text[VALUE_BYTES], why[160] = "there is no figure for it";
    snprintf(element, sizeof element, "indicator_%llu",
             (unsigned long long)json_number(indicator, "serial"));
    const char *name = json_text(indicator, "period");
    if (report_period_parse(name, json_number(exchange->gathering->report, "made_ms"), &period,
                            &ignored) != ERR_OK)
        return;
    const json_t *late = waited_for(exchange, indicator, seat, branch, &period);
    if (late != NULL) {
        behind_text(late, why);
        exchange->whole = false;
    } else if (json_text(indicator, "wrong")[0] != '\0') {
        snprintf(why, sizeof why, "%.159s", json_text(indicator, "wrong"));
    } else if (json_is_integer(value)) {
        number_text(json_integer_value(value), INDICATOR_SCALE, text);
        add_value(exchange, element, seat, name, text);
        return;
    }
    add_missing(exchange, element, seat, name, why);
}

static void add_indicators(struct exchange *exchange)
{
    const json_t *report = exchange->gathering->report;
    const json_t *branches = json_object_get(report, "branches");
    size_t index = 0, at = 0;
    json_t *indicator = NULL, *branch = NULL;
    json_array_foreach(json_object_get(report, "indicators"), index, indicator)
    {
        add_indicator(exchange, indicator, json_object_get(indicator, "value"),
                      exchange->gathering->self->row.seat, -1);
        json_array_foreach(json_object_get(indicator, "branches"), at, branch)
            add_indicator(exchange, indicator, json_object_get(branch, "value"),
                          json_text(json_array_get(branches, at), "seat"), (int)at);
    }
}

/* ---- the set ---- */

/* The day on which it was complete: DHIS2 takes the whole set as complete by it. */
static void add_complete_date(const struct exchange *exchange, json_t *set)
{
    time_t seconds = (time_t)(json_number(exchange->gathering->report, "made_ms") / 1000);
    struct tm time;
    char day[16];
    if (!exchange->whole ||
        exchange->gathering->period.shown_ms + 1 != exchange->gathering->period.until_ms)
        return;
    localtime_r(&seconds, &time);
    strftime(day, sizeof day, "%Y-%m-%d", &time);
    json_object_set_new(set, "completeDate", json_string(day));
}

enum error_code gather_exchange(struct gathering *gathering, const char *data_set,
                                struct error *error)
{
    char period[PERIOD_BYTES];
    struct exchange exchange = {gathering, json_array(), json_array(), true};
    period_text(gathering->period.name, period);
    add_indicators(&exchange);
    add_rollups(&exchange, error);
    gathering->exchange =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "dataSet", data_set, "period", period, "orgUnit",
                  gathering->self->row.seat, "dataSetIdScheme", "CODE", "dataElementIdScheme",
                  "CODE", "orgUnitIdScheme", "CODE");
    add_complete_date(&exchange, gathering->exchange);
    json_object_set_new(gathering->exchange, "dataValues", exchange.values);
    gathering->left_out = exchange.missing;
    return error->code;
}
