/* What the files of the tree share; nobody else includes it.
 *
 * A holding is a document and its rows. Holdings in force are `attached`: reached from the root
 * over rows that give their seat exactly these admin keys and this term. A holding that is not
 * attached lies dormant: it says nothing. It bars the way back to an older one of its term; to one
 * that the seat's row of now asks for it doesn't, when that row gives it another term or other
 * keys: what gave it its own was overruled, or signed twice. */
#ifndef TERRACE_TOPOLOGY_TREE_INNER_H
#define TERRACE_TOPOLOGY_TREE_INNER_H

#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "base/planted.h"
#include "topology/tree.h"

enum {
    /* A node takes root documents one by one, so their chain is bounded (a rotation a year). */
    ROOT_CHAIN_MAX = 1024,
    ENVELOPE_BYTES_MAX =
        DOCUMENT_HEADER_BYTES_MAX + DOCUMENT_SIGNATURES_MAX * (KEY_ID_BYTES + SIGNATURE_BYTES + 8),
    /* One pass finds who is listed twice, the next one obeys; a choice may bring further listings
     * to light, tier by tier, or be out of reach. More at once is nobody's need. */
    PLACING_PASSES_MAX = 4 * TIERS_MAX,
};

/* Two documents of one (term, version): [0] has the lower hash. */
struct twins {
    uint64_t term, version;
    struct hash hashes[2];
    struct buffer envelopes[2];
};

struct holding {
    struct held_document held; /* what the world sees; first, so that it can be cast back */
    struct span *rows, *proofs;
    uint32_t *places;
    struct shelved_schema *shelved; /* of types, whole: whose `rows` are; NULL: its own */
    struct hash signed_by;          /* print of the admin keys that it was verified against */
    struct holding *newer;          /* verified, waiting for its rows */
    struct holding *others;         /* orders to the same seat that count less */
    struct twins *twins;            /* of its seat, in its term; NULL: none are known */
    bool attached;
    uint8_t signer;    /* of an order: who signed it, 0 the highest who may (tree_orders.c) */
    UT_hash_handle hh; /* branches, or orders, by seat */
};

struct seat_node {
    struct seat seat; /* first, so that it can be cast back */
    const struct holding *listed_in;
    uint8_t depth; /* 0: the root seat */
    UT_hash_handle hh;
};

struct author_node {
    struct author author;
    bool shared; /* two keys with this id: neither counts */
    UT_hash_handle hh;
};

struct link_node {
    const struct seat *seat;
    uint8_t key[KEY_BYTES];
    UT_hash_handle hh;
};

/* One document's claim to be the parent's that lists a seat. */
struct listing {
    const struct holding *in;
    const struct seat_node *owner; /* NULL: the root document */
    uint64_t moves;
    uint32_t generation;
    uint8_t depth, tier;
    bool released;
    bool past; /* of a seat that has come back since: it proves the next one, and never counts */
    struct span released_to;
};

/* A seat that several documents list, and which of them counts. Kept for such seats alone. */
struct choice {
    char seat[SEAT_BYTES_MAX + 1];
    const struct holding *chosen;
    struct listing *listings; /* those met in the last pass */
    size_t listing_count;
    const struct holding **barred; /* chosen once, and then out of reach */
    size_t barred_count;
    UT_hash_handle hh;
};

struct tree {
    struct hash id;
    const struct verifier *verifier;
    const struct seal_key *seal_key;
    struct holding *root, *types;
    struct holding *pending;  /* a root by hand that waits for people; without rows */
    unsigned pending_vouched; /* how many of the keys that it replaces have signed it */
    struct hash *confirmed;   /* roots by hand that people of this node have confirmed */
    size_t confirmed_count;
    struct holding *branches;
    struct holding *orders; /* by the seat they are for */
    struct holding **order; /* attached ones, parents before children */
    size_t order_count;
    struct holding **orders_in_force; /* sorted by seat */
    size_t orders_in_force_count;
    uint64_t orders_kept; /* changes whenever an order is kept or forgotten */
    struct seat_node **seats;
    size_t seat_count;
    struct seat_node *seats_by_id;
    struct author_node *authors;
    struct link_node *links;
    struct choice *choices;
    struct moved_seat *moved; /* of the choices, for the world; sorted by seat */
    size_t moved_count;
    bool placing_all; /* a pass over everything is under way */
    bool contested;   /* what was placed must be placed again, from the root */
    struct buffer *former_roots;
    size_t former_root_count;
    char (*tier_names)[SEAT_BYTES_MAX + 1];
    size_t tier_count;
    struct schema_shelf *shelf; /* NULL: this tree's alone */
    struct shelved_schema *shelved;
    struct hash twin; /* the last document that stood beside another of the same version */
    struct hash bad;  /* the last one forgotten, since its own rows are against the form */
    uint64_t change_count, offer_alarms, placing_alarms;
};

