/* Secrets on disk: a label, a version, hex; read back only from files that no one else can read. */
#include "node/author/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/author/file.h"

enum { SECRET_MOST = 64, SECRET_FILE_BYTES_MAX = 256 };

void random_bytes(void *bytes, size_t size)
{
    randombytes_buf(bytes, size); /* libsodium reads getrandom(2) here */
}

void hex_write(char *text, const uint8_t *bytes, size_t size)
{
    sodium_bin2hex(text, 2 * size + 1, bytes, size);
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

bool hex_read(struct span text, uint8_t *bytes, size_t size)
{
    if (text.size != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void node_keys_derive(struct node_keys *keys)
{
    sign_key_pair(keys->signing_seed, keys->signing_key, keys->signing_secret);
    crypto_scalarmult_base(keys->link_key, keys->link_secret);
    if (keys->has_seal)
        crypto_scalarmult_base(keys->seal_key, keys->seal_secret);
}

void node_keys_make(struct node_keys *keys, const uint8_t *tree_secret)
{
    random_bytes(keys->signing_seed, sizeof keys->signing_seed);
    random_bytes(keys->link_secret, sizeof keys->link_secret);
    random_bytes(keys->tree_secret, sizeof keys->tree_secret);
    random_bytes(keys->seal_secret, sizeof keys->seal_secret);
    keys->has_seal = true;
    keys->escrow_count = 0;
    memset(keys->escrow_secrets, 0, sizeof keys->escrow_secrets);
    if (tree_secret != NULL)
        memcpy(keys->tree_secret, tree_secret, sizeof keys->tree_secret);
    node_keys_derive(keys);
}

void secret_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

void *secret_alloc(size_t size)
{
    void *memory = sodium_malloc(size);
    if (memory == NULL)
        abort(); /* as mem_alloc */
    return memory;
}

void secret_free(void *secret)
{
    sodium_free(secret);
}

void node_keys_wipe(struct node_keys *keys)
{
    secret_wipe(keys, sizeof *keys);
}

enum error_code secret_file_write(const char *path, const char *label, const uint8_t *secret,
                                  size_t size, struct error *error)
{
    char hex[2 * SECRET_MOST + 1], line[SECRET_FILE_BYTES_MAX];
    if (size > SECRET_MOST)
        return error_set(error, ERR_OVERSIZE, path, "a secret of %zu bytes", size);
    hex_write(hex, secret, size);
    int length = snprintf(line, sizeof line, "%s 1 %s\n", label, hex);
    enum error_code code = file_create(path, SPAN(line, (size_t)length), 0600, error);
    sodium_memzero(hex, sizeof hex);
    sodium_memzero(line, sizeof line);
    return code;
}

/* A key that others can read is no secret any more: say so before using it. */
static enum error_code check_private(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return file_error(error, path, "opening");
    if ((status.st_mode & 077) == 0)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, path, "others than its owner may read it (mode %03o)",
              status.st_mode & 0777);
    error_next(error, "chmod 600 the file; if someone may have copied it, have the seat's key "
                      "replaced in the signed tree");
    return ERR_NOT_ALLOWED;
}

/* `LABEL 1 HEX` and perhaps a newline, nothing else. */
static bool parse_secret(struct span line, const char *label, uint8_t *secret, size_t size)
{
    size_t label_size = strlen(label);
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    if (line.size < label_size + 3 || memcmp(line.data, label, label_size) != 0 ||
        memcmp(line.data + label_size, " 1 ", 3) != 0)
        return false;
    return hex_read(SPAN(line.data + label_size + 3, line.size - label_size - 3), secret, size);
}

enum error_code secret_file_read(const char *path, const char *label, uint8_t *secret, size_t size,
                                 struct error *error)
{
    enum error_code code = check_private(path, error);
    if (code != ERR_OK)
        return code;
    struct buffer text = {0};
    buffer_reserve(&text, 2 * 4096); /* so that no copy of the secret stays behind in a resize */
    code = file_read(path, SECRET_FILE_BYTES_MAX, &text, error);
    if (code == ERR_OK && !parse_secret(span_of_buffer(&text), label, secret, size)) {
        code = error_set(error, ERR_MALFORMED, path, "expected one line: %s 1 and %zu hex digits",
                         label, 2 * size);
        error_next(error, "put the file back from your own copy; a lost key is replaced by a new "
                          "one in the signed tree");
    }
    sodium_memzero(text.data, text.capacity);
    buffer_free(&text);
    return code;
}

struct key_file {
    const char *name;
    const char *label;
    size_t offset;
};

/* Each holds 32 bytes of struct node_keys. */
static const struct key_file key_files[] = {
    {"keys/signing.key", "terrace-signing-key", offsetof(struct node_keys, signing_seed)},
    {"keys/link.key", "terrace-link-key", offsetof(struct node_keys, link_secret)},
    {"keys/tree.secret", "terrace-tree-secret", offsetof(struct node_keys, tree_secret)},
    {"keys/seal.key", "terrace-seal-key", offsetof(struct node_keys, seal_secret)},
};
enum {
    KEY_FILE_COUNT = sizeof key_files / sizeof *key_files,
    KEY_FILE_SEAL = KEY_FILE_COUNT - 1,
    KEY_FILE_TREE = KEY_FILE_SEAL - 1,
};

/* A file that may be missing, and is: `secret` then is zero. */
static bool forgive(enum error_code code, size_t file, bool joining, uint8_t *secret,
                    struct error *error)
{
    if (code != ERR_NOT_FOUND || !(file == KEY_FILE_SEAL || (joining && file == KEY_FILE_TREE)))
        return false;
    memset(secret, 0, 32);
    error_clear(error);
    return true;
}

static enum error_code load(const char *dir, bool joining, struct node_keys *keys,
                            struct error *error)
{
    char path[PATH_MAX];
    keys->has_seal = true;
    memset(keys->seal_key, 0, sizeof keys->seal_key);
    for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
        uint8_t *secret = (uint8_t *)keys + key_files[i].offset;
        enum error_code code = path_join(path, dir, key_files[i].name, error);
        if (code == ERR_OK)
            code = secret_file_read(path, key_files[i].label, secret, 32, error);
        if (forgive(code, i, joining, secret, error)) {
            keys->has_seal = keys->has_seal && i != KEY_FILE_SEAL;
        } else if (code != ERR_OK) {
            node_keys_wipe(keys);
            return code;
        }
    }
    if (escrow_keys_load(dir, keys, error) != ERR_OK) {
        node_keys_wipe(keys);
        return error->code;
    }
    node_keys_derive(keys);
    return ERR_OK;
}

enum error_code keys_load(const char *dir, struct node_keys *keys, struct error *error)
{
    return load(dir, false, keys, error);
}

enum error_code keys_load_joining(const char *dir, struct node_keys *keys, struct error *error)
{
    return load(dir, true, keys, error);
}

static enum error_code write_key(const char *dir, const struct key_file *file,
                                 const struct node_keys *keys, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_join(path, dir, file->name, error);
    return code == ERR_OK ? secret_file_write(path, file->label,
                                              (const uint8_t *)keys + file->offset, 32, error)
                          : code;
}

enum error_code keys_add_seal(const char *dir, struct node_keys *keys, struct error *error)
{
    random_bytes(keys->seal_secret, sizeof keys->seal_secret);
    keys->has_seal = true;
    node_keys_derive(keys);
    return write_key(dir, &key_files[KEY_FILE_SEAL], keys, error);
}

void node_keys_seal(const struct node_keys *keys, struct seal_key *seal)
{
    seal_key_from(keys->seal_secret, seal);
    for (size_t i = 0; i < keys->escrow_count; i++)
        seal_key_add_escrow(keys->escrow_secrets[i], seal);
}

enum error_code keys_write_tree_secret(const char *dir, const struct node_keys *keys,
                                       struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_join(path, dir, key_files[KEY_FILE_TREE].name, error);
    if (code == ERR_OK)
        unlink(path);
    return code == ERR_OK ? write_key(dir, &key_files[KEY_FILE_TREE], keys, error) : code;
}

enum error_code keys_write(const char *dir, const struct node_keys *keys, struct error *error)
{
    char path[PATH_MAX];
    bool joining = sodium_is_zero(keys->tree_secret, sizeof keys->tree_secret);
    enum error_code code = path_join(path, dir, "keys", error);
    if (code == ERR_OK)
        code = directory_make(path, 0700, error);
    for (size_t i = 0; i < KEY_FILE_COUNT && code == ERR_OK; i++) {
        if (i != KEY_FILE_TREE || !joining)
            code = write_key(dir, &key_files[i], keys, error);
    }
    return code;
}

static const char next_name[] = "keys/next.key";

enum error_code keys_load_next(const char *dir, const struct node_keys *keys,
                               struct node_keys *next, struct error *error)
{
    char path[PATH_MAX];
    *next = *keys;
    enum error_code code = path_join(path, dir, next_name, error);
    if (code == ERR_OK)
        code = secret_file_read(path, key_files[0].label, next->signing_seed,
                                sizeof next->signing_seed, error);
    if (code == ERR_OK)
        node_keys_derive(next);
    else
        node_keys_wipe(next);
    return code;
}

enum error_code keys_make_next(const char *dir, const struct node_keys *keys,
                               struct node_keys *next, struct error *error)
{
    char path[PATH_MAX];
    uint8_t seed[sizeof next->signing_seed];
    enum error_code code = keys_load_next(dir, keys, next, error);
    if (code != ERR_NOT_FOUND)
        return code;
    error_clear(error);
    random_bytes(seed, sizeof seed);
    code = path_join(path, dir, next_name, error);
    if (code == ERR_OK)
        code = secret_file_write(path, key_files[0].label, seed, sizeof seed, error);
    secret_wipe(seed, sizeof seed);
    return code == ERR_OK ? keys_load_next(dir, keys, next, error) : code;
}

enum error_code keys_take_next(const char *dir, struct error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    enum error_code code = path_join(from, dir, next_name, error);
    if (code == ERR_OK)
        code = path_join(to, dir, key_files[0].name, error);
    return code == ERR_OK ? file_rename(from, to, error) : code;
}
