/* Who counts as a seat's parent when several documents list it (rules.md B25): releases, decisions
 * from above, claims; whatever the order in which the documents come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

/* Three townships, T3 with admin key 150 and node key 8. */
enum { ADMIN_T3 = 150, DOCUMENTS_MAX = 8 };
#define ROW_T3                                                                                     \
    {                                                                                              \
        .seat = "T3", .tier = 1, .key = 8, .admin = ADMIN_T3, .generation = 1                      \
    }
#define V1_AT(moves_)                                                                              \
    {                                                                                              \
        .seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = (moves_)                      \
    }
#define V1_RELEASED(moves_, to_)                                                                   \
    {                                                                                              \
        .seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = (moves_),                     \
        .status = SEAT_RELEASED, .released_to = (to_)                                              \
    }

struct story {
    const char *name;
    struct test_document documents[DOCUMENTS_MAX]; /* beside the usual ones; up to one unsigned */
    const char *shape;
    unsigned alarms;
    const char *decided[2], *decided_root[2]; /* seat and to, in C's or the root's document */
    uint64_t counter;
};

static const struct story stories[] = {
    {.name = "a chain of two moves",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2, ROW_T3}},
                   {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, "T2"), ROW_V2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_RELEASED(1, "T3"), ROW_V3}},
                   {BRANCH("T3", ADMIN_T3), .rows = {V1_AT(2)}}},
     .shape = "C(T1(V2) T2(V3) T3(V1))"},
    {.name = "there and back",
     .documents = {{BRANCH("T1", ADMIN_T1), .version = 3, .rows = {V1_AT(2), ROW_V2}},
                   {BRANCH("T2", ADMIN_T2), .version = 3, .rows = {V1_RELEASED(1, "T1"), ROW_V3}}},
     .shape = "C(T1(V1 V2) T2(V3))"},
    {.name = "a claim of 99",
     .documents = {{BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(99), ROW_V3}}},
     .shape = "C(T1(V1 V2) T2(V3))",
     .alarms = 1},
    {.name = "a claim of 99 beside a true move",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2, ROW_T3}},
                   {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, "T2"), ROW_V2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}},
                   {BRANCH("T3", ADMIN_T3), .rows = {V1_AT(99)}}},
     .shape = "C(T1(V2) T2(V1 V3) T3)",
     .alarms = 1},
    {.name = "a claim with the counter of before",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2, ROW_T3}},
                   {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, "T2"), ROW_V2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}},
                   {BRANCH("T3", ADMIN_T3), .rows = {V1_AT(0)}}},
     .shape = "C(T1(V2) T2(V1 V3) T3)"},
    {.name = "the old parent is gone: the county decides",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}}},
     .decided = {"V1", "T2"},
     .counter = 1,
     .shape = "C(T1(V2) T2(V1 V3))"},
    {.name = "what is decided and not accepted yet changes nothing",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2}}},
     .decided = {"V1", "T2"},
     .counter = 1,
     .shape = "C(T1(V1 V2) T2(V3))"},
    {.name = "another counter than the decided one",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(2), ROW_V3}}},
     .decided = {"V1", "T2"},
     .counter = 1,
     .shape = "C(T1(V1 V2) T2(V3))",
     .alarms = 1},
    {.name = "the root decides",
     .documents = {{.tree_id = &the_tree,
                    .kind = DOCUMENT_ROOT,
                    .version = 2,
                    .predecessor = &root_usual.hash,
                    .signer = ADMIN_ROOT,
                    .rows = {ROW_C}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}}},
     .decided_root = {"V1", "T2"},
     .counter = 1,
     .shape = "C(T1(V2) T2(V1 V3))"},
    {.name = "two accept what was released to anyone, and the county decides",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2, ROW_T3}},
                   {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, NULL), ROW_V2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}},
                   {BRANCH("T3", ADMIN_T3), .rows = {V1_AT(1)}}},
     .decided = {"V1", "T3"},
     .counter = 1,
     .shape = "C(T1(V2) T2(V3) T3(V1))"},
    {.name = "two lowest counters, and the county says whose it is",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2}},
                   {BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(0), ROW_V3}}},
     .decided = {"V1", "T1"},
     .counter = 0,
     .shape = "C(T1(V1 V2) T2(V3))"},
    {.name = "a village that becomes a township gets another generation, and another rank",
     .documents = {{BRANCH("C", ADMIN_C), .version = 2,
                    .rows = {ROW_T1,
                             ROW_T2,
                             {.seat = "V1",
                              .tier = 2,
                              .key = 4,
                              .generation = 1,
                              .moves = 1,
                              .status = SEAT_RETIRED},
                             {.seat = "V1", .tier = 1, .key = 40, .generation = 2, .moves = 1}}},
                   {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, "C"), ROW_V2}}},
     .shape = "C(T1(V2) T2(V3) V1)"},
};

