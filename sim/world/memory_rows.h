/* An ordered map of rows in memory. Rows are allocated once and never changed. */
#ifndef TERRACE_SIM_MEMORY_ROWS_H
#define TERRACE_SIM_MEMORY_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/span.h"

struct row {
    RB_ENTRY(row) link;
    uint16_t key_size;
    bool damaged;
    uint32_t value_size;
    uint8_t bytes[]; /* key, then value */
};
RB_HEAD(row_tree, row);

/* Owned by the caller until it is inserted, and again once it is out; freed with free(). */
struct row *row_new(struct span key, struct span value);
static inline struct span row_key(const struct row *row)
{
    return SPAN(row->bytes, row->key_size);
}
static inline struct span row_value(const struct row *row)
{
    return SPAN(row->bytes + row->key_size, row->value_size);
}

struct row *rows_find(const struct row_tree *tree, struct span key); /* NULL: none */
/* The row with the least key >= from (up), or with the greatest key <= from. */
struct row *rows_nearest(const struct row_tree *tree, struct span from, bool up);
void rows_insert(struct row_tree *tree, struct row *row); /* no row has its key */
void rows_remove(struct row_tree *tree, struct row *row);
/* Both rows have one key, so the new one takes the old one's place as it is. */
void rows_swap(struct row_tree *tree, struct row *old, struct row *new);
void rows_clear(struct row_tree *tree); /* frees all rows */
/* In order; NULL: no more. */
const struct row *rows_first(const struct row_tree *tree);
const struct row *rows_next(const struct row *row);

#endif
