/* Questions to the tree. None of them changes it. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

const struct hash *tree_id(const struct tree *tree)
{
    return &tree->id;
}

size_t tree_tier_count(const struct tree *tree)
{
    return tree->tier_count;
}

const char *tree_tier_name(const struct tree *tree, uint8_t tier)
{
    return tier < tree->tier_count ? tree->tier_names[tier] : "?";
}

const struct seat *tree_root_seat(const struct tree *tree)
{
    return tree->seat_count > 0 ? &tree->seats[0]->seat : NULL;
}

const struct seat *tree_seat(const struct tree *tree, struct span seat_id)
{
    const struct seat_node *node = seat_node_find(tree, seat_id);
    return node == NULL ? NULL : &node->seat;
}

size_t tree_seat_count(const struct tree *tree)
{
    return tree->seat_count;
}

const struct seat *tree_seat_at(const struct tree *tree, size_t index)
{
    assert(index < tree->seat_count);
    return &tree->seats[index]->seat;
}

const struct author *tree_author(const struct tree *tree, struct key_id id)
{
    const struct author_node *node = author_node_find(tree, id);
    return node == NULL || node->shared ? NULL : &node->author;
}

const struct seat *tree_seat_by_link_key(const struct tree *tree,
                                         const uint8_t key[static KEY_BYTES])
{
    const struct link_node *node = link_node_find(tree, key);
    return node == NULL ? NULL : node->seat;
}

struct key_id seat_key_id(const struct seat *seat)
{
    return key_id_of(seat->row.signing_key);
}

bool seat_is_ancestor_or_self(const struct seat *above, const struct seat *below)
{
    while (below != NULL && below != above)
        below = below->parent;
    return below != NULL;
}

size_t seat_path(const struct seat *seat, const struct seat *path[static HOLDERS_MAX])
{
    size_t count = 0;
    for (; seat != NULL; seat = seat->parent) {
        assert(count < HOLDERS_MAX); /* tiers rise along the path, and there are at most 16 */
        path[count++] = seat;
    }
    return count;
}

size_t seat_path_between(const struct seat *from, const struct seat *to,
                         const struct seat *path[static HOLDERS_MAX])
{
    const struct seat *down[HOLDERS_MAX];
    size_t count = 0, downward = 0;
    for (; !seat_is_ancestor_or_self(from, to); from = from->parent)
        path[count++] = from;
    for (; to != from; to = to->parent)
        down[downward++] = to;
    path[count++] = from;
    assert(count + downward <= HOLDERS_MAX); /* two ways of at most 16 tiers */
    while (downward > 0)
        path[count++] = down[--downward];
    return count;
}

const struct held_document *tree_listing_of(const struct seat *seat)
{
    return &((const struct seat_node *)(const void *)seat)->listed_in->held;
}

/* Rows are sorted by seat, and a row begins with it. */
static size_t first_row_of(const struct held_document *held, struct span seat)
{
    size_t low = 0, high = held->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct seat_row row;
        bool read = seat_row_decode(held->rows[middle], &row, NULL) == ERR_OK;
        if (read && span_compare(span_of_text(row.seat), seat) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t seat_seal_keys(const struct seat *seat, uint8_t (*keys)[KEY_BYTES], size_t most)
{
    const struct held_document *held = tree_listing_of(seat);
    struct span name = span_of_text(seat->row.seat);
    size_t count = 0;
    for (size_t i = first_row_of(held, name); i < held->row_count && count < most; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK)
            continue;
        if (!span_equal(span_of_text(row.seat), name))
            break;
        if (seat_status_is_in_force(row.status) && row.has_seal_key)
            memcpy(keys[count++], row.seal_key, KEY_BYTES);
        if (seat_status_is_in_force(row.status) && row.escrow_key != NULL && count < most)
            memcpy(keys[count++], row.escrow_key, KEY_BYTES);
    }
    return count;
}

const struct schema *tree_schema(const struct tree *tree)
{
    return tree->shelved == NULL ? NULL : tree->shelved->schema;
}

uint64_t tree_change_count(const struct tree *tree)
{
    return tree->change_count;
}

uint64_t tree_alarm_count(const struct tree *tree)
{
    return tree->offer_alarms + tree->placing_alarms;
}

uint64_t tree_expires_ms(const struct tree *tree, struct span seat_id)
{
    uint64_t earliest_ms = 0;
    const struct seat *seat = tree_seat(tree, seat_id);
    for (; seat != NULL; seat = seat->parent) {
        const struct seat_node *node = (const struct seat_node *)(const void *)seat;
        uint64_t expires_ms = node->listed_in->held.header.expires_ms;
        if (expires_ms != 0 && (earliest_ms == 0 || expires_ms < earliest_ms))
            earliest_ms = expires_ms;
    }
    return earliest_ms;
}

/* Whether a document stands above the child (its path) or at and below it (its subtree). */
enum standing { STANDS_ASIDE, STANDS_ABOVE, STANDS_BELOW };

static enum standing standing_of(const struct tree *tree, const struct held_document *document,
                                 const struct seat *child)
{
    if (document->kind != DOCUMENT_BRANCH && document->kind != DOCUMENT_ORDER)
        return STANDS_BELOW;
    const struct seat *seat = tree_seat(tree, span_of_text(document->seat));
    if (seat == NULL || child == NULL)
        return STANDS_ASIDE;
    if (seat_is_ancestor_or_self(child, seat))
        return STANDS_BELOW;
    return seat_is_ancestor_or_self(seat, child) ? STANDS_ABOVE : STANDS_ASIDE;
}

bool tree_document_matters(const struct tree *tree, const struct held_document *document,
                           struct span child_seat)
{
    return standing_of(tree, document, tree_seat(tree, child_seat)) != STANDS_ASIDE;
}

struct hash tree_link_digest(const struct tree *tree, struct span child_seat)
{
    struct hash sum = hash_zero;
    const struct seat *child = tree_seat(tree, child_seat);
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *document = tree_document(tree, i);
        enum standing standing = standing_of(tree, document, child);
        bool is_here = document->whole || (standing == STANDS_ABOVE && document->row_count > 0);
        if (standing == STANDS_ASIDE || !is_here)
            continue;
        hash_add(&sum, &document->hash);
        if (document->frozen) /* known as such to one side alone: then they differ */
            hash_add(&sum, &document->hash);
    }
    if (tree->pending != NULL) /* it is told on, though nothing counts of it here */
        hash_add(&sum, &tree->pending->held.hash);
    return sum;
}
