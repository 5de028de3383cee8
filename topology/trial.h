/* Trying a document before it is signed: a copy of the tree in which signatures are taken for
 * granted. Also for asking what a change would do. */
#ifndef TERRACE_TOPOLOGY_TRIAL_H
#define TERRACE_TOPOLOGY_TRIAL_H

#include "topology/author.h"
#include "topology/tree.h"

/* A tree that holds all that is in force in `tree`; free it with tree_free. Never give it to
 * anything that acts on what a tree says. */
struct tree *trial_new(const struct tree *tree);
/* Offer a document with whatever signatures it has, as if all who must had signed it. ERR_OK: it
 * would be taken; else what the tree would say. */
enum error_code trial_offer(struct tree *trial, const struct author_document *document,
                            struct error *error);
/* Both at once, for one document; ERR_NOT_ALLOWED too when it would raise an alarm. */
enum error_code trial_document(const struct tree *tree, const struct author_document *document,
                               struct error *error);

#endif
