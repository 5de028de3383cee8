/* Whom this node last dialled as its parent, kept in DIR/last_parent: between the two documents of
 * a raised term no document lists the seat (rules.md B29), and a node that dies in that gap must
 * find, when it starts, whoever has the other one.
 *
 * The file: [1, seat, link key bin32, [endpoint ...]]. It proves nothing: who answers there must
 * hold that link key, and what it says is verified as always. */
#ifndef TERRACE_NODE_LAST_PARENT_H
#define TERRACE_NODE_LAST_PARENT_H

#include "node/core_thread.h"

/* Writes the file if `tree` lists this node under a parent that differs from `former`'s (NULL: from
 * none). ERR_IO, ERR_FULL: what was there stands. */
enum error_code last_parent_keep(const char *dir, const struct core_tree *tree,
                                 const struct core_tree *former, struct error *error);

/* Fills in parent and endpoints. ERR_NOT_FOUND; ERR_DAMAGED when the file can't be read. */
enum error_code last_parent_load(const char *dir, struct core_tree *tree, struct error *error);

#endif
