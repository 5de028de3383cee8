/* The signed tree: whose parent is whose and which key counts. The only place that decides.
 *
 * A tree is built from documents: the root document (trusted by its tree id), then branch
 * documents each signed by the admin keys that the parent's document gives that seat for that
 * term. Documents may come in any order and in part; what can't be verified yet is refused
 * with ERR_PARKED and may be offered again. Order of two documents for one seat: (term,
 * version), then the lower hash. Rows are taken only under a verified header.
 *
 * A newer document waits for its rows while the one it replaces stays in force, so that a link
 * cut between header and rows takes nobody out of the tree. What the tree says depends only on
 * the documents in force, never on the order in which they came.
 *
 * A seat listed by several parents belongs to the greatest move counter that is proved: by the
 * release of the parent before, or by the document of a seat above both (tree_moves.c, rules.md
 * B25). A claim alone moves nobody. Equal ones: the decided, the parent nearer the root, then the
 * lower document hash; alarm. The parent that takes a seat over lists its former generations too;
 * the one that released it keeps the row, as proof. */
#ifndef TERRACE_TOPOLOGY_TREE_H
#define TERRACE_TOPOLOGY_TREE_H

#include "base/seal.h"
#include "schema/shelf.h"
#include "topology/document.h"

struct tree;

/* One seat as the tree knows it. Owned by the tree; dies at the next tree_offer_*. */
struct seat {
    struct seat_row row; /* of its current (greatest active) generation */
    struct seat *parent; /* NULL for the root seat */
    struct seat **children;
    size_t child_count;
};

/* An author: a signing key at a (seat, generation), past generations included. */
struct author {
    struct key_id id;
    uint8_t key[KEY_BYTES];
    const struct seat *seat;
    uint8_t rank;
    uint32_t generation;
    enum seat_status status;
    struct span cut_off; /* of a retired or revoked key (cut_off_at); empty: nothing listed */
    struct span notes;   /* the same of its notes (trusted_notes_at) */
};

struct tree *tree_new(const struct hash *tree_id);
void tree_free(struct tree *tree); /* NULL is legal */

/* Offer a document: its envelope bytes `[header, signatures]`. ERR_OK: taken (newer than what
 * was held, or the first); ERR_STALE: an equal or newer one is held; ERR_PARKED: its parent's
 * row isn't here; ERR_FORGED, ERR_MALFORMED, ERR_NOT_ALLOWED: refused. Rows of the document that
 * it replaces are dropped from the tree until the new rows come. */
enum error_code tree_offer_document(struct tree *tree, struct span envelope, struct error *error);

/* Offer rows of the held document (kind, seat), or of the newer one that waits for them:
 * `first` is the place of the first row; with a proof (partial) there is exactly one row;
 * without, all rows must be given (the root is recomputed). The bytes are copied. ERR_OK;
 * ERR_STALE: these rows are held; ERR_NOT_FOUND: no such document; ERR_PARKED: its parent's
 * row isn't here; ERR_DAMAGED: they don't stand under the signed root; ERR_MALFORMED,
 * ERR_OVERSIZE, ERR_NOT_ALLOWED: what the document says is against the rules. A branch or types
 * document that is malformed or too large under its own signature is forgotten, unless rows of it
 * are in force: it must not stand in the way of a good one. */
enum error_code tree_offer_rows(struct tree *tree, enum document_kind kind, struct span seat,
                                const struct span *rows, size_t count, uint32_t first,
                                const struct span *proof, struct error *error);

/* Offer single rows, each with its proof, of the document with this hash, held or waiting for its
 * rows: all of them at once, so that a newer document doesn't take seats out of the tree that it
 * still lists. What is held already is passed over. ERR_OK: something was taken; ERR_STALE: all are
 * held, or this document isn't (any more: another link may have brought the next one between its
 * header and its rows); else as tree_offer_rows, and nothing has changed. */
struct proved_row {
    uint32_t place;
    struct span row, proof;
};
enum error_code tree_offer_row_set(struct tree *tree, enum document_kind kind, struct span seat,
                                   const struct hash *document, const struct proved_row *rows,
                                   size_t count, struct error *error);
