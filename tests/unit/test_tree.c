/* The signed tree: what it takes, and every way in which it must not be fooled.
 *
 *     C ── T1 ── V1, V2        admin keys: root 100, C 101, T1 102, T2 103
 *       └─ T2 ── V3            node keys: C 1, T1 2, T2 3, V1 4, V2 5, V3 6
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_fixture.h"

enum { ADMIN_ROOT = 100, ADMIN_C, ADMIN_T1, ADMIN_T2, ADMIN_STRANGER };

static struct hash the_tree; /* id of the usual tree */
static struct author_document root, branch_c, branch_t1, branch_t2;

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

static int documents_make(void **state)
{
    (void)state;
    struct document_envelope opened;
    root = document_make(
        &(struct test_document){.kind = DOCUMENT_ROOT, .signer = ADMIN_ROOT, .rows = {ROW_C}});
    assert_int_equal(document_open(span_of_buffer(&root.envelope), &opened, NULL), ERR_OK);
    the_tree = document_tree_id(opened.header);
    branch_c =
        document_make(&(struct test_document){BRANCH("C", ADMIN_C), .rows = {ROW_T1, ROW_T2}});
    branch_t1 =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .rows = {ROW_V1, ROW_V2}});
    branch_t2 = document_make(&(struct test_document){BRANCH("T2", ADMIN_T2), .rows = {ROW_V3}});
    return 0;
}

static int documents_drop(void **state)
{
    (void)state;
    author_document_clear(&root);
    author_document_clear(&branch_c);
    author_document_clear(&branch_t1);
    author_document_clear(&branch_t2);
    return 0;
}

static struct tree *tree_usual(void)
{
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root, NULL), ERR_OK);
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

static const char *shape_of(const struct tree *tree)
{
    static char shape[1024];
    shape[0] = '\0';
    shape_append(tree_root_seat(tree), shape, sizeof shape);
    return shape;
}

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
    assert_int_equal(offer_header(tree, &root, NULL), ERR_STALE);
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
                                 .predecessor = &root.hash,
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
    assert_int_equal(offer_header(tree, &root, NULL), ERR_STALE);
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
                                 .predecessor = &root.hash,
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
        assert_int_equal(offer_header(tree, &twins[1 - first], NULL),
                         first == lower ? ERR_STALE : ERR_OK);
        const struct held_document *held = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
        assert_true(hash_equal(&held->hash, &twins[lower].hash));
        assert_true(held->whole); /* the same rows: nothing needs to be sent again */
        assert_int_equal(tree_alarm_count(tree), 1);
        assert_int_equal(tree_former_root_count(tree), 1);
        tree_free(tree);
    }
    author_document_clear(&twins[0]);
    author_document_clear(&twins[1]);
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
    struct author_document release =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2,
                                              .rows = {{.seat = "V1",
                                                        .tier = 2,
                                                        .key = 4,
                                                        .generation = 1,
                                                        .status = SEAT_RELEASED,
                                                        .released_to = "T2"},
                                                       ROW_V2}});
    struct author_document accept = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 1}, ROW_V3}});
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
                .expires_ms = attempt,
                .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 2}}});
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
    struct author_document release =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2,
                                              .rows = {{.seat = "V1",
                                                        .tier = 2,
                                                        .key = 4,
                                                        .generation = 1,
                                                        .status = SEAT_RELEASED,
                                                        .released_to = "T7"}}});
    struct author_document accept = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 1}}});
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

static void changed_rows_are_damaged(void **state)
{
    (void)state;
    struct tree *tree = tree_new(&the_tree);
    assert_int_equal(offer(tree, &root, NULL), ERR_OK);
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

static void rows_are_kept_and_proved(void **state)
{
    (void)state;
    struct tree *tree = tree_new(&the_tree);
    struct buffer proof = {0};
    assert_int_equal(offer(tree, &root, NULL), ERR_OK);
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
    assert_int_equal(offer(village, &root, NULL), ERR_OK);
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
        root,
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
        document_make(&(struct test_document){
            BRANCH("T2", ADMIN_T2), .version = 2,
            .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 1}, ROW_V3}}),
        document_make(&(struct test_document){
            BRANCH("T2", ADMIN_T2), .version = 2, .expires_ms = 7,
            .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 1}, ROW_V3}}),
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
                                 .predecessor = &root.hash,
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
    assert_int_equal(tree_offer_rows(tree, DOCUMENT_BRANCH, seat, &rows, 1, 0, &no_proof, NULL),
                     ERR_MALFORMED);
    buffer_free(&envelope);
    buffer_free(&bytes);
    buffer_free(&row);
    tree_free(tree);
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
    assert_int_equal(offer_header(tree, &root, NULL), ERR_OK);
    assert_true(tree_change_count(tree) > count);
    count = tree_change_count(tree);
    assert_int_equal(offer_rows(tree, &root, NULL), ERR_OK);
    assert_true(tree_change_count(tree) > count);
    count = tree_change_count(tree);
    assert_int_equal(offer(tree, &root, NULL), ERR_STALE);
    assert_int_equal(tree_change_count(tree), count);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_built_from_documents),
        cmocka_unit_test(seats_and_keys_are_found),
        cmocka_unit_test(every_attack_is_refused_by_name),
        cmocka_unit_test(a_signature_over_another_context_is_forged),
        cmocka_unit_test(a_key_that_is_none_is_refused),
        cmocka_unit_test(large_rows_are_refused_before_they_are_read),
        cmocka_unit_test(nothing_goes_back),
        cmocka_unit_test(a_dormant_document_bars_the_way_back),
        cmocka_unit_test(a_raised_term_overrules),
        cmocka_unit_test(roots_are_walked_one_by_one),
        cmocka_unit_test(a_root_that_continues_another_is_a_fork),
        cmocka_unit_test(of_twins_the_lower_hash_counts),
        cmocka_unit_test(of_root_twins_too),
        cmocka_unit_test(expiry_is_the_earliest_on_the_path),
        cmocka_unit_test(loops_and_second_parents_take_nothing),
        cmocka_unit_test(a_released_seat_moves),
        cmocka_unit_test(a_seat_released_twice_goes_to_the_lower_hash),
        cmocka_unit_test(a_release_to_one_is_no_release_to_another),
        cmocka_unit_test(equal_counters_fall_to_the_lower_hash),
        cmocka_unit_test(a_newer_document_waits_for_its_rows),
        cmocka_unit_test(changed_rows_are_damaged),
        cmocka_unit_test(rows_are_kept_and_proved),
        cmocka_unit_test(generations_and_standbys_are_authors),
        cmocka_unit_test(a_row_of_later_times_is_kept_and_says_nothing),
        cmocka_unit_test(types_make_the_schema),
        cmocka_unit_test(digests_cover_what_a_link_needs),
        cmocka_unit_test(any_order_gives_the_same_tree),
        cmocka_unit_test(a_raised_term_with_the_same_keys_overrules_too),
        cmocka_unit_test(a_roots_term_never_falls),
        cmocka_unit_test(a_root_lists_one_seat),
        cmocka_unit_test(a_wrong_size_of_rows_is_malformed),
        cmocka_unit_test(a_seat_keeps_its_tier),
        cmocka_unit_test(equal_counters_fall_to_the_parent_nearer_the_root),
        cmocka_unit_test(only_the_newest_generation_links),
        cmocka_unit_test(changes_are_counted),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
