/* What a seat must be given of the signed tree, as files of its documents directory: the root
 * document, of each document above it the row that leads down to it, its own branch and all below
 * it whole, the types. */
#ifndef TERRACE_CLI_DRILL_HAND_OUT_H
#define TERRACE_CLI_DRILL_HAND_OUT_H

#include "topology/tree.h"

struct hand_out {
    const struct tree *tree; /* borrowed; what it holds in part is given in part */
    const char *seat;        /* whom it is for; listed in the tree */
    bool all;                /* every document, whole as far as it is here */
    const char *former;      /* a parent that lists the seat no more: its row, too; NULL: none */
};

/* Writes them to PATH/documents, in place of older ones of the same names. ERR_NOT_FOUND: the tree
 * doesn't list the seat; ERR_FULL, ERR_IO. */
enum error_code hand_out(const struct hand_out *what, const char *path, struct error *error);

#endif
