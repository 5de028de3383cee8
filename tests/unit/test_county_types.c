/* The types that are shipped for a county: what each is, its words in both languages, and that each
 * matter can come to an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/index.h"
#include "schema/retention.h"
#include "schema/schema.h"

static int load_types(void **state)
{
    const char *path = getenv("TERRACE_COUNTY_TYPES");
    static char text[131072];
    struct error error = {0};
    FILE *file = fopen(path != NULL ? path : "schema/types/county.yaml", "rb");
    if (file == NULL)
        return -1; /* run in the project's root, or set TERRACE_COUNTY_TYPES */
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    struct schema_source *source = schema_compile(SPAN(text, size), "county.yaml", &error);
    if (source == NULL) {
        print_error("%s: %s\n", error.what, error.why);
        return -1;
    }
    struct span *rows = mem_alloc(source->row_count * sizeof *rows);
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    *state = schema_load_labelled(source->version, rows, source->row_count, &error);
    free(rows);
    schema_source_free(source);
    return *state == NULL ? -1 : 0;
}

static int free_types(void **state)
{
    schema_free(*state);
    return 0;
}

static void the_county_s_types_are_right(void **state)
{
    struct schema *schema = *state;
    static const struct {
        const char *name;
        enum circle_rule circle;
        enum record_class class;
        bool counted, workflow, by_title; /* a title alone makes one */
    } expected[] = {{"mediation", CIRCLE_ORIGIN, CLASS_NORMAL, true, true, true},
                    {"incident", CIRCLE_PATH, CLASS_NORMAL, true, true, true},
                    {"directive", CIRCLE_SUBTREE, CLASS_URGENT, true, false, true},
                    {"matter", CIRCLE_ADDRESSED, CLASS_NORMAL, true, true, true},
                    {"whistle", CIRCLE_ADDRESSED, CLASS_URGENT, true, true, true},
                    {"request", CIRCLE_ORIGIN, CLASS_NORMAL, true, true, true},
                    {"service", CIRCLE_SUBTREE, CLASS_BULK, true, false, true},
                    {"county_service", CIRCLE_ORIGIN, CLASS_BULK, false, false, true},
                    {"indicator", CIRCLE_SUBTREE, CLASS_NORMAL, false, false, true},
                    {"report", CIRCLE_PATH, CLASS_BULK, true, false, false},
                    {"assessment", CIRCLE_PATH, CLASS_NORMAL, true, true, true},
                    {"zero_occurrence", CIRCLE_PATH, CLASS_URGENT, true, true, true},
                    {"equipment", CIRCLE_ORIGIN, CLASS_BULK, true, false, true},
                    {"health", CIRCLE_PATH, CLASS_BULK, false, false, false},
                    {"receipt", CIRCLE_PATH, CLASS_URGENT, true, false, false},
                    {"calendar", CIRCLE_SUBTREE, CLASS_NORMAL, false, false, false}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct record_type *type = schema_type(schema, (uint16_t)(i + 1));
        assert_string_equal(type->name, expected[i].name);
        assert_int_equal(type->circle, expected[i].circle);
        assert_int_equal(type->class, expected[i].class);
        assert_int_equal(type->counted, expected[i].counted);
        assert_int_equal(type->workflow != NULL, expected[i].workflow);
        for (size_t j = 0; expected[i].by_title && j < type->field_count; j++)
            assert_int_equal(type->fields[j].required, strcmp(type->fields[j].name, "title") == 0);
    }
}

/* What names a person, or calls one, stays with who needs it, and can be erased. */
static void people_are_private(void **state)
{
    static const char *const main_types[] = {"mediation", "incident", "request"};
    const struct schema *schema = *state;
    for (size_t i = 0; i < sizeof main_types / sizeof *main_types; i++) {
        const struct record_type *type = schema_type_named(schema, span_of_text(main_types[i]));
        const struct record_type *companion = schema_type(schema, type->companion);
        assert_non_null(companion);
        assert_int_equal(companion->circle, CIRCLE_ORIGIN);
        assert_null(type_field_named(type, span_of_text("phone")));
        assert_non_null(type_field_named(companion, span_of_text("phone")));
        for (size_t j = 0; j < companion->field_count; j++)
            assert_true(companion->fields[j].personal);
    }
}

static void in_both_languages(const struct type_labels *labels, const char *type, const char *what)
{
    bool english = false, chinese = false;
    for (size_t i = 0; i < labels->count; i++) {
        english |= strcmp(labels->at[i].language, "en") == 0;
        chinese |= strcmp(labels->at[i].language, "zh") == 0;
    }
    if (!english || !chinese)
        fail_msg("%s %s has no label in %s", type, what, english ? "Chinese" : "English");
}

