/* Types from YAML to rows and back, bodies written here and bodies from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/schema.h"

static const char plain_types[] = "version: 7\n"
                                  "types:\n"
                                  "  visit:\n"
                                  "    number: 9\n"
                                  "    class: bulk\n"
                                  "    circle: path\n"
                                  "    fields:\n"
                                  "      note: {number: 4, kind: list, length_max: 5}\n"
                                  "      title: {number: 1, kind: text, required: true, "
                                  "length_max: 12}\n"
                                  "      level: {number: 2, kind: integer, min: -3, max: 40}\n"
                                  "      kind: {number: 3, kind: enum, choices: [red, 绿色]}\n"
                                  "      open: {number: 5, kind: boolean}\n"
                                  "      due: {number: 6, kind: time}\n"
                                  "      calls: {number: 7, kind: counter}\n"
                                  "  案件:\n"
                                  "    number: 2\n"
                                  "    class: urgent\n"
                                  "    circle: subtree\n"
                                  "    counted: true\n"
                                  "    fields:\n"
                                  "      标题: {number: 1023, kind: text}\n";

static struct error error;

static struct schema_source *compile(const char *text)
{
    error_clear(&error);
    return schema_compile(span_of_text(text), "types.yaml", &error);
}

static struct schema *load_source(const struct schema_source *source)
{
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    error_clear(&error);
    return schema_load(source->version, rows, source->row_count, &error);
}

static struct schema *load(const char *text)
{
    struct schema_source *source = compile(text);
    if (source == NULL)
        fail_msg("%s: %s", error.what, error.why);
    struct schema *schema = load_source(source);
    if (schema == NULL)
        fail_msg("%s: %s", error.what, error.why);
    schema_source_free(source);
    return schema;
}

/* ---- compiling and loading ---- */

static void types_come_back_as_written(void **state)
{
    (void)state;
    struct schema *schema = load(plain_types);
    assert_int_equal(schema->version, 7);
    assert_int_equal(schema->type_count, 2);
    const struct record_type *matter = schema_type_named(schema, span_of_text("案件"));
    assert_ptr_equal(matter, schema_type(schema, 2));
    assert_ptr_equal(matter, &schema->types[0]);
    assert_int_equal(matter->class, CLASS_URGENT);
    assert_int_equal(matter->circle, CIRCLE_SUBTREE);
    assert_true(matter->counted);
    assert_int_equal(type_field_named(matter, span_of_text("标题"))->number, 1023);
    assert_int_equal(matter->fields[0].length_max, TEXT_BYTES_MAX);
    const struct record_type *visit = schema_type(schema, 9);
    assert_string_equal(visit->name, "visit");
    assert_int_equal(visit->class, CLASS_BULK);
    assert_int_equal(visit->circle, CIRCLE_PATH);
    assert_false(visit->counted);
    assert_int_equal(visit->field_count, 7);
    for (int32_t number = 1; number <= 7; number++)
        assert_int_equal(type_field(visit, number)->number, number);
    assert_true(type_field(visit, 1)->required);
    assert_int_equal(type_field(visit, 1)->length_max, 12);
    assert_int_equal(type_field(visit, 2)->min, -3);
    assert_int_equal(type_field(visit, 2)->max, 40);
    assert_false(type_field(visit, 2)->required);
    assert_int_equal(type_field(visit, 3)->choice_count, 2);
    assert_string_equal(type_field(visit, 3)->choices[1], "绿色");
    assert_int_equal(type_field(visit, 4)->kind, FIELD_LIST);
    assert_int_equal(type_field(visit, 4)->length_max, 5);
    assert_int_equal(type_field(visit, 7)->kind, FIELD_COUNTER);
    assert_null(type_field(visit, 8));
    assert_null(type_field_named(visit, span_of_text("titl")));
    assert_null(schema_type(schema, 3));
    assert_null(schema_type_named(schema, span_of_text("visi")));
    schema_free(schema);
}

