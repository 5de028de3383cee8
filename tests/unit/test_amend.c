/* Amendments of the usual tree: what they make is taken by it, and what it would refuse is refused
 * before anybody signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topology/amend.h"
#include "topology/gather.h"
#include "topology/trial.h"

#include "tests/unit/tree_usual.h"

enum { DAY = 24 * 3600 * 1000 };
static const struct amend_when now = {.now_ms = 1000, .expires_ms = AMEND_KEEP};

static struct amendment *begin(const struct tree *tree, const char *seat)
{
    struct error error = {0};
    struct amendment *amendment =
        amend_new(tree, seat == NULL ? DOCUMENT_ROOT : DOCUMENT_BRANCH,
                  seat == NULL ? SPAN_EMPTY : span_of_text(seat), &now, &error);
    if (amendment == NULL)
        fail_msg("%s", error.why);
    return amendment;
}

/* A row as an admin would describe it: seat, tier, key number. */
static struct seat_row described(const char *seat, uint8_t tier, unsigned key)
{
    struct seat_row row = {.tier = tier};
    struct test_key pair = key_number(key);
    strcpy(row.seat, seat);
    strcpy(row.name, seat);
    memcpy(row.signing_key, pair.public_key, KEY_BYTES);
    memcpy(row.link_key, pair.public_key, KEY_BYTES);
    row.link_key[0] ^= 0x55;
    return row;
}

static struct amend_keys keys_of(unsigned key)
{
    struct amend_keys keys = {0};
    struct seat_row row = described("x", 0, key);
    memcpy(keys.signing_key, row.signing_key, KEY_BYTES);
    memcpy(keys.link_key, row.link_key, KEY_BYTES);
    return keys;
}

/* Sign with admin key `signer`, offer it, free the amendment. */
static void publish(struct tree *tree, struct amendment *amendment, unsigned signer)
{
    struct error error = {0};
    struct author_document document;
    struct test_key admin = key_number(signer);
    const uint8_t(*secrets)[SECRET_BYTES] = (const uint8_t(*)[SECRET_BYTES]) & admin.secret;
    if (amend_sign(amendment, secrets, 1, &document, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    amend_free(amendment);
    if (offer(tree, &document, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    author_document_clear(&document);
}

static void must(enum error_code code, const struct error *error)
{
    if (code != ERR_OK)
        fail_msg("%s: %s", error->what, error->why);
}

static void refused(enum error_code code, enum error_code expected, const struct error *error,
                    const char *words)
{
    assert_int_equal(code, expected);
    assert_int_equal(error->code, expected);
    if (strstr(error->why, words) == NULL)
        fail_msg("'%s' is not in: %s", words, error->why);
}

static void a_village_is_admitted(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "T1");
    struct seat_row row = described("V0", 2, 20);
    must(amend_admit(amendment, &row, &error), &error);
    assert_int_equal(amend_row_count(amendment), 3);
    publish(tree, amendment, ADMIN_T1);
    assert_string_equal(shape_of(tree), "C(T1(V0 V1 V2) T2(V3))");
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->version, 2);
    assert_int_equal(seat_named(tree, "V0")->row.generation, 1);
    assert_int_equal(tree_alarm_count(tree), 0);
    tree_free(tree);
}

static void a_township_is_admitted_and_admits(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "C");
    struct seat_row row = described("T3", 1, 21), village = described("V9", 2, 22);
    struct test_key admin = key_number(120);
    row.admins = admin_keys_of(1, admin.public_key, 1);
    must(amend_admit(amendment, &row, &error), &error);
    publish(tree, amendment, ADMIN_C);
    amendment = begin(tree, "T3"); /* it has no document yet */
    must(amend_admit(amendment, &village, &error), &error);
    publish(tree, amendment, 120);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3) T3(V9))");
    tree_free(tree);
}

