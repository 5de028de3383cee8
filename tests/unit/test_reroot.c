/* A new root by hand (threat 58): it counts where people have confirmed it, and nowhere else; and
 * what the former keys signed of the types outlives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "topology/amend.h"
#include "topology/gather.h"
#include "topology/trial.h"

#include "tests/unit/tree_usual.h"

enum { NEW_ADMIN = 140, OTHER_ADMIN = 150 };
static const struct amend_when now = {.now_ms = 1000, .expires_ms = AMEND_KEEP};

/* The next root document, made by the people who have the keys from `first` on. */
static struct author_document by_hand(const struct tree *tree, uint8_t threshold, uint8_t count,
                                      unsigned first)
{
    struct error error = {0};
    struct author_document document;
    struct test_admins admins = admins_of(threshold, count, first);
    struct admin_keys listed = admins_listed(&admins);
    struct amendment *amendment = amend_new(tree, DOCUMENT_ROOT, SPAN_EMPTY, &now, &error);
    assert_non_null(amendment);
    assert_int_equal(amend_root_by_hand(amendment, &listed, &error), ERR_OK);
    if (amend_sign(amendment, (const uint8_t(*)[SECRET_BYTES])admins.secrets, count, &document,
                   &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    amend_free(amendment);
    return document;
}

static struct span envelope_of(const struct author_document *document)
{
    return span_of_buffer(&document->envelope);
}

static const struct held_document *root_of(const struct tree *tree)
{
    return tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
}

static struct tree *copy_of(const struct tree *tree)
{
    struct tree *copy = tree_new(&the_tree);
    tree_take_all(copy, tree);
    return copy;
}

static void it_counts_where_it_is_confirmed(void **state)
{
    (void)state;
    struct tree *tree = tree_usual(), *other = tree_usual();
    struct author_document root = by_hand(tree, 2, 2, NEW_ADMIN);
    const struct hash *pending = NULL;
    assert_int_equal(offer_header(tree, &root, NULL), ERR_OK); /* kept */
    pending = &tree_pending_root(tree)->hash;
    assert_true(hash_equal(pending, &root.hash));
    assert_int_equal(root_of(tree)->version, 1);
    assert_false(tree_has_document(tree, DOCUMENT_ROOT, SPAN_EMPTY, &root.hash));
    assert_int_equal(offer_header(tree, &root, NULL), ERR_STALE);
    assert_int_equal(tree_alarm_count(tree), 0);

    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&root), NULL), ERR_OK);
    assert_null(tree_pending_root(tree));
    assert_int_equal(root_of(tree)->version, 2);
    assert_int_equal(root_of(tree)->term, 2);
    assert_true(root_of(tree)->whole); /* the rows stay */
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_confirmed_count(tree), 1);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&root), NULL), ERR_STALE);

    assert_int_equal(tree_offer_confirmed(other, envelope_of(&root), NULL), ERR_OK); /* at once */
    struct hash digests[2] = {tree_link_digest(tree, span_of_text("T1")),
                              tree_link_digest(other, span_of_text("T1"))};
    assert_true(hash_equal(&digests[0], &digests[1]));
    tree_free(other);

    /* a copy, as a store makes one at each start, knows what was confirmed */
    other = copy_of(tree);
    assert_int_equal(root_of(other)->version, 2);
    tree_free(other);
    author_document_clear(&root);
    tree_free(tree);
}

/* From then on by the new keys, as ever; the old ones have no power any more. */
static void rotation_goes_on_from_the_new_keys(void **state)
{
    (void)state;
    struct tree *tree = tree_usual(), *late = tree_usual();
    struct author_document root = by_hand(tree, 1, 1, NEW_ADMIN);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&root), NULL), ERR_OK);
    struct test_document next = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_ROOT,
                                 .term = 2,
                                 .version = 3,
                                 .predecessor = &root.hash,
                                 .signer = NEW_ADMIN,
                                 .rows = {ROW_C}};
    struct author_document third = document_make(&next);
    next.signer = ADMIN_ROOT;
    struct author_document old_keys = document_make(&next);
    next.version = 2; /* beside the one made by hand */
    next.predecessor = &root_usual.hash;
    struct author_document twin = document_make(&next);
    assert_int_equal(offer_header(tree, &old_keys, NULL), ERR_FORGED);
    assert_int_equal(offer_header(tree, &twin, NULL), ERR_STALE);
    assert_int_equal(tree_offer_twins(tree, envelope_of(&root), envelope_of(&twin), NULL),
                     ERR_STALE);
    assert_true(hash_equal(&root_of(tree)->hash, &root.hash));
    assert_false(root_of(tree)->frozen);
    assert_int_equal(tree_alarm_count(tree), 0);
    assert_int_equal(offer(tree, &third, NULL), ERR_OK);

    /* who hasn't confirmed goes on with the old root, blames nobody, and catches up afterwards */
    assert_int_equal(offer_header(late, &root, NULL), ERR_OK);
    assert_int_equal(offer_header(late, &third, NULL), ERR_PARKED);
    assert_int_equal(root_of(late)->version, 1);
    assert_int_equal(tree_offer_confirmed(late, envelope_of(&root), NULL), ERR_OK);
    assert_int_equal(offer(late, &third, NULL), ERR_OK);
    author_document_clear(&root);
    author_document_clear(&third);
    author_document_clear(&old_keys);
    author_document_clear(&twin);
    tree_free(tree);
    tree_free(late);
}

