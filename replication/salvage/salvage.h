/* A new store out of what is left of a damaged one.
 *
 * Rows come from anywhere, in any order, stale ones too, with nothing known of their table: whoever
 * reads damaged pages offers what looks like a row. Source rows prove themselves: blocks and notes
 * by their signatures, documents by the tree that takes them. What isn't proved is left behind;
 * derived rows are never taken, they are made anew from the log.
 *
 *     salvage_offer ...  ->  salvage_write: documents, authors, blocks, streams, notes
 *                        ->  rebuild_step ...: records, index, cells, what waits, what is excluded
 *
 * A stream reaches as far as its chain has no gap. Sound blocks behind a gap are kept loose: their
 * entries count here at once, and the chain takes them in when the gap is filled by a peer
 * (replication/loose.c). A stream for its author alone goes on over a gap, since nobody can fill
 * it. */
#ifndef TERRACE_REPLICATION_SALVAGE_SALVAGE_H
#define TERRACE_REPLICATION_SALVAGE_SALVAGE_H

#include "replication/ports.h"
#include "topology/tree.h"

struct salvage;

struct salvage_options {
    struct hash tree_id;
    uint8_t signing_key[KEY_BYTES]; /* this node's, public */
    struct seal_key seal;
    char seat[SEAT_BYTES_MAX + 1];
    uint32_t epoch; /* of the high-water file; 0: it can't be read */
    uint64_t wall_ms;
    /* Values of blocks are not kept in memory: `bytes` reads one back from where it was offered.
     * False: it can't be read any more. */
    void *context;
    bool (*bytes)(void *context, uint64_t place, size_t size, uint8_t *to);
};

struct salvage_counts {
    uint64_t blocks, entries, streams, notes, documents;
    uint64_t loose; /* of the blocks: behind a gap */
    uint64_t gaps;  /* in streams: places where something is missing */
};

/* The caller frees with salvage_free. */
struct salvage *salvage_new(const struct salvage_options *options);
void salvage_free(struct salvage *salvage); /* NULL is legal */

/* One row; `place`: where `bytes` finds its value again. Copied as far as it is needed. */
void salvage_offer(struct salvage *salvage, struct span key, struct span value, uint64_t place);
/* A document from this node's own disk. */
void salvage_offer_document(struct salvage *salvage, enum document_kind kind, struct span envelope,
                            const struct span *rows, const uint32_t *places,
                            const struct span *proofs, size_t count);
/* The hash of a root by hand that the people of this node have confirmed. */
void salvage_offer_confirmed(struct salvage *salvage, const struct hash *hash);

/* Writes what is proved into an empty store, in several commits. ERR_FULL, ERR_IO as the port
 * answered. */
enum error_code salvage_write(struct salvage *salvage, const struct store_port *port,
                              struct salvage_counts *counts);

/* Derived rows of a store that holds source rows and rows of streams only, in bounded steps, a
 * commit each. `rows` counts entries judged. */
struct rebuild;
struct rebuild *rebuild_new(const struct salvage_options *options, const struct store_port *port);
void rebuild_free(struct rebuild *rebuild); /* NULL is legal */
/* False: done, or *code isn't ERR_OK. */
bool rebuild_step(struct rebuild *rebuild, uint64_t *rows, enum error_code *code);

#endif