/* The document, with what the story decides in its header. */
static struct author_document story_document(const struct story *story, size_t index)
{
    struct test_document test = story->documents[index];
    const char *const *decided = test.kind == DOCUMENT_ROOT ? story->decided_root : story->decided;
    struct buffer decisions = {0};
    if (decided[0] != NULL && (test.kind == DOCUMENT_ROOT || strcmp(test.seat, "C") == 0)) {
        struct move_decision decision = {span_of_text(decided[0]), span_of_text(decided[1]),
                                         story->counter};
        move_decisions_encode(&decision, 1, &decisions);
        test.decisions = span_of_buffer(&decisions);
    }
    struct author_document document = document_make(&test);
    buffer_free(&decisions);
    return document;
}

static size_t story_count(const struct story *story)
{
    size_t count = 0;
    while (count < DOCUMENTS_MAX && story->documents[count].signer != 0)
        count++;
    return count;
}

/* Offered in some order, again and again, until nothing is taken any more. */
static void story_tell(const struct story *story, const struct author_document *documents,
                       size_t count, uint32_t random)
{
    struct tree *tree = tree_usual();
    for (unsigned i = 0; i < 60; i++) {
        random = random * 1664525 + 1013904223;
        (void)offer(tree, &documents[(random >> 16) % count], NULL);
    }
    if (strcmp(shape_of(tree), story->shape) != 0)
        fail_msg("%s: %s", story->name, shape_of(tree));
    if (tree_alarm_count(tree) != story->alarms)
        fail_msg("%s: %u alarms", story->name, (unsigned)tree_alarm_count(tree));
    tree_free(tree);
}

static void each_story_ends_alike_in_every_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct author_document documents[DOCUMENTS_MAX];
        size_t count = story_count(&stories[i]);
        for (size_t j = 0; j < count; j++)
            documents[j] = story_document(&stories[i], j);
        for (uint32_t order = 0; order < 20; order++)
            story_tell(&stories[i], documents, count, order);
        for (size_t j = 0; j < count; j++)
            author_document_clear(&documents[j]);
    }
}

/* A decision counts only from above both: T2 can't decide for itself. */
static void nobody_decides_for_himself(void **state)
{
    (void)state;
    struct buffer decisions = {0};
    struct move_decision decision = {span_of_text("V1"), span_of_text("T2"), 1};
    move_decisions_encode(&decision, 1, &decisions);
    struct author_document claim = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2, .decisions = span_of_buffer(&decisions),
        .rows = {V1_AT(1), ROW_V3}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &claim, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 1);
    author_document_clear(&claim);
    buffer_free(&decisions);
    tree_free(tree);
}

/* Two seats moved under each other: nobody falls out of the tree. */
static void a_loop_of_moves_takes_nobody_out(void **state)
{
    (void)state;
    struct author_document county =
        document_make(&(struct test_document){BRANCH("C", ADMIN_C), .version = 2,
                                              .rows = {{.seat = "T1",
                                                        .tier = 1,
                                                        .key = 2,
                                                        .admin = ADMIN_T1,
                                                        .generation = 1,
                                                        .status = SEAT_RELEASED,
                                                        .released_to = "T2"},
                                                       {.seat = "T2",
                                                        .tier = 1,
                                                        .key = 3,
                                                        .admin = ADMIN_T2,
                                                        .generation = 1,
                                                        .status = SEAT_RELEASED,
                                                        .released_to = "T1"}}});
    struct author_document first = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2,
        .rows = {
            {.seat = "T2", .tier = 2, .key = 90, .admin = ADMIN_T2, .generation = 2, .moves = 1}}});
    struct author_document second = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {
            {.seat = "T1", .tier = 2, .key = 91, .admin = ADMIN_T1, .generation = 2, .moves = 1}}});
    const struct author_document *claims[2] = {&first, &second};
    for (unsigned order = 0; order < 2; order++) {
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, claims[order], NULL), ERR_OK);
        assert_int_equal(offer(tree, claims[1 - order], NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1 T2)");
        assert_int_equal(tree_alarm_count(tree), 2);
        assert_int_equal(offer(tree, &county, NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1 T2)");
        tree_free(tree);
    }
    author_document_clear(&county);
    author_document_clear(&first);
    author_document_clear(&second);
}

