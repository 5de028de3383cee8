/* A tree as people keep it: a table with the columns code, name, tier, parent.
 *
 * RFC 4180 (quoted fields, CRLF or LF), UTF-8 with or without a byte order mark, over libcsv.
 * The first row names the columns, in any order; other columns are skipped. Empty lines and
 * blanks around unquoted fields are ignored. */
#ifndef TERRACE_TOPOLOGY_CSV_H
#define TERRACE_TOPOLOGY_CSV_H

#include "base/error.h"

enum { CSV_TREE_BYTES_MAX = 64 << 20 }; /* a country of 665,000 seats has 40 MB */

struct csv_tree_row {
    struct span code, name, tier, parent; /* parent is empty for the root */
    unsigned line;                        /* where the row begins, from 1 */
};

struct csv_tree {
    struct csv_tree_row *rows;
    size_t row_count;
    struct buffer text; /* what the spans point into */
};

/* NULL on a fault, with `error` set: `what` = "FILE:LINE:COLUMN", columns in characters. What
 * the rows mean is not looked at. The caller frees with csv_tree_free. */
struct csv_tree *csv_tree_read(struct span text, const char *file_name, struct error *error);
void csv_tree_free(struct csv_tree *tree); /* NULL is legal */

#endif
