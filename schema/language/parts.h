/* What the files of the compiler share; nobody else includes it. */
#ifndef TERRACE_SCHEMA_LANGUAGE_PARTS_H
#define TERRACE_SCHEMA_LANGUAGE_PARTS_H

#include "base/yaml.h"
#include "schema/type/row.h"

struct compiling {
    struct schema *schema;
    struct schema_memory *memory;
    struct yaml_node *types; /* by name, as they stand in the text */
    struct span state_field; /* of the type being compiled; empty: it has no workflow */
};

/* One of `count` words; complains and gives `standard` if it is none of them, or is absent. */
unsigned compile_word(struct yaml_node *map, const char *key, unsigned standard, unsigned count,
                      const char *(*name_of)(unsigned));
/* A text of 1 to `most` bytes in one line; NULL: absent, or complained of. */
const char *compile_line(struct compiling *compiling, struct yaml_node *map, const char *key,
                         size_t most);
bool compile_name(struct yaml_node *node, struct span name); /* complains of a bad one */
/* `label` and `help`: each a text, which is English, or texts by language. */
void compile_labels(struct compiling *compiling, struct yaml_node *map, struct type_labels *labels);
/* The field that a text names, one of `type`; NULL, having complained: there is none. */
const struct field *compile_field_named(struct yaml_node *node, const struct record_type *type);

/* The fields of a type; the private ones go to `companion`, which gets no name and number here. */
void compile_fields(struct compiling *compiling, struct yaml_node *map, struct record_type *type,
                    struct record_type *companion);
/* Which of a type's fields follow from others: `fields` as they stand in the text. */
void compile_derived(struct compiling *compiling, struct yaml_node *fields,
                     struct record_type *type);
/* A calendar's fields, where the type is one. */
void compile_calendar(struct compiling *compiling, struct yaml_node *map, struct record_type *type);
/* The workflow, where there is one: the fields are whole but for the state's choices. */
void compile_workflow(struct compiling *compiling, struct yaml_node *map, struct record_type *type);
/* What is counted: everything else of the type is whole. */
void compile_rollups(struct compiling *compiling, struct yaml_node *map, struct record_type *type);

#endif
