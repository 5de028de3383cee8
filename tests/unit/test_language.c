/* The language of types beyond its first words: every kind of field, labels, defaults, patterns,
 * private fields, workflows; and bodies of such types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/change.h"
#include "schema/type/pattern.h"
#include "schema/type/row.h"
#include "schema/type/text_value.h"

static struct error error;

static struct schema *load(const char *text)
{
    error_clear(&error);
    struct schema_source *source = schema_compile(span_of_text(text), "types.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s (%s)", error.what, error.why, error.next);
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load_labelled(source->version, rows, source->row_count, &error);
    if (schema == NULL)
        fail_msg("%s: %s", error.what, error.why);
    schema_source_free(source);
    return schema;
}

static const char whole[] =
    "version: 3\n"
    "types:\n"
    "  case:\n"
    "    number: 5\n"
    "    label: {en: Case, zh: 案件}\n"
    "    help: {zh: 上报的事}\n"
    "    class: urgent\n"
    "    circle: path\n"
    "    backup: sealed\n"
    "    retention_days: 1825\n"
    "    indexes: [[due, cost], [status]]\n"
    "    companion: {number: 6, circle: origin}\n"
    "    fields:\n"
    "      title: {number: 1, kind: text, required: true, label: 标题}\n"
    "      phone: {number: 2, kind: text, private: true, personal: true, pattern: '1[0-9]{10}'}\n"
    "      cost: {number: 3, kind: decimal, scale: 2, min: 0, max: 99.5, unit: 元, default: 1.5}\n"
    "      due: {number: 4, kind: date, min: 2020-01-01, merge: max}\n"
    "      about: {number: 5, kind: record, of: case}\n"
    "      who: {number: 6, kind: seat}\n"
    "      photo: {number: 7, kind: digest}\n"
    "      status: {number: 8, kind: enum}\n"
    "      cause: {number: 9, kind: enum, choices: {rain: {label: {zh: 雨}}, wind: , old: {ended: "
    "true}}}\n"
    "      notes: {number: 10, kind: list, pattern: '[^0-9]+'}\n"
    "      gone: {number: 11, kind: text, ended: true}\n"
    "    workflow:\n"
    "      field: status\n"
    "      states:\n"
    "        reported: {number: 1, initial: true, within: 2 hours, rise: tier, grace: 2 days}\n"
    "        handled: {number: 2, within: 5 working_days, label: {zh: 已办}}\n"
    "        closed: {number: 3, closed: true}\n"
    "      steps:\n"
    "        handle: {number: 1, from: reported, to: handled, who: [origin, {tier: township, role: "
    "[addressee, above]}]}\n"
    "        close:\n"
    "          number: 2\n"
    "          from: [reported, handled]\n"
    "          to: closed\n"
    "          requires: [cause, title]\n"
    "          extend: up\n"
    "          extend_companion: true\n"
    "          limits: [{tier: village, field: notes, most: 3}]\n";

static void all_of_it_comes_back(void **state)
{
    (void)state;
    struct schema *schema = load(whole);
    assert_int_equal(schema->type_count, 2);
    const struct record_type *type = schema_type(schema, 5), *companion = schema_type(schema, 6);
    assert_string_equal(type->labels.at[1].text, "案件");
    assert_string_equal(type->labels.at[1].help, "上报的事");
    assert_true(type->sealed_backup);
    assert_int_equal(type->retention_days, 1825);
    assert_int_equal(type->index_count, 2);
    assert_int_equal(type->indexes[0][1], 3);
    assert_int_equal(type->indexes[0][2], 0);
    assert_int_equal(type->companion, 6);
    assert_string_equal(companion->name, "case-private");
    assert_int_equal(companion->companion_of, 5);
    assert_int_equal(companion->circle, CIRCLE_ORIGIN);
    assert_int_equal(companion->class, CLASS_URGENT);
    assert_int_equal(companion->field_count, 1);
    assert_true(companion->fields[0].personal);
    assert_string_equal(companion->fields[0].more->pattern, "1[0-9]{10}");
    assert_null(type_field(type, 2));
    const struct field *cost = type_field(type, 3), *due = type_field(type, 4);
    assert_int_equal(cost->scale, 2);
    assert_int_equal(cost->max, 9950);
    assert_string_equal(cost->more->unit, "元");
    assert_int_equal(due->min, 18262);
    assert_int_equal(due->merge, MERGE_MAX);
    assert_int_equal(type_field(type, 5)->refers, 5);
    const struct field *cause = type_field(type, 9);
    assert_string_equal(cause->more->choice_labels[0].at[0].text, "雨");
    assert_false(cause->more->choice_ended[1]);
    assert_true(cause->more->choice_ended[2]);
    assert_true(type_field(type, 11)->ended);
    schema_free(schema);
}

static void a_workflow_comes_back(void **state)
{
    (void)state;
    static const char *const tiers[] = {"county", "township", "village"};
    struct schema *schema = load(whole);
    const struct record_type *type = schema_type(schema, 5);
    const struct workflow *workflow = type->workflow;
    assert_int_equal(workflow->field, 8);
    assert_string_equal(type_field(type, 8)->choices[1], "handled");
    assert_int_equal(workflow->state_count, 3);
    const struct workflow_state *first = workflow_initial(workflow);
    assert_string_equal(first->name, "reported");
    assert_int_equal(first->within, 2);
    assert_int_equal(first->unit, WITHIN_HOURS);
    assert_int_equal(first->rise, RISE_TIER);
    assert_int_equal(first->grace_hours, 48);
    assert_int_equal(workflow_state(workflow, 2)->unit, WITHIN_WORKING_DAYS);
    assert_true(workflow_state(workflow, 3)->closed);
    const struct transition *handle = workflow_transition(workflow, 1);
    assert_int_equal(handle->from_count, 1);
    assert_int_equal(handle->to, 2);
    assert_int_equal(handle->who[0].roles, ROLE_ORIGIN);
    assert_int_equal(handle->who[0].tier.tier, TIER_ANY);
    assert_int_equal(handle->who[1].roles, ROLE_ADDRESSEE | ROLE_ABOVE);
    assert_int_equal(handle->who[1].tier.tier, TIER_UNKNOWN);
    schema_resolve_tiers(schema, tiers, 3);
    assert_int_equal(handle->who[1].tier.tier, 1);
    const struct transition *close = workflow_transition(workflow, 2);
    assert_int_equal(close->required_count, 2);
    assert_int_equal(close->required[0], 1);
    assert_int_equal(close->extend, STEP_EXTENDS_UP);
    assert_true(close->extend_companion);
    assert_int_equal(close->limits[0].field, 10);
    assert_int_equal(close->limits[0].most, 3);
    assert_int_equal(close->limits[0].tier.tier, 2);
    schema_resolve_tiers(schema, tiers, 1);
    assert_int_equal(handle->who[1].tier.tier, TIER_UNKNOWN);
    schema_free(schema);
}

/* The shortest type there is. */
static void five_lines_are_a_type(void **state)
{
    (void)state;
    struct schema *schema = load("version: 1\n"
                                 "types:\n"
                                 "  visit:\n"
                                 "    number: 1\n"
                                 "    fields: {note: {number: 1, kind: text}}\n");
    assert_int_equal(schema->types[0].class, CLASS_NORMAL);
    assert_int_equal(schema->types[0].circle, CIRCLE_ORIGIN);
    schema_free(schema);
}

