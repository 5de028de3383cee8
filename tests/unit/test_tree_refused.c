/* The signed tree: every way in which it must not be fooled, and what overrules what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

/* Threats 48, 51, 52, 61, 63: a document offered to the usual tree, and the answer. */
struct attack {
    unsigned threat;
    const char *name;
    struct test_document document;
    enum error_code header, rows; /* rows: when the header was taken */
};

static const struct hash another_tree = {.bytes = {1, 2, 3}};
#define FAR_VERSION (UINT64_C(1) << 63)

static const struct attack attacks[] = {
    {48,
     "signed by a stranger",
     {BRANCH("T1", ADMIN_STRANGER), .version = 2, .rows = {ROW_V1}},
     ERR_FORGED,
     ERR_OK},
    {48,
     "signed by the parent, whom the row doesn't name",
     {BRANCH("T1", ADMIN_C), .version = 2, .rows = {ROW_V1}},
     ERR_FORGED,
     ERR_OK},
    {48,
     "of another tree",
     {.tree_id = &another_tree,
      .kind = DOCUMENT_BRANCH,
      .seat = "T1",
      .signer = ADMIN_T1,
      .version = 2},
     ERR_NOT_ALLOWED,
     ERR_OK},
    {48,
     "another tree's first root",
     {.kind = DOCUMENT_ROOT, .signer = ADMIN_STRANGER, .rows = {ROW_C}},
     ERR_NOT_ALLOWED,
     ERR_OK},
    {48,
     "root signed by the new key alone",
     {.tree_id = &the_tree,
      .kind = DOCUMENT_ROOT,
      .signer = ADMIN_STRANGER,
      .version = 2,
      .predecessor = &another_tree,
      .rows = {ROW_C}},
     ERR_FORGED,
     ERR_OK},
    {48,
     "types signed by the county",
     {.tree_id = &the_tree, .kind = DOCUMENT_TYPES, .signer = ADMIN_C, .schema_version = 1},
     ERR_FORGED,
     ERR_OK},
    {51,
     "a term that the parent hasn't given yet",
     {BRANCH("T1", ADMIN_T1), .term = 2, .rows = {ROW_V1}},
     ERR_PARKED,
     ERR_OK},
    {52,
     "root version 2^63: those between must come first, signed",
     {.tree_id = &the_tree,
      .kind = DOCUMENT_ROOT,
      .signer = ADMIN_ROOT,
      .version = FAR_VERSION,
      .predecessor = &another_tree},
     ERR_PARKED,
     ERR_OK},
    {52,
     "version 2^63, forged",
     {BRANCH("T1", ADMIN_T2), .version = FAR_VERSION},
     ERR_FORGED,
     ERR_OK},
    {61,
     "a township signs for another",
     {BRANCH("T2", ADMIN_T1), .version = 2},
     ERR_FORGED,
     ERR_OK},
    {61,
     "a township puts a child into its own tier",
     {BRANCH("T1", ADMIN_T1), .version = 2,
      .rows = {{.seat = "V1", .tier = 1, .key = 4, .generation = 1}}},
     ERR_OK,
     ERR_NOT_ALLOWED},
    {61,
     "a township puts a child above itself",
     {BRANCH("T1", ADMIN_T1), .version = 2,
      .rows = {{.seat = "V1", .tier = 0, .key = 4, .generation = 1}}},
     ERR_OK,
     ERR_NOT_ALLOWED},
    {61,
     "a tier that isn't there",
     {BRANCH("T1", ADMIN_T1), .version = 2,
      .rows = {{.seat = "V1", .tier = 3, .key = 4, .generation = 1}}},
     ERR_OK,
     ERR_NOT_ALLOWED},
    {61,
     "a village signs though it was given no admin key",
     {BRANCH("V1", ADMIN_STRANGER), .rows = {ROW_V2}},
     ERR_NOT_ALLOWED,
     ERR_OK},
    {63,
     "a seat is its own parent",
     {BRANCH("T1", ADMIN_T1), .version = 2,
      .rows = {{.seat = "T1", .tier = 2, .key = 9, .generation = 2}}},
     ERR_OK,
     ERR_NOT_ALLOWED},
    {63, "an orphan", {BRANCH("T9", ADMIN_T1), .rows = {ROW_V1}}, ERR_PARKED, ERR_OK},
    {63,
     "rows out of order",
     {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V2, ROW_V1}},
     ERR_OK,
     ERR_MALFORMED},
    {63,
     "one row twice",
     {BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1, ROW_V1}},
     ERR_OK,
     ERR_MALFORMED},
    {0,
     "a kind that isn't used",
     {.tree_id = &the_tree, .kind = DOCUMENT_DICTIONARY, .signer = ADMIN_ROOT},
     ERR_PARKED,
     ERR_OK},
};

