/* Documents in the store: headers and rows as received, and the tree made of them. */
#ifndef TERRACE_REPLICATION_ROWS_DOCUMENT_ROWS_H
#define TERRACE_REPLICATION_ROWS_DOCUMENT_ROWS_H

#include "replication/rows/rows.h"

/* Put what the tree holds of a document in the place of what the store holds of it, and move the
 * stamp that readers watch. */
void document_rows_put(struct updates *updates, const struct tree *tree, enum document_kind kind,
                       struct span seat);

#endif