/* The bytes of a row are signed: they can't change without anyone saying so. */
static void a_row_has_these_bytes(void **state)
{
    (void)state;
    struct schema_source *source = compile("version: 1\n"
                                           "types:\n"
                                           "  a:\n"
                                           "    number: 300\n"
                                           "    class: normal\n"
                                           "    circle: path\n"
                                           "    counted: true\n"
                                           "    fields:\n"
                                           "      b: {number: 1, kind: enum, required: true, "
                                           "choices: [x]}\n");
    assert_non_null(source);
    static const uint8_t expected[] = {0x86, 1, 0xcd, 0x01, 0x2c, 2, 0xa1, 'a', 3, 1,
                                       4,    1, 5,    0x91, 0x95, 1, 0xa1, 'b', 4, 1,
                                       0x81, 4, 0x91, 0xa1, 'x',  7, 0x91, 1};
    assert_int_equal(source->row_count, 1);
    assert_int_equal(source->rows[0].size, sizeof expected);
    assert_memory_equal(source->rows[0].data, expected, sizeof expected);
    schema_source_free(source);
}

static void refused_at(const char *text, unsigned line, unsigned column, const char *why)
{
    struct schema_source *source = compile(text);
    if (source != NULL)
        fail_msg("taken: %s", text);
    char what[60];
    snprintf(what, sizeof what, "types.yaml:%u:%u", line, column);
    assert_string_equal(error.what, what);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
    assert_string_equal(error.why, why);
}

#define HEAD "version: 1\ntypes:\n  a:\n    number: 1\n    class: bulk\n    circle: path\n"
#define FIELDS HEAD "    fields:\n"

static void faults_have_their_place(void **state)
{
    (void)state;
    refused_at("version: 0\ntypes: {}\n", 1, 10,
               "\"version\": expected a whole number from 1 to 4294967295, found \"0\"");
    refused_at("version: 1\ntypes: {}\n", 2, 8, "expected 1 to 256 types, found 0");
    refused_at(HEAD "    fields: {}\n", 7, 13, "expected 1 to 256 fields, found 0");
    refused_at("version: 1\ntypes:\n  a: {number: 1, class: fast, circle: path, fields: {}}\n", 3,
               25, "expected one of urgent, normal, bulk, found \"fast\"");
    refused_at(FIELDS "      b: {number: 1, kind: float}\n", 8, 28,
               "expected one of text, integer, boolean, time, enum, list, counter, decimal, "
               "date, record, seat, digest, found \"float\"");
    refused_at(FIELDS "      b: {number: 1024, kind: text}\n", 8, 19,
               "\"number\": expected a whole number from 1 to 1023, found \"1024\"");
    refused_at(FIELDS "      b: {number: 1, kind: text}\n      c: {number: 1, kind: text}\n", 9, 19,
               "the field \"b\" has this number already");
    refused_at(FIELDS "      _b: {number: 1, kind: text}\n", 8, 11,
               "\"_b\" can't be a name: 1 to 64 bytes, letters, digits, - and _, the first a "
               "letter or a digit");
    refused_at(FIELDS "      a b: {number: 1, kind: text}\n", 8, 12,
               "\"a b\" can't be a name: 1 to 64 bytes, letters, digits, - and _, the first a "
               "letter or a digit");
    refused_at(FIELDS "      b: {number: 1, kind: integer, min: 1x}\n", 8, 42,
               "expected a whole number of at most 63 bits, found \"1x\"");
    refused_at(FIELDS "      b: {number: 1, kind: integer, max: 9223372036854775808}\n", 8, 42,
               "expected a whole number of at most 63 bits, found \"9223372036854775808\"");
    refused_at(FIELDS "      b: {number: 1, kind: integer, min: 2, max: 1}\n", 8, 10,
               "min is above max: no number would be taken");
    refused_at(FIELDS "      b: {number: 1, kind: enum, choices: []}\n", 8, 43,
               "expected 1 to 256 choices, found 0");
    refused_at(FIELDS "      b: {number: 1, kind: enum, choices: [x, y, x]}\n", 8, 50,
               "the choice \"x\" is there twice");
    refused_at(FIELDS "      b: {number: 1, kind: text, length_max: 16385}\n", 8, 46,
               "\"length_max\": expected a whole number from 1 to 16384, found \"16385\"");
    refused_at(
        "version: 1\ntypes:\n"
        "  a: {number: 1, class: bulk, circle: path, fields: {b: {number: 1, kind: text}}}\n"
        "  c: {number: 1, class: bulk, circle: path, fields: {b: {number: 1, kind: text}}}\n",
        4, 15, "the type \"a\" has this number already");
}

