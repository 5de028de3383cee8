/* What the files of amendments share; nobody else includes it. */
#ifndef TERRACE_TOPOLOGY_AMEND_INNER_H
#define TERRACE_TOPOLOGY_AMEND_INNER_H

#include "topology/amend.h"

struct amended_row {
    struct buffer bytes;
    struct seat_row row; /* decoded from them */
};

struct amendment {
    const struct tree *tree;
    struct document_header header; /* of the new version; lists point into the buffers below */
    struct buffer former;          /* the header it began from */
    struct buffer admins, tiers;   /* of a root that changes them */
    struct buffer decisions;       /* of one that decides moves */
    uint8_t tier_count;            /* with those added here */
    const struct seat *owner;      /* whose document; NULL: the root document */
    struct amend_when when;
    struct amended_row *rows;
    size_t row_count;
    bool adds;  /* a key that is new to the tree */
    bool ahead; /* of what it leans on: its alarm is expected */
};

extern const char amend_what[];

/* Put a row in place of the one at `index`, or, at row_count, behind all. */
void amend_put(struct amendment *amendment, size_t index, const struct seat_row *row);
void amend_remove(struct amendment *amendment, size_t index);

/* Whether the delegation under which this document is signed lets keys in. Its own expiry is
 * another matter: its own signers may move that as far as the delegation goes. */
enum error_code amend_delegation_check(const struct amendment *amendment, struct error *error);

#endif