static void every_attack_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct tree *tree = tree_usual();
        struct error error = {0};
        struct author_document document = document_make(&attacks[i].document);
        enum error_code code = offer_header(tree, &document, &error);
        if (code != attacks[i].header || error.code != code)
            fail_msg("%s: header: %s: %s", attacks[i].name, error_name(code), error.why);
        if (code == ERR_OK && (code = offer_rows(tree, &document, &error)) != attacks[i].rows)
            fail_msg("%s: rows: %s: %s", attacks[i].name, error_name(code), error.why);
        assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
        author_document_clear(&document);
        tree_free(tree);
    }
}

static void a_signature_over_another_context_is_forged(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct author_document document =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2});
    struct document_envelope opened;
    struct test_key admin = key_number(ADMIN_T1);
    assert_int_equal(document_open(span_of_buffer(&document.envelope), &opened, NULL), ERR_OK);
    struct hash hash = hash_of(HASH_ROW, opened.header);
    sign_hash(&hash, admin.secret,
              document.envelope.data + document.envelope.size - SIGNATURE_BYTES);
    assert_int_equal(offer_header(tree, &document, NULL), ERR_FORGED);
    author_document_clear(&document);
    tree_free(tree);
}

static void a_key_that_is_none_is_refused(void **state)
{
    (void)state;
    static const uint8_t small_order[KEY_BYTES] = {1};
    struct tree *tree = tree_usual();
    struct seat_row row = {.seat = "V1", .tier = 2, .generation = 1};
    struct document_header header = {
        .kind = DOCUMENT_BRANCH, .tree_id = the_tree, .seat = "T1", .term = 1, .version = 2};
    struct test_admins admins = admins_of(1, 1, ADMIN_T1);
    struct author_document document;
    struct buffer bytes = {0};
    memcpy(row.signing_key, small_order, KEY_BYTES);
    seat_row_encode(&row, &bytes);
    struct span rows = span_of_buffer(&bytes);
    author_document(&header, &rows, 1, (const uint8_t(*)[SECRET_BYTES])admins.secrets, 1, &document,
                    NULL);
    struct error error;
    assert_int_equal(offer(tree, &document, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "no proper key"));
    author_document_clear(&document);
    buffer_free(&bytes);
    tree_free(tree);
}

static void large_rows_are_refused_before_they_are_read(void **state)
{
    (void)state;
    enum { ROWS = 400, ROW_BYTES = 30000 }; /* 12 MB */
    struct tree *tree = tree_usual();
    uint8_t *bytes = mem_alloc(ROW_BYTES);
    struct span *rows = mem_alloc(ROWS * sizeof *rows);
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = SPAN(bytes, ROW_BYTES);
    struct span seat = span_of_text("T1");
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, ROWS, 0, NULL, NULL),
                     ERR_OVERSIZE);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, 4097, 0, NULL, NULL),
                     ERR_OVERSIZE);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, 0, 0, NULL, NULL),
                     ERR_MALFORMED);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_TYPES, SPAN_EMPTY, rows, 1, 0, NULL, NULL),
                     ERR_NOT_FOUND);
    uint8_t *envelope = mem_alloc(10 << 20);
    assert_int_equal(tree_offer_document(tree, SPAN(envelope, 10 << 20), NULL), ERR_OVERSIZE);
    free(envelope);
    free(rows);
    free(bytes);
    tree_free(tree);
}

