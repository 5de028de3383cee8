/* Tokens and invitations: what a token opens, for whom, how often, and what is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/author/invite_answer.h"
#include "node/author/pack.h"
#include "topology/author.h"

enum { NOW_MS = 1000 * 1000, EXPIRES_MS = NOW_MS + 1000 };

static const uint8_t secret[INVITE_SECRET_BYTES] = "a secret's bytes";

static struct desk {
    char dir[64];
    uint8_t seed[INVITE_SEED_BYTES];
    struct tree *tree;
    struct author_tree *documents;
    struct invite invite;
    struct node_config config;
    struct node_keys keys; /* of the machine that comes */
} desk;

static void offer(struct span envelope, enum document_kind kind, const char *seat,
                  const struct span *rows, size_t count)
{
    assert_int_equal(tree_offer_document(desk.tree, envelope, NULL), ERR_OK);
    if (count > 0)
        assert_int_equal(
            tree_offer_rows(desk.tree, kind, span_of_text(seat), rows, count, 0, NULL, NULL),
            ERR_OK);
}

static void describe(struct author_seat *seat, const char *code, const char *tier,
                     const char *parent)
{
    struct node_keys keys;
    uint8_t key[KEY_BYTES];
    node_keys_make(&keys, NULL);
    *seat = (struct author_seat){.code = span_of_text(code),
                                 .name = span_of_text(code),
                                 .tier = span_of_text(tier),
                                 .parent = span_of_text(parent),
                                 .has_admin = true};
    memcpy(seat->signing_key, keys.signing_key, KEY_BYTES);
    memcpy(seat->link_key, keys.link_key, KEY_BYTES);
    sign_key_pair(desk.seed, key, seat->admin_secret);
}

/* A county C, a township A that invites, a village V as yet unknown. */
static int set_up(void **state)
{
    struct author_options options = {.issued_ms = 1};
    struct author_seat seats[3];
    struct error error;
    (void)state;
    memset(&desk, 0, sizeof desk);
    strcpy(desk.dir, "/tmp/terrace-invite-XXXXXX");
    assert_non_null(mkdtemp(desk.dir));
    memset(desk.seed, 7, sizeof desk.seed);
    describe(&seats[0], "C", "county", "");
    describe(&seats[1], "A", "township", "C");
    describe(&seats[2], "V0", "village", "A");
    struct author_plan *plan = author_plan_new(seats, 3, &error);
    desk.documents = author_tree_new(plan, seats, &options, &error);
    author_plan_free(plan);
    desk.tree = tree_new(&desk.documents->tree_id);
    for (size_t i = 0; i < desk.documents->document_count; i++) {
        const struct author_document *document = &desk.documents->documents[i];
        struct span rows[4];
        for (size_t row = 0; row < document->row_count; row++)
            rows[row] = span_of_buffer(&document->rows[row]);
        offer(span_of_buffer(&document->envelope), document->kind, document->seat, rows,
              document->row_count);
    }
    strcpy(desk.invite.owner, "A");
    strcpy(desk.invite.seat, "V");
    strcpy(desk.invite.name, "a village");
    desk.invite.tier = 2;
    desk.invite.expires_ms = EXPIRES_MS;
    invite_seal(&desk.invite, secret, desk.seed);
    assert_int_equal(invite_write(desk.dir, &desk.invite, &error), ERR_OK);
    config_usual(&desk.config);
    strcpy(desk.config.seat, "V");
    node_keys_make(&desk.keys, NULL);
    return 0;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    invite_remove(desk.dir, &desk.invite, NULL);
    snprintf(path, sizeof path, "%s/invites", desk.dir);
    rmdir(path);
    rmdir(desk.dir);
    tree_free(desk.tree);
    author_tree_free(desk.documents);
    return 0;
}

