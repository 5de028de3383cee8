/* The link room: Noise links over NNG's byte streams, in a libuv loop.
 *
 * A parent listens, a child dials; whoever is not named in the signed tree gets nothing, not even a
 * word. All calls below and all callbacks are on the loop's thread. Callbacks never come out of a
 * call: what a call causes is told later. URLs are tcp://ADDRESS:PORT with an address in digits
 * (IPv6 in brackets), or ipc:///ABSOLUTE/PATH. */
#ifndef TERRACE_NODE_LINK_LINK_H
#define TERRACE_NODE_LINK_LINK_H

#include <uv.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/limits.h"

struct link_room;

enum {
    LINK_KEY_BYTES = 32,
    LINK_PSK_BYTES = 32,
    /* Queued for one link, all channels: what credit lets out (a window a class) and as much again
     * for control. A peer that makes us owe more than this is closed (flood). */
    LINK_QUEUE_BYTES_MAX = 1 << 20,
    LINK_DRAIN_MS = 2 * 1000,         /* for the last words on a closing link */
    LINK_ACCEPT_RETRY_MS = 100,       /* after a failed accept (no descriptors left) */
    LINK_ACCEPTS_PER_SECOND = 2000,   /* so that a flood doesn't fill the kernel's queue */
    LINK_HANDSHAKES_PER_SECOND = 400, /* each costs four key exchanges: 10 % of a core */
    /* Where no rate is declared it is learned from what the peer is known to have read: bulk goes
     * ahead of that by so much time beyond the line's own delay, and by two slices at least. */
    LINK_AHEAD_MS = 100,
    LINK_AHEAD_FIRST_BYTES = 96 << 10, /* until something is known */
    LINK_RATE_LEAST = 1024, /* bytes a second: a peer that reads less is as good as dead */
    LINK_RENEW_MS = 24 * 60 * 60 * 1000, /* then the dialler makes a new handshake */
    /* Who joins by a token: how many at a time, for how long, how much it may say in its one
     * message, and how many tokens may be out. */
    LINK_JOINERS_MAX = 8,
    LINK_JOIN_MS = 60 * 1000,
    LINK_JOIN_BYTES_MAX = 4 << 10,
    LINK_INVITES_MAX = 64,
    LINK_INVITE_ID_BYTES = 8,
    MESSAGE_TYPE_JOIN = 40, /* both ways, on channel 0; nothing else passes there */
    /* As the host of others' fallbacks: how many wires at a time, how many seats each may go to. */
    LINK_WIRES_MAX = 32,
    LINK_WIRE_WAIT_PARTS = 2, /* handshake times until it must have come to something */
    LINK_ROUTES_MAX = 4,
    LINK_TARGETS_MAX = TIERS_MAX,
    MESSAGE_TYPE_WIRE = 18,
};

/* X(name, what became of the link) */
#define LINK_DOWN_LIST(X)                                                                          \
    X(LOST, "the stream ended")                                                                    \
    X(CLOSED, "this node closed it")                                                               \
    X(HANDSHAKE, "the handshake failed")                                                           \
    X(UNKNOWN_KEY, "the signed tree does not name its key")                                        \
    X(TIMEOUT, "nothing was heard in time")                                                        \
    X(DAMAGED, "its bytes were changed on the way")                                                \
    X(MALFORMED, "its bytes can't be read")                                                        \
    X(FLOOD, "more was to be sent to it than may be queued")                                       \
    X(REPLACED, "a newer link of the same key took its place")                                     \
    X(RENEWED, "its keys were used long enough")                                                   \
    X(MOVED, "the uplink goes elsewhere")                                                          \
    X(CUT, "the uplink is cut by order")                                                           \
    X(STOPPING, "this node is stopping")
enum link_down {
#define X(name, sentence) LINK_DOWN_##name,
    LINK_DOWN_LIST(X)
#undef X
};
const char *link_down_sentence(enum link_down reason);

/* X(name, text): the last word on a link that is closed in order (formats.md 6, bye). */
#define LINK_BYE_LIST(X)                                                                           \
    X(UNKNOWN_KEY, "unknown_key")                                                                  \
    X(REFUSED, "refused")                                                                          \
    X(OVERSIZE, "oversize")                                                                        \
    X(MALFORMED, "malformed")                                                                      \
    X(FORGED, "forged")                                                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(REPLACED, "replaced")                                                                        \
    X(MOVED, "moved")                                                                              \
    X(STOPPING, "stopping")                                                                        \
    X(VERSION, "version")                                                                          \
    X(FULL, "full")
