/* terrace key passwd: another passphrase, the same key. */
#include "cli/key/key.h"
#include "cli/print.h"

static const struct option_row options[] = {
    PASSPHRASE_ROW,
    {"new-passphrase-file", "FILE", "the same for the new passphrase"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0];
    struct passphrase passphrase;
    struct admin_key key;
    if (key_file_load(path, &key, error) != ERR_OK ||
        key_unlock(arguments, path, &key, error) != ERR_OK)
        return EXIT_FAILED;
    enum error_code code = passphrase_ask(arguments_value(arguments, "new-passphrase-file"),
                                          "the new passphrase", true, &passphrase, error);
    if (code == ERR_OK) {
        code = admin_key_write(path, &key, passphrase_span(&passphrase), true, error);
        passphrase_free(&passphrase);
    }
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:s}", "file", path));
    else if (code == ERR_OK)
        printf("%s opens with the new passphrase alone; copies of the old file still open with the "
               "old one\n",
               path);
    admin_key_free(&key);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command key_passwd = {
    .name = "passwd",
    .usage = "FILE",
    .summary = "encrypt it under another passphrase",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
