/* terrace topology import: a table of seats as a description. */
#include <string.h>

#include "cli/print.h"
#include "cli/topology/describe.h"
#include "cli/topology/topology.h"
#include "node/author/file.h"

static const struct option_row options[] = {
    {"out", "FILE", "where it goes; absent: to the standard output"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0], *out = arguments_value(arguments, "out");
    struct buffer table = {0}, text = {0};
    struct csv_tree *tree = NULL;
    enum error_code code = file_read(path, CSV_TREE_BYTES_MAX, &table, error);
    if (code == ERR_OK) {
        tree = csv_tree_read(span_of_buffer(&table), path, error);
        code = tree == NULL ? error->code : ERR_OK;
    }
    if (code == ERR_OK) {
        code = describe_table(tree, &text, error);
        if (code != ERR_OK && error->line != 0) {
            struct error told = *error;
            char place[sizeof told.what];
            snprintf(place, sizeof place, "%.140s:%u", path, told.line);
            error_set(error, told.code, place, "%s", told.why);
            error_next(error, "%s", told.next);
        }
    }
    if (code == ERR_OK && out != NULL)
        code = file_create(out, span_of_buffer(&text), 0644, error);
    else if (code == ERR_OK && !arguments->json)
        fwrite(text.data, 1, text.size, stdout);
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:I,s:s}", "seats", (json_int_t)tree->row_count, "file",
                             out == NULL ? "" : out));
    else if (code == ERR_OK && out != NULL)
        printf("%zu seats are in %s; fill in who signs, then `terrace topology new %s --dir DIR`\n",
               tree->row_count, out, out);
    csv_tree_free(tree);
    buffer_free(&table);
    buffer_free(&text);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_import = {
    .name = "import",
    .usage = "TREE.csv",
    .summary = "a table (code, name, tier, parent) as a description to be filled in",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
