/* Whether a place counts: keys in force, keys cut off, keys that no document lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_usual.h"

enum { EPOCH = 65537 };

static struct key_id key_of(unsigned number)
{
    return key_id_of(key_number(number).public_key);
}

/* T1's second document: V1's key 4 stands there with this status, cut off at stream 1, place 100
 * and stream 2, place 40; its statements count up to 7, its reports up to 9. */
static struct author_document cut_off_document(enum seat_status status, uint64_t version,
                                               const uint8_t hash[static HASH_BYTES])
{
    struct buffer places = {0}, notes = {0};
    cut_off_encode((const struct cut_off[]){{EPOCH, 1, 100, hash}, {EPOCH, 2, 40, hash}}, 2,
                   &places);
    trusted_notes_encode(&(struct trusted_notes){EPOCH, 7, 9}, 1, &notes);
    struct author_document document = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = version,
                                .rows = {{.seat = "V1",
                                          .tier = 2,
                                          .key = 4,
                                          .generation = 1,
                                          .status = status,
                                          .cut_off = span_of_buffer(&places),
                                          .notes = span_of_buffer(&notes)},
                                         {.seat = "V1", .tier = 2, .key = 40, .generation = 2},
                                         ROW_V2}});
    buffer_free(&places);
    buffer_free(&notes);
    return document;
}

static const uint8_t last_hash[HASH_BYTES] = {7, 7, 7};

/* History 27, threat 70: the list names each stream; what isn't listed isn't trusted. */
static void what_lies_below_the_cut_off_counts(void **state)
{
    (void)state;
    static const enum seat_status statuses[] = {SEAT_RETIRED, SEAT_REVOKED};
    for (size_t i = 0; i < 2; i++) {
        struct author_document document = cut_off_document(statuses[i], 2, last_hash);
        struct tree *tree = tree_usual();
        struct key_id id = key_of(4);
        assert_int_equal(tree_trust(tree, id, EPOCH, 1, 1000), TRUST_COUNTS);
        assert_int_equal(offer(tree, &document, NULL), ERR_OK);
        assert_int_equal(tree_trust(tree, id, EPOCH, 1, 99), TRUST_COUNTS);
        assert_int_equal(tree_trust(tree, id, EPOCH, 1, 100), TRUST_CUT);
        assert_int_equal(tree_trust(tree, id, EPOCH, 2, 39), TRUST_COUNTS);
        assert_int_equal(tree_trust(tree, id, EPOCH, 2, 40), TRUST_CUT);
        assert_int_equal(tree_trust(tree, id, EPOCH, 3, 0), TRUST_CUT);
        assert_int_equal(tree_trust(tree, id, EPOCH + 1, 1, 0), TRUST_CUT);
        assert_int_equal(tree_trust(tree, key_of(40), EPOCH + 1, 1, 0), TRUST_COUNTS);
        author_document_clear(&document);
        tree_free(tree);
    }
}

static void the_cut_off_names_the_branch(void **state)
{
    (void)state;
    struct author_document document = cut_off_document(SEAT_REVOKED, 2, last_hash);
    struct tree *tree = tree_usual();
    uint32_t seq = 1;
    struct hash hash;
    assert_false(tree_cut_off_of(tree, key_of(4), EPOCH, 1, &seq, &hash));
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    assert_true(tree_cut_off_of(tree, key_of(4), EPOCH, 2, &seq, &hash));
    assert_int_equal(seq, 40);
    assert_memory_equal(hash.bytes, last_hash, HASH_BYTES);
    assert_true(tree_cut_off_of(tree, key_of(4), EPOCH, 3, &seq, &hash));
    assert_int_equal(seq, 0);
    assert_true(hash_equal(&hash, &hash_zero));
    assert_false(tree_cut_off_of(tree, key_of(40), EPOCH, 1, &seq, &hash));
    assert_false(tree_cut_off_of(tree, key_of(77), EPOCH, 1, &seq, &hash));
    author_document_clear(&document);
    tree_free(tree);
}

