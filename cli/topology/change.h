/* One change of one document, from the command line to the nodes: what admit, replace, revoke,
 * retire, release, accept and move share.
 *
 *     change_begin -> change_of (whose document) -> amend_... -> change_sign */
#ifndef TERRACE_CLI_TOPOLOGY_CHANGE_H
#define TERRACE_CLI_TOPOLOGY_CHANGE_H

#include "cli/passphrase.h"
#include "cli/topology/topology.h"
#include "topology/amend.h"

/* For tables of options. */
#define CHANGE_ROWS                                                                                \
    {"key", "FILE", "the admin key that signs; may come again, for others that must sign too"},    \
        PASSPHRASE_ROW, {"dry-run", NULL, "say what it would do; nothing is signed"},              \
    {                                                                                              \
        "out", "FILE", "write the document there too, for other nodes or other signers"            \
    }

struct change {
    const struct arguments *arguments;
    const char *directory;
    struct tree *tree;
    struct amendment *amendment;
    char owner[SEAT_BYTES_MAX + 1]; /* whose document changes; "" the root's */
    struct hash hash;               /* of the document, when it is signed */
};

/* Directory and tree. In any case change_end must follow. */
enum error_code change_begin(const struct arguments *arguments, struct change *change,
                             struct error *error);
/* Begins the next version of this seat's branch document. */
enum error_code change_of(struct change *change, const char *owner, struct error *error);
enum error_code change_of_root(struct change *change, struct error *error);
/* The same of the document that lists this seat. */
enum error_code change_of_parent(struct change *change, const char *seat, struct error *error);
/* With --dry-run: tells what would change. Else signs with every --key, gives it to the node of the
 * directory, and tells what became of it. ERR_PARKED when signatures are missing yet: it stands in
 * --out then, or in SEAT.draft. */
enum error_code change_sign(struct change *change, struct error *error);
/* A signed document, made otherwise: the same from there on. */
enum error_code change_hand_out(const struct change *change, const struct author_document *document,
                                struct error *error);
/* Opens every --key; ERR_USAGE when there is none. The caller wipes the secrets. */
enum { CHANGE_KEYS_MAX = DOCUMENT_SIGNATURES_MAX };
enum error_code change_open_keys(const struct arguments *arguments,
                                 uint8_t (*secrets)[SECRET_BYTES], size_t *count,
                                 struct error *error);
/* ERR_OK when the signatures of this document are enough; ERR_NOT_ALLOWED otherwise. */
enum error_code change_signed_by_enough(const struct change *change,
                                        const struct author_document *document,
                                        struct error *error);
void change_end(struct change *change);

/* The seat that words[0] names, listed in the tree. */
enum error_code change_seat(const struct change *change, const char *code, const struct seat **seat,
                            struct error *error);
/* How far the newest key of a seat has written, as the store of the directory holds it: lists for
 * struct amend_cut_off; `entries`: how many that is. Nothing where nothing is held. Free with
 * seat_heads_free, after failure too. */
struct seat_heads {
    struct buffer places, notes; /* as cut_off_encode, trusted_notes_encode make them */
    uint64_t entries;
};
enum error_code seat_heads(const char *directory, const struct tree *tree, const struct seat *seat,
                           struct seat_heads *heads, struct error *error);
/* The same, and what the seat's own machine says of it: of a stream or an epoch the further one. */
enum error_code seat_heads_with(const char *directory, const struct tree *tree,
                                const struct seat *seat, const struct amend_cut_off *said,
                                struct seat_heads *heads, struct error *error);
void seat_heads_free(struct seat_heads *heads);

/* The keys of every --admin (FILE or 64 hex digits), at most `most`. */
enum error_code admins_given(const struct arguments *arguments, uint8_t (*keys)[KEY_BYTES],
                             uint8_t most, uint8_t *count, struct error *error);

/* What a document that is signed next would do to the tree: one line each. */
void change_print(const struct tree *before, const struct tree *after, bool json);

#endif
