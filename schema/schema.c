/* Types as every node holds them, loaded from the rows of the signed types document.
 *
 * A row may come from a newer version. What it adds as a field >= 0 is ignored; what must be
 * understood and isn't (a negative field, a kind or class that is not known) makes that type
 * unknown here and leaves all others as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "schema/type_row.h"

static const char *const circle_names[] = {"origin", "path", "subtree", "addressed"};
static const char *const class_names[CLASS_COUNT] = {"urgent", "normal", "bulk"};
static const char *const kind_names[FIELD_KIND_COUNT] = {"text", "integer", "boolean", "time",
                                                         "enum", "list",    "counter"};

const char *circle_name(enum circle_rule circle)
{
    return circle_names[circle];
}

const char *class_name(enum record_class class)
{
    return class_names[class];
}

const char *field_kind_name(enum field_kind kind)
{
    return kind_names[kind];
}

bool field_has_length(enum field_kind kind)
{
    return kind == FIELD_TEXT || kind == FIELD_LIST;
}

char *text_of_span(struct span text)
{
    char *copy = mem_alloc(text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

bool schema_name_good(struct span name)
{
    if (name.size == 0 || name.size > FIELD_NAME_BYTES_MAX || !utf8_printable(name))
        return false;
    if (name.data[0] == '_' || name.data[0] == '-')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte >= 0x80;
        if (!word)
            return false;
    }
    return true;
}

static void field_clear(struct field *field)
{
    for (size_t i = 0; i < field->choice_count; i++)
        free(field->choices[i]);
    free(field->choices);
    free(field->name);
}

void record_type_clear(struct record_type *type)
{
    for (size_t i = 0; i < type->field_count; i++)
        field_clear(&type->fields[i]);
    free(type->fields);
    free(type->name);
    free(type->closed_choice);
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; i < schema->type_count; i++)
        record_type_clear(&schema->types[i]);
    free(schema->types);
    free(schema);
}

/* ---- lookups ---- */

const struct record_type *schema_type(const struct schema *schema, uint16_t number)
{
    for (size_t i = 0; i < schema->type_count; i++) {
        if (schema->types[i].number == number)
            return &schema->types[i];
    }
    return NULL;
}

const struct record_type *schema_type_named(const struct schema *schema, struct span name)
{
    for (size_t i = 0; i < schema->type_count; i++) {
        if (span_equal(span_of_text(schema->types[i].name), name))
            return &schema->types[i];
    }
    return NULL;
}

const struct record_type *schema_find_type(const struct schema *schema, struct span name,
                                           struct error *error)
{
    const struct record_type *type = schema == NULL ? NULL : schema_type_named(schema, name);
    const char *known[TYPES_MAX];
    char list[160] = "none";
    size_t count = schema == NULL ? 0 : schema->type_count, used = 0;
    if (type != NULL)
        return type;
    for (size_t i = 0; i < count; i++) {
        known[i] = schema->types[i].name;
        if (used + strlen(known[i]) + 3 < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                     known[i]);
    }
    error_set(error, ERR_UNKNOWN_TYPE, "type", "there is no type \"%.*s\" in the signed schema",
              name.size > 64 ? 64 : (int)name.size, (const char *)name.data);
    const char *nearest = nearest_word(name, known, count);
    if (nearest != NULL)
        error_next(error, "did you mean \"%s\"?", nearest);
    else
        error_next(error, "the types are: %s", list);
    return NULL;
}

