/* Reads: through the open transaction, through the port's picture of the last commit, or through a
 * snapshot. One cursor a table stays open as long as its transaction only reads. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/store/store_internal.h"

static MDB_val value_of_span(struct span span)
{
    return (MDB_val){span.size, (void *)(uintptr_t)span.data};
}

static enum read_answer read_answer_of(int answer)
{
    if (answer == MDB_SUCCESS)
        return READ_FOUND;
    return answer == MDB_NOTFOUND ? READ_ABSENT : READ_UNREADABLE;
}

void store_reader_rest(struct store_reader *reader)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (reader->cursors[table] != NULL)
            mdb_cursor_close(reader->cursors[table]);
        reader->cursors[table] = NULL;
    }
}

static enum read_answer reader_get(const struct store *store, struct store_reader *reader,
                                   enum table table, struct span key, struct span *value)
{
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    if (!store->table_present[table])
        return READ_ABSENT;
    MDB_val sought = value_of_span(key), found;
    int answer = mdb_get(reader->txn, store->tables[table], &sought, &found);
    if (answer == MDB_SUCCESS)
        *value = SPAN(found.mv_data, found.mv_size);
    return read_answer_of(answer);
}

/* An empty `from` stands before every key, and LMDB has no such key. */
static int seek_up(MDB_cursor *cursor, struct span from, MDB_val *key, MDB_val *value)
{
    *key = value_of_span(from);
    return mdb_cursor_get(cursor, key, value, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

static int seek_down(MDB_cursor *cursor, struct span from, MDB_val *key, MDB_val *value)
{
    if (from.size == 0)
        return MDB_NOTFOUND;
    int answer = seek_up(cursor, from, key, value);
    if (answer == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    bool exact = answer == MDB_SUCCESS && key->mv_size == from.size &&
                 memcmp(key->mv_data, from.data, from.size) == 0;
    if (answer != MDB_SUCCESS || exact)
        return answer;
    return mdb_cursor_get(cursor, key, value, MDB_PREV);
}

static enum read_answer reader_seek(const struct store *store, struct store_reader *reader,
                                    enum table table, struct span from, bool up, struct span *key,
                                    struct span *value)
{
    assert(table < TABLE_COUNT && from.size <= STORE_KEY_BYTES_MAX);
    if (!store->table_present[table])
        return READ_ABSENT;
    MDB_cursor **cursor = &reader->cursors[table];
    if (*cursor == NULL && mdb_cursor_open(reader->txn, store->tables[table], cursor) != 0)
        return READ_UNREADABLE;
    MDB_val found_key, found;
    int answer = up ? seek_up(*cursor, from, &found_key, &found)
                    : seek_down(*cursor, from, &found_key, &found);
    if (answer != MDB_SUCCESS)
        return read_answer_of(answer);
    *key = SPAN(found_key.mv_data, found_key.mv_size);
    *value = SPAN(found.mv_data, found.mv_size);
    /* On damaged pages keys may run in a circle, and every walk here goes by keys. */
    int order = span_compare(*key, from);
    return (up ? order >= 0 : order <= 0) ? READ_FOUND : READ_UNREADABLE;
}

/* The transaction that the port reads through now; NULL: nothing can be read. */
static struct store_reader *port_reader(struct store *store)
{
    if (store->dead)
        return NULL;
    if (store->writing)
        return store->failure == ERR_OK ? &store->writer : NULL;
    if (store->reader.txn == NULL &&
        mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader.txn) != MDB_SUCCESS) {
        store->reader.txn = NULL;
        return NULL;
    }
    return &store->reader;
}

static enum read_answer port_get(void *context, enum table table, struct span key,
                                 struct span *value)
{
    struct store_reader *reader = port_reader(context);
    return reader == NULL ? READ_UNREADABLE : reader_get(context, reader, table, key, value);
}

static enum read_answer port_next(void *context, enum table table, struct span from,
                                  struct span *key, struct span *value)
{
    struct store_reader *reader = port_reader(context);
    return reader == NULL ? READ_UNREADABLE
                          : reader_seek(context, reader, table, from, true, key, value);
}

static enum read_answer port_previous(void *context, enum table table, struct span from,
                                      struct span *key, struct span *value)
{
    struct store_reader *reader = port_reader(context);
    return reader == NULL ? READ_UNREADABLE
                          : reader_seek(context, reader, table, from, false, key, value);
}

void store_view(struct store *store, struct view *view)
{
    *view = (struct view){
        .context = store, .get = port_get, .next = port_next, .previous = port_previous};
}

static enum read_answer snapshot_get(void *context, enum table table, struct span key,
                                     struct span *value)
{
    struct store_snapshot *snapshot = context;
    return reader_get(snapshot->store, &snapshot->reader, table, key, value);
}

static enum read_answer snapshot_next(void *context, enum table table, struct span from,
                                      struct span *key, struct span *value)
{
    struct store_snapshot *snapshot = context;
    return reader_seek(snapshot->store, &snapshot->reader, table, from, true, key, value);
}

static enum read_answer snapshot_previous(void *context, enum table table, struct span from,
                                          struct span *key, struct span *value)
{
    struct store_snapshot *snapshot = context;
    return reader_seek(snapshot->store, &snapshot->reader, table, from, false, key, value);
}

enum error_code store_snapshot_begin(struct store *store, struct store_snapshot **snapshot,
                                     struct view *view, struct error *error)
{
    MDB_txn *txn = NULL;
    int answer = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read now", store->dir);
    *snapshot = mem_alloc(sizeof **snapshot);
    (*snapshot)->store = store;
    (*snapshot)->reader.txn = txn;
    *view = (struct view){.context = *snapshot,
                          .get = snapshot_get,
                          .next = snapshot_next,
                          .previous = snapshot_previous};
    return ERR_OK;
}

void store_snapshot_end(struct store_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    store_reader_rest(&snapshot->reader);
    mdb_txn_abort(snapshot->reader.txn);
    free(snapshot);
}

uint64_t store_snapshot_rows(const struct store_snapshot *snapshot, enum table table)
{
    const struct store *store = snapshot->store;
    MDB_stat stat;
    assert(table < TABLE_COUNT);
    if (!store->table_present[table] ||
        mdb_stat(snapshot->reader.txn, store->tables[table], &stat) != MDB_SUCCESS)
        return 0;
    return stat.ms_entries;
}