static void what_can_not_stand_is_not_admitted(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "T1");
    struct seat_row row = described("V1", 2, 20);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "in the tree already");
    row = described("V3", 2, 20);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "listed by T2");
    row = described("V9", 1, 20);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "is not below");
    row = described("V9", 3, 20);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "only 3 tiers");
    row = described("V9", 2, 6);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "those of seat V3");
    row = described("V9", 2, 20);
    memcpy(row.link_key, described("x", 0, 5).link_key, KEY_BYTES);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "those of seat V2");
    row = described("V9", 2, 20);
    memset(row.signing_key, 0, KEY_BYTES);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "signing key");
    row = described("", 2, 20);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "1 to 32 bytes");
    row = described("V9", 2, 20);
    row.standby = true;
    refused(amend_admit(amendment, &row, &error), ERR_NOT_FOUND, &error, "not below T1");
    struct test_key admin = key_number(120);
    uint8_t twice[2][KEY_BYTES];
    memcpy(twice[0], admin.public_key, KEY_BYTES);
    memcpy(twice[1], admin.public_key, KEY_BYTES);
    row = described("V9", 2, 20);
    row.admins = admin_keys_of(1, twice[0], 2);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "twice");
    assert_int_equal(amend_row_count(amendment), 2);
    amend_free(amendment);
    tree_free(tree);
}

static void amendments_begin_where_a_whole_document_is(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_new(&the_tree);
    assert_null(amend_new(tree, DOCUMENT_ROOT, SPAN_EMPTY, &now, &error));
    assert_int_equal(error.code, ERR_NOT_FOUND);
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer_header(tree, &branch_c, NULL), ERR_OK);
    assert_int_equal(offer_row(tree, &branch_c, 0, NULL), ERR_OK);
    assert_null(amend_new(tree, DOCUMENT_BRANCH, span_of_text("C"), &now, &error));
    assert_int_equal(error.code, ERR_PARKED);
    assert_null(amend_new(tree, DOCUMENT_BRANCH, span_of_text("T9"), &now, &error));
    assert_int_equal(error.code, ERR_NOT_FOUND);
    tree_free(tree);
    tree = tree_usual();
    assert_null(amend_new(tree, DOCUMENT_BRANCH, span_of_text("V1"), &now, &error));
    assert_int_equal(error.code, ERR_NOT_ALLOWED);
    tree_free(tree);
}

static void a_machine_is_replaced(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "C");
    struct amend_keys keys = keys_of(30);
    struct buffer places = {0};
    struct hash hash = {{7}};
    struct cut_off place = {.epoch = 65536, .stream = 1, .seq = 12, .hash = hash.bytes}, found;
    cut_off_encode(&place, 1, &places);
    struct amend_cut_off cut_off = {.places = span_of_buffer(&places)};
    must(amend_replace(amendment, span_of_text("T1"), &keys, false, &cut_off, &error), &error);
    refused(amend_replace(amendment, span_of_text("T9"), &keys, false, NULL, &error), ERR_NOT_FOUND,
            &error, "not below C");
    refused(amend_replace(amendment, span_of_text("T2"), &keys, false, NULL, &error),
            ERR_NOT_ALLOWED, &error, "those of seat T1");
    publish(tree, amendment, ADMIN_C);
    buffer_free(&places);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))"); /* what is below it stays */
    assert_int_equal(seat_named(tree, "T1")->row.generation, 2);
    assert_memory_equal(seat_named(tree, "T1")->row.signing_key, keys.signing_key, KEY_BYTES);
    const struct author *old = tree_author(tree, key_id_of(key_number(2).public_key));
    assert_int_equal(old->status, SEAT_RETIRED);
    assert_true(cut_off_at(old->cut_off, 0, &found));
    assert_int_equal(found.seq, 12);
    assert_false(cut_off_at(old->cut_off, 1, &found));
    tree_free(tree);
}

/* Another signing key alone: the link key may be the one that the seat has, and nobody else's. */
static void a_machine_gets_another_key(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "C");
    struct amend_keys keys = keys_of(30);
    memcpy(keys.link_key, seat_named(tree, "T1")->row.link_key, KEY_BYTES);
    refused(amend_replace(amendment, span_of_text("T1"), &keys, false, NULL, &error),
            ERR_NOT_ALLOWED, &error, "those of seat T1");
    keys.same_machine = true;
    refused(amend_replace(amendment, span_of_text("T2"), &keys, false, NULL, &error),
            ERR_NOT_ALLOWED, &error, "those of seat T1");
    must(amend_replace(amendment, span_of_text("T1"), &keys, false, NULL, &error), &error);
    publish(tree, amendment, ADMIN_C);
    assert_int_equal(seat_named(tree, "T1")->row.generation, 2);
    assert_ptr_equal(tree_seat_by_link_key(tree, keys.link_key), seat_named(tree, "T1"));
    tree_free(tree);
}

