/* What will happen, in the order of virtual time; of one time, in the order of planning. */
#ifndef TERRACE_SIM_AGENDA_H
#define TERRACE_SIM_AGENDA_H

#include "base/span.h"
#include "replication/ports.h"

enum happening_kind {
    HAPPENING_ARRIVAL,   /* a message reaches a node */
    HAPPENING_LINK_UP,   /* a node's end of a link is there */
    HAPPENING_LINK_DOWN, /* a node hears that its end is gone */
    HAPPENING_DIAL,      /* a child tries its parent */
    HAPPENING_BATCH,     /* a node takes what its inbox holds */
    HAPPENING_SILENCE,   /* an end of a link has heard nothing for too long */
    /* What goes on for ever, whether or not anything else does: */
    HAPPENING_TIMER, /* a node's deadline */
    HAPPENING_LINE,  /* a line's window opens or shuts, or its day is over */
    HAPPENING_DECAY, /* an hour more of a disk that fails */
    HAPPENING_CHEAT, /* a second more of a node that forges */
};

struct happening {
    uint64_t at_ms, order;
    enum happening_kind kind;
    size_t node;      /* whom it happens to */
    uint32_t link;    /* link id at that node */
    uint64_t session; /* of the link; or the number of what is to be, so that it can be outdated */
    enum channel channel;
    uint8_t type;
    bool injected; /* made by the world, not by a node */
    bool corrupt;  /* altered by the line */
    struct buffer body;
};

/* What the order hangs on, apart from the rest, so that the heap stays small. */
struct agenda_key {
    uint64_t at_ms, order;
    size_t slot;
};

struct agenda {
    struct agenda_key *heap;
    struct happening *slots;
    size_t *free_slots; /* those that nothing is in: capacity - count of them */
    size_t count, capacity;
    size_t endless_count; /* of `count`, those of HAPPENING_TIMER and after */
    uint64_t planned;
};

void agenda_clear(struct agenda *agenda);
/* Takes the body's ownership; `order` is filled in. */
void agenda_plan(struct agenda *agenda, const struct happening *happening);
/* The next one, owned by the caller now; false: nothing is planned. */
bool agenda_take(struct agenda *agenda, struct happening *happening);
const struct happening *agenda_next(const struct agenda *agenda); /* NULL: nothing */

#endif
