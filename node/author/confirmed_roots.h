/* DIR/confirmed-roots: the roots by hand that people of this machine have confirmed (rules.md B56),
 * one line each: 64 hex digits, the hash of the document. Made by `terrace topology confirm`, and
 * by `join` from the answer of a node that has confirmed them. It lies outside documents/, so that
 * files copied there by hand confirm nothing. */
#ifndef TERRACE_NODE_AUTHOR_CONFIRMED_ROOTS_H
#define TERRACE_NODE_AUTHOR_CONFIRMED_ROOTS_H

#include "base/error.h"
#include "base/hash.h"
#include "topology/tree.h"

struct confirmed_roots {
    struct hash hashes[CONFIRMED_ROOTS_MAX];
    size_t count;
};

/* No file: none. ERR_MALFORMED with the line when it can't be read; then there are none. */
enum error_code confirmed_roots_load(const char *dir, struct confirmed_roots *roots,
                                     struct error *error);
bool confirmed_roots_have(const struct confirmed_roots *roots, const struct hash *hash);
/* Adds one, durably; one that is there already is left as it is. ERR_OVERSIZE: CONFIRMED_ROOTS_MAX
 * are there. */
enum error_code confirmed_roots_add(const char *dir, const struct hash *hash, struct error *error);

#endif
