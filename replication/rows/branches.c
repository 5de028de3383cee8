/* Reading the branches of a stream: few, so every question is a loop over all of them. */
#include "replication/rows/branches.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/block_parts.h"

struct stream_id branch_of(const struct stream_id *stream, uint8_t branch)
{
    struct stream_id id = *stream;
    id.branch = branch;
    return id;
}

struct branches *branches_read(const struct view *view, const struct stream_id *stream)
{
    struct branches *branches = mem_alloc(sizeof *branches);
    branches->stream = branch_of(stream, 0);
    branches->present[0] = stream_row_read(view, &branches->stream, &branches->rows[0]);
    for (uint8_t i = 1; i < BRANCHES_MAX && branches->rows[0].forked; i++) {
        struct stream_id id = branch_of(stream, i);
        branches->present[i] = stream_row_read(view, &id, &branches->rows[i]);
        /* a row that points astray would send every walk along it in a circle */
        if (branches->present[i] && branches->rows[i].parent >= BRANCHES_MAX)
            branches->present[i] = false;
    }
    return branches;
}

uint32_t branch_end(const struct stream_row *row)
{
    return row->cutting && row->cut < row->head.seq ? row->cut : row->head.seq;
}

static bool is_child(const struct branches *branches, uint8_t child, uint8_t parent)
{
    return child > 0 && branches->present[child] && branches->rows[child].parent == parent;
}

static bool counts(const struct branches *branches, uint8_t branch)
{
    const struct stream_row *row = &branches->rows[branch];
    return branches->present[branch] && branch_end(row) > row->from;
}

bool branch_is_leaf(const struct branches *branches, uint8_t branch)
{
    if (!counts(branches, branch))
        return false;
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) {
        if (is_child(branches, i, branch) && counts(branches, i) &&
            branches->rows[i].from == branch_end(&branches->rows[branch]))
            return false;
    }
    return true;
}

/* The stored block that begins at `seq` under the branch's own number. */
static bool own_block(const struct view *view, const struct branches *branches, uint8_t branch,
                      uint32_t seq, struct buffer *stored, struct block_parts *parts)
{
    struct stream_id id = branch_of(&branches->stream, branch);
    uint32_t first;
    return branches->present[branch] && seq >= branches->rows[branch].from &&
           seq < branches->rows[branch].head.seq &&
           block_row_get(view, &id, seq, &first, stored) == READ_FOUND && first == seq &&
           block_parts_read(span_of_buffer(stored), parts, NULL) == ERR_OK;
}

/* The hash of the block that ends at `seq`, where its end lies under the branch's own number. */
static bool own_hash_at(const struct view *view, const struct branches *branches, uint8_t branch,
                        uint32_t seq, struct hash *hash)
{
    const struct stream_row *row = &branches->rows[branch];
    if (seq == row->head.seq) {
        *hash = row->head.hash;
        return true;
    }
    struct buffer stored = {0};
    struct block_parts parts;
    bool found = own_block(view, branches, branch, seq, &stored, &parts) &&
                 (parts.flags & BLOCK_HAS_PLACE) != 0;
    if (found)
        *hash = parts.previous;
    buffer_free(&stored);
    return found;
}

uint8_t branch_where(const struct branches *branches, uint8_t branch, uint32_t seq)
{
    for (unsigned step = 0; step < BRANCHES_MAX && branch > 0; step++) {
        if (seq >= branches->rows[branch].from)
            break;
        branch = branches->rows[branch].parent;
    }
    return branch;
}

bool branch_hash_at(const struct view *view, const struct branches *branches, uint8_t branch,
                    uint32_t seq, struct hash *hash)
{
    *hash = hash_zero;
    if (seq == 0)
        return true;
    branch = branch_where(branches, branch, seq - 1);
    return branches->present[branch] && seq <= branch_end(&branches->rows[branch]) &&
           own_hash_at(view, branches, branch, seq, hash);
}