static enum error_code come(const struct node_keys *keys, const char *seat, uint64_t now_ms,
                            struct buffer *document, struct error *error)
{
    struct invite_asked asked = {.now_ms = now_ms};
    struct node_request request;
    struct buffer ask = {0};
    struct node_config config = desk.config;
    strcpy(config.seat, seat);
    request_of(&config, keys, &request);
    invite_ask_encode(secret, &request, &ask);
    asked.ask = span_of_buffer(&ask);
    memcpy(asked.id, desk.invite.id, sizeof asked.id);
    memcpy(asked.peer_key, keys->link_key, KEY_BYTES);
    error_clear(error);
    enum error_code code = invite_sign(desk.dir, desk.tree, &asked, document, error);
    buffer_free(&ask);
    if (code != ERR_OK)
        assert_true(error->next[0] != '\0');
    return code;
}

/* What the core does with the document. */
static void take(const struct buffer *document)
{
    struct document_file file;
    struct error error;
    assert_int_equal(document_file_decode(span_of_buffer(document), "x", &file, &error), ERR_OK);
    offer(file.envelope, file.kind, "A", file.rows, file.row_count);
    document_file_free(&file);
}

static void one_machine_gets_its_seat_whatever_is_cut_off(void **state)
{
    struct buffer first = {0}, second = {0}, third = {0}, pack = {0};
    struct invite kept;
    struct pack read;
    struct error error;
    uint8_t tree_secret[TREE_SECRET_BYTES] = {1}, opened[TREE_SECRET_BYTES];
    (void)state;
    assert_int_equal(come(&desk.keys, "V", NOW_MS, &first, &error), ERR_OK);
    assert_true(first.size > 0);
    /* Cut off before the tree had it: signed again. */
    assert_int_equal(come(&desk.keys, "V", NOW_MS, &second, &error), ERR_OK);
    assert_true(second.size > 0);
    take(&second);
    /* Cut off before it was answered, and even expired by now: the same answer. */
    assert_int_equal(come(&desk.keys, "V", EXPIRES_MS + 1, &third, &error), ERR_OK);
    assert_int_equal(third.size, 0);
    for (unsigned i = 0; i < 2; i++) {
        buffer_clear(&pack);
        assert_int_equal(
            invite_finish(desk.dir, desk.tree, desk.invite.id, tree_secret, &pack, &error), ERR_OK);
        assert_int_equal(pack_read(span_of_buffer(&pack), "x", &read, &error), ERR_OK);
        assert_int_equal(pack_open(&read, "x", &desk.keys, opened, &error), ERR_OK);
        assert_memory_equal(opened, tree_secret, sizeof opened);
        pack_free(&read);
        assert_int_equal(come(&desk.keys, "V", NOW_MS, &third, &error), ERR_OK);
        assert_int_equal(third.size, 0);
    }
    /* Nothing is left that signs. */
    assert_int_equal(invite_load(desk.dir, desk.invite.id, &kept, &error), ERR_OK);
    assert_int_equal(kept.state, INVITE_USED);
    assert_false(invite_open(&kept, secret, opened));
    buffer_free(&first);
    buffer_free(&second);
    buffer_free(&pack);
}

static void a_second_machine_is_refused(void **state)
{
    struct buffer document = {0}, none = {0};
    struct node_keys other;
    struct error error;
    (void)state;
    node_keys_make(&other, NULL);
    assert_int_equal(come(&desk.keys, "V", NOW_MS, &document, &error), ERR_OK);
    assert_int_equal(come(&other, "V", NOW_MS, &none, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "another machine"));
    assert_int_equal(none.size, 0);
    buffer_free(&document);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct buffer none = {0};
    struct error error;
    (void)state;
    assert_int_equal(come(&desk.keys, "V", EXPIRES_MS, &none, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "expired"));
    assert_int_equal(come(&desk.keys, "W", NOW_MS, &none, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "it is for seat V"));
    memset(desk.config.tree_id.bytes, 9, HASH_BYTES);
    assert_int_equal(come(&desk.keys, "V", NOW_MS, &none, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "another tree"));
    desk.config.tree_id = hash_zero;
    assert_int_equal(invite_remove(desk.dir, &desk.invite, &error), ERR_OK);
    assert_int_equal(come(&desk.keys, "V", NOW_MS, &none, &error), ERR_NOT_FOUND);
    assert_int_equal(none.size, 0);
}