static void a_wrong_size_of_rows_is_malformed(void **state)
{
    (void)state;
    struct buffer row = {0}, bytes = {0}, envelope = {0};
    struct test_admins admins = admins_of(1, 1, ADMIN_T1);
    row_write(&(struct test_row)ROW_V1, &row);
    struct span rows = span_of_buffer(&row), seat = span_of_text("T1"), no_proof = SPAN_EMPTY;
    struct document_header header = {.kind = DOCUMENT_BRANCH,
                                     .tree_id = the_tree,
                                     .seat = "T1",
                                     .term = 1,
                                     .version = 2,
                                     .row_count = 1,
                                     .row_bytes = (uint32_t)row.size - 1,
                                     .row_root = document_rows_root(&rows, 1)};
    document_header_encode(&header, &bytes);
    document_sign(span_of_buffer(&bytes), (const uint8_t(*)[SECRET_BYTES])admins.secrets, 1,
                  &envelope);
    struct tree *tree = tree_usual();
    assert_int_equal(tree_offer_document(tree, span_of_buffer(&envelope), NULL), ERR_OK);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &rows, 1, 0, NULL, NULL),
                     ERR_MALFORMED);
    tree_free(tree);
    tree = tree_usual();
    assert_int_equal(tree_offer_document(tree, span_of_buffer(&envelope), NULL), ERR_OK);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &rows, 1, 0, &no_proof, NULL),
                     ERR_MALFORMED);
    buffer_free(&envelope);
    buffer_free(&bytes);
    buffer_free(&row);
    tree_free(tree);
}

static void changed_rows_are_damaged(void **state)
{
    (void)state;
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &branch_c, NULL), ERR_OK);
    struct span rows[2] = {span_of_buffer(&branch_c.rows[0]), span_of_buffer(&branch_c.rows[1])};
    struct span seat = span_of_text("C"), row = rows[0];
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, 1, 0, NULL, NULL),
                     ERR_DAMAGED);
    rows[0] = rows[1];
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, 2, 0, NULL, NULL),
                     ERR_DAMAGED);
    struct hash sibling = document_row_hash(rows[1]);
    struct span proof = SPAN_OF_ARRAY(sibling.bytes);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &row, 1, 1, &proof, NULL),
                     ERR_DAMAGED);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &row, 1, 2, &proof, NULL),
                     ERR_DAMAGED);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, rows, 2, 0, &proof, NULL),
                     ERR_MALFORMED);
    assert_int_equal(tree_seat_count(tree), 1);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &row, 1, 0, &proof, NULL),
                     ERR_OK);
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &row, 1, 0, &proof, NULL),
                     ERR_STALE);
    assert_string_equal(shape_of(tree), "C(T1)");
    tree_free(tree);
}

/* Threat 49: an older document, validly signed. */
static void nothing_goes_back(void **state)
{
    (void)state;
    struct author_document versions[3];
    struct tree *tree = tree_usual();
    for (unsigned i = 0; i < 3; i++)
        versions[i] = document_make(&(struct test_document){BRANCH("C", ADMIN_C), .version = 2 + i,
                                                            .rows = {ROW_T1, ROW_T2}});
    assert_int_equal(offer(tree, &versions[2], NULL), ERR_OK); /* straight to the greatest */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(offer_header(tree, &versions[i], NULL), ERR_STALE);
    assert_int_equal(offer_header(tree, &branch_c, NULL), ERR_STALE);
    assert_int_equal(offer_header(tree, &root_usual, NULL), ERR_STALE);
    const struct held_document *held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"));
    assert_int_equal(held->version, 4);
    for (unsigned i = 0; i < 3; i++)
        author_document_clear(&versions[i]);
    tree_free(tree);
}