/* A27: a thief's report with a huge number is cut off like his entries. */
static void notes_are_cut_off_too(void **state)
{
    (void)state;
    struct author_document document = cut_off_document(SEAT_REVOKED, 2, last_hash);
    struct tree *tree = tree_usual();
    struct key_id id = key_of(4);
    assert_int_equal(tree_trust_report(tree, id, EPOCH, 999), TRUST_COUNTS);
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    assert_int_equal(tree_trust_statement(tree, id, EPOCH, 7), TRUST_COUNTS);
    assert_int_equal(tree_trust_statement(tree, id, EPOCH, 8), TRUST_CUT);
    assert_int_equal(tree_trust_report(tree, id, EPOCH, 9), TRUST_COUNTS);
    assert_int_equal(tree_trust_report(tree, id, EPOCH, 10), TRUST_CUT);
    assert_int_equal(tree_trust_report(tree, id, EPOCH + 1, 1), TRUST_CUT);
    assert_int_equal(tree_trust_report(tree, key_of(40), EPOCH + 1, 999), TRUST_COUNTS);
    assert_int_equal(tree_trust_report(tree, key_of(77), EPOCH, 1), TRUST_PENDING);
    author_document_clear(&document);
    tree_free(tree);
}

/* A25: a key that no document in force lists is neither trusted nor excluded. */
static void a_key_that_nobody_lists_is_pending(void **state)
{
    (void)state;
    struct author_document without = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V2}});
    struct tree *tree = tree_usual();
    assert_int_equal(tree_trust(tree, key_of(77), EPOCH, 1, 0), TRUST_PENDING);
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 1, 0), TRUST_COUNTS);
    assert_int_equal(offer(tree, &without, NULL), ERR_OK);
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 1, 0), TRUST_PENDING);
    author_document_clear(&without);
    tree_free(tree);
}

/* A cut-off that a later document raises or lowers counts as it says by then. */
static void the_newest_document_says_where_the_cut_off_is(void **state)
{
    (void)state;
    struct author_document cut = cut_off_document(SEAT_REVOKED, 2, last_hash);
    struct author_document back = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 3, .rows = {ROW_V1, ROW_V2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &cut, NULL), ERR_OK);
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 9, 0), TRUST_CUT);
    assert_int_equal(offer(tree, &back, NULL), ERR_OK);
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 9, 0), TRUST_COUNTS);
    assert_int_equal(tree_trust(tree, key_of(40), EPOCH, 1, 0), TRUST_PENDING);
    author_document_clear(&cut);
    author_document_clear(&back);
    tree_free(tree);
}

/* Who has been released and not been taken over yet works on. */
static void a_released_key_is_in_force(void **state)
{
    (void)state;
    struct author_document release = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1_RELEASED_TO("T2"), ROW_V2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &release, NULL), ERR_OK);
    const struct seat *v1 = seat_named(tree, "V1");
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 1, 5), TRUST_COUNTS);
    assert_ptr_equal(tree_seat_by_link_key(tree, v1->row.link_key), v1);
    author_document_clear(&release);
    tree_free(tree);
}

/* History 24: a village that the old term admitted beyond what the new one accepts is pending, and
 * counts again when the new term lists it with the same key. */
