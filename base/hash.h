/* Hashes with a context, signatures over hashes, Merkle trees (formats.md 1).
 * BLAKE2b-256 with `personal` = "terrace X"; Ed25519 over "terrace sign 1" 00 00 and a hash.
 * All from libsodium; sodium_init must have been called once by the program (crypto_start). */
#ifndef TERRACE_BASE_HASH_H
#define TERRACE_BASE_HASH_H

#include "base/span.h"

enum {
    HASH_BYTES = 32,
    KEY_BYTES = 32,
    SECRET_BYTES = 64, /* Ed25519: seed and public key */
    SIGNATURE_BYTES = 64,
    KEY_ID_BYTES = 8,
};

enum hash_context {
    HASH_KEY,
    HASH_TREE,
    HASH_DOCUMENT,
    HASH_ROW,
    HASH_NODE,
    HASH_BODY,
    HASH_ENTRY,
    HASH_PAYLOAD,
    HASH_BLOCK,
    HASH_HEAD,
    HASH_TOKEN,
    HASH_HEADS,
    HASH_RECEIPT,
    HASH_CELLS,
    HASH_REQUEST,
    HASH_SEAL,
    HASH_PART,
    HASH_CONTEXT_COUNT
};

struct hash {
    uint8_t bytes[HASH_BYTES];
};

struct key_id {
    uint8_t bytes[KEY_ID_BYTES];
};

bool crypto_start(void); /* false: the library can't be used */

struct hash hash_of(enum hash_context context, struct span bytes);
struct hash hash_of_two(enum hash_context context, struct span first, struct span second);
bool hash_equal(const struct hash *a, const struct hash *b);
int hash_compare(const struct hash *a, const struct hash *b);
extern const struct hash hash_zero;

struct key_id key_id_of(const uint8_t key[static KEY_BYTES]);
bool key_id_equal(struct key_id a, struct key_id b);
int key_id_compare(struct key_id a, struct key_id b);

/* 256-bit sum modulo 2^256, big-endian; for digests of heads. */
void hash_add(struct hash *sum, const struct hash *value);
void hash_subtract(struct hash *sum, const struct hash *value);

/* A signing key pair from 32 bytes of seed (randomness comes from outside). */
void sign_key_pair(const uint8_t seed[static 32], uint8_t public_key[static KEY_BYTES],
                   uint8_t secret[static SECRET_BYTES]);
void sign_hash(const struct hash *hash, const uint8_t secret[static SECRET_BYTES],
               uint8_t signature[static SIGNATURE_BYTES]);
bool verify_hash(const struct hash *hash, const uint8_t signature[static SIGNATURE_BYTES],
                 const uint8_t key[static KEY_BYTES]);
/* Whoever verifies for somebody that hands him in; NULL: the functions around it. What he says must
 * be what they would say, always: he may only spare the work (a simulator's cache). */
struct verifier {
    void *context;
    bool (*acceptable)(void *context, const uint8_t key[static KEY_BYTES]);
    void (*sign)(void *context, const struct hash *hash, const uint8_t secret[static SECRET_BYTES],
                 uint8_t signature[static SIGNATURE_BYTES]);
    bool (*verify)(void *context, const struct hash *hash,
                   const uint8_t signature[static SIGNATURE_BYTES],
                   const uint8_t key[static KEY_BYTES]);
};
bool verifier_holds(const struct verifier *verifier, const struct hash *hash,
                    const uint8_t signature[static SIGNATURE_BYTES],
                    const uint8_t key[static KEY_BYTES]);
bool verifier_accepts(const struct verifier *verifier, const uint8_t key[static KEY_BYTES]);
void verifier_signs(const struct verifier *verifier, const struct hash *hash,
                    const uint8_t secret[static SECRET_BYTES],
                    uint8_t signature[static SIGNATURE_BYTES]);
/* A key that may be admitted: canonical, on the curve, in the prime-order subgroup. */
bool sign_key_acceptable(const uint8_t key[static KEY_BYTES]);

/* Merkle tree over leaves that are hashes already (formats.md 1). count >= 1. */
struct hash merkle_root(const struct hash *leaves, size_t count);
/* Proof for the leaves at `places` (ascending, unique): appends sibling hashes to `proof`. */
void merkle_prove(const struct hash *leaves, size_t count, const uint32_t *places,
                  size_t place_count, struct buffer *proof);
/* True if `leaves[i]` stand at `places[i]` of a tree of `count` leaves under `root`, and the
 * proof has nothing left over. Hostile input allowed: count <= 4,096, places are checked. */
bool merkle_check(const struct hash *root, size_t count, const uint32_t *places,
                  const struct hash *leaves, size_t place_count, struct span proof);

#endif