static void workflow_in_both(const struct record_type *type)
{
    for (size_t i = 0; i < type->workflow->state_count; i++)
        in_both_languages(&type->workflow->states[i].labels, type->name,
                          type->workflow->states[i].name);
    for (size_t i = 0; i < type->workflow->transition_count; i++)
        in_both_languages(&type->workflow->transitions[i].labels, type->name,
                          type->workflow->transitions[i].name);
}

static void everything_has_its_words(void **state)
{
    const struct schema *schema = *state;
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        if (type->companion_of == 0)
            in_both_languages(&type->labels, type->name, "");
        for (size_t j = 0; j < type->field_count; j++) {
            const struct field *field = &type->fields[j];
            bool is_state = type->workflow != NULL && type->workflow->field == field->number;
            in_both_languages(&field->more->labels, type->name, field->name);
            for (size_t k = 0; !is_state && k < field->choice_count; k++)
                in_both_languages(&field->more->choice_labels[k], type->name, field->choices[k]);
        }
        if (type->workflow != NULL)
            workflow_in_both(type);
    }
}

/* From every state that isn't closed a step leads on, and some way leads to a closed one. */
static void every_matter_can_be_closed(void **state)
{
    const struct schema *schema = *state;
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct workflow *workflow = schema->types[i].workflow;
        uint64_t ends = 0, before = 1;
        for (size_t j = 0; workflow != NULL && j < workflow->state_count; j++)
            ends |= workflow->states[j].closed ? UINT64_C(1) << workflow->states[j].number : 0;
        while (workflow != NULL && ends != before) {
            before = ends;
            for (size_t j = 0; j < workflow->transition_count; j++) {
                const struct transition *step = &workflow->transitions[j];
                if ((ends >> step->to & 1) != 0)
                    ends |= workflow_leaves(workflow, step);
            }
        }
        for (size_t j = 0; workflow != NULL && j < workflow->state_count; j++) {
            if ((ends >> workflow->states[j].number & 1) == 0)
                fail_msg("%s in state %s is never closed", schema->types[i].name,
                         workflow->states[j].name);
        }
    }
}

/* ---- the assessment sheet: what follows from the marks ---- */

static void tell(const struct record_state *record, const struct record_type *type,
                 const char *name, char text[static 32])
{
    struct buffer scratch = {0}, told = {0};
    const struct field *field = type_field_named(type, span_of_text(name));
    struct span value = record_shown_value(record, type, field, &scratch);
    text[0] = 0;
    if (value.size > 0) {
        schema_tell_value(field, value, &told);
        struct mp_reader reader = mp_reader(span_of_buffer(&told));
        struct span words = mp_read_str(&reader);
        memcpy(text, words.data, words.size);
        text[words.size] = 0;
    }
    buffer_free(&scratch);
    buffer_free(&told);
}

/* Marks of village, station, township, county; NULL: not given. */
static void grades(const struct record_type *type, const char *const marks[4], const char *score,
                   const char *band)
{
    static const char *const names[] = {"village", "station", "township", "county"};
    struct buffer fields = {0}, body = {0};
    struct operation op = {.dot = {.epoch = 1, .n = 1}, .verdict = OPERATION_ADMITTED};
    struct record_state *record = record_new();
    uint32_t count = 1;
    char text[32];
    for (unsigned i = 0; i < 4; i++)
        count += marks[i] != NULL;
    mp_write_map(&fields, count);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "六月考核");
    for (unsigned i = 0; i < 4; i++) {
        if (marks[i] != NULL) {
            mp_write_text(&fields, names[i]);
            mp_write_text(&fields, marks[i]);
        }
    }
    assert_int_equal(schema_encode_body(type, span_of_buffer(&fields), true, &body, NULL), ERR_OK);
    record_apply(record, &op, type, span_of_buffer(&body));
    tell(record, type, "score", text);
    assert_string_equal(text, score);
    tell(record, type, "band", text);
    assert_string_equal(text, band);
    buffer_free(&fields);
    buffer_free(&body);
    record_free(record);
}

