/* Hashes with a context and signatures over hashes, all from libsodium.
 *
 * One rule keeps uses apart: no two kinds of thing are ever hashed under the same
 * context, and a key signs nothing but a hash behind one fixed prefix. */
#include "base/hash.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { PERSONAL_BYTES = crypto_generichash_blake2b_PERSONALBYTES, SIGNED_BYTES = 16 + HASH_BYTES };

_Static_assert(PERSONAL_BYTES == 16, "contexts are padded to what BLAKE2b takes");
_Static_assert(SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "secret key");
_Static_assert(KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "public key");
_Static_assert(SIGNATURE_BYTES == crypto_sign_BYTES, "signature");

static const uint8_t personal_of[HASH_CONTEXT_COUNT][PERSONAL_BYTES] = {
    [HASH_KEY] = "terrace key",           [HASH_TREE] = "terrace tree",
    [HASH_DOCUMENT] = "terrace document", [HASH_ROW] = "terrace row",
    [HASH_NODE] = "terrace node",         [HASH_BODY] = "terrace body",
    [HASH_ENTRY] = "terrace entry",       [HASH_PAYLOAD] = "terrace payload",
    [HASH_BLOCK] = "terrace block",       [HASH_HEAD] = "terrace head",
    [HASH_TOKEN] = "terrace token",       [HASH_HEADS] = "terrace heads",
    [HASH_RECEIPT] = "terrace receipt",   [HASH_CELLS] = "terrace cells",
    [HASH_REQUEST] = "terrace request",   [HASH_SEAL] = "terrace seal",
    [HASH_PART] = "terrace part",
};
static const uint8_t salt_zero[crypto_generichash_blake2b_SALTBYTES];
static const uint8_t sign_prefix[16] = "terrace sign 1";

const struct hash hash_zero;

bool crypto_start(void)
{
    return sodium_init() >= 0;
}

static void hash_into(uint8_t *to, size_t to_size, enum hash_context context, struct span bytes)
{
    assert((unsigned)context < HASH_CONTEXT_COUNT);
    int failed = crypto_generichash_blake2b_salt_personal(to, to_size, bytes.data, bytes.size, NULL,
                                                          0, salt_zero, personal_of[context]);
    assert(failed == 0);
    (void)failed;
}

struct hash hash_of(enum hash_context context, struct span bytes)
{
    struct hash hash;
    hash_into(hash.bytes, sizeof hash.bytes, context, bytes);
    return hash;
}

struct hash hash_of_two(enum hash_context context, struct span first, struct span second)
{
    assert((unsigned)context < HASH_CONTEXT_COUNT);
    crypto_generichash_blake2b_state state;
    struct hash hash;
    int failed = crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, HASH_BYTES,
                                                               salt_zero, personal_of[context]);
    failed |= crypto_generichash_blake2b_update(&state, first.data, first.size);
    failed |= crypto_generichash_blake2b_update(&state, second.data, second.size);
    failed |= crypto_generichash_blake2b_final(&state, hash.bytes, sizeof hash.bytes);
    assert(failed == 0);
    (void)failed;
    return hash;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_BYTES) == 0;
}

int hash_compare(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_BYTES);
}

struct key_id key_id_of(const uint8_t key[static KEY_BYTES])
{
    struct key_id id;
    hash_into(id.bytes, sizeof id.bytes, HASH_KEY, SPAN(key, KEY_BYTES));
    return id;
}

bool key_id_equal(struct key_id a, struct key_id b)
{
    return key_id_compare(a, b) == 0;
}

int key_id_compare(struct key_id a, struct key_id b)
{
    return memcmp(a.bytes, b.bytes, KEY_ID_BYTES);
}

void hash_add(struct hash *sum, const struct hash *value)
{
    unsigned carry = 0;
    for (size_t i = HASH_BYTES; i-- > 0;) {
        carry += (unsigned)sum->bytes[i] + value->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void hash_subtract(struct hash *sum, const struct hash *value)
{
    unsigned borrow = 0;
    for (size_t i = HASH_BYTES; i-- > 0;) {
        unsigned left = 256u + sum->bytes[i] - value->bytes[i] - borrow;
        sum->bytes[i] = (uint8_t)left;
        borrow = left < 256;
    }
}

void sign_key_pair(const uint8_t seed[static 32], uint8_t public_key[static KEY_BYTES],
                   uint8_t secret[static SECRET_BYTES])
{
    crypto_sign_seed_keypair(public_key, secret, seed);
}

static void signed_bytes(uint8_t to[static SIGNED_BYTES], const struct hash *hash)
{
    memcpy(to, sign_prefix, sizeof sign_prefix);
    memcpy(to + sizeof sign_prefix, hash->bytes, HASH_BYTES);
}

void sign_hash(const struct hash *hash, const uint8_t secret[static SECRET_BYTES],
               uint8_t signature[static SIGNATURE_BYTES])
{
    uint8_t message[SIGNED_BYTES];
    signed_bytes(message, hash);
    crypto_sign_detached(signature, NULL, message, sizeof message, secret);
}

bool verify_hash(const struct hash *hash, const uint8_t signature[static SIGNATURE_BYTES],
                 const uint8_t key[static KEY_BYTES])
{
    uint8_t message[SIGNED_BYTES];
    signed_bytes(message, hash);
    return crypto_sign_verify_detached(signature, message, sizeof message, key) == 0;
}

bool verifier_holds(const struct verifier *verifier, const struct hash *hash,
                    const uint8_t signature[static SIGNATURE_BYTES],
                    const uint8_t key[static KEY_BYTES])
{
    if (verifier == NULL)
        return verify_hash(hash, signature, key);
    return verifier->verify(verifier->context, hash, signature, key);
}

bool sign_key_acceptable(const uint8_t key[static KEY_BYTES])
{
    return crypto_core_ed25519_is_valid_point(key) == 1;
}

bool verifier_accepts(const struct verifier *verifier, const uint8_t key[static KEY_BYTES])
{
    return verifier == NULL ? sign_key_acceptable(key)
                            : verifier->acceptable(verifier->context, key);
}

void verifier_signs(const struct verifier *verifier, const struct hash *hash,
                    const uint8_t secret[static SECRET_BYTES],
                    uint8_t signature[static SIGNATURE_BYTES])
{
    if (verifier == NULL)
        sign_hash(hash, secret, signature);
    else
        verifier->sign(verifier->context, hash, secret, signature);
}
