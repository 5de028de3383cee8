/* terrace key lent, terrace key return: the escrow keys that a node was lent. */
#include <stdio.h>
#include <string.h>

#include "cli/key/key.h"
#include "cli/print.h"
#include "node/author/code_text.h"
#include "node/author/keys.h"

struct lent_key {
    uint8_t public_key[KEY_BYTES];
    struct hash print;
    char fingerprint[FINGERPRINT_TEXT_BYTES];
};

/* Their public halves and how people know them. */
static enum error_code read_lent(const char *directory,
                                 struct lent_key lent[static SEAL_ESCROW_MAX], size_t *count,
                                 struct error *error)
{
    struct node_keys keys;
    struct seal_key one;
    enum error_code code = escrow_keys_load(directory, &keys, error);
    *count = code == ERR_OK ? keys.escrow_count : 0;
    for (size_t i = 0; i < *count; i++) {
        seal_key_from(keys.escrow_secrets[i], &one);
        memcpy(lent[i].public_key, one.public_key, KEY_BYTES);
        lent[i].print = admin_key_print(lent[i].public_key);
        fingerprint_write(&lent[i].print, lent[i].fingerprint);
    }
    secret_wipe(&one, sizeof one);
    secret_wipe(&keys, sizeof keys);
    return code;
}

static void tell(const struct arguments *arguments, const struct lent_key *key)
{
    char hex[2 * KEY_BYTES + 1];
    hex_write(hex, key->public_key, KEY_BYTES);
    if (arguments->json)
        print_json(json_pack("{s:s,s:s}", "key", hex, "fingerprint", key->fingerprint));
    else
        printf("%s  %s\n", key->fingerprint, hex);
}

static int run_lent(const struct arguments *arguments, struct error *error)
{
    struct lent_key lent[SEAL_ESCROW_MAX];
    const char *directory = NULL;
    size_t count = 0;
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        read_lent(directory, lent, &count, error) != ERR_OK)
        return EXIT_FAILED;
    for (size_t i = 0; i < count; i++)
        tell(arguments, &lent[i]);
    return EXIT_DONE;
}

static int run_return(const struct arguments *arguments, struct error *error)
{
    struct lent_key lent[SEAL_ESCROW_MAX];
    const char *directory = NULL, *name = arguments->words[0];
    size_t count = 0, at = 0;
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        read_lent(directory, lent, &count, error) != ERR_OK)
        return EXIT_FAILED;
    while (at < count && !fingerprint_equal(&lent[at].print, span_of_text(name)))
        at++;
    if (at == count) {
        error_set(error, ERR_NOT_FOUND, name, "%s was lent no escrow key of this fingerprint",
                  directory);
        error_next(error, "`terrace key lent` names those that it was lent");
        return EXIT_FAILED;
    }
    if (escrow_keys_return(directory, lent[at].public_key, error) != ERR_OK)
        return EXIT_FAILED;
    if (arguments->json)
        tell(arguments, &lent[at]);
    else
        printf("%s opens nothing by %s any more, from its next start on\n", directory,
               lent[at].fingerprint);
    return EXIT_DONE;
}

const struct command key_lent = {
    .name = "lent",
    .usage = "",
    .summary = "the escrow keys that a node was lent, by fingerprint",
    .detail = "As `terrace key show` prints it of the file.",
    .run = run_lent,
};

const struct command key_return = {
    .name = "return",
    .usage = "FINGERPRINT",
    .summary = "take an escrow key away from a node that it was lent to",
    .detail =
        "What this key alone opens there is shown as before, but can't be read from the log\n"
        "any more: not judged again, and not checked by `terrace verify`, which says so. Lent\n"
        "again, it opens it again.",
    .words_min = 1,
    .words_max = 1,
    .run = run_return,
};