static void the_grade_follows_from_the_marks(void **state)
{
    static const struct {
        const char *marks[4], *score, *band;
    } sheets[] = {
        {{"90", "80", "85", "88"}, "85.7", "good"},
        {{"90", "90", "90", "90"}, "90.0", "excellent"},
        {{"89.9", "89.9", "89.9", "89.9"}, "89.9", "good"},
        {{"80", "80", "80", "79.9"}, "80.0", "good"},     /* 79.96 */
        {{"80", "80", "79.9", "79.9"}, "79.9", "passed"}, /* 79.93 */
        {{"79.5", "80", "80", "80"}, "80.0", "good"},     /* 79.95, half away from zero */
        {{"79.4", "80", "80", "80"}, "79.9", "passed"},   /* 79.94 */
        {{"60", "60", "60", "60"}, "60.0", "passed"},
        {{"59.9", "59.9", "59.9", "59.9"}, "59.9", "failed"},
        {{"0", "0", "0", "0"}, "0.0", "failed"},
        {{"100", "100", "100", "100"}, "100.0", "excellent"},
        {{"100", "100", "100", NULL}, "", ""}, /* not before all four are there */
    };
    const struct schema *schema = *state;
    const struct record_type *type = schema_type_named(schema, span_of_text("assessment"));
    for (size_t i = 0; i < sizeof sheets / sizeof *sheets; i++)
        grades(type, sheets[i].marks, sheets[i].score, sheets[i].band);
}

/* Nobody writes it here; what somebody's program wrote all the same isn't shown, and is no fault.
 */
static void what_follows_is_not_written(void **state)
{
    const struct schema *schema = *state;
    const struct record_type *type = schema_type_named(schema, span_of_text("assessment"));
    struct buffer fields = {0}, body = {0};
    struct error error = {0};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "score");
    mp_write_text(&fields, "99");
    assert_int_equal(schema_encode_body(type, span_of_buffer(&fields), false, &body, &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.why, "it follows from others"));
    buffer_clear(&body);
    mp_write_map(&body, 1);
    mp_write_int(&body, 8);
    mp_write_int(&body, 990);
    assert_int_equal(schema_check_body(type, span_of_buffer(&body), false, NULL), ERR_OK);
    buffer_free(&fields);
    buffer_free(&body);
}

/* ---- retention: by clocks that may be wrong ---- */

static bool is_past(const struct record_type *type, uint64_t made_ms, uint64_t settled_ms,
                    bool settles, uint64_t time_ms)
{
    const struct transition *step = workflow_transition(type->workflow, 6); /* settle */
    struct dot seen = {.epoch = 1, .n = 1};
    struct operation made = {.dot = seen, .clock = made_ms, .digest = {{1}}};
    struct operation settled = {.dot = {.author = {{1}}, .epoch = 1, .n = 1},
                                .clock = settled_ms,
                                .digest = {{2}},
                                .context = &seen,
                                .context_count = 1};
    struct record_state *record = record_new();
    static const uint8_t nothing[] = {0x80};
    record_apply(record, &made, type, SPAN_OF_ARRAY(nothing));
    if (settles) {
        operation_transition(&settled, type->workflow, step);
        record_apply(record, &settled, type, SPAN_OF_ARRAY(nothing));
        assert_true(record_closed(record, type));
    }
    bool past = record_past_retention(record, type, time_ms);
    record_free(record);
    return past;
}

static void retention_hides_by_no_wrong_clock(void **state)
{
    const uint64_t day = 86400000, now = UINT64_C(1760000000000), in_2099 = UINT64_C(4070908800000);
    const struct schema *schema = *state;
    const struct record_type *type = schema_type_named(schema, span_of_text("mediation"));
    uint64_t old = now - (type->retention_days + 1) * day;
    uint64_t then = old < RETENTION_SINCE_MS ? RETENTION_SINCE_MS : old;
    uint64_t later = then + (type->retention_days + 1) * day;
    assert_int_equal(type->retention_days, 3650);
    assert_true(is_past(type, then, then, true, later));
    assert_false(is_past(type, then, then, false, later));          /* still open */
    assert_false(is_past(type, then, then + 2 * day, true, later)); /* touched since */
    assert_false(is_past(type, then, then, true, later - 2 * day)); /* not yet */
    assert_false(is_past(type, then, in_2099, true, later));        /* its author's clock */
    assert_false(is_past(type, 1000, 2000, true, later));           /* the same, in 1970 */
    assert_false(is_past(type, then, 2000, true, later));           /* one of two */
    assert_false(is_past(type, then, then, true, 1000));            /* the reader in 1970 */
    assert_false(is_past(schema_type_named(schema, span_of_text("incident")), then, then, false,
                         in_2099)); /* kept for ever */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_county_s_types_are_right),
        cmocka_unit_test(everything_has_its_words),
        cmocka_unit_test(people_are_private),
        cmocka_unit_test(the_grade_follows_from_the_marks),
        cmocka_unit_test(what_follows_is_not_written),
        cmocka_unit_test(retention_hides_by_no_wrong_clock),
        cmocka_unit_test(every_matter_can_be_closed),
    };
    return cmocka_run_group_tests(tests, load_types, free_types);
}