static void a_revoked_township_keeps_its_villages_and_comes_back_with_new_keys(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "C");
    must(amend_end(amendment, span_of_text("T1"), false, SEAT_REVOKED, NULL, &error), &error);
    publish(tree, amendment, ADMIN_C);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(seat_named(tree, "T1")->row.status, SEAT_REVOKED);
    amendment = begin(tree, "C");
    struct amend_keys keys = keys_of(30);
    must(amend_replace(amendment, span_of_text("T1"), &keys, true, NULL, &error), &error);
    publish(tree, amendment, ADMIN_C);
    assert_int_equal(seat_named(tree, "T1")->row.status, SEAT_ACTIVE);
    assert_int_equal(tree_author(tree, key_id_of(key_number(2).public_key))->status, SEAT_REVOKED);
    tree_free(tree);
}

static void a_seat_moves_by_release_and_acceptance(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "T2");
    struct span v1 = span_of_text("V1"), t2 = span_of_text("T2");
    refused(amend_take_over(amendment, v1, NULL, 0, false, &error), ERR_NOT_ALLOWED, &error,
            "not released");
    refused(amend_take_over(amendment, span_of_text("V9"), NULL, 0, false, &error), ERR_NOT_FOUND,
            &error, "isn't here");
    amend_free(amendment);
    amendment = begin(tree, "T1");
    refused(amend_release(amendment, v1, v1, &error), ERR_NOT_ALLOWED, &error, "is not lower");
    must(amend_release(amendment, v1, span_of_text("C"), &error), &error);
    publish(tree, amendment, ADMIN_T1);
    amendment = begin(tree, "T2");
    refused(amend_take_over(amendment, v1, NULL, 0, false, &error), ERR_NOT_ALLOWED, &error,
            "released to C");
    amend_free(amendment);
    amendment = begin(tree, "T1");
    must(amend_release(amendment, v1, t2, &error), &error);
    publish(tree, amendment, ADMIN_T1);
    amendment = begin(tree, "T2");
    must(amend_take_over(amendment, v1, NULL, 0, false, &error), &error);
    publish(tree, amendment, ADMIN_T2);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V1 V3))");
    assert_int_equal(seat_named(tree, "V1")->row.moves, 1);
    assert_int_equal(tree_alarm_count(tree), 0);
    /* and back */
    amendment = begin(tree, "T2");
    must(amend_release(amendment, v1, SPAN_EMPTY, &error), &error);
    publish(tree, amendment, ADMIN_T2);
    amendment = begin(tree, "T1");
    must(amend_take_over(amendment, v1, NULL, 0, false, &error), &error);
    publish(tree, amendment, ADMIN_T1);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(seat_named(tree, "V1")->row.moves, 2);
    tree_free(tree);
}

static unsigned admin_of(const char *seat)
{
    return seat[0] == 'C' ? ADMIN_C : seat[1] == '1' ? ADMIN_T1 : ADMIN_T2;
}

static void decide(struct tree *tree, const char *seat, const char *to, unsigned to_admin)
{
    struct error error = {0};
    struct amendment *amendment = begin(tree, "C");
    must(amend_decide(amendment, span_of_text(seat), span_of_text(to), 0, &error), &error);
    publish(tree, amendment, ADMIN_C);
    amendment = begin(tree, to);
    must(amend_take_over(amendment, span_of_text(seat), NULL, 0, false, &error), &error);
    publish(tree, amendment, to_admin);
}

static void release_and_take(struct tree *tree, const char *from, const char *to, bool to_anybody)
{
    struct error error = {0};
    struct span v1 = span_of_text("V1");
    struct amendment *amendment = begin(tree, from);
    must(amend_release(amendment, v1, to_anybody ? SPAN_EMPTY : span_of_text(to), &error), &error);
    publish(tree, amendment, admin_of(from));
    amendment = begin(tree, to);
    must(amend_take_over(amendment, v1, NULL, 0, false, &error), &error);
    publish(tree, amendment, admin_of(to));
}

/* A seat that comes back takes the row away that proved where it went from there (B190). */
static void a_seat_moves_to_and_fro_between_three(void **state)
{
    (void)state;
    static const char *const way[] = {"T1", "T2", "T1", "C",  "T1", "T2", "C",  "T2",
                                      "T1", "C",  "T2", "T1", "T2", "T1", "T2", "C"};
    struct tree *tree = tree_usual();
    for (size_t i = 1; i < sizeof way / sizeof *way; i++) {
        release_and_take(tree, way[i - 1], way[i], i % 3 == 0);
        const struct seat *v1 = seat_named(tree, "V1");
        assert_string_equal(v1->parent->row.seat, way[i]);
        assert_int_equal(v1->row.moves, i);
        assert_int_equal(tree_alarm_count(tree), 0);
    }
    struct error error = {0};
    struct amendment *amendment = begin(tree, "C"); /* another decision forgets nothing of it */
    must(amend_decide(amendment, span_of_text("V2"), span_of_text("T2"), 0, &error), &error);
    publish(tree, amendment, ADMIN_C);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V3) V1)");
    assert_int_equal(tree_alarm_count(tree), 0);
    tree_free(tree);
}