bool branch_has(const struct view *view, const struct branches *branches, uint8_t branch,
                uint32_t seq, struct span hash_start)
{
    struct hash hash;
    return branch_hash_at(view, branches, branch, seq, &hash) &&
           memcmp(hash.bytes, hash_start.data, hash_start.size) == 0;
}

bool branch_block_hash(const struct view *view, const struct branches *branches, uint8_t branch,
                       uint32_t seq, struct hash *hash)
{
    struct stream_id id = branch_of(&branches->stream, branch);
    const struct stream_row *row = &branches->rows[branch];
    if (!branches->present[branch] || seq < row->from || seq >= row->head.seq)
        return false;
    return own_hash_at(view, branches, branch, block_row_end(view, &id, seq, row->head.seq), hash);
}

/* How far a branch's path runs under `number`'s own blocks. 0: it doesn't. */
static uint32_t reach(const struct branches *branches, uint8_t branch, uint8_t number)
{
    uint32_t limit = branch_end(&branches->rows[branch]);
    for (unsigned step = 0; step < BRANCHES_MAX && branch != number; step++) {
        if (branch == 0)
            return 0;
        limit = branches->rows[branch].from;
        branch = branches->rows[branch].parent;
    }
    return branch == number ? limit : 0;
}

uint32_t branch_common(const struct branches *branches, uint8_t a, uint8_t b)
{
    uint32_t common = 0;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        uint32_t of_a = reach(branches, a, i), of_b = reach(branches, b, i);
        uint32_t both = of_a < of_b ? of_a : of_b;
        common = both > common ? both : common;
    }
    return common;
}

static bool has_signature(const struct view *view, const struct branches *branches, uint8_t branch,
                          uint32_t seq, const uint8_t signature[static SIGNATURE_BYTES])
{
    struct buffer stored = {0};
    struct block_parts parts;
    bool has = own_block(view, branches, branch, seq, &stored, &parts) &&
               memcmp(parts.signature, signature, SIGNATURE_BYTES) == 0;
    buffer_free(&stored);
    return has;
}

/* Whether a block that begins at `seq` of `branch` lies under `other`: its own next one, or the
 * first of a branch that leaves it there. */
static bool follows_there(const struct branches *branches, uint8_t other, uint8_t branch,
                          uint32_t seq)
{
    return branches->present[other] && branches->rows[other].head.seq > seq &&
           (other == branch ||
            (is_child(branches, other, branch) && branches->rows[other].from == seq));
}

/* The branch under whose own number the block lies that ends at `seq` with this hash. */
static bool find_previous(const struct view *view, const struct branches *branches, uint32_t seq,
                          const struct hash *previous, uint8_t *branch)
{
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        struct hash hash;
        if (!branches->present[i] || (i > 0 && seq <= branches->rows[i].from))
            continue;
        if (branch_hash_at(view, branches, i, seq, &hash) && hash_equal(&hash, previous)) {
            *branch = i;
            return true;
        }
    }
    return false;
}

enum branch_place branch_place(const struct view *view, const struct branches *branches,
                               uint32_t seq, const struct hash *previous,
                               const uint8_t signature[static SIGNATURE_BYTES], uint8_t *branch)
{
    if (!find_previous(view, branches, seq, previous, branch))
        return BRANCH_UNKNOWN;
    bool beside = false;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        if (!follows_there(branches, i, *branch, seq))
            continue;
        if (has_signature(view, branches, i, seq, signature)) {
            *branch = i;
            return BRANCH_HELD;
        }
        beside = true;
    }
    return beside || branches->rows[*branch].cutting ? BRANCH_BESIDE : BRANCH_NEXT;
}

bool branch_holding(const struct view *view, const struct branches *branches, uint8_t from_branch,
                    uint32_t seq, const struct hash *hash, uint8_t *branch)
{
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        struct hash held;
        if (follows_there(branches, i, from_branch, seq) &&
            branch_block_hash(view, branches, i, seq, &held) && hash_equal(&held, hash)) {
            *branch = i;
            return true;
        }
    }
    return false;
}