static void what_the_old_term_admitted_waits(void **state)
{
    (void)state;
    static const struct test_row v9 = {.seat = "V9", .tier = 2, .key = 9, .generation = 1};
    struct test_row t1 = ROW_T1, t2 = ROW_T2, v1 = ROW_V1, v2 = ROW_V2;
    t1.admin = 150;
    t1.term = 2;
    struct author_document admitted = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 5, .rows = {v1, v2, v9}});
    struct author_document raised = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 2, .rows = {t1, t2}});
    struct author_document first = document_make(&(struct test_document){
        BRANCH("T1", 150), .term = 2, .predecessor = &branch_t1.hash, .rows = {v1, v2}});
    struct author_document again[2];
    for (size_t i = 0; i < 2; i++)
        again[i] = document_make(&(struct test_document){BRANCH("T1", 150), .term = 2, .version = 2,
                                                         .expires_ms = i, .rows = {v1, v2, v9}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &admitted, NULL), ERR_OK);
    assert_int_equal(tree_trust(tree, key_of(9), EPOCH, 1, 0), TRUST_COUNTS);
    assert_int_equal(offer(tree, &raised, NULL), ERR_OK);
    assert_int_equal(offer(tree, &first, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))"); /* nobody is frozen */
    assert_int_equal(tree_trust(tree, key_of(9), EPOCH, 1, 0), TRUST_PENDING);
    assert_int_equal(tree_trust(tree, key_of(4), EPOCH, 1, 0), TRUST_COUNTS);
    assert_int_equal(offer(tree, &admitted, NULL), ERR_STALE); /* the old term is over */
    assert_int_equal(offer(tree, &again[0], NULL), ERR_OK);
    assert_int_equal(tree_trust(tree, key_of(9), EPOCH, 1, 0), TRUST_COUNTS);
    (void)offer(tree, &again[1], NULL);
    const struct held_document *held =
        tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
    bool lower = hash_compare(&again[0].hash, &again[1].hash) < 0;
    assert_true(held->frozen && hash_equal(&held->hash, &again[lower ? 0 : 1].hash));
    assert_int_equal(tree_trust(tree, key_of(9), EPOCH, 1, 0), TRUST_COUNTS);
    author_document_clear(&admitted);
    author_document_clear(&raised);
    author_document_clear(&first);
    author_document_clear(&again[0]);
    author_document_clear(&again[1]);
    tree_free(tree);
}

/* C raises T1's term and then turns out to have signed twice before: the raised term is void, and
 * T1's document of the first one counts again, wherever what it had signed since is known. Were
 * that to bar the way, T1 would have a document for those alone who heard of the twins early. */
static void a_raised_term_that_is_void_bars_nothing(void **state)
{
    (void)state;
    struct test_row raised_row = ROW_T1, t1 = ROW_T1, t2 = ROW_T2;
    struct author_document twins[2], raised, first;
    raised_row.admin = 150;
    raised_row.term = 2;
    for (size_t i = 0; i < 2; i++)
        twins[i] = document_make(&(struct test_document){BRANCH("C", ADMIN_C), .version = 2,
                                                         .expires_ms = i, .rows = {t1, t2}});
    raised = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 3, .rows = {raised_row, t2}});
    first = document_make(
        &(struct test_document){BRANCH("T1", 150), .term = 2, .rows = {ROW_V1, ROW_V2}});
    struct tree *late = tree_usual(), *early = tree_usual();
    assert_int_equal(offer(late, &raised, NULL), ERR_OK);
    assert_int_equal(offer(late, &first, NULL), ERR_OK);
    assert_int_equal(tree_offer_twins(late, span_of_buffer(&twins[0].envelope),
                                      span_of_buffer(&twins[1].envelope), NULL),
                     ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        (void)offer(late, &twins[i], NULL);
        (void)offer(early, &twins[i], NULL);
        if (tree_has_document(late, DOCUMENT_BRANCH, span_of_text("C"), &twins[i].hash))
            (void)offer_rows(late, &twins[i], NULL);
    }
    assert_int_equal(offer(early, &raised, NULL), ERR_STALE);
    assert_int_equal(offer(early, &first, NULL), ERR_PARKED);
    assert_string_equal(shape_of(early), "C(T1(V1 V2) T2(V3))");
    assert_string_equal(shape_of(late), "C(T1 T2(V3))"); /* until T1's is heard again */
    assert_int_equal(offer(late, &branch_t1, NULL), ERR_OK);
    assert_string_equal(shape_of(late), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(offer(late, &first, NULL), ERR_PARKED);
    author_document_clear(&twins[0]);
    author_document_clear(&twins[1]);
    author_document_clear(&raised);
    author_document_clear(&first);
    tree_free(late);
    tree_free(early);
}

