#include "base/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    AT_EPHEMERAL = 1,
    AT_COMMITMENT = AT_EPHEMERAL + KEY_BYTES,
    AT_COUNT = AT_COMMITMENT + HASH_BYTES,
};

_Static_assert((int)AT_COUNT + 1 == (int)SEAL_HEAD_BYTES, "head");
_Static_assert((int)KEY_BYTES == (int)crypto_scalarmult_BYTES,
               "a shared secret is as long as a key");
_Static_assert(SEAL_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(SEAL_CONTENT_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert((int)SEAL_CONTENT_KEY_BYTES == (int)HASH_BYTES,
               "a content key is derived as a hash");

/* Every content key seals once. */
static const uint8_t nonce_zero[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

/* The word keeps the uses apart; a leaf of a Merkle tree begins with a version instead. */
static struct hash derive(const char *word, struct span from)
{
    uint8_t label[16] = {0};
    memcpy(label, word, strlen(word));
    return hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(label), from);
}

void seal_key_from(const uint8_t secret[static KEY_BYTES], struct seal_key *key)
{
    struct seal_key made = {.escrow_count = 0};
    memcpy(made.secret, secret, KEY_BYTES);
    crypto_scalarmult_base(made.public_key, made.secret);
    *key = made;
    sodium_memzero(&made, sizeof made);
}

bool seal_key_add_escrow(const uint8_t secret[static KEY_BYTES], struct seal_key *key)
{
    size_t count = key->escrow_count;
    assert(count <= SEAL_ESCROW_MAX);
    for (size_t i = 0; i < count; i++) {
        if (sodium_memcmp(key->escrow[i].secret, secret, KEY_BYTES) == 0)
            return true;
    }
    if (count == SEAL_ESCROW_MAX)
        return false;
    memmove(key->escrow[count].secret, secret, KEY_BYTES);
    crypto_scalarmult_base(key->escrow[count].public_key, key->escrow[count].secret);
    key->escrow_count++;
    return true;
}

bool seal_key_acceptable(const uint8_t key[static KEY_BYTES])
{
    static const uint8_t any[KEY_BYTES] = {1};
    uint8_t shared[KEY_BYTES];
    return crypto_scalarmult(shared, any, key) == 0;
}

/* What the content key is hidden under for one reader. False: the key is of small order. */
static bool pad_between(const uint8_t *secret, const uint8_t *other, const uint8_t *ephemeral,
                        const uint8_t *reader, struct hash *pad)
{
    uint8_t text[3 * KEY_BYTES];
    bool usable = crypto_scalarmult(text, secret, other) == 0;
    memcpy(text + KEY_BYTES, ephemeral, KEY_BYTES);
    memcpy(text + 2 * KEY_BYTES, reader, KEY_BYTES);
    *pad = derive("wrap", SPAN_OF_ARRAY(text));
    sodium_memzero(text, sizeof text);
    return usable;
}

static void hide(uint8_t *to, const uint8_t *key, const struct hash *pad)
{
    for (size_t i = 0; i < SEAL_CONTENT_KEY_BYTES; i++)
        to[i] = key[i] ^ pad->bytes[i];
}

static bool write_readers(const uint8_t (*readers)[KEY_BYTES], size_t count,
                          const struct seal_key *ephemeral, const struct hash *content_key,
                          struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t line[SEAL_READER_BYTES];
        struct hash pad;
        struct key_id id = key_id_of(readers[i]);
        if (!pad_between(ephemeral->secret, readers[i], ephemeral->public_key, readers[i], &pad))
            return false;
        memcpy(line, id.bytes, KEY_ID_BYTES);
        hide(line + KEY_ID_BYTES, content_key->bytes, &pad);
        buffer_append(out, line, sizeof line);
        sodium_memzero(&pad, sizeof pad);
    }
    return true;
}

static struct hash body_context(struct span head, const struct hash *bound)
{
    return hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(bound->bytes), head);
}

