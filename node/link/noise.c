/* Noise: a pattern is a row of tokens for each message; one interpreter writes them, one reads
 * them.
 *
 * HMAC is built by hand over BLAKE2b with its block of 128 bytes, as the framework's HKDF demands;
 * BLAKE2b's own keyed mode is something else. The nonce is 4 zero bytes and 64 bits little-endian.
 */
#include "node/link/noise.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { HMAC_BLOCK_BYTES = 128, NONCE_BYTES = 12, MESSAGES_MAX = 3, TOKENS_MAX = 5 };

enum token { TOKEN_END, TOKEN_E, TOKEN_S, TOKEN_EE, TOKEN_ES, TOKEN_SE, TOKEN_SS, TOKEN_PSK };

struct pattern {
    const char *name;
    bool known_responder; /* the responder's static key is a pre-message */
    bool has_psk;
    unsigned message_count;
    enum token messages[MESSAGES_MAX][TOKENS_MAX];
};

static const struct pattern patterns[] = {
    [NOISE_IKPSK2] = {"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
                      true,
                      true,
                      2,
                      {{TOKEN_E, TOKEN_ES, TOKEN_S, TOKEN_SS},
                       {TOKEN_E, TOKEN_EE, TOKEN_SE, TOKEN_PSK}}},
    [NOISE_IK] = {"Noise_IK_25519_ChaChaPoly_BLAKE2b",
                  true,
                  false,
                  2,
                  {{TOKEN_E, TOKEN_ES, TOKEN_S, TOKEN_SS}, {TOKEN_E, TOKEN_EE, TOKEN_SE}}},
    [NOISE_XK] = {"Noise_XK_25519_ChaChaPoly_BLAKE2b",
                  true,
                  false,
                  3,
                  {{TOKEN_E, TOKEN_ES}, {TOKEN_E, TOKEN_EE}, {TOKEN_S, TOKEN_SE}}},
    [NOISE_XX] = {"Noise_XX_25519_ChaChaPoly_BLAKE2b",
                  false,
                  false,
                  3,
                  {{TOKEN_E}, {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES}, {TOKEN_S, TOKEN_SE}}},
};

static const struct pattern *pattern_of(const struct noise_handshake *handshake)
{
    return &patterns[handshake->pattern];
}

static void hash_two(struct span first, struct span second, uint8_t out[static NOISE_HASH_BYTES])
{
    crypto_generichash_blake2b_state state;

    crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_BYTES);
    crypto_generichash_blake2b_update(&state, first.data, first.size);
    crypto_generichash_blake2b_update(&state, second.data, second.size);
    crypto_generichash_blake2b_final(&state, out, NOISE_HASH_BYTES);
}

/* HMAC (RFC 2104) with a 64-byte key over two pieces; `out` may be one of the inputs. */
static void hmac(const uint8_t key[static NOISE_HASH_BYTES], struct span first, struct span second,
                 uint8_t out[static NOISE_HASH_BYTES])
{
    crypto_generichash_blake2b_state state;
    uint8_t inner[HMAC_BLOCK_BYTES], outer[HMAC_BLOCK_BYTES], digest[NOISE_HASH_BYTES];

    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (size_t i = 0; i < NOISE_HASH_BYTES; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_BYTES);
    crypto_generichash_blake2b_update(&state, inner, sizeof inner);
    crypto_generichash_blake2b_update(&state, first.data, first.size);
    crypto_generichash_blake2b_update(&state, second.data, second.size);
    crypto_generichash_blake2b_final(&state, digest, sizeof digest);
    hash_two(SPAN_OF_ARRAY(outer), SPAN_OF_ARRAY(digest), out);
    sodium_memzero(inner, sizeof inner);
    sodium_memzero(outer, sizeof outer);
    sodium_memzero(digest, sizeof digest);
    sodium_memzero(&state, sizeof state);
}

/* HKDF with `count` (2 or 3) outputs (framework, section 4.3). outputs[0] may be the key. */
static void hkdf(const uint8_t chaining_key[static NOISE_HASH_BYTES], struct span material,
                 unsigned count, uint8_t outputs[][NOISE_HASH_BYTES])
{
    uint8_t secret[NOISE_HASH_BYTES];
    struct span previous = SPAN_EMPTY;

    assert(count == 2 || count == 3);
    hmac(chaining_key, material, SPAN_EMPTY, secret);
    for (uint8_t i = 0; i < count; i++) {
        const uint8_t number = (uint8_t)(i + 1);

        hmac(secret, previous, SPAN(&number, 1), outputs[i]);
        previous = SPAN(outputs[i], NOISE_HASH_BYTES);
    }
    sodium_memzero(secret, sizeof secret);
}

