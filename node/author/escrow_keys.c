/* Escrow keys that people have lent to this machine: a file each in DIR/keys, named by the key, and
 * one of the name that such a file had when there could be but one. */
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/author/file.h"
#include "node/author/keys.h"

enum { ID_DIGITS = 2 * KEY_ID_BYTES, NAME_BYTES = sizeof "escrow-.key" + ID_DIGITS };

static const char label[] = "terrace-escrow-key", former[] = "escrow.key";

struct lent_names {
    char names[SEAL_ESCROW_MAX + 1][NAME_BYTES];
    size_t count; /* SEAL_ESCROW_MAX + 1: there are more than may be */
};

static bool is_lent_name(const char *name)
{
    uint8_t id[KEY_ID_BYTES];
    if (strcmp(name, former) == 0)
        return true;
    return strlen(name) == NAME_BYTES - 1 && strncmp(name, "escrow-", 7) == 0 &&
           strcmp(name + 7 + ID_DIGITS, ".key") == 0 && hex_read(SPAN(name + 7, ID_DIGITS), id, 8);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum error_code list_names(const char *dir, struct lent_names *lent, struct error *error)
{
    char path[PATH_MAX];
    lent->count = 0;
    if (path_join(path, dir, "keys", error) != ERR_OK)
        return error->code;
    DIR *keys = opendir(path);
    if (keys == NULL)
        return errno == ENOENT ? ERR_OK : file_error(error, path, "opening");
    const struct dirent *entry;
    while ((entry = readdir(keys)) != NULL && lent->count <= SEAL_ESCROW_MAX) {
        if (is_lent_name(entry->d_name))
            memcpy(lent->names[lent->count++], entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(keys);
    qsort(lent->names, lent->count, sizeof *lent->names, by_name);
    if (lent->count <= SEAL_ESCROW_MAX)
        return ERR_OK;
    error_set(error, ERR_FULL, path, "it holds more than the %d escrow keys that a machine may",
              SEAL_ESCROW_MAX);
    error_next(error, "take those away that nothing here is sealed to");
    return ERR_FULL;
}

static enum error_code path_of(char path[static PATH_MAX], const char *dir, const char *name,
                               struct error *error)
{
    char under[NAME_BYTES + 5];
    snprintf(under, sizeof under, "keys/%s", name);
    return path_join(path, dir, under, error);
}

enum error_code escrow_keys_load(const char *dir, struct node_keys *keys, struct error *error)
{
    struct lent_names lent;
    char path[PATH_MAX];
    enum error_code code = list_names(dir, &lent, error);
    memset(keys->escrow_secrets, 0, sizeof keys->escrow_secrets);
    keys->escrow_count = 0;
    for (size_t i = 0; code == ERR_OK && i < lent.count; i++) {
        code = path_of(path, dir, lent.names[i], error);
        if (code == ERR_OK)
            code = secret_file_read(path, label, keys->escrow_secrets[i], KEY_BYTES, error);
        if (code == ERR_OK)
            keys->escrow_count++;
    }
    return code;
}

/* The path of a key's file, under either name; false: it isn't lent. */
static enum error_code find(const char *dir, const uint8_t public_key[static KEY_BYTES],
                            char path[static PATH_MAX], bool *found, size_t *count,
                            struct error *error)
{
    struct lent_names lent;
    uint8_t secret[KEY_BYTES], other[KEY_BYTES];
    enum error_code code = list_names(dir, &lent, error);
    *found = false;
    for (size_t i = 0; code == ERR_OK && !*found && i < lent.count; i++) {
        code = path_of(path, dir, lent.names[i], error);
        if (code == ERR_OK)
            code = secret_file_read(path, label, secret, KEY_BYTES, error);
        if (code == ERR_OK) {
            crypto_scalarmult_base(other, secret);
            *found = memcmp(other, public_key, KEY_BYTES) == 0;
        }
    }
    *count = lent.count;
    sodium_memzero(secret, sizeof secret);
    return code;
}

enum error_code escrow_keys_lend(const char *dir, const uint8_t secret[static KEY_BYTES],
                                 struct error *error)
{
    char path[PATH_MAX], hex[ID_DIGITS + 1], name[NAME_BYTES];
    uint8_t public_key[KEY_BYTES];
    size_t count;
    bool found;
    crypto_scalarmult_base(public_key, secret);
    enum error_code code = find(dir, public_key, path, &found, &count, error);
    if (code != ERR_OK || found)
        return code;
    if (count == SEAL_ESCROW_MAX) {
        error_set(error, ERR_FULL, dir, "it was lent %d escrow keys, as many as it may have",
                  SEAL_ESCROW_MAX);
        error_next(error, "`terrace key lent` names them, `terrace key return` takes one away");
        return ERR_FULL;
    }
    hex_write(hex, key_id_of(public_key).bytes, KEY_ID_BYTES);
    snprintf(name, sizeof name, "escrow-%s.key", hex);
    code = path_of(path, dir, name, error);
    return code == ERR_OK ? secret_file_write(path, label, secret, KEY_BYTES, error) : code;
}

enum error_code escrow_keys_return(const char *dir, const uint8_t public_key[static KEY_BYTES],
                                   struct error *error)
{
    char path[PATH_MAX];
    size_t count;
    bool found;
    enum error_code code = find(dir, public_key, path, &found, &count, error);
    if (code == ERR_OK && !found)
        return error_set(error, ERR_NOT_FOUND, dir, "it has no such escrow key");
    return code == ERR_OK && unlink(path) != 0 ? file_error(error, path, "removing") : code;
}
