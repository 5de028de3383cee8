/* From the YAML that people write to the rows of a types document. docs/schema.md teaches it.
 *
 *      version: 1
 *      types:
 *        incident:
 *          number: 2
 *          class: normal            urgent, normal, bulk
 *          circle: path             origin, path, subtree, addressed
 *          counted: true
 *          closed_by: level=low     a boolean field, or a choice: such a record is closed
 *          companion: {number: 12}  the type of its private fields, and its circle
 *          fields:
 *            title: {number: 1, kind: text, required: true, length_max: 200}
 *            level: {number: 2, kind: enum, choices: [low, high]}
 *            who: {number: 3, kind: text, private: true}
 *          workflow: ...            compile_workflow.c
 *
 * Types and fields may stand in any order; rows are sorted by number. Every fault is reported
 * with the line and column of what is wrong. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/index.h"
#include "schema/language/parts.h"
#include "schema/language/write.h"

/* ---- words, lines, names ---- */

unsigned compile_word(struct yaml_node *map, const char *key, unsigned standard, unsigned count,
                      const char *(*name_of)(unsigned))
{
    const char *known[16];
    struct span text = SPAN_EMPTY;
    bool required = standard >= count;
    char words[200] = "one of ";
    assert(count <= sizeof known / sizeof known[0]);
    if (!yaml_get_text(map, key, required, &text) || yaml_map_get(map, key) == NULL)
        return required ? 0 : standard;
    for (unsigned i = 0; i < count; i++) {
        known[i] = name_of(i);
        if (span_equal(text, span_of_text(known[i])))
            return i;
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    yaml_complain_word(yaml_map_get(map, key), words, known, count);
    return required ? 0 : standard;
}

const char *compile_line(struct compiling *compiling, struct yaml_node *map, const char *key,
                         size_t most)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(map, key, false, &text) || yaml_map_get(map, key) == NULL)
        return NULL;
    if (text.size > 0 && text.size <= most && utf8_printable(text))
        return schema_text(compiling->memory, text);
    yaml_complain(yaml_map_get(map, key), "\"%s\": expected a text of 1 to %zu bytes in one line",
                  key, most);
    return NULL;
}

bool compile_name(struct yaml_node *node, struct span name)
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

const struct field *compile_field_named(struct yaml_node *node, const struct record_type *type)
{
    const char *known[FIELDS_MAX];
    char what[120];
    const struct field *field = type_field_named(type, yaml_text(node));
    if (field != NULL)
        return field;
    for (size_t i = 0; i < type->field_count; i++)
        known[i] = type->fields[i].name;
    snprintf(what, sizeof what, "a field of %s that isn't private", type->name);
    yaml_complain_word(node, what, known, type->field_count);
    return NULL;
}

/* ---- labels ---- */

static struct type_label *label_in(struct compiling *compiling, struct yaml_node *node,
                                   struct span language, struct type_labels *labels)
{
    bool good = language.size > 0 && language.size <= LANGUAGE_BYTES_MAX;
    for (size_t i = 0; good && i < language.size; i++) {
        uint8_t byte = language.data[i];
        good = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '-';
    }
    for (size_t i = 0; i < labels->count; i++) {
        if (span_equal(span_of_text(labels->at[i].language), language))
            return &labels->at[i];
    }
    if (!good || labels->count == LABELS_MAX) {
        yaml_complain(node, "expected a language like en or zh, at most %d of them", LABELS_MAX);
        return NULL;
    }
    struct type_label *label = &labels->at[labels->count++];
    label->language = schema_text(compiling->memory, language);
    return label;
}

static void set_label(struct compiling *compiling, struct yaml_node *node, struct span language,
                      bool help, struct type_labels *labels)
{
    struct span text = yaml_is_text(node) ? yaml_text(node) : SPAN_EMPTY;
    size_t most = help ? HELP_BYTES_MAX : LABEL_BYTES_MAX;
    struct type_label *label = label_in(compiling, node, language, labels);
    if (label == NULL)
        return;
    if (text.size == 0 || text.size > most || !utf8_printable(text)) {
        yaml_complain(node, "expected a text of 1 to %zu bytes in one line", most);
        return;
    }
    if (help)
        label->help = schema_text(compiling->memory, text);
    else
        label->text = schema_text(compiling->memory, text);
}

static void compile_texts(struct compiling *compiling, struct yaml_node *map, const char *key,
                          struct type_labels *labels)
{
    struct yaml_node *node = yaml_map_get(map, key);
    bool help = strcmp(key, "help") == 0;
    if (node != NULL && !yaml_is_map(node))
        set_label(compiling, node, span_of_text("en"), help, labels);
    for (size_t i = 0; yaml_is_map(node) && i < yaml_size(node); i++) {
        struct span language;
        struct yaml_node *text = yaml_map_at(node, i, &language);
        set_label(compiling, text, language, help, labels);
    }
}

static int label_compare(const void *a_bytes, const void *b_bytes)
{
    const struct type_label *a = a_bytes, *b = b_bytes;
    return strcmp(a->language, b->language);
}

