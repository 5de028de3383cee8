/* Noise against published vectors, and everything that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/link/noise.h"

#define FLYNN_VECTORS "/usr/share/gocode/src/github.com/flynn/noise/vectors.txt"

enum { MESSAGES_MAX = 16, LINE_BYTES_MAX = 65536 };

struct vector_message {
    struct buffer payload, ciphertext;
};

struct vector {
    enum noise_pattern pattern;
    bool known; /* a pattern that we implement */
    struct buffer prologue, psk, init_static, resp_static, init_ephemeral, resp_ephemeral;
    struct vector_message messages[MESSAGES_MAX];
    size_t message_count;
};

static void vector_free(struct vector *vector)
{
    struct buffer *all[] = {&vector->prologue,       &vector->psk,
                            &vector->init_static,    &vector->resp_static,
                            &vector->init_ephemeral, &vector->resp_ephemeral};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_free(all[i]);
    for (size_t i = 0; i < MESSAGES_MAX; i++) {
        buffer_free(&vector->messages[i].payload);
        buffer_free(&vector->messages[i].ciphertext);
    }
    memset(vector, 0, sizeof *vector);
}

static void from_hex(struct buffer *out, const char *text)
{
    const size_t size = strlen(text) / 2;

    buffer_clear(out);
    buffer_reserve(out, size + 1);
    assert_int_equal(
        sodium_hex2bin(out->data, size + 1, text, strlen(text), NULL, &out->size, NULL), 0);
    assert_int_equal(out->size, size);
}

static bool pattern_named(const char *name, enum noise_pattern *pattern)
{
    static const char *const names[] = {
        [NOISE_IKPSK2] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
        [NOISE_IK] = "Noise_IK_25519_ChaChaPoly_BLAKE2b",
        [NOISE_XK] = "Noise_XK_25519_ChaChaPoly_BLAKE2b",
        [NOISE_XX] = "Noise_XX_25519_ChaChaPoly_BLAKE2b",
    };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *pattern = (enum noise_pattern)i;
            return true;
        }
    }
    return false;
}

static void key_from(uint8_t key[static NOISE_KEY_BYTES], const struct buffer *from)
{
    assert_int_equal(from->size, NOISE_KEY_BYTES);
    memcpy(key, from->data, NOISE_KEY_BYTES);
}

static void begin_side(struct noise_handshake *side, const struct vector *vector, bool initiator)
{
    struct noise_options options = {.pattern = vector->pattern,
                                    .initiator = initiator,
                                    .prologue = span_of_buffer(&vector->prologue)};
    uint8_t responder[NOISE_KEY_BYTES];

    key_from(options.static_secret, initiator ? &vector->init_static : &vector->resp_static);
    key_from(responder, &vector->resp_static);
    noise_public_key(responder, options.remote_static);
    if (vector->pattern == NOISE_IKPSK2)
        key_from(options.psk, &vector->psk);
    assert_true(noise_begin(side, &options));
}

static void expect_handshake_message(struct noise_handshake *sender, struct noise_handshake *reader,
                                     const struct buffer *ephemeral,
                                     const struct vector_message *message)
{
    struct buffer out = {0}, payload = {0};

    assert_true(noise_write(sender, ephemeral->data, span_of_buffer(&message->payload), &out));
    assert_true(span_equal(span_of_buffer(&out), span_of_buffer(&message->ciphertext)));
    assert_true(noise_read(reader, span_of_buffer(&out), &payload));
    assert_true(span_equal(span_of_buffer(&payload), span_of_buffer(&message->payload)));
    buffer_free(&out);
    buffer_free(&payload);
}

static void expect_transport_message(struct noise_cipher *sender, struct noise_cipher *reader,
                                     const struct vector_message *message)
{
    uint8_t out[1024], plain[1024];
    const size_t size = message->payload.size;

    assert_true(size + NOISE_TAG_BYTES <= sizeof out);
    assert_true(noise_seal(sender, span_of_buffer(&message->payload), out));
    assert_true(
        span_equal(SPAN(out, size + NOISE_TAG_BYTES), span_of_buffer(&message->ciphertext)));
    assert_true(noise_open(reader, SPAN(out, size + NOISE_TAG_BYTES), plain));
    assert_true(span_equal(SPAN(plain, size), span_of_buffer(&message->payload)));
}

