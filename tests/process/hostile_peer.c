/* Peers of the tests' own: handshake, frames and messages over a plain blocking socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/hostile_peer.h"
#include "tests/unit/message_bodies.h"

/* ---- what was stolen ---- */

static void offer(struct tree *tree, const struct document_file *file)
{
    struct document_envelope envelope;
    if (document_open(file->envelope, &envelope, NULL) != ERR_OK)
        return;
    struct span seat = span_of_text(envelope.decoded.seat);
    tree_offer_document(tree, file->envelope, NULL);
    if (!file->part) {
        tree_offer_rows(tree, file->kind, seat, file->rows, file->row_count, 0, NULL, NULL);
        return;
    }
    for (size_t i = 0; i < file->row_count; i++)
        tree_offer_rows(tree, file->kind, seat, &file->rows[i], 1, file->places[i],
                        &file->proofs[i], NULL);
}

void thief_take(struct thief *thief, const char *directory)
{
    struct document_files files;
    struct error error;
    assert_int_equal(config_load(directory, &thief->config, &error), ERR_OK);
    assert_int_equal(keys_load(directory, &thief->keys, &error), ERR_OK);
    assert_int_equal(document_files_load(directory, &files, &error), ERR_OK);
    thief->tree = tree_new(&thief->config.tree_id);
    thief->key_id = key_id_of(thief->keys.signing_key);
    for (size_t i = 0; i < files.count; i++)
        offer(thief->tree, &files.files[i]);
    document_files_free(&files);
    assert_non_null(tree_seat(thief->tree, span_of_text(thief->config.seat)));
}

void thief_free(struct thief *thief)
{
    tree_free(thief->tree);
    node_keys_wipe(&thief->keys);
}

struct signer thief_signer(const struct thief *thief, uint16_t number, enum record_class class,
                           uint32_t handle)
{
    struct stream_id stream = {thief->key_id, DESK_EPOCH, number};
    return signer_with(thief->keys.signing_key, thief->keys.signing_secret, &thief->config.tree_id,
                       &stream, class, handle);
}

static const struct seat *seat_above(const struct thief *thief)
{
    return tree_seat(thief->tree, span_of_text(thief->config.seat))->parent;
}

/* ---- the socket ---- */

static struct sockaddr_in address_of(const struct seat *seat)
{
    struct span endpoint = text_list_at(&seat->row.endpoints, 0);
    char url[ENDPOINT_BYTES_MAX + 1] = "";
    struct sockaddr_in address = {.sin_family = AF_INET};
    unsigned port = 0;
    memcpy(url, endpoint.data, endpoint.size);
    assert_int_equal(sscanf(url, "tcp://127.0.0.1:%u", &port), 1);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    return address;
}

void peer_connect(struct peer *peer, const struct thief *thief, const char *from)
{
    struct sockaddr_in address = address_of(seat_above(thief));
    struct sockaddr_in own = {.sin_family = AF_INET};
    *peer = (struct peer){.thief = thief};
    peer->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->socket >= 0);
    assert_int_equal(inet_pton(AF_INET, from == NULL ? "127.0.0.1" : from, &own.sin_addr), 1);
    assert_int_equal(bind(peer->socket, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(peer->socket, (struct sockaddr *)&address, sizeof address), 0);
}

void peer_send(const struct peer *peer, const void *bytes, size_t size)
{
    assert_int_equal(send(peer->socket, bytes, size, MSG_NOSIGNAL), size);
}

static ssize_t receive_some(const struct peer *peer, void *bytes, size_t size, int wait_ms)
{
    struct pollfd wanted = {.fd = peer->socket, .events = POLLIN};
    int ready = poll(&wanted, 1, wait_ms);
    if (ready == 0)
        errno = EAGAIN;
    return ready <= 0 ? -1 : recv(peer->socket, bytes, size, 0);
}

size_t peer_receive(const struct peer *peer, uint8_t *bytes, size_t size)
{
    size_t count = 0;
    while (count < size) {
        ssize_t got = receive_some(peer, bytes + count, size - count, PEER_WAIT_MS);
        if (got < 0 && errno == EAGAIN)
            fail_msg("nothing came, and nobody closed");
        if (got <= 0)
            break;
        count += (size_t)got;
    }
    return count;
}

bool peer_hears_nothing(struct peer *peer)
{
    uint8_t byte;
    bool silent = peer_receive(peer, &byte, 1) == 0;
    close(peer->socket);
    return silent;
}

/* ---- the handshake ---- */

