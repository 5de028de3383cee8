/* Passphrase -> Argon2id -> XChaCha20-Poly1305 around the seed; all else of the file is the
 * associated data, so that a changed name or parameter is seen. */
#include "node/author/admin_key.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/msgpack.h"
#include "base/yaml.h"
#include "node/author/file.h"
#include "node/author/keys.h"

enum { SEED_BYTES = 32, LINE_ROOM = 512 };

static const char admin_heading[] = "terrace_admin_key", escrow_heading[] = "terrace_escrow_key";

_Static_assert(sizeof((struct admin_key *)0)->salt == crypto_pwhash_SALTBYTES, "salt");
_Static_assert(sizeof((struct admin_key *)0)->nonce == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "nonce");
_Static_assert(sizeof((struct admin_key *)0)->sealed ==
                   SEED_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "sealed");

void process_conceal(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct hash admin_key_print(const uint8_t public_key[static KEY_BYTES])
{
    return hash_of(HASH_KEY, SPAN(public_key, KEY_BYTES));
}

/* Of a key that signs the seed, then its public half; of an escrow key its secret. */
static void secret_take(struct admin_key *key, const uint8_t seed[static SEED_BYTES])
{
    key->secret = secret_alloc(SECRET_BYTES);
    if (!key->escrow) {
        sign_key_pair(seed, key->public_key, key->secret);
        return;
    }
    memcpy(key->secret, seed, SEED_BYTES);
    crypto_scalarmult_base(key->public_key, seed);
}

static void make(struct admin_key *key, const char *name, bool escrow)
{
    uint8_t *seed = secret_alloc(SEED_BYTES);
    *key = (struct admin_key){.encrypted = true, .escrow = escrow};
    snprintf(key->name, sizeof key->name, "%s", name);
    random_bytes(seed, SEED_BYTES);
    secret_take(key, seed);
    secret_free(seed);
}

void admin_key_make(struct admin_key *key, const char *name)
{
    make(key, name, false);
}

void escrow_key_make(struct admin_key *key, const char *name)
{
    make(key, name, true);
}

void admin_key_free(struct admin_key *key)
{
    secret_free(key->secret); /* wipes; NULL is legal */
    *key = (struct admin_key){0};
}

/* The lines that are bound to the sealed seed. */
static size_t bound_lines(const struct admin_key *key, char text[static LINE_ROOM])
{
    char public_key[2 * KEY_BYTES + 1], salt[2 * sizeof key->salt + 1];
    char nonce[2 * sizeof key->nonce + 1];
    hex_write(public_key, key->public_key, KEY_BYTES);
    hex_write(salt, key->salt, sizeof key->salt);
    hex_write(nonce, key->nonce, sizeof key->nonce);
    int length = snprintf(text, LINE_ROOM,
                          "%s: 1\nname: \"%s\"\nkey: %s\noperations: %u\n"
                          "memory_kib: %u\nsalt: %s\nnonce: %s\n",
                          key->escrow ? escrow_heading : admin_heading, key->name, public_key,
                          key->operations, key->memory_kib, salt, nonce);
    assert(length > 0 && length < LINE_ROOM);
    return (size_t)length;
}

/* The key under which the seed is sealed; NULL: no memory for it, or no such parameters. The caller
 * frees it with sodium_free. */
static uint8_t *stretch(const struct admin_key *key, struct span passphrase)
{
    uint8_t *out = secret_alloc(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
    static const char nothing[1];
    const char *text = passphrase.size == 0 ? nothing : (const char *)passphrase.data;
    if (crypto_pwhash(out, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, text, passphrase.size,
                      key->salt, key->operations, (size_t)key->memory_kib << 10,
                      crypto_pwhash_ALG_ARGON2ID13) == 0)
        return out;
    secret_free(out);
    return NULL;
}

static enum error_code no_memory(const char *path, const struct admin_key *key, struct error *error)
{
    error_set(error, ERR_FULL, path, "opening it takes %u MiB of memory, which isn't free",
              key->memory_kib >> 10);
    error_next(error, "end other programs, or open it on another machine");
    return ERR_FULL;
}

enum error_code admin_key_unlock(struct admin_key *key, const char *path, struct span passphrase,
                                 struct error *error)
{
    char bound[LINE_ROOM];
    if (key->secret != NULL)
        return ERR_OK;
    assert(key->encrypted);
    size_t bound_size = bound_lines(key, bound);
    uint8_t *stretched = stretch(key, passphrase);
    if (stretched == NULL)
        return no_memory(path, key, error);
    uint8_t *seed = secret_alloc(SEED_BYTES), derived[KEY_BYTES];
    memcpy(derived, key->public_key, KEY_BYTES);
    bool opens = crypto_aead_xchacha20poly1305_ietf_decrypt(
                     seed, NULL, NULL, key->sealed, sizeof key->sealed, (const uint8_t *)bound,
                     bound_size, key->nonce, stretched) == 0;
    secret_free(stretched);
    if (opens)
        secret_take(key, seed);
    secret_free(seed);
    if (opens && memcmp(derived, key->public_key, KEY_BYTES) == 0)
        return ERR_OK;
    secret_free(key->secret);
    key->secret = NULL;
    error_set(error, ERR_NOT_ALLOWED, path,
              "the passphrase does not open it: another one, or the file was changed");
    error_next(error, "try again; without the passphrase this key is lost, and the others replace "
                      "it (docs/administer.md)");
    return ERR_NOT_ALLOWED;
}

static enum error_code passphrase_check(const char *path, struct span passphrase,
                                        struct error *error)
{
    if (passphrase.size >= PASSPHRASE_BYTES_MIN && passphrase.size <= PASSPHRASE_BYTES_MAX)
        return ERR_OK;
    error_set(error, ERR_INVALID, path, "a passphrase has %d to %d bytes, this one has %zu",
              PASSPHRASE_BYTES_MIN, PASSPHRASE_BYTES_MAX, passphrase.size);
    error_next(error, "take four or five words that do not belong together");
    return ERR_INVALID;
}

enum error_code admin_key_write(const char *path, struct admin_key *key, struct span passphrase,
                                bool replace, struct error *error)
{
    char bound[LINE_ROOM], sealed[2 * sizeof key->sealed + 1];
    assert(key->secret != NULL);
    enum error_code code = passphrase_check(path, passphrase, error);
    if (code != ERR_OK)
        return code;
    key->operations = crypto_pwhash_OPSLIMIT_INTERACTIVE;
    key->memory_kib = crypto_pwhash_MEMLIMIT_INTERACTIVE >> 10;
    random_bytes(key->salt, sizeof key->salt);
    random_bytes(key->nonce, sizeof key->nonce);
    size_t bound_size = bound_lines(key, bound);
    uint8_t *stretched = stretch(key, passphrase);
    if (stretched == NULL)
        return no_memory(path, key, error);
    /* either kind begins with what it is made from */
    crypto_aead_xchacha20poly1305_ietf_encrypt(key->sealed, NULL, key->secret, SEED_BYTES,
                                               (const uint8_t *)bound, bound_size, NULL, key->nonce,
                                               stretched);
    secret_free(stretched);
    hex_write(sealed, key->sealed, sizeof key->sealed);
    struct buffer text = {0};
    buffer_append_span(&text, span_of_text(key->escrow ? "# it opens what is sealed to a seat, "
                                                       : "# a key of a person who signs; "));
    buffer_append_span(&text,
                       span_of_text("what is secret in here is sealed under a passphrase\n"));
    buffer_append(&text, bound, bound_size);
    buffer_append_span(&text, span_of_text("sealed: "));
    buffer_append(&text, sealed, strlen(sealed));
    buffer_append_byte(&text, '\n');
    code = replace ? file_replace(path, span_of_buffer(&text), 0600, error)
                   : file_create(path, span_of_buffer(&text), 0600, error);
    buffer_free(&text);
    return code;
}

static void read_hex(struct yaml_node *root, const char *name, uint8_t *bytes, size_t size)
{
    struct span text = SPAN_EMPTY;
    if (yaml_get_text(root, name, true, &text) && !hex_read(text, bytes, size))
        yaml_complain(yaml_map_get(root, name), "expected %zu hex digits", 2 * size);
}

bool admin_name_acceptable(struct span name)
{
    return name.size <= ADMIN_NAME_BYTES_MAX && utf8_printable(name) &&
           (name.size == 0 || (memchr(name.data, '"', name.size) == NULL &&
                               memchr(name.data, '\\', name.size) == NULL));
}

static void read_name(struct yaml_node *root, struct admin_key *key)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, "name", false, &text) || text.size == 0)
        return;
    if (!admin_name_acceptable(text))
        yaml_complain(yaml_map_get(root, "name"), "expected a name of at most %d bytes",
                      ADMIN_NAME_BYTES_MAX);
    else
        memcpy(key->name, text.data, text.size);
}

