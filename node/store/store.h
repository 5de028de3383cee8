/* The store of one node directory: LMDB behind the store port.
 *
 *     DIR/node.lock     flock of the one process that may write; holds its process id
 *     DIR/high_water    64 bytes beside the database (high_water.h)
 *     DIR/data/         the LMDB environment: one named database a table, format in meta
 *     DIR/data.new/     a store that was never finished: thrown away at the next open
 *     DIR/ballast       nothing, for its length: freed when the disk is full (store_room.c)
 *
 * LMDB runs with its default, fully durable flags and MDB_NOTLS; the map is fixed while open, so a
 * full map and a full disk are one case. One directory is opened at most once in a process, even
 * read-only: LMDB's locks would otherwise be dropped with the first close.
 *
 * Threads: open, the port and close belong to one thread at a time, and a transaction to the
 * thread that began it. Snapshots, store_used_bytes and store_reader_check may be used from any. */
#ifndef TERRACE_NODE_STORE_STORE_H
#define TERRACE_NODE_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "node/store/high_water.h"
#include "replication/ports.h"

#define STORE_MAP_BYTES_DEFAULT (UINT64_C(16) << 30)
enum {
    /* The newest format of the store that this program reads, and the one it writes. 2: rows of
     * records that were only created have a check (formats.md 8). */
    STORE_FORMAT = 2,
    /* Every snapshot takes a slot; query workers, API clients and a walking tool stay far below. */
    STORE_READERS_MAX = 512,
};

struct store;
struct store_snapshot;

struct store_options {
    const char *dir;    /* the node directory; copied */
    uint64_t map_bytes; /* what the database may grow to; whole pages; 0: the default above */
    bool read_only;     /* walk it beside its running daemon: no lock, no writes, only snapshots */
    bool must_exist;    /* otherwise an absent directory (0700) and an absent store are made */
};

/* Opens, and where allowed creates, a store. Refused, with nothing changed: ERR_BUSY another
 * process, or this one, has it open; ERR_NEWER written by a newer program; ERR_DAMAGED foreign,
 * truncated or without its database file; ERR_NOT_FOUND absent; ERR_OVERSIZE path too long.
 * ERR_FULL, ERR_IO from the disk. On success the caller closes it with store_close. */
enum error_code store_open(const struct store_options *options, struct store **store,
                           struct error *error);
/* Aborts what is open. All snapshots must have ended. NULL is legal. */
void store_close(struct store *store);

/* The port of a writable store, valid until store_close. As in ports.h, and:
 * a put or remove that failed spoils its transaction: later reads in it answer READ_UNREADABLE,
 * later writes and the commit the same error. A commit ends its transaction whatever it answers.
 * After ERR_IO every call answers ERR_IO or READ_UNREADABLE: the process must end.
 * A span read outside a transaction dies already at the next begin. The value of a put must not
 * be a span that a read of this port gave; the key of a remove may be. */
void store_port(struct store *store, struct store_port *port);

/* A stable picture of the last commit, with a view that may be used by one thread at a time, any
 * thread. Pages of later commits can't be re-used while it stands: end it within READER_AGE_MS.
 * Its spans live until store_snapshot_end. ERR_BUSY: STORE_READERS_MAX stand already, or (read
 * only) the map has grown since the open: open again; ERR_IO. */
enum error_code store_snapshot_begin(struct store *store, struct store_snapshot **snapshot,
                                     struct view *view, struct error *error);
void store_snapshot_end(struct store_snapshot *snapshot); /* NULL is legal */

/* How many rows a table has; without a walk. */
uint64_t store_snapshot_rows(const struct store_snapshot *snapshot, enum table table);

/* Bytes of pages that hold something, as of the last commit; at most the map's. */
uint64_t store_used_bytes(struct store *store);
/* How far the file's pages reach, free ones included: it grows while snapshots keep old pages. */
uint64_t store_extent_bytes(const struct store *store);
uint64_t store_map_bytes(const struct store *store);
/* What may still be put: the map's rest, or the disk's if that is less. False: can't be said. */
bool store_free_room(struct store *store, struct free_room *room);

/* The numbers of it; any thread. */
struct store_fullness {
    uint64_t used_bytes, map_bytes;
    uint64_t disk_bytes, disk_free_bytes; /* of the file system; what this user may still take */
    unsigned percent;    /* of the store's own bytes and what it may still grow by, in use */
    bool disk_is_nearer; /* the disk bounds that growth, not the map */
};
void store_fullness(struct store *store, struct store_fullness *room);

/* ROOMY: writes are welcome. TIGHT: something is kept back for what must be written: no new data.
 * FULL: nothing can be committed. */
enum store_level { STORE_ROOMY, STORE_TIGHT, STORE_FULL };
/* Looks how it is; `failed`: a commit has just answered ERR_FULL. Makes and frees DIR/ballast.
 * On the port's thread, outside a transaction. */
enum store_level store_level_look(struct store *store, bool failed);

/* Whether the pages of the last commit make a tree in which each has one use: what readers don't
 * notice, and the next commit does. False: `wrong` says what isn't right, and where. Any thread. */
bool store_structure_check(struct store *store, char wrong[static 160]);

/* Writes zeros over all bytes of the file that the last commit doesn't lead to: free pages, and the
 * gaps in those in use. *wiped: places that held something else. Outside a transaction, before
 * other threads read. ERR_BUSY: another process reads an older commit; ERR_DAMAGED: the pages make
 * no tree, nothing was written; ERR_FULL, ERR_IO: perhaps not all of it. */
enum error_code store_wipe_free(struct store *store, uint64_t *wiped, struct error *error);

/* Frees the reader slots of processes that died; answers how many. Once a minute. */
unsigned store_reader_check(struct store *store);

/* What the high-water file says now. */
enum high_water_answer store_high_water_read(const struct store *store, struct high_water *mark);

/* A marker of this database on this machine: hash of /etc/machine-id and of inode number and birth
 * time of DIR/data/data.mdb. That file is made once with the store and only written in place, so
 * the marker stays the same over restarts, reboots and renames of the directory, and from the
 * first open on; cp, rsync, tar and backup tools make a new file, hence another marker (a re-used
 * inode number has another birth time). Not seen: whole-disk images on the same machine id, and
 * bytes copied over the existing file; there the high-water file and the peers speak.
 * ERR_NOT_FOUND: no store yet; ERR_IO. */
enum error_code store_instance(const char *dir, uint8_t instance[static 8], struct error *error);

#endif
