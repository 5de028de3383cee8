/* Sealing bytes to several keys (rules.md 2, A21; formats.md 4): whoever has the secret of one of
 * them reads, nobody else does, and all of them read the same.
 *
 *     sealed = 01 | ephemeral key 32 | commitment 32 | n 1 | n x (key id 8 | wrapped key 32) | body
 *
 * X25519 with one ephemeral key gives each reader what its wrapped copy of the content key is
 * hidden under; the body is ChaCha20-Poly1305 (RFC 8439) under the content key, bound to all that
 * stands before it and to `bound`. That cipher alone doesn't bind its key (Grubbs, Lu, Ristenpart:
 * Message Franking, 2017), so the commitment does: no two readers can be shown different bytes, and
 * a content key that is handed on opens what its author sealed or nothing.
 *
 * Pure: what must be unpredictable comes in as a seed. */
#ifndef TERRACE_BASE_SEAL_H
#define TERRACE_BASE_SEAL_H

#include "base/hash.h"

enum {
    SEAL_VERSION = 1,
    SEAL_READERS_MAX = 16, /* machines of two seats, and keys put by */
    SEAL_ESCROW_MAX = 8,   /* escrow keys that one machine is lent: one a theft, over its life */
    SEAL_CONTENT_KEY_BYTES = 32,
    SEAL_HEAD_BYTES = 1 + KEY_BYTES + HASH_BYTES + 1,
    SEAL_READER_BYTES = KEY_ID_BYTES + SEAL_CONTENT_KEY_BYTES,
    SEAL_TAG_BYTES = 16,
    SEAL_BYTES_LEAST = SEAL_HEAD_BYTES + SEAL_READER_BYTES + SEAL_TAG_BYTES,
    SEAL_MORE_BYTES_MAX = SEAL_HEAD_BYTES + SEAL_READERS_MAX * SEAL_READER_BYTES + SEAL_TAG_BYTES,
};

/* An X25519 pair, and those that the same reader was lent: escrow keys, which people keep. */
struct seal_key {
    uint8_t secret[KEY_BYTES];
    uint8_t public_key[KEY_BYTES];
    size_t escrow_count;
    struct {
        uint8_t secret[KEY_BYTES];
        uint8_t public_key[KEY_BYTES];
    } escrow[SEAL_ESCROW_MAX];
};
/* One more pair, from its secret. One that is there already stays alone; false: there is no room.
 */
bool seal_key_add_escrow(const uint8_t secret[static KEY_BYTES], struct seal_key *key);
void seal_key_from(const uint8_t secret[static KEY_BYTES], struct seal_key *key);

/* A key that can be sealed to: no point of small order. */
bool seal_key_acceptable(const uint8_t key[static KEY_BYTES]);

/* Appends `plain` sealed to `readers` (1..SEAL_READERS_MAX public keys) to `out`. `seed` must be
 * unpredictable, and another one for every call; `bound` is what the reader must know to open it.
 * False, and nothing appended: one of the keys is none (a point of small order). */
bool seal_make(struct span plain, const struct hash *bound, const uint8_t (*readers)[KEY_BYTES],
               size_t count, const struct hash *seed, struct buffer *out);

/* OTHERS: it names no key of ours. BROKEN: it does, and doesn't open; or its form is wrong or of a
 * version not known here. */
enum seal_answer { SEAL_OPENED, SEAL_FOR_OTHERS, SEAL_BROKEN };
/* Appends to `plain`, where it opens; `content_key` then opens this one, for others too. */
enum seal_answer seal_open(struct span sealed, const struct hash *bound, const struct seal_key *key,
                           struct buffer *plain,
                           uint8_t content_key[static SEAL_CONTENT_KEY_BYTES]);
/* The same with the content key. OPENED or BROKEN. */
enum seal_answer seal_open_with(struct span sealed, const struct hash *bound,
                                const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                struct buffer *plain);

#endif
