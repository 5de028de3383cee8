/* Which database on which machine. Inode numbers are re-used at once by common file systems, so a
 * copy restored over a removed file can have the old number; its birth time is new, and no copying
 * tool can set it. The device number is left out: it changes with the order of disks at boot. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/checksum.h"
#include "node/store/store_internal.h"

enum { MACHINE_ID_BYTES_MAX = 64 };

/* A machine without an id is told apart by the file alone. */
static void append_machine(struct buffer *facts)
{
    uint8_t text[MACHINE_ID_BYTES_MAX];
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    buffer_append_u32(facts, size < 0 ? 0 : (uint32_t)size);
    if (size > 0)
        buffer_append(facts, text, (size_t)size);
}

enum error_code store_instance(const char *dir, uint8_t instance[static 8], struct error *error)
{
    char path[PATH_MAX];
    struct statx facts_of_file;
    int size = snprintf(path, sizeof path, "%s/" STORE_DATA "/" STORE_DATA_FILE, dir);
    int failure = size < 0 || (size_t)size >= sizeof path ? ENAMETOOLONG : 0;
    if (failure == 0 &&
        statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &facts_of_file) != 0)
        failure = errno;
    if (failure == ENOENT) {
        error_set(error, ERR_NOT_FOUND, "there is no store", "%s does not exist", path);
        error_next(error, "Open the store once; that makes it.");
        return ERR_NOT_FOUND;
    }
    if (failure != 0)
        return store_report(error, failure, "the store can't be told from a copy", dir);
    struct buffer facts = {0};
    append_machine(&facts);
    buffer_append_u64(&facts, facts_of_file.stx_ino);
    bool born = (facts_of_file.stx_mask & STATX_BTIME) != 0;
    buffer_append_u64(&facts, born ? (uint64_t)facts_of_file.stx_btime.tv_sec : 0);
    buffer_append_u32(&facts, born ? facts_of_file.stx_btime.tv_nsec : 0);
    checksum_of(span_of_buffer(&facts), instance);
    buffer_free(&facts);
    return ERR_OK;
}
