/* --admin, as often as it comes: public keys of people. */
#include <string.h>

#include "cli/passphrase.h"
#include "cli/topology/change.h"
#include "node/author/keys.h"

static enum error_code read_admin(const char *given, uint8_t *key, struct error *error)
{
    struct admin_key file;
    if (hex_read(span_of_text(given), key, KEY_BYTES))
        return ERR_OK;
    enum error_code code = admin_key_load(given, &file, error);
    if (code == ERR_OK) {
        memcpy(key, file.public_key, KEY_BYTES);
        admin_key_free(&file);
    }
    return code;
}

enum error_code admins_given(const struct arguments *arguments, uint8_t (*keys)[KEY_BYTES],
                             uint8_t most, uint8_t *count, struct error *error)
{
    enum error_code code = ERR_OK;
    *count = 0;
    for (size_t i = 0; i < arguments->given_count && code == ERR_OK; i++) {
        if (strcmp(arguments->given[i].row->name, "admin") != 0)
            continue;
        if (*count == most)
            return error_set(error, ERR_USAGE, "--admin", "at most %d keys", most);
        code = read_admin(arguments->given[i].value, keys[(*count)++], error);
    }
    return code;
}
