/* Inside of a world: of the files of this folder alone.
 *
 *     world.c    the agenda, clocks
 *     node.c     inbox and batches        life.c   starts, ends, disks put back, clones
 *     link.c     sessions                 hole.c   silence: half-open links, pauses, power cuts
 *     line.c     what a message meets on its way
 *     disk.c     what a disk does wrong   conduct.c   how a node cheats */
#ifndef TERRACE_SIM_WORLD_PARTS_H
#define TERRACE_SIM_WORLD_PARTS_H

#include "sim/world/agenda.h"
#include "sim/world/verify_once.h"
#include "sim/world/world.h"

enum { WORLD_CHANNELS = 4, WORLD_TICKS_BEFORE_MS = 1000, WORLD_DAY_MS = 24 * 60 * 60 * 1000 };
/* Friday, 6 June 2025, 17:00 UTC. */
#define WORLD_WALL_MS 1749229200000

/* Types of messages, as on the wire (formats.md 6). */
enum { WIRE_BLOCK = 8, WIRE_STATEMENT = 11, WIRE_TOKEN = 14 };

enum end { END_CHILD, END_PARENT, END_COUNT };

/* An event in a node's inbox, with what it owns. */
struct inbox_item {
    struct event event;
    bool injected;
    struct buffer bytes;                 /* the message's body, or the write's fields */
    char *type, *request_id, *to, *step; /* of a write */
};

struct held_list { /* messages that a hole has swallowed, in order */
    struct happening *items;
    size_t count, capacity;
};

/* The link of a node to its parent. */
struct world_link {
    struct link_profile profile; /* if has_profile; else as the world's options say */
    bool has_profile, cut, up;
    uint64_t session;  /* of the last dial */
    uint64_t up_ms;    /* when that was */
    uint64_t down_ms;  /* when the last one was over */
    uint64_t hears_ms; /* when the child hears that the parent has ended it */
    uint32_t ids[END_COUNT];
    bool open[END_COUNT];                        /* messages to this end still arrive */
    uint32_t handles[END_COUNT];                 /* that blocks to this end have named */
    uint64_t last_ms[END_COUNT][WORLD_CHANNELS]; /* latest arrival planned; LINK_UP at first */
    uint64_t busy_us[END_COUNT][WORLD_CHANNELS]; /* until when this channel and those before it */

    uint64_t hole_ms[END_COUNT]; /* since when what goes to this end vanishes, + 1; 0: it doesn't */
    bool lingers[END_COUNT];     /* the session is over, and this end doesn't know */
    struct held_list held[END_COUNT];
    unsigned replaced; /* how often in a row by a newer link of the same key */

    uint64_t line_number; /* of the HAPPENING_LINE that counts */
    uint64_t day;         /* of the wall, of which `day_bytes` were counted */
    uint64_t day_bytes;
    struct stream_id *names[END_COUNT]; /* by handle, while the sender withholds */
    struct link_counts counts;
};

struct world_node {
    struct world *world;
    size_t place, seat;
    struct county_keys keys; /* that its machine has */
    size_t parent;           /* a node; its own place: none */
    size_t *children, child_count, child_capacity;
    struct memory_store *store;
    struct store_port port;
    struct drive *drive; /* NULL: doesn't run */
    uint8_t instance[8];
    unsigned starts;
    uint32_t markers;   /* machines and stores that it has had */
    unsigned gift;      /* what lies in its documents directory: enum county_gift */
    struct tree *given; /* as of when that was put there; NULL: the first documents. Owned */
    struct clock_profile clock;
    uint64_t clock_set_ms;
    bool held, paused;
    uint64_t paused_ms;
    uint64_t timer; /* number of the timer that counts */
    bool batch_planned;
    struct inbox_item *inbox;
    size_t inbox_count, inbox_capacity;
    size_t answers; /* in this batch */
    struct disk_profile disk;
    uint64_t decay_number; /* of the HAPPENING_DECAY that counts */
    uint64_t sync_ms;      /* what a commit of this batch takes */
    uint64_t commits_before;
    uint64_t busy_until_ms;
    bool suspect; /* the store is checked before it is served */
    bool dies_after_send, dying;
    struct conduct conduct;
    uint64_t cheat_number; /* of the HAPPENING_CHEAT that counts */
    size_t twin;           /* the clone that a fork is made with; its own place: none */
    unsigned guides_asked; /* of those above its parent, in turn */
    size_t fallback, home; /* over whom it dials one above its parent, and that; SIZE_MAX: nobody */
    struct world_link uplink;
};

