/* Documents in the store: headers and rows as received, and the tree made of them. */
#ifndef TERRACE_REPLICATION_ROWS_DOCUMENT_ROWS_H
#define TERRACE_REPLICATION_ROWS_DOCUMENT_ROWS_H

#include "replication/rows/rows.h"

/* Kinds of rows beside documents, see document_rows.c. */
enum { DOCUMENT_ROWS_PENDING = 32, DOCUMENT_ROWS_CONFIRMED = 33, DOCUMENT_ROWS_ORDERS = 34 };

/* Put what the tree holds of a document in the place of what the store holds of it (of one
 * that was forgotten nothing), and move the stamp that readers watch. */
void document_rows_put(struct updates *updates, const struct tree *tree, enum document_kind kind,
                       struct span seat);

/* As query_tree, and what is told by `verifier` is believed (NULL: verify_hash); the tree keeps it,
 * and has its types on `shelf` (NULL: alone). */
struct tree *stored_tree(const struct view *view, const struct hash *tree_id,
                         const struct verifier *verifier, struct schema_shelf *shelf,
                         struct error *error);

#endif