static void more_returns_than_a_header_remembers_are_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    for (int i = 0; i < DECISIONS_MAX; i++) {
        release_and_take(tree, "T1", "T2", false);
        release_and_take(tree, "T2", "T1", false);
    }
    struct span v1 = span_of_text("V1");
    release_and_take(tree, "T1", "T2", false);
    struct amendment *amendment = begin(tree, "T2");
    must(amend_release(amendment, v1, span_of_text("T1"), &error), &error);
    publish(tree, amendment, ADMIN_T2);
    amendment = begin(tree, "T1");
    refused(amend_take_over(amendment, v1, NULL, 0, false, &error), ERR_OVERSIZE, &error, "64");
    amend_free(amendment);
    decide(tree, "V1", "T1", ADMIN_T1);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    tree_free(tree);
}

static void acceptance_may_come_before_the_release(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct span v1 = span_of_text("V1");
    struct amendment *amendment = begin(tree, "T2");
    struct author_document acceptance;
    struct test_key admin = key_number(ADMIN_T2);
    must(amend_take_over(amendment, v1, NULL, 0, true, &error), &error);
    must(amend_sign(amendment, (const uint8_t(*)[SECRET_BYTES]) & admin.secret, 1, &acceptance,
                    &error),
         &error);
    amend_free(amendment);
    assert_int_equal(offer(tree, &acceptance, NULL), ERR_OK);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    amendment = begin(tree, "T1");
    must(amend_release(amendment, v1, span_of_text("T2"), &error), &error);
    publish(tree, amendment, ADMIN_T1);
    assert_string_equal(shape_of(tree), "C(T1(V2) T2(V1 V3))");
    author_document_clear(&acceptance);
    tree_free(tree);
}

static void a_seat_above_both_decides_a_move(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct span v1 = span_of_text("V1"), t2 = span_of_text("T2");
    struct move_decision decision;
    struct amendment *amendment = begin(tree, "T2");
    refused(amend_decide(amendment, v1, t2, 0, &error), ERR_NOT_FOUND, &error, "not below T2");
    amend_free(amendment);
    amendment = begin(tree, "C");
    refused(amend_decide(amendment, t2, v1, 0, &error), ERR_NOT_ALLOWED, &error, "is not lower");
    must(amend_decide(amendment, v1, span_of_text("C"), 7, &error), &error);
    must(amend_decide(amendment, v1, t2, 0, &error), &error);
    assert_true(move_decision_at(amend_header(amendment)->decisions, 0, &decision));
    assert_int_equal(decision.counter, 1);
    assert_true(span_equal(decision.to, t2));
    assert_false(move_decision_at(amend_header(amendment)->decisions, 1, &decision));
    publish(tree, amendment, ADMIN_C);
    amendment = begin(tree, "C");
    refused(amend_decide(amendment, v1, t2, 1, &error), ERR_STALE, &error, "must be 2");
    amend_free(amendment);
    amendment = begin(tree, "T2");
    must(amend_take_over(amendment, v1, NULL, 0, false, &error), &error);
    bool found = false;
    for (size_t i = 0; i < amend_row_count(amendment); i++) {
        const struct seat_row *row = amend_row(amendment, i);
        found = found || (strcmp(row->seat, "V1") == 0 && row->moves == 1);
    }
    assert_true(found);
    amend_free(amendment);
    tree_free(tree);
}

