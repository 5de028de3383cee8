/* Peers of the tests' own, against real nodes: they speak the link's protocol over plain sockets,
 * with keys taken from a node's directory, and say whatever they like. cmocka's headers must come
 * first. */
#ifndef TERRACE_TESTS_PROCESS_HOSTILE_PEER_H
#define TERRACE_TESTS_PROCESS_HOSTILE_PEER_H

#include "node/author/node_directory.h"
#include "node/link/frame.h"
#include "tests/unit/hostile_desk.h"
#include "topology/tree.h"

enum {
    PEER_WAIT_MS = 120 * 1000, /* what takes longer never comes */
    PEER_FIRST_BYTES = 99,     /* of a handshake, length included */
    PEER_SECOND_BYTES = 50,
};

/* A node's directory in wrong hands: its keys, and what it knows of the tree. */
struct thief {
    struct node_keys keys;
    struct node_config config;
    struct tree *tree;
    struct key_id key_id;
};
void thief_take(struct thief *thief, const char *directory);
void thief_free(struct thief *thief);
/* A stream that it writes with the stolen key. */
struct signer thief_signer(const struct thief *thief, uint16_t number, enum record_class class,
                           uint32_t handle);

/* One connection. All calls fail the test after PEER_WAIT_MS. */
struct peer {
    const struct thief *thief;
    int socket;
    struct noise_handshake noise;
    struct noise_cipher sending;
    struct frame_receiver receiver;
    uint8_t input[1 << 16];
    struct span unread; /* of input */
    uint8_t first[PEER_FIRST_BYTES];
};

/* Who it says to be in the handshake; what isn't given is the thief's own. */
struct peer_claim {
    const uint8_t *link_secret; /* NULL: the thief's */
    const uint8_t *remote_key;  /* NULL: that of the seat above */
    uint8_t version;            /* 0: the present one */
    bool other_tree, other_secret;
};

/* Connects to the seat above the thief's, without a byte; `from` NULL: 127.0.0.1. */
void peer_connect(struct peer *peer, const struct thief *thief, const char *from);
/* Fills peer->first: the first message of a handshake. */
void peer_make_first(struct peer *peer, const struct peer_claim *claim);
void peer_send(const struct peer *peer, const void *bytes, size_t size);
/* Up to `size` bytes as they come; fewer: the other side has closed. */
size_t peer_receive(const struct peer *peer, uint8_t *bytes, size_t size);
/* True when the other side closes without a byte. Closes the socket too. */
bool peer_hears_nothing(struct peer *peer);
/* Connects, handshake, and the first frame: the seat above has a link. */
void peer_link(struct peer *peer, const struct thief *thief);
/* Waits at the thief's own endpoint for the first child that calls. */
void peer_accept(struct peer *peer, const struct thief *thief);
/* The same, and links with it. */
void peer_listen(struct peer *peer, const struct thief *thief);
void peer_end(struct peer *peer);

/* Seals these bytes (a channel, and bytes of it) as the next frame, appended to `out`. */
void peer_frame(struct peer *peer, const void *plain, size_t size, struct buffer *out);
/* A message. False: the other side has closed. */
bool peer_say(struct peer *peer, enum channel channel, uint8_t type, struct span body);
bool peer_say_buffer(struct peer *peer, enum channel channel, uint8_t type, struct buffer *body);
/* The next message; pings are answered on the way. False: closed, or nothing for `wait_ms`. */
bool peer_hear(struct peer *peer, struct frame_message *message, int wait_ms);
/* Hears until such a message comes: its body, until the next call. Fails the test otherwise. */
struct span peer_expect(struct peer *peer, uint8_t type);
/* Hears until the other side closes; the reason of its bye in `reason` ("": none). */
void peer_expect_close(struct peer *peer, char reason[static 32]);

/* hello with digests equal to what the thief's documents give. `highest` of the versions. */
void peer_hello(struct peer *peer, const char *child_seat, unsigned lowest, unsigned highest);
/* As a child that holds nothing: all the way to live. */
void peer_go_live(struct peer *peer);

#endif
