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
    const char *parent; /* code; NULL: the root */
};

struct county_seat {
    char code[SEAT_BYTES_MAX + 1];
    size_t parent; /* place; its own for the root */
    uint8_t tier;
    uint8_t signing_key[KEY_BYTES];
    uint8_t signing_secret[SECRET_BYTES];
    uint8_t link_key[KEY_BYTES];
    struct seal_key seal;
    uint8_t admin_secret[SECRET_BYTES];
    struct key_id key_id;
};

struct county {
    struct county_seat *seats; /* as the rows came */
    size_t seat_count;
    size_t *children;    /* places, those of one parent together, by code */
    size_t *child_first; /* of each seat, where its own begin in `children`; seat_count + 1 */
    size_t *rank;        /* of each seat: parents before children */
    size_t *by_code;     /* places, sorted */
    uint8_t tier_count;
    struct hash tree_id;
    struct tree *tree; /* holds every document */
};

/* Asserts that the rows are a tree (the caller made them up). Free with county_free. */
struct county *county_new(const struct county_row *rows, size_t count, uint64_t salt);
/* The same, with documents that expire then (0: never). */
struct county *county_new_expiring(const struct county_row *rows, size_t count, uint64_t salt,
                                   uint64_t expires_ms);
void county_free(struct county *county); /* NULL is legal */

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
    struct buffer proof;
};
/* In an order fit for offering. *count documents; free with county_documents_free. */
struct county_document *county_documents(const struct county *county, size_t seat, unsigned gift,
                                         size_t *count);
void county_documents_free(struct county_document *documents, size_t count);

/* The types as YAML, for nodes that are no simulated ones. */
struct span county_types_yaml(void);
/* The types document of the next version: as the first, and a field `extra` on every type. It is
 * offered to the county's own tree; hand it to the root seat with county_documents. */
void county_raise_types(struct county *county);

#endif