static void run_vector(const struct vector *vector)
{
    struct noise_handshake sides[2]; /* initiator, responder */
    struct noise_cipher sending[2], receiving[2];
    size_t i = 0;

    begin_side(&sides[0], vector, true);
    begin_side(&sides[1], vector, false);
    for (; !noise_finished(&sides[0]); i++) {
        assert_true(i < vector->message_count);
        expect_handshake_message(&sides[i % 2], &sides[1 - i % 2],
                                 i % 2 ? &vector->resp_ephemeral : &vector->init_ephemeral,
                                 &vector->messages[i]);
    }
    assert_memory_equal(sides[0].symmetric.hash, sides[1].symmetric.hash, NOISE_HASH_BYTES);
    assert_memory_equal(sides[1].remote_static, sides[0].static_public, NOISE_KEY_BYTES);
    for (unsigned side = 0; side < 2; side++)
        noise_split(&sides[side], &sending[side], &receiving[side]);
    for (size_t turn = 0; i < vector->message_count; i++, turn++) /* the initiator's is first */
        expect_transport_message(&sending[turn % 2], &receiving[1 - turn % 2],
                                 &vector->messages[i]);
}

static void take_message_line(struct vector *vector, const char *name, const char *value)
{
    unsigned number = 0;
    char what[16] = "";

    assert_int_equal(sscanf(name, "msg_%u_%15s", &number, what), 2);
    assert_true(number < MESSAGES_MAX);
    if (strcmp(what, "payload") == 0)
        from_hex(&vector->messages[number].payload, value);
    else
        from_hex(&vector->messages[number].ciphertext, value);
    if (number + 1 > vector->message_count)
        vector->message_count = number + 1;
}

static void take_line(struct vector *vector, const char *name, const char *value)
{
    const struct {
        const char *name;
        struct buffer *to;
    } places[] = {
        {"prologue", &vector->prologue},
        {"preshared_key", &vector->psk},
        {"init_static", &vector->init_static},
        {"resp_static", &vector->resp_static},
        {"gen_init_ephemeral", &vector->init_ephemeral},
        {"gen_resp_ephemeral", &vector->resp_ephemeral},
    };

    if (strcmp(name, "handshake") == 0)
        vector->known = pattern_named(value, &vector->pattern);
    else if (strncmp(name, "msg_", 4) == 0)
        take_message_line(vector, name, value);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(name, places[i].name) == 0)
            from_hex(places[i].to, value);
}

static unsigned run_if_known(struct vector *vector)
{
    const unsigned run = vector->known ? 1 : 0;

    if (run)
        run_vector(vector);
    vector_free(vector);
    return run;
}

static void vectors_of_flynn(void **state)
{
    char *line = malloc(LINE_BYTES_MAX);
    struct vector vector = {0};
    unsigned run = 0;
    FILE *file = fopen(FLYNN_VECTORS, "r");

    (void)state;
    assert_non_null(file);
    assert_non_null(line);
    while (fgets(line, LINE_BYTES_MAX, file)) {
        char *value = strchr(line, '=');

        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0') {
            run += run_if_known(&vector);
        } else if (value && line[0] != '#') {
            *value = '\0';
            take_line(&vector, line, value + 1);
        }
    }
    run += run_if_known(&vector);
    fclose(file);
    free(line);
    print_message("%u vectors of flynn/noise\n", run);
    assert_true(run >= 16); /* four patterns, four cases each */
}

/* A pair of sides with keys of our own, for the refusals. */
struct pair {
    struct noise_options child, parent;
    struct noise_handshake initiator, responder;
    struct buffer first, second, payload;
    uint8_t ephemerals[2][NOISE_KEY_BYTES];
};

static void pair_init(struct pair *pair)
{
    memset(pair, 0, sizeof *pair);
    pair->child = (struct noise_options){
        .pattern = NOISE_IKPSK2, .initiator = true, .prologue = span_of_text("terrace link")};
    memset(pair->child.static_secret, 0x11, NOISE_KEY_BYTES);
    memset(pair->child.psk, 0x77, NOISE_KEY_BYTES);
    pair->parent = pair->child;
    pair->parent.initiator = false;
    memset(pair->parent.static_secret, 0x22, NOISE_KEY_BYTES);
    noise_public_key(pair->parent.static_secret, pair->child.remote_static);
    memset(pair->ephemerals[0], 0x33, NOISE_KEY_BYTES);
    memset(pair->ephemerals[1], 0x44, NOISE_KEY_BYTES);
}

