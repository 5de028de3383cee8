/* Fields: kinds, options, and which of them are private. */
#include <stdlib.h>
#include <string.h>

#include "schema/language/parts.h"
#include "schema/type/pattern.h"
#include "schema/type/text_value.h"
#include "schema/type/value.h"

static const char *kind_word(unsigned number)
{
    return field_kind_name((enum field_kind)number);
}

static const char *merge_word(unsigned number)
{
    return merge_rule_name((enum merge_rule)number);
}

/* ---- choices ---- */

static bool add_choice(struct compiling *compiling, struct yaml_node *node, struct span choice,
                       struct field *field)
{
    if (choice.size == 0 || choice.size > CHOICE_BYTES_MAX || !utf8_printable(choice)) {
        yaml_complain(node, "expected a choice: a text of 1 to %d bytes in one line",
                      CHOICE_BYTES_MAX);
        return false;
    }
    if (field_has_choice(field, choice)) {
        yaml_complain(node, "the choice \"%.*s\" is there twice", (int)choice.size,
                      (const char *)choice.data);
        return false;
    }
    field->choices[field->choice_count++] = schema_text(compiling->memory, choice);
    return true;
}

/* NAME: {label, help, ended} */
static void compile_choice(struct compiling *compiling, struct yaml_node *choices, size_t place,
                           struct field *field, struct field_more *more, bool *ended)
{
    struct span name;
    struct yaml_node *node = yaml_map_at(choices, place, &name);
    if (!add_choice(compiling, node, name, field) || yaml_is_nothing(node))
        return;
    compile_labels(compiling, node, &more->choice_labels[place]);
    yaml_get_bool(node, "ended", false, &ended[place]);
    if (ended[place])
        more->choice_ended = ended;
}

/* [red, green], or {red: {label: {zh: 红}}, green: {ended: true}, blue: }. */
static void compile_choices(struct compiling *compiling, struct yaml_node *map, struct field *field,
                            struct field_more *more)
{
    struct yaml_node *choices = yaml_map_get(map, "choices");
    size_t count = yaml_size(choices);
    if (choices == NULL && compiling->state_field.size > 0 &&
        span_equal(compiling->state_field, span_of_text(field->name)))
        return; /* compile_workflow gives it the states */
    if (choices == NULL || (!yaml_is_map(choices) && !yaml_is_list(choices))) {
        yaml_complain(choices == NULL ? map : choices,
                      "an enum has \"choices\": a list of texts, or a map of them");
        return;
    }
    if (count == 0 || count > CHOICES_MAX) {
        yaml_complain(choices, "expected 1 to %d choices, found %zu", CHOICES_MAX, count);
        return;
    }
    bool *ended = schema_alloc(compiling->memory, count);
    field->choices = schema_alloc(compiling->memory, count * sizeof field->choices[0]);
    if (yaml_is_map(choices))
        more->choice_labels =
            schema_alloc(compiling->memory, count * sizeof more->choice_labels[0]);
    for (size_t i = 0; i < count; i++) {
        if (yaml_is_map(choices)) {
            compile_choice(compiling, choices, i, field, more, ended);
            continue;
        }
        struct yaml_node *node = yaml_list_at(choices, i);
        add_choice(compiling, node, yaml_is_text(node) ? yaml_text(node) : SPAN_EMPTY, field);
    }
}

/* ---- options ---- */