/* ---- faults ---- */

#define HEAD "version: 1\ntypes:\n  a:\n    number: 1\n    fields:\n"
#define FLOW                                                                                       \
    HEAD "      s: {number: 1, kind: enum}\n      n: {number: 2, kind: list}\n"                    \
         "      p: {number: 3, kind: text}\n    workflow:\n      field: s\n      states:\n"        \
         "        x: {number: 1, initial: true}\n        y: {number: 2}\n      steps:\n"

static const struct {
    const char *text, *why, *next;
    unsigned line;
} faults[] = {
    {HEAD "      b: {number: 1, kind: txt}\n", "expected one of text", "\"text\"", 6},
    {HEAD "      b: {number: 1, kind: decimal}\n", "\"scale\" is missing", "", 6},
    {HEAD "      b: {number: 1, kind: decimal, scale: 10}\n", "from 0 to 9", "", 6},
    {HEAD "      b: {number: 1, kind: decimal, scale: 1, max: 1.25}\n", "at most 1 decimal places",
     "", 6},
    {HEAD "      b: {number: 1, kind: date, min: 2025-02-30}\n", "a day like", "", 6},
    {HEAD "      b: {number: 1, kind: text, merge: max}\n", "max and min are for", "", 6},
    {HEAD "      b: {number: 1, kind: text, merge: maxi}\n", "one of last", "\"max\"", 6},
    {HEAD "      b: {number: 1, kind: text, pattern: '(a'}\n", "the pattern isn't one", "", 6},
    {HEAD "      b: {number: 1, kind: text, pattern: 'a+', default: b}\n",
     "the default isn't a value", "", 6},
    {HEAD "      b: {number: 1, kind: integer, max: 3, default: 4}\n",
     "expected a whole number to 3", "", 6},
    {HEAD "      b: {number: 1, kind: record, of: b}\n", "a type of this file", "there are: a", 6},
    {HEAD "      b: {number: 1, kind: text, label: {e1: x}}\n", "a language like", "", 6},
    {HEAD "      b: {number: 1, kind: text, label: x, help: {zh: y}}\n", "no label in the", "", 6},
    {HEAD "      b: {number: 1, kind: text, private: true}\n", "all fields are private", "", 6},
    {HEAD "      c: {number: 2, kind: text}\n      b: {number: 1, kind: text, private: "
          "true}\n",
     "\"companion\" is missing", "", 4},
    {HEAD "      b: {number: 1, kind: text}\n    companion: {number: 2}\n", "the type has none", "",
     7},
    {HEAD "      b: {number: 1, kind: text}\n    indexes: [[c]]\n", "a field of a", "there are: b",
     7},
    {HEAD "      b: {number: 1, kind: list}\n    indexes: [[b]]\n", "can't be indexed", "", 7},
    {FLOW "        go: {number: 1, from: z, to: y}\n", "a state of this workflow", "", 15},
    {FLOW "        go: {from: x, to: y}\n        on: {from: y, to: x}\n", "\"number\" is missing",
     "", 15},
    {HEAD "      b: {number: 1, kind: text, label: {zh: }}\n", "a text of 1 to 128", "", 6},
    {FLOW "        go: {number: 1, from: x}\n", "a step has \"from\"", "", 15},
    {FLOW "        go: {number: 1, from: x, to: y, who: orign}\n", "a role", "\"origin\"", 15},
    {FLOW "        go: {number: 1, from: x, to: y, requires: [q]}\n", "a field of a", "", 15},
    {FLOW "        go: {number: 1, from: x, to: y, requires: [s]}\n", "what the step sets", "", 15},
    {FLOW "        go: {number: 1, from: x, to: y, limits: [{field: p, most: 1}]}\n",
     "of kind list", "", 15},
    {FLOW "        go: {number: 1, from: x, to: y, extend: ups}\n", "one of nobody", "\"up\"", 15},
    {FLOW "        go: {number: 1, from: [x, x], to: y}\n", "there twice", "", 15},
    {HEAD "      s: {number: 1, kind: enum}\n    workflow:\n      field: s\n      states:\n"
          "        x: {number: 1}\n      steps: {}\n",
     "exactly one state", "", 10},
    {HEAD "      s: {number: 1, kind: text}\n    workflow:\n      field: s\n      states:\n"
          "        x: {number: 1, initial: true, within: 2 fortnights}\n      steps: {}\n",
     "expected 1 to 10000 hours", "", 10},
    {HEAD "      s: {number: 1, kind: text}\n    workflow:\n      field: s\n      states:\n"
          "        x: {number: 1, initial: true}\n      steps:\n"
          "        go: {number: 1, from: x, to: x}\n",
     "an enum without choices", "", 8},
};

