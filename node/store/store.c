/* Opening and closing: directory, lock, environment, tables. Nothing is written before the lock is
 * held and the format is known. */
#include "node/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/store_internal.h"

enum {
    /* Two meta pages; a finished store always has more. */
    DATA_FILE_BYTES_MIN = 2 * 4096,
    PROCESS_ID_TEXT_BYTES = 16,
};

/* Directories open in this process: LMDB forbids a second opening and does not notice it. */
static pthread_mutex_t open_stores_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct store *open_stores;

enum error_code store_code(int answer)
{
    switch (answer) {
    case MDB_SUCCESS: return ERR_OK;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_FULL;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI: return ERR_DAMAGED;
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED: return ERR_BUSY;
    default: return ERR_IO;
    }
}

enum error_code store_report(struct error *error, int answer, const char *what, const char *dir)
{
    enum error_code code = store_code(answer);
    assert(code != ERR_OK);
    error_set(error, code, what, "%s: %s", dir, mdb_strerror(answer));
    if (code == ERR_FULL)
        error_next(error, "Free space on this disk, then start again.");
    else if (code == ERR_DAMAGED)
        error_next(error,
                   "`terrace -d %s verify --repair` saves what is sound, keeps the old file "
                   "beside, and the rest comes from other nodes.",
                   dir);
    else if (answer == EACCES || answer == EPERM || answer == EROFS)
        error_next(error, "Check that this user may write in the directory.");
    else if (answer == EMFILE || answer == ENFILE)
        error_next(error, "Raise the limit of open files (ulimit -n), then start again.");
    else
        error_next(error, "Look at the disk (dmesg, smartctl), then start again.");
    return code;
}

static bool may_create(const struct store_options *options)
{
    return !options->read_only && !options->must_exist;
}

static enum error_code refuse_absent(const char *dir, const char *why, struct error *error)
{
    error_set(error, ERR_NOT_FOUND, "there is no store", "%s %s", dir, why);
    error_next(error, "Check the directory's name, or make a node there with `terrace init`.");
    return ERR_NOT_FOUND;
}