/* A document that no longer counts still bars the way back to an older one. */
static void a_dormant_document_bars_the_way_back(void **state)
{
    (void)state;
    struct author_document newer = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 5, .rows = {ROW_V1}});
    struct author_document without = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 2, .rows = {ROW_T2}});
    struct author_document again = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 3, .rows = {ROW_T1, ROW_T2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &newer, NULL), ERR_OK);
    assert_int_equal(offer(tree, &without, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T2(V3))");
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_PARKED);
    assert_int_equal(offer(tree, &again, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1) T2(V3))"); /* nothing had to be sent again */
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_STALE);
    author_document_clear(&newer);
    author_document_clear(&without);
    author_document_clear(&again);
    tree_free(tree);
}

/* Threat 51: the parent raises the term and names new keys; the old document no longer counts. */
static void a_raised_term_overrules(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct author_document raised = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2,
        .rows = {{.seat = "T1", .tier = 1, .key = 2, .admin = 150, .term = 2, .generation = 1},
                 ROW_T2}});
    struct author_document old_keys =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .term = 2, .rows = {ROW_V1}});
    struct author_document old_term = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 9, .rows = {ROW_V1}});
    struct author_document good =
        document_make(&(struct test_document){BRANCH("T1", 150), .term = 2, .rows = {ROW_V2}});
    assert_int_equal(offer(tree, &good, NULL), ERR_PARKED);
    assert_int_equal(offer(tree, &raised, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1 T2(V3))");
    assert_null(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1")));
    assert_int_equal(offer(tree, &old_term, NULL), ERR_STALE);
    assert_int_equal(offer(tree, &old_keys, NULL), ERR_FORGED);
    assert_int_equal(offer(tree, &good, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V3))");
    author_document_clear(&raised);
    author_document_clear(&old_keys);
    author_document_clear(&old_term);
    author_document_clear(&good);
    tree_free(tree);
}

/* The same keys in a new term: what they signed in the old one no longer counts. */
static void a_raised_term_with_the_same_keys_overrules_too(void **state)
{
    (void)state;
    struct author_document raised = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2,
        .rows = {{.seat = "T1", .tier = 1, .key = 2, .admin = ADMIN_T1, .term = 2, .generation = 1},
                 ROW_T2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &raised, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1 T2(V3))");
    author_document_clear(&raised);
    tree_free(tree);
}

static void a_roots_term_never_falls(void **state)
{
    (void)state;
    struct test_document next = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_ROOT,
                                 .term = 2,
                                 .version = 2,
                                 .predecessor = &root_usual.hash,
                                 .signer = ADMIN_ROOT,
                                 .rows = {ROW_C}};
    struct author_document second = document_make(&next);
    next.term = 1;
    next.version = 3;
    next.predecessor = &second.hash;
    struct author_document fallen = document_make(&next);
    next.term = 3;
    next.version = 2;
    struct author_document standing = document_make(&next);
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &second, NULL), ERR_OK);
    assert_int_equal(offer(tree, &fallen, NULL), ERR_STALE);
    assert_int_equal(offer(tree, &standing, NULL), ERR_NOT_ALLOWED);
    author_document_clear(&second);
    author_document_clear(&fallen);
    author_document_clear(&standing);
    tree_free(tree);
}