static void fill_prologue(const struct thief *thief, const struct peer_claim *claim,
                          uint8_t prologue[static 12 + 1 + HASH_BYTES])
{
    memcpy(prologue, "terrace link", 12);
    prologue[12] = claim->version == 0 ? 1 : claim->version;
    memcpy(prologue + 13, thief->config.tree_id.bytes, HASH_BYTES);
    prologue[13] ^= claim->other_tree;
}

void peer_make_first(struct peer *peer, const struct peer_claim *claim)
{
    const struct thief *thief = peer->thief;
    uint8_t prologue[12 + 1 + HASH_BYTES], ephemeral[NOISE_KEY_BYTES];
    struct noise_options options = {
        .pattern = NOISE_IKPSK2, .initiator = true, .prologue = SPAN_OF_ARRAY(prologue)};
    struct buffer out = {0};
    fill_prologue(thief, claim, prologue);
    memcpy(options.psk, thief->keys.tree_secret, sizeof options.psk);
    options.psk[0] ^= claim->other_secret;
    memcpy(options.static_secret,
           claim->link_secret == NULL ? thief->keys.link_secret : claim->link_secret,
           NOISE_KEY_BYTES);
    memcpy(options.remote_static,
           claim->remote_key == NULL ? seat_above(thief)->row.link_key : claim->remote_key,
           NOISE_KEY_BYTES);
    assert_true(noise_begin(&peer->noise, &options));
    random_bytes(ephemeral, sizeof ephemeral);
    buffer_append(&out, "\x00\x61", 2);
    buffer_append_byte(&out, prologue[12]);
    assert_true(noise_write(&peer->noise, ephemeral, SPAN_EMPTY, &out));
    assert_int_equal(out.size, PEER_FIRST_BYTES);
    memcpy(peer->first, out.data, PEER_FIRST_BYTES);
    buffer_free(&out);
}

static void take_ciphers(struct peer *peer)
{
    struct noise_cipher receiving;
    noise_split(&peer->noise, &peer->sending, &receiving);
    frame_receiver_init(&peer->receiver, &receiving);
}

void peer_link(struct peer *peer, const struct thief *thief)
{
    uint8_t second[PEER_SECOND_BYTES];
    struct buffer payload = {0};
    peer_connect(peer, thief, NULL);
    peer_make_first(peer, &(struct peer_claim){0});
    peer_send(peer, peer->first, PEER_FIRST_BYTES);
    assert_int_equal(peer_receive(peer, second, sizeof second), sizeof second);
    assert_true(noise_read(&peer->noise, SPAN(second + 2, sizeof second - 2), &payload));
    buffer_free(&payload);
    take_ciphers(peer);
    assert_true(peer_say(peer, CHANNEL_CONTROL, 15, SPAN_EMPTY));
}

void peer_accept(struct peer *peer, const struct thief *thief)
{
    const struct seat *seat = tree_seat(thief->tree, span_of_text(thief->config.seat));
    struct sockaddr_in address = address_of(seat);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(poll(&wanted, 1, PEER_WAIT_MS), 1);
    *peer = (struct peer){.thief = thief, .socket = accept(listener, NULL, NULL)};
    assert_true(peer->socket >= 0);
    close(listener);
}

void peer_listen(struct peer *peer, const struct thief *thief)
{
    uint8_t prologue[12 + 1 + HASH_BYTES], ephemeral[NOISE_KEY_BYTES];
    struct noise_options options = {.pattern = NOISE_IKPSK2, .prologue = SPAN_OF_ARRAY(prologue)};
    struct buffer payload = {0}, out = {0};
    peer_accept(peer, thief);
    fill_prologue(thief, &(struct peer_claim){0}, prologue);
    memcpy(options.psk, thief->keys.tree_secret, sizeof options.psk);
    memcpy(options.static_secret, thief->keys.link_secret, NOISE_KEY_BYTES);
    assert_true(noise_begin(&peer->noise, &options));
    assert_int_equal(peer_receive(peer, peer->first, PEER_FIRST_BYTES), PEER_FIRST_BYTES);
    assert_true(noise_read(&peer->noise, SPAN(peer->first + 3, PEER_FIRST_BYTES - 3), &payload));
    random_bytes(ephemeral, sizeof ephemeral);
    buffer_append(&out, "\x00\x30", 2);
    assert_true(noise_write(&peer->noise, ephemeral, SPAN_EMPTY, &out));
    peer_send(peer, out.data, out.size);
    take_ciphers(peer);
    buffer_free(&payload);
    buffer_free(&out);
}

void peer_end(struct peer *peer)
{
    frame_receiver_free(&peer->receiver);
    close(peer->socket);
}

/* ---- messages ---- */

