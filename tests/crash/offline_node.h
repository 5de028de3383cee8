/* A node without links and threads: its directory, opened as the node's own start does, one write
 * at a time. */
#ifndef TERRACE_TESTS_CRASH_OFFLINE_NODE_H
#define TERRACE_TESTS_CRASH_OFFLINE_NODE_H

#include "node/author/document_file.h"
#include "node/store/store.h"
#include "replication/drive.h"

/* Who it is, apart from its store. */
struct node_identity {
    struct replica_options options; /* but for the high-water mark and the seed */
    struct document_files documents;
};

/* From node.yaml, keys/ and documents/. The instance is that of the store there, if there is one.
 */
enum error_code node_identity_load(struct node_identity *identity, const char *dir,
                                   struct error *error);
void node_identity_free(struct node_identity *identity);

struct offline_node {
    struct store *store;
    struct store_port port;
    struct drive *drive;
    struct answer answer; /* to the last write */
};

/* Opens the store of `dir`, makes it if need be, and offers the documents. On failure it must still
 * be closed. */
enum error_code offline_node_open(struct offline_node *node, const struct node_identity *identity,
                                  const char *dir, uint64_t *random, struct error *error);
void offline_node_close(struct offline_node *node);

/* One record of type `incident`, in a batch of its own. */
enum error_code offline_node_put(struct offline_node *node, const char *title, struct error *error);

#endif
