/* Fields that follow from others: a weighted mean, and the band that a number lies in. */
#include "schema/language/parts.h"
#include "schema/type/row.h"
#include "schema/type/value.h"

static struct derivation *new_derivation(struct compiling *compiling, size_t count)
{
    struct derivation *derivation = schema_alloc(compiling->memory, sizeof *derivation);
    derivation->at = schema_alloc(compiling->memory, (count + 1) * sizeof *derivation->at);
    return derivation;
}

/* {FIELD: WEIGHT ...} */
static const struct derivation *compile_mean(struct compiling *compiling, struct yaml_node *node,
                                             const struct record_type *type,
                                             const struct field *field)
{
    size_t count = yaml_size(node);
    if (!yaml_is_map(node) || count == 0 || count > DERIVATION_PARTS_MAX ||
        !field_is_number(field->kind)) {
        yaml_complain(node,
                      "a number is the weighted mean of 1 to %d others: a map of fields and "
                      "their weights",
                      DERIVATION_PARTS_MAX);
        return NULL;
    }
    struct derivation *derivation = new_derivation(compiling, count);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        uint64_t weight = 0;
        struct yaml_node *part = yaml_map_at(node, i, &name);
        const struct field *of = type_field_named(type, name);
        yaml_get_uint(node, schema_text(compiling->memory, name), true, 1, DERIVATION_WEIGHT_MAX,
                      &weight);
        if (of == NULL || of == field || of->kind != field->kind || of->scale != field->scale)
            yaml_complain(part, "\"%.*s\" is no field of this type of the same kind and scale",
                          (int)name.size, (const char *)name.data);
        else
            derivation->at[derivation->count++] =
                (struct derivation_part){of->number, (int64_t)weight};
    }
    return derivation;
}

/* {of: FIELD, from: {CHOICE: NUMBER ...}}, the highest first */
static const struct derivation *compile_band(struct compiling *compiling, struct yaml_node *node,
                                             const struct record_type *type,
                                             const struct field *field)
{
    struct yaml_node *from = NULL, *of_node = yaml_is_map(node) ? yaml_map_get(node, "of") : NULL;
    const struct field *of = of_node == NULL ? NULL : compile_field_named(of_node, type);
    if (of == NULL || !field_is_number(of->kind) || field->kind != FIELD_ENUM ||
        !yaml_get_map(node, "from", true, &from) || from == NULL) {
        yaml_complain(node, "an enum is the band of a number: of: FIELD, from: {CHOICE: NUMBER}");
        return NULL;
    }
    size_t count = yaml_size(from);
    struct derivation *derivation = new_derivation(compiling, count);
    derivation->of = of->number;
    for (size_t i = 0; i < count && i < CHOICES_MAX; i++) {
        struct span name;
        struct buffer value = {0};
        struct yaml_node *part = yaml_map_at(from, i, &name);
        int32_t choice = 0;
        while (choice < field->choice_count &&
               !span_equal(name, span_of_text(field->choices[choice])))
            choice++;
        int64_t number = 0;
        if (field_of_text(of, yaml_text(part), &value)) {
            struct mp_reader reader = mp_reader(span_of_buffer(&value));
            number = mp_read_int(&reader);
        }
        bool falls = i == 0 || number < derivation->at[i - 1].number;
        if (choice == field->choice_count || value.size == 0 || !falls)
            yaml_complain(part,
                          "expected a choice of this field, and where its band begins: a "
                          "value of %s below the one before",
                          of->name);
        derivation->at[derivation->count++] = (struct derivation_part){choice, number};
        buffer_free(&value);
    }
    return derivation;
}

void compile_derived(struct compiling *compiling, struct yaml_node *fields,
                     struct record_type *type)
{
    for (size_t i = 0; i < yaml_size(fields); i++) {
        struct span name;
        struct yaml_node *map = yaml_map_at(fields, i, &name);
        const struct field *field = type_field_named(type, name);
        struct yaml_node *mean = yaml_is_map(map) ? yaml_map_get(map, "weighted") : NULL;
        struct yaml_node *band = yaml_is_map(map) ? yaml_map_get(map, "band") : NULL;
        if (field == NULL || (mean == NULL && band == NULL))
            continue;
        if (field->required || field->more->standard.size > 0 || (mean != NULL && band != NULL))
            yaml_complain(map, "a field that follows from others isn't required, has no default, "
                               "and follows in one way");
        struct field_more *more = schema_alloc(compiling->memory, sizeof *more);
        *more = *field->more;
        more->derivation = mean != NULL ? compile_mean(compiling, mean, type, field)
                                        : compile_band(compiling, band, type, field);
        type->fields[field - type->fields].more = more;
    }
}
