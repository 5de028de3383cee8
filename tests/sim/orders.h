/* Random orders: one drawn history, and fresh nodes that hear all of it in orders of their own.
 *
 *     orders_writes.c    what is written in it
 *     orders_history.c   a county lives: writes, signatures, cut links; at last all is told to all
 *     orders_stock.c     what was said in it: every document, block and note
 *     orders_fresh.c     an empty node at a seat; whoever may brings it what its seat is to hold
 *     orders_check.c     what must hold while it hears, and when all have heard all
 *     test_orders.c      histories and orders by seed
 *
 * No network: whoever carries says a lawful hello in the name of a neighbour and hands blocks over
 * as they stand in some store. */
#ifndef TERRACE_TESTS_SIM_ORDERS_H
#define TERRACE_TESTS_SIM_ORDERS_H

#include "sim/world/verify_once.h"
#include "sim/world/world.h"

enum { ORDERS_SEATS_MAX = 12, ORDERS_RECORDS_MAX = 16, ORDERS_PAIRS_MAX = 8 };

/* ---- orders_stock.c ---- */

struct stock_block {
    uint32_t seq, end;
    struct buffer bytes; /* as sent: names its stream, says its place */
};

struct stock_stream {
    struct stream_id id;
    struct stream_open open;
    struct key_id author;
    struct stock_block *blocks; /* from 0 on, without a gap */
    size_t block_count;
};

struct stock_note {
    enum hash_context context;
    struct note_head head;
    struct buffer bytes;
};

struct stock {
    struct stock_stream *streams;
    size_t stream_count;
    struct stock_note *notes;
    size_t note_count;
    size_t fresh_blocks; /* that the last take has brought */
};

/* All that stands in a store and isn't there yet; streams that are their author's alone left out.
 */
void stock_take_blocks(struct stock *stock, const struct view *view);
void stock_take_notes(struct stock *stock, const struct view *view);
void stock_free(struct stock *stock);
uint32_t stock_end(const struct stock_stream *stream);

/* ---- a history ---- */

struct history_record {
    struct record_id id;
    const char *type;
    bool made;
};

struct history_counts {
    unsigned writes, extensions, steps, erasures, documents, moves, ended_keys, twins, orders;
};

struct history {
    uint64_t seed;
    struct prng prng;
    struct county *county;
    struct world *world;
    struct history_record records[ORDERS_RECORDS_MAX];
    size_t record_count;
    struct stock stock;
    /* places in county->changes */
    size_t first_move;                 /* from here on seats may change their parents */
    size_t pairs[ORDERS_PAIRS_MAX][2]; /* of one (term, version) */
    size_t pair_count;
    bool key_ended[ORDERS_SEATS_MAX]; /* a key of this seat was retired or revoked */
    struct history_counts counts;
    uint64_t next_request;
};

/* ---- orders_writes.c: each does it once, if it can be done now ---- */

void history_put(struct history *history);
void history_set(struct history *history);
void history_add(struct history *history);
void history_delete(struct history *history);
void history_erase(struct history *history);
void history_extend(struct history *history);
void history_step(struct history *history);
void history_answered(void *context, size_t node, const struct answer *answer);

/* ---- orders_history.c ---- */

/* Lives it through; all is told to all in the end, and the world has come to rest. Free with
 * history_free. */
struct history *history_new(uint64_t seed);
void history_free(struct history *history);
/* Whether a machine is at work at this seat in the end, and was let in. */
bool history_seat_works(const struct history *history, size_t seat);

/* ---- orders_fresh.c ---- */

struct fresh {
    const struct history *history;
    const struct stock *stock;
    struct prng *prng;
    size_t seat;
    struct memory_store *store;
    struct store_port port;
    struct replica_options options;
    struct verifier verifier;
    struct drive *drive;
    uint64_t tick_ms, wall_ms;
    uint32_t next_link;
    size_t document_count, first_count; /* the first documents, then the changes */
    struct watching *watching;          /* orders_check.c */
    unsigned batches, restarts;
    /* Its tree in the end is void documents', which put it out of reach of the proof that they are
     * two of one version; and what it lacks, since no neighbour of now holds what a former way was
     * for, and a new machine came after that. Neither is compared with the others. */
    bool locked_out, apart;
    bool wrote; /* something of its own, which no other order has */
};

struct fresh *fresh_new(const struct history *history, const struct stock *stock, size_t seat,
                        const struct verifier *verifier, struct prng *prng);
void fresh_free(struct fresh *fresh);
/* A few documents, blocks, notes at random, in one batch; now and then a restart before. */
void fresh_hear_some(struct fresh *fresh);
/* All that it hasn't got. False: something that its seat is to hold isn't taken; said on stderr. */
bool fresh_hear_all(struct fresh *fresh);
/* Entries of a stream that it holds. */
uint32_t fresh_head(const struct fresh *fresh, const struct stream_id *stream);
const struct tree *fresh_tree(const struct fresh *fresh);

/* ---- orders_check.c ---- */

struct watching *watching_new(void);
void watching_free(struct watching *watching);
/* After each batch. NULL: nothing has gone back, nothing was told twice. */
const char *watching_look(struct watching *watching, const struct fresh *fresh);
/* What an order came to, for the others of the same history. Where a node has written something of
 * its own (an extension after a move, what it carries on), the order has more than others. */
struct orders_part {
    bool known;
    struct buffer map; /* as query_record gives it */
    struct hash names, state;
};
struct orders_reference {
    bool taken, looked;
    struct orders_part parts[ORDERS_RECORDS_MAX][2]; /* a record and its companion */
    /* names of the operations that each seat had in the county that lived */
    struct hash lived[ORDERS_SEATS_MAX][ORDERS_RECORDS_MAX][2];
    size_t equal; /* folds that were compared with it */
};
void orders_reference_free(struct orders_reference *reference);
/* All that differs between these nodes, from `reference` (taken from them, where it isn't known),
 * or from what the world came to, is said on stderr; how many things. `fresh` by seat, NULL where
 * nobody hears. */
unsigned orders_compare(const struct history *history, struct fresh *const *fresh,
                        struct orders_reference *reference);

#endif
