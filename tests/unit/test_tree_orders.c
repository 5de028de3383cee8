/* Orders to a subtree: who may give them, which one counts, and whom they reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"
#include "topology/gather.h"

#define ORDER(seat_, signer_, order_)                                                              \
    .tree_id = &the_tree, .kind = DOCUMENT_ORDER, .seat = (seat_), .signer = (signer_),            \
    .order = (order_)

static enum error_code give(struct tree *tree, struct test_document order)
{
    struct author_document document = document_make(&order);
    enum error_code code = offer_header(tree, &document, NULL);
    author_document_clear(&document);
    return code;
}

/* The head of the subtree by whose order this seat is in emergency; "": there is peace. */
static const char *emergency_at(const struct tree *tree, const char *seat)
{
    const struct held_document *order = tree_emergency(tree, seat_named(tree, seat));
    return order == NULL ? "" : order->seat;
}

static uint64_t serial_of(const struct tree *tree, const char *seat)
{
    const struct held_document *held = tree_find_document(tree, DOCUMENT_ORDER, span_of_text(seat));
    return held == NULL ? 0 : held->version;
}

static void an_order_reaches_its_subtree_and_nobody_else(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    assert_int_equal(give(tree, (struct test_document){ORDER("T1", ADMIN_T1, ORDER_EMERGENCY)}),
                     ERR_OK);
    assert_string_equal(emergency_at(tree, "T1"), "T1");
    assert_string_equal(emergency_at(tree, "V2"), "T1");
    assert_string_equal(emergency_at(tree, "C"), "");
    assert_string_equal(emergency_at(tree, "V3"), "");
    assert_int_equal(give(tree, (struct test_document){ORDER("C", ADMIN_C, ORDER_EMERGENCY)}),
                     ERR_OK);
    assert_string_equal(emergency_at(tree, "V2"), "C"); /* the highest one is named */
    const struct held_document *orders[HOLDERS_MAX];
    assert_int_equal(tree_orders_for(tree, seat_named(tree, "V2"), orders), 2);
    assert_int_equal(tree_orders_for(tree, seat_named(tree, "V3"), orders), 1);
    tree_free(tree);
}

/* Threat 49 for orders: who signs for whom. */
static void who_may_order_is_the_head_and_those_above(void **state)
{
    (void)state;
    static const struct {
        const char *seat;
        unsigned signer;
        enum error_code code;
    } cases[] = {
        {"T1", ADMIN_T1, ERR_OK},
        {"T1", ADMIN_C, ERR_OK},
        {"T1", ADMIN_ROOT, ERR_OK},
        {"V1", ADMIN_T1, ERR_OK},
        {"V1", ADMIN_C, ERR_OK},
        {"T2", ADMIN_T1, ERR_FORGED},
        {"C", ADMIN_T1, ERR_FORGED},
        {"V3", ADMIN_T1, ERR_FORGED},
        {"T1", ADMIN_STRANGER, ERR_FORGED},
        {"V9", ADMIN_T1, ERR_PARKED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tree *tree = tree_usual();
        struct test_document order = {ORDER(cases[i].seat, cases[i].signer, ORDER_EMERGENCY)};
        assert_int_equal(give(tree, order), cases[i].code);
        assert_int_equal(serial_of(tree, cases[i].seat), cases[i].code == ERR_OK ? 1 : 0);
        tree_free(tree);
    }
}

static void the_greatest_serial_counts_and_nothing_goes_back(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct test_document on = {ORDER("T1", ADMIN_T1, ORDER_EMERGENCY), .version = 4};
    struct test_document off = {ORDER("T1", ADMIN_C, ORDER_PEACE), .version = 5};
    assert_int_equal(give(tree, on), ERR_OK);
    assert_int_equal(give(tree, on), ERR_STALE);
    assert_int_equal(give(tree, off), ERR_OK);
    assert_string_equal(emergency_at(tree, "V1"), "");
    assert_int_equal(give(tree, on), ERR_STALE);
    assert_string_equal(emergency_at(tree, "V1"), "");
    tree_free(tree);
}

/* Of one number the higher signer's counts, whichever came first. */
static void of_equal_numbers_the_signer_nearer_the_root_counts(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct tree *tree = tree_usual();
        struct test_document orders[] = {{ORDER("T1", ADMIN_T1, ORDER_EMERGENCY)},
                                         {ORDER("T1", ADMIN_C, ORDER_PEACE)}};
        assert_int_equal(give(tree, orders[first]), ERR_OK);
        assert_int_equal(give(tree, orders[1 - first]), first == 1 ? ERR_STALE : ERR_OK);
        assert_string_equal(emergency_at(tree, "V1"), "");
        tree_free(tree);
    }
}

