/* The file of an invitation, and what is sealed in it. */
#include "node/author/invite.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "node/author/file.h"

enum { INVITE_VERSION = 1, INVITE_FILE_BYTES_MAX = 4096, SEALED_FIELDS = 8 };
_Static_assert((int)INVITE_SEALED_BYTES ==
                   (int)INVITE_SEED_BYTES + (int)crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "sealed");
_Static_assert((int)INVITE_NONCE_BYTES == (int)crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "nonce");

static void derive(const char personal[static 16], const uint8_t *secret, uint8_t *out, size_t size)
{
    uint8_t all[KEY_BYTES];
    crypto_generichash_blake2b_salt_personal(all, sizeof all, secret, INVITE_SECRET_BYTES, NULL, 0,
                                             NULL, (const uint8_t *)personal);
    memcpy(out, all, size);
    sodium_memzero(all, sizeof all);
}

void invite_names(const uint8_t secret[static INVITE_SECRET_BYTES],
                  uint8_t id[static INVITE_ID_BYTES], uint8_t psk[static KEY_BYTES])
{
    derive("terrace join id ", secret, id, INVITE_ID_BYTES);
    derive("terrace join psk", secret, psk, KEY_BYTES);
}

/* What the seed is bound to: which seat it may sign for, and how. */
static void write_terms(const struct invite *invite, struct buffer *out)
{
    mp_write_text(out, invite->owner);
    mp_write_text(out, invite->seat);
    mp_write_text(out, invite->name);
    mp_write_uint(out, invite->tier);
    mp_write_uint(out, invite->expires_ms);
    mp_write_uint(out, invite->threshold);
    mp_write_bin(out, SPAN(invite->admins[0], (size_t)invite->admin_count * KEY_BYTES));
}

void invite_seal(struct invite *invite, const uint8_t secret[static INVITE_SECRET_BYTES],
                 const uint8_t seed[static INVITE_SEED_BYTES])
{
    struct buffer terms = {0};
    uint8_t key[KEY_BYTES];
    invite_names(secret, invite->id, invite->psk);
    derive("terrace join key", secret, key, sizeof key);
    randombytes_buf(invite->nonce, sizeof invite->nonce);
    write_terms(invite, &terms);
    crypto_aead_xchacha20poly1305_ietf_encrypt(invite->sealed, NULL, seed, INVITE_SEED_BYTES,
                                               terms.data, terms.size, NULL, invite->nonce, key);
    invite->has_seed = true;
    sodium_memzero(key, sizeof key);
    buffer_free(&terms);
}

bool invite_open(const struct invite *invite, const uint8_t secret[static INVITE_SECRET_BYTES],
                 uint8_t seed[static INVITE_SEED_BYTES])
{
    struct buffer terms = {0};
    uint8_t key[KEY_BYTES];
    if (!invite->has_seed)
        return false;
    derive("terrace join key", secret, key, sizeof key);
    write_terms(invite, &terms);
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(seed, NULL, NULL, invite->sealed,
                                                            sizeof invite->sealed, terms.data,
                                                            terms.size, invite->nonce, key);
    sodium_memzero(key, sizeof key);
    buffer_free(&terms);
    return failed == 0;
}

void invite_forget_seed(struct invite *invite)
{
    invite->has_seed = false;
    sodium_memzero(invite->sealed, sizeof invite->sealed);
}

static enum error_code path_of(const char *dir, const uint8_t id[static INVITE_ID_BYTES],
                               char path[static PATH_MAX], struct error *error)
{
    char name[64] = "invites/";
    hex_write(name + 8, id, INVITE_ID_BYTES);
    strcat(name, ".invite");
    return path_join(path, dir, name, error);
}

enum error_code invite_write(const char *dir, const struct invite *invite, struct error *error)
{
    char path[PATH_MAX];
    struct buffer bytes = {0};
    enum error_code code = path_join(path, dir, "invites", error);
    if (code == ERR_OK)
        code = directory_make(path, 0700, error);
    if (code == ERR_OK)
        code = path_of(dir, invite->id, path, error);
    mp_write_array(&bytes, 14);
    mp_write_uint(&bytes, INVITE_VERSION);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(invite->id));
    mp_write_bin(&bytes, SPAN_OF_ARRAY(invite->psk));
    write_terms(invite, &bytes);
    mp_write_uint(&bytes, (uint64_t)invite->state);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(invite->claimed));
    mp_write_bin(&bytes, SPAN_OF_ARRAY(invite->nonce));
    mp_write_bin(&bytes, SPAN(invite->sealed, invite->has_seed ? INVITE_SEALED_BYTES : 0));
    if (code == ERR_OK)
        code = file_replace(path, span_of_buffer(&bytes), 0600, error);
    sodium_memzero(bytes.data, bytes.size);
    buffer_free(&bytes);
    return code;
}