/* A stolen root key, or any key: what it signs waits, changes nothing, and can't bring other things
 * in with it. */
static void nothing_else_comes_in_with_it(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct document_envelope opened;
    struct author_document root = by_hand(tree, 1, 1, NEW_ADMIN);
    assert_int_equal(document_open(envelope_of(&root), &opened, NULL), ERR_OK);
    struct document_header header = opened.decoded;
    struct test_admins admins = admins_of(1, 1, NEW_ADMIN), stranger = admins_of(1, 1, OTHER_ADMIN);
    struct span row = span_of_buffer(&branch_c.rows[0]);
    struct author_document changed, unsigned_one;
    assert_int_equal(author_document(&header, &row, 1,
                                     (const uint8_t(*)[SECRET_BYTES])admins.secrets, 1, &changed,
                                     NULL),
                     ERR_OK);
    assert_int_equal(offer_header(tree, &changed, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&changed), NULL), ERR_NOT_ALLOWED);
    header = opened.decoded;
    struct span own = span_of_buffer(&root_usual.rows[0]);
    assert_int_equal(author_document(&header, &own, 1,
                                     (const uint8_t(*)[SECRET_BYTES])stranger.secrets, 1,
                                     &unsigned_one, NULL),
                     ERR_OK);
    assert_int_equal(offer_header(tree, &unsigned_one, NULL), ERR_FORGED);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&unsigned_one), NULL), ERR_FORGED);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&branch_c), NULL), ERR_NOT_ALLOWED);
    struct author_document other_tree;
    header = opened.decoded;
    header.tree_id = root.hash;
    assert_int_equal(author_document(&header, &own, 1,
                                     (const uint8_t(*)[SECRET_BYTES])admins.secrets, 1, &other_tree,
                                     NULL),
                     ERR_OK);
    assert_int_equal(offer_header(tree, &other_tree, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&other_tree), NULL), ERR_NOT_ALLOWED);
    author_document_clear(&other_tree);
    assert_null(tree_pending_root(tree));
    assert_int_equal(tree_confirmed_count(tree), 0);
    author_document_clear(&changed);
    author_document_clear(&unsigned_one);
    author_document_clear(&root);
    tree_free(tree);
}

/* What waits depends on what was offered, not on its order; it goes when the root changes. */
static void one_waits_whoever_came_first(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct author_document roots[3] = {by_hand(tree, 1, 1, NEW_ADMIN),
                                       by_hand(tree, 1, 1, OTHER_ADMIN),
                                       by_hand(tree, 1, 2, ADMIN_ROOT)}; /* an old key among them */
    static const unsigned orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct tree *copy = tree_usual();
        for (size_t k = 0; k < 3; k++)
            (void)offer_header(copy, &roots[orders[i][k]], NULL);
        assert_true(hash_equal(&tree_pending_root(copy)->hash, &roots[2].hash));
        struct tree *again = copy_of(copy);
        assert_true(hash_equal(&tree_pending_root(again)->hash, &roots[2].hash));
        tree_free(again);
        tree_free(copy);
    }
    size_t lower = hash_compare(&roots[0].hash, &roots[1].hash) < 0 ? 0 : 1;
    for (size_t first = 0; first < 2; first++) {
        struct tree *copy = tree_usual();
        (void)offer_header(copy, &roots[first], NULL);
        (void)offer_header(copy, &roots[1 - first], NULL);
        assert_true(hash_equal(&tree_pending_root(copy)->hash, &roots[lower].hash));
        assert_int_equal(tree_offer_confirmed(copy, envelope_of(&roots[1 - lower]), NULL), ERR_OK);
        assert_true(hash_equal(&root_of(copy)->hash, &roots[1 - lower].hash));
        assert_null(tree_pending_root(copy));
        assert_int_equal(offer_header(copy, &roots[lower], NULL), ERR_STALE); /* too late */
        tree_free(copy);
    }
    struct author_document second =
        document_make(&(struct test_document){.tree_id = &the_tree,
                                              .kind = DOCUMENT_ROOT,
                                              .version = 2,
                                              .predecessor = &root_usual.hash,
                                              .signer = ADMIN_ROOT,
                                              .rows = {ROW_C}});
    assert_int_equal(offer_header(tree, &roots[0], NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &second, NULL), ERR_OK); /* the old keys were found */
    assert_null(tree_pending_root(tree));
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&roots[0]), NULL), ERR_STALE);
    for (size_t i = 0; i < 3; i++)
        author_document_clear(&roots[i]);
    author_document_clear(&second);
    tree_free(tree);
}

