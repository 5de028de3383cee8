/* attack STOLEN-NODE-DIRECTORY KIND SECONDS: attacks the seat above that node as hard as it goes,
 * for tests/soak/hostile_rates.sh. Kinds: connections, handshakes, malformed, damaged. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/hostile_peer.h"

enum { RING = 200, INCIDENT = 2, BLOCK_INCIDENTS = 500 };

static struct thief thief;
static const char *kind;
static time_t ends;
static unsigned long done;

static bool goes_on(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    done++;
    return now.tv_sec < ends;
}

/* Half of them stay and say nothing. */
static void connections(void)
{
    static struct peer peers[RING];
    for (size_t i = 0; i < RING; i++)
        peers[i].socket = -1;
    for (size_t i = 0; goes_on(); i = (i + 1) % RING) {
        char from[32];
        snprintf(from, sizeof from, "127.0.%zu.%zu", 9 + i % 3, 1 + i);
        if (peers[i].socket >= 0)
            close(peers[i].socket);
        peer_connect(&peers[i], &thief, from);
        if (i % 2 == 0) {
            close(peers[i].socket);
            peers[i].socket = -1;
        }
    }
}

/* Proper first messages of a key that nobody knows. */
static void handshakes(void)
{
    static struct peer peers[RING];
    uint8_t secret[NOISE_KEY_BYTES];
    random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < RING; i++)
        peers[i].socket = -1;
    for (size_t i = 0; goes_on(); i = (i + 1) % RING) {
        if (peers[i].socket >= 0)
            close(peers[i].socket);
        peer_connect(&peers[i], &thief, "127.0.9.9");
        peer_make_first(&peers[i], &(struct peer_claim){.link_secret = secret});
        send(peers[i].socket, peers[i].first, PEER_FIRST_BYTES, MSG_NOSIGNAL);
    }
}

/* Link, session, one message that can't be read, and again. */
static void malformed(void)
{
    while (goes_on()) {
        struct peer peer;
        char reason[32];
        peer_link(&peer, &thief);
        peer_go_live(&peer);
        peer_say(&peer, CHANNEL_CONTROL, SAY_HEADS, SPAN("\xc1", 1));
        peer_expect_close(&peer, reason);
        peer_end(&peer);
    }
}

/* A block as large as they come, whose signature doesn't hold: found last of all. */
static void make_damaged(struct buffer *message)
{
    static const char *const path[] = {"V2", "T1", "C", NULL};
    struct signer signer = thief_signer(&thief, 9, CLASS_NORMAL, 0);
    struct block_text text = {0};
    struct prepared_block block;
    struct buffer body = {0};
    text_open_path(&text, CLASS_NORMAL, path);
    body_of_title(&body, "a title as long as they often are, and a little longer than that");
    for (unsigned i = 0; i < BLOCK_INCIDENTS; i++)
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = INCIDENT,
                                             .counter = 1,
                                             .n = 1,
                                             .body = span_of_buffer(&body)});
    signer_sign(&signer, &text, &block);
    block.signature[0] ^= 1;
    signer_message(&signer, &block, 0, message);
    prepared_block_free(&block);
    buffer_free(&body);
}

/* As many as the credit allows, for ever. */
static void damaged(void)
{
    struct buffer message = {0};
    struct peer peer;
    uint64_t bytes = CREDIT_BYTES, entries = CREDIT_ENTRIES;
    uint64_t sent_bytes = 0, sent_entries = 0;
    make_damaged(&message);
    peer_link(&peer, &thief);
    peer_go_live(&peer);
    while (goes_on()) {
        while (sent_bytes + message.size > bytes || sent_entries + BLOCK_INCIDENTS + 1 > entries) {
            struct mp_reader reader = mp_reader(peer_expect(&peer, SAY_CREDIT));
            if (mp_read_uint(&reader) != CHANNEL_NORMAL)
                continue;
            bytes = mp_read_uint(&reader);
            entries = mp_read_uint(&reader);
        }
        assert_true(peer_say(&peer, CHANNEL_NORMAL, SAY_BLOCK, span_of_buffer(&message)));
        sent_bytes += message.size;
        sent_entries += BLOCK_INCIDENTS + 1;
    }
    peer_end(&peer);
    buffer_free(&message);
}

static void attack(void **state)
{
    static const struct {
        const char *name;
        void (*act)(void);
    } kinds[] = {{"connections", connections},
                 {"handshakes", handshakes},
                 {"malformed", malformed},
                 {"damaged", damaged}};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0) {
            kinds[i].act();
            return;
        }
    fail_msg("no such attack: %s", kind);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(attack)};
    struct timespec now;
    if (count != 4 || !crypto_start())
        return 2;
    signal(SIGPIPE, SIG_IGN);
    kind = values[2];
    clock_gettime(CLOCK_MONOTONIC, &now);
    ends = now.tv_sec + strtol(values[3], NULL, 10);
    thief_take(&thief, values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    thief_free(&thief);
    printf("%s %lu\n", kind, done);
    return failed;
}