void peer_frame(struct peer *peer, const void *plain, size_t size, struct buffer *out)
{
    uint8_t length[2];
    write_u16(length, (uint16_t)(size + NOISE_TAG_BYTES));
    buffer_append(out, length, sizeof length);
    buffer_reserve(out, size + NOISE_TAG_BYTES);
    assert_true(noise_seal(&peer->sending, SPAN(plain, size), out->data + out->size));
    out->size += size + NOISE_TAG_BYTES;
}

static bool send_all(const struct peer *peer, struct span bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(peer->socket, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = SPAN(bytes.data + sent, bytes.size - (size_t)sent);
    }
    return true;
}

bool peer_say(struct peer *peer, enum channel channel, uint8_t type, struct span body)
{
    enum { SLICE = 16384 };
    struct buffer plain = {0}, out = {0};
    uint8_t head[3] = {0, 0, type};
    write_u16(head, (uint16_t)body.size);
    buffer_append(&plain, head, sizeof head);
    buffer_append_span(&plain, body);
    for (size_t at = 0; at < plain.size; at += SLICE) {
        size_t size = plain.size - at < SLICE ? plain.size - at : SLICE;
        uint8_t slice[1 + SLICE] = {(uint8_t)channel};
        memcpy(slice + 1, plain.data + at, size);
        peer_frame(peer, slice, 1 + size, &out);
    }
    bool sent = send_all(peer, span_of_buffer(&out));
    buffer_free(&plain);
    buffer_free(&out);
    return sent;
}

bool peer_say_buffer(struct peer *peer, enum channel channel, uint8_t type, struct buffer *body)
{
    bool sent = peer_say(peer, channel, type, span_of_buffer(body));
    buffer_free(body);
    return sent;
}

bool peer_hear(struct peer *peer, struct frame_message *message, int wait_ms)
{
    for (;;) {
        enum frame_verdict verdict = frame_receive(&peer->receiver, &peer->unread, message);
        if (verdict == FRAME_MESSAGE && message->type == 15)
            peer_say(peer, CHANNEL_CONTROL, 16, SPAN_EMPTY);
        else if (verdict == FRAME_MESSAGE)
            return true;
        else if (verdict != FRAME_MORE)
            fail_msg("a node's frame can't be read");
        if (verdict != FRAME_MORE)
            continue;
        ssize_t got = receive_some(peer, peer->input, sizeof peer->input, wait_ms);
        if (got <= 0)
            return false;
        peer->unread = SPAN(peer->input, (size_t)got);
    }
}

struct span peer_expect(struct peer *peer, uint8_t type)
{
    struct frame_message message;
    do {
        if (!peer_hear(peer, &message, PEER_WAIT_MS))
            fail_msg("no message %u came", type);
    } while (message.type != type);
    return message.body;
}

void peer_expect_close(struct peer *peer, char reason[static 32])
{
    struct frame_message message;
    reason[0] = '\0';
    errno = 0;
    while (peer_hear(peer, &message, PEER_WAIT_MS)) {
        struct mp_reader reader = mp_reader(message.body);
        if (message.type != SAY_BYE || mp_read_map(&reader) == 0 || mp_read_uint(&reader) != 1)
            continue;
        struct span text = mp_read_str(&reader);
        snprintf(reason, 32, "%.*s", (int)text.size, (const char *)text.data);
    }
    if (errno == EAGAIN)
        fail_msg("nobody closed");
}

/* ---- a session ---- */

void peer_hello(struct peer *peer, const char *child_seat, unsigned lowest, unsigned highest)
{
    struct hash digest = tree_link_digest(peer->thief->tree, span_of_text(child_seat));
    struct hello hello = hello_usual(&digest);
    struct buffer body = {0};
    hello.version_lowest = lowest;
    hello.version_highest = highest;
    hello.instance = SPAN("thief 1", 8); /* no machine that the key has lived on */
    body_of_hello(&hello, &body);
    peer_say_buffer(peer, CHANNEL_CONTROL, SAY_HELLO, &body);
}

/* An empty list of heads for each range that the parent says to differ. */
static void answer_digest(struct peer *peer, struct span digest)
{
    struct mp_reader reader = mp_reader(digest);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count; i++) {
        struct buffer body = {0};
        body_of_no_heads(&reader, &body);
        peer_say_buffer(peer, CHANNEL_CONTROL, SAY_HEADS, &body);
    }
}

void peer_go_live(struct peer *peer)
{
    struct buffer body = {0}, digest = {0};
    peer_hello(peer, peer->thief->config.seat, 1, 1);
    body_of_nothing_held(&body);
    peer_say_buffer(peer, CHANNEL_CONTROL, SAY_DIGEST, &body);
    buffer_append_span(&digest, peer_expect(peer, SAY_DIGEST));
    answer_digest(peer, span_of_buffer(&digest));
    buffer_free(&digest);
}
