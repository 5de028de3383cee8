/* Strangers, thieves and broken peers against a real township, while an honest village's load goes
 * on: each attack is refused or waited out, its counter moves, and nothing honest is lost. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/hostile_county.h"
#include "tests/process/run_terrace.h"

enum { RECORDS = 600, FLOOD = 300 };

static struct hostile_county county;

static struct span bytes_of(const char *text, size_t size)
{
    return SPAN((const uint8_t *)text, size);
}
#define BYTES(text) bytes_of(text, sizeof(text) - 1)

/* ---- before anybody is known ---- */

/* Sends the first message that this claim makes; true when it is closed without a word. */
static bool claim_gets_nothing(const struct peer_claim *claim)
{
    struct peer peer;
    peer_connect(&peer, &county.thief, NULL);
    peer_make_first(&peer, claim);
    peer_send(&peer, peer.first, PEER_FIRST_BYTES);
    return peer_hears_nothing(&peer);
}

static void an_unknown_key_gets_nothing(void **state)
{
    long long before = refused(county.attacked, "unknown_key");
    uint8_t secret[NOISE_KEY_BYTES];
    (void)state;
    random_bytes(secret, sizeof secret);
    assert_true(claim_gets_nothing(&(struct peer_claim){.link_secret = secret}));
    refused_since(county.attacked, "unknown_key", before, 1);
}

/* Another tree, another version: nothing tells which it was. (Its own key coming back to a node is
 * test_link_hostile's and test_noise's matter: our Noise makes no such message.) */
static void a_handshake_that_does_not_fit_gets_nothing(void **state)
{
    long long before = refused(county.attacked, "handshake");
    const struct peer_claim claims[] = {
        {.other_tree = true},
        {.version = 2},
        {.version = 255},
    };
    enum { CLAIMS = sizeof claims / sizeof *claims };
    (void)state;
    for (size_t i = 0; i < CLAIMS; i++)
        assert_true(claim_gets_nothing(&claims[i]));
    refused_since(county.attacked, "handshake", before, CLAIMS);
}

/* Whoever has a village's key and not the tree's secret: an answer that it can't read, no link. */
static void a_key_without_the_secret_is_no_link(void **state)
{
    long long before = refused(county.attacked, "replay");
    uint8_t second[PEER_SECOND_BYTES], frame[22] = {0, 20};
    struct buffer payload = {0};
    struct peer peer;
    (void)state;
    peer_connect(&peer, &county.thief, NULL);
    peer_make_first(&peer, &(struct peer_claim){.other_secret = true});
    peer_send(&peer, peer.first, PEER_FIRST_BYTES);
    assert_int_equal(peer_receive(&peer, second, sizeof second), sizeof second);
    assert_false(noise_read(&peer.noise, SPAN(second + 2, sizeof second - 2), &payload));
    peer_send(&peer, frame, sizeof frame);
    assert_true(peer_hears_nothing(&peer));
    refused_since(county.attacked, "replay", before, 1);
    buffer_free(&payload);
}

static void the_version_byte_is_signed(void **state)
{
    long long before = refused(county.attacked, "handshake");
    (void)state;
    for (unsigned version = 0; version < 3; version += 2) {
        struct peer peer;
        peer_connect(&peer, &county.thief, NULL);
        peer_make_first(&peer, &(struct peer_claim){0});
        peer.first[2] = (uint8_t)version; /* as somebody in between would press it */
        peer_send(&peer, peer.first, PEER_FIRST_BYTES);
        assert_true(peer_hears_nothing(&peer));
    }
    refused_since(county.attacked, "handshake", before, 2);
}

static void lengths_are_judged_at_once(void **state)
{
    static const char *const too_long[] = {"\xff\xff", "\x00\x62", "\x80\x00"};
    long long oversize = refused(county.attacked, "oversize");
    long long handshake = refused(county.attacked, "handshake");
    struct peer peer;
    (void)state;
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        peer_connect(&peer, &county.thief, NULL);
        peer_send(&peer, too_long[i], 2);
        assert_true(peer_hears_nothing(&peer));
    }
    peer_connect(&peer, &county.thief, NULL);
    peer_send(&peer, "\x00\x60", 2);
    assert_true(peer_hears_nothing(&peer));
    refused_since(county.attacked, "oversize", oversize, 3);
    refused_since(county.attacked, "handshake", handshake, 1);
}