void compile_labels(struct compiling *compiling, struct yaml_node *map, struct type_labels *labels)
{
    labels->at = schema_alloc(compiling->memory, LABELS_MAX * sizeof labels->at[0]);
    compile_texts(compiling, map, "label", labels);
    compile_texts(compiling, map, "help", labels);
    for (size_t i = 0; i < labels->count; i++) {
        if (labels->at[i].text == NULL) {
            yaml_complain(map, "there is no label in the language \"%s\"", labels->at[i].language);
            labels->at[i].text = "";
        }
    }
    qsort(labels->at, labels->count, sizeof labels->at[0], label_compare);
}

/* ---- a type ---- */

static const char *class_word(unsigned number)
{
    return class_name((enum record_class)number);
}

static const char *circle_word(unsigned number)
{
    return circle_name((enum circle_rule)number);
}

static const char *backup_word(unsigned number)
{
    return number == 0 ? "none" : "sealed";
}

/* FIELD of a boolean, or FIELD=VALUE of an enum or a text. */
static void compile_closed(struct compiling *compiling, struct yaml_node *map,
                           struct record_type *type)
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
        fits =
            field->kind == FIELD_ENUM ? field_has_choice(field, choice) : field->kind == FIELD_TEXT;
    if (!fits) {
        yaml_complain(yaml_map_get(map, "closed_by"),
                      "expected a boolean field of this type, or FIELD=VALUE of an enum or a "
                      "text, found \"%.*s\"",
                      text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
        return;
    }
    type->closed_by = field->number;
    type->closed_choice = equals == NULL ? NULL : schema_text(compiling->memory, choice);
}

static void compile_index(struct compiling *compiling, struct yaml_node *list, int32_t **index,
                          const struct record_type *type)
{
    size_t count = yaml_size(list);
    if (!yaml_is_list(list) || count == 0 || count > INDEX_FIELDS_MAX) {
        yaml_complain(list, "expected an index: a list of 1 to %d fields", INDEX_FIELDS_MAX);
        return;
    }
    bool whole = true;
    *index = schema_alloc(compiling->memory, (count + 1) * sizeof **index);
    for (size_t i = 0; i < count; i++) {
        struct yaml_node *node = yaml_list_at(list, i);
        const struct field *field = compile_field_named(node, type);
        bool ordered = field != NULL && field->kind != FIELD_LIST && field->kind != FIELD_COUNTER;
        if (field != NULL && !ordered)
            yaml_complain(node, "lists and counters can't be indexed");
        (*index)[i] = field == NULL ? 0 : field->number;
        whole = whole && ordered;
    }
    if (whole && index_width(type, *index) == 0)
        yaml_complain(list, "these fields are too long together: an index has at most 7 texts");
}

static void compile_indexes(struct compiling *compiling, struct yaml_node *map,
                            struct record_type *type)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(map, "indexes", false, &list) || list == NULL)
        return;
    size_t count = yaml_size(list);
    if (count > INDEXES_MAX) {
        yaml_complain(list, "expected at most %d indexes, found %zu", INDEXES_MAX, count);
        return;
    }
    type->indexes = schema_alloc(compiling->memory, count * sizeof type->indexes[0]);
    type->index_count = count;
    for (size_t i = 0; i < count; i++) {
        type->indexes[i] = schema_alloc(compiling->memory, sizeof(int32_t));
        compile_index(compiling, yaml_list_at(list, i), &type->indexes[i], type);
    }
}

static void complain_of_number(struct yaml_node *map, const struct schema *schema, uint64_t number)
{
    const struct record_type *same = number > 0 ? schema_type(schema, (uint16_t)number) : NULL;
    if (same != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the type \"%s\" has this number already",
                      same->name);
}

/* The private fields' type: {number, circle}. */
static void compile_companion(struct compiling *compiling, struct yaml_node *map,
                              struct record_type *type, struct record_type *companion)
{
    struct yaml_node *node = NULL;
    uint64_t number = 0;
    char name[FIELD_NAME_BYTES_MAX + 16];
    bool wanted = companion->field_count > 0;
    if (!yaml_get_map(map, "companion", wanted, &node) || node == NULL)
        return;
    if (!wanted)
        yaml_complain(node, "a companion holds private fields, and the type has none");
    yaml_get_uint(node, "number", true, 1, UINT16_MAX, &number);
    complain_of_number(node, compiling->schema, number);
    if (number == type->number)
        yaml_complain(node, "the companion has a number of its own");
    companion->circle =
        (enum circle_rule)compile_word(node, "circle", CIRCLE_ORIGIN, CIRCLE_COUNT, circle_word);
    snprintf(name, sizeof name, "%s-private", type->name);
    if (!schema_name_good(span_of_text(name)))
        yaml_complain(node, "the type's name is too long to name its companion after it");
    companion->name = schema_text(compiling->memory, span_of_text(name));
    companion->number = (uint16_t)number;
    companion->class = type->class;
    companion->companion_of = type->number;
    companion->retention_days = type->retention_days;
    companion->sealed_backup = type->sealed_backup;
    companion->ended = type->ended;
    companion->labels = type->labels;
    type->companion = companion->number;
}

