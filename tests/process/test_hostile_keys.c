/* A village's keys in wrong hands, against a real township: what the thief signs, forges,
 * withholds, repeats and floods, and what he doesn't read; the honest village beside him loses
 * nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "replication/format/note.h"
#include "tests/process/drill_world.h"
#include "tests/process/hostile_county.h"
#include "tests/process/run_terrace.h"

enum { RECORDS = 900, INCIDENT = 2, FLOOD_BLOCKS = 64 };

static struct hostile_county county;
static uint16_t next_stream = 1; /* one that was refused is not looked at again */

static struct signer next_signer(enum record_class class, uint32_t handle)
{
    return thief_signer(&county.thief, next_stream++, class, handle);
}

static void live(struct peer *peer)
{
    peer_link(peer, &county.thief);
    peer_go_live(peer);
}

static void open_path(struct block_text *text, enum record_class class)
{
    static const char *const path[] = {"V2", "T1", "C", NULL};
    text_open_path(text, class, path);
}

static void add_incident(struct block_text *text, int64_t counter, const char *title)
{
    struct buffer body = {0};
    text_add(text, &(struct text_entry){.kind = ENTRY_WRITE,
                                        .type = INCIDENT,
                                        .counter = counter,
                                        .n = 1,
                                        .body = body_of_title(&body, title)});
    buffer_free(&body);
}

/* The next block of a stream, as message 8. */
static void make_block(struct signer *signer, struct block_text *text, unsigned flags,
                       struct buffer *message)
{
    struct prepared_block block;
    signer_sign(signer, text, &block);
    signer_message(signer, &block, flags, message);
    prepared_block_free(&block);
}

static void say_block(struct peer *peer, struct signer *signer, struct block_text *text)
{
    struct buffer message = {0};
    make_block(signer, text, 0, &message);
    assert_true(peer_say_buffer(peer, signer->channel, SAY_BLOCK, &message));
}

static void say_open(struct peer *peer, struct signer *signer)
{
    struct block_text text = {0};
    open_path(&text, (enum record_class)(signer->channel - CHANNEL_URGENT));
    say_block(peer, signer, &text);
}

/* Until the township holds all that the signer has signed. */
static void expect_held(struct peer *peer, const struct signer *signer)
{
    for (;;) {
        struct mp_reader reader = mp_reader(peer_expect(peer, SAY_MARK));
        uint64_t handle = mp_read_uint(&reader), seq = mp_read_uint(&reader);
        if (handle == signer->handle && seq >= signer->head.seq)
            return;
    }
}

/* The session is as good as before: a stream of the thief's own is taken. To be asked before the
 * node's status is waited for: who is silent meanwhile may be dropped. */
static void expect_alive(struct peer *peer, uint32_t handle)
{
    struct signer signer = next_signer(CLASS_NORMAL, handle);
    say_open(peer, &signer);
    expect_held(peer, &signer);
}

/* ---- blocks ---- */

/* Of another author, signed by the thief; with a changed signature; of nobody. */
static void forged_blocks_are_refused(void **state)
{
    long long damaged = refused(county.attacked, "damaged");
    long long unknown = refused(county.attacked, "unknown_key");
    struct thief nobody = county.thief, honest;
    struct block_text text = {0};
    struct buffer message = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    thief_take(&honest, county.honest);
    struct stream_id others = {honest.key_id, DESK_EPOCH, 1};
    struct signer forger = signer_with(honest.keys.signing_key, county.thief.keys.signing_secret,
                                       &honest.config.tree_id, &others, CLASS_NORMAL, 0);
    static const char *const path[] = {"V1", "T1", "C", NULL};
    text_open_path(&text, CLASS_NORMAL, path);
    say_block(&peer, &forger, &text);
    struct signer own = next_signer(CLASS_NORMAL, 1);
    open_path(&text, CLASS_NORMAL);
    make_block(&own, &text, 0, &message);
    message.data[message.size / 2] ^= 1;
    peer_say_buffer(&peer, own.channel, SAY_BLOCK, &message);
    node_keys_make(&nobody.keys, NULL);
    nobody.key_id = key_id_of(nobody.keys.signing_key);
    struct signer stranger = thief_signer(&nobody, 1, CLASS_NORMAL, 2);
    say_open(&peer, &stranger);
    expect_alive(&peer, 3);
    refused_since(county.attacked, "damaged", damaged, 2);
    refused_since(county.attacked, "unknown_key", unknown, 1);
    peer_end(&peer);
    thief_free(&honest);
}

