/* A desk whose store has something in every table, and its rows one by one. */
#ifndef TERRACE_TESTS_UNIT_FURNISHED_DESK_H
#define TERRACE_TESTS_UNIT_FURNISHED_DESK_H

#include "tests/unit/hostile_desk.h"

struct desk *desk_furnished(void);

struct row_at {
    enum table table;
    struct buffer key, value; /* owned */
};
/* At most `most` rows of all tables. */
size_t desk_rows_of(struct desk *desk, struct row_at *rows, size_t most);
void rows_free(struct row_at *rows, size_t count);

/* A copy of the image with one row changed, or removed. */
struct memory_store *memory_store_with(const struct memory_store *image, const struct row_at *row,
                                       struct span value, bool removed);

#endif
