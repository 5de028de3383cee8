/* terrace schema new: a version of the types as a draft, and how drafts are signed and published.
 */
#include <string.h>

#include "cli/passphrase.h"
#include "cli/print.h"
#include "cli/schema/schema.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"

static const struct option_row options[] = {
    {"out", "FILE", "write the draft there; else DIR/drafts/types.draft"},
    {NULL, NULL, NULL},
};

/* The header that follows the document in force, or the first one. */
static struct document_header header_of(const char *directory, const struct tree *tree)
{
    const struct held_document *held = tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
    uint64_t now_ms = authoring_now_ms(directory, tree);
    if (held != NULL)
        return author_next_header(&held->header, &held->hash, tree_id(tree), now_ms);
    return (struct document_header){.kind = DOCUMENT_TYPES,
                                    .tree_id = *tree_id(tree),
                                    .term = 1,
                                    .version = 1,
                                    .issued_ms = now_ms};
}

/* What is signed: the types of the file, and what they were. */
static enum error_code source_of(const struct tree *tree, const struct types_file *file,
                                 struct schema_source **source, struct error *error)
{
    struct schema *held = NULL;
    enum error_code code = types_held(tree, &held, error);
    if (code == ERR_NOT_FOUND) {
        error_clear(error);
        return ERR_OK;
    }
    if (code == ERR_OK) {
        *source = schema_succeed(held, file->source, error);
        code = *source == NULL ? error->code : ERR_OK;
    }
    schema_free(held);
    return code;
}

static enum error_code write_draft(const struct arguments *arguments, const char *directory,
                                   const struct tree *tree, const struct types_file *file,
                                   struct error *error)
{
    struct schema_source *succeeding = NULL;
    struct author_document document = {0};
    struct document_header header = header_of(directory, tree);
    const char *out = arguments_value(arguments, "out");
    char path[4096];
    enum error_code code = source_of(tree, file, &succeeding, error);
    const struct schema_source *source = succeeding == NULL ? file->source : succeeding;
    if (code == ERR_OK)
        code = author_types(&header, source, NULL, 0, &document, error);
    if (code == ERR_OK && out == NULL)
        code = draft_path(directory, &document, 0, path, error);
    if (code == ERR_OK)
        code = draft_write(out == NULL ? path : out, &document, error);
    out = out == NULL ? path : out;
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:s,s:I,s:I}", "draft", out, "version", (json_int_t)source->version,
                             "types", (json_int_t)source->row_count));
    else if (code == ERR_OK)
        printf("%s: version %u, %zu types\nnext: terrace schema sign %s --key FILE, by each who "
               "must, then\nterrace -d %s schema publish %s\n",
               out, source->version, source->row_count, out, directory, out);
    author_document_clear(&document);
    schema_source_free(succeeding);
    return code;
}

static int run_new(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    struct types_file file;
    struct tree *tree = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    if (types_file_read(arguments->words[0], &file, error) != ERR_OK)
        return EXIT_FAILED;
    enum error_code code = held_tree(directory, &tree, error);
    if (code == ERR_OK)
        code = write_draft(arguments, directory, tree, &file, error);
    tree_free(tree);
    types_file_free(&file);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command types_new = {
    .name = "new",
    .usage = "FILE.yaml",
    .summary = "the next version of the types, as a draft to be signed",
    .detail =
        "It follows the types in force in -d DIR, and keeps what they were: what was written by\n"
        "them counts as it was meant. What is for life and changes is refused.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run_new,
};

/* Drafts of types go from hand to hand like those of the tree. */
static int run_sign(const struct arguments *arguments, struct error *error)
{
    return topology_sign.run(arguments, error);
}

static int run_verify(const struct arguments *arguments, struct error *error)
{
    return topology_verify.run(arguments, error);
}

static int run_publish(const struct arguments *arguments, struct error *error)
{
    return topology_publish.run(arguments, error);
}

static const struct option_row sign_options[] = {
    {"key", "FILE", "the key to sign with"},
    PASSPHRASE_ROW,
    {NULL, NULL, NULL},
};

const struct command types_sign = {
    .name = "sign",
    .usage = "DRAFT...",
    .summary = "add one signature to a draft of types",
    .detail = "As `topology sign`: types are signed by the keys of the root document.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .options = sign_options,
    .run = run_sign,
};

const struct command types_verify = {
    .name = "verify",
    .usage = "FILE...",
    .summary = "which signatures a draft of types has, and which it lacks",
    .detail = "Exit status 3 while one is missing.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .run = run_verify,
};

const struct command types_publish = {
    .name = "publish",
    .usage = "DRAFT...",
    .summary = "put a draft of types that has all its signatures in force",
    .detail =
        "The node of -d DIR takes it at once when it runs, and passes it on; else at its next\n"
        "start. No node restarts for it.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .run = run_publish,
};