static void pair_free(struct pair *pair)
{
    noise_wipe(&pair->initiator);
    noise_wipe(&pair->responder);
    buffer_free(&pair->first);
    buffer_free(&pair->second);
    buffer_free(&pair->payload);
}

static void pair_first(struct pair *pair)
{
    buffer_clear(&pair->first);
    assert_true(noise_begin(&pair->initiator, &pair->child));
    assert_true(noise_begin(&pair->responder, &pair->parent));
    assert_true(noise_write(&pair->initiator, pair->ephemerals[0], SPAN_EMPTY, &pair->first));
    assert_int_equal(pair->first.size, 96);
}

static bool pair_reads_first(struct pair *pair)
{
    return noise_read(&pair->responder, span_of_buffer(&pair->first), &pair->payload);
}

static void pair_second(struct pair *pair)
{
    pair_first(pair);
    assert_true(pair_reads_first(pair));
    buffer_clear(&pair->second);
    assert_true(noise_write(&pair->responder, pair->ephemerals[1], SPAN_EMPTY, &pair->second));
    assert_int_equal(pair->second.size, 48);
}

static bool pair_reads_second(struct pair *pair)
{
    return noise_read(&pair->initiator, span_of_buffer(&pair->second), &pair->payload);
}

static void whole_handshake(void **state)
{
    struct pair pair;
    struct noise_cipher sending, receiving;
    uint8_t child_key[NOISE_KEY_BYTES], zero[NOISE_KEY_BYTES] = {0};

    (void)state;
    pair_init(&pair);
    noise_public_key(pair.child.static_secret, child_key);
    pair_second(&pair);
    assert_true(pair_reads_second(&pair));
    assert_true(noise_finished(&pair.initiator) && noise_finished(&pair.responder));
    assert_memory_equal(pair.responder.remote_static, child_key, NOISE_KEY_BYTES);
    noise_split(&pair.initiator, &sending, &receiving);
    assert_memory_equal(pair.initiator.static_secret, zero, NOISE_KEY_BYTES);
    assert_memory_equal(pair.initiator.psk, zero, NOISE_KEY_BYTES);
    assert_memory_not_equal(sending.key, receiving.key, NOISE_KEY_BYTES);
    pair_free(&pair);
}

static void every_bit_of_the_first_message(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair_first(&pair);
    for (size_t bit = 0; bit < pair.first.size * 8; bit++) {
        pair_first(&pair);
        pair.first.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(pair_reads_first(&pair));
        assert_true(pair.responder.failed);
        assert_int_equal(pair.payload.size, 0);
    }
    pair_free(&pair);
}

static void every_bit_of_the_second_message(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair_second(&pair);
    for (size_t bit = 0; bit < pair.second.size * 8; bit++) {
        pair_second(&pair);
        pair.second.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(pair_reads_second(&pair));
        assert_false(noise_finished(&pair.initiator));
    }
    pair_free(&pair);
}

static void every_truncation(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (size_t size = 0; size < 96; size++) {
        pair_first(&pair);
        pair.first.size = size;
        assert_false(pair_reads_first(&pair));
    }
    for (size_t size = 0; size < 48; size++) {
        pair_second(&pair);
        pair.second.size = size;
        assert_false(pair_reads_second(&pair));
    }
    pair_first(&pair);
    buffer_append_byte(&pair.first, 0);
    assert_false(pair_reads_first(&pair));
    pair_free(&pair);
}

/* The first message can be replayed; what comes after it can't. */
static void replays(void **state)
{
    struct pair pair;
    struct noise_handshake again;
    struct noise_cipher sending, receiving, again_sending, again_receiving;
    struct buffer second = {0};
    uint8_t sealed[4 + NOISE_TAG_BYTES], plain[4];
    const uint8_t fresh[NOISE_KEY_BYTES] = {0x55};

    (void)state;
    pair_init(&pair);
    pair_second(&pair);
    assert_true(noise_begin(&again, &pair.parent));
    assert_true(noise_read(&again, span_of_buffer(&pair.first), &pair.payload));
    assert_true(noise_write(&again, fresh, SPAN_EMPTY, &second));
    assert_true(pair_reads_second(&pair));
    assert_false(pair_reads_second(&pair)); /* nothing is read after the end */
    pair_second(&pair);
    assert_true(pair_reads_second(&pair));
    noise_split(&pair.initiator, &sending, &receiving);
    noise_split(&again, &again_sending, &again_receiving);
    assert_true(noise_seal(&sending, span_of_text("ping"), sealed));
    assert_false(noise_open(&again_receiving, SPAN_OF_ARRAY(sealed), plain));
    noise_split(&pair.responder, &again_sending, &again_receiving);
    assert_true(noise_open(&again_receiving, SPAN_OF_ARRAY(sealed), plain));
    assert_memory_equal(plain, "ping", 4);
    assert_false(noise_open(&again_receiving, SPAN_OF_ARRAY(sealed), plain));
    buffer_free(&second);
    pair_free(&pair);
}