/* A bound, as the field's values are written. */
static void compile_bound(struct yaml_node *map, const char *key, const struct field *field,
                          int64_t *value)
{
    struct yaml_node *node = yaml_map_get(map, key);
    struct span text = yaml_text(node);
    struct buffer written = {0};
    char expected[200];
    if (node == NULL)
        return;
    if (field_of_text(field, text, &written)) {
        struct mp_reader reader = mp_reader(span_of_buffer(&written));
        *value = mp_read_int(&reader);
    } else if (field->kind == FIELD_INTEGER) {
        yaml_complain(node, "expected a whole number of at most 63 bits, found \"%.*s\"",
                      text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
    } else {
        field_expects(field, expected, sizeof expected);
        yaml_complain(node, "expected %s, found \"%.*s\"", expected,
                      text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
    }
    buffer_free(&written);
}

static void compile_bounds(struct yaml_node *map, struct field *field)
{
    int64_t min = INT64_MIN, max = INT64_MAX;
    compile_bound(map, "min", field, &min);
    compile_bound(map, "max", field, &max);
    if (min > max)
        yaml_complain(map, "min is above max: no number would be taken");
    field->min = min;
    field->max = max;
}

/* The type that a record field names, by the number that stands at its name. */
static void compile_refers(struct compiling *compiling, struct yaml_node *map, struct field *field)
{
    struct yaml_node *node = yaml_map_get(map, "of");
    const char *known[TYPES_MAX];
    size_t count = yaml_size(compiling->types);
    if (node == NULL)
        return;
    for (size_t i = 0; i < count && i < TYPES_MAX; i++) {
        struct span name;
        uint64_t number = 0;
        struct yaml_node *type = yaml_map_at(compiling->types, i, &name);
        known[i] = schema_text(compiling->memory, name);
        if (!span_equal(name, yaml_text(node)))
            continue;
        yaml_get_uint(type, "number", true, 1, UINT16_MAX, &number);
        field->refers = (uint16_t)number;
        return;
    }
    yaml_complain_word(node, "a type of this file", known, count < TYPES_MAX ? count : TYPES_MAX);
}

static void compile_length(struct yaml_node *map, struct field *field)
{
    uint64_t length_max = TEXT_BYTES_MAX;
    yaml_get_uint(map, "length_max", false, 1, TEXT_BYTES_MAX, &length_max);
    field->length_max = (uint32_t)length_max;
}

static void compile_pattern(struct compiling *compiling, struct yaml_node *map,
                            struct field_more *more)
{
    char why[PATTERN_WHY_BYTES];
    more->pattern = compile_line(compiling, map, "pattern", PATTERN_BYTES_MAX);
    if (more->pattern != NULL && !pattern_good(more->pattern, why))
        yaml_complain(yaml_map_get(map, "pattern"), "the pattern isn't one: %s", why);
}

static void compile_scale(struct yaml_node *map, struct field *field)
{
    uint64_t scale = 0;
    yaml_get_uint(map, "scale", true, 0, SCALE_MAX, &scale);
    field->scale = (uint8_t)scale;
}

static void compile_kind(struct compiling *compiling, struct yaml_node *map, struct field *field,
                         struct field_more *more)
{
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_LIST:
        compile_length(map, field);
        compile_pattern(compiling, map, more);
        break;
    case FIELD_DECIMAL: compile_scale(map, field); /* its bounds are read by it */ /* fallthrough */
    case FIELD_INTEGER:
    case FIELD_DATE:
    case FIELD_TIME: compile_bounds(map, field); break;
    case FIELD_ENUM: compile_choices(compiling, map, field, more); break;
    case FIELD_RECORD: compile_refers(compiling, map, field); break;
    case FIELD_BOOLEAN:
    case FIELD_COUNTER:
    case FIELD_SEAT:
    case FIELD_DIGEST:
    case FIELD_KIND_COUNT: break;
    }
    if (field_is_number(field->kind) || field->kind == FIELD_COUNTER)
        more->unit = compile_line(compiling, map, "unit", UNIT_BYTES_MAX);
}

static void compile_default(struct compiling *compiling, struct yaml_node *map,
                            const struct field *field, struct field_more *more)
{
    struct yaml_node *node = yaml_map_get(map, "default");
    struct span text = yaml_text(node);
    struct buffer value = {0};
    char expected[200];
    if (node == NULL)
        return;
    if (yaml_is_text(node) && field_of_text(field, text, &value) &&
        field_takes(field, span_of_buffer(&value)) &&
        (more->pattern == NULL || pattern_matches(more->pattern, text))) {
        uint8_t *copy = schema_alloc(compiling->memory, value.size);
        memcpy(copy, value.data, value.size);
        more->standard = SPAN(copy, value.size);
    } else {
        field_expects(field, expected, sizeof expected);
        yaml_complain(node, "the default isn't a value of this field: expected %s%s%s", expected,
                      more->pattern == NULL ? "" : " that matches ",
                      more->pattern == NULL ? "" : more->pattern);
    }
    buffer_free(&value);
}

/* What any kind may have, and what lists and counters may not. */
static void compile_common(struct compiling *compiling, struct yaml_node *map, struct field *field,
                           struct field_more *more)
{
    field->more = more;
    yaml_get_bool(map, "personal", false, &field->personal);
    yaml_get_bool(map, "ended", false, &field->ended);
    compile_labels(compiling, map, &more->labels);
    if (field->kind != FIELD_COUNTER)
        yaml_get_bool(map, "required", false, &field->required);
    if (field->kind == FIELD_COUNTER || field->kind == FIELD_LIST)
        return;
    field->merge = (enum merge_rule)compile_word(map, "merge", MERGE_LAST, MERGE_COUNT, merge_word);
    if (!merge_fits(field))
        yaml_complain(yaml_map_get(map, "merge"),
                      "max and min are for whole numbers, decimals, dates and times");
    compile_default(compiling, map, field, more);
}

/* ---- a field ---- */

static const struct field *numbered(const struct record_type *type, uint64_t number)
{
    for (size_t i = 0; i < type->field_count && number > 0; i++) {
        if (type->fields[i].number == (int32_t)number)
            return &type->fields[i];
    }
    return NULL;
}

static void compile_field(struct compiling *compiling, struct yaml_node *map, struct span name,
                          struct record_type *type, struct record_type *companion)
{
    if (!compile_name(map, name))
        return;
    uint64_t number = 0;
    bool private = false;
    yaml_get_uint(map, "number", true, 1, FIELD_NUMBER_MAX, &number);
    yaml_get_bool(map, "private", false, &private);
    const struct field *same = numbered(type, number);
    same = same == NULL ? numbered(companion, number) : same;
    if (same != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the field \"%s\" has this number already",
                      same->name);
    struct record_type *where = private ? companion : type;
    struct field *field = &where->fields[where->field_count++];
    struct field_more *more = schema_alloc(compiling->memory, sizeof *more);
    field->number = (int32_t)number;
    field->name = schema_text(compiling->memory, name);
    field->length_max = TEXT_BYTES_MAX;
    field->min = INT64_MIN;
    field->max = INT64_MAX;
    field->more = more;
    field->kind =
        (enum field_kind)compile_word(map, "kind", FIELD_KIND_COUNT, FIELD_KIND_COUNT, kind_word);
    compile_kind(compiling, map, field, more);
    compile_common(compiling, map, field, more);
}

static int field_compare(const void *a_bytes, const void *b_bytes)
{
    const struct field *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

void compile_fields(struct compiling *compiling, struct yaml_node *map, struct record_type *type,
                    struct record_type *companion)
{
    struct yaml_node *fields = NULL;
    if (!yaml_get_map(map, "fields", true, &fields))
        return;
    size_t count = yaml_size(fields);
    if (count == 0 || count > FIELDS_MAX) {
        yaml_complain(fields, "expected 1 to %d fields, found %zu", FIELDS_MAX, count);
        return;
    }
    type->fields = schema_alloc(compiling->memory, count * sizeof type->fields[0]);
    companion->fields = schema_alloc(compiling->memory, count * sizeof companion->fields[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(fields, i, &name);
        compile_field(compiling, node, name, type, companion);
    }
    if (type->field_count == 0 && companion->field_count > 0)
        yaml_complain(fields, "all fields are private: a type has at least one that isn't");
    qsort(type->fields, type->field_count, sizeof type->fields[0], field_compare);
    qsort(companion->fields, companion->field_count, sizeof companion->fields[0], field_compare);
    compile_derived(compiling, fields, type);
}
