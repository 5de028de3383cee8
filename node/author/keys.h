/* The keys of one node, and their files (docs/node.md): 0600, one line of text each.
 *
 *     keys/signing.key   terrace-signing-key 1 HEX   32 bytes of Ed25519 seed
 *     keys/link.key      terrace-link-key 1 HEX      X25519 secret
 *     keys/seal.key      terrace-seal-key 1 HEX      X25519 secret; what is sealed to the seat
 *     keys/tree.secret   terrace-tree-secret 1 HEX   the same at all nodes of a tree
 *     keys/escrow-ID.key terrace-escrow-key 1 HEX    X25519 secrets that people have lent to this
 *                                                    machine (`terrace key lend`), each named by
 *                                                    its key; keys/escrow.key is one, too
 *     keys/next.key      terrace-signing-key 1 HEX   one that was asked for; keys/signing.key when
 *                                                    the tree lists it */
#ifndef TERRACE_NODE_AUTHOR_KEYS_H
#define TERRACE_NODE_AUTHOR_KEYS_H

#include "base/error.h"
#include "base/seal.h"

enum { TREE_SECRET_BYTES = 32 };

struct node_keys {
    uint8_t signing_seed[32];
    uint8_t signing_key[KEY_BYTES];
    uint8_t signing_secret[SECRET_BYTES];
    uint8_t link_secret[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    uint8_t tree_secret[TREE_SECRET_BYTES];
    uint8_t seal_secret[KEY_BYTES];
    uint8_t seal_key[KEY_BYTES];
    bool has_seal; /* false: a directory from before there were such keys */
    uint8_t escrow_secrets[SEAL_ESCROW_MAX][KEY_BYTES];
    uint8_t escrow_count; /* <= SEAL_ESCROW_MAX */
};

/* New keys from the system's randomness. `tree_secret`: 32 bytes, or NULL for a new one (of a tree
 * that begins here). The caller wipes with node_keys_wipe. */
void node_keys_make(struct node_keys *keys, const uint8_t *tree_secret);
/* What opens what is sealed to the seat: its own key, and the escrow keys that it was lent. */
void node_keys_seal(const struct node_keys *keys, struct seal_key *seal);

/* escrow_keys.c: the lent keys alone into `keys`, in the order of their files' names. ERR_FULL:
 * there are more than may be; ERR_NOT_ALLOWED, ERR_MALFORMED, ERR_IO as for keys_load. */
enum error_code escrow_keys_load(const char *dir, struct node_keys *keys, struct error *error);
/* Keeps one more for this node; one that it has already is right. ERR_FULL: SEAL_ESCROW_MAX are. */
enum error_code escrow_keys_lend(const char *dir, const uint8_t secret[static KEY_BYTES],
                                 struct error *error);
/* Takes one away. ERR_NOT_FOUND, ERR_IO. */
enum error_code escrow_keys_return(const char *dir, const uint8_t public_key[static KEY_BYTES],
                                   struct error *error);

/* The public halves, from the secrets that stand in `keys`. */
void node_keys_derive(struct node_keys *keys);
void node_keys_wipe(struct node_keys *keys);
void secret_wipe(void *secret, size_t size); /* that no compiler leaves out */
/* Memory that isn't swapped out and in no core file; aborts when there is none. It is wiped when it
 * is freed; NULL is legal then. */
void *secret_alloc(size_t size);
void secret_free(void *secret);

/* Reads the files of DIR/keys. ERR_NOT_FOUND; ERR_NOT_ALLOWED when others than the owner may read
 * one; ERR_MALFORMED, ERR_IO. `keys` is wiped on failure. seal.key may be missing:
 * `has_seal`. */
enum error_code keys_load(const char *dir, struct node_keys *keys, struct error *error);
/* The same of a node that may not have joined yet: without tree.secret that secret is zero. */
enum error_code keys_load_joining(const char *dir, struct node_keys *keys, struct error *error);
/* Writes them; makes DIR/keys (0700). ERR_STALE when one is there: keys are never overwritten. A
 * tree secret of zeros is not written: the node joins later. */
enum error_code keys_write(const char *dir, const struct node_keys *keys, struct error *error);
/* The tree's secret alone, in place of one that a join which was cut off has left. */
enum error_code keys_write_tree_secret(const char *dir, const struct node_keys *keys,
                                       struct error *error);
/* A directory from before there were seal keys gets one; `keys` are those that keys_load gave. */
enum error_code keys_add_seal(const char *dir, struct node_keys *keys, struct error *error);

/* The signing key that was asked for in place of that of `keys`, with the other keys as they are;
 * keys_make_next makes it where there is none. ERR_NOT_FOUND: none was asked for. */
enum error_code keys_make_next(const char *dir, const struct node_keys *keys,
                               struct node_keys *next, struct error *error);
enum error_code keys_load_next(const char *dir, const struct node_keys *keys,
                               struct node_keys *next, struct error *error);
/* From now on it is the signing key; the former one is gone. */
enum error_code keys_take_next(const char *dir, struct error *error);

/* A secret of `size` bytes (<= 64) as one line `LABEL 1 HEX`, 0600, and back. For the keys above
 * and for what else people keep in such files. */
enum error_code secret_file_write(const char *path, const char *label, const uint8_t *secret,
                                  size_t size, struct error *error);
enum error_code secret_file_read(const char *path, const char *label, uint8_t *secret, size_t size,
                                 struct error *error);

/* Lower-case hex: writes 2 * size characters and a NUL; back: false unless `text` is exactly
 * 2 * size hex digits. */
void hex_write(char *text, const uint8_t *bytes, size_t size);
bool hex_read(struct span text, uint8_t *bytes, size_t size);

/* Bytes from the system's generator (getrandom); ends the process if there are none. */
void random_bytes(void *bytes, size_t size);

#endif
