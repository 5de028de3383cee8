/* A township's keys in wrong hands, against the village below it and the county above: neither
 * obeys it, both say what is withheld, and when the true township is back all of it goes on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/hostile_county.h"
#include "tests/process/run_terrace.h"
#include "tests/unit/message_bodies.h"

enum { RECORDS = 300 };

static struct hostile_county county;
static struct thief township;
static struct buffer statement; /* the village's newest, as it gave it to its parent */

/* A false parent that the village takes for its own: live, and told to hold everything. */
static void be_parent(struct peer *peer)
{
    struct buffer body = {0};
    peer_listen(peer, &township);
    peer_hello(peer, "V1", 1, 1);
    peer_expect(peer, SAY_DIGEST);
    body_of_nothing_differs(&body);
    peer_say_buffer(peer, CHANNEL_CONTROL, SAY_DIGEST, &body);
    peer_expect(peer, SAY_NOTES);
}

/* Bytes instead of the handshake's answer: the village goes on by itself, and dials again. */
static void a_parent_that_cannot_answer_is_no_parent(void **state)
{
    (void)state;
    static const char *const answers[] = {"\xff\xff", "\x00\x2f"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        long long before = refused(county.honest, "oversize") + refused(county.honest, "handshake");
        struct peer peer;
        peer_accept(&peer, &township);
        assert_int_equal(peer_receive(&peer, peer.first, PEER_FIRST_BYTES), PEER_FIRST_BYTES);
        peer_send(&peer, answers[i], 2);
        assert_true(peer_hears_nothing(&peer));
        long long after = refused(county.honest, "oversize") + refused(county.honest, "handshake");
        assert_true(after > before);
    }
    node_put(county.honest, "incident", "meanwhile");
}

/* It takes what the village sends and never says that it holds it; it forges what it can. */
static void a_parent_that_withholds_is_seen_below(void **state)
{
    long long forged = refused(county.honest, "forged");
    struct buffer token = {0}, mark = {0};
    struct peer peer;
    (void)state;
    be_parent(&peer);
    node_put(county.honest, "incident", "not passed on");
    struct mp_reader reader = mp_reader(peer_expect(&peer, SAY_BLOCK));
    uint64_t handle = mp_read_uint(&reader);
    assert_int_equal(terrace_run("-d", county.honest, "--json", "status", NULL), 0);
    const json_t *link = json_array_get(json_object_get(terrace_json(), "links"), 0);
    assert_true(json_integer_value(json_object_get(link, "behind_there")) >= 1);
    mp_write_uint(&mark, handle);
    mp_write_uint(&mark, 1 << 20); /* more than there is */
    peer_say_buffer(&peer, CHANNEL_CONTROL, SAY_MARK, &mark);
    refused_since(county.honest, "forged", forged, 1);
    struct note_head head = {.signer = seat_key_id(tree_root_seat(township.tree)),
                             .epoch = UINT32_MAX,
                             .k = UINT64_C(1) << 47};
    token_encode(&head, &token);
    note_sign(&token, HASH_TOKEN, &township.config.tree_id, township.keys.signing_secret, NULL);
    peer_say_buffer(&peer, CHANNEL_CONTROL, SAY_TOKEN, &token);
    refused_since(county.honest, "forged", forged, 2);
    buffer_append_span(&statement, peer_expect(&peer, SAY_STATEMENT));
    peer_end(&peer);
}

static bool village_is_withheld(const void *context)
{
    bool withheld = false;
    (void)context;
    assert_int_equal(terrace_run("-d", county.county, "--json", "rollup", "records", NULL), 0);
    const json_t *behind = json_object_get(terrace_json(), "behind"), *line;
    size_t index;
    json_array_foreach(behind, index, line)
    {
        if (strcmp(json_string_value(json_object_get(line, "seat")), "V1") == 0)
            withheld = strcmp(json_string_value(json_object_get(line, "state")), "withheld") == 0;
    }
    return withheld;
}

static bool village_is_not_withheld(const void *context)
{
    return !village_is_withheld(context);
}

/* It passes on what the village has signed about its streams, and not the streams. */
static void a_parent_that_withholds_is_seen_above(void **state)
{
    struct peer peer;
    (void)state;
    peer_link(&peer, &township);
    peer_go_live(&peer);
    peer_say_buffer(&peer, CHANNEL_CONTROL, SAY_STATEMENT, &statement);
    peer_expect(&peer, SAY_NOTED);
    until(village_is_withheld, NULL, "the county says that the village's streams are withheld");
    peer_end(&peer);
}

/* Blocks downwards that no parent may send. */
static void a_parent_signs_for_nobody(void **state)
{
    static const char *const path[] = {"V1", "T1", "C", NULL};
    long long damaged = refused(county.honest, "damaged");
    long long not_allowed = refused(county.honest, "not_allowed");
    struct block_text text = {0};
    struct prepared_block block;
    struct buffer message = {0};
    struct thief honest;
    struct peer peer;
    (void)state;
    thief_take(&honest, county.honest);
    be_parent(&peer);
    struct stream_id others = {honest.key_id, DESK_EPOCH + (1 << 16), 1};
    struct signer forger = signer_with(honest.keys.signing_key, township.keys.signing_secret,
                                       &township.config.tree_id, &others, CLASS_NORMAL, 0);
    text_open_path(&text, CLASS_NORMAL, path);
    signer_sign(&forger, &text, &block);
    signer_message(&forger, &block, 0, &message);
    peer_say_buffer(&peer, CHANNEL_NORMAL, SAY_BLOCK, &message);
    prepared_block_free(&block);
    struct signer own = thief_signer(&township, 1, CLASS_NORMAL, 1);
    static const char *const up[] = {"T1", "C", NULL}; /* its own, but not the village's */
    text_open_path(&text, CLASS_NORMAL, up);
    signer_sign(&own, &text, &block);
    signer_message(&own, &block, 0, &message);
    peer_say_buffer(&peer, CHANNEL_NORMAL, SAY_BLOCK, &message);
    prepared_block_free(&block);
    refused_since(county.honest, "damaged", damaged, 1);
    refused_since(county.honest, "not_allowed", not_allowed, 1);
    peer_end(&peer);
    thief_free(&honest);
}

static void the_true_parent_gets_everything(void **state)
{
    (void)state;
    drill_act(county.directory, "start", "T1");
    county_holds(&county);
    until(village_is_not_withheld, NULL, "the county has the village's streams");
    county_end(&county);
    thief_free(&township);
    buffer_free(&statement);
}

static int set_up(void **state)
{
    (void)state;
    county_begin(&county, "parent", RECORDS, NULL);
    drill_act(county.directory, "kill", "T1");
    thief_take(&township, county.attacked);
    return 0;
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_that_withholds_is_seen_below),
        cmocka_unit_test(a_parent_that_withholds_is_seen_above),
        cmocka_unit_test(a_parent_signs_for_nobody),
        cmocka_unit_test(a_parent_that_cannot_answer_is_no_parent),
        cmocka_unit_test(the_true_parent_gets_everything),
    };
    if (count != 2 || !crypto_start())
        return 2;
    signal(SIGPIPE, SIG_IGN);
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, set_up, terrace_drill_end);
    terrace_leave();
    return failed;
}
