/* A place for stores to be tried in: a directory that vanishes, files as bytes, a second process
 * that walks a store, and a disk that fails when told to.
 *
 * The faults work because this file defines the calls by which the store and LMDB write; each does
 * the real thing unless a fault is set. */
#ifndef TERRACE_TESTS_UNIT_STORE_PLACE_H
#define TERRACE_TESTS_UNIT_STORE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/span.h"
#include "node/store/store.h"

enum { PLACE_PATH_BYTES_MAX = 512, PLACE_MAP_BYTES = 16 << 20, PLACE_EXIT_STATUS = 77 };

struct place {
    char root[64];
    char dir[128]; /* root/node, not made yet */
};

/* cmocka's setup and teardown, with *state a struct place. */
int place_setup(void **state);
int place_teardown(void **state);
/* root/name */
void place_path(const struct place *place, const char *name,
                char path[static PLACE_PATH_BYTES_MAX]);

/* Files below place->dir, by name. */
bool place_exists(const struct place *place, const char *name);
void place_read(const struct place *place, const char *name, struct buffer *bytes);
void place_write(const struct place *place, const char *name, struct span bytes);
void place_truncate(const struct place *place, const char *name, off_t size);

/* Opens with a small map; fails the test unless the answer is `expected`. NULL if it isn't OK. */
struct store *place_open(const char *dir, enum error_code expected);

/* What the disk does. Zero: all is well. */
struct disk_faults {
    int exit_at;           /* this process ends before its so-many-th call that changes the disk */
    int fdatasync_error;   /* errno of every fdatasync */
    int write_error;       /* errno of every positioned write */
    bool short_writes;     /* positioned writes of more than one page take all but one byte */
    bool probe_is_refused; /* plain writes find no space */
};
extern struct disk_faults disk_faults;

/* A child process that walks the store of `dir` read-only. Start it before this process opens the
 * store: it must not inherit an open one. */
struct walker {
    pid_t process;
    int to, from;
};
void walker_start(struct walker *walker, const char *dir);
/* Ask it: 'o' open, 'b' begin a snapshot, 'n' number of rows in docs, 'e' end the snapshot, 'c'
 * close. Answers 0 for a step done, the count for 'n', -1 for a failure. */
int walker_ask(struct walker *walker, char what);
void walker_kill(struct walker *walker); /* SIGKILL, and waits for it */

#endif
