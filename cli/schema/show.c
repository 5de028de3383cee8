/* terrace schema show: the types in force, as YAML, or one of them as a table. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/schema/schema.h"
#include "cli/topology/topology.h"

/* The label in the person's language, else the first, else nothing. */
static const char *label_of(const struct type_labels *labels)
{
    const char *language = getenv("TERRACE_LANG");
    for (size_t i = 0; language != NULL && i < labels->count; i++) {
        if (strcmp(labels->at[i].language, language) == 0)
            return labels->at[i].text;
    }
    return labels->count > 0 ? labels->at[0].text : "";
}

static void words_of(const struct field *field, bool private, char *to, size_t size)
{
    snprintf(to, size, "%s%s%s%s%s%s", field->required ? "required " : "",
             private ? "private " : "", field->personal ? "personal " : "",
             field->ended ? "ended " : "",
             field->merge == MERGE_LAST ? "" : merge_rule_name(field->merge),
             field->more->pattern == NULL ? "" : " pattern");
}

static void put_fields(struct table_rows *table, const struct record_type *type, bool private)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        char words[120];
        words_of(field, private, words, sizeof words);
        table_cell(table, "%d", (int)field->number);
        table_cell(table, "%s", field->name);
        table_cell(table, "%s", field_kind_name(field->kind));
        table_cell(table, "%s", words);
        table_cell(table, "%s", label_of(&field->more->labels));
    }
}

static void print_workflow(const struct workflow *workflow)
{
    static const struct table_column columns[] = {
        {"step", false}, {"from", false}, {"to", false}, {"label", false}};
    struct table_rows *table = table_new(columns, 4);
    for (size_t i = 0; i < workflow->transition_count; i++) {
        const struct transition *step = &workflow->transitions[i];
        char from[200] = "";
        for (size_t j = 0; j < step->from_count; j++) {
            size_t used = strlen(from);
            snprintf(from + used, sizeof from - used, "%s%s", j > 0 ? " " : "",
                     workflow_state(workflow, step->from[j])->name);
        }
        table_cell(table, "%s%s", step->name, step->ended ? " (ended)" : "");
        table_cell(table, "%s", from);
        table_cell(table, "%s", workflow_state(workflow, step->to)->name);
        table_cell(table, "%s", label_of(&step->labels));
    }
    table_print(table, stdout);
}

static void print_type(const struct schema *schema, const struct record_type *type)
{
    static const struct table_column columns[] = {
        {"number", true}, {"field", false}, {"kind", false}, {"", false}, {"label", false}};
    const struct record_type *companion =
        type->companion == 0 ? NULL : schema_type(schema, type->companion);
    printf("%s (type %u of version %u)%s%s, %s, circle %s%s\n", type->name, type->number,
           schema->version, type->labels.count > 0 ? ": " : "", label_of(&type->labels),
           class_name(type->class), circle_name(type->circle), type->ended ? ", ended" : "");
    struct table_rows *table = table_new(columns, 5);
    put_fields(table, type, type->companion_of != 0);
    if (companion != NULL)
        put_fields(table, companion, true);
    table_print(table, stdout);
    if (type->workflow != NULL)
        print_workflow(type->workflow);
}

static int tell(const struct arguments *arguments, const struct schema *schema, struct error *error)
{
    struct buffer yaml = {0};
    if (arguments->word_count == 0 || arguments->json) {
        schema_show(schema, &yaml);
        if (arguments->json)
            print_json(json_pack("{s:I,s:s%}", "version", (json_int_t)schema->version, "yaml",
                                 (const char *)yaml.data, yaml.size));
        else
            fwrite(yaml.data, 1, yaml.size, stdout);
        buffer_free(&yaml);
        return EXIT_DONE;
    }
    const struct record_type *type =
        schema_find_type(schema, span_of_text(arguments->words[0]), error);
    if (type != NULL)
        print_type(schema, type);
    return type == NULL ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    struct tree *tree = NULL;
    struct schema *held = NULL;
    int status = EXIT_FAILED;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    if (held_tree(directory, &tree, error) == ERR_OK && types_held(tree, &held, error) == ERR_OK)
        status = tell(arguments, held, error);
    schema_free(held);
    tree_free(tree);
    return status;
}

const struct command types_show = {
    .name = "show",
    .usage = "[TYPE]",
    .summary = "the types in force: as YAML, or one as a table",
    .detail = "The YAML compiles to the same types: change it, raise its version, `schema plan`.",
    .words_max = 1,
    .run = run,
};
