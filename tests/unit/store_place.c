/* Directories under TMPDIR; faults at the edge of the C library; a child that obeys single letters.
 */
#include "tests/unit/store_place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct disk_faults disk_faults;

static void disk_step(void)
{
    if (disk_faults.exit_at > 0 && --disk_faults.exit_at == 0)
        _exit(PLACE_EXIT_STATUS);
}

static bool fails(int error)
{
    if (error != 0)
        errno = error;
    return error != 0;
}

int fdatasync(int fd)
{
    disk_step();
    return fails(disk_faults.fdatasync_error) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    disk_step();
    return (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    disk_step();
    if (fails(disk_faults.write_error))
        return -1;
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    disk_step();
    if (fails(disk_faults.write_error))
        return -1;
    ssize_t size = syscall(SYS_writev, fd, parts, count);
    return disk_faults.short_writes && size > 0 ? size - 1 : size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (disk_faults.probe_is_refused && fails(ENOSPC))
        return -1;
    return syscall(SYS_write, fd, bytes, size);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    disk_step();
    return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
    disk_step();
    return (int)syscall(SYS_mkdirat, dir, name, mode);
}

int place_setup(void **state)
{
    struct place *place = mem_alloc(sizeof *place);
    const char *base = getenv("TMPDIR");
    snprintf(place->root, sizeof place->root, "%s/terrace-store-XXXXXX",
             base == NULL ? "/tmp" : base);
    if (mkdtemp(place->root) == NULL)
        return -1;
    snprintf(place->dir, sizeof place->dir, "%s/node", place->root);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

int place_teardown(void **state)
{
    struct place *place = *state;
    disk_faults = (struct disk_faults){0};
    int failed = nftw(place->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return failed;
}

void place_path(const struct place *place, const char *name, char path[static PLACE_PATH_BYTES_MAX])
{
    snprintf(path, PLACE_PATH_BYTES_MAX, "%s/%s", place->root, name);
}

static int place_fd(const struct place *place, const char *name, int flags)
{
    char path[PLACE_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", place->dir, name);
    int fd = open(path, flags, 0600);
    assert_true(fd >= 0);
    return fd;
}

bool place_exists(const struct place *place, const char *name)
{
    char path[PLACE_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", place->dir, name);
    struct stat status;
    return lstat(path, &status) == 0;
}

void place_read(const struct place *place, const char *name, struct buffer *bytes)
{
    int fd = place_fd(place, name, O_RDONLY);
    uint8_t part[4096];
    ssize_t size = 0;
    while ((size = read(fd, part, sizeof part)) > 0)
        buffer_append(bytes, part, (size_t)size);
    assert_int_equal(size, 0);
    close(fd);
}

void place_write(const struct place *place, const char *name, struct span bytes)
{
    int fd = place_fd(place, name, O_WRONLY | O_CREAT | O_TRUNC);
    assert_int_equal(pwrite(fd, bytes.data, bytes.size, 0), (ssize_t)bytes.size);
    close(fd);
}

void place_truncate(const struct place *place, const char *name, off_t size)
{
    int fd = place_fd(place, name, O_WRONLY);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

struct store *place_open(const char *dir, enum error_code expected)
{
    struct store_options options = {.dir = dir, .map_bytes = PLACE_MAP_BYTES};
    struct store *store = NULL;
    struct error error = {0};
    enum error_code code = store_open(&options, &store, &error);
    if (code != expected)
        fail_msg("opening answers %s, not %s: %s: %s", error_name(code), error_name(expected),
                 error.what, error.why);
    assert_int_equal(error.code, code);
    assert_true(code == ERR_OK || (error.what[0] != 0 && error.why[0] != 0 && error.next[0] != 0));
    return store;
}

/* The walker's side: no assertions here, they would jump into the parent's tests. */
struct walk {
    struct store *store;
    struct store_snapshot *snapshot;
    struct view view;
};

static int walk_open(struct walk *walk, const char *dir)
{
    struct store_options options = {.dir = dir, .read_only = true};
    struct error error = {0};
    return store_open(&options, &walk->store, &error) == ERR_OK ? 0 : -1;
}

static int walk_begin(struct walk *walk)
{
    struct error error = {0};
    return store_snapshot_begin(walk->store, &walk->snapshot, &walk->view, &error) == ERR_OK ? 0
                                                                                             : -1;
}

static int walk_count(struct walk *walk)
{
    uint8_t from[STORE_KEY_BYTES_MAX];
    struct span key, value;
    size_t size = 0;
    int count = 0;
    while (walk->view.next(walk->view.context, TABLE_DOCS, SPAN(from, size), &key, &value) ==
           READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        count++;
    }
    return count;
}

static int walk_obey(struct walk *walk, const char *dir, char what)
{
    switch (what) {
    case 'o': return walk_open(walk, dir);
    case 'b': return walk_begin(walk);
    case 'n': return walk_count(walk);
    case 'e':
        store_snapshot_end(walk->snapshot);
        walk->snapshot = NULL;
        return 0;
    case 'c':
        store_close(walk->store);
        walk->store = NULL;
        return 0;
    default: return -1;
    }
}

void walker_start(struct walker *walker, const char *dir)
{
    int orders[2], answers[2];
    assert_int_equal(pipe(orders), 0);
    assert_int_equal(pipe(answers), 0);
    walker->process = fork();
    assert_true(walker->process >= 0);
    if (walker->process == 0) {
        struct walk walk = {0};
        char what = 0;
        close(orders[1]);
        close(answers[0]);
        while (read(orders[0], &what, 1) == 1) {
            int answer = walk_obey(&walk, dir, what);
            if (write(answers[1], &answer, sizeof answer) != (ssize_t)sizeof answer)
                break;
        }
        _exit(0);
    }
    close(orders[0]);
    close(answers[1]);
    walker->to = orders[1];
    walker->from = answers[0];
}

int walker_ask(struct walker *walker, char what)
{
    int answer = -1;
    assert_int_equal(write(walker->to, &what, 1), 1);
    assert_int_equal(read(walker->from, &answer, sizeof answer), (ssize_t)sizeof answer);
    return answer;
}

void walker_kill(struct walker *walker)
{
    kill(walker->process, SIGKILL);
    waitpid(walker->process, NULL, 0);
    close(walker->to);
    close(walker->from);
}
