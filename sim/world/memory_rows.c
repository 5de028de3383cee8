/* A red-black tree of rows, ordered by key. */
#include "sim/world/memory_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int row_compare(const struct row *a, const struct row *b)
{
    return span_compare(row_key(a), row_key(b));
}

/* Not all of the family is used here, and the static form counts on a name glibc lacks. */
RB_GENERATE_INTERNAL(row_tree, row, link, row_compare, __attribute__((unused)) static)

struct row *row_new(struct span key, struct span value)
{
    assert(value.size <= UINT32_MAX);
    struct row *row = mem_alloc(sizeof *row + key.size + value.size);
    row->key_size = (uint16_t)key.size;
    row->value_size = (uint32_t)value.size;
    memcpy(row->bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(row->bytes + key.size, value.data, value.size);
    return row;
}

struct row *rows_nearest(const struct row_tree *tree, struct span from, bool up)
{
    struct row *row = RB_ROOT(tree), *best = NULL;
    while (row != NULL) {
        int order = span_compare(from, row_key(row));
        if (order == 0)
            return row;
        if ((order < 0) == up)
            best = row;
        row = order < 0 ? RB_LEFT(row, link) : RB_RIGHT(row, link);
    }
    return best;
}

struct row *rows_find(const struct row_tree *tree, struct span key)
{
    struct row *row = rows_nearest(tree, key, true);
    return row != NULL && span_equal(row_key(row), key) ? row : NULL;
}

void rows_swap(struct row_tree *tree, struct row *old, struct row *new)
{
    struct row *parent = RB_PARENT(old, link);
    new->link = old->link;
    if (parent == NULL)
        RB_ROOT(tree) = new;
    else if (RB_LEFT(parent, link) == old)
        RB_LEFT(parent, link) = new;
    else
        RB_RIGHT(parent, link) = new;
    if (RB_LEFT(new, link) != NULL)
        RB_PARENT(RB_LEFT(new, link), link) = new;
    if (RB_RIGHT(new, link) != NULL)
        RB_PARENT(RB_RIGHT(new, link), link) = new;
}

void rows_clear(struct row_tree *tree)
{
    struct row *row = RB_ROOT(tree);
    while (row != NULL) {
        if (RB_LEFT(row, link) != NULL) {
            row = RB_LEFT(row, link);
        } else if (RB_RIGHT(row, link) != NULL) {
            row = RB_RIGHT(row, link);
        } else {
            struct row *parent = RB_PARENT(row, link);
            if (parent != NULL && RB_LEFT(parent, link) == row)
                RB_LEFT(parent, link) = NULL;
            else if (parent != NULL)
                RB_RIGHT(parent, link) = NULL;
            free(row);
            row = parent;
        }
    }
    RB_INIT(tree);
}

void rows_insert(struct row_tree *tree, struct row *row)
{
    struct row *clash = RB_INSERT(row_tree, tree, row);
    assert(clash == NULL);
    (void)clash;
}

void rows_remove(struct row_tree *tree, struct row *row)
{
    RB_REMOVE(row_tree, tree, row);
}

const struct row *rows_first(const struct row_tree *tree)
{
    return RB_MIN(row_tree, (struct row_tree *)tree);
}

const struct row *rows_next(const struct row *row)
{
    return RB_NEXT(row_tree, NULL, (struct row *)row);
}