/* Offer two documents that were signed for one (term, version) of one seat: proof that its term is
 * frozen (rules.md B27). A branch falls back to the lower hash, even from a newer version, as soon
 * as its rows are here; a root that has gone on stays where it is, since keys that were changed
 * must have no power over it. ERR_OK: something was taken; ERR_STALE: known, or an older root's;
 * ERR_PARKED, ERR_FORGED, ERR_MALFORMED, ERR_NOT_ALLOWED as tree_offer_document. */
enum error_code tree_offer_twins(struct tree *tree, struct span first, struct span second,
                                 struct error *error);
/* A new root by hand (rules.md B55-B57): fewer root keys are left than must sign, so the former
 * ones can't say who follows. A root document made for that is signed by the new keys alone and
 * changes nothing but them. tree_offer_document keeps it as the pending one: nothing counts of it
 * until the people of this node have compared its fingerprint. Of several the one that more of the
 * former keys have signed is kept, then the lower hash. */
enum { CONFIRMED_ROOTS_MAX = 64 }; /* by hand, in a tree's life */
/* The people of this node have confirmed this document: it counts from now on, pending or not.
 * ERR_STALE: it, or a newer root, is in force; ERR_PARKED, ERR_FORGED, ERR_NOT_ALLOWED,
 * ERR_MALFORMED, ERR_OVERSIZE: nothing has changed. */
enum error_code tree_offer_confirmed(struct tree *tree, struct span envelope, struct error *error);
/* What was confirmed before, as a store, a pack or a copy says: it counts when it is offered. */
void tree_note_confirmed(struct tree *tree, const struct hash *hash);
size_t tree_confirmed_count(const struct tree *tree);
const struct hash *tree_confirmed(const struct tree *tree, size_t index);
const struct held_document *tree_pending_root(const struct tree *tree); /* NULL: none */

/* Whether the document of this hash is in force, or waits for its rows. */
bool tree_has_document(const struct tree *tree, enum document_kind kind, struct span seat,
                       const struct hash *hash);
/* The document that lists this seat where it counts. */
const struct held_document *tree_listing_of(const struct seat *seat);

/* What is held. Documents are visited in an order fit for offering elsewhere: root first, then
 * every parent before its children, then types, then orders. */
struct held_document {
    enum document_kind kind;
    const char *seat; /* "" for root and types; of an order the head of its subtree */
    struct hash hash; /* document_hash */
    uint64_t term, version;
    struct span envelope;
    struct document_header header;
    bool whole;              /* all rows are held */
    const struct span *rows; /* row_count of them (sorted by place) */
    const uint32_t *places;
    const struct span *proofs; /* as received, for passing rows on; NULL when whole */
    size_t row_count;
    /* Two documents were signed for one (term, version): this is the one of the lower hash, nothing
     * newer of its term counts, and these envelopes prove it, the lower one first. */
    bool frozen;
    struct span twins[2];
};
/* Offer all that `from` holds: newer documents are taken, what was refused is passed over. */
void tree_take_all(struct tree *tree, const struct tree *from);
size_t tree_document_count(const struct tree *tree);
const struct held_document *tree_document(const struct tree *tree, size_t index);
const struct held_document *tree_find_document(const struct tree *tree, enum document_kind kind,
                                               struct span seat);

/* The newest document held of a seat, in force or not: when its parent has raised its term, the
 * last of the term before. NULL: none. */
const struct held_document *tree_last_document(const struct tree *tree, struct span seat);

/* Root documents before the newest one, oldest first: envelopes without rows. A tree begins with
 * the first and takes the others one by one, so whoever stores or passes on the root must store and
 * pass on these too. */
size_t tree_former_root_count(const struct tree *tree);
struct span tree_former_root(const struct tree *tree, size_t index);

/* Proof for one row of a whole document: appended to `proof`; false when it isn't whole. */
bool tree_prove_row(const struct held_document *document, uint32_t place, struct buffer *proof);

