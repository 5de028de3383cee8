/* Where the processor's time of a run goes. Whoever begins a part of the work says so in one
 * variable, which a timer's signal reads a few hundred times a second (sim/run/cost.h): so marks
 * cost nothing worth measuring, and nothing that is decided depends on them. */
#ifndef TERRACE_SIM_COST_H
#define TERRACE_SIM_COST_H

/* X(name, in JSON, in words) */
#define COST_LIST(X)                                                                               \
    X(WORLD, "world", "links, agenda, trace")                                                      \
    X(CORE, "core", "the nodes' core")                                                             \
    X(STORE, "store", "the nodes' stores")                                                         \
    X(CRYPTO, "crypto", "hashes and signatures")                                                   \
    X(PACK, "pack", "compression")                                                                 \
    X(MODEL, "model", "the model and its checks")                                                  \
    X(WATCH, "watch", "the report")
enum cost_part {
#define X(name, text, words) COST_##name,
    COST_LIST(X)
#undef X
        COST_PARTS
};

extern volatile enum cost_part cost_now;

static inline enum cost_part cost_enter(enum cost_part part)
{
    enum cost_part before = cost_now;
    cost_now = part;
    return before;
}

static inline void cost_leave(const enum cost_part *before)
{
    cost_now = *before;
}

/* The stores' own part when a node's core asks; else it belongs to who asks. */
static inline enum cost_part cost_of_store(void)
{
    return cost_now == COST_CORE ? COST_STORE : cost_now;
}

/* Until the end of this block. */
#define COST_HERE(part)                                                                            \
    __attribute__((cleanup(cost_leave), unused)) enum cost_part cost_before = cost_enter(part)

#endif
