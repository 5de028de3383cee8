/* One-time invitations: a token that a new machine joins with, and what its parent keeps of it.
 *
 *     token  = terrace-join- and, in base32: [1, secret 16, tree id, the parent's link key, seat,
 *              expires, [endpoint ...]]
 *     DIR/invites/ID.invite, 0600: which seat, until when, the key of the join handshake, and the
 *              admin's signing seed under a key that only the token's secret gives
 *
 * So the parent's machine can't sign by itself, and whoever finds the token can't without the
 * machine; both together can, for this seat and this once: until it is used or has expired, disk
 * and token together are the admin's key. Then the seed is gone from the file, and the rest stays
 * so that whoever comes too late is told so. */
#ifndef TERRACE_NODE_AUTHOR_INVITE_H
#define TERRACE_NODE_AUTHOR_INVITE_H

#include "node/author/request.h"
#include "topology/document.h"

enum {
    INVITE_SECRET_BYTES = 16,
    INVITE_ID_BYTES = 8,
    INVITE_SEED_BYTES = 32,
    INVITE_SEALED_BYTES = INVITE_SEED_BYTES + 16,
    INVITE_NONCE_BYTES = 24,
    INVITES_MAX = 64, /* in one directory */
};

struct token {
    uint8_t secret[INVITE_SECRET_BYTES];
    struct hash tree_id;
    uint8_t parent_key[KEY_BYTES]; /* its link key */
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t expires_ms;
    size_t endpoint_count; /* >= 1 */
    char endpoints[ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1];
};
void token_write(const struct token *token, struct buffer *text);
/* ERR_MALFORMED, ERR_OVERSIZE; what = "the token". */
enum error_code token_read(struct span text, struct token *token, struct error *error);
bool token_is(struct span text);

enum invite_state { INVITE_OPEN, INVITE_CLAIMED, INVITE_USED };

struct invite {
    uint8_t id[INVITE_ID_BYTES];
    uint8_t psk[KEY_BYTES];
    char owner[SEAT_BYTES_MAX + 1]; /* whose document the row goes into */
    char seat[SEAT_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    uint8_t tier;
    uint64_t expires_ms;
    uint8_t threshold, admin_count; /* of those who may sign for the seat; 0: nobody */
    uint8_t admins[ADMIN_KEYS_MAX][KEY_BYTES];
    enum invite_state state;
    uint8_t claimed[KEY_BYTES]; /* signing key of the machine that came with it */
    bool has_seed;
    uint8_t nonce[INVITE_NONCE_BYTES], sealed[INVITE_SEALED_BYTES];
};

/* Id and handshake key of a token's secret. */
void invite_names(const uint8_t secret[static INVITE_SECRET_BYTES],
                  uint8_t id[static INVITE_ID_BYTES], uint8_t psk[static KEY_BYTES]);
/* Fills in id, psk and the sealed seed; everything else must stand already: it is bound to it. */
void invite_seal(struct invite *invite, const uint8_t secret[static INVITE_SECRET_BYTES],
                 const uint8_t seed[static INVITE_SEED_BYTES]);
/* False: another secret, or the file was changed, or the seed is gone. */
bool invite_open(const struct invite *invite, const uint8_t secret[static INVITE_SECRET_BYTES],
                 uint8_t seed[static INVITE_SEED_BYTES]);
/* The seed is forgotten; `invite_write` makes that last. */
void invite_forget_seed(struct invite *invite);

/* DIR/invites/ID.invite, in place of the one there. */
enum error_code invite_write(const char *dir, const struct invite *invite, struct error *error);
enum error_code invite_load(const char *dir, const uint8_t id[static INVITE_ID_BYTES],
                            struct invite *invite, struct error *error);
/* All of them, at most INVITES_MAX, those that can't be read left out; seeds of those that have
 * expired at now_ms are forgotten, in the files too. Answers how many. The caller frees `*invites`
 * with invites_free. */
size_t invites_load(const char *dir, uint64_t now_ms, struct invite **invites);
void invites_free(struct invite *invites, size_t count);
enum error_code invite_remove(const char *dir, const struct invite *invite, struct error *error);

/* What the machine says when it joins: [secret, request]. */
void invite_ask_encode(const uint8_t secret[static INVITE_SECRET_BYTES],
                       const struct node_request *request, struct buffer *out);
enum error_code invite_ask_decode(struct span bytes, uint8_t secret[static INVITE_SECRET_BYTES],
                                  struct node_request *request, struct error *error);

/* What it hears, in pieces: a byte that says what follows, then a part of the pack, or why not. */
enum invite_piece { INVITE_PIECE_MORE, INVITE_PIECE_LAST, INVITE_PIECE_REFUSED };
void invite_refusal_encode(const struct error *error, struct buffer *out);
void invite_refusal_decode(struct span bytes, struct error *error);

#endif