const struct hash *tree_id(const struct tree *tree);
/* Who verifies its documents, and for whoever asks the tree; NULL, as at first: verify_hash. It
 * must outlive the tree. */
void tree_set_verifier(struct tree *tree, const struct verifier *verifier);
const struct verifier *tree_verifier(const struct tree *tree);
/* The seal key of the node that holds the tree, for whoever reads what it has stored; NULL, as at
 * first: nothing that is sealed is opened. It must outlive the tree. */
void tree_set_seal_key(struct tree *tree, const struct seal_key *key);
const struct seal_key *tree_seal_key(const struct tree *tree);
/* Where its types lie, for trees of one process that share them; before it has any. NULL, as at
 * first: they are this tree's alone. It must outlive the tree. */
void tree_set_shelf(struct tree *tree, struct schema_shelf *shelf);
struct schema_shelf *tree_shelf(const struct tree *tree);
size_t tree_tier_count(const struct tree *tree);
const char *tree_tier_name(const struct tree *tree, uint8_t tier); /* "?" when not known */
/* Whether a seat states one fold for all below it: it is of the tier that the root document names,
 * and nobody above it is. */
bool tree_seat_folds(const struct tree *tree, const struct seat *seat);
/* Whether the figures of a seat below `folder` stand in its fold: neither it nor a seat between
 * them has ever stood elsewhere (rules.md B123, B161). */
bool tree_seat_is_folded(const struct tree *tree, const struct seat *folder,
                         const struct seat *seat);

const struct seat *tree_root_seat(const struct tree *tree); /* NULL before the root's rows */
const struct seat *tree_seat(const struct tree *tree, struct span seat_id); /* NULL: not known */
/* Seats in document order (parents first): 0 .. tree_seat_count - 1. */
size_t tree_seat_count(const struct tree *tree);
const struct seat *tree_seat_at(const struct tree *tree, size_t index);

/* Seats that other documents list too, beside the one that counts (tree_listing_of): the parents
 * that they came from, and claims without proof. Sorted by seat; they die at the next tree_offer_*.
 */
struct moved_seat {
    const struct seat *seat;
    const struct held_document *const *others;
    size_t other_count;
};
size_t tree_moved_count(const struct tree *tree);
const struct moved_seat *tree_moved(const struct tree *tree, size_t index);
/* NULL: one document alone lists it. */
const struct moved_seat *tree_find_moved(const struct tree *tree, const struct seat *seat);
/* Whether `parent`'s document lists a seat that counts as another's child. */
bool tree_is_former_parent(const struct tree *tree, const struct seat *parent,
                           const struct seat *seat);

/* The author with this key id; NULL when no document names it, or when two keys share it. */
const struct author *tree_author(const struct tree *tree, struct key_id id);
/* Whether what a key has signed counts (rules.md 4, A25-A27). COUNTS: the key is in force, or the
 * place is below its cut-off. CUT: the key is retired or revoked, and the place isn't below a
 * listed one. PENDING: no document in force lists the key, or two keys share its id. */
enum trust { TRUST_COUNTS, TRUST_CUT, TRUST_PENDING };
/* Of the entry at this place. Of a forked stream ask tree_cut_off_of, too: COUNTS is said of places
 * on the branch alone that ends in the listed hash. */
enum trust tree_trust(const struct tree *tree, struct key_id author, uint32_t epoch,
                      uint16_t stream, uint32_t seq);
/* Of the heads statement, or the report, with this number. */
enum trust tree_trust_statement(const struct tree *tree, struct key_id author, uint32_t epoch,
                                uint64_t k);
enum trust tree_trust_report(const struct tree *tree, struct key_id author, uint32_t epoch,
                             uint64_t k);
/* The end of what counts of a retired or revoked key's stream: entries before `seq`, on the branch
 * whose block ends there with `hash`. seq 0, hash zero: nothing of it counts. False: this key has
 * no cut-off: it is in force, or not known. */
bool tree_cut_off_of(const struct tree *tree, struct key_id author, uint32_t epoch, uint16_t stream,
                     uint32_t *seq, struct hash *hash);
