/* Inside the link room: its structures, and what one file offers another.
 *
 *   NNG thread: aio callback -> inbox            (nothing else, ever)
 *   loop:       inbox -> operation.done -> link
 *
 * Whoever starts an aio marks its operation busy; it is busy until its completion has come through
 * the inbox. Nothing that holds an operation is freed while it is busy, and freeing an aio waits
 * for its callback to return. */
#ifndef TERRACE_NODE_LINK_LINK_PARTS_H
#define TERRACE_NODE_LINK_LINK_PARTS_H

#include <nng/nng.h>
#include <sodium.h>

#include "node/link/frame.h"
#include "node/link/link.h"
#include "node/loop/inbox.h"

enum {
    HANDSHAKE_VERSION = 1,
    HANDSHAKE_FIRST_BYTES = 97, /* version, then the first Noise message */
    HANDSHAKE_SECOND_BYTES = 48,
    JOIN_VERSION = 2,
    WIRE_VERSION = 3, /* its first message is as long as a link's */
    JOIN_FIRST_BYTES = HANDSHAKE_FIRST_BYTES + LINK_INVITE_ID_BYTES, /* the id behind the version */
    LINK_INPUT_BYTES_SMALL = 256,      /* what an idle link keeps ready */
    LINK_INPUT_BYTES_LARGE = 32 << 10, /* while more comes than fits that */
    LINK_PROOF_BYTES = 16 << 10,       /* a ping after so much: its pong shows that it was read */
    LINK_FAMILIAR_PLACES = 1 << 10, /* addresses remembered of peers that have proved themselves */
    MESSAGE_TYPE_PING = 15,
    MESSAGE_TYPE_PONG = 16,
    MESSAGE_TYPE_BYE = 17,
};

#define LINK_RENEW_FRAMES (UINT64_C(1) << 32)

/* One aio, its completion event and whom to tell. */
struct operation {
    struct inbox_event event; /* first: the room's inbox holds nothing else */
    struct link_room *room;
    nng_aio *aio;
    void (*done)(struct operation *operation);
    void *owner;
    bool busy;
};

/* Which may follow which, and what must hold then: link_move. */
enum link_state {
    LINK_GREETING, /* handshake messages; nothing is known of the peer */
    LINK_PROVING,  /* responder: a first frame of the peer's has to show that it is alive */
    LINK_UP,       /* told up */
    LINK_DRAINING, /* last words; what is heard is dropped */
    LINK_CLOSING,  /* the stream is closed; operations are coming back */
    LINK_STATES
};

/* From where somebody calls. */
struct caller {
    uint64_t address; /* a keyed hash of it */
    uint32_t group;   /* its neighbourhood, /24 or /48; 0: local */
    bool familiar;    /* a peer of ours has proved itself from there */
};

/* Only while the handshake lasts. */
struct greeting {
    struct noise_handshake noise;
    uint8_t input[FRAME_LENGTH_BYTES + JOIN_FIRST_BYTES];
    size_t input_bytes;
};

struct link {
    struct link_room *room;
    uint32_t id;
    enum link_state state;
    enum link_down reason; /* once closing */
    bool uplink;
    bool told_up, told_down;
    bool joining, join_asked; /* accepted: somebody with an invitation; it has said its message */
    bool wiring, wire_asked;  /* a fallback's: it isn't put through, or is others'; it was asked */
    bool over;                /* by a fallback: the peer is above our parent */
    bool peer_known;          /* peer_key is meant */
    bool held;
    bool input_in_use; /* being looked at: nothing may be read into it */
    nng_stream *stream;
    struct wire *wire; /* as the host: where it goes; NULL: nowhere yet */
    struct operation sending, receiving;
    uv_timer_t timer;
    uint64_t began_ms, up_ms, heard_ms, sent_ms;
    uint64_t progress_ms; /* the send under way last moved */
    uint64_t pace_ms;     /* not before this may the next frame be sent */
    struct greeting *greeting;
    struct frame_sender sender;
    struct frame_receiver receiver;
    struct buffer output; /* sealed bytes being sent */
    size_t output_at;
    uint8_t *large_input; /* owned; NULL when idle */
    uint64_t bytes_in, bytes_out;
    uint64_t asked_ms;                /* when the ping went out that isn't answered; 0: none */
    uint64_t asked_bytes, read_bytes; /* of bytes_sealed, at that ping; and shown to be read */
    uint64_t bytes_sealed;
    uint32_t pings, pongs, asked_ping; /* said, answered; which of them is the proof */
    uint64_t ahead_bytes;              /* of bytes_sealed before read_bytes: beyond it bulk waits */
    uint64_t rate, proof_ms_least;     /* bytes a second shown of late; the quickest proof */
    struct caller caller;              /* accepted: who called */
    uint8_t peer_key[LINK_KEY_BYTES];
    uint8_t invite_id[LINK_INVITE_ID_BYTES]; /* joining: whose */
    uint8_t small_input[LINK_INPUT_BYTES_SMALL];
};

struct uplink {
    uint8_t peer_key[LINK_KEY_BYTES];
    char urls[ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1];
    size_t url_count, url_index;
    nng_stream_dialer *dialer; /* while dialling is busy */
    struct operation dialling;
    uv_timer_t timer;
    unsigned attempts;     /* that were answered, since a link lived long enough */
    unsigned unanswered;   /* attempts that were not, since one was */
    uint64_t alone_ms;     /* since when there is no link */
    uint64_t wait_most_ms; /* the bound under which the last wait was drawn */
    struct link *link;     /* NULL: none */
    bool cut;
    bool stale; /* what is being dialled is no longer wanted */
    bool over;  /* peer_key is a fallback's: */
    char own_seat[SEAT_BYTES_MAX + 1];
    struct link_target *targets; /* owned */
    size_t target_count;
};

