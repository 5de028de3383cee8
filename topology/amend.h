/* Changing a signed tree: the next version of one document, made from the one that is held and
 * a list of changes, not yet signed.
 *
 *     amendment = amend_new(tree, DOCUMENT_BRANCH, seat, &when, &error)
 *     amend_admit(amendment, &row, &error), amend_revoke(...), ...      as many as needed
 *     amend_finish(amendment, &draft, &error)        or: amend_sign, with all keys at hand
 *
 * Each change refuses what the tree would refuse or count for nothing, before anybody signs.
 * Pure: keys and times are passed in, and files are others'. All functions that give an error code
 * leave the amendment as it was when they refuse. `tree` must outlive the amendment and stay
 * unchanged meanwhile. */
#ifndef TERRACE_TOPOLOGY_AMEND_H
#define TERRACE_TOPOLOGY_AMEND_H

#include "topology/author.h"
#include "topology/tree.h"

struct amendment;

#define AMEND_KEEP UINT64_MAX

struct amend_when {
    /* The later of this machine's clock and the newest time token held here: a clock at 1970 must
     * not bring an expired delegation back. The new version is issued then, or when the former one
     * was, if that is later. */
    uint64_t now_ms;
    uint64_t expires_ms; /* of the new version; 0: never; AMEND_KEEP: as before */
};

/* Begins from the held document. DOCUMENT_ROOT (`seat` empty), DOCUMENT_BRANCH. A seat that has
 * admin keys and no document yet: version 1, no rows. A seat whose parent has raised its term:
 * version 1 of that term with the rows held here, naming the held document as the last accepted.
 * A root document that is frozen by its twin: the next version, in the next term.
 * NULL: ERR_NOT_FOUND, the seat or the document isn't here; ERR_PARKED, it isn't whole; ERR_FORK,
 * it is frozen; ERR_NOT_ALLOWED, the seat has no admin keys. Free with amend_free. */
struct amendment *amend_new(const struct tree *tree, enum document_kind kind, struct span seat,
                            const struct amend_when *when, struct error *error);
/* The same, from another document than the held one: of a former version, when that is the last
 * accepted of a term that was overruled. */
struct amend_source {
    struct span envelope;
    const struct span *rows; /* all of them */
    size_t row_count;
};
struct amendment *amend_new_from(const struct tree *tree, const struct amend_source *source,
                                 const struct amend_when *when, struct error *error);
void amend_free(struct amendment *amendment); /* NULL is legal */

/* The keys of one machine. */
struct amend_keys {
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    uint8_t seal_key[KEY_BYTES];
    bool has_seal_key;
    bool same_machine; /* another signing key alone: the link key is the one it has */
};
/* Up to where an old key is trusted (rules.md 4): lists as cut_off_encode and trusted_notes_encode
 * make them; empty: nothing of it is. */
struct amend_cut_off {
    struct span places, notes;
};

/* A new seat: code, name, tier, keys, and what else of the row is wanted; status, generation (1)
 * and moves are filled in, and the term (1) when it has admin keys. With `standby`: a second
 * machine at a seat that is listed here, with its name, tier and generation. Refused when the
 * delegation under which this document is signed has expired at `now_ms`: ERR_NOT_ALLOWED. */
enum error_code amend_admit(struct amendment *amendment, const struct seat_row *row,
                            struct error *error);
/* New keys for the machine at `seat`: a row of the next generation; the old one is retired
 * (or, `stolen`, revoked) with this cut-off. Where the old one was ended before, it stays as it
 * is. Refused as amend_admit when the delegation has expired. */
enum error_code amend_replace(struct amendment *amendment, struct span seat,
                              const struct amend_keys *keys, bool stolen,
                              const struct amend_cut_off *cut_off, struct error *error);
/* End a key without a successor: SEAT_RETIRED or SEAT_REVOKED. One that was ended before gets the
 * new status and cut-off. The seat's admin keys stay, and with them all below it. */
enum error_code amend_end(struct amendment *amendment, struct span seat, bool standby,
                          enum seat_status status, const struct amend_cut_off *cut_off,
                          struct error *error);