static enum error_code read_fields(struct yaml_node *root, struct admin_key *key)
{
    uint64_t version = 1, operations = 0, memory_kib = 0;
    key->escrow = yaml_map_get(root, escrow_heading) != NULL;
    yaml_get_uint(root, key->escrow ? escrow_heading : admin_heading, true, 1, UINT32_MAX,
                  &version);
    yaml_get_uint(root, "operations", true, 1, UINT32_MAX, &operations);
    yaml_get_uint(root, "memory_kib", true, 8, UINT32_MAX, &memory_kib);
    read_name(root, key);
    read_hex(root, "key", key->public_key, KEY_BYTES);
    read_hex(root, "salt", key->salt, sizeof key->salt);
    read_hex(root, "nonce", key->nonce, sizeof key->nonce);
    read_hex(root, "sealed", key->sealed, sizeof key->sealed);
    key->operations = (uint32_t)operations;
    key->memory_kib = (uint32_t)memory_kib;
    key->encrypted = true;
    if (version != 1)
        return ERR_NEWER;
    return operations <= ADMIN_KEY_OPERATIONS_MAX && memory_kib <= ADMIN_KEY_MEMORY_KIB_MAX
               ? ERR_OK
               : ERR_OVERSIZE;
}

static enum error_code load_sealed(const char *path, struct span text, struct admin_key *key,
                                   struct error *error)
{
    struct yaml *yaml = yaml_parse(text, path, error);
    if (yaml == NULL)
        return error->code;
    struct yaml_node *root = yaml_root(yaml);
    enum error_code code = ERR_MALFORMED, bounds = ERR_OK;
    if (root == NULL || !yaml_is_map(root)) {
        error_set(error, ERR_MALFORMED, path, "it is not a key file of terrace");
    } else {
        bounds = read_fields(root, key);
        code = yaml_finish(yaml, error) ? ERR_OK : error->code;
    }
    yaml_free(yaml);
    if (code != ERR_OK || bounds == ERR_OK)
        return code;
    if (bounds == ERR_NEWER)
        return error_set(error, ERR_NEWER, path, "a newer version of terrace wrote it");
    error_set(error, ERR_OVERSIZE, path,
              "opening it would take %u rounds over %u MiB; the most is %d over %d",
              key->operations, key->memory_kib >> 10, ADMIN_KEY_OPERATIONS_MAX,
              ADMIN_KEY_MEMORY_KIB_MAX >> 10);
    error_next(error, "no version of terrace writes such a file: ask where it comes from");
    return ERR_OVERSIZE;
}

