/* terrace key show: the half of a key that everybody may know. */
#include "cli/key/key.h"
#include "cli/print.h"
#include "node/author/code_text.h"
#include "node/author/keys.h"

void key_tell(const struct arguments *arguments, const char *path, const struct admin_key *key)
{
    char public_key[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_TEXT_BYTES];
    struct hash print = admin_key_print(key->public_key);
    hex_write(public_key, key->public_key, KEY_BYTES);
    fingerprint_write(&print, fingerprint);
    if (arguments->json) {
        print_json(json_pack("{s:s,s:s,s:s,s:s,s:b,s:b}", "file", path, "name", key->name, "key",
                             public_key, "fingerprint", fingerprint, "encrypted",
                             key->encrypted ? 1 : 0, "escrow", key->escrow ? 1 : 0));
        return;
    }
    if (key->name[0] != '\0')
        printf("name         %s\n", key->name);
    printf("%s%s\nfingerprint  %s\n", key->escrow ? "escrow key   " : "key          ", public_key,
           fingerprint);
    if (!key->encrypted)
        print_note("%s is not encrypted: whoever reads the file can sign", path);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct admin_key key;
    if (key_file_load(arguments->words[0], &key, error) != ERR_OK)
        return EXIT_FAILED;
    key_tell(arguments, arguments->words[0], &key);
    admin_key_free(&key);
    return EXIT_DONE;
}

const struct command key_show = {
    .name = "show",
    .usage = "FILE",
    .summary = "print its name, public key and fingerprint",
    .detail =
        "No passphrase is needed. The fingerprint is short enough for the telephone: whoever\n"
        "writes your key into a document compares it with what you read out.",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