static void a_replayed_first_message_is_no_link(void **state)
{
    long long before = refused(county.attacked, "replay");
    uint8_t second[PEER_SECOND_BYTES];
    struct peer honest, thief;
    struct buffer frame = {0};
    (void)state;
    peer_link(&honest, &county.thief);
    peer_frame(&honest, "\0\0\0\x0f", 4, &frame);
    peer_connect(&thief, &county.thief, NULL);
    peer_send(&thief, honest.first, PEER_FIRST_BYTES);
    assert_int_equal(peer_receive(&thief, second, sizeof second), sizeof second);
    peer_send(&thief, frame.data, frame.size);
    assert_true(peer_hears_nothing(&thief));
    refused_since(county.attacked, "replay", before, 1);
    peer_send(&honest, frame.data, frame.size); /* the link it tried to replace lives on */
    peer_go_live(&honest);
    peer_end(&honest);
    buffer_free(&frame);
}

/* Cut off, reflected, and byte by byte. */
static void who_never_finishes_is_closed(void **state)
{
    long long before = refused(county.attacked, "timeout");
    struct peer half, silent, slow, echo;
    uint8_t second[PEER_SECOND_BYTES];
    (void)state;
    peer_connect(&silent, &county.thief, NULL);
    peer_connect(&half, &county.thief, NULL);
    peer_make_first(&half, &(struct peer_claim){0});
    peer_send(&half, half.first, 50);
    peer_connect(&slow, &county.thief, NULL);
    peer_make_first(&slow, &(struct peer_claim){0});
    size_t sent = 0;
    while (sent < PEER_FIRST_BYTES && send(slow.socket, slow.first + sent, 1, MSG_NOSIGNAL) == 1) {
        sent++;
        usleep(50 * 1000); /* it is the attack that is slow */
    }
    assert_true(sent < PEER_FIRST_BYTES);
    close(slow.socket);
    assert_true(peer_hears_nothing(&silent));
    assert_true(peer_hears_nothing(&half));
    peer_connect(&echo, &county.thief, NULL); /* its own answer comes back to it */
    peer_make_first(&echo, &(struct peer_claim){0});
    peer_send(&echo, echo.first, PEER_FIRST_BYTES);
    assert_int_equal(peer_receive(&echo, second, sizeof second), sizeof second);
    peer_send(&echo, second, sizeof second);
    assert_true(peer_hears_nothing(&echo));
    refused_since(county.attacked, "timeout", before, 3);
}

/* More strangers than there are places, silent and with handshakes; the honest village's link is
 * cut and healed meanwhile, and it gets in. */
static void a_flood_of_strangers_keeps_nobody_out(void **state)
{
    long long floods = refused(county.attacked, "flood");
    long long unknown = refused(county.attacked, "unknown_key");
    static struct peer strangers[FLOOD];
    uint8_t secret[NOISE_KEY_BYTES];
    (void)state;
    random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < FLOOD; i++) {
        peer_connect(&strangers[i], &county.thief, i % 3 == 0 ? "127.0.7.7" : "127.0.8.8");
        if (i % 2 == 0)
            continue;
        peer_make_first(&strangers[i], &(struct peer_claim){.link_secret = secret});
        send(strangers[i].socket, strangers[i].first, PEER_FIRST_BYTES, MSG_NOSIGNAL);
    }
    drill_act(county.directory, "cut", "V1");
    status_falls(county.attacked, "children.live", 0);
    drill_act(county.directory, "heal", "V1");
    status_reaches(county.attacked, "children.live", 1);
    refused_since(county.attacked, "flood", floods, 1);
    refused_since(county.attacked, "unknown_key", unknown, 1);
    for (size_t i = 0; i < FLOOD; i++)
        close(strangers[i].socket);
}

/* ---- frames of a known peer ---- */

