/* terrace key new: a key for a person, encrypted under a passphrase. */
#include "cli/key/key.h"
#include "cli/print.h"

static const struct option_row options[] = {
    {"name", "NAME", "whose key it is; a note for people"},
    {"escrow", NULL, "a key that signs nothing: it opens what is sealed to a seat (key lend)"},
    PASSPHRASE_ROW,
    {NULL, NULL, NULL},
};

static enum error_code make(const struct arguments *arguments, const char *path, const char *name,
                            struct error *error)
{
    struct passphrase passphrase;
    struct admin_key key;
    if (!admin_name_acceptable(span_of_text(name)))
        return error_set(error, ERR_USAGE, "--name",
                         "expected at most %d bytes without quotes and backslashes",
                         ADMIN_NAME_BYTES_MAX);
    process_conceal();
    enum error_code code = passphrase_ask(arguments_value(arguments, "passphrase-file"),
                                          "a passphrase for the new key", true, &passphrase, error);
    if (code != ERR_OK)
        return code;
    if (arguments_flag(arguments, "escrow"))
        escrow_key_make(&key, name);
    else
        admin_key_make(&key, name);
    code = admin_key_write(path, &key, passphrase_span(&passphrase), false, error);
    passphrase_free(&passphrase);
    if (code == ERR_OK)
        key_tell(arguments, path, &key);
    admin_key_free(&key);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0], *name = arguments_value(arguments, "name");
    if (make(arguments, path, name == NULL ? "" : name, error) != ERR_OK)
        return EXIT_FAILED;
    if (!arguments->json)
        printf("keep %s and a copy of it where nobody else comes; the passphrase stands nowhere\n",
               path);
    return EXIT_DONE;
}

const struct command key_new = {
    .name = "new",
    .usage = "FILE",
    .summary = "make a key, encrypted under a passphrase",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