static void options_belong_to_their_kind(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        FIELDS "      b: {number: 1, kind: text, min: 1}\n",
        FIELDS "      b: {number: 1, kind: integer, choices: [a]}\n",
        FIELDS "      b: {number: 1, kind: boolean, length_max: 1}\n",
        FIELDS "      b: {number: 1, kind: counter, required: true}\n",
        FIELDS "      b: {number: 1, kind: text, requird: true}\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(compile(wrong[i]));
        assert_int_equal(error.line, 8);
        assert_non_null(strstr(error.why, "is not known here"));
    }
    assert_non_null(strstr(error.next, "\"required\""));
    assert_null(compile(FIELDS "      b: {number: 1}\n"));
    assert_non_null(strstr(error.why, "\"kind\" is missing"));
}

static void a_type_must_fit_a_row(void **state)
{
    (void)state;
    struct buffer text = {0};
    const char head[] = FIELDS;
    buffer_append(&text, head, sizeof head - 1);
    for (int i = 1; i <= 20; i++) {
        char line[96];
        int size =
            snprintf(line, sizeof line, "      b%d: {number: %d, kind: enum, choices: [", i, i);
        buffer_append(&text, line, (size_t)size);
        for (int j = 0; j < 256; j++) {
            size = snprintf(line, sizeof line, "x%d,", j);
            buffer_append(&text, line, (size_t)size);
        }
        buffer_append(&text, "]}\n", 3);
    }
    buffer_append_byte(&text, 0);
    assert_null(compile((const char *)text.data));
    assert_string_equal(error.what, "types.yaml:4:5");
    assert_string_equal(error.why, "the type has more names, options and choices than the 4096 "
                                   "values that one row can hold");
    buffer_free(&text);
}

/* ---- rows from elsewhere ---- */

static void write_row(struct buffer *row, uint64_t number, const char *name, uint64_t circle)
{
    mp_write_int(row, 1);
    mp_write_uint(row, number);
    mp_write_int(row, 2);
    mp_write_text(row, name);
    mp_write_int(row, 4);
    mp_write_uint(row, circle);
}

static struct schema *load_rows(struct buffer *rows, size_t count)
{
    struct span spans[4];
    for (size_t i = 0; i < count; i++)
        spans[i] = span_of_buffer(&rows[i]);
    error_clear(&error);
    struct schema *schema = schema_load(1, spans, count, &error);
    for (size_t i = 0; i < count; i++)
        buffer_free(&rows[i]);
    return schema;
}

static void what_a_newer_row_adds_is_ignored_or_unknown(void **state)
{
    (void)state;
    struct buffer rows[4] = {0};
    mp_write_map(&rows[0], 4);
    write_row(&rows[0], 1, "ignored", 1);
    mp_write_int(&rows[0], 40);
    mp_write_text(&rows[0], "of later");
    mp_write_map(&rows[1], 4);
    write_row(&rows[1], 2, "unknown", 1);
    mp_write_int(&rows[1], -9);
    mp_write_bool(&rows[1], true);
    mp_write_map(&rows[2], 3);
    write_row(&rows[2], 3, "circle", 4);
    mp_write_map(&rows[3], 3);
    write_row(&rows[3], 4, "plain", 0);
    struct schema *schema = load_rows(rows, 4);
    assert_non_null(schema);
    assert_int_equal(schema->type_count, 2);
    assert_non_null(schema_type(schema, 1));
    assert_null(schema_type(schema, 2));
    assert_null(schema_type(schema, 3));
    assert_int_equal(schema_type(schema, 4)->circle, CIRCLE_ORIGIN);
    schema_free(schema);
}

static void write_one_field(struct buffer *row, uint64_t kind, uint64_t flags, bool more)
{
    mp_write_map(row, 4);
    write_row(row, 1, "a", 1);
    mp_write_int(row, 5);
    mp_write_array(row, 1);
    mp_write_array(row, more ? 6 : 5);
    mp_write_uint(row, 1);
    mp_write_text(row, "b");
    mp_write_uint(row, kind);
    mp_write_uint(row, flags);
    mp_write_map(row, 0);
    if (more)
        mp_write_nil(row);
}

