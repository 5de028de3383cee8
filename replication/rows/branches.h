/* Branches of a forked stream (rules.md 4, 8 B13).
 *
 *     branch 0   ──●──●──●──●──●      the stream as it came first
 *     branch 1            └──●──●     begins at its own `from`, behind branch 0's blocks
 *
 * A branch is a row of its own, and its blocks lie under its own local number; what stands before
 * `from` is its parent's. Numbers are local: two nodes name a branch by a place and a hash on it. A
 * row with `cut` is on its way out: what it holds from there on counts no more.
 *
 * A stream that never forked has branch 0 alone, and pays nothing for this. */
#ifndef TERRACE_REPLICATION_ROWS_BRANCHES_H
#define TERRACE_REPLICATION_ROWS_BRANCHES_H

#include "replication/rows/rows.h"

enum { BRANCHES_MAX = 8, BRANCHES_KEPT = 2 };

/* All branches of one stream that are here. */
struct branches {
    struct stream_id stream; /* branch 0 */
    bool present[BRANCHES_MAX];
    struct stream_row rows[BRANCHES_MAX];
};
/* The caller frees. Never NULL. */
struct branches *branches_read(const struct view *view, const struct stream_id *stream);
struct stream_id branch_of(const struct stream_id *stream, uint8_t branch);

/* Where a branch counts no more: its head, or where it is being cut. */
uint32_t branch_end(const struct stream_row *row);
/* It has entries that no other branch has, and isn't on its way out: it is listed and compared. */
bool branch_is_leaf(const struct branches *branches, uint8_t branch);

/* The hash of the block that ends at `seq` on the branch's path; zero at 0. False: none ends there.
 */
bool branch_hash_at(const struct view *view, const struct branches *branches, uint8_t branch,
                    uint32_t seq, struct hash *hash);
/* Whether that hash begins with these bytes. */
bool branch_has(const struct view *view, const struct branches *branches, uint8_t branch,
                uint32_t seq, struct span hash_start);
/* The branch under whose own number the path's entry `seq` lies. */
uint8_t branch_where(const struct branches *branches, uint8_t branch, uint32_t seq);
/* Where the paths of two branches part. */
uint32_t branch_common(const struct branches *branches, uint8_t a, uint8_t b);

/* The hash of the block that begins at `seq` among the branch's own blocks. */
bool branch_block_hash(const struct view *view, const struct branches *branches, uint8_t branch,
                       uint32_t seq, struct hash *hash);

/* A block that says its place, against all branches. */
enum branch_place {
    BRANCH_NEXT,    /* the next one of `branch` */
    BRANCH_HELD,    /* `branch` holds a block with this signature there */
    BRANCH_BESIDE,  /* it follows on what `branch` holds, and something else stands there */
    BRANCH_UNKNOWN, /* it follows on a block that isn't here */
};
enum branch_place branch_place(const struct view *view, const struct branches *branches,
                               uint32_t seq, const struct hash *previous,
                               const uint8_t signature[static SIGNATURE_BYTES], uint8_t *branch);
/* The branch that holds the block with this hash behind `seq` of `from_branch`. */
bool branch_holding(const struct view *view, const struct branches *branches, uint8_t from_branch,
                    uint32_t seq, const struct hash *hash, uint8_t *branch);

#endif