static struct author_document types_of(const struct hash *predecessor, uint64_t version,
                                       unsigned signer)
{
    struct author_document document;
    struct test_admins admins = admins_of(1, 1, signer);
    char text[300];
    snprintf(text, sizeof text,
             "version: %u\ntypes:\n  visit:\n    number: 1\n    class: normal\n    circle: path\n"
             "    fields:\n      what: {number: 1, kind: text}\n",
             (unsigned)version);
    struct schema_source *source = schema_compile(span_of_text(text), "types", NULL);
    struct document_header header = {
        .tree_id = the_tree, .term = 1, .version = version, .has_predecessor = predecessor != NULL};
    assert_non_null(source);
    if (predecessor != NULL)
        header.predecessor = *predecessor;
    assert_int_equal(author_types(&header, source, (const uint8_t(*)[SECRET_BYTES])admins.secrets,
                                  1, &document, NULL),
                     ERR_OK);
    schema_source_free(source);
    return document;
}

/* The types were signed by keys that are lost: a start, or a machine that joins, takes them still.
 */
static void the_types_outlive_their_signers(void **state)
{
    (void)state;
    struct tree *tree = tree_usual(), *late = tree_usual();
    struct author_document types = types_of(NULL, 1, ADMIN_ROOT);
    assert_int_equal(offer(tree, &types, NULL), ERR_OK);
    struct author_document root = by_hand(tree, 1, 1, NEW_ADMIN);
    assert_int_equal(tree_offer_confirmed(tree, envelope_of(&root), NULL), ERR_OK);
    struct author_document newer = types_of(&types.hash, 2, NEW_ADMIN),
                           old_keys = types_of(&types.hash, 2, ADMIN_ROOT);
    struct tree *again = copy_of(tree);
    assert_non_null(tree_schema(again));
    assert_int_equal(offer_header(again, &old_keys, NULL), ERR_FORGED);
    assert_int_equal(offer(again, &newer, NULL), ERR_OK);
    /* who hasn't confirmed waits for them, and blames nobody */
    assert_int_equal(offer_header(late, &newer, NULL), ERR_FORGED);
    assert_int_equal(offer_header(late, &root, NULL), ERR_OK);
    assert_int_equal(offer_header(late, &newer, NULL), ERR_PARKED);
    author_document_clear(&types);
    author_document_clear(&newer);
    author_document_clear(&old_keys);
    author_document_clear(&root);
    tree_free(again);
    tree_free(late);
    tree_free(tree);
}

static void only_the_new_keys_are_asked_for(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct author_document root = by_hand(tree, 2, 3, NEW_ADMIN);
    struct document_envelope opened;
    struct gathered gathered;
    assert_int_equal(document_open(envelope_of(&root), &opened, NULL), ERR_OK);
    assert_int_equal(gather_look(tree, &opened, &gathered, NULL), ERR_OK);
    assert_int_equal(gathered.set_count, 1);
    assert_int_equal(gathered.missing, 0);
    assert_int_equal(gathered.foreign, 0);
    author_document_clear(&root);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_where_it_is_confirmed),
        cmocka_unit_test(rotation_goes_on_from_the_new_keys),
        cmocka_unit_test(nothing_else_comes_in_with_it),
        cmocka_unit_test(one_waits_whoever_came_first),
        cmocka_unit_test(the_types_outlive_their_signers),
        cmocka_unit_test(only_the_new_keys_are_asked_for),
    };
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
