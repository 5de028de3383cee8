/* The format of LMDB 0.9's pages, as far as rows can be read from them:
 *
 *     page    number 8, -, 2, flags 2, lower 2, upper 2, offsets 2 each ... nodes
 *     node    size of the value 4, flags 2, size of the key 2, key, value
 *
 * A value that is longer than about half a page stands on pages of its own: the node holds the
 * number of the first, whose bytes begin behind a page's head. All in the order of the machine.
 * Whatever a number says is held against the page and the file before it is followed. */
#include "node/store/store_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/store_internal.h"

enum {
    PAGE_HEAD_BYTES = 16,
    AT_FLAGS = 10,
    AT_LOWER = 12,
    NODE_HEAD_BYTES = 8,
    PAGE_IS_LEAF = 0x02,
    PAGE_KINDS = 0x0f, /* branch, leaf, overflow, meta */
    NODE_ELSEWHERE = 0x01,
    NODE_PLAIN = 0x00, /* neither a table nor values in a table of their own */
    KEPT_MAX = 10000,
};

struct store_pages {
    int fd;
    size_t page_bytes;
    uint64_t count;
    uint8_t *page;
    struct buffer value;
};

enum error_code store_pages_open(const char *dir, struct store_pages **opened, struct error *error)
{
    char path[PATH_MAX];
    struct stat status;
    int size = snprintf(path, sizeof path, "%s/" STORE_DATA "/" STORE_DATA_FILE, dir);
    int fd = size < 0 || (size_t)size >= sizeof path ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        enum error_code code =
            fd < 0 && (errno == ENOENT || errno == ENOTDIR) ? ERR_NOT_FOUND : ERR_IO;
        error_set(error, code, "the store's file can't be read", "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return code;
    }
    struct store_pages *pages = mem_alloc(sizeof *pages);
    pages->fd = fd;
    pages->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    pages->count = (uint64_t)status.st_size / pages->page_bytes;
    pages->page = mem_alloc(pages->page_bytes);
    *opened = pages;
    return ERR_OK;
}

void store_pages_close(struct store_pages *pages)
{
    if (pages == NULL)
        return;
    close(pages->fd);
    buffer_free(&pages->value);
    free(pages->page);
    free(pages);
}

uint64_t store_pages_count(const struct store_pages *pages)
{
    return pages->count;
}

bool store_pages_bytes(struct store_pages *pages, uint64_t place, size_t size, uint8_t *to)
{
    size_t got = 0;
    while (got < size) {
        ssize_t some = pread(pages->fd, to + got, size - got, (off_t)(place + got));
        if (some <= 0)
            return false;
        got += (size_t)some;
    }
    return true;
}

static uint16_t number_at(const uint8_t *page, size_t at)
{
    uint16_t number;
    memcpy(&number, page + at, sizeof number);
    return number;
}

struct node_at {
    size_t value_size, key_size, value_at;
    unsigned flags;
};

/* False: what stands there can't be a node of this page. */
static bool read_node(const struct store_pages *pages, size_t at, struct node_at *node)
{
    const uint8_t *page = pages->page;
    if (at < PAGE_HEAD_BYTES || at + NODE_HEAD_BYTES > pages->page_bytes)
        return false;
    node->value_size = number_at(page, at) | (size_t)number_at(page, at + 2) << 16;
    node->flags = number_at(page, at + 4);
    node->key_size = number_at(page, at + 6);
    node->value_at = at + NODE_HEAD_BYTES + node->key_size;
    bool elsewhere = node->flags == NODE_ELSEWHERE;
    size_t here = elsewhere ? sizeof(uint64_t) : node->value_size;
    return (elsewhere || node->flags == NODE_PLAIN) && node->key_size >= 1 &&
           node->key_size <= STORE_KEY_BYTES_MAX && node->value_at + here <= pages->page_bytes &&
           node->value_size <= DOCUMENT_BYTES_MAX;
}

/* The place of a node's value in the file; 0: it leads out of it. */
static uint64_t value_place(const struct store_pages *pages, uint64_t page,
                            const struct node_at *node)
{
    uint64_t first;
    if (node->flags != NODE_ELSEWHERE)
        return page * pages->page_bytes + node->value_at;
    memcpy(&first, pages->page + node->value_at, sizeof first);
    if (first >= pages->count ||
        (pages->count - first) * pages->page_bytes < PAGE_HEAD_BYTES + node->value_size)
        return 0;
    return first * pages->page_bytes + PAGE_HEAD_BYTES;
}