/* Threat 53: only the root is walked one by one. Its keys change from 100 to 2 of {110, 111}. */
static void roots_are_walked_one_by_one(void **state)
{
    (void)state;
    struct test_admins old = admins_of(1, 1, ADMIN_ROOT), new = admins_of(2, 2, 110), both = old;
    both.count = 3;
    memcpy(both.secrets[1], new.secrets, sizeof(uint8_t[2][SECRET_BYTES]));
    struct test_document next = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_ROOT,
                                 .version = 2,
                                 .predecessor = &root_usual.hash,
                                 .signers = &new,
                                 .admins = &new,
                                 .rows = {ROW_C}};
    struct author_document not_old = document_make(&next);
    next.signers = &old;
    struct author_document not_new = document_make(&next);
    next.signers = &both;
    struct author_document second = document_make(&next);
    next.version = 3;
    next.predecessor = &second.hash;
    next.signers = &new;
    struct author_document third = document_make(&next);
    next.version = 4;
    next.predecessor = &third.hash;
    struct author_document fourth = document_make(&next);

    struct tree *tree = tree_usual();
    assert_int_equal(offer_header(tree, &not_old, NULL), ERR_FORGED);
    assert_int_equal(offer_header(tree, &not_new, NULL), ERR_FORGED);
    assert_int_equal(offer_header(tree, &third, NULL), ERR_PARKED);
    assert_int_equal(offer_header(tree, &second, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &third, NULL), ERR_OK); /* headers alone are enough */
    assert_int_equal(offer(tree, &fourth, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &root_usual, NULL), ERR_STALE);
    assert_int_equal(offer_header(tree, &second, NULL), ERR_STALE);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY)->version, 4);

    /* a tree that begins today walks the same way, over what this one kept */
    struct tree *late = tree_new(&the_tree);
    assert_int_equal(offer_header(late, &fourth, NULL), ERR_PARKED);
    assert_int_equal(tree_former_root_count(tree), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tree_offer_document(late, tree_former_root(tree, i), NULL), ERR_OK);
    assert_int_equal(offer(late, &fourth, NULL), ERR_OK);
    assert_string_equal(shape_of(late), "C");
    tree_free(late);
    tree_free(tree);
    author_document_clear(&not_old);
    author_document_clear(&not_new);
    author_document_clear(&second);
    author_document_clear(&third);
    author_document_clear(&fourth);
}

static void a_root_lists_one_seat(void **state)
{
    (void)state;
    struct author_document two = document_make(
        &(struct test_document){.kind = DOCUMENT_ROOT,
                                .signer = ADMIN_ROOT,
                                .rows = {ROW_C, {.seat = "D", .key = 9, .generation = 1}}});
    struct document_envelope opened;
    assert_int_equal(document_open(span_of_buffer(&two.envelope), &opened, NULL), ERR_OK);
    struct hash id = document_tree_id(opened.header);
    struct tree *tree = tree_new(&id);
    assert_int_equal(offer_header(tree, &two, NULL), ERR_OK);
    assert_int_equal(offer_rows(tree, &two, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(offer_row(tree, &two, 1, NULL), ERR_OK); /* alone, D might be it */
    assert_int_equal(offer_row(tree, &two, 0, NULL), ERR_NOT_ALLOWED);
    assert_string_equal(shape_of(tree), "D");
    author_document_clear(&two);
    tree_free(tree);
}

static void a_root_that_continues_another_is_a_fork(void **state)
{
    (void)state;
    struct test_document next = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_ROOT,
                                 .version = 2,
                                 .predecessor = &another_tree,
                                 .signer = ADMIN_ROOT,
                                 .rows = {ROW_C}};
    struct author_document other = document_make(&next);
    next.term = 2; /* a new term may name the root that it accepts */
    struct author_document new_term = document_make(&next);
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &other, NULL), ERR_FORK);
    assert_int_equal(tree_alarm_count(tree), 1);
    assert_int_equal(offer(tree, &other, NULL), ERR_FORK);
    assert_int_equal(tree_alarm_count(tree), 1); /* heard before */
    assert_int_equal(offer(tree, &new_term, NULL), ERR_OK);
    author_document_clear(&other);
    author_document_clear(&new_term);
    tree_free(tree);
}