static void a_newer_field_is_left_out_or_makes_its_type_unknown(void **state)
{
    (void)state;
    static const struct {
        uint64_t kind, flags;
        bool more;
        size_t type_count, field_count;
    } cases[] = {{0, 1, false, 1, 1}, {40, 0, false, 1, 0}, {40, 1, false, 0, 0},
                 {0, 2, false, 1, 1}, {0, 4, false, 1, 1},  {0, 8, false, 0, 0},
                 {0, 0, true, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer row = {0};
        write_one_field(&row, cases[i].kind, cases[i].flags, cases[i].more);
        struct schema *schema = load_rows(&row, 1);
        assert_non_null(schema);
        assert_int_equal(schema->type_count, cases[i].type_count);
        if (schema->type_count > 0)
            assert_int_equal(schema->types[0].field_count, cases[i].field_count);
        schema_free(schema);
    }
}

static void rows_refused(struct buffer *rows, size_t count, const char *why)
{
    assert_null(load_rows(rows, count));
    assert_int_equal(error.code, ERR_MALFORMED);
    assert_string_equal(error.what, "the types document");
    assert_string_equal(error.why, why);
}

static void faulty_rows_are_refused(void **state)
{
    (void)state;
    struct buffer rows[2] = {0};
    mp_write_map(&rows[0], 3);
    write_row(&rows[0], 2, "a", 1);
    mp_write_map(&rows[1], 3);
    write_row(&rows[1], 2, "b", 1);
    rows_refused(rows, 2, "row 2 of 2: the types are not in the order of their numbers");
    mp_write_map(&rows[0], 3);
    write_row(&rows[0], 1, "a", 1);
    mp_write_map(&rows[1], 3);
    write_row(&rows[1], 2, "a", 1);
    rows_refused(rows, 2, "row 2 of 2: two types have one name");
    mp_write_map(&rows[0], 3);
    write_row(&rows[0], 0, "a", 1);
    rows_refused(rows, 1, "row 1 of 1: the type has no number or no name");
    mp_write_map(&rows[0], 3);
    write_row(&rows[0], 1, "a b", 1);
    rows_refused(rows, 1,
                 "row 1 of 1: a name is empty, too long, or has characters that names can't have");
    mp_write_map(&rows[0], 3);
    write_row(&rows[0], 65536, "a", 1);
    rows_refused(rows, 1, "row 1 of 1: the bytes are not in the form of a type");
    mp_write_map(&rows[0], 0);
    buffer_append_byte(&rows[0], 0xc0);
    rows_refused(rows, 1, "row 1 of 1: the bytes are not in the form of a type");
    write_one_field(&rows[0], FIELD_ENUM, 0, false);
    rows_refused(rows, 1, "row 1 of 1: an enum has no choices");
    write_one_field(&rows[0], FIELD_COUNTER, 1, false);
    rows_refused(rows, 1, "row 1 of 1: a counter can't be required");
}

/* Cut anywhere and any byte changed: refused or taken, never a crash or a leak. */
static void damaged_rows_never_crash(void **state)
{
    (void)state;
    struct schema_source *source = compile(plain_types);
    struct span row = span_of_buffer(&source->rows[1]);
    for (size_t size = 0; size < row.size; size++) {
        uint8_t *part = mem_copy(row.data, size);
        struct span span = SPAN(part, size);
        assert_null(schema_load(1, &span, 1, &error));
        free(part);
    }
    for (size_t at = 0; at < row.size; at++) {
        uint8_t *changed = mem_copy(row.data, row.size);
        for (unsigned value = 0; value < 256; value++) {
            changed[at] = (uint8_t)value;
            struct span span = SPAN(changed, row.size);
            schema_free(schema_load(1, &span, 1, &error));
        }
        free(changed);
    }
    schema_source_free(source);
}

/* ---- local writes ---- */

struct fixture {
    struct schema *schema;
    const struct record_type *visit;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.schema = load(plain_types);
    fixture.visit = schema_type(fixture.schema, 9);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    schema_free(fixture->schema);
    return 0;
}

/* A map of names to texts: NAME, TEXT, ..., NULL. */
static void write_texts(struct buffer *fields, const char *const *texts)
{
    uint32_t count = 0;
    while (texts[2 * count] != NULL)
        count++;
    mp_write_map(fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_write_text(fields, texts[i]);
}

static enum error_code encode_texts(const struct record_type *type, bool creating,
                                    struct buffer *body, const char *const *texts)
{
    struct buffer fields = {0};
    write_texts(&fields, texts);
    error_clear(&error);
    buffer_clear(body);
    enum error_code code =
        schema_encode_body(type, span_of_buffer(&fields), creating, body, &error);
    assert_int_equal(code, error.code);
    buffer_free(&fields);
    return code;
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void names_and_texts_become_numbers_and_values(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer body = {0}, expected = {0};
    enum error_code code =
        encode_texts(fixture->visit, true, &body,
                     TEXTS("_deleted", "false", "calls", "-4", "due", "1970-01-02", "open", "true",
                           "note", "n", "kind", "绿色", "level", "40", "title", "t"));
    assert_int_equal(code, ERR_OK);
    mp_write_map(&expected, 8);
    mp_write_int(&expected, 1);
    mp_write_text(&expected, "t");
    mp_write_int(&expected, 2);
    mp_write_int(&expected, 40);
    mp_write_int(&expected, 3);
    mp_write_text(&expected, "绿色");
    mp_write_int(&expected, 4);
    mp_write_array(&expected, 1);
    mp_write_text(&expected, "n");
    mp_write_int(&expected, 5);
    mp_write_bool(&expected, true);
    mp_write_int(&expected, 6);
    mp_write_int(&expected, 86400000);
    mp_write_int(&expected, 7);
    mp_write_int(&expected, -4);
    mp_write_int(&expected, -1);
    mp_write_bool(&expected, false);
    assert_int_equal(body.size, expected.size);
    assert_memory_equal(body.data, expected.data, expected.size);
    assert_int_equal(schema_check_body(fixture->visit, span_of_buffer(&body), true, &error),
                     ERR_OK);
    buffer_free(&expected);
    buffer_free(&body);
}

static void values_of_their_own_kind_are_taken_too(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer fields = {0}, body = {0};
    mp_write_map(&fields, 4);
    mp_write_text(&fields, "level");
    mp_write_int(&fields, -3);
    mp_write_text(&fields, "open");
    mp_write_bool(&fields, false);
    mp_write_text(&fields, "note");
    mp_write_array(&fields, 2);
    mp_write_text(&fields, "a");
    mp_write_text(&fields, "b");
    mp_write_text(&fields, "due");
    mp_write_int(&fields, 5);
    buffer_append_byte(&body, 0xff); /* what stood there stays */
    assert_int_equal(
        schema_encode_body(fixture->visit, span_of_buffer(&fields), false, &body, &error), ERR_OK);
    static const uint8_t expected[] = {0xff, 0x84, 2,   0xfd, 4,    0x92, 0xa1,
                                       'a',  0xa1, 'b', 5,    0xc2, 6,    5};
    assert_int_equal(body.size, sizeof expected);
    assert_memory_equal(body.data, expected, sizeof expected);
    buffer_free(&body);
    buffer_free(&fields);
}

static void times_are_read(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: not a time */
    } times[] = {
        {"0", 0},
        {"-5", -5},
        {"1970-01-01", 0},
        {"2000-02-29T00:00Z", 951782400000},
        {"2025-06-30T18:05:00+08:00", 1751277900000},
        {"2025-06-30 10:05", 1751277900000},
        {"2025-06-30T09:35:00-00:30", 1751277900000},
        {"1969-12-31T23:59:59", -1000},
        {"2001-02-29", -1},
        {"1900-02-29", -1},
        {"2025-13-01", -1},
        {"2025-06-31", -1},
        {"2025-06-30T24:00", -1},
        {"2025-06-30T10:60", -1},
        {"2025-06-30T10:05Zx", -1},
        {"2025-06-30T10:05+8", -1},
        {"2025-6-30", -1},
        {"281474976710656", -1}, /* 2^48 */
        {"", -1},
        {"-", -1},
        {"soon", -1},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct buffer body = {0};
        enum error_code code =
            encode_texts(fixture->visit, false, &body, TEXTS("due", times[i].text));
        if (code != (times[i].ms == -1 ? ERR_INVALID : ERR_OK))
            fail_msg("%s: %s", times[i].text, error.why);
        if (code == ERR_OK) {
            struct mp_reader reader = mp_reader(SPAN(body.data + 2, body.size - 2));
            assert_int_equal(mp_read_int(&reader), times[i].ms);
        }
        buffer_free(&body);
    }
}

static void write_refused(const struct record_type *type, bool creating, const char *const *texts,
                          const char *what, const char *why, const char *next)
{
    struct buffer body = {0};
    assert_int_not_equal(encode_texts(type, creating, &body, texts), ERR_OK);
    assert_string_equal(error.what, what);
    assert_string_equal(error.why, why);
    assert_string_equal(error.next, next);
    assert_int_equal(body.size, 0);
    buffer_free(&body);
}

static void refusals_say_what_why_and_what_next(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    write_refused(visit, true, TEXTS("level", "3"), "the field \"title\" of visit",
                  "it is required and was not given", "give a value for \"title\" and write again");
    write_refused(visit, false, TEXTS("titel", "3"), "the field \"titel\"",
                  "visit has no such field", "did you mean \"title\"?");
    assert_int_equal(error.code, ERR_UNKNOWN_FIELD);
    write_refused(visit, false, TEXTS("weather", "3"), "the field \"weather\"",
                  "visit has no such field", "look at the fields of visit in the signed schema");
    write_refused(visit, false, TEXTS("level", "41"), "the field \"level\" of visit",
                  "expected a whole number from -3 to 40, found \"41\"",
                  "give \"level\" such a value and write again");
    assert_int_equal(error.code, ERR_INVALID);
    write_refused(visit, false, TEXTS("level", "3.5"), "the field \"level\" of visit",
                  "expected a whole number from -3 to 40, found \"3.5\"",
                  "give \"level\" such a value and write again");
    write_refused(visit, false, TEXTS("title", "thirteen bytes"), "the field \"title\" of visit",
                  "expected a text of 1 to 12 bytes, found \"thirteen bytes\"",
                  "give \"title\" such a value and write again");
    write_refused(visit, false, TEXTS("kind", "blue"), "the field \"kind\" of visit",
                  "expected one of red, 绿色, found \"blue\"",
                  "give \"kind\" such a value and write again");
    write_refused(visit, false, TEXTS("open", "yes"), "the field \"open\" of visit",
                  "expected true or false, found \"yes\"",
                  "give \"open\" such a value and write again");
    write_refused(visit, false, TEXTS("note", "longer"), "the field \"note\" of visit",
                  "expected texts of at most 5 bytes each, found \"longer\"",
                  "give \"note\" such a value and write again");
    write_refused(visit, false, TEXTS("_deleted", "maybe"), "the field \"_deleted\" of visit",
                  "expected true or false, found \"maybe\"",
                  "give \"_deleted\" such a value and write again");
    write_refused(visit, false, TEXTS("level", "1", "level", "2"), "the fields of visit",
                  "the field \"level\" is given twice", "");
}

/* At a local write; what others have signed is judged by its form alone. */
static void control_characters_are_not_written(void **state)
{
    static const char *const wrong[] = {"a\x1b[2J", "a\r\n", "\x07", "\x7f", "a\xc2\x9b"};
    static const char *const right[] = {"two\nlines", "a\ttab", "，。", "=1+1", "<b>", "\xc2\xa0"};
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    struct buffer body = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(encode_texts(visit, false, &body, TEXTS("title", wrong[i])), ERR_INVALID);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_int_equal(encode_texts(visit, false, &body, TEXTS("title", right[i])), ERR_OK);
    buffer_free(&body);
    write_refused(visit, false, TEXTS("title", "a\x1b"), "the field \"title\" of visit",
                  "expected a text without control characters, but for line feeds and tabs, "
                  "found \"a?\"",
                  "give \"title\" such a value and write again");
}

static void long_texts_are_quoted_in_part(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    char text[200] = "";
    for (int i = 0; i < 30; i++)
        strcat(text, "村");
    write_refused(visit, false, TEXTS("title", text), "the field \"title\" of visit",
                  "expected a text of 1 to 12 bytes, found "
                  "\"村村村村村村村村村村村村村村村村村村村村...\" of 90 bytes",
                  "give \"title\" such a value and write again");
}

static void hostile_fields_are_refused(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    struct buffer body = {0}, fields = {0};
    assert_int_equal(schema_encode_body(visit, SPAN_EMPTY, false, &body, &error), ERR_INVALID);
    mp_write_array(&fields, 0);
    assert_int_equal(schema_encode_body(visit, span_of_buffer(&fields), false, &body, NULL),
                     ERR_INVALID);
    buffer_clear(&fields);
    mp_write_map(&fields, 400);
    for (int i = 0; i < 400; i++) {
        mp_write_text(&fields, "title");
        mp_write_text(&fields, "x");
    }
    assert_int_equal(schema_encode_body(visit, span_of_buffer(&fields), false, &body, &error),
                     ERR_INVALID);
    assert_string_equal(error.why, "more fields are given than a type can have");
    assert_int_equal(body.size, 0);
    buffer_free(&fields);
    buffer_free(&body);
}

/* ---- bodies from elsewhere ---- */

static enum error_code check_bytes(const struct record_type *type, bool creating,
                                   const uint8_t *bytes, size_t size)
{
    error_clear(&error);
    enum error_code code = schema_check_body(type, SPAN(bytes, size), creating, &error);
    assert_int_equal(error.code, code);
    assert_int_equal(schema_check_body(type, SPAN(bytes, size), creating, NULL), code);
    return code;
}

#define CHECK(creating, ...)                                                                       \
    check_bytes(visit, creating, (const uint8_t[]){__VA_ARGS__},                                   \
                sizeof((const uint8_t[]){__VA_ARGS__}))

static void bodies_from_elsewhere_are_judged(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    assert_int_equal(CHECK(false, 0x80), ERR_OK);
    assert_int_equal(CHECK(true, 0x80), ERR_INVALID);
    assert_string_equal(error.why, "it is required and was not given");
    assert_int_equal(CHECK(true, 0x81, 1, 0xa1, 'x'), ERR_OK);
    assert_int_equal(CHECK(true, 0x81, 2, 5), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 2, 41), ERR_INVALID);
    assert_string_equal(error.why, "expected a whole number from -3 to 40, found a number");
    assert_int_equal(CHECK(false, 0x81, 2, 0xa1, '5'), ERR_INVALID); /* no conversion here */
    assert_int_equal(CHECK(false, 0x81, 3, 0xa3, 'r', 'e', 'd'), ERR_OK);
    assert_int_equal(CHECK(false, 0x81, 3, 0xa3, 'r', 'e', 'x'), ERR_INVALID);
    assert_null(strstr(error.why, "rex")); /* what came from elsewhere isn't quoted */
    assert_int_equal(CHECK(false, 0x81, 4, 0xa1, 'a'), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 4, 0x90), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 4, 0x92, 0xa1, 'a', 5), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 5, 1), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 7, 0xc0), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 0xff, 0xc3), ERR_OK);
    assert_int_equal(CHECK(false, 0x81, 0xff, 1), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x82, 2, 1, 1, 0xa1, 'x'), ERR_INVALID); /* wrong order */
    assert_int_equal(CHECK(false, 0x90), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x80, 0x80), ERR_INVALID);
    assert_int_equal(check_bytes(visit, false, NULL, 0), ERR_INVALID);
}

