/* The two ports of the core, and the view it reads through.
 *
 * Store: ordered tables of rows, one transaction at a time. `drive` alone writes. A span that a
 * read gave dies at the next put, delete, commit or abort. Link: messages out, by link and channel;
 * both are synchronous and never call back into the core. */
#ifndef TERRACE_REPLICATION_PORTS_H
#define TERRACE_REPLICATION_PORTS_H

#include "base/error.h"
#include "base/limits.h"

/* Tables of the store (formats.md 8). Keys big-endian, 1..STORE_KEY_BYTES_MAX bytes. */
#define TABLE_LIST(X)                                                                              \
    X(META, "meta")                                                                                \
    X(WHO, "who")                                                                                  \
    X(DOCS, "docs")                                                                                \
    X(BLOCKS, "blocks")                                                                            \
    X(STREAMS, "streams")                                                                          \
    X(RECORDS, "records")                                                                          \
    X(INDEX, "index")                                                                              \
    X(NOTES, "notes")                                                                              \
    X(CELLS, "cells")                                                                              \
    X(MARKS, "marks")                                                                              \
    X(PARKED, "parked")                                                                            \
    X(QUARANTINE, "quarantine")                                                                    \
    X(ARRIVALS, "arrivals")                                                                        \
    X(FIELDS, "fields")
enum table {
#define X(name, text) TABLE_##name,
    TABLE_LIST(X)
#undef X
        TABLE_COUNT
};
const char *table_name(enum table table);

enum read_answer { READ_ABSENT, READ_FOUND, READ_UNREADABLE };

struct view {
    void *context;
    enum read_answer (*get)(void *context, enum table table, struct span key, struct span *value);
    /* The row with the least key >= from (next), with the greatest key <= from (previous). */
    enum read_answer (*next)(void *context, enum table table, struct span from, struct span *key,
                             struct span *value);
    enum read_answer (*previous)(void *context, enum table table, struct span from,
                                 struct span *key, struct span *value);
    struct block_memory *memory; /* of blocks opened in it; NULL: each is opened anew */
};

/* What the high-water file holds (rules.md A5, formats.md 8). `commits` counts the commits that
 * signed something; the store keeps the same number in meta. */
struct high_water {
    uint8_t key_id[8];
    uint8_t instance[8];
    uint32_t epoch;
    uint64_t committed, in_flight;
    uint64_t statement;
};

struct free_room {
    uint64_t free_bytes, total_bytes;
};

struct store_port {
    struct view view; /* reads the open transaction when there is one, else the last commit */
    void (*begin)(void *context);
    enum error_code (*put)(void *context, enum table table, struct span key, struct span value);
    enum error_code (*remove)(void *context, enum table table, struct span key); /* absent: OK */
    /* Durable when it answers OK. ERR_FULL: nothing of it happened, the store is usable.
     * ERR_IO: the process must end and verify. */
    enum error_code (*commit)(void *context);
    void (*abort)(void *context);
    /* What may still be put, as far as known; between transactions. NULL, or false: no bound. */
    bool (*room)(void *context, struct free_room *room);
    /* Write the high-water file durably; called before a commit that signs. ERR_OK, FULL, IO. */
    enum error_code (*raise_high_water)(void *context, const struct high_water *mark);
    void *context;
};

enum channel { CHANNEL_CONTROL, CHANNEL_URGENT, CHANNEL_NORMAL, CHANNEL_BULK };

struct link_port {
    void *context;
    /* Queue one message (type 1..255, body <= MESSAGE_BYTES_MAX) on a link; bytes are copied. A
     * link that is gone swallows it. */
    void (*send)(void *context, uint32_t link, enum channel channel, uint8_t type,
                 struct span body);
    /* Close a link after what is queued; the core hears EVENT_LINK_DOWN later. */
    void (*close)(void *context, uint32_t link);
};

#endif