/* The key that the people of a seat keep: what is sealed to the seat is sealed to it too. NULL:
 * none from now on. ERR_INVALID: it is no such key. */
enum error_code amend_escrow(struct amendment *amendment, struct span seat, const uint8_t *key,
                             struct error *error);
/* Let a seat go to another parent (`to`), or to any (empty). Taken back by the same with
 * `to` = this document's own seat. */
enum error_code amend_release(struct amendment *amendment, struct span seat, struct span to,
                              struct error *error);
/* Accept a seat from its former parent: all its rows, found in the tree, or, where its document
 * isn't here, those given (NULL: none); the move counter rises by one, or to what an ancestor has
 * decided. Refused unless it was released to this parent, or an ancestor decided it, or `ahead`
 * says that release or decision are under way. */
enum error_code amend_take_over(struct amendment *amendment, struct span seat,
                                const struct seat_row *rows, size_t row_count, bool ahead,
                                struct error *error);
/* Decide that a seat below, at any depth, stands under `to` from now on, whatever its former parent
 * signs; `to` accepts it then. Counter 0: one more than the greatest known here. A later decision
 * about the same seat takes the place of the former, unless that was followed: then both stay,
 * since the parent that the seat stands under by the former goes on listing it. */
enum error_code amend_decide(struct amendment *amendment, struct span seat, struct span to,
                             uint64_t counter, struct error *error);
/* Raise the term of a child by one and, unless NULL, give it other admin keys: until a first
 * document of the new term is there, all below the seat is out of the tree. The first keys of
 * a seat come so too. Threshold 0 takes its keys away. */
enum error_code amend_term(struct amendment *amendment, struct span seat,
                           const struct admin_keys *admins, struct error *error);
enum error_code amend_name(struct amendment *amendment, struct span seat, struct span name,
                           struct error *error);
enum error_code amend_endpoints(struct amendment *amendment, struct span seat,
                                const struct span *urls, size_t count, struct error *error);
enum error_code amend_fallbacks(struct amendment *amendment, struct span seat,
                                const struct span *seats, size_t count, struct error *error);
/* Of the root document: who signs from now on (the former and the new keys sign this version),
 * and one more tier below the last. */
enum error_code amend_root_admins(struct amendment *amendment, const struct admin_keys *admins,
                                  struct error *error);
/* A new root by hand: these keys alone sign it, in the next term, whoever has signed before; it
 * counts where people confirm it (tree_offer_confirmed). The only change of its document. */
enum error_code amend_root_by_hand(struct amendment *amendment, const struct admin_keys *admins,
                                   struct error *error);
enum error_code amend_add_tier(struct amendment *amendment, struct span name, struct error *error);
/* Seats of this tier state folds from now on; empty: none do. ERR_INVALID: there is no such tier
 * below the root's, or one that nobody stands below. */
enum error_code amend_fold_tier(struct amendment *amendment, struct span name, struct error *error);
/* The place of a tier that may state folds; 0 with `error`: it can't. */
uint8_t fold_tier_of(const struct text_list *tiers, struct span name, struct error *error);

/* Whether the seat's document may let a key in at `now_ms`: ERR_NOT_ALLOWED, with whom to ask, when
 * what the seats above allow it has expired. For whoever signs what another has written. */
enum error_code amend_may_let_in(const struct tree *tree, struct span seat, uint64_t now_ms,
                                 struct error *error);

/* What the next version says so far: how many rows, and each of them, in no order. Borrowed until
 * the next change. */
size_t amend_row_count(const struct amendment *amendment);
const struct seat_row *amend_row(const struct amendment *amendment, size_t index);
const struct document_header *amend_header(const struct amendment *amendment);

/* The document without signatures. It was offered to a copy of the tree (trial.h) and taken
 * without a new alarm. The caller clears it. */
enum error_code amend_finish(struct amendment *amendment, struct author_document *document,
                             struct error *error);
/* The same, signed. Whether the signatures are enough is said by gather.h, and by the tree. */
enum error_code amend_sign(struct amendment *amendment, const uint8_t (*secrets)[SECRET_BYTES],
                           size_t secret_count, struct author_document *document,
                           struct error *error);

#endif