bool seal_make(struct span plain, const struct hash *bound, const uint8_t (*readers)[KEY_BYTES],
               size_t count, const struct hash *seed, struct buffer *out)
{
    assert(count >= 1 && count <= SEAL_READERS_MAX);
    size_t from = out->size;
    struct seal_key ephemeral;
    struct hash secret = derive("ephemeral", SPAN_OF_ARRAY(seed->bytes));
    struct hash content_key = derive("content", SPAN_OF_ARRAY(seed->bytes));
    struct hash commitment = derive("commitment", SPAN_OF_ARRAY(content_key.bytes));
    const uint8_t version = SEAL_VERSION, n = (uint8_t)count;
    seal_key_from(secret.bytes, &ephemeral);
    buffer_append(out, &version, 1);
    buffer_append(out, ephemeral.public_key, KEY_BYTES);
    buffer_append(out, commitment.bytes, HASH_BYTES);
    buffer_append(out, &n, 1);
    bool made = write_readers(readers, count, &ephemeral, &content_key, out);
    if (made) {
        struct hash ad = body_context(SPAN(out->data + from, out->size - from), bound);
        buffer_reserve(out, plain.size + SEAL_TAG_BYTES);
        unsigned long long written = 0;
        crypto_aead_chacha20poly1305_ietf_encrypt(out->data + out->size, &written, plain.data,
                                                  plain.size, ad.bytes, HASH_BYTES, NULL,
                                                  nonce_zero, content_key.bytes);
        out->size += (size_t)written;
    } else {
        out->size = from;
    }
    sodium_memzero(&content_key, sizeof content_key);
    sodium_memzero(&secret, sizeof secret);
    sodium_memzero(&ephemeral, sizeof ephemeral);
    return made;
}

/* Bytes before the body; 0: the form is wrong. */
static size_t head_size(struct span sealed)
{
    if (sealed.size < SEAL_BYTES_LEAST || sealed.data[0] != SEAL_VERSION)
        return 0;
    size_t count = sealed.data[AT_COUNT];
    size_t size = SEAL_HEAD_BYTES + count * SEAL_READER_BYTES;
    return count >= 1 && count <= SEAL_READERS_MAX && size + SEAL_TAG_BYTES <= sealed.size ? size
                                                                                           : 0;
}

enum seal_answer seal_open_with(struct span sealed, const struct hash *bound,
                                const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                struct buffer *plain)
{
    size_t head = head_size(sealed);
    if (head == 0)
        return SEAL_BROKEN;
    struct hash commitment = derive("commitment", SPAN(content_key, SEAL_CONTENT_KEY_BYTES));
    if (memcmp(commitment.bytes, sealed.data + AT_COMMITMENT, HASH_BYTES) != 0)
        return SEAL_BROKEN;
    struct hash ad = body_context(SPAN(sealed.data, head), bound);
    unsigned long long written = 0;
    buffer_reserve(plain, sealed.size - head);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(plain->data + plain->size, &written, NULL,
                                                  sealed.data + head, sealed.size - head, ad.bytes,
                                                  HASH_BYTES, nonce_zero, content_key) != 0)
        return SEAL_BROKEN;
    plain->size += (size_t)written;
    return SEAL_OPENED;
}

/* The line of a reader; NULL: it isn't one. */
static const uint8_t *line_of(struct span sealed, size_t head, const uint8_t *public_key)
{
    struct key_id own = key_id_of(public_key);
    const uint8_t *line = sealed.data + SEAL_HEAD_BYTES;
    while (line < sealed.data + head && memcmp(line, own.bytes, KEY_ID_BYTES) != 0)
        line += SEAL_READER_BYTES;
    return line == sealed.data + head ? NULL : line;
}

enum seal_answer seal_open(struct span sealed, const struct hash *bound, const struct seal_key *key,
                           struct buffer *plain, uint8_t content_key[static SEAL_CONTENT_KEY_BYTES])
{
    size_t head = head_size(sealed);
    if (head == 0)
        return SEAL_BROKEN;
    const uint8_t *secret = key->secret, *public_key = key->public_key;
    const uint8_t *line = line_of(sealed, head, public_key);
    for (size_t i = 0; line == NULL && i < key->escrow_count; i++) {
        secret = key->escrow[i].secret;
        public_key = key->escrow[i].public_key;
        line = line_of(sealed, head, public_key);
    }
    if (line == NULL)
        return SEAL_FOR_OTHERS;
    const uint8_t *ephemeral = sealed.data + AT_EPHEMERAL;
    struct hash pad;
    if (!pad_between(secret, ephemeral, ephemeral, public_key, &pad))
        return SEAL_BROKEN;
    hide(content_key, line + KEY_ID_BYTES, &pad);
    sodium_memzero(&pad, sizeof pad);
    return seal_open_with(sealed, bound, content_key, plain);
}
