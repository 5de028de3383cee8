/* terrace topology escrow: the key that the people of a seat keep. */
#include <string.h>

#include "cli/print.h"
#include "cli/topology/change.h"
#include "node/author/keys.h"

static const struct option_row options[] = {
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

/* 64 hex digits, or the file that the key stands in. */
static enum error_code read_key(const char *given, uint8_t key[static KEY_BYTES],
                                struct error *error)
{
    struct admin_key file;
    if (hex_read(span_of_text(given), key, KEY_BYTES))
        return ERR_OK;
    enum error_code code = escrow_key_load(given, &file, error);
    if (code == ERR_OK) {
        memcpy(key, file.public_key, KEY_BYTES);
        admin_key_free(&file);
    } else if (code == ERR_NOT_FOUND) {
        error_next(error, "`terrace key new --escrow FILE` makes one; or give its 64 hex digits, "
                          "or none");
    }
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *seat = arguments->words[0], *given = arguments->words[1];
    bool none = strcmp(given, "none") == 0;
    uint8_t key[KEY_BYTES];
    struct change change;
    enum error_code code = none ? ERR_OK : read_key(given, key, error);
    if (code != ERR_OK)
        return EXIT_FAILED;
    code = change_begin(arguments, &change, error);
    if (code == ERR_OK)
        code = change_of_parent(&change, seat, error);
    if (code == ERR_OK)
        code = amend_escrow(change.amendment, span_of_text(seat), none ? NULL : key, error);
    if (code == ERR_OK)
        code = change_sign(&change, error);
    if (code == ERR_OK && !arguments->json && !arguments_flag(arguments, "dry-run"))
        printf(
            none
                ? "%s has no escrow key any more: what is sealed to it opens on its machine alone\n"
                : "%s: what is sealed to it from now on opens with this key too\n",
            seat);
    change_end(&change);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_escrow = {
    .name = "escrow",
    .usage = "SEAT FILE|KEY|none",
    .summary = "give a seat the key that its people keep for when its machine is lost",
    .detail =
        "Signed by the admins of the seat above. Another key than before: the seat seals what\n"
        "it has kept above (backup: sealed) to the new one as soon as it hears.",
    .words_min = 2,
    .words_max = 2,
    .options = options,
    .run = run,
};