/* T1's older document of a term doesn't come back by a change of keys that it wasn't signed with.
 */
static void other_keys_in_one_term_bar_nothing_of_theirs(void **state)
{
    (void)state;
    struct test_row other = ROW_T1, t2 = ROW_T2;
    other.admin = 150;
    struct author_document later = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 7, .rows = {ROW_V1}});
    struct author_document c = document_make(
        &(struct test_document){BRANCH("C", ADMIN_C), .version = 2, .rows = {other, t2}});
    struct author_document begun =
        document_make(&(struct test_document){BRANCH("T1", 150), .version = 2, .rows = {ROW_V2}});
    struct tree *tree = tree_usual();
    assert_int_equal(offer(tree, &later, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_STALE);
    assert_int_equal(offer(tree, &c, NULL), ERR_OK);
    assert_int_equal(offer(tree, &branch_t1, NULL), ERR_FORGED); /* not with the keys of now */
    assert_int_equal(offer(tree, &begun, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V3))");
    author_document_clear(&later);
    author_document_clear(&c);
    author_document_clear(&begun);
    tree_free(tree);
}

static void lists_are_read_back_and_bounded(void **state)
{
    (void)state;
    struct buffer notes = {0}, decisions = {0}, bytes = {0};
    struct trusted_notes one;
    struct move_decision decision;
    trusted_notes_encode((const struct trusted_notes[]){{1, 2, 3}, {4, 5, UINT64_MAX}}, 2, &notes);
    assert_true(trusted_notes_at(span_of_buffer(&notes), 1, &one));
    assert_true(one.epoch == 4 && one.statement == 5 && one.report == UINT64_MAX);
    assert_false(trusted_notes_at(span_of_buffer(&notes), 2, &one));
    assert_false(trusted_notes_at(SPAN_EMPTY, 0, &one));
    move_decisions_encode(&(struct move_decision){span_of_text("V1"), span_of_text("T2"), 3}, 1,
                          &decisions);
    static const enum document_kind kinds[] = {DOCUMENT_ROOT, DOCUMENT_BRANCH};
    for (size_t i = 0; i < 2; i++) {
        struct buffer tiers = {0};
        struct span tier = span_of_text("county");
        struct test_admins admins = admins_of(1, 1, ADMIN_C);
        text_list_encode(&tier, 1, &tiers);
        struct document_header header = {.kind = kinds[i],
                                         .tree_id = the_tree,
                                         .version = 2,
                                         .has_predecessor = true,
                                         .tiers = text_list_of(span_of_buffer(&tiers)),
                                         .admins = admins_listed(&admins),
                                         .decisions = span_of_buffer(&decisions)};
        struct document_header read;
        strcpy(header.seat, kinds[i] == DOCUMENT_BRANCH ? "C" : "");
        buffer_clear(&bytes);
        document_header_encode(&header, &bytes);
        assert_int_equal(document_header_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
        assert_true(move_decision_at(read.decisions, 0, &decision));
        assert_true(span_equal(decision.seat, span_of_text("V1")));
        assert_true(span_equal(decision.to, span_of_text("T2")));
        assert_int_equal(decision.counter, 3);
        assert_false(move_decision_at(read.decisions, 1, &decision));
        buffer_free(&tiers);
    }
    buffer_free(&notes);
    buffer_free(&decisions);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_below_the_cut_off_counts),
        cmocka_unit_test(the_cut_off_names_the_branch),
        cmocka_unit_test(notes_are_cut_off_too),
        cmocka_unit_test(a_key_that_nobody_lists_is_pending),
        cmocka_unit_test(the_newest_document_says_where_the_cut_off_is),
        cmocka_unit_test(a_released_key_is_in_force),
        cmocka_unit_test(what_the_old_term_admitted_waits),
        cmocka_unit_test(a_raised_term_that_is_void_bars_nothing),
        cmocka_unit_test(other_keys_in_one_term_bar_nothing_of_theirs),
        cmocka_unit_test(lists_are_read_back_and_bounded),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