/* To and fro, and again: no listing loses what proves it, so nobody's tree sees a mere claim. */
static void what_was_decided_is_decided_back(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    for (unsigned i = 0; i < 3; i++) {
        decide(tree, "V1", "T2", ADMIN_T2);
        assert_string_equal(shape_of(tree), "C(T1(V2) T2(V1 V3))");
        decide(tree, "V1", "T1", ADMIN_T1);
        assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    }
    decide(tree, "V3", "T1", ADMIN_T1); /* a decision about another one takes no proof away */
    assert_string_equal(shape_of(tree), "C(T1(V1 V2 V3) T2)");
    assert_int_equal(tree_alarm_count(tree), 0);
    unsigned count = 0;
    struct move_decision decision;
    const struct held_document *county =
        tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"));
    while (move_decision_at(county->header.decisions, count, &decision))
        count++;
    assert_int_equal(count, 3); /* one a listing, not one a move */

    struct amendment *amendment = begin(tree, "C"); /* never followed: it goes */
    must(amend_decide(amendment, span_of_text("V2"), span_of_text("T2"), 0, &error), &error);
    publish(tree, amendment, ADMIN_C);
    amendment = begin(tree, "C");
    must(amend_decide(amendment, span_of_text("V2"), span_of_text("C"), 0, &error), &error);
    count = 0;
    while (move_decision_at(amend_header(amendment)->decisions, count, &decision))
        count++;
    assert_int_equal(count, 4);
    amend_free(amendment);
    tree_free(tree);
}

/* The county's document with a raised term, and then the township's first one of that term. */
static void a_township_is_overruled(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct test_key fresh = key_number(130);
    struct admin_keys admins = admin_keys_of(1, fresh.public_key, 1);
    struct hash accepted = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->hash;
    struct amendment *amendment = begin(tree, "C");
    must(amend_term(amendment, span_of_text("T1"), &admins, &error), &error);
    refused(amend_term(amendment, span_of_text("T9"), &admins, &error), ERR_NOT_FOUND, &error,
            "not below");
    publish(tree, amendment, ADMIN_C);
    assert_string_equal(shape_of(tree), "C(T1 T2(V3))");
    amendment = begin(tree, "T1");
    assert_int_equal(amend_header(amendment)->term, 2);
    assert_int_equal(amend_header(amendment)->version, 1);
    assert_true(hash_equal(&amend_header(amendment)->predecessor, &accepted));
    must(amend_name(amendment, span_of_text("V1"), span_of_text("the first"), &error), &error);
    publish(tree, amendment, 130);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_string_equal(seat_named(tree, "V1")->row.name, "the first");
    tree_free(tree);
}

/* County and township documents with an expiry each. */
static struct tree *tree_expiring(uint64_t county_ms, uint64_t township_ms)
{
    struct tree *tree = tree_new(&the_tree);
    struct author_document county = document_make(&(struct test_document){
        BRANCH("C", ADMIN_C), .expires_ms = county_ms, .rows = {ROW_T1, ROW_T2}});
    struct author_document township = document_make(&(struct test_document){
        BRANCH("T1", ADMIN_T1), .expires_ms = township_ms, .rows = {ROW_V1}});
    assert_int_equal(offer(tree, &root_usual, NULL), ERR_OK);
    assert_int_equal(offer(tree, &county, NULL), ERR_OK);
    assert_int_equal(offer(tree, &township, NULL), ERR_OK);
    author_document_clear(&county);
    author_document_clear(&township);
    return tree;
}

static enum error_code admit_at(const struct tree *tree, uint64_t now_ms, uint64_t expires_ms,
                                struct error *error)
{
    struct amend_when when = {.now_ms = now_ms, .expires_ms = expires_ms};
    struct amendment *amendment =
        amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &when, error);
    struct seat_row row = described("V9", 2, 20);
    struct author_document document = {0};
    enum error_code code = amend_admit(amendment, &row, error);
    if (code == ERR_OK)
        code = amend_finish(amendment, &document, error);
    author_document_clear(&document);
    amend_free(amendment);
    return code;
}

static void an_expired_delegation_admits_nobody(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_expiring(10 * (uint64_t)DAY, 0);
    assert_int_equal(admit_at(tree, 9 * (uint64_t)DAY, AMEND_KEEP, &error), ERR_OK);
    refused(admit_at(tree, 130 * (uint64_t)DAY, AMEND_KEEP, &error), ERR_NOT_ALLOWED, &error,
            "expired 120 days ago");
    /* it can't lengthen its own life, but it still takes keys away */
    refused(admit_at(tree, 130 * (uint64_t)DAY, 0, &error), ERR_NOT_ALLOWED, &error, "expired");
    struct amend_when late = {.now_ms = 130 * (uint64_t)DAY, .expires_ms = AMEND_KEEP};
    struct amendment *amendment =
        amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &late, &error);
    struct amend_keys keys = keys_of(30);
    refused(amend_replace(amendment, span_of_text("V1"), &keys, false, NULL, &error),
            ERR_NOT_ALLOWED, &error, "expired");
    must(amend_end(amendment, span_of_text("V1"), false, SEAT_REVOKED, NULL, &error), &error);
    publish(tree, amendment, ADMIN_T1);
    /* the county renews what it gives */
    struct amend_when renewed = {.now_ms = 131 * (uint64_t)DAY, .expires_ms = 500 * (uint64_t)DAY};
    amendment = amend_new(tree, DOCUMENT_BRANCH, span_of_text("C"), &renewed, &error);
    publish(tree, amendment, ADMIN_C);
    assert_int_equal(admit_at(tree, 132 * (uint64_t)DAY, AMEND_KEEP, &error), ERR_OK);
    tree_free(tree);
}

