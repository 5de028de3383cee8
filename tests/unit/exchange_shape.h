/* Whether a JSON value is a data value set that DHIS2 takes: keys, types, periods, dates, numbers,
 * and no value twice. Written from its manual alone. cmocka's headers must come first. */
#ifndef TERRACE_TESTS_UNIT_EXCHANGE_SHAPE_H
#define TERRACE_TESTS_UNIT_EXCHANGE_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* `form`: 9 stands for a digit, anything else for itself. */
static inline bool has_form(const char *text, const char *form)
{
    for (; *text != '\0' && *form != '\0'; text++, form++) {
        if (*form == '9' ? *text < '0' || *text > '9' : *text != *form)
            return false;
    }
    return *text == *form;
}

static inline bool is_exchange_period(const char *text)
{
    return has_form(text, "9999") || has_form(text, "999999") || has_form(text, "99999999") ||
           (has_form(text, "9999Q9") && text[5] >= '1' && text[5] <= '4');
}

static inline bool is_exchange_number(const char *text)
{
    char *end = NULL;
    size_t digits = strspn(text, "-.0123456789");
    strtod(text, &end);
    return digits > 0 && text[digits] == '\0' && end == text + digits && text[0] != '.' &&
           text[digits - 1] != '.';
}

static inline const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || text[0] == '\0')
        fail_msg("%s is missing", key);
    return text;
}

static inline bool same_place(const json_t *one, const json_t *other)
{
    return strcmp(text_at(one, "dataElement"), text_at(other, "dataElement")) == 0 &&
           strcmp(text_at(one, "period"), text_at(other, "period")) == 0 &&
           strcmp(text_at(one, "orgUnit"), text_at(other, "orgUnit")) == 0;
}

static inline void check_exchange_value(const json_t *values, size_t place)
{
    const json_t *value = json_array_get(values, place);
    assert_int_equal(json_object_size(value), 4);
    assert_true(is_exchange_period(text_at(value, "period")));
    assert_true(is_exchange_number(text_at(value, "value")));
    assert_true(strlen(text_at(value, "dataElement")) <= 50);
    assert_true(strlen(text_at(value, "orgUnit")) <= 50);
    for (size_t i = 0; i < place; i++)
        assert_false(same_place(value, json_array_get(values, i)));
}

static inline void check_exchange(const json_t *set)
{
    static const char *const keys[] = {
        "dataSet",      "period",          "orgUnit",         "dataValues",
        "completeDate", "dataSetIdScheme", "orgUnitIdScheme", "dataElementIdScheme"};
    const json_t *values = json_object_get(set, "dataValues");
    const json_t *date = json_object_get(set, "completeDate");
    size_t known = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        known += json_object_get(set, keys[i]) != NULL;
    assert_int_equal(json_object_size(set), known);
    text_at(set, "dataSet");
    text_at(set, "orgUnit");
    assert_true(is_exchange_period(text_at(set, "period")));
    assert_true(date == NULL || has_form(json_string_value(date), "9999-99-99"));
    assert_true(json_is_array(values));
    for (size_t i = 0; i < json_array_size(values); i++)
        check_exchange_value(values, i);
}

#endif
