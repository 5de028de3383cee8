/* What the parent's machine does for somebody who comes with a token: in two halves, between which
 * the document goes into the tree. Each is safe to be cut off, and to be done again for the same
 * machine. Both read and write files: not for a thread that must not wait. */
#ifndef TERRACE_NODE_AUTHOR_INVITE_ANSWER_H
#define TERRACE_NODE_AUTHOR_INVITE_ANSWER_H

#include "node/author/invite.h"
#include "topology/tree.h"

struct invite_asked {
    uint8_t id[INVITE_ID_BYTES];
    uint8_t peer_key[KEY_BYTES]; /* proved by the handshake */
    struct span ask;             /* invite_ask_encode's */
    uint64_t now_ms;             /* the later of the clock and the newest token */
};

/* Checks all, claims the invitation for this machine, signs its row. `document`: appended, the
 * bytes of a document file for the tree; nothing when the machine is signed in already. Refused
 * with what to do: ERR_NOT_FOUND, ERR_NOT_ALLOWED (used, expired, another seat, another tree),
 * ERR_FORGED; and as amend_admit. */
enum error_code invite_sign(const char *dir, const struct tree *tree,
                            const struct invite_asked *asked, struct buffer *document,
                            struct error *error);
/* The tree lists the machine now: appends its pack to `pack`, and uses the invitation up. */
enum error_code invite_finish(const char *dir, const struct tree *tree,
                              const uint8_t id[static INVITE_ID_BYTES],
                              const uint8_t tree_secret[static KEY_BYTES], struct buffer *pack,
                              struct error *error);

#endif
