/* A prepared directory takes its seat: the tree's secret, the documents, and the tree's id in
 * node.yaml, in this order, so that a join that was cut off begins again and a node that serves
 * has all of it. */
#ifndef TERRACE_NODE_AUTHOR_JOIN_H
#define TERRACE_NODE_AUTHOR_JOIN_H

#include "node/author/node_directory.h"
#include "node/author/pack.h"

/* What a person was told by another way. */
struct join_told {
    struct span tree; /* fingerprint of the tree; empty: nothing */
    struct span root; /* of the newest root that was made by hand; empty: nothing */
    bool by_token;    /* the pack came from the node that the token names: what that has confirmed
                       * is taken over. Anybody could have written a file; its root by hand needs
                       * `root` */
};

/* Checks a pack against the directory and brings it in. `name`: of the file, for errors.
 * ERR_NOT_ALLOWED, with what to do: another seat, another tree, another machine's request, not the
 * seat's keys in force, a root by hand that nobody here has compared; ERR_FORGED: documents that
 * don't hold. Nothing is changed then. */
enum error_code join_take(const char *dir, const char *name, const struct pack *pack,
                          const struct join_told *told, struct error *error);

#endif