enum link_bye {
    LINK_BYE_NONE, /* nothing is said; the core may have said it itself */
#define X(name, text) LINK_BYE_##name,
    LINK_BYE_LIST(X)
#undef X
};

/* All may be called at any later time until `stopped`; none may be NULL. */
struct link_callbacks {
    /* The peer has proved its key. `uplink`: we dialled it. A link of the same peer that this one
     * replaces has been told down before. */
    void (*on_up)(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                  bool uplink);
    /* One message; the body lives until the callback returns. Pings and pongs never come here. */
    void (*on_message)(void *context, uint32_t link, unsigned channel, uint8_t type,
                       struct span body);
    /* Once for each on_up; the last word about this link. */
    void (*on_down)(void *context, uint32_t link, enum link_down reason);
    /* The room has gone, after link_room_stop. */
    void (*stopped)(void *context);
    /* Somebody who has proved its key and knows the secret of an invitation asks, once: there was
     * no on_up, there will be no on_down. Answered by link_room_send (MESSAGE_TYPE_JOIN) and
     * link_room_close; a link that is gone by then swallows that. NULL: nobody joins here. */
    void (*on_join)(void *context, uint32_t link, const uint8_t invite[static LINK_INVITE_ID_BYTES],
                    const uint8_t peer_key[static LINK_KEY_BYTES], struct span body);
    /* Somebody who knows the tree's secret, and has proved its key, wants to be put through as the
     * node of this seat, over us as its fallback: no on_up, no on_down. Answered, within
     * LINK_WIRE_WAIT_PARTS handshake times, by link_room_put_through or link_room_close. NULL:
     * nobody is. */
    void (*on_wire)(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                    const char *seat);
};

/* Where a wire may go: an endpoint of a seat above its caller. */
struct link_route {
    char seat[SEAT_BYTES_MAX + 1];
    char url[ENDPOINT_BYTES_MAX + 1];
};

/* Whom a fallback may put us through to. */
struct link_target {
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t key[LINK_KEY_BYTES];
};

/* An invitation that was handed out: who knows its key may ask to join, and for nothing else. */
struct link_invite {
    uint8_t id[LINK_INVITE_ID_BYTES];
    uint8_t psk[LINK_PSK_BYTES];
};

struct link_options {
    uv_loop_t *loop;
    uint8_t link_secret[LINK_KEY_BYTES]; /* X25519; not the signing key */
    uint8_t tree_id[HASH_BYTES];
    uint8_t psk[LINK_PSK_BYTES]; /* the secret of the tree */
    const char *listen_url;      /* NULL: no children. Port 0: any, see link_room_port */
    struct link_callbacks callbacks;
    void *context; /* of the callbacks */
    /* The uplink is dialled with the invitation of this id, whose key is `psk`: its one message is
     * MESSAGE_TYPE_JOIN. NULL: as a node of the tree. Read at the start alone. */
    const uint8_t *invite_id;
    /* Declared rate of each link in bytes a second: cuts slices and paces what is sent, so that no
     * more than a quarter of a second lies in the kernel's buffer. 0: as fast as it goes. */
    uint64_t rate_bytes;
    /* 0 = as limits.h and above; tests set them small. */
    uint32_t handshake_ms, ping_ms, dead_ms, redial_first_ms, redial_most_ms, drain_ms;
    uint32_t handshakes_max, handshakes_second_max, links_max;
    uint32_t rate_least; /* bytes a second that a peer reads, or is as good as dead */
    size_t queue_bytes_max;
};

/* Start: listens at once. NULL: see `error` (a URL that can't be, an address in use); the loop must
 * still run once to let go of what was begun. Secrets are copied; the caller may wipe its own. */
struct link_room *link_room_start(const struct link_options *options, struct error *error);
/* Say bye on all links, give the last words LINK_DRAIN_MS, close, free; then `stopped` is called.
 * No other call on the room after this one. */
void link_room_stop(struct link_room *room);

/* The TCP port that is listened on; 0: none. */
uint16_t link_room_port(const struct link_room *room);
void link_room_public_key(const struct link_room *room, uint8_t key[static LINK_KEY_BYTES]);

/* Which keys may dial us. The list is copied; it replaces the one before. Links of keys that are no
 * longer named are closed. `seat` is for link_info only. */
struct link_peer {
    uint8_t key[LINK_KEY_BYTES];
    char seat[SEAT_BYTES_MAX + 1];
};
void link_room_set_peers(struct link_room *room, const struct link_peer *peers, size_t count);

/* Who may ask to join, at most LINK_INVITES_MAX; replaces those before. Copied. */
void link_room_set_invites(struct link_room *room, const struct link_invite *invites, size_t count);

