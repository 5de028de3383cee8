/* The signed tree: what it takes, and what it says of seats, keys, moves and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

static void a_tree_is_built_from_documents(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_seat_count(tree), 6);
    assert_ptr_equal(tree_seat_at(tree, 0), tree_root_seat(tree));
    assert_int_equal(tree_tier_count(tree), 3);
    assert_string_equal(tree_tier_name(tree, 1), "township");
    assert_string_equal(tree_tier_name(tree, 3), "?");
    assert_true(hash_equal(tree_id(tree), &the_tree));
    assert_int_equal(tree_document_count(tree), 4);
    assert_string_equal(tree_document(tree, 0)->seat, "");
    assert_string_equal(tree_document(tree, 1)->seat, "C");
    assert_int_equal(tree_alarm_count(tree), 0);
    assert_null(tree_schema(tree));
    tree_free(tree);
    tree_free(NULL);
}

static void seats_and_keys_are_found(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    const struct seat *v1 = seat_named(tree, "V1"), *t1 = seat_named(tree, "T1");
    const struct seat *path[HOLDERS_MAX];
    struct test_key key = key_number(4);
    const struct author *author = tree_author(tree, key_id_of(key.public_key));
    assert_non_null(author);
    assert_ptr_equal(author->seat, v1);
    assert_memory_equal(author->key, key.public_key, KEY_BYTES);
    assert_int_equal(author->rank, 2);
    assert_int_equal(author->generation, 1);
    assert_int_equal(author->status, SEAT_ACTIVE);
    assert_true(key_id_equal(seat_key_id(v1), author->id));
    assert_null(tree_author(tree, key_id_of(key_number(77).public_key)));
    assert_ptr_equal(tree_seat_by_link_key(tree, v1->row.link_key), v1);
    assert_null(tree_seat_by_link_key(tree, key.public_key));
    assert_null(seat_named(tree, "V9"));
    assert_int_equal(seat_path(v1, path), 3);
    assert_ptr_equal(path[0], v1);
    assert_ptr_equal(path[1], t1);
    assert_ptr_equal(path[2], tree_root_seat(tree));
    assert_true(seat_is_ancestor_or_self(t1, v1));
    assert_true(seat_is_ancestor_or_self(v1, v1));
    assert_false(seat_is_ancestor_or_self(v1, t1));
    assert_false(seat_is_ancestor_or_self(t1, seat_named(tree, "V3")));
    tree_free(tree);
}

/* Threat 61: no delegate outlives the one above it, whatever it writes. */
static void expiry_is_the_earliest_on_the_path(void **state)
{
    (void)state;
    struct author_document county = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2, .expires_ms = 1000, .rows = {ROW_T1, ROW_T2}});
    struct author_document township = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .expires_ms = 9000, .rows = {ROW_V1}});
    struct author_document shorter = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2, .expires_ms = 500, .rows = {ROW_V3}});
    struct tree *tree = tree_usual();
    assert_int_equal(tree_expires_ms(tree, span_of_text("V1")), 0);
    assert_int_equal(offer(tree, &county, NULL), ERR_OK);
    assert_int_equal(offer(tree, &township, NULL), ERR_OK);
    assert_int_equal(offer(tree, &shorter, NULL), ERR_OK);
    assert_int_equal(tree_expires_ms(tree, span_of_text("V1")), 1000);
    assert_int_equal(tree_expires_ms(tree, span_of_text("V3")), 500);
    assert_int_equal(tree_expires_ms(tree, span_of_text("C")), 0);
    assert_int_equal(tree_expires_ms(tree, span_of_text("V9")), 0);
    author_document_clear(&county);
    author_document_clear(&township);
    author_document_clear(&shorter);
    tree_free(tree);
}

