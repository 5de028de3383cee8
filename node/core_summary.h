/* Copies of what the core knows, for the loop: made on the core's thread between two batches. */
#ifndef TERRACE_NODE_CORE_SUMMARY_H
#define TERRACE_NODE_CORE_SUMMARY_H

#include "node/core_thread.h"

struct core_tree *core_tree_make(const struct tree *tree, const char *seat);
/* The parent as the former copy had it, where no document lists our seat: it has the one
 * that does (replication/session.c). */
void core_tree_keep_parent(struct core_tree *copy, const struct core_tree *former);
struct core_status *core_status_make(const struct drive *drive, const struct view *view,
                                     uint64_t tick_ms);

void core_marks_fill(const struct drive *drive, const struct view *view, struct core_marks *marks);

/* After the batch that offered it: whether `tree` has taken the document, or why it hasn't. */
void core_document_judge(const struct tree *tree, struct core_document *document);

#endif