/* True signatures under streams that are not for this link. */
static void streams_not_allowed_are_refused(void **state)
{
    static const char *const turns_back[] = {"V2", "T1", "V2", "T1", "C", NULL};
    static const char *const own_only[] = {NULL};
    long long before = refused(county.attacked, "not_allowed");
    struct block_text text = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    struct signer back = next_signer(CLASS_NORMAL, 0), own = next_signer(CLASS_NORMAL, 1);
    struct signer below = next_signer(CLASS_URGENT, 2), lane = next_signer(CLASS_NORMAL, 3);
    text_open_path(&text, CLASS_NORMAL, turns_back);
    say_block(&peer, &back, &text);
    text_open_path(&text, CLASS_NORMAL, own_only);
    say_block(&peer, &own, &text);
    text_open_subtree(&text, CLASS_URGENT, 4); /* a directive of the village's to its subtree */
    say_block(&peer, &below, &text);
    open_path(&text, CLASS_BULK); /* on another lane than its class's */
    say_block(&peer, &lane, &text);
    expect_alive(&peer, 4);
    refused_since(county.attacked, "not_allowed", before, 4);
    peer_end(&peer);
}

/* The third block before the second: it waits, other streams go on; then both come. */
static void a_gap_stops_its_own_stream(void **state)
{
    struct block_text text = {0};
    struct buffer second = {0}, third = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    struct signer gap = next_signer(CLASS_NORMAL, 0);
    say_open(&peer, &gap);
    expect_held(&peer, &gap);
    uint32_t held = gap.head.seq;
    add_incident(&text, 1, "second");
    make_block(&gap, &text, 0, &second);
    add_incident(&text, 2, "third");
    make_block(&gap, &text, 0, &third);
    peer_say(&peer, gap.channel, SAY_BLOCK, span_of_buffer(&third));
    struct mp_reader reader = mp_reader(peer_expect(&peer, SAY_WANT));
    mp_read_array(&reader);
    assert_memory_equal(mp_read_bin(&reader).data, county.thief.key_id.bytes, KEY_ID_BYTES);
    mp_read_any(&reader);
    assert_int_equal(mp_read_uint(&reader), gap.stream.number);
    assert_int_equal(mp_read_uint(&reader), held);
    expect_alive(&peer, 1);
    peer_say_buffer(&peer, gap.channel, SAY_BLOCK, &second);
    peer_say_buffer(&peer, gap.channel, SAY_BLOCK, &third);
    expect_held(&peer, &gap);
    peer_end(&peer);
}

/* Signed, and nobody can decode it: shown, and what stands behind it is taken. */
static void signed_poison_is_set_aside(void **state)
{
    long long before = status_number(county.attacked, "quarantine");
    struct block_text text = {0};
    struct buffer message = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    struct signer poisoner = next_signer(CLASS_NORMAL, 0);
    say_open(&peer, &poisoner);
    buffer_append(&text.entries, "\xc1\xc1\xc1", 3);
    text.count = 1;
    make_block(&poisoner, &text, BLOCK_HAS_ROOT, &message);
    peer_say_buffer(&peer, poisoner.channel, SAY_BLOCK, &message);
    expect_held(&peer, &poisoner);
    status_reaches(county.attacked, "quarantine", before + 1);
    /* who must act is said, and how it is judged again; what still can't be read stays where it is
     */
    assert_int_equal(terrace_run("-d", county.attacked, "quarantine", NULL), 0);
    assert_non_null(strstr(terrace_output(), "to act: look at that node's program and machine"));
    assert_non_null(strstr(terrace_output(), "then judged again by: terrace release\n"));
    assert_int_equal(terrace_run("-d", county.attacked, "--json", "release", NULL), 0);
    assert_int_equal(terrace_number("released"), 0);
    assert_int_equal(status_number(county.attacked, "quarantine"), before + 1);
    add_incident(&text, 1, "behind the poison");
    say_block(&peer, &poisoner, &text);
    expect_held(&peer, &poisoner);
    peer_end(&peer);
}