/* Threat 63: a child lists its own ancestor, or another's child. */
static void loops_and_second_parents_take_nothing(void **state)
{
    (void)state;
    struct author_document loop = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2,
        .rows = {{.seat = "C", .tier = 2, .key = 50, .generation = 9, .moves = 99}, ROW_V1}});
    struct author_document thief = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {{.seat = "V1", .tier = 2, .key = 51, .generation = 9, .moves = 99}, ROW_V3}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &loop, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 1);
    assert_int_equal(offer(tree, &thief, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 2);
    assert_null(tree_author(tree, key_id_of(key_number(50).public_key)));
    assert_null(tree_author(tree, key_id_of(key_number(51).public_key)));
    assert_int_equal(seat_named(tree, "V1")->row.generation, 1);
    author_document_clear(&loop);
    author_document_clear(&thief);
    tree_free(tree);
}

static void a_released_seat_moves(void **state)
{
    (void)state;
    struct author_document release = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1_RELEASED_TO("T2"), ROW_V2}});
    struct author_document accept = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2, .rows = {ROW_V1_MOVED(1), ROW_V3}});
    const struct author_document *offered[2] = {&release, &accept};
    for (size_t first = 0; first < 2; first++) {
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, offered[first], NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))"); /* one side alone: stays */
        assert_int_equal(tree_alarm_count(tree), first);
        assert_int_equal(offer(tree, offered[1 - first], NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1(V2) T2(V1 V3))");
        assert_int_equal(tree_alarm_count(tree), 0);
        assert_int_equal(tree_author(tree, key_id_of(key_number(4).public_key))->status,
                         SEAT_ACTIVE);
        tree_free(tree);
    }
    author_document_clear(&release);
    author_document_clear(&accept);
}

/* Released to anyone, and two take it: one answer, an alarm, and T1's claim is over. */
static void a_seat_released_twice_goes_to_the_lower_hash(void **state)
{
    (void)state;
    struct author_document release =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2,
                                              .rows = {{.seat = "V1",
                                                        .tier = 2,
                                                        .key = 4,
                                                        .generation = 1,
                                                        .moves = 1,
                                                        .status = SEAT_RELEASED}}});
    struct author_document three = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2,
        .rows = {
            ROW_T1, ROW_T2, {.seat = "T3", .tier = 1, .key = 8, .admin = 150, .generation = 1}}});
    for (uint64_t attempt = 0; attempt < 8; attempt++) { /* so that either hash is the lower */
        struct author_document accept[2];
        for (size_t i = 0; i < 2; i++)
            accept[i] = document_make(&(struct test_document){
                BRANCH(i == 0 ? "T2" : "T3", i == 0 ? ADMIN_T2 : 150), .version = 2,
                .expires_ms = attempt, .rows = {ROW_V1_MOVED(2)}});
        bool t2_wins = hash_compare(&accept[0].hash, &accept[1].hash) < 0;
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, &three, NULL), ERR_OK);
        assert_int_equal(offer(tree, &accept[attempt % 2], NULL), ERR_OK);
        assert_int_equal(offer(tree, &accept[1 - attempt % 2], NULL), ERR_OK);
        assert_int_equal(tree_alarm_count(tree), 2); /* neither was released yet */
        assert_int_equal(offer(tree, &release, NULL), ERR_OK);
        assert_string_equal(shape_of(tree), t2_wins ? "C(T1 T2(V1) T3)" : "C(T1 T2 T3(V1))");
        assert_int_equal(tree_alarm_count(tree), 1);
        author_document_clear(&accept[0]);
        author_document_clear(&accept[1]);
        tree_free(tree);
    }
    author_document_clear(&three);
    author_document_clear(&release);
}

static void a_release_to_one_is_no_release_to_another(void **state)
{
    (void)state;
    struct author_document release = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1_RELEASED_TO("T7")}});
    struct author_document accept = document_make(
        &(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2, .rows = {ROW_V1_MOVED(1)}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &release, NULL), ERR_OK);
    assert_int_equal(offer(tree, &accept, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1) T2)");
    assert_int_equal(tree_alarm_count(tree), 1);
    author_document_clear(&release);
    author_document_clear(&accept);
    tree_free(tree);
}

