/* One transaction at a time. The first failure in it decides what its commit answers.
 *
 * Cursors are closed before each write: LMDB would carry them along through page splits, for
 * nothing, since every walk here seeks anew. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/store/store_internal.h"

enum {
    /* More than LMDB hands the kernel in one write (64 pages): if this fits, that did too. */
    PROBE_BYTES = 320 << 10,
};

/* A writer's three answers: anything that is neither done nor full ends the process. */
static enum error_code write_code(int answer)
{
    enum error_code code = store_code(answer);
    return code == ERR_OK || code == ERR_FULL ? code : ERR_IO;
}

/* Which of the two ways of being full. */
static void note_map(struct store *store, int answer)
{
    if (store_code(answer) == ERR_FULL)
        store->map_was_full = answer == MDB_MAP_FULL || answer == MDB_TXN_FULL;
}

/* Keeps what the open transaction has come to. */
static enum error_code settle(struct store *store, enum error_code code)
{
    store->failure = code;
    store->dead = store->dead || code == ERR_IO;
    return code;
}

/* What a write may not pass: the store's end, or an earlier failure of its transaction. */
static enum error_code refusal(const struct store *store)
{
    assert(store->writing);
    return store->dead ? ERR_IO : store->failure;
}

static void port_begin(void *context)
{
    struct store *store = context;
    assert(!store->writing && !store->read_only);
    /* The picture of the last commit must not stand while this transaction re-uses pages. */
    if (store->reader.txn != NULL) {
        store_reader_rest(&store->reader);
        mdb_txn_abort(store->reader.txn);
        store->reader.txn = NULL;
    }
    store->writing = true;
    store->failure = ERR_IO;
    if (store->dead)
        return;
    int answer = mdb_txn_begin(store->env, NULL, 0, &store->writer.txn);
    if (answer != MDB_SUCCESS)
        store->writer.txn = NULL;
    settle(store, write_code(answer));
}

static enum error_code port_put(void *context, enum table table, struct span key, struct span value)
{
    struct store *store = context;
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    if (refusal(store) != ERR_OK)
        return refusal(store);
    store_reader_rest(&store->writer);
    MDB_val row_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val row_value = {value.size, (void *)(uintptr_t)value.data};
    int answer = mdb_put(store->writer.txn, store->tables[table], &row_key, &row_value, 0);
    note_map(store, answer);
    return settle(store, write_code(answer));
}

static enum error_code port_remove(void *context, enum table table, struct span key)
{
    struct store *store = context;
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    if (refusal(store) != ERR_OK)
        return refusal(store);
    store_reader_rest(&store->writer);
    MDB_val row_key = {key.size, (void *)(uintptr_t)key.data};
    int answer = mdb_del(store->writer.txn, store->tables[table], &row_key, NULL);
    note_map(store, answer);
    return settle(store, answer == MDB_NOTFOUND ? ERR_OK : write_code(answer));
}

/* LMDB calls a short write an I/O error, and that is how most full disks answer. */
static bool disk_is_full(const struct store *store)
{
    int fd = openat(store->dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT;
    uint8_t *zeros = mem_alloc(PROBE_BYTES);
    errno = ENOSPC; /* what a short write means, too */
    bool whole = write(fd, zeros, PROBE_BYTES) == PROBE_BYTES;
    bool full = !whole && (errno == ENOSPC || errno == EDQUOT);
    free(zeros);
    close(fd);
    return full;
}

/* After a failed write of its meta page LMDB refuses everything: then nothing is usable. */
static bool still_usable(const struct store *store)
{
    MDB_txn *txn = NULL;
    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS)
        return false;
    mdb_txn_abort(txn);
    return true;
}

static enum error_code commit_code(const struct store *store, int answer)
{
    enum error_code code = write_code(answer);
    if (answer == EIO && disk_is_full(store))
        code = ERR_FULL;
    return code == ERR_FULL && !still_usable(store) ? ERR_IO : code;
}

static void port_abort(void *context)
{
    struct store *store = context;
    assert(store->writing);
    store_reader_rest(&store->writer);
    if (store->writer.txn != NULL)
        mdb_txn_abort(store->writer.txn);
    store->writer.txn = NULL;
    store->writing = false;
}

static enum error_code port_commit(void *context)
{
    struct store *store = context;
    enum error_code code = refusal(store);
    if (code == ERR_OK) {
        store_reader_rest(&store->writer);
        int answer = mdb_txn_commit(store->writer.txn);
        store->writer.txn = NULL; /* freed whatever it answered */
        store->writing = false;
        store->map_was_full = false;
        note_map(store, answer);
        return settle(store, commit_code(store, answer));
    }
    port_abort(store);
    return code;
}

static enum error_code port_raise_high_water(void *context, const struct high_water *mark)
{
    struct store *store = context;
    assert(!store->read_only);
    if (store->dead)
        return ERR_IO;
    enum error_code code = high_water_write(store->dir_fd, &store->high_water_fd, mark);
    store->dead = code == ERR_IO;
    return code;
}

static bool port_room(void *context, struct free_room *room)
{
    return store_free_room(context, room);
}

void store_write_end(struct store *store)
{
    if (store->writing)
        port_abort(store);
    store_reader_rest(&store->reader);
    if (store->reader.txn != NULL)
        mdb_txn_abort(store->reader.txn);
    store->reader.txn = NULL;
}

void store_port(struct store *store, struct store_port *port)
{
    assert(!store->read_only);
    *port = (struct store_port){
        .begin = port_begin,
        .put = port_put,
        .remove = port_remove,
        .commit = port_commit,
        .abort = port_abort,
        .room = port_room,
        .raise_high_water = port_raise_high_water,
        .context = store,
    };
    store_view(store, &port->view);
}