/* The file alone signs nothing, and signs for no other seat than the one it was sealed for. */
static void the_file_alone_signs_nothing(void **state)
{
    uint8_t seed[INVITE_SEED_BYTES];
    struct invite changed = desk.invite;
    (void)state;
    assert_true(invite_open(&desk.invite, secret, seed));
    assert_memory_equal(seed, desk.seed, sizeof seed);
    assert_false(invite_open(&desk.invite, (const uint8_t *)"another secret..", seed));
    strcpy(changed.seat, "W");
    assert_false(invite_open(&changed, secret, seed));
    changed = desk.invite;
    changed.tier = 1;
    assert_false(invite_open(&changed, secret, seed));
    changed = desk.invite;
    changed.expires_ms++;
    assert_false(invite_open(&changed, secret, seed));
    changed = desk.invite;
    changed.admin_count = changed.threshold = 1;
    assert_false(invite_open(&changed, secret, seed));
}

static void an_expired_seed_is_forgotten(void **state)
{
    struct invite *all, kept;
    struct error error;
    uint8_t seed[INVITE_SEED_BYTES];
    (void)state;
    assert_int_equal(invites_load(desk.dir, NOW_MS, &all), 1);
    assert_true(all[0].has_seed);
    invites_free(all, 1);
    assert_int_equal(invites_load(desk.dir, EXPIRES_MS, &all), 1);
    invites_free(all, 1);
    assert_int_equal(invite_load(desk.dir, desk.invite.id, &kept, &error), ERR_OK);
    assert_false(invite_open(&kept, secret, seed));
}

static void a_token_is_read_back_and_no_bit_may_change(void **state)
{
    struct token token = {.seat = "433127100200", .expires_ms = 1, .endpoint_count = 2}, read;
    struct buffer text = {0};
    struct error error;
    (void)state;
    memcpy(token.secret, secret, sizeof secret);
    strcpy(token.endpoints[0], "tcp://192.0.2.1:41000");
    strcpy(token.endpoints[1], "tcp://[2001:db8::1]:41000");
    token_write(&token, &text);
    assert_true(token_is(span_of_buffer(&text)));
    assert_int_equal(token_read(span_of_buffer(&text), &read, &error), ERR_OK);
    assert_memory_equal(&token, &read, sizeof token);
    for (size_t i = 0; i < text.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t right = text.data[i];
            text.data[i] ^= (uint8_t)(1U << bit);
            bool same_letter = (right ^ text.data[i]) == 0x20 ||
                               token_read(span_of_buffer(&text), &read, &error) != ERR_OK ||
                               memcmp(&token, &read, sizeof token) == 0;
            assert_true(same_letter);
            text.data[i] = right;
        }
    }
    buffer_free(&text);
}

static void refusals_are_told_in_full(void **state)
{
    struct buffer told = {0};
    struct error error, heard;
    (void)state;
    error_set(&error, ERR_NOT_ALLOWED, "the token", "it has expired");
    error_next(&error, "ask for a new one");
    invite_refusal_encode(&error, &told);
    invite_refusal_decode(span_of_buffer(&told), &heard);
    assert_int_equal(heard.code, ERR_NOT_ALLOWED);
    assert_string_equal(heard.why, error.why);
    assert_string_equal(heard.next, error.next);
    invite_refusal_decode(SPAN(told.data, told.size - 1), &heard);
    assert_int_equal(heard.code, ERR_MALFORMED);
    invite_refusal_decode(SPAN_EMPTY, &heard);
    assert_int_equal(heard.code, ERR_MALFORMED);
    buffer_free(&told);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(one_machine_gets_its_seat_whatever_is_cut_off),
        T(a_second_machine_is_refused),
        T(what_does_not_fit_is_refused),
        T(the_file_alone_signs_nothing),
        T(an_expired_seed_is_forgotten),
        cmocka_unit_test(a_token_is_read_back_and_no_bit_may_change),
        cmocka_unit_test(refusals_are_told_in_full),
    };
#undef T
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