static void equal_counters_fall_to_the_lower_hash(void **state)
{
    (void)state;
    struct author_document second = document_make(
        &(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2, .rows = {ROW_V1, ROW_V3}});
    bool second_wins = hash_compare(&second.hash, &branch_t1.hash) < 0;
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &second, NULL), ERR_OK);
    assert_string_equal(shape_of(tree),
                        second_wins ? "C(T1(V2) T2(V1 V3))" : "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 1);
    author_document_clear(&second);
    tree_free(tree);
}

static void a_newer_document_waits_for_its_rows(void **state)
{
    (void)state;
    struct author_document newer = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T1}});
    struct author_document newest = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 3, .rows = {ROW_T2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer_header(tree, &newer, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"))->version, 1);
    assert_int_equal(offer_header(tree, &newest, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &newer, NULL), ERR_STALE);
    assert_int_equal(offer_rows(tree, &newer, NULL), ERR_DAMAGED);
    assert_int_equal(offer_rows(tree, &newest, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T2(V3))");
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"))->version, 3);
    author_document_clear(&newer);
    author_document_clear(&newest);
    tree_free(tree);
}

static void rows_are_kept_and_proved(void **state)
{
    (void)state;
    struct tree *tree = tree_new(&the_tree);
    struct buffer proof = {0};
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer_row(tree, &branch_c, 1, NULL), ERR_OK);
    const struct held_document *held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"));
    assert_false(held->whole);
    assert_int_equal(held->row_count, 1);
    assert_int_equal(held->places[0], 1);
    assert_int_equal(held->proofs[0].size, HASH_BYTES); /* passed on as it came */
    assert_false(tree_prove_row(held, 1, &proof));
    assert_int_equal(offer(tree, &branch_t2, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T2(V3))");
    assert_int_equal(offer_row(tree, &branch_c, 0, NULL), ERR_OK);
    held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"));
    assert_true(held->whole);
    assert_null(held->proofs);
    assert_true(tree_prove_row(held, 1, &proof));
    assert_false(tree_prove_row(held, 2, &proof));
    assert_int_equal(proof.size, HASH_BYTES);
    assert_int_equal(tree_seat_count(tree), 4);
    assert_int_equal(offer_row(tree, &branch_c, 0, NULL), ERR_STALE);
    buffer_free(&proof);
    tree_free(tree);
}

/* Former keys stay authors, standbys are authors, a copied key takes nothing. */
static void generations_and_standbys_are_authors(void **state)
{
    (void)state;
    struct author_document document = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2,
        .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .status = SEAT_REVOKED},
                 {.seat = "V1", .tier = 2, .key = 40, .generation = 2},
                 {.seat = "V1", .tier = 2, .key = 41, .generation = 2, .standby = true},
                 {.seat = "V2", .tier = 2, .key = 1, .generation = 1}}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    const struct seat *v1 = seat_named(tree, "V1");
    assert_int_equal(v1->row.generation, 2);
    assert_false(v1->row.standby);
    const struct author *former = tree_author(tree, key_id_of(key_number(4).public_key));
    assert_int_equal(former->status, SEAT_REVOKED);
    assert_int_equal(former->generation, 1);
    assert_ptr_equal(former->seat, v1);
    assert_ptr_equal(tree_author(tree, key_id_of(key_number(41).public_key))->seat, v1);
    struct test_key links[3] = {key_number(4), key_number(40), key_number(41)};
    const struct seat *expected[3] = {NULL, v1, v1};
    for (size_t i = 0; i < 3; i++) {
        links[i].public_key[0] ^= 0x55;
        assert_ptr_equal(tree_seat_by_link_key(tree, links[i].public_key), expected[i]);
    }
    /* V2 shows the county's key */
    assert_ptr_equal(tree_author(tree, key_id_of(key_number(1).public_key))->seat,
                     tree_root_seat(tree));
    assert_int_equal(tree_alarm_count(tree), 2); /* its signing key and its link key */
    author_document_clear(&document);
    tree_free(tree);
}