static void nonce_bytes(uint64_t nonce, uint8_t out[static NONCE_BYTES])
{
    memset(out, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(nonce >> (8 * i));
}

static bool cipher_seal(struct noise_cipher *cipher, struct span ad, struct span plain,
                        uint8_t *out)
{
    uint8_t nonce[NONCE_BYTES];
    unsigned long long written = 0;

    assert(cipher->keyed);
    if (cipher->nonce == UINT64_MAX)
        return false;
    nonce_bytes(cipher->nonce++, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, &written, plain.data, plain.size, ad.data,
                                              ad.size, NULL, nonce, cipher->key);
    assert(written == plain.size + NOISE_TAG_BYTES);
    return true;
}

static bool cipher_open(struct noise_cipher *cipher, struct span ad, struct span sealed,
                        uint8_t *out)
{
    uint8_t nonce[NONCE_BYTES];
    unsigned long long written = 0;

    assert(cipher->keyed);
    if (sealed.size < NOISE_TAG_BYTES || cipher->nonce == UINT64_MAX)
        return false;
    nonce_bytes(cipher->nonce, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, &written, NULL, sealed.data, sealed.size,
                                                  ad.data, ad.size, nonce, cipher->key) != 0)
        return false;
    cipher->nonce++;
    return true;
}

bool noise_seal(struct noise_cipher *cipher, struct span plain, uint8_t *out)
{
    return cipher_seal(cipher, SPAN_EMPTY, plain, out);
}

bool noise_open(struct noise_cipher *cipher, struct span sealed, uint8_t *out)
{
    return cipher_open(cipher, SPAN_EMPTY, sealed, out);
}

static void cipher_key(struct noise_cipher *cipher, const uint8_t *key)
{
    memcpy(cipher->key, key, NOISE_KEY_BYTES);
    cipher->nonce = 0;
    cipher->keyed = true;
}

static void mix_hash(struct noise_symmetric *symmetric, struct span data)
{
    hash_two(SPAN_OF_ARRAY(symmetric->hash), data, symmetric->hash);
}

static void mix_key(struct noise_symmetric *symmetric, struct span material)
{
    uint8_t outputs[2][NOISE_HASH_BYTES];

    hkdf(symmetric->chaining_key, material, 2, outputs);
    memcpy(symmetric->chaining_key, outputs[0], NOISE_HASH_BYTES);
    cipher_key(&symmetric->cipher, outputs[1]);
    sodium_memzero(outputs, sizeof outputs);
}

static void mix_key_and_hash(struct noise_symmetric *symmetric, struct span material)
{
    uint8_t outputs[3][NOISE_HASH_BYTES];

    hkdf(symmetric->chaining_key, material, 3, outputs);
    memcpy(symmetric->chaining_key, outputs[0], NOISE_HASH_BYTES);
    mix_hash(symmetric, SPAN(outputs[1], NOISE_HASH_BYTES));
    cipher_key(&symmetric->cipher, outputs[2]);
    sodium_memzero(outputs, sizeof outputs);
}

/* EncryptAndHash: appends to `out`, in clear while there is no key yet. */
static bool seal_and_hash(struct noise_symmetric *symmetric, struct span plain, struct buffer *out)
{
    const size_t at = out->size;

    if (!symmetric->cipher.keyed) {
        buffer_append_span(out, plain);
    } else {
        buffer_reserve(out, plain.size + NOISE_TAG_BYTES);
        if (!cipher_seal(&symmetric->cipher, SPAN_OF_ARRAY(symmetric->hash), plain, out->data + at))
            return false;
        out->size += plain.size + NOISE_TAG_BYTES;
    }
    mix_hash(symmetric, SPAN(out->data + at, out->size - at));
    return true;
}

/* DecryptAndHash into `out`, which has room for sealed.size bytes. */
static bool open_and_hash(struct noise_symmetric *symmetric, struct span sealed, uint8_t *out)
{
    if (!symmetric->cipher.keyed) {
        if (sealed.size > 0)
            memcpy(out, sealed.data, sealed.size);
    } else if (!cipher_open(&symmetric->cipher, SPAN_OF_ARRAY(symmetric->hash), sealed, out)) {
        return false;
    }
    mix_hash(symmetric, sealed);
    return true;
}

void noise_public_key(const uint8_t secret[static NOISE_KEY_BYTES],
                      uint8_t public_key[static NOISE_KEY_BYTES])
{
    const int result = crypto_scalarmult_base(public_key, secret);

    assert(result == 0);
    (void)result;
}

