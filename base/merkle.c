/* Merkle trees with partial proofs (formats.md 1).
 *
 *            root              level by level pairs become one; an odd last one
 *           /    \             goes up unchanged (here e, twice).
 *        abcd     e
 *       /    \    |            Proof for {b, e}: a, then cd. Lowest level first,
 *      ab    cd   e            left to right, only what can't be worked out.
 *     /  \  /  \  |
 *     a  b  c  d  e                                                             */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"

enum { MERKLE_LEAVES_MAX = DOCUMENT_ROWS_MAX };
_Static_assert((int)BLOCK_ENTRIES_MAX <= (int)MERKLE_LEAVES_MAX, "a block's tree can be checked");

static struct hash join(const struct hash *left, const struct hash *right)
{
    return hash_of_two(HASH_NODE, SPAN(left->bytes, HASH_BYTES), SPAN(right->bytes, HASH_BYTES));
}

/* Turn a level of `count` into the one above it, in place; its size. */
static size_t raise_level(struct hash *level, size_t count)
{
    size_t pairs = count / 2;
    for (size_t i = 0; i < pairs; i++)
        level[i] = join(&level[2 * i], &level[2 * i + 1]);
    if (count % 2 == 1)
        level[pairs] = level[count - 1];
    return pairs + count % 2;
}

/* A stack of whole subtrees, largest first, as the bits of the leaves seen so far; the
 * same tree as by levels, without a copy of the leaves. */
struct hash merkle_root(const struct hash *leaves, size_t count)
{
    assert(count >= 1);
    struct hash stack[64];
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        stack[depth++] = leaves[i];
        for (size_t whole = i + 1; whole % 2 == 0; whole /= 2) {
            stack[depth - 2] = join(&stack[depth - 2], &stack[depth - 1]);
            depth--;
        }
    }
    while (depth > 1) {
        stack[depth - 2] = join(&stack[depth - 2], &stack[depth - 1]);
        depth--;
    }
    return stack[0];
}

/* At a level of `count`: whether known place `i` has its sibling known beside it. */
static bool sibling_known(const uint32_t *places, size_t place_count, size_t i)
{
    return places[i] % 2 == 0 && i + 1 < place_count && places[i + 1] == places[i] + 1;
}

static bool goes_up_alone(uint32_t place, size_t count)
{
    return place % 2 == 0 && place + (size_t)1 == count;
}

static bool places_in_order(const uint32_t *places, size_t place_count, size_t count)
{
    for (size_t i = 0; i < place_count; i++)
        if (places[i] >= count || (i > 0 && places[i] <= places[i - 1]))
            return false;
    return place_count >= 1;
}

/* Append what is missing at this level; leaves the places of the level above. */
static size_t prove_level(const struct hash *level, size_t count, uint32_t *places,
                          size_t place_count, struct buffer *proof)
{
    size_t above = 0;
    for (size_t i = 0; i < place_count; i++) {
        uint32_t place = places[i];
        if (sibling_known(places, place_count, i))
            i++;
        else if (!goes_up_alone(place, count))
            buffer_append(proof, level[place ^ 1].bytes, HASH_BYTES);
        places[above++] = place / 2;
    }
    return above;
}

void merkle_prove(const struct hash *leaves, size_t count, const uint32_t *places,
                  size_t place_count, struct buffer *proof)
{
    assert(places_in_order(places, place_count, count));
    struct hash *level = mem_copy(leaves, count * sizeof *leaves);
    uint32_t *known = mem_copy(places, place_count * sizeof *places);
    while (count > 1) {
        place_count = prove_level(level, count, known, place_count, proof);
        count = raise_level(level, count);
    }
    free(known);
    free(level);
}

struct climb {
    uint32_t *places;
    struct hash *hashes;
    size_t known;      /* places and hashes at this level */
    size_t count;      /* size of this level */
    struct span proof; /* what is left of it */
};

static bool take_sibling(struct climb *climb, struct hash *sibling)
{
    if (climb->proof.size < HASH_BYTES)
        return false;
    memcpy(sibling->bytes, climb->proof.data, HASH_BYTES);
    climb->proof = SPAN(climb->proof.data + HASH_BYTES, climb->proof.size - HASH_BYTES);
    return true;
}

static bool climb_level(struct climb *climb)
{
    size_t above = 0;
    for (size_t i = 0; i < climb->known; i++) {
        uint32_t place = climb->places[i];
        struct hash mine = climb->hashes[i], sibling;
        if (sibling_known(climb->places, climb->known, i)) {
            mine = join(&mine, &climb->hashes[++i]);
        } else if (!goes_up_alone(place, climb->count)) {
            if (!take_sibling(climb, &sibling))
                return false;
            mine = place % 2 == 0 ? join(&mine, &sibling) : join(&sibling, &mine);
        }
        climb->places[above] = place / 2;
        climb->hashes[above++] = mine;
    }
    climb->known = above;
    climb->count = (climb->count + 1) / 2;
    return true;
}

bool merkle_check(const struct hash *root, size_t count, const uint32_t *places,
                  const struct hash *leaves, size_t place_count, struct span proof)
{
    if (count < 1 || count > MERKLE_LEAVES_MAX || place_count > count)
        return false;
    if (!places_in_order(places, place_count, count))
        return false;
    struct climb climb = {.places = mem_copy(places, place_count * sizeof *places),
                          .hashes = mem_copy(leaves, place_count * sizeof *leaves),
                          .known = place_count,
                          .count = count,
                          .proof = proof};
    bool good = true;
    while (good && climb.count > 1)
        good = climb_level(&climb);
    good = good && climb.proof.size == 0 && hash_equal(&climb.hashes[0], root);
    free(climb.hashes);
    free(climb.places);
    return good;
}
