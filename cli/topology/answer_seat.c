/* What the command line says of a new seat. */
#include <string.h>

#include "cli/topology/answer.h"
#include "node/author/admin_key.h"

enum error_code answer_name(const struct arguments *arguments, const char *seat,
                            char name[static SEAT_NAME_BYTES_MAX + 1], struct error *error)
{
    const char *given = arguments_value(arguments, "name");
    if (given == NULL)
        given = seat;
    if (strlen(given) > SEAT_NAME_BYTES_MAX || !utf8_printable(span_of_text(given)))
        return error_set(error, ERR_USAGE, "--name", "expected at most %d bytes of text",
                         SEAT_NAME_BYTES_MAX);
    memcpy(name, given, strlen(given) + 1);
    return ERR_OK;
}

enum error_code answer_tier(const struct arguments *arguments, const struct tree *tree,
                            const struct seat *parent, uint8_t *tier, struct error *error)
{
    const char *name = arguments_value(arguments, "tier");
    *tier =
        parent->child_count > 0 ? parent->children[0]->row.tier : (uint8_t)(parent->row.tier + 1);
    if (name == NULL)
        return ERR_OK;
    for (*tier = 0; *tier < tree_tier_count(tree); (*tier)++) {
        if (strcmp(tree_tier_name(tree, *tier), name) == 0)
            return ERR_OK;
    }
    error_set(error, ERR_USAGE, "--tier", "this tree has no tier %s", name);
    error_next(error, "`terrace topology show` says which there are");
    return ERR_USAGE;
}

/* A public key as hex, or of an admin key's file, which stays locked. */
static enum error_code public_key(const char *given, uint8_t key[static KEY_BYTES],
                                  struct error *error)
{
    struct admin_key read;
    if (hex_read(span_of_text(given), key, KEY_BYTES))
        return ERR_OK;
    enum error_code code = admin_key_load(given, &read, error);
    if (code != ERR_OK)
        return code;
    memcpy(key, read.public_key, KEY_BYTES);
    admin_key_free(&read);
    return ERR_OK;
}

enum error_code answer_admins(const struct arguments *arguments, uint8_t (*admins)[KEY_BYTES],
                              uint8_t *count, uint8_t *threshold, struct error *error)
{
    uint64_t needed = 1;
    enum error_code code =
        arguments_number(arguments, "threshold", 1, ADMIN_KEYS_MAX, &needed, error);
    *count = 0;
    for (size_t i = 0; i < arguments->given_count && code == ERR_OK; i++) {
        if (strcmp(arguments->given[i].row->name, "admin") != 0)
            continue;
        if (*count == ADMIN_KEYS_MAX)
            return error_set(error, ERR_USAGE, "--admin", "at most %d keys", ADMIN_KEYS_MAX);
        code = public_key(arguments->given[i].value, admins[(*count)++], error);
    }
    if (code == ERR_OK && *count > 0 && needed > *count)
        return error_set(error, ERR_USAGE, "--threshold", "there are only %u keys", *count);
    *threshold = *count > 0 ? (uint8_t)needed : 0;
    return code;
}

void answer_row(const struct node_keys *keys, const char *seat, const char *name, uint8_t tier,
                struct seat_row *row)
{
    *row = (struct seat_row){.tier = tier, .has_seal_key = keys->has_seal};
    memcpy(row->seat, seat, strlen(seat) + 1);
    memcpy(row->name, name, strlen(name) + 1);
    memcpy(row->signing_key, keys->signing_key, KEY_BYTES);
    memcpy(row->link_key, keys->link_key, KEY_BYTES);
    memcpy(row->seal_key, keys->seal_key, KEY_BYTES);
}
