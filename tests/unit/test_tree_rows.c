/* Which document rows are offered to, and one whose own rows are against the form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

enum { SET_MAX = 4 };

/* Rows of a document with their proofs, in the order of `places`. */
static enum error_code offer_set(struct tree *tree, const struct author_document *document,
                                 const uint32_t *places, size_t count)
{
    struct hash *leaves = mem_alloc(document->row_count * sizeof *leaves);
    struct buffer proofs[SET_MAX] = {{0}};
    struct proved_row rows[SET_MAX];
    assert(count <= SET_MAX);
    for (size_t i = 0; i < document->row_count; i++)
        leaves[i] = document_row_hash(span_of_buffer(&document->rows[i]));
    for (size_t i = 0; i < count; i++) {
        merkle_prove(leaves, document->row_count, &places[i], 1, &proofs[i]);
        rows[i] = (struct proved_row){places[i], span_of_buffer(&document->rows[places[i]]),
                                      span_of_buffer(&proofs[i])};
    }
    enum error_code code = tree_offer_row_set(tree, document->kind, span_of_text(document->seat),
                                              &document->hash, rows, count, NULL);
    for (size_t i = 0; i < count; i++)
        buffer_free(&proofs[i]);
    free(leaves);
    return code;
}

static struct author_document branch_t1_of(unsigned version, bool sorted)
{
    struct test_row v2 = ROW_V2, v4 = {.seat = "V4", .tier = 2, .key = 9, .generation = version};
    struct test_document test = {BRANCH("T1", ADMIN_T1), .version = version};
    test.rows[0] = sorted ? v2 : v4;
    test.rows[1] = sorted ? v4 : v2;
    return document_make(&test);
}

/* The admin of T1 signs version 5 with rows out of order, then sees it and signs version 3 rightly.
 */
static void a_document_against_the_form_bars_nothing(void **state)
{
    static const uint32_t both[] = {0, 1};
    (void)state;
    struct author_document bad = branch_t1_of(5, false), good = branch_t1_of(3, true);
    for (int by_set = 0; by_set < 2; by_set++) {
        struct tree *tree = tree_usual();
        assert_int_equal(offer_header(tree, &bad, NULL), ERR_OK);
        assert_int_equal(offer_header(tree, &good, NULL), ERR_STALE); /* it may be a good one yet */
        assert_int_equal(by_set ? offer_set(tree, &bad, both, 2) : offer_rows(tree, &bad, NULL),
                         ERR_MALFORMED);
        uint64_t changes = tree_change_count(tree);
        assert_int_equal(offer_header(tree, &bad, NULL), ERR_MALFORMED); /* not again and again */
        assert_int_equal(tree_change_count(tree), changes);
        assert_int_equal(offer(tree, &good, NULL), ERR_OK);
        assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->version, 3);
        assert_string_equal(shape_of(tree), "C(T1(V2 V4) T2(V3))");
        tree_free(tree);
    }
    author_document_clear(&bad);
    author_document_clear(&good);
}

/* The same where it is the first of its seat: it came into force without a row. */
static void nor_does_the_first_of_its_seat(void **state)
{
    (void)state;
    struct author_document bad = branch_t1_of(5, false);
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer(tree, &bad, NULL), ERR_MALFORMED);
    assert_null(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1")));
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2)");
    tree_free(tree);
    author_document_clear(&bad);
}

/* What isn't under the signature says nothing about the document. */
static void what_a_peer_makes_up_forgets_nothing(void **state)
{
    static const uint32_t twice[] = {0, 0}, both[] = {0, 1};
    (void)state;
    struct author_document good = branch_t1_of(5, true), other = branch_t1_of(6, false);
    struct tree *tree = tree_usual();
    struct span empty = SPAN_EMPTY, seat = span_of_text("T1");
    uint8_t *large = mem_alloc(DOCUMENT_ROW_BYTES_MAX + 1);
    struct span rows = SPAN(large, DOCUMENT_ROW_BYTES_MAX + 1);
    struct proved_row row = {0, rows, empty};
    assert_int_equal(offer_header(tree, &good, NULL), ERR_OK);
    assert_int_equal(offer_set(tree, &good, twice, 2), ERR_MALFORMED);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &rows, 1, 0, NULL, NULL),
                     ERR_OVERSIZE);
    assert_int_equal(tree_offer_row_set(tree, DOCUMENT_BRANCH, seat, &good.hash, &row, 1, NULL),
                     ERR_OVERSIZE);
    assert_int_equal(offer_rows(tree, &other, NULL), ERR_DAMAGED);
    assert_int_equal(offer_set(tree, &good, both, 2), ERR_OK);
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, seat)->version, 5);
    free(large);
    tree_free(tree);
    author_document_clear(&good);
    author_document_clear(&other);
}

/* Between a header and its rows another link brings the next header, and then the next document:
 * the peer who sends the rows is honest. */
static void rows_of_a_version_that_was_overtaken_accuse_nobody(void **state)
{
    static const uint32_t first[] = {0}, both[] = {0, 1};
    (void)state;
    struct author_document versions[3] = {branch_t1_of(2, true), branch_t1_of(3, true),
                                          branch_t1_of(4, true)};
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &versions[0], NULL), ERR_OK);
    assert_int_equal(offer_set(tree, &versions[0], first, 1), ERR_OK);
    assert_int_equal(offer_header(tree, &versions[1], NULL), ERR_OK);     /* waits for its rows */
    assert_int_equal(offer_set(tree, &versions[0], first, 1), ERR_STALE); /* held */
    assert_int_equal(offer_header(tree, &versions[2], NULL), ERR_OK);
    assert_int_equal(offer_set(tree, &versions[1], both, 2), ERR_STALE); /* overtaken */
    assert_int_equal(offer_set(tree, &versions[2], both, 2), ERR_OK);
    assert_int_equal(offer_set(tree, &versions[0], both, 2), ERR_STALE);
    assert_string_equal(shape_of(tree), "C(T1(V2 V4) T2)");
    tree_free(tree);
    for (size_t i = 0; i < 3; i++)
        author_document_clear(&versions[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_against_the_form_bars_nothing),
        cmocka_unit_test(nor_does_the_first_of_its_seat),
        cmocka_unit_test(what_a_peer_makes_up_forgets_nothing),
        cmocka_unit_test(rows_of_a_version_that_was_overtaken_accuse_nobody),
    };
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