static void faults_have_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct schema_source *source =
            schema_compile(span_of_text(faults[i].text), "types.yaml", &error);
        if (source != NULL)
            fail_msg("taken: %s", faults[i].text);
        if (strstr(error.why, faults[i].why) == NULL || strstr(error.next, faults[i].next) == NULL)
            fail_msg("%s: %s (%s), not: %s (%s)", error.what, error.why, error.next, faults[i].why,
                     faults[i].next);
        assert_int_equal(error.line, faults[i].line);
        assert_true(error.column > 0);
    }
}

/* ---- bodies ---- */

static enum error_code encode(const struct record_type *type, bool creating,
                              const char *const *pairs, struct buffer *body)
{
    struct buffer fields = {0};
    uint32_t count = 0;
    while (pairs[2 * count] != NULL)
        count++;
    mp_write_map(&fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_write_text(&fields, pairs[i]);
    buffer_clear(body);
    error_clear(&error);
    enum error_code code =
        schema_encode_body(type, span_of_buffer(&fields), creating, body, &error);
    buffer_free(&fields);
    if (code == ERR_OK)
        assert_int_equal(schema_check_body(type, span_of_buffer(body), creating, NULL), ERR_OK);
    return code;
}
#define ENCODE(type, creating, body, ...)                                                          \
    encode(type, creating, (const char *const[]){__VA_ARGS__, NULL}, body)

static int64_t number_at(struct span body, int32_t wanted)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    int64_t number = INT64_MIN;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == wanted)
            number = mp_read_int(&reader);
        else
            mp_read_any(&reader);
    }
    return number;
}

