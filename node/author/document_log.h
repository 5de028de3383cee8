/* Documents that were in force here and are so no more: DIR/documents.log, for whoever asks later
 * who signed what, and when it was heard of here (docs/node.md). Envelopes without rows: what the
 * rows were is fixed by the root in the header, and what they said is in whoever's hands has them.
 * Former root documents aren't in it: the tree holds these for ever.
 *
 *     record = length u32 big-endian, [replaced at u, envelope bin] */
#ifndef TERRACE_NODE_AUTHOR_DOCUMENT_LOG_H
#define TERRACE_NODE_AUTHOR_DOCUMENT_LOG_H

#include "topology/tree.h"

/* A hundred thousand versions; whoever may sign could fill a disk otherwise. */
enum { DOCUMENT_LOG_BYTES_MAX = 32 << 20 };

struct document_log;

/* Follows the documents in force from these on. The caller frees with document_log_free. */
struct document_log *document_log_new(const char *dir, const struct tree *tree);
void document_log_free(struct document_log *log); /* NULL is legal */
/* Writes what has been replaced since. ERR_FULL: the log has its full size, or the disk has;
 * ERR_IO. What couldn't be written is not tried again. */
enum error_code document_log_follow(struct document_log *log, const struct tree *tree,
                                    uint64_t clock_ms, struct error *error);

/* Calls `each` for every record, oldest first; no file: none. A record that was cut off by a power
 * cut ends the log. The span lives during the call. */
enum error_code document_log_read(const char *dir,
                                  void (*each)(void *context, uint64_t replaced_ms,
                                               struct span envelope),
                                  void *context, struct error *error);

#endif
