/* Inside of a world: of world.c, world_node.c and world_link.c alone. */
#ifndef TERRACE_SIM_WORLD_PARTS_H
#define TERRACE_SIM_WORLD_PARTS_H

#include "sim/world/agenda.h"
#include "sim/world/world.h"

enum { WORLD_CHANNELS = 4, WORLD_TICKS_BEFORE_MS = 1000 };
/* The world begins on Friday, 6 June 2025, 17:00 UTC. */
#define WORLD_WALL_MS 1749229200000

enum end { END_CHILD, END_PARENT, END_COUNT };

/* An event in a node's inbox, with what it owns. */
struct inbox_item {
    struct event event;
    bool injected;
    struct buffer bytes;          /* the message's body, or the write's fields */
    char *type, *request_id, *to; /* of a write */
};

struct world_node {
    struct world *world;
    size_t place;
    struct memory_store *store;
    struct store_port port;
    struct drive *drive; /* NULL: doesn't run */
    uint8_t instance[8];
    unsigned starts;
    int64_t offset_ms;
    unsigned gift; /* what lies in its documents directory: enum county_gift */
    bool clock_stopped, held;
    uint64_t stopped_ms;
    uint64_t timer; /* number of the timer that counts */
    bool batch_planned;
    struct inbox_item *inbox;
    size_t inbox_count, inbox_capacity;
    size_t answers; /* in this batch */
};

struct world_link {
    bool cut, up;
    uint64_t session; /* of the last dial */
    uint32_t ids[END_COUNT];
    bool open[END_COUNT];                        /* messages to this end still arrive */
    uint32_t handles[END_COUNT];                 /* that blocks to this end have named */
    uint64_t last_ms[END_COUNT][WORLD_CHANNELS]; /* latest arrival planned; LINK_UP at first */
    uint64_t busy_us[END_COUNT][WORLD_CHANNELS]; /* until when this channel and those before it */
};

struct world {
    const struct county *county;
    struct world_options options;
    struct world_hooks hooks;
    struct world_counts counts;
    struct prng prng;
    struct agenda agenda;
    uint64_t now_ms;
    uint32_t next_link_id;
    struct world_node *nodes;
    struct world_link *links; /* by the child's place */
};

uint64_t draw_between(struct world *world, uint32_t low, uint32_t high);

/* world_link.c */
void link_send(struct world_node *node, uint32_t id, enum channel channel, uint8_t type,
               struct span body);
void link_close(struct world_node *node, uint32_t id);
void link_dial(struct world *world, size_t child);
void link_plan_dial(struct world *world, size_t child);
void links_of_crashed(struct world *world, size_t node);
bool link_arrival_counts(const struct world *world, const struct happening *happening);

/* world_node.c */
void node_receive(struct world_node *node, struct happening *happening);
void node_link_up(struct world_node *node, const struct happening *happening);
void node_link_down(struct world_node *node, uint32_t link);
void node_timer(struct world_node *node, uint64_t number);
void node_batch(struct world_node *node);
void node_clear_inbox(struct world_node *node);

#endif
