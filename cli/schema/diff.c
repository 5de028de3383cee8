/* terrace schema diff: what changes from one version of the types to another. */
#include "cli/print.h"
#include "cli/schema/schema.h"
#include "cli/topology/topology.h"

static int tell(const struct arguments *arguments, const struct schema *before,
                const struct schema *after)
{
    struct schema_changes changes = {0};
    schema_compare(before, after, &changes);
    if (arguments->json) {
        print_json(json_pack("{s:I,s:I,s:I,s:o}", "from", (json_int_t)before->version, "to",
                             (json_int_t)after->version, "refused", (json_int_t)changes.refused,
                             "changes", schema_changes_json(&changes)));
    } else {
        printf("version %u to version %u\n", before->version, after->version);
        schema_changes_print(&changes, stdout);
    }
    int status = changes.refused > 0 ? EXIT_REFUSED : EXIT_DONE;
    schema_changes_free(&changes);
    return status;
}

static int against_held(const struct arguments *arguments, const struct schema *after,
                        struct error *error)
{
    const char *directory = NULL;
    struct tree *tree = NULL;
    struct schema *held = NULL;
    int status = EXIT_FAILED;
    if (arguments_directory(arguments, &directory, error) == ERR_OK &&
        held_tree(directory, &tree, error) == ERR_OK && types_held(tree, &held, error) == ERR_OK)
        status = tell(arguments, held, after);
    schema_free(held);
    tree_free(tree);
    return status;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct types_file first, second;
    int status = EXIT_FAILED;
    if (types_file_read(arguments->words[0], &first, error) != ERR_OK)
        return EXIT_FAILED;
    if (arguments->word_count == 1) {
        status = against_held(arguments, first.schema, error);
    } else if (types_file_read(arguments->words[1], &second, error) == ERR_OK) {
        status = tell(arguments, first.schema, second.schema);
        types_file_free(&second);
    }
    types_file_free(&first);
    return status;
}

const struct command types_diff = {
    .name = "diff",
    .usage = "[OLD.yaml] NEW.yaml",
    .summary = "what changes between two versions of the types",
    .detail =
        "With one file: from the types in force in -d DIR. weight: `shown` is how things look and\n"
        "are found, `writes` is what may be written from then on, `refused` is for life and can't\n"
        "be signed; then the exit status is 3.",
    .words_min = 1,
    .words_max = 2,
    .run = run,
};
