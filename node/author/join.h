/* A prepared directory takes its seat: the tree's secret, the documents, and the tree's id in
 * node.yaml, in this order, so that a join that was cut off begins again and a node that serves
 * has all of it. */
#ifndef TERRACE_NODE_AUTHOR_JOIN_H
#define TERRACE_NODE_AUTHOR_JOIN_H

#include "node/author/node_directory.h"
#include "node/author/pack.h"

/* Checks a pack against the directory and brings it in. `name`: of the file, for errors.
 * `fingerprint`: what a person was told of the tree; empty: nothing. ERR_NOT_ALLOWED, with what to
 * do: another seat, another tree, another machine's request, not the seat's keys in force;
 * ERR_FORGED: documents that don't hold. Nothing is changed then. */
enum error_code join_take(const char *dir, const char *name, const struct pack *pack,
                          struct span fingerprint, struct error *error);

#endif