static void an_own_expiry_is_moved_by_its_own_signers(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_expiring(0, 10 * (uint64_t)DAY);
    refused(admit_at(tree, 11 * (uint64_t)DAY, AMEND_KEEP, &error), ERR_NOT_ALLOWED, &error,
            "would have expired");
    assert_int_equal(admit_at(tree, 11 * (uint64_t)DAY, 20 * (uint64_t)DAY, &error), ERR_OK);
    struct amend_when late = {.now_ms = 11 * (uint64_t)DAY, .expires_ms = AMEND_KEEP};
    struct amendment *amendment =
        amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &late, &error);
    must(amend_end(amendment, span_of_text("V1"), false, SEAT_RETIRED, NULL, &error), &error);
    publish(tree, amendment, ADMIN_T1);
    const struct held_document *held =
        tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
    assert_int_equal(held->header.issued_ms, 11 * (uint64_t)DAY);
    assert_int_equal(held->header.expires_ms, 11 * (uint64_t)DAY);
    tree_free(tree);
}

static void an_issue_date_never_goes_back(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct error error = {0};
    struct amend_when first = {.now_ms = 5000, .expires_ms = 0}, back = {.now_ms = 10};
    struct amendment *amendment =
        amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &first, &error);
    publish(tree, amendment, ADMIN_T1);
    amendment = amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &back, &error);
    assert_int_equal(amend_header(amendment)->issued_ms, 5000);
    amend_free(amendment);
    tree_free(tree);
}

static void endpoints_fallbacks_names_and_standbys(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "C");
    struct span t1 = span_of_text("T1");
    struct span urls[] = {span_of_text("tcp://10.0.0.1:7000"), span_of_text("tls://t1:7001")};
    struct span seats[] = {span_of_text("T2")}, empty[] = {SPAN_EMPTY};
    must(amend_endpoints(amendment, t1, urls, 2, &error), &error);
    must(amend_fallbacks(amendment, t1, seats, 1, &error), &error);
    must(amend_name(amendment, t1, span_of_text("芙蓉镇"), &error), &error);
    refused(amend_endpoints(amendment, t1, empty, 1, &error), ERR_NOT_ALLOWED, &error, "number 1");
    refused(amend_endpoints(amendment, t1, urls, 9, &error), ERR_NOT_ALLOWED, &error, "most is 8");
    refused(amend_fallbacks(amendment, t1, &t1, 1, &error), ERR_NOT_ALLOWED, &error, "itself");
    refused(amend_name(amendment, t1, span_of_text("a\nb"), &error), ERR_NOT_ALLOWED, &error,
            "printed");
    struct seat_row row = described("T1", 0, 40);
    row.standby = true;
    must(amend_admit(amendment, &row, &error), &error);
    refused(amend_admit(amendment, &row, &error), ERR_NOT_ALLOWED, &error, "a standby already");
    publish(tree, amendment, ADMIN_C);
    const struct seat *seat = seat_named(tree, "T1");
    assert_string_equal(seat->row.name, "芙蓉镇");
    assert_int_equal(seat->row.endpoints.count, 2);
    assert_true(span_equal(text_list_at(&seat->row.fallbacks, 0), seats[0]));
    assert_ptr_equal(tree_author(tree, key_id_of(key_number(40).public_key))->seat, seat);
    assert_int_equal(tree_alarm_count(tree), 0);
    tree_free(tree);
}