static size_t count_listed(const char *node, const char *where)
{
    size_t count = 0;
    assert_int_equal(terrace_run("-d", node, "--json", "list", "incident", "--where", where, NULL),
                     0);
    for (const char *at = terrace_output(); (at = strstr(at, "\"id\"")) != NULL; at++)
        count++;
    return count;
}

static void repeated_blocks_are_without_effect(void **state)
{
    struct block_text text = {0};
    struct buffer message = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    struct signer signer = next_signer(CLASS_NORMAL, 0);
    say_open(&peer, &signer);
    add_incident(&text, 100, "repeated");
    signer.named = false; /* it says again whose it is, so that it can be said anywhere */
    make_block(&signer, &text, 0, &message);
    for (unsigned i = 0; i < 50; i++)
        peer_say(&peer, signer.channel, SAY_BLOCK, span_of_buffer(&message));
    expect_held(&peer, &signer);
    expect_alive(&peer, 1);
    peer_end(&peer);
    live(&peer); /* and in another session */
    peer_say(&peer, signer.channel, SAY_BLOCK, span_of_buffer(&message));
    expect_alive(&peer, 1);
    peer_end(&peer);
    assert_int_equal(count_listed(county.attacked, "title=repeated"), 1);
    buffer_free(&message);
}

/* The start of a block of a new stream, at its first place. */
static void begin_raw(struct buffer *body, uint32_t handle, unsigned flags)
{
    mp_write_uint(body, handle);
    buffer_append_byte(body,
                       (uint8_t)(BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK | flags));
    buffer_append(body, county.thief.key_id.bytes, KEY_ID_BYTES);
    mp_write_uint(body, DESK_EPOCH);
    mp_write_uint(body, next_stream++);
    mp_write_uint(body, 0);
    buffer_append(body, hash_zero.bytes, HASH_BYTES);
    mp_write_uint(body, 1);
}

static void add_zeros(struct buffer *body, size_t count)
{
    while (count-- > 0)
        buffer_append_byte(body, 0);
}

/* Control characters that a thief has signed: kept as they are, and never shown. */
static void signed_control_characters_reach_no_screen(void **state)
{
    struct block_text text = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    struct signer signer = next_signer(CLASS_NORMAL, 0);
    say_open(&peer, &signer);
    add_incident(&text, 200,
                 "drives\x1b[2J a \xc2\x9b"
                 "2J screen\xe2\x80\xae");
    say_block(&peer, &signer, &text);
    expect_held(&peer, &signer);
    peer_end(&peer);
    for (unsigned json = 0; json < 2; json++) {
        const char *form = json ? "--json" : "list";
        assert_int_equal(terrace_run("-d", county.attacked, form, json ? "list" : "incident",
                                     json ? "incident" : "--limit", json ? "--limit" : "1000",
                                     json ? "1000" : NULL, NULL),
                         0);
        assert_non_null(strstr(terrace_output(), "drives"));
        assert_null(strpbrk(terrace_output(), "\x1b\x07\x7f"));
        assert_null(strstr(terrace_output(), "\xc2\x9b"));
        assert_null(strstr(terrace_output(), "\xe2\x80\xae"));
    }
    assert_non_null(strstr(terrace_output(), "drives\\u001B[2J a \\u009B2J screen\\u202E"));
}