static void what_this_schema_does_not_know_is_parked(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    assert_int_equal(CHECK(false, 0x81, 8, 1), ERR_PARKED);
    assert_string_equal(error.what, "the field number 8 of visit");
    assert_int_equal(CHECK(true, 0x81, 8, 1), ERR_PARKED);
    assert_int_equal(CHECK(false, 0x82, 2, 41, 8, 1), ERR_PARKED); /* outweighs what is wrong */
    assert_int_equal(CHECK(false, 0x81, 0xfe, 1), ERR_INVALID);    /* a step, and no workflow */
    assert_int_equal(CHECK(false, 0x81, 0xf0, 1), ERR_PARKED);
    assert_int_equal(CHECK(false, 0x82, 8, 1, 2, 1), ERR_INVALID); /* not a body at all */
}

static void removals_name_items_of_lists(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    assert_int_equal(
        CHECK(false, 0x81, 0xfd, 0x91, 0x95, 4, 0xc4, 8, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1, 0), ERR_OK);
    assert_int_equal(
        CHECK(false, 0x81, 0xfd, 0x91, 0x95, 1, 0xc4, 8, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1, 0),
        ERR_INVALID); /* the title is no list */
    assert_int_equal(
        CHECK(false, 0x81, 0xfd, 0x91, 0x95, 4, 0xc4, 8, 0, 1, 2, 3, 4, 5, 6, 7, 1, 0, 0),
        ERR_INVALID); /* n counts from 1 */
    assert_int_equal(CHECK(false, 0x81, 0xfd, 0x90), ERR_INVALID);
    assert_int_equal(CHECK(false, 0x81, 0xfd, 0x91, 0x92, 4, 5), ERR_INVALID);
}