static void a_row_of_later_times_is_kept_and_says_nothing(void **state)
{
    (void)state;
    struct buffer known = {0}, later = {0};
    row_write(&(struct test_row)ROW_V1, &known);
    buffer_append_span(&later, span_of_buffer(&known));
    later.data[0]++; /* one more pair: -1, true */
    buffer_append_byte(&later, 0xff);
    buffer_append_byte(&later, 0xc3);
    buffer_clear(&known);
    row_write(&(struct test_row)ROW_V2, &known);
    struct span rows[2] = {span_of_buffer(&later), span_of_buffer(&known)};
    struct document_header header = {
        .kind = DOCUMENT_BRANCH, .tree_id = the_tree, .seat = "T1", .term = 1, .version = 2};
    struct test_admins admins = admins_of(1, 1, ADMIN_T1);
    struct author_document document;
    author_document(&header, rows, 2, (const uint8_t(*)[SECRET_BYTES])admins.secrets, 1, &document,
                    NULL);
    struct tree *tree = tree_usual();
    struct error error = {0};
    assert_int_equal(offer(tree, &document, &error), ERR_OK);
    assert_int_equal(error.code, ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V3))");
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->row_count, 2);
    author_document_clear(&document);
    buffer_free(&known);
    buffer_free(&later);
    tree_free(tree);
}

static struct author_document types_make(unsigned version, uint32_t schema_version,
                                         const char *field)
{
    char yaml[400];
    snprintf(yaml, sizeof yaml,
             "version: %u\ntypes:\n  visit:\n    number: 1\n    class: normal\n    circle: path\n"
             "    fields:\n      %s: {number: 1, kind: text}\n",
             schema_version, field);
    struct error error = {0};
    struct schema_source *source = schema_compile(span_of_text(yaml), "types.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s", error.what, error.why);
    struct document_header header = {.tree_id = the_tree, .term = 1, .version = version};
    struct test_admins admins = admins_of(1, 1, ADMIN_ROOT);
    struct author_document document;
    assert_int_equal(author_types(&header, source, (const uint8_t(*)[SECRET_BYTES])admins.secrets,
                                  1, &document, NULL),
                     ERR_OK);
    schema_source_free(source);
    return document;
}