/* Two of three root keys; one is lost, and the other two put a new one in its place. */
static void a_lost_root_key_is_replaced_by_the_others(void **state)
{
    (void)state;
    struct error error = {0};
    struct test_admins three = admins_of(2, 3, 200);
    struct author_document root = document_make(&(struct test_document){
        .kind = DOCUMENT_ROOT, .signers = &three, .admins = &three, .rows = {ROW_C}});
    struct document_envelope opened;
    assert_int_equal(document_open(span_of_buffer(&root.envelope), &opened, NULL), ERR_OK);
    struct hash id = document_tree_id(opened.header);
    struct tree *tree = tree_new(&id);
    assert_int_equal(offer(tree, &root, NULL), ERR_OK);
    struct test_admins next = three;
    struct test_key fresh = key_number(300);
    memcpy(next.keys[2], fresh.public_key, KEY_BYTES);
    struct admin_keys admins = admins_listed(&next);
    struct amendment *amendment = begin(tree, NULL);
    must(amend_root_admins(amendment, &admins, &error), &error);
    must(amend_add_tier(amendment, span_of_text("household"), &error), &error);
    refused(amend_add_tier(amendment, span_of_text("county"), &error), ERR_NOT_ALLOWED, &error,
            "there already");
    struct author_document draft;
    must(amend_finish(amendment, &draft, &error), &error);
    amend_free(amendment);
    assert_int_equal(offer_header(tree, &draft, NULL), ERR_FORGED); /* nobody has signed */

    struct gathered gathered;
    struct buffer envelope = {0};
    buffer_append_span(&envelope, span_of_buffer(&draft.envelope));
    for (unsigned i = 0; i < 2; i++) {
        struct buffer more = {0};
        assert_int_equal(document_open(span_of_buffer(&envelope), &opened, NULL), ERR_OK);
        must(gather_look(tree, &opened, &gathered, &error), &error);
        assert_int_equal(gathered.set_count, 2);
        assert_int_equal(gathered.missing, 2 - i);
        must(gather_sign(span_of_buffer(&envelope), three.secrets[i], &more, &error), &error);
        assert_int_equal(gather_sign(span_of_buffer(&more), three.secrets[i], &envelope, &error),
                         ERR_STALE);
        buffer_free(&envelope);
        envelope = more;
    }
    assert_int_equal(document_open(span_of_buffer(&envelope), &opened, NULL), ERR_OK);
    must(gather_look(tree, &opened, &gathered, &error), &error);
    assert_int_equal(gathered.missing, 0);
    assert_int_equal(gathered.sets[0].signed_bits, 3);
    assert_int_equal(gathered.foreign, 0);
    buffer_free(&draft.envelope);
    draft.envelope = envelope;
    must(offer(tree, &draft, &error), &error);
    assert_int_equal(tree_tier_count(tree), 4);
    author_document_clear(&draft);
    author_document_clear(&root);
    tree_free(tree);
}

static void foreign_and_changed_signatures_do_not_count(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct amendment *amendment = begin(tree, "T1");
    struct author_document draft;
    struct buffer once = {0}, twice = {0};
    struct document_envelope opened;
    struct gathered gathered;
    must(amend_finish(amendment, &draft, &error), &error);
    amend_free(amendment);
    must(gather_sign(span_of_buffer(&draft.envelope), key_number(ADMIN_STRANGER).secret, &once,
                     &error),
         &error);
    must(gather_sign(span_of_buffer(&once), key_number(ADMIN_T1).secret, &twice, &error), &error);
    assert_int_equal(document_open(span_of_buffer(&once), &opened, NULL), ERR_OK);
    must(gather_look(tree, &opened, &gathered, &error), &error);
    assert_int_equal(gathered.missing, 1);
    assert_int_equal(gathered.foreign, 1);
    assert_int_equal(document_open(span_of_buffer(&twice), &opened, NULL), ERR_OK);
    must(gather_look(tree, &opened, &gathered, &error), &error);
    assert_int_equal(gathered.missing, 0);
    for (unsigned i = 0; i < opened.signature_count; i++)
        *(uint8_t *)(uintptr_t)opened.signatures[i] ^= 1;
    must(gather_look(tree, &opened, &gathered, &error), &error);
    assert_int_equal(gathered.missing, 1);
    assert_int_equal(gathered.foreign, 2);
    buffer_free(&once);
    buffer_free(&twice);
    author_document_clear(&draft);
    tree_free(tree);
}

