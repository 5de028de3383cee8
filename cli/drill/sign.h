/* Signing a change of a drill's tree, and telling nodes of it. The drill holds every admin key.
 *
 * Who signs knows what the node of that seat holds, and what was signed for it before: not what
 * others have signed meanwhile. So a township that is cut off signs as its people would. */
#ifndef TERRACE_CLI_DRILL_SIGN_H
#define TERRACE_CLI_DRILL_SIGN_H

#include "cli/drill/drill.h"
#include "topology/amend.h"

/* The tree as this seat's admin knows it; with what was signed for `also`, too, unless that is
 * DRILL_NO_SEAT. The caller frees with tree_free; NULL with `error`. */
struct tree *sign_known_at(const struct drill *drill, size_t seat, size_t also,
                           struct error *error);
/* What the nodes of the root and of these seats hold, and all that was ever signed here. */
struct tree *sign_known_to_all(const struct drill *drill, const size_t *seats, size_t count,
                               struct error *error);

/* How an amendment begins now. */
struct amend_when sign_when(void);

/* Sign with the admin key of `seat` (DIR/CODE/keys/admin.key), keep the document in DIR/signed, and
 * write it into the node's documents. `tree`: takes it; NULL: none does. */
enum error_code sign_amendment(const struct drill *drill, size_t seat, struct amendment *amendment,
                               struct tree *tree, struct error *error);
/* The public half of a seat's admin key. */
enum error_code sign_admin_key(const struct drill *drill, size_t seat,
                               uint8_t key[static KEY_BYTES], struct error *error);
/* A new admin key for a seat, in place of the one that it has; its public half. */
enum error_code sign_new_admin(const struct drill *drill, size_t seat,
                               uint8_t key[static KEY_BYTES], struct error *error);

/* Give a node all that `tree` has for it, as on a stick: into its documents directory, and to its
 * process when it runs. `former`: its former parent; DRILL_NO_SEAT: none. */
enum error_code sign_tell(const struct drill *drill, const struct tree *tree, size_t seat,
                          size_t former, struct error *error);

/* How far the newest key of a seat has written, as some stores hold it: what a cut-off lists. */
struct sign_heads {
    struct buffer places, notes; /* the longest of each stream; freed by the caller */
    int64_t reported;            /* records by the newest report in the first of these stores */
};
enum error_code sign_heads(const struct drill *drill, const size_t *at, size_t count, size_t of,
                           struct sign_heads *heads, struct error *error);
void sign_heads_free(struct sign_heads *heads);

#endif
