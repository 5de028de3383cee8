/* Writing documents: from a plain description of a tree to signed documents.
 *
 * A plan checks the description and puts it in order; author_tree makes the root document and
 * a branch document for every seat that has children. author_document makes a single one, for
 * admitting, replacing, revoking. Pure: keys and times are passed in, and files are others'. */
#ifndef TERRACE_TOPOLOGY_AUTHOR_H
#define TERRACE_TOPOLOGY_AUTHOR_H

#include "schema/schema.h"
#include "topology/csv.h"
#include "topology/document.h"

/* One seat as described. Spans are borrowed. */
struct author_seat {
    struct span code;   /* seat id, unique */
    struct span name;   /* may be empty */
    struct span tier;   /* a tier's name */
    struct span parent; /* code of the parent; empty: this is the root */
    unsigned line;      /* of the table it came from, from 1; for messages */
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    bool has_seal_key; /* needed by whoever is written to over a seat that mustn't read it */
    uint8_t seal_key[KEY_BYTES];
    bool has_escrow_key;
    uint8_t escrow_key[KEY_BYTES];
    bool has_admin; /* needed where there are children */
    uint8_t admin_secret[SECRET_BYTES];
    struct span endpoint; /* URL; empty: none */
    struct span fallback; /* code of the seat to go by while the parent is away; empty: none */
};
/* What the table says of each seat; keys and endpoints are left for the caller to fill in.
 * As many as tree->row_count; the caller frees. Spans point into `tree`. */
struct author_seat *author_seats_of(const struct csv_tree *tree);

/* The checked order of a description. Numbers are places in the array of seats. */
struct author_plan {
    size_t seat_count;
    size_t *order;                     /* parents before children, children of one by code */
    size_t *parent;                    /* of each seat; its own place for the root */
    size_t *child_first, *child_count; /* of each seat: its children's places in `order` */
    uint8_t *tier;                     /* of each seat */
    struct span tiers[TIERS_MAX];      /* names, the root's first */
    uint8_t tier_count;
};

/* NULL on a fault, `error.line` being that of the seat at fault: exactly one root, every parent
 * known, no loop, no code twice, codes, names and tiers within bounds, at most TIERS_MAX tiers,
 * each child's tier below its parent's. Parents' tiers come before their children's; tiers that
 * are neither above nor below each other come in the order of first appearance. Free with
 * author_plan_free. */
struct author_plan *author_plan_new(const struct author_seat *seats, size_t count,
                                    struct error *error);
void author_plan_free(struct author_plan *plan); /* NULL is legal */

/* A signed document, owned by the caller: author_document_clear frees what is in it. */
struct author_document {
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1]; /* "" for root and types */
    struct hash hash;
    struct buffer envelope;
    struct buffer *rows;
    size_t row_count;
};
void author_document_clear(struct author_document *document);

/* Sign `header` over these rows: fills in count, size and Merkle root. The rows are copied.
 * ERR_OVERSIZE when a bound of a document doesn't hold; then nothing is owned. */
enum error_code author_document(struct document_header *header, const struct span *rows,
                                size_t row_count, const uint8_t (*secrets)[SECRET_BYTES],
                                size_t secret_count, struct author_document *document,
                                struct error *error);
/* The header of the document after `header`, whose hash is given: version + 1 in its term.
 * `tree_id` is needed since a first root doesn't name it. */
struct document_header author_next_header(const struct document_header *header,
                                          const struct hash *hash, const struct hash *tree_id,
                                          uint64_t issued_ms);

struct author_options {
    uint64_t issued_ms, expires_ms; /* expires 0: never */
    /* Root admin keys; none: the root seat's admin key, alone. */
    const uint8_t (*root_secrets)[SECRET_BYTES];
    uint8_t root_secret_count, root_threshold;
    struct span fold_tier; /* name of the tier whose seats state folds; empty: none */
};

/* All documents of a new tree, in an order fit for offering: root, then parents before
 * children; term 1, version 1, generation 1. */
struct author_tree {
    struct hash tree_id;
    struct author_document *documents;
    size_t document_count;
};
/* NULL on a fault: a seat with children has no admin key, or too many children. The caller
 * frees with author_tree_free. */
struct author_tree *author_tree_new(const struct author_plan *plan, const struct author_seat *seats,
                                    const struct author_options *options, struct error *error);
void author_tree_free(struct author_tree *tree); /* NULL is legal */

/* The types document of a compiled schema. `header` has tree id, term, version, times and
 * predecessor; kind and schema version are filled in. */
enum error_code author_types(struct document_header *header, const struct schema_source *source,
                             const uint8_t (*secrets)[SECRET_BYTES], size_t secret_count,
                             struct author_document *document, struct error *error);

#endif