struct listener {
    nng_stream_listener *listener; /* NULL: none */
    struct operation accepting;
    uv_timer_t timer;
    uint64_t second_ms;                       /* the second in which accepts are counted */
    uint32_t accepts;                         /* in it */
    uint32_t handshakes, familiar_handshakes; /* in it, of strangers and of others */
    uint16_t port;
    uint64_t *familiar; /* LINK_FAMILIAR_PLACES addresses, each at its place; NULL: none yet */
    uint8_t address_key[crypto_shorthash_KEYBYTES];
};

struct link_room {
    struct link_options options; /* zeros filled in */
    uint8_t public_key[LINK_KEY_BYTES];
    struct inbox inbox;
    struct link **links; /* ascending by id */
    size_t link_count, link_capacity;
    size_t unproved_count; /* accepted, not yet up */
    uint32_t last_id;
    struct link_peer *peers; /* ascending by key */
    size_t peer_count;
    struct link_invite *invites;
    size_t invite_count;
    bool dials_invited; /* the uplink is dialled with invite_id */
    uint8_t invite_id[LINK_INVITE_ID_BYTES];
    struct uplink uplink;
    struct listener listener;
    struct link_counters counters;
    bool stopping;
    unsigned timers_open; /* of uplink and listener, while stopping */
};

/* link.c */
uint64_t room_now(const struct link_room *room);
const struct link_peer *room_peer(const struct link_room *room, const uint8_t *key);
struct link *room_link(const struct link_room *room, uint32_t id);
void room_forget(struct link_room *room, struct link *link);
void room_finish_if_idle(struct link_room *room);
bool operation_init(struct operation *operation, struct link_room *room, void *owner,
                    void (*done)(struct operation *operation));
void operation_free(struct operation *operation);

/* link_stream.c: one link from its stream on. */
void link_begin(struct link_room *room, nng_stream *stream, bool uplink);
void link_move(struct link *link, enum link_state state);
/* The link is over; tell it now. Not from a call of the room's user. */
void link_fail(struct link *link, enum link_down reason);
/* The link is over; tell it once the stream has gone. */
void link_shut(struct link *link, enum link_down reason);
/* The link is over once what is queued, and the bye, has been sent. */
void link_drain(struct link *link, enum link_down reason, enum link_bye bye);
/* The same, and it is told now. Not from a call of the room's user. */
void link_retire(struct link *link, enum link_down reason, enum link_bye bye);
void link_tell_down(struct link *link);
void link_flush(struct link *link);
void link_arm(struct link *link);
void link_read(struct link *link);
void link_ping(struct link *link);
void link_malformed(struct link *link);
/* Queue a message; closes the link when its bound is reached. */
void link_queue(struct link *link, unsigned channel, uint8_t type, struct span body);

void link_finish_if_idle(struct link *link); /* wherever an operation has come back */

/* link_wire.c */
enum { WIRE_PROLOGUE_BYTES = 12 + 1 + HASH_BYTES };
void link_wire_options(const struct link *link, uint8_t prologue[static WIRE_PROLOGUE_BYTES],
                       struct noise_options *options);
void link_wire_ask(struct link *link); /* the caller, whose handshake with the host is done */
/* Responder: begins the handshake anew as a host's. False: none, or too many. */
bool link_wire_begin(struct link *link);
void link_wire_take(struct link *link, const struct frame_message *message);
bool link_wire_passes(const struct link *link); /* bytes go through */
void link_wire_pass(struct link *link, struct span input);
void link_wire_flushed(struct link *link);
void link_wire_close(struct link *link);
bool link_wire_busy(const struct link *link);
void link_wire_free(struct link *link);
size_t link_wire_count(const struct link_room *room);

/* link_timer.c */
void link_tick(uv_timer_t *timer);

/* link_handshake.c */
void handshake_begin(struct link *link);
void handshake_end(struct link *link); /* gives back what the handshake holds */
/* Takes bytes from the front of *input; the link moves on or fails. */
void handshake_take(struct link *link, struct span *input);
/* The first frame of the peer's has been opened. */
void handshake_proved(struct link *link);

/* link_join.c */
const struct link_invite *room_invite(const struct link_room *room, const uint8_t *id);
void room_forget_invites(struct link_room *room);
/* Responder: begins the handshake anew for the invitation that the first message names. False:
 * nothing is known of it, or too many are joining. */
bool link_join_begin(struct link *link, const uint8_t *invite_id);
/* The options of a handshake under an invitation; `prologue` lives as long as they do. */
enum { JOIN_PROLOGUE_BYTES = 12 + 1 + HASH_BYTES + LINK_INVITE_ID_BYTES };
void link_join_options(const struct link *link, const uint8_t *invite_id, const uint8_t *psk,
                       uint8_t prologue[static JOIN_PROLOGUE_BYTES], struct noise_options *options);
/* A message of somebody who joins; the link fails when it may not be. */
void link_join_take(struct link *link, const struct frame_message *message);

/* link_listen.c */
bool listener_start(struct link_room *room, struct error *error);
void listener_accept(struct link_room *room); /* whenever a place may have become free */
/* Whether one more first message may be answered this second; counts it. */
bool listener_admits(struct link_room *room, const struct caller *caller);
/* A peer of ours has proved itself from there: it keeps a place in any flood. */
void listener_remember(struct link_room *room, const struct caller *caller);
void listener_stop(struct link_room *room);
void listener_free(struct link_room *room);

/* link_dial.c */
bool uplink_init(struct link_room *room);
void uplink_stop(struct link_room *room);
void uplink_free(struct link_room *room);
void uplink_link_gone(struct link_room *room, const struct link *link);

#endif