static void reflections(void **state)
{
    struct pair pair;
    struct noise_handshake other;
    struct noise_options own;
    struct noise_cipher sending, receiving;
    uint8_t sealed[4 + NOISE_TAG_BYTES], plain[4];

    (void)state;
    pair_init(&pair);
    own = pair.child;
    own.initiator = false; /* our own message comes back to our own listener */
    pair_first(&pair);
    assert_true(noise_begin(&other, &own));
    assert_false(noise_read(&other, span_of_buffer(&pair.first), &pair.payload));
    own = pair.parent; /* dialling oneself */
    own.initiator = true;
    noise_public_key(own.static_secret, own.remote_static);
    assert_false(noise_begin(&other, &own));
    assert_false(noise_write(&other, pair.ephemerals[0], SPAN_EMPTY, &pair.payload));
    pair_second(&pair); /* a frame back to its sender: each direction has its own key */
    assert_true(pair_reads_second(&pair));
    noise_split(&pair.initiator, &sending, &receiving);
    assert_true(noise_seal(&sending, span_of_text("ping"), sealed));
    assert_false(noise_open(&receiving, SPAN_OF_ARRAY(sealed), plain));
    pair_free(&pair);
}

static void other_prologue(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair.parent.prologue = span_of_text("terrace linK");
    pair_first(&pair);
    assert_false(pair_reads_first(&pair));
    pair_free(&pair);
}

static void other_psk(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair.parent.psk[31] ^= 1;
    pair_second(&pair); /* the psk counts from the second message on */
    assert_false(pair_reads_second(&pair));
    pair_free(&pair);
}

static void other_responder(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair.parent.static_secret[0] ^= 0x10;
    pair_first(&pair);
    assert_false(pair_reads_first(&pair));
    pair_free(&pair);
}

/* Points of small order (RFC 7748, section 6.1: check for the all-zero result). */
static void low_order_points(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct pair pair;
    struct buffer point = {0};

    (void)state;
    pair_init(&pair);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        from_hex(&point, points[i]);
        pair_first(&pair);
        memcpy(pair.first.data, point.data, NOISE_KEY_BYTES); /* as an ephemeral key */
        assert_false(pair_reads_first(&pair));
        pair_second(&pair);
        memcpy(pair.second.data, point.data, NOISE_KEY_BYTES);
        assert_false(pair_reads_second(&pair));
        memcpy(pair.child.remote_static, point.data, NOISE_KEY_BYTES); /* as a static key */
        assert_true(noise_begin(&pair.initiator, &pair.child));
        buffer_clear(&pair.first);
        assert_false(noise_write(&pair.initiator, pair.ephemerals[0], SPAN_EMPTY, &pair.first));
        assert_int_equal(pair.first.size, 0);
        noise_public_key(pair.parent.static_secret, pair.child.remote_static);
    }
    buffer_free(&point);
    pair_free(&pair);
}

static void nonces_end(void **state)
{
    struct noise_cipher cipher = {.nonce = UINT64_MAX, .keyed = true};
    uint8_t out[NOISE_TAG_BYTES] = {0};

    (void)state;
    assert_false(noise_seal(&cipher, SPAN_EMPTY, out));
    assert_false(noise_open(&cipher, SPAN_OF_ARRAY(out), out));
    cipher.nonce = UINT64_MAX - 1;
    assert_true(noise_seal(&cipher, SPAN_EMPTY, out));
    assert_false(noise_seal(&cipher, SPAN_EMPTY, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_flynn),
        cmocka_unit_test(whole_handshake),
        cmocka_unit_test(every_bit_of_the_first_message),
        cmocka_unit_test(every_bit_of_the_second_message),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(replays),
        cmocka_unit_test(reflections),
        cmocka_unit_test(other_prologue),
        cmocka_unit_test(other_psk),
        cmocka_unit_test(other_responder),
        cmocka_unit_test(low_order_points),
        cmocka_unit_test(nonces_end),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
