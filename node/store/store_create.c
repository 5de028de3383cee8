/* A store is made aside and renamed into place:
 *
 *     data.new/  ->  tables and format committed  ->  fsync file, fsync data.new
 *                ->  rename to data  ->  fsync DIR
 *
 * A power cut anywhere leaves either no `data`, or a whole one. LMDB alone does not give this: cut
 * while its file is new, it finds an invalid one for ever after. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "node/store/store_internal.h"

MDB_env *store_environment(const char *dir, const char *name, uint64_t map_bytes, unsigned flags,
                           int *answer)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (size < 0 || (size_t)size >= sizeof path - sizeof "/" STORE_DATA_FILE) {
        *answer = ENAMETOOLONG;
        return NULL;
    }
    MDB_env *env = NULL;
    *answer = mdb_env_create(&env);
    if (*answer != MDB_SUCCESS)
        return NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (map_bytes > 0)
        *answer = mdb_env_set_mapsize(env, (map_bytes + page - 1) / page * page);
    if (*answer == MDB_SUCCESS)
        *answer = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (*answer == MDB_SUCCESS)
        *answer = mdb_env_set_maxreaders(env, STORE_READERS_MAX);
    if (*answer == MDB_SUCCESS)
        *answer = mdb_env_open(env, path, flags | MDB_NOTLS, 0600);
    if (*answer != MDB_SUCCESS) {
        mdb_env_close(env);
        return NULL;
    }
    int fd = -1;
    if (mdb_env_get_fd(env, &fd) == MDB_SUCCESS && fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return env;
}

MDB_val store_format_key(void)
{
    static char name[] = STORE_FORMAT_KEY;
    return (MDB_val){sizeof name - 1, name};
}

int store_format_put(MDB_txn *txn, MDB_dbi meta)
{
    struct buffer format = {0};
    mp_write_uint(&format, STORE_FORMAT);
    MDB_val key = store_format_key();
    MDB_val value = {format.size, format.data};
    int answer = mdb_put(txn, meta, &key, &value, 0);
    buffer_free(&format);
    return answer;
}

static int write_format(MDB_env *env)
{
    MDB_txn *txn = NULL;
    MDB_dbi handle = 0;
    int answer = mdb_txn_begin(env, NULL, 0, &txn);
    if (answer != MDB_SUCCESS)
        return answer;
    for (size_t table = 0; table < TABLE_COUNT && answer == MDB_SUCCESS; table++)
        answer = mdb_dbi_open(txn, table_name((enum table)table), MDB_CREATE, &handle);
    if (answer == MDB_SUCCESS)
        answer = mdb_dbi_open(txn, table_name(TABLE_META), 0, &handle);
    if (answer == MDB_SUCCESS)
        answer = store_format_put(txn, handle);
    if (answer != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return answer;
    }
    return mdb_txn_commit(txn);
}

/* Only names that LMDB makes are removed: anything else in there is not ours to throw away. */
static int discard_unfinished(int dir_fd)
{
    static const char *const names[] = {STORE_DATA_NEW "/" STORE_DATA_FILE,
                                        STORE_DATA_NEW "/" STORE_LOCK_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (unlinkat(dir_fd, names[i], 0) != 0 && errno != ENOENT)
            return errno;
    }
    if (unlinkat(dir_fd, STORE_DATA_NEW, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return errno;
    return 0;
}

static int sync_name(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    int answer = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return answer;
}

static int make_aside(int dir_fd, const char *dir)
{
    if (mkdirat(dir_fd, STORE_DATA_NEW, 0700) != 0)
        return errno;
    int answer = 0;
    MDB_env *env = store_environment(dir, STORE_DATA_NEW, 0, 0, &answer);
    if (env == NULL)
        return answer;
    answer = write_format(env);
    mdb_env_close(env);
    if (answer == 0)
        answer = sync_name(dir_fd, STORE_DATA_NEW "/" STORE_DATA_FILE);
    if (answer == 0)
        answer = sync_name(dir_fd, STORE_DATA_NEW);
    return answer;
}

enum error_code store_create(int dir_fd, const char *dir, struct error *error)
{
    const char *what = "the store could not be made";
    struct stat status;
    bool exists = fstatat(dir_fd, STORE_DATA, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && errno != ENOENT)
        return store_report(error, errno, what, dir);
    int answer = discard_unfinished(dir_fd);
    if (exists)
        return ERR_OK; /* leftovers beside a whole store do no harm if they can't be removed */
    if (answer == 0)
        answer = make_aside(dir_fd, dir);
    if (answer == 0 && renameat(dir_fd, STORE_DATA_NEW, dir_fd, STORE_DATA) != 0)
        answer = errno;
    if (answer == 0 && fsync(dir_fd) != 0)
        answer = errno;
    if (answer == 0)
        return ERR_OK;
    discard_unfinished(dir_fd);
    return store_report(error, answer, what, dir);
}