/* Whether a status lets a machine link, sign and write: active, or released and not yet taken over
 * (who is on the move works on). */
bool seat_status_is_in_force(enum seat_status status);
/* The active seat whose link key this is; NULL when there is none. */
const struct seat *tree_seat_by_link_key(const struct tree *tree,
                                         const uint8_t key[static KEY_BYTES]);
/* The seal keys of the seat's rows in force, of its main machine and its standbys: at most `most`,
 * in the order of the rows; returns the count. */
size_t seat_seal_keys(const struct seat *seat, uint8_t (*keys)[KEY_BYTES], size_t most);
/* Key id of the seat's active signing key. */
struct key_id seat_key_id(const struct seat *seat);

bool seat_is_ancestor_or_self(const struct seat *above, const struct seat *below);
/* The path from `seat` up to the root, itself first; returns the count (<= HOLDERS_MAX). */
size_t seat_path(const struct seat *seat, const struct seat *path[static HOLDERS_MAX]);

/* The path from one seat to another over the seat where their ways up meet, both ends included;
 * returns the count (<= HOLDERS_MAX). */
size_t seat_path_between(const struct seat *from, const struct seat *to,
                         const struct seat *path[static HOLDERS_MAX]);

/* Orders (formats.md 2) that reach a seat: those for it and for seats above, from the root down;
 * returns the count. They are what everybody there answers (roll-call). */
size_t tree_orders_for(const struct tree *tree, const struct seat *seat,
                       const struct held_document *orders[static HOLDERS_MAX]);
/* Orders to this seat that are kept and don't count, or less than the one that does; the count. */
enum { TREE_ORDERS_MAX = HOLDERS_MAX + 2 }; /* of each who may sign one, and one more */
size_t tree_orders_kept(const struct tree *tree, struct span seat,
                        const struct held_document *orders[static TREE_ORDERS_MAX]);
uint64_t tree_orders_stamp(const struct tree *tree); /* another one: other orders are kept */
/* Who may give orders to a seat's subtree, and in which term each signs now: the tree's admins,
 * then those of each seat from the root down to it. Borrowed; returns the count. */
struct order_signer {
    const struct admin_keys *admins;
    uint64_t term;
    const struct seat *seat; /* NULL: the tree's own admins */
};
size_t tree_order_signers(const struct tree *tree, const struct seat *seat,
                          struct order_signer signers[static HOLDERS_MAX + 1]);
/* The header of the next order to this seat's subtree, for a signer of this term. An emergency that
 * goes on keeps the time at which it began. */
struct document_header tree_next_order(const struct tree *tree, const struct seat *seat,
                                       enum order_what order, uint64_t term, uint64_t now_ms);
/* The order that puts a seat (NULL: none) into emergency, the highest one; NULL: there is peace. */
const struct held_document *tree_emergency(const struct tree *tree, const struct seat *seat);

/* The schema of the held types document, NULL before it is whole. Owned by the tree or its
 * shelf. */
const struct schema *tree_schema(const struct tree *tree);

/* Rises whenever anything in the tree changes. */
uint64_t tree_change_count(const struct tree *tree);
/* What people must look into: two documents with one (term, version), a seat listed by two
 * parents without release, a key named twice, a row against the rules of its parent. */
uint64_t tree_alarm_count(const struct tree *tree);
/* The earliest expiry on the path from the root to the document that lists this seat: no
 * delegate outlives the one above it. 0: never, or the seat is not known. */
uint64_t tree_expires_ms(const struct tree *tree, struct span seat_id);

/* Digest (order-independent) of the documents that matter to the link between `child` and its
 * parent: root, types, the branch documents on the path above the child, and those of the
 * child's subtree, and which of them are frozen. Equal digests: nothing to exchange. A document of
 * which something is missing doesn't count: above the child one row is enough, everything else must
 * be whole. */
struct hash tree_link_digest(const struct tree *tree, struct span child_seat);
/* Whether a held document matters to that link. */
bool tree_document_matters(const struct tree *tree, const struct held_document *document,
                           struct span child_seat);

#endif
