/* From the YAML that people write to the rows of a types document.
 *
 *      version: 1
 *      types:
 *        incident:
 *          number: 2
 *          class: normal            urgent, normal, bulk
 *          circle: path             origin, path, subtree, addressed
 *          counted: true
 *          closed_by: level=low     a boolean field, or a choice: such a record is closed
 *          fields:
 *            title: {number: 1, kind: text, required: true, length_max: 200}
 *            level: {number: 2, kind: enum, choices: [low, high]}
 *
 * Types and fields may stand in any order; rows are sorted by number. Every fault is reported
 * with the line and column of what is wrong. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "schema/text_value.h"
#include "schema/type_row.h"

/* One of `count` words; complains and gives 0 if it is none of them. */
static unsigned compile_word(struct yaml_node *map, const char *key, unsigned count,
                             const char *(*name_of)(unsigned))
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(map, key, true, &text))
        return 0;
    char words[120] = "";
    for (unsigned i = 0; i < count; i++) {
        if (span_equal(text, span_of_text(name_of(i))))
            return i;
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i > 0 ? ", " : "", name_of(i));
    }
    yaml_complain(yaml_map_get(map, key), "expected one of %s, found \"%.*s\"", words,
                  text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
    return 0;
}

static const char *class_word(unsigned number)
{
    return class_name((enum record_class)number);
}

static const char *circle_word(unsigned number)
{
    return circle_name((enum circle_rule)number);
}

static const char *kind_word(unsigned number)
{
    return field_kind_name((enum field_kind)number);
}

/* A whole number with a sign. */
static void compile_integer(struct yaml_node *map, const char *key, int64_t *value)
{
    struct yaml_node *node = yaml_map_get(map, key);
    struct span text = yaml_text(node);
    if (node == NULL)
        return;
    int64_t number;
    if (schema_integer_of_text(text, &number))
        *value = number;
    else
        yaml_complain(node, "expected a whole number of at most 63 bits, found \"%.*s\"",
                      text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
}

static void compile_choice(struct yaml_node *node, struct field *field)
{
    struct span choice = yaml_text(node);
    if (!yaml_is_text(node) || choice.size == 0 || choice.size > CHOICE_BYTES_MAX ||
        !utf8_printable(choice)) {
        yaml_complain(node, "expected a choice: a text of 1 to %d bytes in one line",
                      CHOICE_BYTES_MAX);
        return;
    }
    for (size_t i = 0; i < field->choice_count; i++) {
        if (span_equal(span_of_text(field->choices[i]), choice)) {
            yaml_complain(node, "the choice \"%s\" is there twice", field->choices[i]);
            return;
        }
    }
    field->choices[field->choice_count++] = text_of_span(choice);
}

static void compile_choices(struct yaml_node *map, struct field *field)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(map, "choices", true, &list))
        return;
    size_t count = yaml_size(list);
    if (count == 0 || count > CHOICES_MAX) {
        yaml_complain(list, "expected 1 to %d choices, found %zu", CHOICES_MAX, count);
        return;
    }
    field->choices = mem_alloc(count * sizeof field->choices[0]);
    for (size_t i = 0; i < count; i++)
        compile_choice(yaml_list_at(list, i), field);
}

static void compile_options(struct yaml_node *map, struct field *field)
{
    field->length_max = TEXT_BYTES_MAX;
    field->min = INT64_MIN;
    field->max = INT64_MAX;
    if (field_has_length(field->kind)) {
        uint64_t length_max = TEXT_BYTES_MAX;
        yaml_get_uint(map, "length_max", false, 1, TEXT_BYTES_MAX, &length_max);
        field->length_max = (uint32_t)length_max;
    }
    if (field->kind == FIELD_INTEGER) {
        compile_integer(map, "min", &field->min);
        compile_integer(map, "max", &field->max);
        if (field->min > field->max)
            yaml_complain(map, "min is above max: no number would be taken");
    }
    if (field->kind == FIELD_ENUM)
        compile_choices(map, field);
    if (field->kind != FIELD_COUNTER)
        yaml_get_bool(map, "required", false, &field->required);
}

static bool check_name(struct yaml_node *node, struct span name)
{
    if (schema_name_good(name))
        return true;
    yaml_complain(node,
                  "\"%.*s\" can't be a name: 1 to %d bytes, letters, digits, - and _, the first "
                  "a letter or a digit",
                  name.size > 60 ? 60 : (int)name.size, (const char *)name.data,
                  FIELD_NAME_BYTES_MAX);
    return false;
}

