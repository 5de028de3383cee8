/* What a schema is made of in memory, its words, and how a type or a field is found. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "schema/type/row.h"

static const char *const circle_names[] = {"origin", "path", "subtree", "addressed"};
static const char *const class_names[CLASS_COUNT] = {"urgent", "normal", "bulk"};
static const char *const kind_names[FIELD_KIND_COUNT] = {"text", "integer", "boolean", "time",
                                                         "enum", "list",    "counter", "decimal",
                                                         "date", "record",  "seat",    "digest"};
static const char *const merge_names[MERGE_COUNT] = {"last", "highest_tier", "max", "min", "first"};

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

const char *merge_rule_name(enum merge_rule merge)
{
    return merge_names[merge];
}

bool field_has_length(enum field_kind kind)
{
    return kind == FIELD_TEXT || kind == FIELD_LIST;
}

/* ---- memory ---- */

enum { PIECE_BYTES = 512 };

struct piece {
    struct piece *next;
    size_t size, used;
    max_align_t bytes[];
};

struct schema_memory {
    struct piece *last;
};

void *schema_alloc(struct schema_memory *memory, size_t size)
{
    struct piece *piece = memory->last;
    size_t rounded = (size + 7) / 8 * 8;
    assert(rounded >= size);
    if (piece == NULL || piece->size - piece->used < rounded) {
        size_t room = rounded > PIECE_BYTES ? rounded : PIECE_BYTES;
        piece = mem_alloc(sizeof *piece + room);
        piece->size = room;
        piece->next = memory->last;
        memory->last = piece;
    }
    void *at = (uint8_t *)piece->bytes + piece->used;
    piece->used += rounded;
    return at;
}

const char *schema_text(struct schema_memory *memory, struct span text)
{
    char *copy = schema_alloc(memory, text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

struct schema *schema_new(void)
{
    struct schema *schema = mem_alloc(sizeof *schema);
    schema->memory = mem_alloc(sizeof *schema->memory);
    return schema;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    for (struct piece *piece = schema->memory->last, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(schema->memory);
    free(schema);
}

/* ---- words ---- */

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

bool type_is_personal(const struct record_type *type)
{
    bool personal = type->companion_of != 0;
    for (size_t i = 0; i < type->field_count; i++)
        personal = personal || type->fields[i].personal;
    return personal;
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