/* A thief with T1's key orders with the greatest number there is; the county raises T1's term. */
static void a_raised_term_ends_the_orders_of_a_stolen_key(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct test_document stolen = {ORDER("T1", ADMIN_T1, ORDER_EMERGENCY), .version = UINT64_MAX};
    struct test_document raised = {BRANCH("C", ADMIN_C), .version = 2,
                                   .rows = {{.seat = "T1",
                                             .tier = 1,
                                             .key = 2,
                                             .admin = ADMIN_STRANGER,
                                             .term = 2,
                                             .generation = 1},
                                            ROW_T2}};
    struct author_document document = document_make(&raised);
    assert_int_equal(give(tree, stolen), ERR_OK);
    assert_string_equal(emergency_at(tree, "T1"), "T1");
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    assert_string_equal(emergency_at(tree, "T1"), "");
    assert_int_equal(serial_of(tree, "T1"), 0);
    assert_int_equal(give(tree, stolen), ERR_STALE);
    struct test_document anew = {ORDER("T1", ADMIN_STRANGER, ORDER_EMERGENCY), .term = 2};
    assert_int_equal(give(tree, anew), ERR_OK);
    assert_int_equal(serial_of(tree, "T1"), 1);
    author_document_clear(&document);
    tree_free(tree);
}

/* The county's order and two by a stolen key, in every order that they can come in: what counts
 * while the key does, and what counts when its term is over. */
static void what_a_stolen_key_displaced_counts_again(void **state)
{
    (void)state;
    static const unsigned char orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct test_document given[] = {
        {ORDER("T1", ADMIN_C, ORDER_EMERGENCY)},
        {ORDER("T1", ADMIN_T1, ORDER_PEACE), .version = 2},
        {ORDER("T1", ADMIN_T1, ORDER_PEACE), .version = 7},
    };
    struct test_document raised = {BRANCH("C", ADMIN_C), .version = 2,
                                   .rows = {{.seat = "T1",
                                             .tier = 1,
                                             .key = 2,
                                             .admin = ADMIN_STRANGER,
                                             .term = 2,
                                             .generation = 1},
                                            ROW_T2}};
    struct author_document document = document_make(&raised);
    for (size_t i = 0; i < 6; i++) {
        const struct held_document *kept[TREE_ORDERS_MAX];
        struct tree *tree = tree_usual(), *copy = tree_new(&the_tree);
        for (size_t k = 0; k < 3; k++)
            give(tree, given[orders[i][k]]);
        assert_int_equal(serial_of(tree, "T1"), 7);
        assert_string_equal(emergency_at(tree, "V1"), "");
        assert_int_equal(tree_orders_kept(tree, span_of_text("T1"), kept), 1); /* not the 2nd */
        tree_take_all(copy, tree);
        assert_int_equal(offer(tree, &document, NULL), ERR_OK);
        assert_int_equal(offer(copy, &document, NULL), ERR_OK);
        assert_int_equal(serial_of(tree, "T1"), 1);
        assert_string_equal(emergency_at(tree, "T1"), "T1");
        assert_string_equal(emergency_at(copy, "T1"), "T1");
        assert_int_equal(give(tree, given[2]), ERR_STALE);
        tree_free(copy);
        tree_free(tree);
    }
    author_document_clear(&document);
}

