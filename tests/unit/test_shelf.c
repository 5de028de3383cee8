/* Types that several trees of one process share: one copy for all that hold the same document, gone
 * with its last holder, and nobody's types change because another tree has newer ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/workflow.h"
#include "sim/world/county.h"

static const char yaml[] = "version: 3\n"
                           "types:\n"
                           "  case:\n"
                           "    number: 1\n"
                           "    fields:\n"
                           "      title: {number: 1, kind: text}\n"
                           "      status: {number: 2, kind: enum}\n"
                           "    workflow:\n"
                           "      field: status\n"
                           "      states:\n"
                           "        open: {number: 1, initial: true}\n"
                           "        shut: {number: 2, closed: true}\n"
                           "      steps:\n"
                           "        shut: {number: 1, from: open, to: shut, who: [{tier: town}]}\n";

struct desk {
    struct schema_source *source;
    struct span *rows;
    struct hash root;
    struct schema_shelf *shelf;
};

static int setup(void **state)
{
    struct desk *desk = mem_alloc(sizeof *desk);
    desk->source = schema_compile(span_of_text(yaml), "types", NULL);
    assert_non_null(desk->source);
    desk->rows = mem_alloc(desk->source->row_count * sizeof *desk->rows);
    for (size_t i = 0; i < desk->source->row_count; i++)
        desk->rows[i] = span_of_buffer(&desk->source->rows[i]);
    desk->root = hash_of(HASH_KEY, desk->rows[0]);
    desk->shelf = schema_shelf_new();
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    schema_shelf_free(desk->shelf);
    schema_source_free(desk->source);
    free(desk->rows);
    free(desk);
    return 0;
}

static struct shelved_schema *take(struct desk *desk, const char *const *tiers, size_t count)
{
    struct shelved_rows rows = {.version = desk->source->version,
                                .row_root = &desk->root,
                                .rows = desk->rows,
                                .row_count = desk->source->row_count,
                                .tiers = tiers,
                                .tier_count = count};
    return schema_shelf_take(desk->shelf, &rows, NULL);
}

static int16_t tier_of_who(const struct shelved_schema *shelved)
{
    return shelved->schema->types[0].workflow->transitions[0].who[0].tier.tier;
}

static void one_copy_for_all_that_hold_the_same(void **state)
{
    static const char *const tiers[] = {"county", "town"}, *const other[] = {"town", "village"};
    struct desk *desk = *state;
    struct shelved_schema *first = take(desk, tiers, 2), *second = take(desk, tiers, 2);
    assert_ptr_equal(first, second);
    assert_int_equal(schema_shelf_count(desk->shelf), 1);
    assert_true(span_equal(first->rows[0], desk->rows[0]));
    assert_ptr_not_equal(first->rows[0].data, desk->rows[0].data);

    struct shelved_schema *elsewhere = take(desk, other, 2), *untold = take(desk, NULL, 0);
    assert_int_equal(schema_shelf_count(desk->shelf), 3);
    assert_int_equal(tier_of_who(first), 1);
    assert_int_equal(tier_of_who(elsewhere), 0);
    assert_int_equal(tier_of_who(untold), TIER_UNKNOWN);

    schema_shelf_return(first);
    assert_int_equal(schema_shelf_count(desk->shelf), 3);
    assert_int_equal(tier_of_who(second), 1);
    schema_shelf_return(second);
    schema_shelf_return(untold);
    assert_int_equal(schema_shelf_count(desk->shelf), 1);
    schema_shelf_return(elsewhere);
    assert_int_equal(schema_shelf_count(desk->shelf), 0);
}

static void other_versions_and_other_rows_are_others(void **state)
{
    static const char *const tiers[] = {"county", "town"};
    struct desk *desk = *state;
    struct shelved_schema *first = take(desk, tiers, 2);
    desk->source->version = 4;
    struct shelved_schema *later = take(desk, tiers, 2);
    assert_ptr_not_equal(first, later);
    assert_int_equal(first->schema->version, 3);
    desk->root.bytes[0] ^= 1;
    struct shelved_schema *changed = take(desk, tiers, 2);
    assert_ptr_not_equal(changed, later);
    schema_shelf_return(first);
    schema_shelf_return(later);
    schema_shelf_return(changed);
}

static void what_cant_be_loaded_is_refused(void **state)
{
    struct desk *desk = *state;
    struct span whole = desk->rows[0];
    desk->rows[0] = SPAN(whole.data, whole.size - 1);
    assert_null(take(desk, NULL, 0));
    assert_int_equal(schema_shelf_count(desk->shelf), 0);
    desk->rows[0] = whole;
}

static void without_a_shelf_it_is_ones_own(void **state)
{
    struct desk *desk = *state;
    struct shelved_rows rows = {.version = 3,
                                .row_root = &desk->root,
                                .rows = desk->rows,
                                .row_count = desk->source->row_count};
    struct shelved_schema *first = schema_shelf_take(NULL, &rows, NULL);
    struct shelved_schema *second = schema_shelf_take(NULL, &rows, NULL);
    assert_ptr_not_equal(first, second);
    schema_shelf_return(second);
    assert_int_equal(first->schema->version, 3);
    schema_shelf_return(first);
}

static const struct held_document *types_of(const struct tree *tree)
{
    return tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
}

static void trees_share_schema_and_rows(void **state)
{
    static const struct county_row rows[] = {{"C", "county", NULL}, {"T", "town", "C"}};
    (void)state;
    struct county *county = county_new(rows, 2, 7);
    struct tree *copy = county_tree_copy(county->tree);
    assert_ptr_equal(tree_schema(copy), tree_schema(county->tree));
    assert_ptr_equal(types_of(copy)->rows[0].data, types_of(county->tree)->rows[0].data);
    uint32_t version = tree_schema(copy)->version;

    county_raise_types(county);
    assert_int_equal(tree_schema(copy)->version, version);
    assert_int_equal(tree_schema(county->tree)->version, version + 1);
    assert_int_equal(schema_shelf_count(county->shelf), 2);
    assert_int_equal(types_of(copy)->header.schema_version, version);
    tree_free(copy);
    assert_int_equal(schema_shelf_count(county->shelf), 1);
    county_free(county);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_copy_for_all_that_hold_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(other_versions_and_other_rows_are_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cant_be_loaded_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_shelf_it_is_ones_own, setup, teardown),
        cmocka_unit_test(trees_share_schema_and_rows),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