static void compile_field(struct yaml_node *map, struct span name, struct record_type *type)
{
    if (!check_name(map, name))
        return;
    uint64_t number = 0;
    yaml_get_uint(map, "number", true, 1, FIELD_NUMBER_MAX, &number);
    const struct field *same = NULL;
    for (size_t i = 0; i < type->field_count && number > 0; i++) {
        if (type->fields[i].number == (int32_t)number)
            same = &type->fields[i];
    }
    if (same != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the field \"%s\" has this number already",
                      same->name);
    struct field *field = &type->fields[type->field_count++];
    field->number = (int32_t)number;
    field->name = text_of_span(name);
    field->kind = (enum field_kind)compile_word(map, "kind", FIELD_KIND_COUNT, kind_word);
    compile_options(map, field);
}

static int field_compare(const void *a_bytes, const void *b_bytes)
{
    const struct field *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

static void compile_fields(struct yaml_node *map, struct record_type *type)
{
    struct yaml_node *fields = NULL;
    if (!yaml_get_map(map, "fields", true, &fields))
        return;
    size_t count = yaml_size(fields);
    if (count == 0 || count > FIELDS_MAX) {
        yaml_complain(fields, "expected 1 to %d fields, found %zu", FIELDS_MAX, count);
        return;
    }
    type->fields = mem_alloc(count * sizeof type->fields[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(fields, i, &name);
        compile_field(node, name, type);
    }
    qsort(type->fields, type->field_count, sizeof type->fields[0], field_compare);
}

static bool has_choice(const struct field *field, struct span choice)
{
    for (size_t i = 0; i < field->choice_count; i++) {
        if (span_equal(span_of_text(field->choices[i]), choice))
            return true;
    }
    return false;
}

/* FIELD of a boolean, or FIELD=VALUE of an enum or a text. */
static void compile_closed(struct yaml_node *map, struct record_type *type)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(map, "closed_by", false, &text) || text.size == 0)
        return;
    const uint8_t *equals = memchr(text.data, '=', text.size);
    size_t size = equals == NULL ? text.size : (size_t)(equals - text.data);
    struct span choice = equals == NULL ? SPAN_EMPTY : SPAN(equals + 1, text.size - size - 1);
    const struct field *field = type_field_named(type, SPAN(text.data, size));
    bool fits = field != NULL && equals == NULL && field->kind == FIELD_BOOLEAN;
    if (field != NULL && equals != NULL && choice.size > 0)
        fits = field->kind == FIELD_ENUM ? has_choice(field, choice) : field->kind == FIELD_TEXT;
    if (!fits) {
        yaml_complain(yaml_map_get(map, "closed_by"),
                      "expected a boolean field of this type, or FIELD=VALUE of an enum or a "
                      "text, found \"%.*s\"",
                      text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
        return;
    }
    type->closed_by = field->number;
    type->closed_choice = equals == NULL ? NULL : text_of_span(choice);
}

static void compile_type(struct yaml_node *map, struct span name, struct schema *schema)
{
    if (!check_name(map, name))
        return;
    uint64_t number = 0;
    yaml_get_uint(map, "number", true, 1, UINT16_MAX, &number);
    const struct record_type *same = number > 0 ? schema_type(schema, (uint16_t)number) : NULL;
    if (same != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the type \"%s\" has this number already",
                      same->name);
    struct record_type *type = &schema->types[schema->type_count++];
    type->number = (uint16_t)number;
    type->name = text_of_span(name);
    type->class = (enum record_class)compile_word(map, "class", CLASS_COUNT, class_word);
    type->circle = (enum circle_rule)compile_word(map, "circle", CIRCLE_COUNT, circle_word);
    yaml_get_bool(map, "counted", false, &type->counted);
    compile_fields(map, type);
    compile_closed(map, type);
}

static int type_compare(const void *a_bytes, const void *b_bytes)
{
    const struct record_type *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

/* ---- rows ---- */

static uint32_t option_count(const struct field *field)
{
    return (field->length_max != TEXT_BYTES_MAX ? 1u : 0u) + (field->min != INT64_MIN ? 1u : 0u) +
           (field->max != INT64_MAX ? 1u : 0u) + (field->choice_count > 0 ? 1u : 0u);
}

static void write_options(struct buffer *row, const struct field *field)
{
    mp_write_map(row, option_count(field));
    if (field->length_max != TEXT_BYTES_MAX) {
        mp_write_uint(row, FIELD_OPTION_LENGTH);
        mp_write_uint(row, field->length_max);
    }
    if (field->min != INT64_MIN) {
        mp_write_uint(row, FIELD_OPTION_MIN);
        mp_write_int(row, field->min);
    }
    if (field->max != INT64_MAX) {
        mp_write_uint(row, FIELD_OPTION_MAX);
        mp_write_int(row, field->max);
    }
    if (field->choice_count > 0) {
        mp_write_uint(row, FIELD_OPTION_CHOICES);
        mp_write_array(row, (uint32_t)field->choice_count);
        for (size_t i = 0; i < field->choice_count; i++)
            mp_write_text(row, field->choices[i]);
    }
}

static void write_field(struct buffer *row, const struct field *field)
{
    mp_write_array(row, 5);
    mp_write_uint(row, (uint64_t)field->number);
    mp_write_text(row, field->name);
    mp_write_uint(row, (uint64_t)field->kind);
    mp_write_uint(row, field->required ? FIELD_FLAG_REQUIRED : 0);
    write_options(row, field);
}

static void write_type(struct buffer *row, const struct record_type *type)
{
    mp_write_map(row, 5U + type->counted + (type->closed_by != 0));
    mp_write_uint(row, TYPE_ROW_NUMBER);
    mp_write_uint(row, type->number);
    mp_write_uint(row, TYPE_ROW_NAME);
    mp_write_text(row, type->name);
    mp_write_uint(row, TYPE_ROW_CLASS);
    mp_write_uint(row, (uint64_t)type->class);
    mp_write_uint(row, TYPE_ROW_CIRCLE);
    mp_write_uint(row, (uint64_t)type->circle);
    mp_write_uint(row, TYPE_ROW_FIELDS);
    mp_write_array(row, (uint32_t)type->field_count);
    for (size_t i = 0; i < type->field_count; i++)
        write_field(row, &type->fields[i]);
    if (type->counted) {
        mp_write_uint(row, TYPE_ROW_ROLLUPS);
        mp_write_array(row, 1);
        mp_write_uint(row, ROLLUP_RECORDS);
    }
    if (type->closed_by != 0) {
        mp_write_uint(row, TYPE_ROW_CLOSED);
        mp_write_array(row, type->closed_choice == NULL ? 1 : 2);
        mp_write_uint(row, (uint64_t)type->closed_by);
        if (type->closed_choice != NULL)
            mp_write_text(row, type->closed_choice);
    }
}

/* One type: complains if its row would pass the bounds of a document's row. */
static void check_row_size(struct yaml_node *map, const struct record_type *type)
{
    struct buffer row = {0};
    write_type(&row, type);
    if (row.size > DOCUMENT_ROW_BYTES_MAX)
        yaml_complain(map, "the type takes %zu bytes, the most is %d", row.size,
                      DOCUMENT_ROW_BYTES_MAX);
    else if (!mp_valid(span_of_buffer(&row)))
        yaml_complain(map,
                      "the type has more names, options and choices than the %d values that "
                      "one row can hold",
                      VALUE_ITEMS_MAX);
    buffer_free(&row);
}

static void compile_types(struct yaml_node *root, struct schema *schema)
{
    struct yaml_node *types = NULL;
    if (!yaml_get_map(root, "types", true, &types))
        return;
    size_t count = yaml_size(types);
    if (count == 0 || count > TYPES_MAX) {
        yaml_complain(types, "expected 1 to %d types, found %zu", TYPES_MAX, count);
        return;
    }
    schema->types = mem_alloc(count * sizeof schema->types[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(types, i, &name);
        size_t before = schema->type_count;
        compile_type(node, name, schema);
        if (schema->type_count > before)
            check_row_size(node, &schema->types[before]);
    }
    qsort(schema->types, schema->type_count, sizeof schema->types[0], type_compare);
}

static struct schema_source *source_of(const struct schema *schema)
{
    struct schema_source *source = mem_alloc(sizeof *source);
    source->version = schema->version;
    source->row_count = schema->type_count;
    source->rows = mem_alloc((schema->type_count + 1) * sizeof source->rows[0]);
    for (size_t i = 0; i < schema->type_count; i++)
        write_type(&source->rows[i], &schema->types[i]);
    return source;
}

struct schema_source *schema_compile(struct span text, const char *file_name, struct error *error)
{
    struct yaml *yaml = yaml_parse(text, file_name, error);
    if (yaml == NULL)
        return NULL;
    struct schema *schema = mem_alloc(sizeof *schema);
    struct schema_source *source = NULL;
    uint64_t version = 0;
    yaml_get_uint(yaml_root(yaml), "version", true, 1, UINT32_MAX, &version);
    schema->version = (uint32_t)version;
    compile_types(yaml_root(yaml), schema);
    if (yaml_finish(yaml, error))
        source = source_of(schema);
    schema_free(schema);
    yaml_free(yaml);
    return source;
}

void schema_source_free(struct schema_source *source)
{
    if (source == NULL)
        return;
    for (size_t i = 0; i < source->row_count; i++)
        buffer_free(&source->rows[i]);
    free(source->rows);
    free(source);
}
