/* Loaded types that the trees of one process share.
 *
 * A simulated county has hundreds of trees with one types document. Whoever runs them makes a shelf
 * and hands it to each: the first tree that holds the document loads its rows, the others take what
 * stands there. What a shelf holds is found by content: the Merkle root of the rows, the version
 * that the document gives them, the tiers that workflows name. Nothing is on it that nobody
 * holds. One thread uses a shelf and all that was taken from it. */
#ifndef TERRACE_SCHEMA_SHELF_H
#define TERRACE_SCHEMA_SHELF_H

#include "base/hash.h"
#include "schema/schema.h"

struct schema_shelf;

/* What is taken: of the shelf, never to be written to. */
struct shelved_schema {
    struct schema *schema; /* its tiers found */
    struct span *rows;     /* a copy, as they were given */
    size_t row_count;
    struct hash row_root;
    struct schema_shelf *shelf; /* NULL: on none */
    struct shelved_schema *next;
    size_t holders;
};

struct schema_shelf *schema_shelf_new(void);
/* Everything taken has been given back. NULL is legal. */
void schema_shelf_free(struct schema_shelf *shelf);
/* How many there are. */
size_t schema_shelf_count(const struct schema_shelf *shelf);

struct shelved_rows {
    uint32_t version;
    const struct hash *row_root; /* of exactly these rows: verified by the caller */
    const struct span *rows;
    size_t row_count;
    const char *const *tiers; /* the root document's, the root's first */
    size_t tier_count;
};
/* The types of these rows, loaded if nobody holds them yet. `shelf` NULL: the caller's alone. NULL
 * with `error` where schema_load says so. Give it back with schema_shelf_return. */
struct shelved_schema *schema_shelf_take(struct schema_shelf *shelf,
                                         const struct shelved_rows *rows, struct error *error);
/* One more holder of the same. */
struct shelved_schema *schema_shelf_share(struct shelved_schema *shelved);
void schema_shelf_return(struct shelved_schema *shelved); /* NULL is legal */

#endif