/* Threat 54: two documents of one (term, version): the lower hash, in whatever order. */
static void of_twins_the_lower_hash_counts(void **state)
{
    (void)state;
    struct author_document twins[2] = {
        document_make(
            &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1}}),
        document_make(
            &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V2}})};
    size_t lower = hash_compare(&twins[0].hash, &twins[1].hash) < 0 ? 0 : 1;
    const char *expected = lower == 0 ? "C(T1(V1) T2(V3))" : "C(T1(V2) T2(V3))";
    for (size_t first = 0; first < 2; first++) {
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, &twins[first], NULL), ERR_OK);
        assert_int_equal(offer(tree, &twins[1 - first], NULL), first == lower ? ERR_STALE : ERR_OK);
        assert_string_equal(shape_of(tree), expected);
        assert_int_equal(tree_alarm_count(tree), 1);
        assert_int_equal(offer(tree, &twins[1 - lower], NULL), ERR_STALE);
        assert_int_equal(tree_alarm_count(tree), 1);
        tree_free(tree);
    }
    author_document_clear(&twins[0]);
    author_document_clear(&twins[1]);
}

static void of_root_twins_too(void **state)
{
    (void)state;
    struct test_document next = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_ROOT,
                                 .version = 2,
                                 .predecessor = &root_usual.hash,
                                 .signer = ADMIN_ROOT,
                                 .rows = {ROW_C}};
    struct author_document twins[2];
    twins[0] = document_make(&next);
    next.expires_ms = 5;
    twins[1] = document_make(&next);
    size_t lower = hash_compare(&twins[0].hash, &twins[1].hash) < 0 ? 0 : 1;
    for (size_t first = 0; first < 2; first++) {
        struct tree *tree = tree_usual();
        assert_int_equal(offer(tree, &twins[first], NULL), ERR_OK);
        assert_int_equal(offer_header(tree, &twins[1 - first], NULL), ERR_OK); /* the proof */
        const struct held_document *held = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
        assert_true(hash_equal(&held->hash, &twins[lower].hash));
        assert_true(held->whole); /* the same rows: nothing needs to be sent again */
        assert_int_equal(tree_alarm_count(tree), 1);
        assert_int_equal(tree_former_root_count(tree), 1);
        assert_true(held->frozen);
        next.version = 3;
        next.predecessor = &twins[lower].hash;
        struct author_document onward = document_make(&next);
        assert_int_equal(offer_header(tree, &onward, NULL), ERR_STALE);
        next.term = 2;
        struct author_document next_term = document_make(&next);
        assert_int_equal(offer_header(tree, &next_term, NULL), ERR_OK);
        assert_false(tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY)->frozen);
        next.term = 0;
        author_document_clear(&onward);
        author_document_clear(&next_term);
        tree_free(tree);
    }
    author_document_clear(&twins[0]);
    author_document_clear(&twins[1]);
}

/* T1's documents of term 1: versions 5, two of them, and 6; the lower hash of the two first. */
struct frozen_documents {
    struct author_document twins[2], third, onward, before, next_term, raised;
};

static void frozen_make(struct frozen_documents *made)
{
    struct author_document a = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 5, .rows = {ROW_V1}});
    struct author_document b = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 5, .rows = {ROW_V2}});
    bool a_first = hash_compare(&a.hash, &b.hash) < 0;
    made->twins[0] = a_first ? a : b;
    made->twins[1] = a_first ? b : a;
    made->third = document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .version = 5,
                                                        .expires_ms = 9, .rows = {ROW_V1, ROW_V2}});
    made->onward = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 6, .rows = {ROW_V1, ROW_V2}});
    made->before = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 4, .rows = {ROW_V1, ROW_V2}});
    made->raised = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .version = 2,
        .rows = {{.seat = "T1", .tier = 1, .key = 2, .admin = ADMIN_T1, .term = 2, .generation = 1},
                 ROW_T2}});
    made->next_term = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .term = 2, .rows = {ROW_V1, ROW_V2}});
}

