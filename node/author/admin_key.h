/* Keys of the people who sign documents: one file a key, encrypted under a passphrase.
 *
 *     terrace_admin_key: 1
 *     name: "Li Hua"             whose it is; only a note, but it is sealed with the rest
 *     key: HEX                   the public half
 *     operations: 2              Argon2id (RFC 9106) as libsodium calls its parameters
 *     memory_kib: 65536
 *     salt: HEX
 *     nonce: HEX
 *     sealed: HEX                seed, under XChaCha20-Poly1305; all lines above are bound to it
 *
 * An escrow key has the same form with `terrace_escrow_key: 1`: an X25519 secret that the people of
 * a seat keep, for the day when its machine is gone. It signs nothing.
 *
 * A drill's admin keys are plain `terrace-admin-key 1 HEX` lines (keys.h), and read here too. */
#ifndef TERRACE_NODE_AUTHOR_ADMIN_KEY_H
#define TERRACE_NODE_AUTHOR_ADMIN_KEY_H

#include "base/error.h"
#include "base/hash.h"

enum {
    ADMIN_NAME_BYTES_MAX = 96,
    PASSPHRASE_BYTES_MIN = 8,
    PASSPHRASE_BYTES_MAX = 1024,
    /* What a key file may ask of whoever opens it: a hostile one must not take all memory, nor an
     * hour. libsodium's "sensitive" parameters don't fit in; "moderate" ones do. */
    ADMIN_KEY_MEMORY_KIB_MAX = 256 << 10,
    ADMIN_KEY_OPERATIONS_MAX = 8,
};

struct admin_key {
    char name[ADMIN_NAME_BYTES_MAX + 1]; /* "" when the file says none */
    uint8_t public_key[KEY_BYTES];
    bool encrypted;  /* unlocking it takes its passphrase */
    bool escrow;     /* it opens what is sealed to a seat, and signs nothing */
    uint8_t *secret; /* SECRET_BYTES in memory that isn't swapped out; NULL: locked. Of an escrow
                      * key KEY_BYTES of them, the X25519 secret */
    uint32_t operations, memory_kib;
    uint8_t salt[16], nonce[24], sealed[48];
};

/* At most ADMIN_NAME_BYTES_MAX printable bytes, without quotes and backslashes. */
bool admin_name_acceptable(struct span name);

/* A new key, unlocked; `name` is acceptable. The caller frees with admin_key_free. */
void admin_key_make(struct admin_key *key, const char *name);
void escrow_key_make(struct admin_key *key, const char *name);
/* Wipes and frees the secret half. */
void admin_key_free(struct admin_key *key);

/* Reads a file; an encrypted key stays locked. ERR_NOT_FOUND; ERR_MALFORMED, ERR_INVALID with line
 * and column; ERR_OVERSIZE when opening it would take more than the bounds above; ERR_NOT_ALLOWED
 * when a plain key may be read by others. Nothing to free on failure. */
enum error_code admin_key_load(const char *path, struct admin_key *key, struct error *error);
/* An escrow key alone, where the former takes none; and a key of either kind. */
enum error_code escrow_key_load(const char *path, struct admin_key *key, struct error *error);
enum error_code key_file_load(const char *path, struct admin_key *key, struct error *error);
/* ERR_NOT_ALLOWED: another passphrase, or the file was changed; no way to tell which. */
enum error_code admin_key_unlock(struct admin_key *key, const char *path, struct span passphrase,
                                 struct error *error);
/* Encrypts the unlocked key under this passphrase and writes a new file, 0600. ERR_STALE: it is
 * there already, unless `replace`. ERR_INVALID: the passphrase is too short or too long. */
enum error_code admin_key_write(const char *path, struct admin_key *key, struct span passphrase,
                                bool replace, struct error *error);

/* What stands for a key on the telephone: a hash of it. */
struct hash admin_key_print(const uint8_t public_key[static KEY_BYTES]);

/* No core file and no debugger of the same user sees the memory of this process. */
void process_conceal(void);

#endif