static void damaged_and_impossible_frames_close(void **state)
{
    static const struct {
        const char *plain;
        size_t size;
        bool flip;
        const char *counter;
    } cases[] = {
        {"\0\0\0\x0f", 4, true, "damaged"},
        {"\0\0\1\x0f\0", 5, false, "malformed"},
        {"\x09\0\0\x0f", 4, false, "malformed"},
        {"\xff\0\0\x0f", 4, false, "malformed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        long long before = refused(county.attacked, cases[i].counter);
        struct buffer frame = {0};
        struct peer peer;
        char reason[32];
        peer_link(&peer, &county.thief);
        peer_frame(&peer, cases[i].plain, cases[i].size, &frame);
        frame.data[frame.size / 2] ^= cases[i].flip;
        peer_send(&peer, frame.data, frame.size);
        peer_expect_close(&peer, reason);
        assert_string_equal(reason, ""); /* not even a bye */
        refused_since(county.attacked, cases[i].counter, before, 1);
        peer_end(&peer);
        buffer_free(&frame);
    }
}

/* Every length that no frame can have, and the greatest, of which the rest never comes. */
static void frame_lengths_have_bounds(void **state)
{
    long long before = refused(county.attacked, "malformed");
    (void)state;
    for (unsigned length = 0; length < FRAME_SEALED_BYTES_MIN; length += 17) {
        uint8_t head[2] = {0, (uint8_t)length};
        struct peer peer;
        char reason[32];
        peer_link(&peer, &county.thief);
        peer_send(&peer, head, sizeof head);
        peer_expect_close(&peer, reason);
        peer_end(&peer);
    }
    refused_since(county.attacked, "malformed", before, 2);
    static uint8_t most[2 + 40000] = {0xff, 0xff};
    struct peer cut;
    peer_link(&cut, &county.thief);
    peer_go_live(&cut);
    peer_send(&cut, most, sizeof most);
    peer_end(&cut); /* in the middle of a frame */
    peer_link(&cut, &county.thief);
    peer_go_live(&cut);
    peer_end(&cut);
    assert_int_equal(refused(county.attacked, "malformed"), before + 2);
}

/* ---- messages of a known peer ---- */

/* Bytes that are no value, not one value, or one beyond its bounds. */
static const struct {
    const char *bytes;
    size_t size;
} malformed_bodies[] = {
    {"", 0},
    {"\xc1", 1},                                              /* no such form */
    {"\x82\x01\x01", 3},                                      /* cut off */
    {"\xdf\xff\xff\xff\xff", 5},                              /* a map of 2^32 - 1 */
    {"\xdd\xff\xff\xff\xff", 5},                              /* an array of as many */
    {"\xc6\x7f\xff\xff\xff", 5},                              /* 2^31 bytes */
    {"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", 12}, /* deep */
    {"\x82\x01\x01\x01\x01", 5},                              /* a key twice */
    {"\x81\x01\xcd\x00\x01", 5},                              /* not the shortest form */
};
enum { MALFORMED_BODIES = sizeof malformed_bodies / sizeof *malformed_bodies };

/* Those that must close. What a later program may say more of is ignored, and a bye closes anyway;
 * a ping's body is the link's matter, a block's is judged apart. */
static const uint8_t closing_types[] = {
    SAY_HELLO, SAY_HAVE, SAY_DIGEST, SAY_HEADS,  SAY_WANT,  SAY_CREDIT, SAY_MARK,
    12,        18,       SAY_NOTES,  SAY_WANTED, SAY_NOTED, 22,         127,
};

static void say_malformed(uint8_t type, size_t body)
{
    long long before = refused(county.attacked, "malformed");
    struct peer peer;
    char reason[32];
    peer_link(&peer, &county.thief);
    if (type != SAY_HELLO)
        peer_go_live(&peer);
    peer_say(&peer, CHANNEL_CONTROL, type,
             bytes_of(malformed_bodies[body].bytes, malformed_bodies[body].size));
    peer_expect_close(&peer, reason);
    if (strcmp(reason, "malformed") != 0)
        fail_msg("message %u, body %zu: bye '%s'", type, body, reason);
    refused_since(county.attacked, "malformed", before, 1);
    peer_end(&peer);
}

static void malformed_messages_of_every_type_close(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof closing_types; i++)
        say_malformed(closing_types[i], i % MALFORMED_BODIES);
    for (size_t body = 0; body < MALFORMED_BODIES; body++)
        say_malformed(SAY_HEADS, body);
}

