#include "sim/world/verify_once.h"

#include <stdlib.h>
#include <string.h>

struct set {
    struct hash held[VERIFY_ONCE_WAYS]; /* zero: free */
};

struct verify_once {
    struct verify_once_counts counts;
    struct set *sets;
    uint32_t set_count;
    uint8_t *oldest; /* of each set: which makes room next */
};

struct verify_once *verify_once_new(uint32_t sets)
{
    struct verify_once *once = mem_alloc(sizeof *once);
    once->set_count = sets;
    once->sets = mem_alloc(sets * sizeof *once->sets);
    once->oldest = mem_alloc(sets);
    return once;
}

void verify_once_free(struct verify_once *once)
{
    if (once == NULL)
        return;
    free(once->oldest);
    free(once->sets);
    free(once);
}

static struct hash name_of(const struct hash *hash, const uint8_t signature[static SIGNATURE_BYTES],
                           const uint8_t key[static KEY_BYTES])
{
    uint8_t bytes[HASH_BYTES + SIGNATURE_BYTES + KEY_BYTES];
    memcpy(bytes, hash->bytes, HASH_BYTES);
    memcpy(bytes + HASH_BYTES, signature, SIGNATURE_BYTES);
    memcpy(bytes + HASH_BYTES + SIGNATURE_BYTES, key, KEY_BYTES);
    return hash_of(HASH_REQUEST, SPAN_OF_ARRAY(bytes));
}

static bool remembers(const struct verify_once *once, const struct hash *name)
{
    const struct set *set = &once->sets[read_u32(name->bytes) % once->set_count];
    for (int i = 0; i < VERIFY_ONCE_WAYS; i++) {
        if (hash_equal(&set->held[i], name))
            return true;
    }
    return false;
}

static void remember(struct verify_once *once, const struct hash *name)
{
    uint32_t place = read_u32(name->bytes) % once->set_count;
    once->sets[place].held[once->oldest[place]] = *name;
    once->oldest[place] = (uint8_t)((once->oldest[place] + 1) % VERIFY_ONCE_WAYS);
}

static bool holds(void *context, const struct hash *hash,
                  const uint8_t signature[static SIGNATURE_BYTES],
                  const uint8_t key[static KEY_BYTES])
{
    struct verify_once *once = context;
    struct hash name = name_of(hash, signature, key);
    once->counts.asked++;
    if (remembers(once, &name))
        return true;
    once->counts.verified++;
    if (!verify_hash(hash, signature, key)) {
        once->counts.refused++;
        return false;
    }
    remember(once, &name);
    return true;
}

static bool acceptable(void *context, const uint8_t key[static KEY_BYTES])
{
    struct verify_once *once = context;
    struct hash name = hash_of(HASH_KEY, SPAN(key, KEY_BYTES));
    if (remembers(once, &name))
        return true;
    if (!sign_key_acceptable(key))
        return false;
    remember(once, &name);
    return true;
}

/* What was signed here holds, once the first signature by this secret has held under the key that
 * comes with it. */
static void sign(void *context, const struct hash *hash, const uint8_t secret[static SECRET_BYTES],
                 uint8_t signature[static SIGNATURE_BYTES])
{
    struct verify_once *once = context;
    const uint8_t *key = secret + SECRET_BYTES - KEY_BYTES;
    struct hash signer = hash_of(HASH_SEAL, SPAN(secret, SECRET_BYTES));
    sign_hash(hash, secret, signature);
    if (!remembers(once, &signer)) {
        once->counts.verified++;
        if (!verify_hash(hash, signature, key))
            return;
        remember(once, &signer);
    }
    struct hash name = name_of(hash, signature, key);
    remember(once, &name);
}

void verify_once_verifier(struct verify_once *once, struct verifier *verifier)
{
    *verifier = (struct verifier){once, acceptable, sign, holds};
}

const struct verify_once_counts *verify_once_counts(const struct verify_once *once)
{
    return &once->counts;
}