/* Mix the shared secret of two keys. libsodium answers -1 when the result is zero. */
static bool mix_exchange(struct noise_handshake *handshake, const uint8_t *secret,
                         const uint8_t *public_key)
{
    uint8_t shared[NOISE_KEY_BYTES];
    const bool usable = crypto_scalarmult(shared, secret, public_key) == 0;

    if (usable)
        mix_key(&handshake->symmetric, SPAN_OF_ARRAY(shared));
    sodium_memzero(shared, sizeof shared);
    return usable;
}

/* The first letter names the initiator's key, the second the responder's. */
static bool token_exchange(struct noise_handshake *handshake, bool initiator_static,
                           bool responder_static)
{
    const bool own_static = handshake->initiator ? initiator_static : responder_static;
    const bool remote_static = handshake->initiator ? responder_static : initiator_static;

    return mix_exchange(handshake,
                        own_static ? handshake->static_secret : handshake->ephemeral_secret,
                        remote_static ? handshake->remote_static : handshake->remote_ephemeral);
}

/* The tokens that writing and reading have in common. */
static bool token_mix(struct noise_handshake *handshake, enum token token)
{
    switch (token) {
    case TOKEN_EE: return token_exchange(handshake, false, false);
    case TOKEN_ES: return token_exchange(handshake, false, true);
    case TOKEN_SE: return token_exchange(handshake, true, false);
    case TOKEN_SS: return token_exchange(handshake, true, true);
    case TOKEN_PSK:
        mix_key_and_hash(&handshake->symmetric, SPAN_OF_ARRAY(handshake->psk));
        return true;
    case TOKEN_END:
    case TOKEN_E:
    case TOKEN_S: break;
    }
    assert(false); /* the others carry a key */
    return false;
}

/* With a psk an ephemeral key is mixed into the chaining key too (framework, section 9.2). */
static void mix_ephemeral(struct noise_handshake *handshake, const uint8_t *ephemeral)
{
    mix_hash(&handshake->symmetric, SPAN(ephemeral, NOISE_KEY_BYTES));
    if (pattern_of(handshake)->has_psk)
        mix_key(&handshake->symmetric, SPAN(ephemeral, NOISE_KEY_BYTES));
}

static bool token_write(struct noise_handshake *handshake, enum token token, struct buffer *out)
{
    if (token == TOKEN_E) {
        buffer_append(out, handshake->ephemeral_public, NOISE_KEY_BYTES);
        mix_ephemeral(handshake, handshake->ephemeral_public);
        return true;
    }
    if (token == TOKEN_S)
        return seal_and_hash(&handshake->symmetric, SPAN_OF_ARRAY(handshake->static_public), out);
    return token_mix(handshake, token);
}

/* A key of the other's, in clear or sealed, at *at. Our own key back is a reflection. */
static bool read_static(struct noise_handshake *handshake, struct span message, size_t *at)
{
    const size_t size =
        NOISE_KEY_BYTES + (handshake->symmetric.cipher.keyed ? (size_t)NOISE_TAG_BYTES : 0);

    if (message.size - *at < size)
        return false;
    if (!open_and_hash(&handshake->symmetric, SPAN(message.data + *at, size),
                       handshake->remote_static))
        return false;
    *at += size;
    handshake->knows_remote_static = true;
    return sodium_memcmp(handshake->remote_static, handshake->static_public, NOISE_KEY_BYTES) != 0;
}

static bool token_read(struct noise_handshake *handshake, enum token token, struct span message,
                       size_t *at)
{
    if (token == TOKEN_E) {
        if (message.size - *at < NOISE_KEY_BYTES)
            return false;
        memcpy(handshake->remote_ephemeral, message.data + *at, NOISE_KEY_BYTES);
        *at += NOISE_KEY_BYTES;
        mix_ephemeral(handshake, handshake->remote_ephemeral);
        return true;
    }
    if (token == TOKEN_S)
        return read_static(handshake, message, at);
    return token_mix(handshake, token);
}

static void symmetric_begin(struct noise_symmetric *symmetric, const char *name)
{
    const struct span text = span_of_text(name);

    assert(text.size <= NOISE_HASH_BYTES);
    memset(symmetric, 0, sizeof *symmetric);
    memcpy(symmetric->hash, text.data, text.size);
    memcpy(symmetric->chaining_key, symmetric->hash, NOISE_HASH_BYTES);
}

/* Every failure ends here: a dead handshake holds no secret. */
static bool handshake_dead(struct noise_handshake *handshake)
{
    noise_wipe(handshake);
    handshake->failed = true;
    return false;
}