static void take_bytes(struct mp_reader *reader, uint8_t *to, size_t size)
{
    const uint8_t *from = mp_read_bin_of(reader, size);
    if (from != NULL)
        memcpy(to, from, size);
}

static void take_text(struct mp_reader *reader, char *to, size_t bytes_max)
{
    struct span text = mp_read_str(reader);
    if (text.size > bytes_max || !utf8_printable(text))
        mp_fail(reader);
    else if (text.size > 0)
        memcpy(to, text.data, text.size);
}

static void take_admins(struct mp_reader *reader, struct invite *invite)
{
    invite->threshold = (uint8_t)mp_read_uint_max(reader, ADMIN_KEYS_MAX);
    struct span keys = mp_read_bin(reader);
    if (keys.size % KEY_BYTES != 0 || keys.size > sizeof invite->admins ||
        invite->threshold > keys.size / KEY_BYTES)
        mp_fail(reader);
    else if (keys.size > 0)
        memcpy(invite->admins, keys.data, keys.size);
    invite->admin_count = reader->failed ? 0 : (uint8_t)(keys.size / KEY_BYTES);
}

static bool parse(struct span bytes, struct invite *invite)
{
    struct mp_reader reader = mp_reader(bytes);
    *invite = (struct invite){0};
    if (mp_read_array(&reader) != 14 || mp_read_uint(&reader) != INVITE_VERSION)
        mp_fail(&reader);
    take_bytes(&reader, invite->id, sizeof invite->id);
    take_bytes(&reader, invite->psk, sizeof invite->psk);
    take_text(&reader, invite->owner, SEAT_BYTES_MAX);
    take_text(&reader, invite->seat, SEAT_BYTES_MAX);
    take_text(&reader, invite->name, SEAT_NAME_BYTES_MAX);
    invite->tier = (uint8_t)mp_read_uint_max(&reader, TIERS_MAX - 1);
    invite->expires_ms = mp_read_uint(&reader);
    take_admins(&reader, invite);
    invite->state = (enum invite_state)mp_read_uint_max(&reader, INVITE_USED);
    take_bytes(&reader, invite->claimed, KEY_BYTES);
    take_bytes(&reader, invite->nonce, sizeof invite->nonce);
    struct span sealed = mp_read_bin(&reader);
    invite->has_seed = sealed.size == INVITE_SEALED_BYTES;
    if (invite->has_seed)
        memcpy(invite->sealed, sealed.data, sealed.size);
    else if (sealed.size > 0)
        mp_fail(&reader);
    mp_read_end(&reader);
    return !reader.failed;
}

static enum error_code load_at(const char *path, struct invite *invite, struct error *error)
{
    struct buffer bytes = {0};
    enum error_code code = file_read(path, INVITE_FILE_BYTES_MAX, &bytes, error);
    if (code == ERR_OK && !parse(span_of_buffer(&bytes), invite))
        code = error_set(error, ERR_MALFORMED, path, "it is no invitation, or is damaged");
    if (bytes.data != NULL)
        sodium_memzero(bytes.data, bytes.capacity);
    buffer_free(&bytes);
    return code;
}

enum error_code invite_load(const char *dir, const uint8_t id[static INVITE_ID_BYTES],
                            struct invite *invite, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_of(dir, id, path, error);
    return code == ERR_OK ? load_at(path, invite, error) : code;
}

size_t invites_load(const char *dir, uint64_t now_ms, struct invite **invites)
{
    char path[PATH_MAX], one[PATH_MAX];
    size_t count = 0;
    *invites = mem_alloc(INVITES_MAX * sizeof **invites);
    DIR *all = path_join(path, dir, "invites", NULL) == ERR_OK ? opendir(path) : NULL;
    struct dirent *entry;
    while (all != NULL && count < INVITES_MAX && (entry = readdir(all)) != NULL) {
        const char *end = strrchr(entry->d_name, '.');
        struct invite *invite = &(*invites)[count];
        if (end == NULL || strcmp(end, ".invite") != 0 ||
            path_join(one, path, entry->d_name, NULL) != ERR_OK ||
            load_at(one, invite, NULL) != ERR_OK)
            continue;
        if (invite->expires_ms <= now_ms && invite->has_seed) {
            invite_forget_seed(invite);
            invite_write(dir, invite, NULL);
        }
        count++;
    }
    if (all != NULL)
        closedir(all);
    return count;
}

void invites_free(struct invite *invites, size_t count)
{
    if (invites != NULL)
        sodium_memzero(invites, count * sizeof *invites);
    free(invites);
}

enum error_code invite_remove(const char *dir, const struct invite *invite, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_of(dir, invite->id, path, error);
    if (code == ERR_OK && unlink(path) != 0)
        code = file_error(error, path, "removing");
    return code;
}