/* More entries than a block may have, in what it states and in its text. */
static void impossible_counts_are_refused(void **state)
{
    long long malformed = refused(county.attacked, "malformed");
    long long damaged = refused(county.attacked, "damaged");
    struct block_text text = {0};
    struct buffer body = {0};
    struct peer peer;
    (void)state;
    live(&peer);
    begin_raw(&body, 0, BLOCK_HAS_ROOT);
    mp_write_uint(&body, BLOCK_ENTRIES_MAX + 1);
    add_zeros(&body, HASH_BYTES + SIGNATURE_BYTES + 1);
    peer_say_buffer(&peer, CHANNEL_NORMAL, SAY_BLOCK, &body);
    refused_since(county.attacked, "malformed", malformed, 1);
    peer_end(&peer);
    live(&peer);
    begin_raw(&body, 0, 0);
    add_zeros(&body, SIGNATURE_BYTES);
    open_path(&text, CLASS_NORMAL);
    for (int64_t i = 1; i <= BLOCK_ENTRIES_MAX; i++)
        add_incident(&text, i == 1, "x");
    struct buffer plain = text_plain(&text);
    buffer_append_span(&body, span_of_buffer(&plain));
    buffer_free(&plain);
    peer_say_buffer(&peer, CHANNEL_NORMAL, SAY_BLOCK, &body);
    expect_alive(&peer, 1);
    refused_since(county.attacked, "damaged", damaged, 1);
    peer_end(&peer);
}

/* ---- notes ---- */

static void say_statement(struct peer *peer, const struct thief *of, const uint8_t *secret)
{
    struct heads_statement statement = {
        .head = {.signer = of->key_id, .epoch = DESK_EPOCH, .k = UINT32_MAX}, .clock_ms = 1};
    struct buffer note = {0};
    statement_encode(&statement, &note);
    note_sign(&note, HASH_HEADS, &of->config.tree_id, secret, NULL);
    peer_say_buffer(peer, CHANNEL_CONTROL, SAY_STATEMENT, &note);
}

static void forged_notes_are_refused(void **state)
{
    long long forged = refused(county.attacked, "forged");
    long long not_allowed = refused(county.attacked, "not_allowed");
    struct thief honest;
    struct peer peer;
    (void)state;
    thief_take(&honest, county.honest);
    live(&peer);
    say_statement(&peer, &county.thief, honest.keys.signing_secret); /* own, signed by another */
    say_statement(&peer, &honest, county.thief.keys.signing_secret); /* another's */
    expect_alive(&peer, 0);
    refused_since(county.attacked, "forged", forged, 1);
    refused_since(county.attacked, "not_allowed", not_allowed, 1);
    peer_end(&peer);
    thief_free(&honest);
}

/* ---- credit, and its absence ---- */

/* Blocks beyond what was granted: 64 of 1,024 entries each, at once. */
static void sending_beyond_the_credit_closes(void **state)
{
    long long before = refused(county.attacked, "flood");
    struct buffer body = {0}, out = {0};
    struct peer peer;
    char reason[32];
    (void)state;
    live(&peer);
    begin_raw(&body, 0, BLOCK_HAS_ROOT);
    mp_write_uint(&body, BLOCK_ENTRIES_MAX);
    add_zeros(&body, HASH_BYTES + SIGNATURE_BYTES + 1);
    for (unsigned i = 0; i < FLOOD_BLOCKS; i++) {
        uint8_t plain[512] = {CHANNEL_NORMAL, 0, 0, SAY_BLOCK};
        write_u16(plain + 1, (uint16_t)body.size);
        memcpy(plain + 4, body.data, body.size);
        peer_frame(&peer, plain, 4 + body.size, &out);
    }
    peer_send(&peer, out.data, out.size);
    peer_expect_close(&peer, reason);
    assert_string_equal(reason, "flood");
    refused_since(county.attacked, "flood", before, 1);
    peer_end(&peer);
    buffer_free(&body);
    buffer_free(&out);
}

/* A peer that says it holds what it was never sent. */
static void forged_marks_close_or_are_counted(void **state)
{
    long long before = refused(county.attacked, "malformed");
    struct buffer body = {0};
    struct peer peer;
    char reason[32];
    (void)state;
    live(&peer);
    mp_write_uint(&body, 4000); /* a handle that was never given */
    mp_write_uint(&body, 1 << 20);
    peer_say_buffer(&peer, CHANNEL_CONTROL, SAY_MARK, &body);
    peer_expect_close(&peer, reason);
    assert_string_equal(reason, "malformed");
    refused_since(county.attacked, "malformed", before, 1);
    peer_end(&peer);
}

