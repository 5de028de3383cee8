/* Noise handshakes (Noise Protocol Framework, revision 34) with 25519, ChaChaPoly and BLAKE2b.
 *
 * Links use IKpsk2: the child knows its parent's key from the signed tree, the parent learns the
 * child's from the first message, and the secret of the tree hides both from strangers. The other
 * patterns run through the same code, so that published test vectors of theirs test ours.
 *
 * Pure: memory in, memory out; the ephemeral secret comes from outside. sodium_init must have been
 * called (crypto_start). */
#ifndef TERRACE_NODE_LINK_NOISE_H
#define TERRACE_NODE_LINK_NOISE_H

#include "base/span.h"

enum {
    NOISE_KEY_BYTES = 32,
    NOISE_TAG_BYTES = 16,
    NOISE_HASH_BYTES = 64,
    NOISE_MESSAGE_BYTES_MAX = 65535, /* of the framework, handshake and transport alike */
};

enum noise_pattern { NOISE_IKPSK2, NOISE_IK, NOISE_XK, NOISE_XX };

/* One direction of a finished handshake, or the cipher inside one. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_BYTES];
    uint64_t nonce; /* of the next message; UINT64_MAX is never used */
    bool keyed;
};

/* Chaining key, transcript hash and cipher (framework, section 5.2). */
struct noise_symmetric {
    struct noise_cipher cipher;
    uint8_t chaining_key[NOISE_HASH_BYTES];
    uint8_t hash[NOISE_HASH_BYTES];
};

/* What a side brings along. All is copied. */
struct noise_options {
    enum noise_pattern pattern;
    bool initiator;
    struct span prologue;
    uint8_t static_secret[NOISE_KEY_BYTES];
    uint8_t remote_static[NOISE_KEY_BYTES]; /* initiator of IK, IKpsk2, XK; else ignored */
    uint8_t psk[NOISE_KEY_BYTES];           /* IKpsk2; else ignored */
};

struct noise_handshake {
    struct noise_symmetric symmetric;
    uint8_t static_secret[NOISE_KEY_BYTES], static_public[NOISE_KEY_BYTES];
    uint8_t ephemeral_secret[NOISE_KEY_BYTES], ephemeral_public[NOISE_KEY_BYTES];
    uint8_t remote_static[NOISE_KEY_BYTES], remote_ephemeral[NOISE_KEY_BYTES];
    uint8_t psk[NOISE_KEY_BYTES];
    enum noise_pattern pattern;
    bool initiator;
    bool failed;
    bool knows_remote_static;
    unsigned message_index; /* of the next message; the initiator writes the even ones */
};

/* The public key of a secret one (any 32 bytes; X25519 clamps them). */
void noise_public_key(const uint8_t secret[static NOISE_KEY_BYTES],
                      uint8_t public_key[static NOISE_KEY_BYTES]);

/* Begin. Holds secrets until noise_split or noise_wipe. False: the static secret or the remote key
 * can't be used (remote equal to own). */
bool noise_begin(struct noise_handshake *handshake, const struct noise_options *options);

/* Append the next message of the pattern to `out`. `ephemeral_secret`: 32 fresh random bytes, used
 * once. False: a key exchange gave a zero result (low-order key); the handshake is dead. It is a
 * bug to write when it is the other's turn. */
bool noise_write(struct noise_handshake *handshake,
                 const uint8_t ephemeral_secret[static NOISE_KEY_BYTES], struct span payload,
                 struct buffer *out);

/* Take the other's next message and append its payload to `payload` (nothing on failure). False:
 * too short, a tag that doesn't fit, a low-order key, or our own key sent back to us; the handshake
 * is dead and the only answer is to close. */
bool noise_read(struct noise_handshake *handshake, struct span message, struct buffer *payload);

/* All messages of the pattern have passed. */
bool noise_finished(const struct noise_handshake *handshake);

/* After the last message: the two ciphers; wipes the handshake's secrets. remote_static and
 * symmetric.hash (the channel binding) stay readable. */
void noise_split(struct noise_handshake *handshake, struct noise_cipher *sending,
                 struct noise_cipher *receiving);
void noise_wipe(struct noise_handshake *handshake);

/* Seal `plain` into `out` (plain.size + NOISE_TAG_BYTES bytes; may be the same memory). False when
 * the nonces are used up. */
bool noise_seal(struct noise_cipher *cipher, struct span plain, uint8_t *out);
/* Open `sealed` into `out` (sealed.size - NOISE_TAG_BYTES bytes; may be the same memory). False:
 * too short, or the tag does not fit; the nonce then stays. */
bool noise_open(struct noise_cipher *cipher, struct span sealed, uint8_t *out);

#endif
