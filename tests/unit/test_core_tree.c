/* What the loop is told of the tree: over whom this seat goes when its parent is away, and whom it
 * puts through, where to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "node/core_summary.h"
#include "topology/author.h"

enum { SEATS = 6 };
static const struct {
    const char *code, *tier, *parent, *fallback;
} rows[SEATS] = {
    {"N", "province", "", ""},     {"C", "county", "N", ""},      {"T1", "township", "C", ""},
    {"T2", "township", "C", "V1"}, {"V1", "village", "T1", "T2"}, {"V2", "village", "T1", ""},
};

static struct tree *make_tree(struct author_seat *seats)
{
    struct error error;
    uint8_t seed[32] = {0}, public_key[KEY_BYTES];
    memset(seats, 0, SEATS * sizeof *seats);
    for (size_t i = 0; i < SEATS; i++) {
        seats[i].code = span_of_text(rows[i].code);
        seats[i].tier = span_of_text(rows[i].tier);
        seats[i].parent = span_of_text(rows[i].parent);
        seats[i].fallback = span_of_text(rows[i].fallback);
        seats[i].endpoint = span_of_text("tcp://192.0.2.1:4710");
        seed[0] = (uint8_t)(i + 1);
        sign_key_pair(seed, public_key, seats[i].admin_secret);
        seats[i].has_admin = true;
        seed[1] = 1;
        sign_key_pair(seed, seats[i].signing_key, (uint8_t[SECRET_BYTES]){0});
        seed[1] = 0;
        memset(seats[i].link_key, (int)i + 1, KEY_BYTES);
    }
    struct author_plan *plan = author_plan_new(seats, SEATS, &error);
    assert_non_null(plan);
    struct author_options options = {.issued_ms = 1};
    struct author_tree *signed_tree = author_tree_new(plan, seats, &options, &error);
    assert_non_null(signed_tree);
    struct tree *tree = tree_new(&signed_tree->tree_id);
    for (size_t i = 0; i < signed_tree->document_count; i++) {
        const struct author_document *document = &signed_tree->documents[i];
        struct span spans[SEATS];
        for (size_t k = 0; k < document->row_count; k++)
            spans[k] = span_of_buffer(&document->rows[k]);
        assert_int_equal(tree_offer_document(tree, span_of_buffer(&document->envelope), NULL),
                         ERR_OK);
        assert_int_equal(tree_offer_rows(tree, document->kind, span_of_text(document->seat), spans,
                                         document->row_count, 0, NULL, NULL),
                         ERR_OK);
    }
    author_tree_free(signed_tree);
    author_plan_free(plan);
    return tree;
}

static void who_names_this_seat_is_put_through(void **state)
{
    struct author_seat seats[SEATS];
    (void)state;
    struct tree *tree = make_tree(seats);
    struct core_tree *host = core_tree_make(tree, "T2");
    assert_int_equal(host->hosted_count, 1);
    assert_string_equal(host->hosted[0].caller.seat, "V1");
    assert_memory_equal(host->hosted[0].caller.key, seats[4].link_key, KEY_BYTES);
    assert_true(host->hosted[0].to_parent); /* C, and above it N */
    assert_int_equal(host->guide_count, 1);
    assert_int_equal(host->hosted[0].to_guides, 1);
    core_tree_free(host);
    /* T1 and V2 are named by nobody */
    struct core_tree *other = core_tree_make(tree, "T1");
    assert_int_equal(other->hosted_count, 0);
    core_tree_free(other);
    other = core_tree_make(tree, "V2");
    assert_int_equal(other->hosted_count + other->host_count, 0);
    core_tree_free(other);
    tree_free(tree);
}

/* Never to its caller's parent, which is the one that can't be reached, nor to who isn't above it.
 */
static void nobody_is_led_to_his_parent(void **state)
{
    struct author_seat seats[SEATS];
    (void)state;
    struct tree *tree = make_tree(seats);
    struct core_tree *host = core_tree_make(tree, "V1");
    assert_int_equal(host->host_count, 1);
    assert_string_equal(host->hosts[0].seat, "T2");
    assert_memory_equal(host->hosts[0].key, seats[3].link_key, KEY_BYTES);
    assert_int_equal(host->hosted_count, 1);
    assert_string_equal(host->hosted[0].caller.seat, "T2");
    assert_false(host->hosted[0].to_parent); /* T1 isn't above T2 */
    assert_int_equal(host->guide_count, 2);  /* C, which is T2's parent, and N */
    assert_string_equal(host->guides[0].seat, "C");
    assert_int_equal(host->hosted[0].to_guides, 2);
    core_tree_free(host);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_names_this_seat_is_put_through),
        cmocka_unit_test(nobody_is_led_to_his_parent),
    };
    if (!crypto_start())
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