/* Documents, notes and blocks that can't be read are refused one by one: the session may live. */
static void malformed_documents_notes_and_blocks_are_counted(void **state)
{
    static const uint8_t types[] = {SAY_DOCUMENT, SAY_ROWS,  SAY_STATEMENT,
                                    SAY_REPORT,   SAY_TOKEN, SAY_BLOCK};
    (void)state;
    for (size_t i = 0; i < sizeof types; i++)
        for (size_t body = 0; body < MALFORMED_BODIES; body += 2) {
            long long before = refused(county.attacked, "malformed");
            struct peer peer;
            peer_link(&peer, &county.thief);
            peer_go_live(&peer);
            peer_say(&peer, types[i] == SAY_BLOCK ? CHANNEL_NORMAL : CHANNEL_CONTROL, types[i],
                     bytes_of(malformed_bodies[body].bytes, malformed_bodies[body].size));
            refused_since(county.attacked, "malformed", before, 1);
            peer_end(&peer);
        }
}

static void messages_out_of_order_close(void **state)
{
    static const uint8_t early[] = {SAY_HAVE,   SAY_DIGEST, SAY_HEADS, SAY_BLOCK,
                                    SAY_CREDIT, SAY_MARK,   SAY_NOTES};
    long long before = refused(county.attacked, "malformed");
    struct peer peer;
    char reason[32];
    (void)state;
    for (size_t i = 0; i < sizeof early; i++) {
        peer_link(&peer, &county.thief);
        peer_say(&peer, CHANNEL_CONTROL, early[i], BYTES("\x90"));
        peer_expect_close(&peer, reason);
        assert_string_equal(reason, "malformed");
        peer_end(&peer);
    }
    peer_link(&peer, &county.thief);
    peer_go_live(&peer);
    peer_hello(&peer, "V2", 1, 1); /* a second time */
    peer_expect_close(&peer, reason);
    assert_string_equal(reason, "malformed");
    peer_end(&peer);
    refused_since(county.attacked, "malformed", before, sizeof early + 1);
}

static void no_common_version_is_said(void **state)
{
    long long before = refused(county.attacked, "handshake");
    struct peer peer;
    char reason[32];
    (void)state;
    peer_link(&peer, &county.thief);
    peer_hello(&peer, "V2", 7, 9);
    peer_expect_close(&peer, reason);
    assert_string_equal(reason, "version");
    refused_since(county.attacked, "handshake", before, 1);
    peer_end(&peer);
}

static void messages_of_later_programs_are_skipped(void **state)
{
    struct peer peer;
    (void)state;
    peer_link(&peer, &county.thief);
    peer_go_live(&peer);
    for (unsigned type = 128; type < 256; type += 9)
        peer_say(&peer, CHANNEL_CONTROL, (uint8_t)type, BYTES("\xc1"));
    peer_say(&peer, CHANNEL_CONTROL, 15, SPAN_EMPTY);
    peer_expect(&peer, 16); /* alive */
    peer_end(&peer);
}

/* ---- and at last ---- */

static void all_honest_records_have_arrived(void **state)
{
    (void)state;
    county_holds(&county);
    county_end(&county);
}

static int set_up(void **state)
{
    (void)state;
    county_begin(&county, "strangers", RECORDS, "  handshake_ms: 2000\n");
    return 0;
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_gets_nothing),
        cmocka_unit_test(a_handshake_that_does_not_fit_gets_nothing),
        cmocka_unit_test(a_key_without_the_secret_is_no_link),
        cmocka_unit_test(the_version_byte_is_signed),
        cmocka_unit_test(lengths_are_judged_at_once),
        cmocka_unit_test(a_replayed_first_message_is_no_link),
        cmocka_unit_test(who_never_finishes_is_closed),
        cmocka_unit_test(a_flood_of_strangers_keeps_nobody_out),
        cmocka_unit_test(damaged_and_impossible_frames_close),
        cmocka_unit_test(frame_lengths_have_bounds),
        cmocka_unit_test(malformed_messages_of_every_type_close),
        cmocka_unit_test(malformed_documents_notes_and_blocks_are_counted),
        cmocka_unit_test(messages_out_of_order_close),
        cmocka_unit_test(no_common_version_is_said),
        cmocka_unit_test(messages_of_later_programs_are_skipped),
        cmocka_unit_test(all_honest_records_have_arrived),
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