/* tree_index.c: the hash tables. Keys lie in the nodes; find answers NULL. */
struct holding *branch_find(const struct tree *tree, struct span seat);
void branch_add(struct tree *tree, struct holding *holding);
void branch_remove(struct tree *tree, struct holding *holding);
struct seat_node *seat_node_find(const struct tree *tree, struct span seat);
void seat_node_add(struct tree *tree, struct seat_node *node);
struct author_node *author_node_find(const struct tree *tree, struct key_id id);
void author_node_add(struct tree *tree, struct author_node *node);
struct link_node *link_node_find(const struct tree *tree, const uint8_t key[static KEY_BYTES]);
void link_node_add(struct tree *tree, struct link_node *node);
struct choice *choice_find(const struct tree *tree, struct span seat);
void choice_add(struct tree *tree, struct choice *choice);
void choices_clear(struct tree *tree);
void placing_clear(struct tree *tree); /* seats, authors, links, order */
void branches_free(struct tree *tree);
struct holding *order_find(const struct tree *tree, struct span seat);
void order_add(struct tree *tree, struct holding *holding);
void order_remove(struct tree *tree, struct holding *holding);
void orders_rearrange(struct tree *tree,
                      struct holding *(*rearrange)(const struct tree *, struct holding *));
/* Those signed by somebody who may, sorted by seat. */
void orders_list(struct tree *tree);
void orders_free(struct tree *tree);

/* tree_orders.c: orders to a subtree. */
enum error_code offer_order(struct tree *tree, struct span envelope,
                            const struct document_envelope *opened, struct error *error);
void orders_judge(struct tree *tree); /* what was placed has changed: which orders still count */

/* tree_hold.c: holdings. */
struct holding *holding_new(struct span envelope, const struct document_envelope *opened);
void holding_free(struct holding *holding); /* with the newer one; NULL is legal */
/* Take a copy of one row, and of its proof unless the document becomes whole with it. */
void holding_add_row(struct holding *holding, uint32_t place, struct span row, struct span proof);
void holding_take_rows(struct holding *holding, const struct span *rows, size_t count);
/* Position of `place` among the rows held; false: not held, `at` says where it would stand. */
bool holding_find_row(const struct holding *holding, uint32_t place, size_t *at);
/* The rows of types are the shelf's from now on. */
void holding_use_shelved(struct holding *holding, struct shelved_schema *shelved);
/* When both have the same rows: move them. */
bool holding_move_rows(struct holding *from, struct holding *to);
struct hash admin_keys_print(const struct admin_keys *admins);
bool admin_keys_acceptable(const struct tree *tree, const struct admin_keys *admins);

/* tree.c */
struct holding *holding_find(const struct tree *tree, enum document_kind kind, struct span seat);

/* tree_twins.c */
void twins_free(struct twins *twins); /* NULL is legal */
/* Whether a document of this (term, version) is barred by twins of its term. */
bool twins_bar(const struct holding *holding, uint64_t term, uint64_t version);
/* The same (term, version) stands here under another hash. NULL: it doesn't. */
const struct holding *twins_find(const struct holding *holding,
                                 const struct document_envelope *opened);
/* Two verified documents; the lower one will count. False: nothing has changed. */
bool twins_take(struct tree *tree, struct holding *holding, struct span first, struct span second);
void twins_show(struct holding *holding); /* what the world sees of them */

/* tree_reroot.c: roots by hand. */
enum error_code offer_root_by_hand(struct tree *tree, struct span envelope,
                                   const struct document_envelope *opened, bool confirmed,
                                   struct error *error);
/* The root document has changed: what waited to follow another one doesn't any more. */
void pending_root_review(struct tree *tree);

/* tree_offer.c: put a verified document in its place, or let it wait for its rows. */
void document_install(struct tree *tree, struct span envelope,
                      const struct document_envelope *opened, const struct hash *signed_by);
void raise_offer_alarm(struct tree *tree, const struct hash *hash);
enum error_code refuse_forged(struct error *error, const char *why);
/* Put a verified document in force, in place of `old` (NULL: there is none; not
 * its own `newer` any more), which is freed. */
void holding_put_in_force(struct tree *tree, struct holding *old, struct holding *holding);
void schema_take(struct tree *tree, struct holding *types);
/* A branch or types document of which no row is in force: as if it had never come. */
void holding_forget(struct tree *tree, struct holding *holding);
/* The newest root document, in force or waiting for its rows, gives place to this one. */
void former_root_append(struct tree *tree, struct span envelope);
const struct holding *newest_of(const struct holding *holding); /* NULL is legal */

/* tree_moves.c: which of several listings of a seat counts (rules.md B25). */
/* A listing was met; the seat's choice is made with the first one. */
void choice_add_listing(struct choice *choice, const struct listing *listing);
struct choice *choice_new(struct tree *tree, struct span seat, const struct holding *chosen);
/* Choose anew for every seat by what the pass has met. True: something has changed. */
bool choices_settle(struct tree *tree);
void choices_begin_pass(struct tree *tree); /* forget what the last one has met */
void moved_show(struct tree *tree);         /* what the world sees of the choices */

/* tree_place.c: from documents to seats. */
void raise_placing_alarm(struct tree *tree);
/* Whether the seat's row gives it exactly the term and the keys that its document shows. */
bool branch_counts(const struct tree *tree, const struct seat_row *row, struct holding *holding);
/* Attach a verified branch document of a seat in place, with the rows it has. */
void place_branch(struct tree *tree, struct holding *holding);
/* All rows of an attached document, of which none was here before. */
void place_rows(struct tree *tree, struct holding *holding);
/* One row was added to an attached document. */
void place_added_row(struct tree *tree, struct holding *holding, size_t at);
/* Everything from the root again. */
void place_all(struct tree *tree);
/* Why a row can't stand in a document of this owner (NULL: the root document). NULL: it can. */
const char *row_refusal(const struct tree *tree, const struct seat *owner,
                        const struct seat_row *row);

#endif
