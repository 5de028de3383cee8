/* terrace schema: what its subcommands share. */
#ifndef TERRACE_CLI_SCHEMA_H
#define TERRACE_CLI_SCHEMA_H

#include <jansson.h>

#include "cli/command.h"
#include "schema/change.h"
#include "topology/tree.h"

/* A YAML file, compiled, and loaded again with its labels. On failure there is nothing to free. */
struct types_file {
    struct schema_source *source;
    struct schema *schema;
};
enum error_code types_file_read(const char *path, struct types_file *file, struct error *error);
void types_file_free(struct types_file *file);

/* The types in force in a tree, with their labels; ERR_NOT_FOUND: none are held. The caller frees
 * with schema_free. */
enum error_code types_held(const struct tree *tree, struct schema **schema, struct error *error);

/* As a table on `to`, or [{"weight", "type", "field", "change"} ...]. */
void schema_changes_print(const struct schema_changes *changes, FILE *to);
json_t *schema_changes_json(const struct schema_changes *changes);
/* What nodes do until the new version has come to them, in one paragraph. */
extern const char schema_meanwhile[];

extern const struct command types_check, types_diff, types_plan, types_new, types_show, types_sign,
    types_verify, types_publish;

#endif