/* ---- links that die without a word ---- */

/* Nothing more comes, and no end of the stream either: a wire that was cut, a suspended machine. */
static void a_silent_peer_is_dead(void **state)
{
    long long before = refused(county.attacked, "timeout");
    struct peer peer;
    (void)state;
    live(&peer);
    status_reaches(county.attacked, "children.live", 2);
    status_falls(county.attacked, "children.live", 1);
    refused_since(county.attacked, "timeout", before, 1);
    peer_end(&peer);
}

static void a_suspended_village_comes_back(void **state)
{
    pid_t village = node_process(county.honest);
    (void)state;
    assert_true(village > 1);
    assert_int_equal(kill(village, SIGSTOP), 0);
    status_falls(county.attacked, "children.live", 0);
    assert_int_equal(kill(village, SIGCONT), 0);
    status_reaches(county.attacked, "children.live", 1);
}

struct dawdler {
    struct peer *peer;
    long long before; /* timeouts of the township */
};

/* A ping, and one byte of what came. */
static bool is_dropped(const void *context)
{
    const struct dawdler *dawdler = context;
    uint8_t byte;
    if (refused(county.attacked, "timeout") > dawdler->before ||
        !peer_say(dawdler->peer, CHANNEL_CONTROL, 15, SPAN_EMPTY))
        return true;
    peer_receive(dawdler->peer, &byte, 1);
    return false;
}

/* It pings and takes a byte now and then of what it is sent: directives for its village. */
static void who_reads_a_byte_a_second_is_dropped(void **state)
{
    long long before = refused(county.attacked, "timeout");
    struct peer peer;
    (void)state;
    assert_int_equal(terrace_run("drill", "load", "--dir", county.directory, "--records", "2000",
                                 "--at", "C", "--type", "directive", NULL),
                     0);
    live(&peer);
    until(is_dropped, &(struct dawdler){&peer, before}, "who reads a byte at a time is dropped");
    refused_since(county.attacked, "timeout", before, 1);
    status_falls(county.attacked, "children.live", 1);
    peer_end(&peer);
}

/* The village's own machine again, and the thief once more: two with one key, which is said. What
 * the village writes is heard all the same. */
static void the_true_village_returns_beside_an_alarm(void **state)
{
    struct peer peer;
    (void)state;
    drill_act(county.directory, "start", "V2");
    status_reaches(county.attacked, "children.live", 2);
    live(&peer);
    peer_end(&peer);
    const char *id = node_put(county.stolen, "incident", "of the village itself");
    node_gets(county.county, "incident", id);
    assert_int_equal(terrace_run("-d", county.attacked, "--json", "status", NULL), 0);
    assert_non_null(strstr(terrace_output(), "two machines live with the key of V2"));
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
    county_begin(&county, "keys", RECORDS, "  ping_ms: 300\n  dead_ms: 5000\n");
    return 0;
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_blocks_are_refused),
        cmocka_unit_test(streams_not_allowed_are_refused),
        cmocka_unit_test(a_gap_stops_its_own_stream),
        cmocka_unit_test(signed_poison_is_set_aside),
        cmocka_unit_test(repeated_blocks_are_without_effect),
        cmocka_unit_test(signed_control_characters_reach_no_screen),
        cmocka_unit_test(impossible_counts_are_refused),
        cmocka_unit_test(forged_notes_are_refused),
        cmocka_unit_test(sending_beyond_the_credit_closes),
        cmocka_unit_test(forged_marks_close_or_are_counted),
        cmocka_unit_test(a_silent_peer_is_dead),
        cmocka_unit_test(a_suspended_village_comes_back),
        cmocka_unit_test(who_reads_a_byte_a_second_is_dropped),
        cmocka_unit_test(the_true_village_returns_beside_an_alarm),
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
