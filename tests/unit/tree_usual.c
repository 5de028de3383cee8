/* The usual tree's documents, made once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

struct hash the_tree;
struct author_document root_usual, branch_c, branch_t1, branch_t2;

int documents_make(void **state)
{
    (void)state;
    struct document_envelope opened;
    root_usual = document_make(
        &(struct test_document){.kind = DOCUMENT_ROOT, .signer = ADMIN_ROOT, .rows = {ROW_C}});
    assert_int_equal(document_open(span_of_buffer(&root_usual.envelope), &opened, NULL), ERR_OK);
    the_tree = document_tree_id(opened.header);
    branch_c =
        document_make(&(struct test_document){BRANCH("C", ADMIN_C), .rows = {ROW_T1, ROW_T2}});
    branch_t1 =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .rows = {ROW_V1, ROW_V2}});
    branch_t2 = document_make(&(struct test_document){BRANCH("T2", ADMIN_T2), .rows = {ROW_V3}});
    return 0;
}

int documents_drop(void **state)
{
    (void)state;
    author_document_clear(&root_usual);
    author_document_clear(&branch_c);
    author_document_clear(&branch_t1);
    author_document_clear(&branch_t2);
    return 0;
}

struct tree *tree_usual(void)
{
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_t2, NULL), ERR_OK);
    return tree;
}

/* The tree as a text: "C(T1(V1 V2) T2(V3))". */
static void shape_append(const struct seat *seat, char *out, size_t size)
{
    if (seat == NULL)
        return;
    strncat(out, seat->row.seat, size - strlen(out) - 1);
    for (size_t i = 0; i < seat->child_count; i++) {
        assert_ptr_equal(seat->children[i]->parent, seat);
        strncat(out, i == 0 ? "(" : " ", size - strlen(out) - 1);
        shape_append(seat->children[i], out, size);
    }
    if (seat->child_count > 0)
        strncat(out, ")", size - strlen(out) - 1);
}

const char *shape_of(const struct tree *tree)
{
    static char shape[1024];
    shape[0] = '\0';
    shape_append(tree_root_seat(tree), shape, sizeof shape);
    return shape;
}