static void values_are_written_as_people_write_them(void **state)
{
    (void)state;
    struct schema *schema = load(whole);
    const struct record_type *type = schema_type(schema, 5), *companion = schema_type(schema, 6);
    struct buffer body = {0};
    assert_int_equal(ENCODE(type, true, &body, "title", "t"), ERR_OK);
    assert_int_equal(number_at(span_of_buffer(&body), 3), 150); /* the default */
    assert_int_equal(ENCODE(type, false, &body, "title", "t"), ERR_OK);
    assert_int_equal(number_at(span_of_buffer(&body), 3), INT64_MIN); /* only where it is made */
    assert_int_equal(ENCODE(type, false, &body, "cost", "12.5"), ERR_OK);
    assert_int_equal(number_at(span_of_buffer(&body), 3), 1250);
    assert_int_equal(ENCODE(type, false, &body, "due", "2025-06-30"), ERR_OK);
    assert_int_equal(number_at(span_of_buffer(&body), 4), 20269);
    assert_int_equal(ENCODE(type, false, &body, "about", "00112233445566778899AABBccddeeff"),
                     ERR_OK);
    assert_int_equal(body.size, 1 + 1 + 2 + 16);
    assert_int_equal(ENCODE(companion, true, &body, "phone", "13812345678"), ERR_OK);
    static const char *const wrong[][2] = {
        {"cost", "99.51"},     {"cost", "1.234"}, {"cost", "1."},        {"cost", "-1"},
        {"due", "2019-12-31"}, {"due", "30.6."},  {"about", "0011"},     {"who", ""},
        {"photo", "xx"},       {"cause", "old"},  {"status", "handled"}, {"gone", "x"},
        {"notes", "1"},        {"cause", "=1+1"}, {"who", "a\nb"},       {"title", "a\x1b[1m"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (ENCODE(type, false, &body, wrong[i][0], wrong[i][1]) != ERR_INVALID)
            fail_msg("%s=%s is taken", wrong[i][0], wrong[i][1]);
        assert_true(error.next[0] != 0);
    }
    assert_int_equal(ENCODE(companion, true, &body, "phone", "138123456789"), ERR_INVALID);
    assert_non_null(strstr(error.why, "1[0-9]{10}"));
    buffer_free(&body);
    schema_free(schema);
}

/* A pattern is asked of nothing that came from elsewhere; what has ended is refused there, too. */
static void elsewhere_patterns_don_t_count(void **state)
{
    (void)state;
    struct schema *schema = load(whole);
    const struct record_type *type = schema_type(schema, 5), *companion = schema_type(schema, 6);
    struct buffer body = {0};
    mp_write_map(&body, 1);
    mp_write_int(&body, 2);
    mp_write_text(&body, "not a telephone");
    assert_int_equal(schema_check_body(companion, span_of_buffer(&body), true, &error), ERR_OK);
    static const struct {
        int32_t field;
        const char *value;
    } refused[] = {{11, "x"}, {8, "handled"}, {9, "old"}, {6, ""}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        buffer_clear(&body);
        mp_write_map(&body, 1);
        mp_write_int(&body, refused[i].field);
        mp_write_text(&body, refused[i].value);
        assert_int_equal(schema_check_body(type, span_of_buffer(&body), false, &error),
                         ERR_INVALID);
    }
    buffer_free(&body);
    schema_free(schema);
}

static void what_is_looked_for_may_have_ended(void **state)
{
    (void)state;
    struct schema *schema = load(whole);
    const struct record_type *type = schema_type(schema, 5);
    struct buffer fields = {0}, body = {0};
    mp_write_map(&fields, 2);
    mp_write_text(&fields, "status");
    mp_write_text(&fields, "closed");
    mp_write_text(&fields, "gone");
    mp_write_text(&fields, "x");
    assert_int_equal(schema_encode_wanted(type, span_of_buffer(&fields), &body, &error), ERR_OK);
    assert_int_equal(schema_encode_body(type, span_of_buffer(&fields), false, &body, &error),
                     ERR_INVALID);
    buffer_free(&body);
    buffer_free(&fields);
    schema_free(schema);
}

static void an_ended_type_takes_no_new_records(void **state)
{
    (void)state;
    struct schema *schema = load("version: 1\ntypes:\n  a:\n    number: 1\n    ended: true\n"
                                 "    fields: {n: {number: 1, kind: text, required: true}}\n");
    struct buffer body = {0};
    assert_int_equal(ENCODE(&schema->types[0], true, &body, "n", "x"), ERR_INVALID);
    assert_int_equal(ENCODE(&schema->types[0], false, &body, "n", "x"), ERR_OK);
    assert_int_equal(schema_check_body(&schema->types[0], span_of_buffer(&body), true, &error),
                     ERR_INVALID);
    assert_int_equal(schema_check_body(&schema->types[0], span_of_buffer(&body), false, &error),
                     ERR_OK);
    buffer_free(&body);
    schema_free(schema);
}

/* ---- numbers and patterns ---- */

static void decimals_and_dates_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned scale;
        int64_t number;
        const char *back;
    } decimals[] = {{"0", 0, 0, "0"},
                    {"12", 2, 1200, "12.00"},
                    {"-0.05", 2, -5, "-0.05"},
                    {"-7.5", 1, -75, "-7.5"},
                    {"1.000000001", 9, 1000000001, "1.000000001"},
                    {"-9223372036854775808", 0, INT64_MIN, "-9223372036854775808"}};
    int64_t number;
    char text[32];
    for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
        assert_true(
            schema_decimal_of_text(span_of_text(decimals[i].text), decimals[i].scale, &number));
        assert_int_equal(number, decimals[i].number);
        schema_text_of_decimal(number, decimals[i].scale, text);
        assert_string_equal(text, decimals[i].back);
    }
    static const char *const wrong[] = {"",
                                        "-",
                                        ".5",
                                        "5.",
                                        "1..2",
                                        "1.2.3",
                                        "1e3",
                                        "+1",
                                        "9223372036854775808",
                                        "99999999999999999.99",
                                        " 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(schema_decimal_of_text(span_of_text(wrong[i]), 2, &number));
    for (int64_t days = -719162; days < 2932896; days += 97) {
        int64_t again;
        schema_text_of_date(days, text);
        assert_true(schema_date_of_text(span_of_text(text), &again));
        assert_int_equal(again, days);
    }
    assert_false(schema_date_of_text(span_of_text("2025-06-30T10:00"), &number));
}

