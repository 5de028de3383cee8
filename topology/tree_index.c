/* The tree's hash tables, over uthash. Tables begin small: a village holds a handful of seats. */
#include "topology/tree_inner.h"

#include <string.h>

#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

/* uthash's macros convert and shadow freely. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

struct holding *branch_find(const struct tree *tree, struct span seat)
{
    struct holding *found = NULL;
    HASH_FIND(hh, tree->branches, seat.data, seat.size, found);
    return found;
}

void branch_add(struct tree *tree, struct holding *holding)
{
    const char *seat = holding->held.seat;
    HASH_ADD_KEYPTR(hh, tree->branches, seat, strlen(seat), holding);
}

void branch_remove(struct tree *tree, struct holding *holding)
{
    HASH_DEL(tree->branches, holding);
}

void branches_free(struct tree *tree)
{
    struct holding *holding, *following;
    HASH_ITER (hh, tree->branches, holding, following) {
        HASH_DEL(tree->branches, holding);
        holding_free(holding);
    }
}

struct holding *order_find(const struct tree *tree, struct span seat)
{
    struct holding *found = NULL;
    HASH_FIND(hh, tree->orders, seat.data, seat.size, found);
    return found;
}

void order_add(struct tree *tree, struct holding *holding)
{
    const char *seat = holding->held.seat;
    HASH_ADD_KEYPTR(hh, tree->orders, seat, strlen(seat), holding);
}

void order_remove(struct tree *tree, struct holding *holding)
{
    HASH_DEL(tree->orders, holding);
}

/* The first of each seat's orders may be another one then. */
void orders_rearrange(struct tree *tree,
                      struct holding *(*rearrange)(const struct tree *, struct holding *))
{
    struct holding *holding, *following, *all = tree->orders;
    tree->orders = NULL;
    HASH_ITER (hh, all, holding, following) {
        HASH_DEL(all, holding);
        order_add(tree, rearrange(tree, holding));
    }
}

static int by_seat(const void *a, const void *b)
{
    const struct holding *const *left = a, *const *right = b;
    return strcmp((*left)->held.seat, (*right)->held.seat);
}

void orders_list(struct tree *tree)
{
    struct holding *holding, *following;
    size_t count = 0, most = HASH_COUNT(tree->orders);
    tree->orders_in_force =
        mem_resize(tree->orders_in_force, (most + 1) * sizeof *tree->orders_in_force);
    HASH_ITER (hh, tree->orders, holding, following) {
        if (holding->attached)
            tree->orders_in_force[count++] = holding;
    }
    qsort(tree->orders_in_force, count, sizeof *tree->orders_in_force, by_seat);
    tree->orders_in_force_count = count;
}

void orders_free(struct tree *tree)
{
    struct holding *holding, *following;
    HASH_ITER (hh, tree->orders, holding, following) {
        HASH_DEL(tree->orders, holding);
        holding_free(holding);
    }
    free(tree->orders_in_force);
}

struct seat_node *seat_node_find(const struct tree *tree, struct span seat)
{
    struct seat_node *found = NULL;
    HASH_FIND(hh, tree->seats_by_id, seat.data, seat.size, found);
    return found;
}

void seat_node_add(struct tree *tree, struct seat_node *node)
{
    const char *seat = node->seat.row.seat;
    HASH_ADD_KEYPTR(hh, tree->seats_by_id, seat, strlen(seat), node);
}

struct author_node *author_node_find(const struct tree *tree, struct key_id id)
{
    struct author_node *found = NULL;
    HASH_FIND(hh, tree->authors, id.bytes, KEY_ID_BYTES, found);
    return found;
}

void author_node_add(struct tree *tree, struct author_node *node)
{
    HASH_ADD(hh, tree->authors, author.id, KEY_ID_BYTES, node);
}

struct link_node *link_node_find(const struct tree *tree, const uint8_t key[static KEY_BYTES])
{
    struct link_node *found = NULL;
    HASH_FIND(hh, tree->links, key, KEY_BYTES, found);
    return found;
}

void link_node_add(struct tree *tree, struct link_node *node)
{
    HASH_ADD(hh, tree->links, key, KEY_BYTES, node);
}

struct choice *choice_find(const struct tree *tree, struct span seat)
{
    struct choice *found = NULL;
    HASH_FIND(hh, tree->choices, seat.data, seat.size, found);
    return found;
}

void choice_add(struct tree *tree, struct choice *choice)
{
    HASH_ADD_KEYPTR(hh, tree->choices, choice->seat, strlen(choice->seat), choice);
}

void choices_clear(struct tree *tree)
{
    struct choice *choice, *following;
    HASH_ITER (hh, tree->choices, choice, following) {
        HASH_DEL(tree->choices, choice);
        free(choice->listings);
        free(choice->barred);
        free(choice);
    }
    for (size_t i = 0; i < tree->moved_count; i++)
        free((void *)(uintptr_t)tree->moved[i].others);
    free(tree->moved);
    tree->moved = NULL;
    tree->moved_count = 0;
}

static void authors_clear(struct tree *tree)
{
    struct author_node *node, *following;
    HASH_ITER (hh, tree->authors, node, following) {
        HASH_DEL(tree->authors, node);
        free(node);
    }
}

static void links_clear(struct tree *tree)
{
    struct link_node *node, *following;
    HASH_ITER (hh, tree->links, node, following) {
        HASH_DEL(tree->links, node);
        free(node);
    }
}

void placing_clear(struct tree *tree)
{
    links_clear(tree);
    authors_clear(tree);
    HASH_CLEAR(hh, tree->seats_by_id);
    for (size_t i = 0; i < tree->seat_count; i++) {
        free(tree->seats[i]->seat.children);
        free(tree->seats[i]);
    }
    tree->seat_count = 0;
    for (size_t i = 0; i < tree->order_count; i++)
        tree->order[i]->attached = false;
    tree->order_count = 0;
}
