/* The usual tree of tests: its documents, and its shape as a text. cmocka's headers must come
 * first.
 *
 *     C ── T1 ── V1, V2        admin keys: root 100, C 101, T1 102, T2 103
 *       └─ T2 ── V3            node keys: C 1, T1 2, T2 3, V1 4, V2 5, V3 6
 */
#ifndef TERRACE_TESTS_UNIT_TREE_USUAL_H
#define TERRACE_TESTS_UNIT_TREE_USUAL_H

#include "tests/unit/tree_fixture.h"

enum { ADMIN_ROOT = 100, ADMIN_C, ADMIN_T1, ADMIN_T2, ADMIN_STRANGER };

extern struct hash the_tree; /* id of the usual tree */
extern struct author_document root_usual, branch_c, branch_t1, branch_t2;

#define ROW_C                                                                                      \
    {                                                                                              \
        .seat = "C", .key = 1, .admin = ADMIN_C, .generation = 1                                   \
    }
#define ROW_T1                                                                                     \
    {                                                                                              \
        .seat = "T1", .tier = 1, .key = 2, .admin = ADMIN_T1, .generation = 1                      \
    }
#define ROW_T2                                                                                     \
    {                                                                                              \
        .seat = "T2", .tier = 1, .key = 3, .admin = ADMIN_T2, .generation = 1                      \
    }
#define ROW_V1                                                                                     \
    {                                                                                              \
        .seat = "V1", .tier = 2, .key = 4, .generation = 1                                         \
    }
/* V1, let go by T1. */
#define ROW_V1_RELEASED_TO(to_seat)                                                                \
    {                                                                                              \
        .seat = "V1", .tier = 2, .key = 4, .generation = 1, .status = SEAT_RELEASED,               \
        .released_to = (to_seat)                                                                   \
    }
/* V1, taken over. */
#define ROW_V1_MOVED(counter)                                                                      \
    {                                                                                              \
        .seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = (counter)                     \
    }
#define ROW_V2                                                                                     \
    {                                                                                              \
        .seat = "V2", .tier = 2, .key = 5, .generation = 1                                         \
    }
#define ROW_V3                                                                                     \
    {                                                                                              \
        .seat = "V3", .tier = 2, .key = 6, .generation = 1                                         \
    }
#define BRANCH(seat_, signer_)                                                                     \
    .tree_id = &the_tree, .kind = DOCUMENT_BRANCH, .seat = (seat_), .signer = (signer_)

/* The group's begin and end. */
int documents_make(void **state);
int documents_drop(void **state);
/* All four documents taken. The caller's to free. */
struct tree *tree_usual(void);
/* The tree as a text, until the next call: "C(T1(V1 V2) T2(V3))". */
const char *shape_of(const struct tree *tree);

#endif