static void types_make_the_schema(void **state)
{
    (void)state;
    struct author_document first = types_make(1, 5, "what"), second = types_make(2, 6, "why");
    struct author_document fallen = types_make(3, 5, "what"), same = types_make(3, 6, "how");
    struct author_document again = types_make(3, 6, "why");
    struct tree *tree = tree_usual();
    assert_int_equal(offer_header(tree, &first, NULL), ERR_OK);
    assert_null(tree_schema(tree));
    assert_int_equal(offer_rows(tree, &first, NULL), ERR_OK);
    assert_int_equal(tree_schema(tree)->version, 5);
    assert_int_equal(tree_document_count(tree), 5);
    assert_int_equal(tree_document(tree, 4)->kind, DOCUMENT_TYPES);
    assert_int_equal(offer_header(tree, &second, NULL), ERR_OK);
    assert_int_equal(tree_schema(tree)->version, 5); /* until the rows are here */
    assert_int_equal(offer_rows(tree, &second, NULL), ERR_OK);
    assert_int_equal(tree_schema(tree)->version, 6);
    assert_int_equal(offer_header(tree, &first, NULL), ERR_STALE);
    assert_int_equal(offer_header(tree, &fallen, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(offer_header(tree, &same, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(offer_header(tree, &again, NULL), ERR_OK); /* the same, signed again */
    assert_int_equal(tree_schema(tree)->version, 6);
    assert_true(tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY)->whole);
    author_document_clear(&first);
    author_document_clear(&second);
    author_document_clear(&fallen);
    author_document_clear(&same);
    author_document_clear(&again);
    tree_free(tree);
}

static void digests_cover_what_a_link_needs(void **state)
{
    (void)state;
    struct span t1 = span_of_text("T1"), v1 = span_of_text("V1");
    struct tree *county = tree_usual(), *village = tree_new(&the_tree);
    struct hash above, below;
    assert_int_equal(offer(village, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer_header(village, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer_row(village, &branch_c, 0, NULL), ERR_OK);
    assert_int_equal(offer_header(village, &branch_t1, NULL), ERR_OK);
    above = tree_link_digest(county, v1);
    below = tree_link_digest(village, v1);
    assert_false(hash_equal(&above, &below)); /* a header without a row is nothing yet */
    assert_int_equal(offer_row(village, &branch_t1, 0, NULL), ERR_OK);
    below = tree_link_digest(village, v1);
    assert_true(hash_equal(&above, &below));
    below = tree_link_digest(village, t1);
    above = tree_link_digest(county, t1);
    assert_false(hash_equal(&above, &below)); /* a township needs its own document whole */
    const struct held_document *of_t1 = tree_find_document(county, DOCUMENT_BRANCH, t1);
    const struct held_document *of_t2 =
        tree_find_document(county, DOCUMENT_BRANCH, span_of_text("T2"));
    assert_true(tree_document_matters(county, of_t1, v1));
    assert_false(tree_document_matters(county, of_t2, v1));
    assert_false(tree_document_matters(county, of_t2, t1));
    assert_true(tree_document_matters(county, of_t2, span_of_text("C")));
    assert_true(tree_document_matters(county, tree_document(county, 0), span_of_text("V9")));
    tree_free(county);
    tree_free(village);
}

/* I3 for documents: whatever the order, and however often a refused one is offered again. */
static void any_order_gives_the_same_tree(void **state)
{
    (void)state;
    struct author_document documents[8] = {
        root_usual,
        branch_c,
        branch_t1,
        branch_t2,
        document_make(&(struct test_document){
            BRANCH("C", ADMIN_C), .version = 2,
            .rows = {{.seat = "T1", .tier = 1, .key = 2, .admin = 150, .term = 2, .generation = 1},
                     {.seat = "T2", .tier = 1, .key = 3, .admin = ADMIN_T2, .generation = 1}}}),
        document_make(&(struct test_document){
            BRANCH("T1", 150), .term = 2,
            .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .status = SEAT_RELEASED},
                     ROW_V2}}),
        document_make(&(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2,
                                              .rows = {ROW_V1_MOVED(1), ROW_V3}}),
        document_make(&(struct test_document){BRANCH("T2", ADMIN_T2), .version = 2, .expires_ms = 7,
                                              .rows = {ROW_V1_MOVED(1), ROW_V3}}),
    };
    uint32_t random = 1;
    struct hash expected = hash_zero;
    for (unsigned round = 0; round < 200; round++) {
        struct tree *tree = tree_new(&the_tree);
        for (unsigned i = 0; i < 150; i++) {
            random = random * 1664525 + 1013904223;
            (void)offer(tree, &documents[(random >> 16) % 8], NULL);
        }
        struct hash digest = tree_link_digest(tree, span_of_text("C"));
        if (round == 0)
            expected = digest;
        assert_true(hash_equal(&digest, &expected));
        assert_string_equal(shape_of(tree), "C(T1(V2) T2(V1 V3))");
        tree_free(tree);
    }
    for (size_t i = 4; i < 8; i++)
        author_document_clear(&documents[i]);
}

/* A second listing in another tier counts for nothing, whatever its counter. */
static void a_seat_keeps_its_tier(void **state)
{
    (void)state;
    struct author_document moved = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2,
        .rows = {
            {.seat = "T1", .tier = 1, .key = 2, .admin = ADMIN_T1, .generation = 1, .moves = 1},
            ROW_T2}});
    struct author_document lower = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {{.seat = "T1", .tier = 2, .key = 2, .generation = 1}, ROW_V3}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &moved, NULL), ERR_OK);
    assert_int_equal(offer(tree, &lower, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 1);
    author_document_clear(&moved);
    author_document_clear(&lower);
    tree_free(tree);
}