static void only_an_addressed_creation_names_a_seat(void **state)
{
    const struct record_type *visit = ((const struct fixture *)*state)->visit;
    struct schema *schema = load("version: 1\ntypes:\n  a:\n    number: 1\n    class: bulk\n"
                                 "    circle: addressed\n    fields:\n"
                                 "      t: {number: 1, kind: text}\n");
    const struct record_type *type = schema_type(schema, 1);
    struct buffer body = {0};
    assert_int_equal(CHECK(false, 0x81, 0xfc, 0xa1, 'D'), ERR_INVALID);
    buffer_append(&body, (const uint8_t[]){0x82, 1, 0xa1, 'x', 0xff, 0xc2}, 6);
    assert_int_equal(check_bytes(type, true, body.data, body.size), ERR_INVALID); /* names none */
    schema_address_body(&body, span_of_text("D"));
    const uint8_t addressed[] = {0x83, 1, 0xa1, 'x', 0xfc, 0xa1, 'D', 0xff, 0xc2};
    assert_int_equal(body.size, sizeof addressed);
    assert_memory_equal(body.data, addressed, sizeof addressed);
    assert_true(span_equal(schema_body_address(span_of_buffer(&body)), span_of_text("D")));
    assert_int_equal(check_bytes(type, true, body.data, body.size), ERR_OK);
    assert_int_equal(check_bytes(type, false, body.data, body.size), ERR_INVALID);
    assert_int_equal(check_bytes(type, true, (const uint8_t[]){0x81, 0xfc, 0xa0}, 3), ERR_INVALID);
    assert_int_equal(check_bytes(type, true, (const uint8_t[]){0x81, 0xfc, 5}, 3), ERR_INVALID);
    assert_int_equal(schema_body_address(SPAN("\x90", 1)).size, 0);
    buffer_free(&body);
    schema_free(schema);
}