static void frozen_drop(struct frozen_documents *made)
{
    author_document_clear(&made->twins[0]);
    author_document_clear(&made->twins[1]);
    author_document_clear(&made->third);
    author_document_clear(&made->onward);
    author_document_clear(&made->before);
    author_document_clear(&made->next_term);
    author_document_clear(&made->raised);
}

static enum error_code offer_twins(struct tree *tree, const struct author_document *a,
                                   const struct author_document *b)
{
    return tree_offer_twins(tree, span_of_buffer(&a->envelope), span_of_buffer(&b->envelope), NULL);
}

/* Threat 54: nothing newer of this term counts, also where it was taken before the proof came. */
static void twins_freeze_their_term(void **state)
{
    (void)state;
    struct frozen_documents made;
    frozen_make(&made);
    struct hash digests[3];
    for (unsigned order = 0; order < 3; order++) {
        struct tree *tree = tree_usual();
        if (order == 0) { /* as they were signed */
            assert_int_equal(offer(tree, &made.twins[0], NULL), ERR_OK);
            assert_int_equal(offer_header(tree, &made.twins[1], NULL), ERR_OK);
            assert_int_equal(offer_header(tree, &made.onward, NULL), ERR_STALE);
        } else if (order == 1) { /* the higher one first */
            assert_int_equal(offer(tree, &made.twins[1], NULL), ERR_OK);
            assert_int_equal(offer(tree, &made.twins[0], NULL), ERR_OK);
        } else { /* gone on, then the proof, then the rows of what counts */
            assert_int_equal(offer(tree, &made.onward, NULL), ERR_OK);
            assert_int_equal(offer_header(tree, &made.twins[0], NULL), ERR_STALE);
            assert_int_equal(offer_twins(tree, &made.twins[1], &made.twins[0]), ERR_OK);
            assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
            assert_int_equal(offer_rows(tree, &made.twins[0], NULL), ERR_OK);
        }
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
        assert_true(hash_equal(&held->hash, &made.twins[0].hash));
        assert_true(held->frozen);
        assert_int_equal(tree_alarm_count(tree), 1);
        assert_int_equal(offer_header(tree, &made.onward, NULL), ERR_STALE);
        assert_int_equal(offer_twins(tree, &made.twins[0], &made.twins[1]), ERR_STALE);
        digests[order] = tree_link_digest(tree, span_of_text("T1"));
        assert_int_equal(offer(tree, &made.raised, NULL), ERR_OK);
        assert_int_equal(offer(tree, &made.next_term, NULL), ERR_OK);
        assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
        held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
        assert_false(held->frozen);
        tree_free(tree);
    }
    assert_true(hash_equal(&digests[0], &digests[1]) && hash_equal(&digests[0], &digests[2]));
    frozen_drop(&made);
}

/* Known as frozen on one side alone, the digests differ, so that the proof is passed on. */
static void a_frozen_document_has_another_digest(void **state)
{
    (void)state;
    struct frozen_documents made;
    frozen_make(&made);
    struct tree *knows = tree_usual(), *innocent = tree_usual();
    assert_int_equal(offer(knows, &made.twins[0], NULL), ERR_OK);
    assert_int_equal(offer(innocent, &made.twins[0], NULL), ERR_OK);
    assert_int_equal(offer_header(knows, &made.twins[1], NULL), ERR_OK);
    struct hash a = tree_link_digest(knows, span_of_text("V1"));
    struct hash b = tree_link_digest(innocent, span_of_text("V1"));
    assert_false(hash_equal(&a, &b));
    const struct held_document *held =
        tree_find_document(knows, DOCUMENT_BRANCH, span_of_text("T1"));
    assert_int_equal(tree_offer_twins(innocent, held->twins[0], held->twins[1], NULL), ERR_OK);
    b = tree_link_digest(innocent, span_of_text("V1"));
    assert_true(hash_equal(&a, &b));
    tree_free(knows);
    tree_free(innocent);
    frozen_drop(&made);
}

