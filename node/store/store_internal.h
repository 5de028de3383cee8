/* Shared by the files of this room. */
#ifndef TERRACE_NODE_STORE_STORE_INTERNAL_H
#define TERRACE_NODE_STORE_STORE_INTERNAL_H

#include <lmdb.h>
#include <sys/types.h>

#include "node/store/store.h"

#define STORE_DATA "data"
#define STORE_DATA_NEW "data.new"
#define STORE_DATA_FILE "data.mdb"
#define STORE_LOCK_FILE "lock.mdb" /* LMDB's, not ours */
#define STORE_FORMAT_KEY "format"  /* in meta; the value is an integer as msgpack writes it */

/* A transaction, and a cursor for each table that was walked in it. */
struct store_reader {
    MDB_txn *txn;
    MDB_cursor *cursors[TABLE_COUNT];
};

struct store {
    char *dir;
    int dir_fd, lock_fd, high_water_fd; /* -1: none */
    bool read_only;
    bool older; /* its format was, when it was opened */
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    bool table_present[TABLE_COUNT]; /* a read-only walk may meet a store with fewer tables */

    bool writing;      /* between begin and commit or abort */
    bool dead;         /* answered ERR_IO */
    bool map_was_full; /* rather than the disk, at the last ERR_FULL */
    bool ballast;      /* the file stands */
    enum store_level level;
    uint64_t full_at_bytes; /* in use when the map was full; 0: it isn't */
    enum error_code failure;
    struct store_reader writer; /* the open transaction */
    struct store_reader reader; /* the port's picture of the last commit, made when first needed */

    bool registered;
    dev_t device;
    ino_t inode;
    struct store *next_open;
};

struct store_snapshot {
    struct store *store;
    struct store_reader reader;
};

/* store.c: what an answer of LMDB or an errno means to a writer, and to a person. */
enum error_code store_code(int answer);
/* Sets what, why (dir and the answer in words) and the next step; answers the code. */
enum error_code store_report(struct error *error, int answer, const char *what, const char *dir);

/* store_create.c: makes DIR/data whole or not at all; throws away what was never finished. */
enum error_code store_create(int dir_fd, const char *dir, struct error *error);
/* An environment with our settings, opened at DIR/name. NULL on failure, *answer says why. */
MDB_env *store_environment(const char *dir, const char *name, uint64_t map_bytes, unsigned flags,
                           int *answer);
MDB_val store_format_key(void);
int store_format_put(MDB_txn *txn, MDB_dbi meta); /* the one that this program writes */

/* store_tables.c: refuses what is not ours or newer, opens the handles. */
enum error_code store_tables_open(struct store *store, struct error *error);

/* store_space.c: refuses a database file that is shorter than the pages in use. */
enum error_code store_check_length(struct store *store, struct error *error);

/* store_read.c */
void store_reader_rest(struct store_reader *reader);     /* closes the cursors */
void store_view(struct store *store, struct view *view); /* the port's view */

/* store_write.c */
void store_write_end(struct store *store); /* aborts what is open */

#endif