int main(void)
{
#define WITH_TYPES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_come_back_as_written),
        cmocka_unit_test(a_row_has_these_bytes),
        cmocka_unit_test(faults_have_their_place),
        cmocka_unit_test(options_belong_to_their_kind),
        cmocka_unit_test(a_type_must_fit_a_row),
        cmocka_unit_test(what_a_newer_row_adds_is_ignored_or_unknown),
        cmocka_unit_test(a_newer_field_is_left_out_or_makes_its_type_unknown),
        cmocka_unit_test(faulty_rows_are_refused),
        cmocka_unit_test(damaged_rows_never_crash),
        WITH_TYPES(only_an_addressed_creation_names_a_seat),
        WITH_TYPES(names_and_texts_become_numbers_and_values),
        WITH_TYPES(values_of_their_own_kind_are_taken_too),
        WITH_TYPES(times_are_read),
        WITH_TYPES(refusals_say_what_why_and_what_next),
        WITH_TYPES(control_characters_are_not_written),
        WITH_TYPES(long_texts_are_quoted_in_part),
        WITH_TYPES(hostile_fields_are_refused),
        WITH_TYPES(bodies_from_elsewhere_are_judged),
        WITH_TYPES(what_this_schema_does_not_know_is_parked),
        WITH_TYPES(removals_name_items_of_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
