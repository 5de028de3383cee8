/* terrace schema check: what is wrong with a file of types. */
#include <string.h>

#include "cli/print.h"
#include "cli/schema/schema.h"
#include "cli/topology/topology.h"

static enum error_code tier_check(const struct tree *tree, const struct record_type *type,
                                  const char *step, const struct tier_name *tier,
                                  struct error *error)
{
    const struct text_list *tiers =
        &tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY)->header.tiers;
    char what[160], known[240] = "";
    if (tier->name == NULL)
        return ERR_OK;
    for (unsigned i = 0; i < tiers->count; i++) {
        struct span name = text_list_at(tiers, i);
        size_t used = strlen(known);
        if (span_equal(name, span_of_text(tier->name)))
            return ERR_OK;
        snprintf(known + used, sizeof known - used, "%s%.*s", i > 0 ? ", " : "", (int)name.size,
                 (const char *)name.data);
    }
    snprintf(what, sizeof what, "the step \"%s\" of %s", step, type->name);
    error_set(error, ERR_INVALID, what, "this tree has no tier \"%s\"", tier->name);
    error_next(error, "its tiers are: %s", known);
    return ERR_INVALID;
}

/* The tiers that its workflows name are some of the tree's. */
static enum error_code tiers_check(const struct tree *tree, const struct schema *schema,
                                   struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        size_t count = type->workflow == NULL ? 0 : type->workflow->transition_count;
        for (size_t j = 0; j < count && code == ERR_OK; j++) {
            const struct transition *step = &type->workflow->transitions[j];
            for (size_t k = 0; k < step->who_count && code == ERR_OK; k++)
                code = tier_check(tree, type, step->name, &step->who[k].tier, error);
            for (size_t k = 0; k < step->limit_count && code == ERR_OK; k++)
                code = tier_check(tree, type, step->name, &step->limits[k].tier, error);
        }
    }
    return code;
}

/* Against the tree of a directory: its tiers, and the types in force. */
static enum error_code check_in_tree(const char *directory, const struct types_file *file,
                                     struct error *error)
{
    struct tree *tree = NULL;
    struct schema *held = NULL;
    enum error_code code = held_tree(directory, &tree, error);
    if (code == ERR_OK)
        code = tiers_check(tree, file->schema, error);
    if (code == ERR_OK && types_held(tree, &held, error) == ERR_OK &&
        file->schema->version > held->version) {
        struct schema_source *next = schema_succeed(held, file->source, error);
        code = next == NULL ? error->code : ERR_OK;
        schema_source_free(next);
    }
    if (code == ERR_OK)
        error_clear(error);
    schema_free(held);
    tree_free(tree);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0];
    struct types_file file;
    enum error_code code = types_file_read(path, &file, error);
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (arguments->directory != NULL)
        code = check_in_tree(arguments->directory, &file, error);
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:s,s:I,s:I}", "file", path, "version",
                             (json_int_t)file.schema->version, "types",
                             (json_int_t)file.schema->type_count));
    else if (code == ERR_OK)
        printf("%s: version %u, %zu types, nothing is wrong\n", path, file.schema->version,
               file.schema->type_count);
    types_file_free(&file);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command types_check = {
    .name = "check",
    .usage = "FILE.yaml",
    .summary = "what is wrong with a file of types, with line and column",
    .detail =
        "With -d DIR it is also held against that tree: its tiers, and the types in force, when\n"
        "the file's version is newer.",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
