/* terrace key lend: a node gets the escrow key that its people have kept. */
#include <stdio.h>

#include "cli/key/key.h"
#include "cli/print.h"
#include "node/author/config.h"
#include "node/author/keys.h"

static const struct option_row options[] = {
    PASSPHRASE_ROW,
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0], *directory = NULL;
    struct node_config config;
    struct admin_key key;
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        config_load(directory, &config, error) != ERR_OK ||
        escrow_key_load(path, &key, error) != ERR_OK ||
        key_unlock(arguments, path, &key, error) != ERR_OK)
        return EXIT_FAILED;
    enum error_code code = escrow_keys_lend(directory, key.secret, error);
    admin_key_free(&key);
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (arguments->json)
        print_json(json_pack("{s:s,s:s}", "directory", directory, "seat", config.seat));
    else
        printf("%s opens what is sealed to %s and to this key, from its next start on\n", directory,
               config.seat);
    return EXIT_DONE;
}

const struct command key_lend = {
    .name = "lend",
    .usage = "FILE",
    .summary = "let a node open what was sealed to an escrow key of its seat",
    .detail =
        "For a machine that takes the place of one whose disk is lost: what only that one\n"
        "could read comes back. The key stays in the node's directory, among keys/, for\n"
        "what is sealed stays sealed on disk too; a machine that is stolen later takes it\n"
        "along: give the seat another escrow key then (topology escrow). A machine may be lent\n"
        "several, since what was sealed to a former one opens with that one alone.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