bool noise_begin(struct noise_handshake *handshake, const struct noise_options *options)
{
    memset(handshake, 0, sizeof *handshake);
    handshake->pattern = options->pattern;
    handshake->initiator = options->initiator;
    memcpy(handshake->static_secret, options->static_secret, NOISE_KEY_BYTES);
    memcpy(handshake->psk, options->psk, NOISE_KEY_BYTES);
    noise_public_key(handshake->static_secret, handshake->static_public);
    symmetric_begin(&handshake->symmetric, pattern_of(handshake)->name);
    mix_hash(&handshake->symmetric, options->prologue);
    if (!pattern_of(handshake)->known_responder)
        return true;
    if (!handshake->initiator) {
        mix_hash(&handshake->symmetric, SPAN_OF_ARRAY(handshake->static_public));
        return true;
    }
    memcpy(handshake->remote_static, options->remote_static, NOISE_KEY_BYTES);
    handshake->knows_remote_static = true;
    mix_hash(&handshake->symmetric, SPAN_OF_ARRAY(handshake->remote_static));
    if (sodium_memcmp(handshake->remote_static, handshake->static_public, NOISE_KEY_BYTES) == 0)
        return handshake_dead(handshake);
    return true;
}

bool noise_finished(const struct noise_handshake *handshake)
{
    return !handshake->failed && handshake->message_index == pattern_of(handshake)->message_count;
}

static bool own_turn(const struct noise_handshake *handshake)
{
    return handshake->initiator == (handshake->message_index % 2 == 0);
}

bool noise_write(struct noise_handshake *handshake,
                 const uint8_t ephemeral_secret[static NOISE_KEY_BYTES], struct span payload,
                 struct buffer *out)
{
    const enum token *tokens;
    const size_t before = out->size;
    bool done = true;

    if (handshake->failed)
        return false;
    assert(!noise_finished(handshake) && own_turn(handshake));
    tokens = pattern_of(handshake)->messages[handshake->message_index];
    if (tokens[0] == TOKEN_E) {
        memcpy(handshake->ephemeral_secret, ephemeral_secret, NOISE_KEY_BYTES);
        noise_public_key(handshake->ephemeral_secret, handshake->ephemeral_public);
    }
    for (size_t i = 0; done && i < TOKENS_MAX && tokens[i] != TOKEN_END; i++)
        done = token_write(handshake, tokens[i], out);
    if (!done || !seal_and_hash(&handshake->symmetric, payload, out)) {
        out->size = before;
        return handshake_dead(handshake);
    }
    handshake->message_index++;
    return true;
}

bool noise_read(struct noise_handshake *handshake, struct span message, struct buffer *payload)
{
    const enum token *tokens;
    size_t at = 0;
    bool done = true;

    if (handshake->failed || noise_finished(handshake) || message.size > NOISE_MESSAGE_BYTES_MAX)
        return handshake_dead(handshake);
    assert(!own_turn(handshake));
    tokens = pattern_of(handshake)->messages[handshake->message_index];
    for (size_t i = 0; done && i < TOKENS_MAX && tokens[i] != TOKEN_END; i++)
        done = token_read(handshake, tokens[i], message, &at);
    if (!done)
        return handshake_dead(handshake);
    const struct span sealed = SPAN(message.data + at, message.size - at);
    const size_t tag = handshake->symmetric.cipher.keyed ? NOISE_TAG_BYTES : 0;

    if (sealed.size < tag)
        return handshake_dead(handshake);
    buffer_reserve(payload, sealed.size + 1); /* room even for an empty one */
    if (!open_and_hash(&handshake->symmetric, sealed, payload->data + payload->size))
        return handshake_dead(handshake);
    payload->size += sealed.size - tag;
    handshake->message_index++;
    return true;
}

void noise_split(struct noise_handshake *handshake, struct noise_cipher *sending,
                 struct noise_cipher *receiving)
{
    uint8_t outputs[2][NOISE_HASH_BYTES];
    const unsigned own = handshake->initiator ? 0 : 1;

    assert(noise_finished(handshake));
    hkdf(handshake->symmetric.chaining_key, SPAN_EMPTY, 2, outputs);
    cipher_key(sending, outputs[own]);
    cipher_key(receiving, outputs[1 - own]);
    sodium_memzero(outputs, sizeof outputs);
    noise_wipe(handshake);
}

void noise_wipe(struct noise_handshake *handshake)
{
    sodium_memzero(&handshake->symmetric.cipher, sizeof handshake->symmetric.cipher);
    sodium_memzero(handshake->symmetric.chaining_key, sizeof handshake->symmetric.chaining_key);
    sodium_memzero(handshake->static_secret, sizeof handshake->static_secret);
    sodium_memzero(handshake->ephemeral_secret, sizeof handshake->ephemeral_secret);
    sodium_memzero(handshake->psk, sizeof handshake->psk);
}
