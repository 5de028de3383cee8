/* terrace topology pack, and take: documents on a stick. */
#include <string.h>

#include "cli/print.h"
#include "cli/topology/answer.h"
#include "node/author/file.h"
#include "node/author/pack.h"

static const struct option_row pack_options[] = {
    {"answer", "FILE", "where it goes (SEAT.answer unless given)"},
    {NULL, NULL, NULL},
};

static int run_pack(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        answer_write(arguments, directory, arguments->words[0], error) != ERR_OK)
        return EXIT_FAILED;
    return EXIT_DONE;
}

const struct command topology_pack = {
    .name = "pack",
    .usage = "SEAT",
    .summary = "what the machine of a seat needs, in one file: to join with, or for `take`",
    .words_min = 1,
    .words_max = 1,
    .options = pack_options,
    .run = run_pack,
};

struct taking {
    const struct arguments *arguments;
    const char *directory;
    size_t taken, held, refused;
};

static void take_one(struct taking *taking, const struct document_file *file)
{
    struct error error;
    bool running = false;
    error_clear(&error);
    enum error_code code = hand_in(taking->directory, file, &running, &error);
    taking->taken += code == ERR_OK;
    taking->held += code == ERR_STALE;
    taking->refused += code != ERR_OK && code != ERR_STALE;
    if (code != ERR_OK && code != ERR_STALE)
        print_note("a document isn't taken: %s", error.why);
}

static enum error_code check(const struct taking *taking, const struct pack *pack, const char *name,
                             struct error *error)
{
    struct node_config config;
    struct tree *tree = NULL;
    enum error_code code = config_load(taking->directory, &config, error);
    if (code != ERR_OK)
        return code;
    if (!hash_equal(&config.tree_id, &pack->tree_id)) {
        error_set(error, ERR_NOT_ALLOWED, name, "it is of another tree than this node's");
        error_next(error, "a node that hasn't joined any tree takes its seat with `terrace join`");
        return ERR_NOT_ALLOWED;
    }
    code = pack_tree(pack, name, &tree, error);
    tree_free(tree);
    return code;
}

static void tell(const struct taking *taking)
{
    if (taking->arguments->json)
        print_json(json_pack("{s:I,s:I,s:I}", "taken", (json_int_t)taking->taken, "held",
                             (json_int_t)taking->held, "refused", (json_int_t)taking->refused));
    else if (taking->taken == 0 && taking->refused == 0)
        printf("nothing new: this node holds these documents, or newer ones\n");
    else
        printf("%zu documents taken, %zu held already or older, %zu refused\n", taking->taken,
               taking->held, taking->refused);
}

/* One document by itself, as --out writes it. */
static int take_document(struct taking *taking, struct document_file *file)
{
    take_one(taking, file);
    document_file_free(file);
    tell(taking);
    return taking->refused > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int run_take(const struct arguments *arguments, struct error *error)
{
    struct taking taking = {.arguments = arguments};
    const char *file = arguments->words[0];
    struct document_file document;
    struct buffer bytes = {0};
    struct pack pack = {0};
    enum error_code code = arguments_directory(arguments, &taking.directory, error);
    if (code == ERR_OK && document_file_read(file, &document, NULL) == ERR_OK)
        return take_document(&taking, &document);
    if (code == ERR_OK)
        code = file_read(file, PACK_BYTES_MAX, &bytes, error);
    if (code == ERR_OK)
        code = pack_read(span_of_buffer(&bytes), file, &pack, error);
    if (code == ERR_OK)
        code = check(&taking, &pack, file, error);
    for (size_t i = 0; code == ERR_OK && i < pack.document_count; i++)
        take_one(&taking, &pack.documents[i]);
    if (code == ERR_OK)
        tell(&taking);
    buffer_free(&bytes);
    pack_free(&pack);
    return code != ERR_OK ? EXIT_FAILED : taking.refused > 0 ? EXIT_REFUSED : EXIT_DONE;
}

const struct command topology_take = {
    .name = "take",
    .usage = "FILE",
    .summary = "documents from a stick (`pack`, an answer, or a document of --out) into this node",
    .words_min = 1,
    .words_max = 1,
    .run = run_take,
};