static enum error_code load_plain(const char *path, struct admin_key *key, struct error *error)
{
    uint8_t *seed = secret_alloc(SEED_BYTES);
    enum error_code code = secret_file_read(path, "terrace-admin-key", seed, SEED_BYTES, error);
    if (code == ERR_OK)
        secret_take(key, seed);
    secret_free(seed);
    return code;
}

enum error_code key_file_load(const char *path, struct admin_key *key, struct error *error)
{
    enum { KEY_FILE_BYTES_MAX = 4096 };
    static const char plain[] = "terrace-admin-key ";
    struct buffer text = {0};
    *key = (struct admin_key){0};
    enum error_code code = file_read(path, KEY_FILE_BYTES_MAX, &text, error);
    if (code == ERR_OK && text.size > sizeof plain &&
        memcmp(text.data, plain, sizeof plain - 1) == 0)
        code = load_plain(path, key, error);
    else if (code == ERR_OK)
        code = load_sealed(path, span_of_buffer(&text), key, error);
    if (text.capacity > 0)
        sodium_memzero(text.data, text.capacity);
    buffer_free(&text);
    if (code != ERR_OK)
        admin_key_free(key);
    return code;
}

enum error_code admin_key_load(const char *path, struct admin_key *key, struct error *error)
{
    enum error_code code = key_file_load(path, key, error);
    if (code != ERR_OK || !key->escrow)
        return code;
    admin_key_free(key);
    error_set(error, ERR_INVALID, path, "it is an escrow key: it opens, and signs nothing");
    error_next(error, "`terrace key new` makes a key that signs");
    return ERR_INVALID;
}

enum error_code escrow_key_load(const char *path, struct admin_key *key, struct error *error)
{
    enum error_code code = key_file_load(path, key, error);
    if (code != ERR_OK || key->escrow)
        return code;
    admin_key_free(key);
    error_set(error, ERR_INVALID, path, "it is a key that signs, and no escrow key");
    error_next(error, "`terrace key new --escrow` makes an escrow key");
    return ERR_INVALID;
}