/* Two documents of one version: the seat above begins another term, and both see it. */
static void a_frozen_document_is_amended_in_the_next_term(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct author_document twin =
        document_make(&(struct test_document){BRANCH("T1", ADMIN_T1), .rows = {ROW_V2}});
    (void)offer(tree, &twin, NULL);
    assert_true(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"))->frozen);
    assert_null(amend_new(tree, DOCUMENT_BRANCH, span_of_text("T1"), &now, &error));
    assert_int_equal(error.code, ERR_FORK);
    author_document_clear(&twin);
    /* whoever signs in spite of it is told so by the trial */
    struct author_document next = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = 2, .rows = {ROW_V1}});
    assert_int_not_equal(trial_document(tree, &next, &error), ERR_OK);
    author_document_clear(&next);
    struct amendment *amendment = begin(tree, "C");
    must(amend_term(amendment, span_of_text("T1"), NULL, &error), &error);
    publish(tree, amendment, ADMIN_C);
    publish(tree, begin(tree, "T1"), ADMIN_T1);
    const struct held_document *held =
        tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("T1"));
    assert_false(held->frozen);
    assert_int_equal(held->term, 2);
    tree_free(tree);
}

static void a_frozen_root_goes_on_in_the_next_term(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    publish(tree, begin(tree, NULL), ADMIN_ROOT);
    struct hash first = root_usual.hash;
    struct author_document twin = document_make(&(struct test_document){.tree_id = &the_tree,
                                                                        .kind = DOCUMENT_ROOT,
                                                                        .version = 2,
                                                                        .predecessor = &first,
                                                                        .signer = ADMIN_ROOT,
                                                                        .expires_ms = 1 << 20,
                                                                        .rows = {ROW_C}});
    (void)offer(tree, &twin, NULL);
    author_document_clear(&twin);
    assert_true(tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY)->frozen);
    struct amendment *amendment = begin(tree, NULL);
    assert_int_equal(amend_header(amendment)->term, 2);
    assert_int_equal(amend_header(amendment)->version, 3);
    publish(tree, amendment, ADMIN_ROOT);
    assert_false(tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY)->frozen);
    assert_int_equal(error.code, ERR_OK);
    tree_free(tree);
}

/* What no single change can see is seen by the trial. */
static void the_trial_sees_what_the_tree_would_refuse(void **state)
{
    (void)state;
    struct error error = {0};
    struct tree *tree = tree_usual();
    struct author_document claim = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .version = 2,
        .rows = {{.seat = "V1", .tier = 2, .key = 4, .generation = 1, .moves = 99}, ROW_V3}});
    assert_int_equal(trial_document(tree, &claim, &error), ERR_NOT_ALLOWED);
    assert_string_equal(shape_of(tree), "C(T1(V1 V2) T2(V3))");
    assert_int_equal(tree_alarm_count(tree), 0); /* nothing has happened to the tree itself */
    author_document_clear(&claim);
    struct author_document old = document_make(&(struct test_document){
        BRANCH("T2", ADMIN_T2), .rows = {{.seat = "V4", .tier = 2, .key = 9, .generation = 1}}});
    assert_int_not_equal(trial_document(tree, &old, &error), ERR_OK); /* a twin */
    author_document_clear(&old);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_village_is_admitted),
        cmocka_unit_test(a_township_is_admitted_and_admits),
        cmocka_unit_test(what_can_not_stand_is_not_admitted),
        cmocka_unit_test(amendments_begin_where_a_whole_document_is),
        cmocka_unit_test(a_machine_is_replaced),
        cmocka_unit_test(a_machine_gets_another_key),
        cmocka_unit_test(a_revoked_township_keeps_its_villages_and_comes_back_with_new_keys),
        cmocka_unit_test(a_seat_moves_by_release_and_acceptance),
        cmocka_unit_test(a_seat_moves_to_and_fro_between_three),
        cmocka_unit_test(more_returns_than_a_header_remembers_are_refused),
        cmocka_unit_test(acceptance_may_come_before_the_release),
        cmocka_unit_test(a_seat_above_both_decides_a_move),
        cmocka_unit_test(what_was_decided_is_decided_back),
        cmocka_unit_test(a_township_is_overruled),
        cmocka_unit_test(an_expired_delegation_admits_nobody),
        cmocka_unit_test(an_own_expiry_is_moved_by_its_own_signers),
        cmocka_unit_test(an_issue_date_never_goes_back),
        cmocka_unit_test(endpoints_fallbacks_names_and_standbys),
        cmocka_unit_test(a_lost_root_key_is_replaced_by_the_others),
        cmocka_unit_test(foreign_and_changed_signatures_do_not_count),
        cmocka_unit_test(a_frozen_document_is_amended_in_the_next_term),
        cmocka_unit_test(a_frozen_root_goes_on_in_the_next_term),
        cmocka_unit_test(the_trial_sees_what_the_tree_would_refuse),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, documents_make, documents_drop);
}