static void a_pattern_is_of_the_whole_text_and_bounded(void **state)
{
    (void)state;
    char why[PATTERN_WHY_BYTES];
    assert_true(pattern_good("[0-9]{3}", why));
    assert_true(pattern_matches("[0-9]{3}", span_of_text("123")));
    assert_false(pattern_matches("[0-9]{3}", span_of_text("1234")));
    assert_false(pattern_matches("[0-9]{3}", span_of_text("123\n")));
    assert_true(pattern_matches("\\p{Han}+", span_of_text("永顺")));
    assert_false(pattern_matches("\\p{Han}+", SPAN_EMPTY));
    assert_true(pattern_matches("[0-9]{4}(-[0-9]{2}|-Q([1-4]))?", span_of_text("2026-Q2")));
    assert_false(pattern_matches("[0-9]{4}(-[0-9]{2}|-Q([1-4]))?", span_of_text("2026-Q5")));
    assert_false(pattern_good("a)", why));
    assert_non_null(strstr(why, "at its character 2"));
    /* a pattern that looks back for ever ends at the limit, and counts as no match */
    assert_false(
        pattern_matches("(a+)+b", span_of_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(a_workflow_comes_back),
        cmocka_unit_test(five_lines_are_a_type),
        cmocka_unit_test(faults_have_their_place),
        cmocka_unit_test(values_are_written_as_people_write_them),
        cmocka_unit_test(elsewhere_patterns_don_t_count),
        cmocka_unit_test(what_is_looked_for_may_have_ended),
        cmocka_unit_test(an_ended_type_takes_no_new_records),
        cmocka_unit_test(decimals_and_dates_there_and_back),
        cmocka_unit_test(a_pattern_is_of_the_whole_text_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