/* The uplink: dial this peer, and again whenever the link is gone, waiting at random below a bound.
 * Where nobody answers it is a REDIAL_SHAREth of the time without a link, from REDIAL_FIRST_MS to
 * REDIAL_UNANSWERED_MS; where somebody answers and it comes to no link, or to none that lasts, it
 * doubles, up to REDIAL_MOST_MS at last, and starts afresh once a link has outlived it. The
 * endpoints are tried in turn. Another peer than before: the link to the former one is closed
 * (moved). The same peer and endpoints: nothing happens. count 0: no uplink. At most
 * ENDPOINTS_MAX URLs, each at most ENDPOINT_BYTES_MAX; all is copied. Error: a URL that can't be;
 * then the uplink stays as it was. */
enum error_code link_room_dial(struct link_room *room, const uint8_t peer[static LINK_KEY_BYTES],
                               const char *const *urls, size_t count, struct error *error);
/* The same over a fallback: `host` is dialled and asked to put us, the node of `own_seat`, through
 * to one of the targets; the link that comes up is one with that seat, says link_info.over, and
 * lives beside the uplink: what is dialled next doesn't end it. A host that is itself a target is
 * the other end. A new attempt follows until something else is dialled. */
enum error_code link_room_dial_over(struct link_room *room,
                                    const uint8_t host[static LINK_KEY_BYTES],
                                    const char *const *urls, size_t count, const char *own_seat,
                                    const struct link_target *targets, size_t target_count,
                                    struct error *error);
/* The caller of on_wire is put through to the first of these that answers. */
void link_room_put_through(struct link_room *room, uint32_t link, const struct link_route *routes,
                           size_t count);
/* Whether the caller of on_wire still waits for it. */
bool link_room_wiring(const struct link_room *room, uint32_t link);
/* As if the cable were pulled: the uplink goes down without a word and stays down; false: dial
 * again at once. */
void link_room_set_cut(struct link_room *room, bool cut);

/* Queue one message (body <= MESSAGE_BYTES_MAX, copied). A link that is gone or closing swallows
 * it. One that would pass the bound for what is queued is closed (flood). */
void link_room_send(struct link_room *room, uint32_t link, unsigned channel, uint8_t type,
                    struct span body);
/* Close after what is queued (and after the bye, if one is given): at most LINK_DRAIN_MS. From now
 * on nothing that is heard on it comes out. A link that is gone: nothing happens. */
void link_room_close(struct link_room *room, uint32_t link, enum link_bye bye);
/* Stop reading from a link whose messages can't be taken now, and go on reading. TCP then stops the
 * peer. A held link does not die of silence. */
void link_room_hold(struct link_room *room, uint32_t link, bool held);

/* What was refused, and totals over all links since the start. */
struct link_counters {
    uint64_t unknown_key; /* a proper handshake of a key that is not named */
    uint64_t handshake;   /* a handshake that failed: other tree, other key, garbage, reflection */
    uint64_t replay;      /* a proper first message without the keys behind it */
    uint64_t oversize;    /* a length above its bound before the peer was known */
    uint64_t damaged;     /* a frame whose tag does not fit */
    uint64_t malformed;   /* a frame or message that can't be */
    uint64_t flood;       /* more owed to a peer than may be queued; callers beyond the places */
    uint64_t timeout;     /* too slow to prove itself or to read, or silent for too long */
    uint64_t bytes_in, bytes_out; /* of the streams, all overhead included */
    uint64_t accepted, dialled, came_up;
    uint64_t answered; /* of those dialled: somebody was there, whoever it is */
    uint64_t wired;    /* bytes that went through, of others */
};
void link_room_counters(const struct link_room *room, struct link_counters *counters);

struct link_info {
    uint32_t link;
    bool uplink;
    bool over; /* by a fallback */
    uint8_t peer_key[LINK_KEY_BYTES];
    char seat[SEAT_BYTES_MAX + 1]; /* as link_room_set_peers says; "" for an uplink */
    uint64_t up_ms;                /* since it came up */
    uint64_t heard_ms;             /* since the last frame was heard */
    uint64_t bytes_in, bytes_out;
    size_t queued_bytes;
};
/* Of a link that is up; false: there is none of this name. */
bool link_room_info(const struct link_room *room, uint32_t link, struct link_info *info);
/* Names of the links that are up, ascending, at most `most`; returns how many there are. */
size_t link_room_list(const struct link_room *room, uint32_t *links, size_t most);
size_t link_room_wires(const struct link_room *room); /* how many others are put through here */

/* True for the two forms of URL above. `listening`: port 0 is allowed. */
bool link_url_valid(const char *url, bool listening);

#endif