static void equal_counters_fall_to_the_parent_nearer_the_root(void **state)
{
    (void)state;
    for (uint64_t attempt = 0; attempt < 8; attempt++) { /* eight hashes, above and below */
        struct author_document above = document_make(
            &(struct test_document){BRANCH("C", ADMIN_C), .version = 2, .expires_ms = attempt,
                                    .rows = {ROW_T1, ROW_T2, ROW_V1}});
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, &above, NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1(V2) T2(V3) V1)");
        assert_int_equal(tree_alarm_count(tree), 1);
        author_document_clear(&above);
        tree_free(tree);
    }
}

/* A former generation that nobody retired is an author still, and no link any more. */
static void only_the_newest_generation_links(void **state)
{
    (void)state;
    struct author_document document = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2,
        .rows = {ROW_V1, {.seat = "V1", .tier = 2, .key = 40, .generation = 2}}});
    struct tree *tree = tree_usual();
    struct test_key former = key_number(4);
    const struct author *author;
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    author = tree_author(tree, key_id_of(former.public_key));
    assert_ptr_equal(author->seat, seat_named(tree, "V1"));
    assert_int_equal(author->generation, 1);
    former.public_key[0] ^= 0x55;
    assert_null(tree_seat_by_link_key(tree, former.public_key));
    author_document_clear(&document);
    tree_free(tree);
}

static void changes_are_counted(void **state)
{
    (void)state;
    struct tree *tree = tree_new(&the_tree);
    uint64_t count = tree_change_count(tree);
    assert_int_equal(offer(tree, &branch_c, NULL), ERR_PARKED);
    assert_int_equal(tree_change_count(tree), count);
    assert_int_equal(offer_header(tree, &root_usual, NULL), ERR_OK);
    assert_true(tree_change_count(tree) > count);
    count = tree_change_count(tree);
    assert_int_equal(offer_rows(tree, &root_usual, NULL), ERR_OK);
    assert_true(tree_change_count(tree) > count);
    count = tree_change_count(tree);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_STALE);
    assert_int_equal(tree_change_count(tree), count);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_built_from_documents),
        cmocka_unit_test(seats_and_keys_are_found),
        cmocka_unit_test(expiry_is_the_earliest_on_the_path),
        cmocka_unit_test(loops_and_second_parents_take_nothing),
        cmocka_unit_test(a_released_seat_moves),
        cmocka_unit_test(a_seat_released_twice_goes_to_the_lower_hash),
        cmocka_unit_test(a_release_to_one_is_no_release_to_another),
        cmocka_unit_test(equal_counters_fall_to_the_lower_hash),
        cmocka_unit_test(a_newer_document_waits_for_its_rows),
        cmocka_unit_test(rows_are_kept_and_proved),
        cmocka_unit_test(generations_and_standbys_are_authors),
        cmocka_unit_test(a_row_of_later_times_is_kept_and_says_nothing),
        cmocka_unit_test(types_make_the_schema),
        cmocka_unit_test(digests_cover_what_a_link_needs),
        cmocka_unit_test(any_order_gives_the_same_tree),
        cmocka_unit_test(a_seat_keeps_its_tier),
        cmocka_unit_test(equal_counters_fall_to_the_parent_nearer_the_root),
        cmocka_unit_test(only_the_newest_generation_links),
        cmocka_unit_test(changes_are_counted),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