/* Three of one version, by whatever pairs they are known: the lowest. And of two versions that have
 * twins the lower one is where it freezes. */
static void the_lowest_of_all_twins_counts(void **state)
{
    (void)state;
    struct frozen_documents made;
    frozen_make(&made);
    struct author_document earlier = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 4, .expires_ms = 7, .rows = {ROW_V2}});
    const struct author_document *three[3] = {&made.twins[0], &made.twins[1], &made.third};
    const struct author_document *lowest = three[0];
    for (unsigned i = 1; i < 3; i++)
        lowest = hash_compare(&three[i]->hash, &lowest->hash) < 0 ? three[i] : lowest;
    for (unsigned first = 0; first < 3; first++) {
        struct tree *tree = tree_usual();
        for (unsigned i = 0; i < 3; i++)
            (void)offer(tree, three[(first + i) % 3], NULL);
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
        assert_true(hash_equal(&held->hash, &lowest->hash));
        assert_int_equal(offer_twins(tree, &made.before, &earlier), ERR_OK);
        (void)offer_rows(tree, &made.before, NULL);
        (void)offer_rows(tree, &earlier, NULL);
        held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
        assert_int_equal(held->version, 4);
        assert_int_equal(offer_twins(tree, &made.twins[0], &made.twins[1]), ERR_STALE);
        tree_free(tree);
    }
    author_document_clear(&earlier);
    frozen_drop(&made);
}

static void twins_are_proved(void **state)
{
    (void)state;
    struct frozen_documents made;
    frozen_make(&made);
    struct author_document stranger = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_STRANGER), .version = 5, .expires_ms = 4, .rows = {ROW_V1}});
    struct author_document orphan =
        document_make(&(struct test_document){BRANCH("T9", ADMIN_T1), .rows = {ROW_V1}});
    struct author_document other = document_make(
        &(struct test_document){BRANCH("T9", ADMIN_T1), .expires_ms = 3, .rows = {ROW_V1}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &made.onward, NULL), ERR_OK);
    assert_int_equal(offer_twins(tree, &made.twins[0], &stranger), ERR_FORGED);
    assert_int_equal(offer_twins(tree, &made.twins[0], &made.twins[0]), ERR_MALFORMED);
    assert_int_equal(offer_twins(tree, &made.twins[0], &made.onward), ERR_MALFORMED);
    assert_int_equal(offer_twins(tree, &orphan, &other), ERR_PARKED);
    assert_int_equal(tree_alarm_count(tree), 0);
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->version, 6);
    author_document_clear(&stranger);
    author_document_clear(&orphan);
    author_document_clear(&other);
    tree_free(tree);
    frozen_drop(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attack_is_refused_by_name),
        cmocka_unit_test(a_signature_over_another_context_is_forged),
        cmocka_unit_test(a_key_that_is_none_is_refused),
        cmocka_unit_test(large_rows_are_refused_before_they_are_read),
        cmocka_unit_test(a_wrong_size_of_rows_is_malformed),
        cmocka_unit_test(changed_rows_are_damaged),
        cmocka_unit_test(nothing_goes_back),
        cmocka_unit_test(a_dormant_document_bars_the_way_back),
        cmocka_unit_test(a_raised_term_overrules),
        cmocka_unit_test(a_raised_term_with_the_same_keys_overrules_too),
        cmocka_unit_test(a_roots_term_never_falls),
        cmocka_unit_test(roots_are_walked_one_by_one),
        cmocka_unit_test(a_root_lists_one_seat),
        cmocka_unit_test(a_root_that_continues_another_is_a_fork),
        cmocka_unit_test(of_twins_the_lower_hash_counts),
        cmocka_unit_test(of_root_twins_too),
        cmocka_unit_test(twins_freeze_their_term),
        cmocka_unit_test(a_frozen_document_has_another_digest),
        cmocka_unit_test(the_lowest_of_all_twins_counts),
        cmocka_unit_test(twins_are_proved),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
