/* One read transaction looks at the format before anything else is touched; its handles then serve
 * every later transaction. */
#include "base/msgpack.h"
#include "node/store/store_internal.h"

static enum error_code refuse_foreign(const struct store *store, struct error *error,
                                      const char *why)
{
    error_set(error, ERR_DAMAGED, "this is not a store of Terrace", "%s/" STORE_DATA " %s",
              store->dir, why);
    error_next(error, "Check the directory; nothing in it was changed.");
    return ERR_DAMAGED;
}

static enum error_code refuse_newer(const struct store *store, struct error *error, uint64_t format)
{
    error_set(error, ERR_NEWER, "the store was written by a newer version",
              "%s/" STORE_DATA " has format %llu, this program knows formats up to %d", store->dir,
              (unsigned long long)format, STORE_FORMAT);
    error_next(error, "Start the newer program again; nothing in the store was changed.");
    return ERR_NEWER;
}

static enum error_code check_format(struct store *store, MDB_txn *txn, struct error *error)
{
    MDB_val key = store_format_key(), value;
    int answer = mdb_get(txn, store->tables[TABLE_META], &key, &value);
    if (answer == MDB_NOTFOUND)
        return refuse_foreign(store, error, "names no format");
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read", store->dir);
    struct mp_reader reader = mp_reader(SPAN(value.mv_data, value.mv_size));
    uint64_t format = mp_read_uint(&reader);
    mp_read_end(&reader);
    if (!reader.failed && format > STORE_FORMAT)
        return refuse_newer(store, error, format);
    if (reader.failed || format == 0)
        return refuse_foreign(store, error, "has a format that can't be read");
    store->older = format < STORE_FORMAT;
    return ERR_OK;
}

/* MDB_NOTFOUND leaves the table out and is no error here. */
static int open_table(struct store *store, MDB_txn *txn, enum table table, unsigned flags)
{
    int answer = mdb_dbi_open(txn, table_name(table), flags, &store->tables[table]);
    store->table_present[table] = answer == MDB_SUCCESS;
    return answer == MDB_NOTFOUND ? MDB_SUCCESS : answer;
}

static enum error_code open_all(struct store *store, MDB_txn *txn, struct error *error)
{
    int answer = open_table(store, txn, TABLE_META, 0);
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read", store->dir);
    if (!store->table_present[TABLE_META])
        return refuse_foreign(store, error, "is a database of another program");
    enum error_code code = check_format(store, txn, error);
    for (size_t table = 0; table < TABLE_COUNT && code == ERR_OK; table++) {
        answer = open_table(store, txn, (enum table)table, 0);
        if (answer != MDB_SUCCESS)
            code = store_report(error, answer, "the store can't be read", store->dir);
    }
    return code;
}

/* Tables that an older program of the same format did not have yet. */
static enum error_code add_missing(struct store *store, struct error *error)
{
    bool missing = false;
    for (size_t table = 0; table < TABLE_COUNT; table++)
        missing = missing || !store->table_present[table];
    if (!missing || store->read_only)
        return ERR_OK;
    MDB_txn *txn = NULL;
    int answer = mdb_txn_begin(store->env, NULL, 0, &txn);
    for (size_t table = 0; table < TABLE_COUNT && answer == MDB_SUCCESS; table++) {
        if (!store->table_present[table])
            answer = open_table(store, txn, (enum table)table, MDB_CREATE);
    }
    if (answer == MDB_SUCCESS)
        answer = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    return answer == MDB_SUCCESS
               ? ERR_OK
               : store_report(error, answer, "the store's tables could not be made", store->dir);
}

/* From now on an older program must refuse it. What it wrote is read as it stands. A full store
 * opens all the same, and takes nothing new. */
static enum error_code raise_format(struct store *store, struct error *error)
{
    MDB_txn *txn = NULL;
    if (!store->older || store->read_only)
        return ERR_OK;
    int answer = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (answer == MDB_SUCCESS)
        answer = store_format_put(txn, store->tables[TABLE_META]);
    if (answer == MDB_SUCCESS)
        answer = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    return answer == MDB_SUCCESS || store_code(answer) == ERR_FULL
               ? ERR_OK
               : store_report(error, answer, "the store's format could not be raised", store->dir);
}

enum error_code store_tables_open(struct store *store, struct error *error)
{
    MDB_txn *txn = NULL;
    int answer = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read", store->dir);
    enum error_code code = open_all(store, txn, error);
    if (code != ERR_OK) {
        mdb_txn_abort(txn);
        return code;
    }
    answer = mdb_txn_commit(txn); /* keeps the handles */
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read", store->dir);
    code = add_missing(store, error);
    return code == ERR_OK ? raise_format(store, error) : code;
}