/* However many a stolen key signs: one of them is kept. */
static void what_is_kept_of_one_signer_is_one_order(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    const struct held_document *kept[TREE_ORDERS_MAX];
    give(tree, (struct test_document){ORDER("T1", ADMIN_C, ORDER_EMERGENCY)});
    for (uint64_t i = 1; i <= 200; i++)
        give(tree, (struct test_document){ORDER("T1", ADMIN_T1, ORDER_PEACE), .version = i});
    assert_int_equal(serial_of(tree, "T1"), 200);
    assert_int_equal(tree_orders_kept(tree, span_of_text("T1"), kept), 1);
    assert_int_equal(kept[0]->header.order, ORDER_EMERGENCY);
    tree_free(tree);
}

/* It goes where the documents of its seat go, and a copy of the tree has it. */
static void orders_matter_to_the_links_of_their_subtree_and_above(void **state)
{
    (void)state;
    struct tree *tree = tree_usual(), *copy = tree_new(&the_tree);
    struct hash with, without = tree_link_digest(tree, span_of_text("T1"));
    struct hash aside = tree_link_digest(tree, span_of_text("T2"));
    size_t count = tree_document_count(tree);
    assert_int_equal(give(tree, (struct test_document){ORDER("T1", ADMIN_T1, ORDER_ROLL_CALL)}),
                     ERR_OK);
    with = tree_link_digest(tree, span_of_text("T1"));
    assert_false(hash_equal(&with, &without));
    with = tree_link_digest(tree, span_of_text("T2"));
    assert_true(hash_equal(&with, &aside));
    assert_int_equal(tree_document_count(tree), count + 1);
    assert_int_equal(tree_document(tree, count)->kind, DOCUMENT_ORDER);
    tree_take_all(copy, tree);
    assert_int_equal(serial_of(copy, "T1"), 1);
    tree_free(copy);
    tree_free(tree);
}

static void an_emergency_that_goes_on_keeps_its_beginning(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    const struct seat *seat = seat_named(tree, "T1");
    struct test_key key = key_number(ADMIN_T1);
    for (uint64_t now = 1000; now <= 3000; now += 1000) {
        struct document_header header = tree_next_order(tree, seat, ORDER_EMERGENCY, 1, now);
        struct author_document document;
        assert_int_equal(header.since_ms, 1000);
        assert_int_equal(header.version, now / 1000);
        assert_int_equal(author_document(&header, NULL, 0,
                                         (const uint8_t(*)[SECRET_BYTES])key.secret, 1, &document,
                                         NULL),
                         ERR_OK);
        assert_int_equal(offer_header(tree, &document, NULL), ERR_OK);
        author_document_clear(&document);
        seat = seat_named(tree, "T1");
    }
    struct document_header peace = tree_next_order(tree, seat, ORDER_PEACE, 1, 4000);
    assert_int_equal(peace.since_ms, 0);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_reaches_its_subtree_and_nobody_else),
        cmocka_unit_test(who_may_order_is_the_head_and_those_above),
        cmocka_unit_test(the_greatest_serial_counts_and_nothing_goes_back),
        cmocka_unit_test(of_equal_numbers_the_signer_nearer_the_root_counts),
        cmocka_unit_test(a_raised_term_ends_the_orders_of_a_stolen_key),
        cmocka_unit_test(what_a_stolen_key_displaced_counts_again),
        cmocka_unit_test(what_is_kept_of_one_signer_is_one_order),
        cmocka_unit_test(orders_matter_to_the_links_of_their_subtree_and_above),
        cmocka_unit_test(an_emergency_that_goes_on_keeps_its_beginning),
    };
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