static enum error_code open_directory(struct store *store, const struct store_options *options,
                                      struct error *error)
{
    bool make = may_create(options), made = make && mkdir(options->dir, 0700) == 0;
    if (make && !made && errno != EEXIST)
        return store_report(error, errno, "the node directory could not be made", options->dir);
    store->dir_fd = open(options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0 && errno == ENOENT)
        return refuse_absent(options->dir, "does not exist", error);
    if (store->dir_fd < 0)
        return store_report(error, errno, "the node directory could not be opened", options->dir);
    if (!made)
        return ERR_OK;
    int parent_fd = openat(store->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool durable = parent_fd >= 0 && fsync(parent_fd) == 0;
    int failure = errno;
    if (parent_fd >= 0)
        close(parent_fd);
    return durable ? ERR_OK
                   : store_report(error, failure, "the node directory could not be made durable",
                                  options->dir);
}

static enum error_code busy(struct error *error, const char *dir, const char *holder)
{
    error_set(error, ERR_BUSY, "the store is in use", "%s is open in %s", dir, holder);
    error_next(error, "Stop that one first, or use another directory.");
    return ERR_BUSY;
}

static enum error_code register_store(struct store *store, struct error *error)
{
    struct stat status;
    if (fstat(store->dir_fd, &status) != 0)
        return store_report(error, errno, "the node directory can't be read", store->dir);
    store->device = status.st_dev;
    store->inode = status.st_ino;
    pthread_mutex_lock(&open_stores_mutex);
    struct store *other = open_stores;
    while (other != NULL && (other->device != store->device || other->inode != store->inode))
        other = other->next_open;
    if (other == NULL) {
        store->next_open = open_stores;
        open_stores = store;
        store->registered = true;
    }
    pthread_mutex_unlock(&open_stores_mutex);
    return other == NULL ? ERR_OK : busy(error, store->dir, "this process already");
}

static void unregister_store(struct store *store)
{
    if (!store->registered)
        return;
    pthread_mutex_lock(&open_stores_mutex);
    struct store **at = &open_stores;
    while (*at != store)
        at = &(*at)->next_open;
    *at = store->next_open;
    pthread_mutex_unlock(&open_stores_mutex);
}

/* The process id in the lock file is for people; the lock alone decides. */
static enum error_code lock_directory(struct store *store, struct error *error)
{
    store->lock_fd =
        openat(store->dir_fd, "node.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0)
        return store_report(error, errno, "the lock file could not be opened", store->dir);
    char text[PROCESS_ID_TEXT_BYTES] = "";
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int failure = errno;
        if (failure != EWOULDBLOCK)
            return store_report(error, failure, "the directory could not be locked", store->dir);
        char holder[64] = "another process";
        if (pread(store->lock_fd, text, sizeof text - 1, 0) > 0)
            snprintf(holder, sizeof holder, "process %ld", strtol(text, NULL, 10));
        return busy(error, store->dir, holder);
    }
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    bool told = ftruncate(store->lock_fd, 0) == 0 && pwrite(store->lock_fd, text, (size_t)size, 0);
    (void)told; /* on a full disk the lock holds all the same */
    return ERR_OK;
}

/* LMDB would take an absent or empty file for a new database and begin one, silently. */
static enum error_code check_data_file(const struct store *store, struct error *error)
{
    struct stat status;
    const char *why = NULL;
    if (fstatat(store->dir_fd, STORE_DATA "/" STORE_DATA_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0)
        why = errno == ENOENT || errno == ENOTDIR ? "is missing" : "can't be read";
    else if (!S_ISREG(status.st_mode))
        why = "is not a file";
    else if (status.st_size < DATA_FILE_BYTES_MIN)
        why = "is cut off";
    if (why == NULL)
        return ERR_OK;
    error_set(error, ERR_DAMAGED, "the store can't be opened",
              "%s/" STORE_DATA "/" STORE_DATA_FILE " %s", store->dir, why);
    error_next(error,
               "Bring the file back, or `terrace -d %s verify --repair`: what is left is "
               "saved, the rest comes from other nodes.",
               store->dir);
    return ERR_DAMAGED;
}

/* Before the lock, so that a wrong directory is left as it was. */
static enum error_code check_present(const struct store *store, const struct store_options *options,
                                     struct error *error)
{
    struct stat status;
    if (may_create(options) ||
        fstatat(store->dir_fd, STORE_DATA, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return ERR_OK;
    return refuse_absent(store->dir, "has no `" STORE_DATA "`", error);
}

static enum error_code open_environment(struct store *store, const struct store_options *options,
                                        struct error *error)
{
    int answer = MDB_SUCCESS;
    uint64_t map_bytes = options->map_bytes == 0 ? STORE_MAP_BYTES_DEFAULT : options->map_bytes;
    if (options->read_only)
        map_bytes = 0; /* as the writer has it */
    store->env = store_environment(store->dir, STORE_DATA, map_bytes,
                                   options->read_only ? MDB_RDONLY : 0, &answer);
    if (store->env == NULL)
        return store_report(error, answer, "the store can't be opened", store->dir);
    store_reader_check(store);
    return ERR_OK;
}

static enum error_code open_steps(struct store *store, const struct store_options *options,
                                  struct error *error)
{
    enum error_code code = open_directory(store, options, error);
    if (code == ERR_OK)
        code = check_present(store, options, error);
    if (code == ERR_OK)
        code = register_store(store, error);
    if (code == ERR_OK && !options->read_only)
        code = lock_directory(store, error);
    if (code == ERR_OK && may_create(options))
        code = store_create(store->dir_fd, store->dir, error);
    if (code == ERR_OK)
        code = check_data_file(store, error);
    if (code == ERR_OK)
        code = open_environment(store, options, error);
    if (code == ERR_OK)
        code = store_check_length(store, error);
    if (code == ERR_OK)
        code = store_tables_open(store, error);
    return code;
}

enum error_code store_open(const struct store_options *options, struct store **store,
                           struct error *error)
{
    assert(options->dir != NULL && options->dir[0] != '\0');
    struct store *opened = mem_alloc(sizeof *opened);
    opened->dir = mem_text(options->dir);
    opened->read_only = options->read_only;
    opened->dir_fd = opened->lock_fd = opened->high_water_fd = -1;
    enum error_code code = open_steps(opened, options, error);
    if (code == ERR_OK) {
        *store = opened;
        return ERR_OK;
    }
    store_close(opened);
    return code;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->env != NULL) {
        store_write_end(store);
        mdb_env_close(store->env);
    }
    unregister_store(store);
    int fds[] = {store->high_water_fd, store->lock_fd, store->dir_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(store->dir);
    free(store);
}

unsigned store_reader_check(struct store *store)
{
    int cleared = 0;
    return mdb_reader_check(store->env, &cleared) == MDB_SUCCESS ? (unsigned)cleared : 0;
}

enum high_water_answer store_high_water_read(const struct store *store, struct high_water *mark)
{
    return high_water_read(store->dir_fd, mark);
}