const struct field *type_field(const struct record_type *type, int32_t number)
{
    size_t low = 0, high = type->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (type->fields[middle].number == number)
            return &type->fields[middle];
        if (type->fields[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct field *type_field_named(const struct record_type *type, struct span name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const char *known = type->fields[i].name;
        if (name.size > 0 && known[0] == (char)name.data[0] &&
            span_equal(span_of_text(known), name))
            return &type->fields[i];
    }
    return NULL;
}

/* ---- reading a row ---- */

/* One row being read: `why` is its first fault. */
struct type_reader {
    struct mp_reader mp;
    bool unknown;
    const char *why;
};

static void fault(struct type_reader *reader, const char *why)
{
    if (reader->why == NULL)
        reader->why = why;
    mp_fail(&reader->mp);
}

static char *read_name(struct type_reader *reader)
{
    struct span name = mp_read_str(&reader->mp);
    if (reader->mp.failed)
        return NULL;
    if (!schema_name_good(name)) {
        fault(reader, "a name is empty, too long, or has characters that names can't have");
        return NULL;
    }
    return text_of_span(name);
}

/* A number below `count`; one above it belongs to a newer version. */
static unsigned read_kind(struct type_reader *reader, unsigned count)
{
    uint64_t kind = mp_read_uint(&reader->mp);
    if (kind < count)
        return (unsigned)kind;
    reader->unknown = true;
    return 0;
}

static bool choice_known(const struct field *field, struct span choice)
{
    for (size_t i = 0; i < field->choice_count; i++) {
        if (span_equal(span_of_text(field->choices[i]), choice))
            return true;
    }
    return false;
}

static void read_choices(struct type_reader *reader, struct field *field)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > CHOICES_MAX) {
        fault(reader, "a field has too many choices");
        return;
    }
    field->choices = mem_alloc((count + 1) * sizeof field->choices[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct span choice = mp_read_str(&reader->mp);
        if (choice.size == 0 || choice.size > CHOICE_BYTES_MAX || !utf8_printable(choice) ||
            choice_known(field, choice)) {
            fault(reader, "a choice is empty, too long, not printable, or there twice");
            return;
        }
        field->choices[field->choice_count++] = text_of_span(choice);
    }
}

static void read_options(struct type_reader *reader, struct field *field)
{
    struct mp_fields options = mp_fields(&reader->mp);
    int32_t key;
    while (mp_field(&reader->mp, &options, &key)) {
        if (key == FIELD_OPTION_LENGTH) {
            field->length_max = (uint32_t)mp_read_uint_max(&reader->mp, TEXT_BYTES_MAX);
        } else if (key == FIELD_OPTION_MIN) {
            field->min = mp_read_int(&reader->mp);
        } else if (key == FIELD_OPTION_MAX) {
            field->max = mp_read_int(&reader->mp);
        } else if (key == FIELD_OPTION_CHOICES) {
            read_choices(reader, field);
        } else {
            reader->unknown = reader->unknown || key < 0;
            mp_read_any(&reader->mp);
        }
    }
}

static void check_field(struct type_reader *reader, const struct record_type *type,
                        const struct field *field)
{
    const struct field *before = type->field_count > 1 ? field - 1 : NULL;
    if (reader->mp.failed || reader->unknown)
        return;
    if (before != NULL && field->number <= before->number)
        fault(reader, "the fields are not in the order of their numbers");
    else if (type_field_named(type, span_of_text(field->name)) != field)
        fault(reader, "two fields have one name");
    else if (field->min > field->max)
        fault(reader, "a field's least value is above its greatest");
    else if (field->kind == FIELD_ENUM && field->choice_count == 0)
        fault(reader, "an enum has no choices");
    else if (field_has_length(field->kind) && field->length_max == 0)
        fault(reader, "a text has no room");
    else if (field->kind == FIELD_COUNTER && field->required)
        fault(reader, "a counter can't be required");
}

static void read_field(struct type_reader *reader, struct record_type *type)
{
    struct field *field = &type->fields[type->field_count];
    uint32_t elements = mp_read_array(&reader->mp);
    if (elements < 5) {
        fault(reader, "a field has fewer parts than it must");
        return;
    }
    field->length_max = TEXT_BYTES_MAX;
    field->min = INT64_MIN;
    field->max = INT64_MAX;
    field->number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    field->name = read_name(reader);
    if (field->name == NULL)
        return;
    type->field_count++; /* from here on the type frees it */
    if (field->number == 0)
        fault(reader, "a field has the number 0");
    field->kind = (enum field_kind)read_kind(reader, FIELD_KIND_COUNT);
    uint64_t flags = mp_read_uint(&reader->mp);
    field->required = (flags & FIELD_FLAG_REQUIRED) != 0;
    reader->unknown = reader->unknown || flags > FIELD_FLAG_REQUIRED || elements > 5;
    read_options(reader, field);
    for (uint32_t i = 5; i < elements && !reader->mp.failed; i++)
        mp_read_any(&reader->mp);
    check_field(reader, type, field);
}

static void read_type_fields(struct type_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > FIELDS_MAX) {
        fault(reader, "a type has too many fields");
        return;
    }
    type->fields = mem_alloc((count + 1) * sizeof type->fields[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++)
        read_field(reader, type);
}

static void read_rollups(struct type_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        if (mp_read_uint(&reader->mp) == ROLLUP_RECORDS)
            type->counted = true;
    }
}

