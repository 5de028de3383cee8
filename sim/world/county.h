/* A tree for a simulated world: seats with keys made from their names, and its signed documents.
 *
 * The same rows and the same salt give the same keys, so that a history has the same lines every
 * time. The types are four that people use, each with a circle of its own, and one in bulk. */
#ifndef TERRACE_SIM_COUNTY_H
#define TERRACE_SIM_COUNTY_H

#include "base/seal.h"
#include "topology/author.h"
#include "topology/tree.h"

struct county_row {
    const char *code;
    const char *tier;
    const char *parent;   /* code; NULL: the root */
    const char *fallback; /* code; NULL: none */
    bool escrow;          /* its people keep an escrow key */
    bool later;           /* not listed at first; its tier must be that of others that are */
};

struct county_keys { /* of one generation */
    uint32_t generation;
    uint8_t signing_key[KEY_BYTES];
    uint8_t signing_secret[SECRET_BYTES];
    uint8_t link_key[KEY_BYTES];
    struct seal_key seal;
    struct key_id key_id;
};

struct county_seat {
    char code[SEAT_BYTES_MAX + 1];
    size_t parent; /* place; its own for the root. Of one that isn't listed yet: where it will be */
    uint8_t tier;
    uint8_t signing_key[KEY_BYTES]; /* of the newest generation, as below */
    uint8_t signing_secret[SECRET_BYTES];
    uint8_t link_key[KEY_BYTES];
    struct seal_key seal;
    uint8_t admin_secret[SECRET_BYTES]; /* of the first term */
    struct key_id key_id;
    uint32_t generation;
    uint32_t escrow;       /* how many escrow keys its people had before this one */
    uint32_t same_machine; /* a generation whose link and seal keys are the ones before; 0: none */
    bool later;            /* not in the first documents */
    bool listed;           /* in a document that counts; once so, it stays so */
    bool counts;           /* it is so now, and its key neither retired nor revoked */
    bool moved;            /* its parent has changed since the first documents */
    uint64_t moves;
};

struct county {
    struct county_seat *seats; /* as the rows came */
    size_t seat_count;
    size_t *children;    /* places, those of one parent together, by code */
    size_t *child_first; /* of each seat, where its own begin in `children`; seat_count + 1 */
    size_t *rank;        /* of each seat: parents before children */
    size_t *by_code;     /* places, sorted */
    uint8_t tier_count;
    uint64_t salt;
    struct hash tree_id;
    struct schema_shelf *shelf; /* of the types, for all trees of the county */
    struct tree *tree;          /* holds every document */
    /* What was signed since the first documents, oldest first; whether it counts or not. */
    struct author_document *changes;
    size_t change_count;
    struct tree *first;                /* as it was before; NULL: nothing was signed since */
    uint8_t root_secret[SECRET_BYTES]; /* of whoever signs for the root */
    bool fallbacks;                    /* some row names one */
};

/* Asserts that the rows are a tree (the caller made them up). Free with county_free. */
struct county *county_new(const struct county_row *rows, size_t count, uint64_t salt);
struct county_options {
    uint64_t expires_ms;   /* when the documents do; 0: never */
    const char *fold_tier; /* whose seats state folds; NULL, "": none */
};
struct county *county_new_with(const struct county_row *rows, size_t count, uint64_t salt,
                               const struct county_options *options);
void county_free(struct county *county); /* NULL is legal */
/* A seat's keys of one generation, from 1 on; and the generation that a key id is of (0: none). */
void county_keys(const struct county *county, size_t seat, uint32_t generation,
                 struct county_keys *keys);
/* The escrow key of a seat's people, where it has one; `number`: how many they had before it. */
struct seal_key county_escrow(const struct county *county, size_t seat, uint32_t number);
uint32_t county_generation_of(const struct county *county, size_t seat, struct key_id key);

enum { COUNTY_SEATS_MAX = 1000 * 1000 };

/* So many seats a tier, the root's first; children are spread evenly over the tier above. */
struct county_shape {
    unsigned tier_count;
    uint32_t counts[TIERS_MAX];
};
/* From text as in "1+3+23+303". ERR_INVALID. */
enum error_code county_shape_read(struct span text, struct county_shape *shape,
                                  struct error *error);
size_t county_shape_seats(const struct county_shape *shape);
/* Seats are called A1, B1, B2 ... by tier; `tiers` are the tiers' names, NULL: tier1, tier2 ... */
struct county *county_new_shape(const struct county_shape *shape, const char *const *tiers,
                                uint64_t salt);

/* The place of a seat; SIZE_MAX: no such seat. */
size_t county_find(const struct county *county, const char *code);
/* True if `above` is on the path from `seat` to the root, itself included. Counted from parents
 * alone, for checkers. */