/* What the tree tells of moves: the parents that a seat came from. */
static void moves_are_told(void **state)
{
    (void)state;
    struct author_document release = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(0, "T2"), ROW_V2}});
    struct author_document accept = document_make(
        &(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(1), ROW_V3}});
    struct tree *tree = tree_usual();
    assert_int_equal(tree_moved_count(tree), 0);
    assert_int_equal(offer(tree, &release, NULL), ERR_OK);
    assert_int_equal(offer(tree, &accept, NULL), ERR_OK);
    assert_int_equal(tree_moved_count(tree), 1);
    const struct seat *v1 = seat_named(tree, "V1");
    const struct moved_seat *moved = tree_moved(tree, 0);
    assert_ptr_equal(moved->seat, v1);
    assert_ptr_equal(moved, tree_find_moved(tree, v1));
    assert_int_equal(moved->other_count, 1);
    assert_string_equal(moved->others[0]->seat, "T1");
    assert_true(tree_is_former_parent(tree, seat_named(tree, "T1"), v1));
    assert_false(tree_is_former_parent(tree, seat_named(tree, "T2"), v1));
    assert_null(tree_find_moved(tree, seat_named(tree, "V2")));
    assert_string_equal(tree_listing_of(v1)->seat, "T2");
    author_document_clear(&release);
    author_document_clear(&accept);
    tree_free(tree);
}

/* History 25: released to T2 and, by a second signature of the same version, to T3; both accept.
 * One answer everywhere, by the lower document hash, until the county signs 3. */
static void a_village_released_twice_by_two_signatures(void **state)
{
    (void)state;
    struct author_document county = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1, ROW_T2, ROW_T3}});
    struct author_document to_t2 = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(1, "T2"), ROW_V2}});
    struct author_document to_t3 = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {V1_RELEASED(1, "T3"), ROW_V2}});
    struct author_document t2 = document_make(
        &(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2, .rows = {V1_AT(2), ROW_V3}});
    struct author_document t3 =
        document_make(&(struct test_document){BRANCH("T3", ADMIN_T3), .rows = {V1_AT(2)}});
    struct buffer decisions = {0};
    move_decisions_encode(&(struct move_decision){span_of_text("V1"), span_of_text("T2"), 3}, 1,
                          &decisions);
    struct author_document decided = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 3, .decisions = span_of_buffer(&decisions),
        .rows = {ROW_T1, ROW_T2, ROW_T3}});
    struct author_document third = document_make(
        &(struct test_document){BRANCH("T2", ADMIN_T2), .version = 3, .rows = {V1_AT(3), ROW_V3}});
    const struct author_document *all[5] = {&county, &to_t2, &to_t3, &t2, &t3};
    bool t2_has_it = hash_compare(&to_t2.hash, &to_t3.hash) < 0;
    for (unsigned order = 0; order < 5; order++) {
        struct tree *tree = tree_usual();
        for (unsigned i = 0; i < 25; i++)
            (void)offer(tree, all[(order + i * (1 + order % 4)) % 5], NULL);
        for (unsigned i = 0; i < 10; i++)
            (void)offer(tree, all[i % 5], NULL);
        assert_string_equal(seat_named(tree, "V1")->parent->row.seat, t2_has_it ? "T2" : "T3");
        assert_true(tree_alarm_count(tree) > 0);
        assert_int_equal(offer(tree, &decided, NULL), ERR_OK);
        assert_int_equal(offer(tree, &third, NULL), ERR_OK);
        assert_string_equal(seat_named(tree, "V1")->parent->row.seat, "T2");
        assert_int_equal(seat_named(tree, "V1")->row.moves, 3);
        tree_free(tree);
    }
    const struct author_document *made[7] = {&county, &to_t2, &to_t3, &t2, &t3, &decided, &third};
    for (size_t i = 0; i < 7; i++)
        author_document_clear((struct author_document *)(uintptr_t)made[i]);
    buffer_free(&decisions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story_ends_alike_in_every_order),
        cmocka_unit_test(nobody_decides_for_himself),
        cmocka_unit_test(a_loop_of_moves_takes_nobody_out),
        cmocka_unit_test(moves_are_told),
        cmocka_unit_test(a_village_released_twice_by_two_signatures),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
