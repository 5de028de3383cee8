/* A small world for tests of links: a loop, a parent and two children in one process, and strangers
 * on plain sockets. cmocka's headers must come first. */
#ifndef TERRACE_TESTS_LINK_WORLD_H
#define TERRACE_TESTS_LINK_WORLD_H

#include "node/link/frame.h"
#include "node/link/link.h"

enum {
    GUARD_MS = 180 * 1000, /* a test that hangs this long has failed */
    LOG_MAX = 4096,
    FIRST_BYTES = 99, /* of a handshake, length included */
    SECOND_BYTES = 50,
};

enum log_kind { LOG_UP, LOG_DOWN };

struct side {
    struct link_room *room;
    uint8_t secret[LINK_KEY_BYTES], key[LINK_KEY_BYTES];
    uint32_t link; /* the newest; 0: none */
    struct {
        enum log_kind kind;
        uint32_t link;
        enum link_down reason;
        bool uplink;
    } log[LOG_MAX];
    size_t log_count;
    size_t heard[CHANNELS], heard_bytes[CHANNELS];
    size_t bulk_before_urgent, bytes_before_urgent; /* messages; bytes of all of them */
    unsigned byes;
    uint8_t last_type;
    bool broken; /* a message was not what its sender made */
    bool stopped;
    bool flutters; /* holds and lets go of the link at each message */
};

/* sides[0] is the parent (of the links), the others are children. */
struct world {
    uv_loop_t loop;
    uv_timer_t guard;
    struct side sides[3];
    uint16_t port; /* where dial_parent and stranger_connect go */
};
extern struct world world;

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        uv_timer_start(&world.guard, world_guard_fired, GUARD_MS, 0);                              \
        while (!(condition))                                                                       \
            uv_run(&world.loop, UV_RUN_ONCE);                                                      \
    } while (0)

void world_guard_fired(uv_timer_t *timer);
/* For cmocka. At the end all rooms are stopped, and every link that came up must have gone down. */
int world_set_up(void **state);
int world_tear_down(void **state);
/* Options of this side: quick to redial, all else as usual. */
struct link_options side_options(struct side *side);
/* The same for the parent, which listens on a port of the system's choice. */
struct link_options parent_options(void);
void start_side(struct side *side, const struct link_options *options);
/* `at` lets `peer` dial, and nobody else. */
void name_peer(struct side *at, const struct side *peer);
/* The parent, which lets sides[1] dial. */
void start_parent(const struct link_options *options);
void dial_parent(struct side *side);
void start_child(struct side *side);
/* Parent and sides[1], the link up on both. */
void start_pair(void);
struct link_counters counters_of(const struct side *side);
/* On the newest link of this side: a body that its hearer can check. */
void send_body(struct side *side, unsigned channel, size_t size);

/* A stranger: a plain socket with a Noise handshake of its own, as far as the test takes it. */
struct stranger {
    int socket;
    struct noise_handshake noise;
    struct noise_cipher sending, receiving;
    uint8_t first[FIRST_BYTES];
};

void stranger_connect(struct stranger *stranger);
/* The same from another address of this machine, as 127.0.5.1. */
void stranger_connect_from(struct stranger *stranger, const char *address);
void stranger_send(struct stranger *stranger, const uint8_t *data, size_t size);
/* The first message of `as`, for the tree and the parent of this world. */
void stranger_make_first(struct stranger *stranger, const struct side *as);
/* Runs the loop until `size` bytes are here or the other side has closed; returns how many came. */
size_t stranger_read(struct stranger *stranger, uint8_t *data, size_t size);
/* The other side closes without a byte; closes the socket too. */
bool stranger_hears_nothing(struct stranger *stranger);
/* Connects; the whole handshake as `as`, without the first frame. */
void stranger_shake_hands(struct stranger *stranger, const struct side *as);
/* Takes the second message of the handshake. */
void stranger_finish(struct stranger *stranger);
/* Seals `plain` (channel and bytes) as the next frame; returns its size. */
size_t stranger_frame(struct stranger *stranger, const uint8_t *plain, size_t size, uint8_t *out);
void stranger_ping(struct stranger *stranger);
extern const uint8_t ping_plain[4]; /* what stranger_ping seals */

#endif