/* Stands behind the fields: the one that it names is known. */
static void read_closed(struct type_reader *reader, struct record_type *type)
{
    uint32_t parts = mp_read_array(&reader->mp);
    int32_t number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    struct span choice = parts == 2 ? mp_read_str(&reader->mp) : SPAN_EMPTY;
    const struct field *field = reader->mp.failed ? NULL : type_field(type, number);
    if (parts < 1 || parts > 2 || field == NULL || type->closed_by != 0 ||
        (parts == 1
             ? field->kind != FIELD_BOOLEAN
             : choice.size == 0 || (field->kind == FIELD_ENUM ? !choice_known(field, choice)
                                                              : field->kind != FIELD_TEXT))) {
        fault(reader, "what closes a record is no boolean field of its type, nor a value of an "
                      "enum or a text");
        return;
    }
    type->closed_by = number;
    type->closed_choice = parts == 2 ? text_of_span(choice) : NULL;
}

static void read_type_part(struct type_reader *reader, struct record_type *type, int32_t key)
{
    if (key == TYPE_ROW_NUMBER) {
        type->number = (uint16_t)mp_read_uint_max(&reader->mp, UINT16_MAX);
    } else if (key == TYPE_ROW_NAME) {
        type->name = read_name(reader);
    } else if (key == TYPE_ROW_CLASS) {
        type->class = (enum record_class)read_kind(reader, CLASS_COUNT);
    } else if (key == TYPE_ROW_CIRCLE) {
        type->circle = (enum circle_rule)read_kind(reader, CIRCLE_COUNT);
    } else if (key == TYPE_ROW_FIELDS) {
        read_type_fields(reader, type);
    } else if (key == TYPE_ROW_ROLLUPS) {
        read_rollups(reader, type);
    } else if (key == TYPE_ROW_CLOSED) {
        read_closed(reader, type);
    } else {
        reader->unknown = reader->unknown || key < 0;
        mp_read_any(&reader->mp);
    }
}

/* NULL, or what is wrong with the row. */
static const char *read_type(struct span row, struct record_type *type, bool *unknown)
{
    struct type_reader reader = {.mp = mp_reader(row)};
    struct mp_fields parts = mp_fields(&reader.mp);
    int32_t key;
    while (mp_field(&reader.mp, &parts, &key))
        read_type_part(&reader, type, key);
    mp_read_end(&reader.mp);
    *unknown = reader.unknown;
    if (reader.mp.failed)
        return reader.why != NULL ? reader.why : "the bytes are not in the form of a type";
    if (reader.unknown)
        return NULL;
    if (type->number == 0 || type->name == NULL)
        return "the type has no number or no name";
    return NULL;
}

static const char *load_row(struct schema *schema, struct span row)
{
    struct record_type type = {0};
    bool unknown;
    const char *why = read_type(row, &type, &unknown);
    if (why == NULL && !unknown) {
        const struct record_type *last =
            schema->type_count > 0 ? &schema->types[schema->type_count - 1] : NULL;
        if (last != NULL && type.number <= last->number)
            why = "the types are not in the order of their numbers";
        else if (schema_type_named(schema, span_of_text(type.name)) != NULL)
            why = "two types have one name";
    }
    if (why == NULL && !unknown)
        schema->types[schema->type_count++] = type;
    else
        record_type_clear(&type);
    return why;
}

struct schema *schema_load(uint32_t version, const struct span *rows, size_t row_count,
                           struct error *error)
{
    if (row_count > TYPES_MAX) {
        error_set(error, ERR_OVERSIZE, "the types document", "it has %zu types, the most is %d",
                  row_count, TYPES_MAX);
        return NULL;
    }
    struct schema *schema = mem_alloc(sizeof *schema);
    schema->version = version;
    schema->types = mem_alloc((row_count + 1) * sizeof schema->types[0]);
    for (size_t i = 0; i < row_count; i++) {
        const char *why = load_row(schema, rows[i]);
        if (why == NULL)
            continue;
        error_set(error, ERR_MALFORMED, "the types document", "row %zu of %zu: %s", i + 1,
                  row_count, why);
        error_next(error, "compile the types again from their YAML file, then sign them again");
        schema_free(schema);
        return NULL;
    }
    return schema;
}
