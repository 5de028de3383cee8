/* The C library's calls, made here with the kernel's own; see disk_shim.h. While recording one lock
 * makes call and record one step, so that the record has the order of the disk. */
#undef _FILE_OFFSET_BITS /* it would give the calls below other names; those come at the end */
#include "tests/crash/disk_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/disk_trace.h"

enum { FILES_MAX = 64, HOLD_STEP_NS = 2 * 1000 * 1000 };

static struct disk_control *control; /* NULL: everything passes through */
static char root[PATH_MAX];          /* the directory, resolved, with a slash at its end */
static int trace_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tracked {
    uint64_t file;
    enum disk_target target;
} files[FILES_MAX];
static size_t file_count;

static int raw_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static struct disk_control *map_control(const char *dir, int flags)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.disk", dir);
    int fd = raw_open(path, O_RDWR | flags, 0600);
    if (fd < 0)
        return NULL;
    void *at = MAP_FAILED;
    if (flags == 0 || syscall(SYS_ftruncate, fd, sizeof *control) == 0)
        at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    return at == MAP_FAILED ? NULL : at;
}

struct disk_control *disk_control_make(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.disk", dir);
    syscall(SYS_unlink, path);
    struct disk_control *made = map_control(dir, O_CREAT | O_EXCL);
    if (made == NULL)
        abort();
    return made;
}

void disk_shim_begin(const char *dir)
{
    char path[PATH_MAX];
    if (realpath(dir, root) == NULL)
        return;
    strcat(root, "/");
    control = map_control(dir, 0);
    if (control == NULL || !control->record)
        return;
    snprintf(path, sizeof path, "%s.trace", dir);
    trace_fd = raw_open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
}

/* The name below the root of what is, or would be, NAME below directory FD; false: elsewhere. */
static bool name_below(int dir_fd, const char *name, char below[static PATH_MAX])
{
    char link[64], path[2 * PATH_MAX];
    size_t size = 0;
    if (control == NULL)
        return false;
    if (name[0] != '/' && dir_fd != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
        ssize_t got = readlink(link, path, PATH_MAX - 1);
        if (got <= 0)
            return false;
        size = (size_t)got;
        path[size++] = '/';
    }
    snprintf(path + size, sizeof path - size, "%s", name);
    if (strncmp(path, root, strlen(root)) != 0)
        return false;
    snprintf(below, PATH_MAX, "%.*s", PATH_MAX - 1, path + strlen(root));
    size = strlen(below); /* DIR/. is DIR */
    if (size >= 1 && below[size - 1] == '.' && (size == 1 || below[size - 2] == '/'))
        below[size == 1 ? 0 : size - 2] = '\0';
    return true;
}

static bool is_watched(const char *name)
{
    static const char *const ours[] = {
        "data", "data/data.mdb", "data.new", "data.new/data.mdb", "high_water", "high_water.new"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (strcmp(name, ours[i]) == 0)
            return true;
    }
    return false;
}

static enum disk_target target_of(const char *name)
{
    return strncmp(name, "high_water", 10) == 0 ? DISK_HIGH_WATER : DISK_DATA;
}

/* What is known of an open file; NULL: not one that is watched. */
static const struct tracked *find_tracked(int fd)
{
    struct stat status;
    if (control == NULL || syscall(SYS_fstat, fd, &status) != 0 || !S_ISREG(status.st_mode))
        return NULL;
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].file == status.st_ino)
            return &files[i];
    }
    return NULL;
}

static void track(int fd, const char *name)
{
    struct stat status;
    if (syscall(SYS_fstat, fd, &status) != 0)
        return;
    size_t at = 0;
    while (at < file_count && files[at].file != status.st_ino)
        at++;
    if (at == FILES_MAX)
        abort();
    files[at] = (struct tracked){status.st_ino, target_of(name)};
    file_count = at == file_count ? at + 1 : file_count;
}

static void put_record(const struct trace_record *record, const void *bytes)
{
    struct iovec parts[] = {{(void *)(uintptr_t)record, sizeof *record},
                            {(void *)(uintptr_t)bytes, record->size}};
    ssize_t whole = (ssize_t)(sizeof *record + record->size);
    if (trace_fd >= 0 && syscall(SYS_writev, trace_fd, parts, 2) != whole)
        abort();
}

static void put_name(enum trace_kind kind, uint64_t file, const char *name, size_t size)
{
    struct trace_record record = {.file = file, .kind = (uint16_t)kind, .size = (uint32_t)size};
    put_record(&record, name);
}

static void enter(void)
{
    if (trace_fd >= 0)
        pthread_mutex_lock(&mutex);
}

static void leave(void)
{
    int kept = errno;
    if (trace_fd >= 0)
        pthread_mutex_unlock(&mutex);
    errno = kept;
}

/* Whether this call is one that shall fail. */
static bool fails(const struct tracked *tracked, bool meta, int error)
{
    uint32_t target = control->target;
    if (error == 0 || (target == DISK_META && !meta) || (target == DISK_DATA && meta) ||
        (target != DISK_ANY && target != DISK_META && target != tracked->target))
        return false;
    for (uint32_t left = control->passing; left > 0; left = control->passing) {
        if (atomic_compare_exchange_weak(&control->passing, &left, left - 1))
            return false;
    }
    control->failed++;
    errno = error;
    return true;
}

