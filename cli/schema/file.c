/* Types out of files and trees, and what changes between them, for people. */
#include <stdlib.h>

#include "base/yaml.h"
#include "cli/print.h"
#include "cli/schema/schema.h"
#include "node/author/file.h"

const char schema_meanwhile[] =
    "Until the new version has come to a node, it keeps aside what was written under it, passes "
    "it\n"
    "on as it is, and applies it when the version comes. What is written under an older version\n"
    "counts as it was meant there, whenever it comes. Nothing is lost on either way.";

enum error_code types_file_read(const char *path, struct types_file *file, struct error *error)
{
    struct buffer text = {0};
    *file = (struct types_file){0};
    enum error_code code = file_read(path, YAML_BYTES_MAX, &text, error);
    if (code == ERR_OK)
        file->source = schema_compile(span_of_buffer(&text), path, error);
    buffer_free(&text);
    if (file->source == NULL)
        return error->code;
    struct span *rows = mem_alloc((file->source->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < file->source->row_count; i++)
        rows[i] = span_of_buffer(&file->source->rows[i]);
    file->schema =
        schema_load_labelled(file->source->version, rows, file->source->row_count, error);
    free(rows);
    if (file->schema != NULL)
        return ERR_OK;
    types_file_free(file);
    return error->code;
}

void types_file_free(struct types_file *file)
{
    schema_free(file->schema);
    schema_source_free(file->source);
    *file = (struct types_file){0};
}

enum error_code types_held(const struct tree *tree, struct schema **schema, struct error *error)
{
    const struct held_document *held = tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
    *schema = NULL;
    if (held == NULL || !held->whole) {
        error_set(error, ERR_NOT_FOUND, "the types document", "none is held here");
        error_next(error, "`terrace schema new` begins one");
        return ERR_NOT_FOUND;
    }
    *schema = schema_load_labelled(held->header.schema_version, held->rows, held->row_count, error);
    return *schema == NULL ? error->code : ERR_OK;
}

static const char *weight_word(enum change_weight weight)
{
    static const char *const words[] = {"shown", "writes", "refused"};
    return words[weight];
}

void schema_changes_print(const struct schema_changes *changes, FILE *to)
{
    static const struct table_column columns[] = {
        {"weight", false}, {"what", false}, {"change", false}};
    if (changes->count == 0) {
        fprintf(to, "nothing changes\n");
        return;
    }
    struct table_rows *table = table_new(columns, 3);
    for (size_t i = 0; i < changes->count; i++) {
        const struct schema_change *change = &changes->at[i];
        table_cell(table, "%s", weight_word(change->weight));
        table_cell(table, "%s%s%s", change->type, change->field[0] == 0 ? "" : ".", change->field);
        table_cell(table, "%s", change->text);
    }
    table_print(table, to);
}

json_t *schema_changes_json(const struct schema_changes *changes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < changes->count; i++) {
        const struct schema_change *change = &changes->at[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "weight",
                                              weight_word(change->weight), "type", change->type,
                                              "field", change->field, "change", change->text));
    }
    return list;
}
