/* What closes a record: a boolean field, or one value of an enum or a text; nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "schema/record.h"

static struct schema *load(const char *closed_by, struct error *error)
{
    static const char form[] = "version: 1\n"
                               "types:\n"
                               "  a:\n"
                               "    number: 1\n"
                               "    class: normal\n"
                               "    circle: path\n"
                               "    closed_by: %s\n"
                               "    fields:\n"
                               "      done: {number: 3, kind: boolean}\n"
                               "      step: {number: 4, kind: enum, choices: [begun, over]}\n"
                               "      name: {number: 5, kind: text}\n";
    char text[512];
    snprintf(text, sizeof text, form, closed_by);
    struct schema_source *source = schema_compile(span_of_text(text), "types", error);
    if (source == NULL)
        return NULL;
    struct span row = span_of_buffer(&source->rows[0]);
    struct schema *schema = schema_load(source->version, &row, 1, error);
    assert_non_null(schema);
    schema_source_free(source);
    return schema;
}

static void a_field_of_the_type_closes(void **state)
{
    static const char *const wrong[] = {"step=gone", "step", "name", "name=", "done=1", "nothing"};
    struct error error;
    (void)state;
    struct schema *schema = load("done", &error);
    assert_int_equal(schema->types[0].closed_by, 3);
    assert_null(schema->types[0].closed_choice);
    schema_free(schema);
    schema = load("step=over", &error);
    assert_int_equal(schema->types[0].closed_by, 4);
    assert_string_equal(schema->types[0].closed_choice, "over");
    schema_free(schema);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(load(wrong[i], &error));
        assert_int_equal(error.line, 7);
    }
}

static bool is_closed(const struct record_type *type, int32_t field, const char *value)
{
    struct record_state *record = record_new();
    struct buffer body = {0};
    struct operation op = {.dot = {.epoch = 1, .n = 1}, .clock = 1};
    mp_write_map(&body, 1);
    mp_write_int(&body, field);
    if (value == NULL)
        mp_write_bool(&body, true);
    else
        mp_write_text(&body, value);
    record_apply(record, &op, type, span_of_buffer(&body));
    bool closed = record_closed(record, type);
    record_free(record);
    buffer_free(&body);
    return closed;
}

static void the_shown_value_says_it(void **state)
{
    struct error error;
    (void)state;
    struct schema *schema = load("done", &error);
    assert_true(is_closed(&schema->types[0], 3, NULL));
    assert_false(is_closed(&schema->types[0], 4, "over"));
    schema_free(schema);
    schema = load("step=over", &error);
    assert_true(is_closed(&schema->types[0], 4, "over"));
    assert_false(is_closed(&schema->types[0], 4, "begun"));
    assert_false(is_closed(&schema->types[0], 3, NULL));
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_of_the_type_closes),
        cmocka_unit_test(the_shown_value_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