static void wait_while_held(void)
{
    struct timespec step = {.tv_nsec = HOLD_STEP_NS};
    if (!control->hold_syncs)
        return;
    control->waiting++;
    while (control->hold_syncs)
        nanosleep(&step, NULL);
    control->waiting--;
}

static bool is_meta(int fd)
{
    return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

static ssize_t write_at(int fd, const struct iovec *parts, int count, off_t at)
{
    const struct tracked *tracked = find_tracked(fd);
    if (tracked == NULL)
        return at < 0 ? syscall(SYS_writev, fd, parts, count)
                      : syscall(SYS_pwritev, fd, parts, count, at, 0);
    bool meta = is_meta(fd);
    if (meta)
        wait_while_held();
    if (fails(tracked, meta, control->write_errno))
        return -1;
    enter();
    off_t from = at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    bool cut = control->short_writes && fails(tracked, meta, EIO);
    ssize_t size = cut ? syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, from)
                       : syscall(SYS_pwritev, fd, parts, count, from, 0);
    if (size > 0 && at < 0)
        lseek(fd, from + size, SEEK_SET);
    struct trace_record record = {.kind = TRACE_WRITE, .flag = meta, .file = tracked->file};
    ssize_t left = size;
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
        record.at = (uint64_t)(from + size - left);
        record.size = (uint32_t)part;
        put_record(&record, parts[i].iov_base);
        left -= (ssize_t)part;
    }
    leave();
    return size;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    return write_at(fd, &part, 1, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_at(fd, parts, count, -1);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    return find_tracked(fd) == NULL ? syscall(SYS_write, fd, bytes, size)
                                    : write_at(fd, &part, 1, -1);
}

static int sync_with(long call, int fd)
{
    const struct tracked *tracked = find_tracked(fd);
    struct stat status;
    if (tracked != NULL) {
        wait_while_held();
        if (fails(tracked, false, control->sync_errno))
            return -1;
    }
    enter();
    int answer = (int)syscall(call, fd);
    if (answer == 0 && tracked != NULL) {
        put_name(TRACE_SYNC, tracked->file, "", 0);
    } else if (answer == 0 && control != NULL && syscall(SYS_fstat, fd, &status) == 0 &&
               S_ISDIR(status.st_mode)) {
        char name[PATH_MAX];
        if (name_below(fd, ".", name))
            put_name(TRACE_SYNC_DIRECTORY, 0, name, strlen(name));
    }
    leave();
    return answer;
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
    const struct tracked *tracked = find_tracked(fd);
    if (tracked != NULL && fails(tracked, false, control->write_errno))
        return -1;
    enter();
    int answer = (int)syscall(SYS_ftruncate, fd, size);
    if (answer == 0 && tracked != NULL) {
        struct trace_record record = {
            .kind = TRACE_LENGTH, .file = tracked->file, .at = (uint64_t)size};
        put_record(&record, "");
    }
    leave();
    return answer;
}

static bool may_be_made(void)
{
    if (control == NULL || control->make_errno == 0)
        return true;
    control->failed++;
    errno = control->make_errno;
    return false;
}

static int open_at(int dir_fd, const char *name, int flags, mode_t mode)
{
    char below[PATH_MAX];
    if (!name_below(dir_fd, name, below))
        return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    bool fresh = (flags & O_CREAT) != 0 && faccessat(dir_fd, name, F_OK, 0) != 0;
    if (fresh && !may_be_made())
        return -1;
    enter();
    int fd = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    if (fd >= 0 && is_watched(below)) {
        struct stat status;
        track(fd, below);
        if (fresh && syscall(SYS_fstat, fd, &status) == 0)
            put_name(TRACE_CREATE, status.st_ino, below, strlen(below));
    }
    leave();
    return fd;
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

int open(const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(AT_FDCWD, name, flags, mode);
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(dir_fd, name, flags, mode);
}

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
    char below[PATH_MAX];
    bool ours = name_below(dir_fd, name, below);
    if (ours && !may_be_made())
        return -1;
    enter();
    int answer = (int)syscall(SYS_mkdirat, dir_fd, name, mode);
    if (ours && answer == 0 && is_watched(below))
        put_name(TRACE_MKDIR, 0, below, strlen(below));
    leave();
    return answer;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char old[PATH_MAX], new[PATH_MAX], both[2 * PATH_MAX];
    bool ours = name_below(from_dir, from, old) && name_below(to_dir, to, new);
    enter();
    int answer = (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
    if (ours && answer == 0 && is_watched(new)) {
        size_t size = strlen(old) + 1, more = strlen(new);
        memcpy(both, old, size);
        memcpy(both + size, new, more);
        put_name(TRACE_RENAME, 0, both, size + more);
    }
    leave();
    return answer;
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    char below[PATH_MAX];
    bool ours = name_below(dir_fd, name, below);
    enter();
    int answer = (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    if (ours && answer == 0 && is_watched(below))
        put_name(TRACE_REMOVE, 0, below, strlen(below));
    leave();
    return answer;
}

/* The names by which code asks for files of any size. */
int open64(const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(AT_FDCWD, name, flags, mode);
}

int openat64(int dir_fd, const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(dir_fd, name, flags, mode);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    return pwrite(fd, bytes, size, at);
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}