struct world {
    const struct county *county;
    struct world_options options;
    struct world_hooks hooks;
    struct world_counts counts;
    struct prng prng;
    struct agenda agenda;
    uint64_t now_ms;
    struct world_node **nodes; /* seats, then clones */
    size_t node_count, node_capacity;
    struct verify_once *once;
    struct verifier verifier;
    uint32_t *link_ends; /* by link id: 2 * child + end */
    uint32_t next_link_id, link_capacity;
};

uint64_t draw_between(struct world *world, uint64_t low, uint64_t high);
static inline enum end other_end(enum end end)
{
    return end == END_CHILD ? END_PARENT : END_CHILD;
}
static inline struct world_link *link_of(const struct world *world, size_t child)
{
    return &world->nodes[child]->uplink;
}

/* link.c */
struct world_node *wire_end(const struct world *world, size_t child, enum end end);
/* The link that has this id at one of its ends; NULL: a session that is over. */
struct world_link *wire_find(const struct world *world, uint32_t id, size_t *child, enum end *end);
void wire_close(struct world_node *node, uint32_t id);
void wire_arrive(struct world *world, struct happening *happening);
void wire_dial(struct world *world, size_t child);
void wire_plan_dial(struct world *world, size_t child);
/* Nothing more arrives; each end that runs hears of it in its own time, if it can. */
void wire_drop(struct world *world, size_t child);
/* One end ends the session: what it has sent still arrives, then the other hears of it. */
void wire_end_by(struct world *world, size_t child, enum end own);
/* The child turns to another parent; the session with the old one is over. */
void wire_leave(struct world *world, size_t child);
void wire_plan_down(struct world *world, size_t child, enum end end, uint64_t at_ms);

/* hole.c */
/* The session is over, and this end hears so at `at_ms`, or when it has heard nothing for long. */
void wire_tell_down(struct world *world, size_t child, enum end end, uint64_t at_ms);
void wire_linger(struct world *world, size_t child, enum end end);
void wire_tell_lingering(struct world *world, size_t child); /* its peer is back and says so */
void wire_silence(struct world *world, const struct happening *happening);
bool wire_swallows(struct world *world, struct happening *happening);
void wire_forget_held(struct world_link *link);
void hole_pause(struct world *world, size_t node); /* its peers hear nothing from now on */

/* line.c */
bool line_is_shut(const struct world *world, const struct world_link *link);
void line_edge(struct world *world, size_t child, uint64_t number);
void line_send(struct world_node *node, uint32_t id, enum channel channel, uint8_t type,
               struct span body);
uint64_t line_latency_ms(struct world *world, const struct world_link *link);

/* node.c */
void node_receive(struct world_node *node, struct happening *happening);
void node_link_up(struct world_node *node, const struct happening *happening);
void node_link_down(struct world_node *node, uint32_t link);
void node_timer(struct world_node *node, uint64_t number);
void node_batch(struct world_node *node);
void node_clear_inbox(struct world_node *node);
void node_plan_batch(struct world_node *node);
void node_plan_timer(struct world_node *node, uint64_t earliest_ms);
void node_run_events(struct world_node *node, struct event *events, size_t count, size_t injected);
void node_ports(struct world_node *node, struct drive_ports *ports);
uint64_t node_tick_ms(const struct world *world);
/* When what this batch sends leaves, from now: a commit takes its time. */
uint64_t node_sync_ms(const struct world_node *node);

/* life.c */
/* What lies in the node's documents directory. */
struct county_document *node_documents(const struct world_node *node, size_t *count);
/* Whom it dials, as its own tree says. */
void node_find_parent(struct world_node *node);
/* Whether its documents name the other's link key: the handshake is made for that key. */
bool node_knows(const struct world_node *node, const struct world_node *other);
struct world_node *node_new(struct world *world, size_t seat);
void node_free(struct world_node *node);
void node_end(struct world_node *node, bool silently);
void node_new_marker(struct world_node *node); /* of another machine, or another store */

void node_turn_to(struct world_node *node, size_t parent); /* whom it dials from now on */

/* fallback.c: all of it does nothing in a county without fallbacks. */
/* Before a dial: over a fallback, or back to the parent. */
void fallback_choose(struct world *world, size_t child);
/* A node or a line has come or gone: those who have a fallback may have to dial anew. */
void fallback_look(struct world *world);

/* disk.c */
void disk_decay(struct world_node *node, uint64_t number);
void disk_batch_begins(struct world_node *node);
void disk_make_good(struct world_node *node); /* before a start */
void disk_loses(struct world_node *node);     /* what the power cut takes */

/* conduct.c */
bool conduct_withholds(struct world *world, const struct world_node *from, size_t child,
                       enum end to, struct span body, uint8_t type);
void conduct_cheat(struct world_node *node, uint64_t number);

#endif
