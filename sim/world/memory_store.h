/* The store port in memory, with the ways in which a disk and a machine die.
 *
 * Twelve ordered maps; one transaction at a time, written in place with a log of what stood there
 * before, so that reads see the open transaction and an abort, a crash or a lost commit walks the
 * log back. The high-water file is one value beside the maps, kept or restored on its own.
 *
 * One thread. The simulator's core must not know which of the two stores it runs on: the same
 * table of histories runs over both. */
#ifndef TERRACE_SIM_MEMORY_STORE_H
#define TERRACE_SIM_MEMORY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replication/ports.h"

struct memory_store;

/* An empty store without a high-water file. The caller frees it. */
struct memory_store *memory_store_new(void);
void memory_store_free(struct memory_store *store); /* NULL is legal; drops what is open */

/* The port; valid until memory_store_free, also through recover and copy_back. As with the real
 * store, a put or a remove that failed spoils its transaction: later reads in it answer
 * READ_UNREADABLE, later writes and the commit the same error. A commit ends the transaction
 * whatever it answers; ERR_IO from anything means that the store is crashed. The value of a put
 * must not be a span that a read of this port gave; the key of a remove may be. */
void memory_store_port(struct memory_store *store, struct store_port *port);

/* What goes wrong next. One fault is armed at a time and is spent where it strikes. */
enum memory_fault {
    MEMORY_FAULT_NONE,
    MEMORY_FAULT_PUT_FULL,        /* the next put and its commit: FULL, nothing happened */
    MEMORY_FAULT_HIGH_WATER_FULL, /* the next raise: FULL, the file is as it was */
    MEMORY_FAULT_COMMIT_FULL,     /* the next commit: FULL, nothing happened */
    /* The rest crash the store and answer ERR_IO. */
    MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER, /* in the next raise: the file is as it was */
    MEMORY_FAULT_CRASH_AFTER_HIGH_WATER,  /* in the next raise: the file is written */
    MEMORY_FAULT_COMMIT_IO,               /* in the next commit: nothing of it happened */
    MEMORY_FAULT_CRASH_AFTER_COMMIT,      /* in the next commit: all of it happened */
};
void memory_store_arm(struct memory_store *store, enum memory_fault fault);
enum memory_fault memory_store_armed(const struct memory_store *store); /* NONE once it struck */

/* Kill the process that uses the store, now: the open transaction, if any, is dropped by recover.
 * While crashed, reads answer READ_UNREADABLE, writes ERR_IO, abort does nothing, and begin is a
 * bug. */
void memory_store_crash(struct memory_store *store);
bool memory_store_crashed(const struct memory_store *store);
/* Start again: what was committed stands, nothing is open, no fault is armed. */
void memory_store_recover(struct memory_store *store);

/* A disk of this many bytes of keys and values (0: no bound): a commit that would leave more, and
 * more than before it, answers FULL. */
void memory_store_limit(struct memory_store *store, uint64_t bytes_max);

/* A disk that lies about what it synced: the last `commits_max` commits (at most
 * MEMORY_STORE_KEEP_MAX) stay revocable. memory_store_lose takes back the last `commits` of them
 * as a power cut would, and answers how many it took; no transaction may be open. */
enum { MEMORY_STORE_KEEP_MAX = 64 };
void memory_store_keep(struct memory_store *store, unsigned commits_max);
unsigned memory_store_lose(struct memory_store *store, unsigned commits);

/* As memory_store_lose, and of what stood where the lost commits wrote, the rows that `tears` picks
 * can't be read any more. */
unsigned memory_store_tear(struct memory_store *store, unsigned commits,
                           bool (*tears)(void *context), void *context);

/* A row that the disk can't give back: reads that come upon it answer READ_UNREADABLE, until it is
 * put or removed. False: there is no such row. Between transactions only. */
bool memory_store_damage(struct memory_store *store, enum table table, struct span key);

/* How many such rows there are. */
size_t memory_store_damaged_count(const struct memory_store *store);

/* Calls `row` for every row that can be read, in order; spans live until the next put. Between
 * transactions only. */
void memory_store_each(const struct memory_store *store, void *context,
                       void (*row)(void *context, enum table table, struct span key,
                                   struct span value));

/* An image of the rows and of the high-water file; faults, limit and what is kept are not copied.
 * No transaction may be open. The caller frees it. */
struct memory_store *memory_store_clone(const struct memory_store *store);
/* The rows of `image` in place of this store's; the high-water file stays, as after a restore of
 * the database alone. No transaction may be open; what was kept is forgotten. */
void memory_store_copy_back(struct memory_store *store, const struct memory_store *image);

/* The high-water file. Absent or damaged: false. */
bool memory_store_high_water(const struct memory_store *store, struct high_water *mark);
/* Write it as from outside; NULL takes the file away. */
void memory_store_set_high_water(struct memory_store *store, const struct high_water *mark);

/* Somebody who hears what has become durable, and may read the store at once but not write: each
 * row that a commit has put or removed, those of TABLE_STREAMS first; or, with TABLE_COUNT and an
 * empty key, that the whole store is another: commits were taken back, an image was put in its
 * place. NULL: nobody. */
void memory_store_watch(struct memory_store *store, void *context,
                        void (*changed)(void *context, enum table table, struct span key));
/* A transaction is open: what it has put is not durable yet. */
bool memory_store_is_open(const struct memory_store *store);

/* Hand out copies that die, really, at the next put, remove, commit or abort, so that the address
 * sanitizer sees a span that outlived its life. Slower; for tests. */
void memory_store_strict(struct memory_store *store, bool strict);

size_t memory_store_row_count(const struct memory_store *store, enum table table);
uint64_t memory_store_bytes(const struct memory_store *store);        /* of keys and values */
uint64_t memory_store_commit_count(const struct memory_store *store); /* since new, lost ones too */

#endif
