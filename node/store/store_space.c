/* How much of the map holds something, and whether the file holds all that it should. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "node/store/store_internal.h"

enum {
    /* LMDB's own two databases have these handles in every environment (as its mdb_stat reads). */
    HANDLE_FREE = 0,
    HANDLE_MAIN = 1,
    META_PAGES = 2,
    BLOCK_BYTES = 512, /* of st_blocks */
};

static uint64_t pages_of(MDB_txn *txn, MDB_dbi handle)
{
    MDB_stat stat;
    if (mdb_stat(txn, handle, &stat) != MDB_SUCCESS)
        return 0;
    return stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
}

static uint64_t page_bytes(MDB_env *env)
{
    MDB_stat stat;
    int answer = mdb_env_stat(env, &stat);
    assert(answer == MDB_SUCCESS);
    (void)answer;
    return stat.ms_psize;
}

uint64_t store_used_bytes(struct store *store)
{
    MDB_txn *txn = NULL;
    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS)
        return 0;
    uint64_t pages = META_PAGES + pages_of(txn, HANDLE_FREE) + pages_of(txn, HANDLE_MAIN);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (store->table_present[table])
            pages += pages_of(txn, store->tables[table]);
    }
    mdb_txn_abort(txn);
    return pages * page_bytes(store->env);
}

uint64_t store_extent_bytes(const struct store *store)
{
    MDB_envinfo info;
    int answer = mdb_env_info(store->env, &info);
    assert(answer == MDB_SUCCESS);
    (void)answer;
    return (info.me_last_pgno + 1) * page_bytes(store->env);
}

uint64_t store_map_bytes(const struct store *store)
{
    MDB_envinfo info;
    int answer = mdb_env_info(store->env, &info);
    assert(answer == MDB_SUCCESS);
    (void)answer;
    return info.me_mapsize;
}

bool store_free_room(struct store *store, struct free_room *room)
{
    struct stat status;
    struct statvfs disk;
    int fd = -1;
    if (mdb_env_get_fd(store->env, &fd) != MDB_SUCCESS || fstat(fd, &status) != 0 ||
        fstatvfs(fd, &disk) != 0)
        return false;
    uint64_t used = store_used_bytes(store), map = store_map_bytes(store);
    uint64_t file = (uint64_t)status.st_blocks * BLOCK_BYTES;
    uint64_t rest = map > used ? map - used : 0;
    uint64_t spare = (uint64_t)disk.f_bavail * disk.f_frsize + (file > used ? file - used : 0);
    room->free_bytes = rest < spare ? rest : spare;
    room->total_bytes = room->free_bytes + used;
    return true;
}

/* Pages of one list of free pages (a count, then page numbers) that are >= first. */
static uint64_t count_from(MDB_val list, size_t first)
{
    size_t count = 0, page = 0;
    if (list.mv_size < sizeof count)
        return 0;
    memcpy(&count, list.mv_data, sizeof count);
    size_t room = list.mv_size / sizeof page - 1;
    uint64_t found = 0;
    for (size_t i = 1; i <= count && i <= room; i++) {
        memcpy(&page, (const uint8_t *)list.mv_data + i * sizeof page, sizeof page);
        found += page >= first;
    }
    return found;
}

/* Free pages with numbers >= first; 0 if the list can't be read. */
static uint64_t count_free_from(MDB_env *env, size_t first)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, list;
    uint64_t found = 0;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS)
        return 0;
    int answer = mdb_cursor_open(txn, HANDLE_FREE, &cursor);
    if (answer == MDB_SUCCESS)
        answer = mdb_cursor_get(cursor, &key, &list, MDB_FIRST);
    while (answer == MDB_SUCCESS) {
        found += count_from(list, first);
        answer = mdb_cursor_get(cursor, &key, &list, MDB_NEXT);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return answer == MDB_NOTFOUND ? found : 0;
}

/* A file may end early without harm: pages that one transaction took and gave back were never
 * written. It is lengthened first, so that looking for them can't run past its end, and cut back
 * if one of the missing pages is in use. */
enum error_code store_check_length(struct store *store, struct error *error)
{
    const char *what = "the length of the store's file can't be checked";
    int fd = -1;
    struct stat status;
    MDB_envinfo info;
    if (store->read_only)
        return ERR_OK;
    int answer = mdb_env_get_fd(store->env, &fd);
    if (answer == MDB_SUCCESS)
        answer = mdb_env_info(store->env, &info);
    if (answer == MDB_SUCCESS && fstat(fd, &status) != 0)
        answer = errno;
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, what, store->dir);
    uint64_t page = page_bytes(store->env), wanted = (info.me_last_pgno + UINT64_C(1)) * page;
    if ((uint64_t)status.st_size >= wanted)
        return ERR_OK;
    if (ftruncate(fd, (off_t)wanted) != 0)
        return store_report(error, errno, what, store->dir);
    size_t first = (size_t)((uint64_t)status.st_size / page);
    if (count_free_from(store->env, first) == info.me_last_pgno + 1 - first)
        return ERR_OK;
    bool restored = ftruncate(fd, status.st_size) == 0;
    (void)restored; /* refused either way */
    error_set(error, ERR_DAMAGED, "the store's file is cut off",
              "%s/" STORE_DATA "/" STORE_DATA_FILE " has %llu of %llu bytes", store->dir,
              (unsigned long long)status.st_size, (unsigned long long)wanted);
    error_next(error,
               "`terrace -d %s verify --repair` saves what is sound, keeps the old file beside, "
               "and the rest comes from other nodes.",
               store->dir);
    return ERR_DAMAGED;
}