bool county_is_above(const struct county *county, size_t above, size_t seat);

/* Documents as a node is given them on its own disk. */
enum county_gift {
    COUNTY_WHOLE_PATH = 1, /* the documents above it whole, not one row each */
    COUNTY_NO_TYPES = 2,   /* types have to come over a link */
    COUNTY_NO_SUBTREE = 4, /* its subtree's documents have to come over a link */
};
struct county_document {
    enum document_kind kind;
    struct span envelope;
    struct span *rows; /* borrowed from the county; the arrays are the caller's */
    size_t row_count;
    uint32_t *places; /* NULL: whole */
    struct span *proofs;
    struct buffer *proof; /* by row; NULL: none were made */
    bool confirmed;       /* a root by hand that the people of the node have compared */
};
/* In an order fit for offering. *count documents; free with county_documents_free. */
struct county_document *county_documents(const struct county *county, size_t seat, unsigned gift,
                                         size_t *count);
/* The same, as they stand in another tree: what somebody there has at hand. A seat that it doesn't
 * know gets none but root and types. */
struct county_document *county_documents_of(const struct county *county, const struct tree *from,
                                            size_t seat, unsigned gift, size_t *count);
void county_document_clear(struct county_document *document);
void county_documents_free(struct county_document *documents, size_t count);

/* ---- what people sign in mid-run (county_change.c) ---- */

/* X(name, as written): whose document says it, and what of `seat` */
#define COUNTY_CHANGE_LIST(X)                                                                      \
    X(ADMIT, "admit")       /* a row more */                                                       \
    X(REPLACE, "replace")   /* a row of the next generation; the old one retired */                \
    X(RETIRE, "retire")     /* its newest row retired, with the cut-off */                         \
    X(REVOKE, "revoke")     /* its newest row revoked, with the cut-off */                         \
    X(RELEASE, "release")   /* its rows released to `to` */                                        \
    X(TAKE, "take")         /* its rows, of the next move */                                       \
    X(DECIDE, "decide")     /* it counts under `to`, where that lists it with the next counter */  \
    X(OVERRULE, "overrule") /* its term raised, and its first document of that term */             \
    X(ESCROW, "escrow")     /* another escrow key in its newest row */                             \
    /* an order of `by` to the subtree of `seat`, with the next number that `by` knows of */       \
    X(EMERGENCY, "emergency")                                                                      \
    X(PEACE, "peace")                                                                              \
    X(ROLL_CALL, "roll-call")                                                                      \
    X(REROOT, "reroot") /* a new root by hand: its former keys are lost (topology/tree_reroot.c)   \
                         */
enum county_change_kind {
#define X(name, text) COUNTY_##name,
    COUNTY_CHANGE_LIST(X)
#undef X
        COUNTY_CHANGE_KINDS
};

struct county_change {
    enum county_change_kind kind;
    size_t seat;    /* whom it is about */
    size_t by;      /* whose document says so; its admin signs */
    size_t to;      /* RELEASE, DECIDE */
    uint64_t moves; /* TAKE, DECIDE: the counter; 0: the next one */
    /* What the one who signs knows: which term `by` is in, and, for OVERRULE, the last document
     * that is accepted; NULL: everything. */
    const struct tree *seen;
    const struct cut_off *cut_offs; /* RETIRE, REVOKE, REPLACE: up to where the old key counts */
    size_t cut_off_count;
    const struct trusted_notes *notes; /* the same of its notes */
    size_t note_count;
    bool same_machine; /* REPLACE: another signing key alone */
    uint8_t raise;     /* REPLACE: so many tiers nearer to the root's */
    bool again;        /* by who knows how it ended; REVOKE: another cut-off for a revoked key */
    uint64_t issued_ms;
};
/* Signs it and offers it to the county's own tree; parents and what is said of seats are as that
 * tree says from then on. The documents are the last ones of `changes`; how many: 0 (there is
 * nothing to change), 1, or 2. */
size_t county_sign(struct county *county, const struct county_change *change);
/* A tree of its own that holds what this one holds. Free with tree_free. */
struct tree *county_tree_copy(const struct tree *tree);
extern const char *const county_change_names[COUNTY_CHANGE_KINDS];
/* An order to a subtree, which a seat may give itself. */
bool county_change_is_order(enum county_change_kind kind);

/* The types as YAML, for nodes that are no simulated ones. */
struct span county_types_yaml(void);
/* The types document of the next version: as the first, with a field `extra` on every type and a
 * type with a workflow; the second time also one with limits of time, and calendars; the third time
 * with other limits; then no more. It is offered to the county's own tree; hand it to the root seat
 * with county_documents. */
void county_raise_types(struct county *county);

#endif