static void compile_terms(struct yaml_node *map, struct record_type *type)
{
    uint64_t days = 0;
    type->class =
        (enum record_class)compile_word(map, "class", CLASS_NORMAL, CLASS_COUNT, class_word);
    type->circle =
        (enum circle_rule)compile_word(map, "circle", CIRCLE_ORIGIN, CIRCLE_COUNT, circle_word);
    type->sealed_backup = compile_word(map, "backup", 0, 2, backup_word) == 1;
    yaml_get_bool(map, "counted", false, &type->counted);
    yaml_get_bool(map, "ended", false, &type->ended);
    yaml_get_bool(map, "alarm", false, &type->alarm);
    yaml_get_uint(map, "retention_days", false, 1, RETENTION_DAYS_MAX, &days);
    type->retention_days = (uint32_t)days;
}

static void compile_type(struct compiling *compiling, struct yaml_node *map, struct span name)
{
    struct schema *schema = compiling->schema;
    if (!compile_name(map, name))
        return;
    uint64_t number = 0;
    yaml_get_uint(map, "number", true, 1, UINT16_MAX, &number);
    complain_of_number(map, schema, number);
    struct record_type *type = &schema->types[schema->type_count++];
    struct record_type companion = {0};
    type->number = (uint16_t)number;
    type->name = schema_text(compiling->memory, name);
    compile_terms(map, type);
    compile_labels(compiling, map, &type->labels);
    compiling->state_field = SPAN_EMPTY;
    if (yaml_is_map(map) && yaml_is_map(yaml_map_get(map, "workflow")))
        compiling->state_field = yaml_text(yaml_map_get(yaml_map_get(map, "workflow"), "field"));
    compile_fields(compiling, map, type, &companion);
    compile_workflow(compiling, map, type);
    compile_closed(compiling, map, type);
    compile_indexes(compiling, map, type);
    compile_rollups(compiling, map, type);
    compile_calendar(compiling, map, type);
    compile_companion(compiling, map, type, &companion);
    if (companion.name != NULL)
        schema->types[schema->type_count++] = companion;
}

static int type_compare(const void *a_bytes, const void *b_bytes)
{
    const struct record_type *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

/* One type: complains if its row would pass the bounds of a document's row. */
static void check_row_size(struct yaml_node *map, const struct record_type *type)
{
    struct buffer row = {0};
    type_row_write(type, false, &row);
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

static void complain_of_name(struct yaml_node *node, const struct schema *schema,
                             const struct record_type *type)
{
    for (const struct record_type *other = schema->types; other < type; other++) {
        if (strcmp(other->name, type->name) == 0)
            yaml_complain(node, "two types have the name \"%s\"", type->name);
    }
}

static void compile_types(struct compiling *compiling, struct yaml_node *root)
{
    struct schema *schema = compiling->schema;
    if (!yaml_get_map(root, "types", true, &compiling->types))
        return;
    size_t count = yaml_size(compiling->types);
    if (count == 0 || count > TYPES_MAX) {
        yaml_complain(compiling->types, "expected 1 to %d types, found %zu", TYPES_MAX, count);
        return;
    }
    schema->types = schema_alloc(compiling->memory, 2 * count * sizeof schema->types[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(compiling->types, i, &name);
        size_t before = schema->type_count;
        compile_type(compiling, node, name);
        for (; before < schema->type_count; before++) {
            check_row_size(node, &schema->types[before]);
            complain_of_name(node, schema, &schema->types[before]);
        }
    }
    if (schema->type_count > TYPES_MAX)
        yaml_complain(compiling->types, "with their companions these are %zu types, the most is %d",
                      schema->type_count, TYPES_MAX);
    qsort(schema->types, schema->type_count, sizeof schema->types[0], type_compare);
}

static struct schema_source *source_of(const struct schema *schema)
{
    struct schema_source *source = mem_alloc(sizeof *source);
    source->version = schema->version;
    source->row_count = schema->type_count;
    source->rows = mem_alloc((schema->type_count + 1) * sizeof source->rows[0]);
    for (size_t i = 0; i < schema->type_count; i++)
        type_row_write(&schema->types[i], false, &source->rows[i]);
    return source;
}

struct schema_source *schema_compile(struct span text, const char *file_name, struct error *error)
{
    struct yaml *yaml = yaml_parse(text, file_name, error);
    if (yaml == NULL)
        return NULL;
    struct schema *schema = schema_new();
    struct compiling compiling = {.schema = schema, .memory = schema->memory};
    struct schema_source *source = NULL;
    uint64_t version = 0;
    yaml_get_uint(yaml_root(yaml), "version", true, 1, UINT32_MAX, &version);
    schema->version = (uint32_t)version;
    compile_types(&compiling, yaml_root(yaml));
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
