/* terrace join: a machine takes its seat, by the file that answers its request. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "node/author/code_text.h"
#include "node/author/file.h"
#include "node/author/join.h"

static const struct option_row options[] = {
    {"fingerprint", "TEXT", "of the tree, as its people say it: any other is refused"},
    {NULL, NULL, NULL},
};

static void tell(const struct arguments *arguments, const char *directory, const struct pack *pack)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&pack->tree_id, fingerprint);
    if (arguments->json) {
        print_json(json_pack("{s:s,s:s,s:s}", "directory", directory, "seat", pack->seat, "tree",
                             fingerprint));
        return;
    }
    printf("%s has its seat, %s\nfingerprint of the tree: %s\n", directory, pack->seat,
           fingerprint);
    if (arguments_value(arguments, "fingerprint") == NULL)
        printf("compare it, by telephone, with the one the county knows\n");
    printf("next: terrace -d %s run\n", directory);
}

static enum error_code join_by_file(const struct arguments *arguments, const char *directory,
                                    struct error *error)
{
    const char *file = arguments->words[0];
    const char *fingerprint = arguments_value(arguments, "fingerprint");
    struct buffer bytes = {0};
    struct pack pack;
    enum error_code code = file_read(file, PACK_BYTES_MAX, &bytes, error);
    if (code == ERR_NOT_FOUND)
        error_next(error, "give the file that answers this machine's request, or a token, which "
                          "begins with terrace-join-");
    if (code == ERR_OK)
        code = pack_read(span_of_buffer(&bytes), file, &pack, error);
    buffer_free(&bytes);
    if (code != ERR_OK)
        return code;
    code = join_take(directory, file, &pack,
                     fingerprint == NULL ? SPAN_EMPTY : span_of_text(fingerprint), error);
    if (code == ERR_OK)
        tell(arguments, directory, &pack);
    pack_free(&pack);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_FAILED;
    return join_by_file(arguments, directory, error) == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_join = {
    .name = "join",
    .usage = "FILE",
    .summary = "take this machine's seat in the tree, by the answer to its request",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