void store_pages_rows(struct store_pages *pages, uint64_t page, void *context,
                      void (*row)(void *context, struct span key, struct span value,
                                  uint64_t place))
{
    if (!store_pages_bytes(pages, page * pages->page_bytes, pages->page_bytes, pages->page) ||
        (number_at(pages->page, AT_FLAGS) & PAGE_KINDS) != PAGE_IS_LEAF)
        return;
    size_t lower = number_at(pages->page, AT_LOWER);
    for (size_t at = PAGE_HEAD_BYTES; at + 2 <= lower && at + 2 <= pages->page_bytes; at += 2) {
        struct node_at node;
        size_t begin = number_at(pages->page, at);
        if (!read_node(pages, begin, &node))
            continue;
        uint64_t place = value_place(pages, page, &node);
        if (place == 0)
            continue;
        buffer_clear(&pages->value);
        buffer_reserve(&pages->value, node.value_size + 1);
        if (!store_pages_bytes(pages, place, node.value_size, pages->value.data))
            continue;
        row(context, SPAN(pages->page + begin + NODE_HEAD_BYTES, node.key_size),
            SPAN(pages->value.data, node.value_size), place);
    }
}

/* ---- the directory ---- */

#define SALVAGE "salvage"

static int open_dir(const char *dir, struct error *error)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        store_report(error, errno, "the node directory could not be opened", dir);
    return fd;
}

int store_salvage_lock(const char *dir, struct error *error)
{
    int dir_fd = open_dir(dir, error);
    if (dir_fd < 0)
        return -1;
    int fd = openat(dir_fd, "node.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int failure = errno;
    close(dir_fd);
    if (fd < 0) {
        store_report(error, failure, "the lock file could not be opened", dir);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    error_set(error, ERR_BUSY, "the store is in use", "%s is served by a node", dir);
    error_next(error, "stop it first: it also repairs its store itself when it starts and finds it "
                      "damaged");
    return -1;
}

enum error_code store_salvage_discard(const char *dir, struct error *error)
{
    static const char *const files[] = {
        SALVAGE "/" STORE_DATA "/" STORE_DATA_FILE,
        SALVAGE "/" STORE_DATA "/" STORE_LOCK_FILE,
        SALVAGE "/" STORE_DATA_NEW "/" STORE_DATA_FILE,
        SALVAGE "/" STORE_DATA_NEW "/" STORE_LOCK_FILE,
        SALVAGE "/node.lock",
    };
    static const char *const folders[] = {SALVAGE "/" STORE_DATA, SALVAGE "/" STORE_DATA_NEW,
                                          SALVAGE};
    int fd = open_dir(dir, error), failure = 0;
    if (fd < 0)
        return error == NULL ? ERR_IO : error->code;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (unlinkat(fd, files[i], 0) != 0 && errno != ENOENT && errno != ENOTDIR)
            failure = errno;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (unlinkat(fd, folders[i], AT_REMOVEDIR) != 0 && errno != ENOENT)
            failure = errno;
    }
    close(fd);
    return failure == 0
               ? ERR_OK
               : store_report(error, failure, "an unfinished salvage can't be removed", dir);
}

/* The damaged store under the first name that is free. Never over another one. */
static int move_aside(int dir_fd, char kept[static 32])
{
    kept[0] = '\0';
    for (unsigned i = 1; i <= KEPT_MAX; i++) {
        char name[32];
        struct stat status;
        snprintf(name, sizeof name, STORE_DATA ".damaged-%u", i);
        if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (renameat(dir_fd, STORE_DATA, dir_fd, name) == 0)
            memcpy(kept, name, sizeof name);
        else if (errno != ENOENT)
            return errno;
        return 0;
    }
    return EEXIST;
}

static int move_in(int dir_fd)
{
    if (renameat(dir_fd, SALVAGE "/" STORE_DATA, dir_fd, STORE_DATA) != 0 || fsync(dir_fd) != 0)
        return errno;
    return 0;
}

enum error_code store_salvage_swap(const char *dir, char kept[static 32], struct error *error)
{
    int fd = open_dir(dir, error);
    if (fd < 0)
        return ERR_IO;
    int failure = move_aside(fd, kept);
    if (failure == 0)
        failure = move_in(fd);
    close(fd);
    return failure == 0
               ? ERR_OK
               : store_report(error, failure, "the new store can't take the old one's place", dir);
}

/* The old store is moved only when the new one is whole: where there is no old one, it is. */
enum error_code store_salvage_finish(const char *dir, struct error *error)
{
    struct stat status;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failure = 0;
    if (fd < 0)
        return ERR_OK; /* whoever opens the store says it */
    if (fstatat(fd, STORE_DATA, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT &&
        fstatat(fd, SALVAGE "/" STORE_DATA, &status, AT_SYMLINK_NOFOLLOW) == 0)
        failure = move_in(fd);
    close(fd);
    return failure == 0 ? ERR_OK : store_report(error, failure, "a repair can't be finished", dir);
}
