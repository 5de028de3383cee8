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
    HAPPENING_TIMER,     /* a node's deadline */
};

struct happening {
    uint64_t at_ms, order;
    enum happening_kind kind;
    size_t node;      /* whom it happens to */
    uint32_t link;    /* link id at that node */
    uint64_t session; /* of the link; or the timer's number */
    enum channel channel;
    uint8_t type;
    bool injected; /* made by the world, not by a node */
    struct buffer body;
};

struct agenda {
    struct happening *heap;
    size_t count, capacity;
    size_t timer_count; /* of `count`, those that are timers */
    uint64_t planned;
};

void agenda_clear(struct agenda *agenda);
/* Takes the body's ownership; `order` is filled in. */
void agenda_plan(struct agenda *agenda, const struct happening *happening);
/* The next one, owned by the caller now; false: nothing is planned. */
bool agenda_take(struct agenda *agenda, struct happening *happening);
const struct happening *agenda_next(const struct agenda *agenda); /* NULL: nothing */

#endif
