/* Encoding, and a file of one write. The file is kept open: a commit that signs costs one pwrite
 * and one fdatasync more. */
#include "node/store/high_water.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/checksum.h"

#define FILE_NAME "high_water"
#define FILE_NAME_NEW "high_water.new"

static const char magic[8] = {'T', 'E', 'R', 'R', 'H', 'W', 'M', '1'};

enum {
    AT_MAGIC = 0,
    AT_KEY_ID = 8,
    AT_INSTANCE = 16,
    AT_EPOCH = 24,
    AT_ZERO = 28,
    AT_COMMITTED = 32,
    AT_IN_FLIGHT = 40,
    AT_STATEMENT = 48,
    AT_CHECK = 56,
};
_Static_assert(AT_CHECK + CHECKSUM_BYTES == HIGH_WATER_BYTES, "the check ends the file");

void high_water_encode(const struct high_water *mark, uint8_t bytes[static HIGH_WATER_BYTES])
{
    memcpy(bytes + AT_MAGIC, magic, sizeof magic);
    memcpy(bytes + AT_KEY_ID, mark->key_id, sizeof mark->key_id);
    memcpy(bytes + AT_INSTANCE, mark->instance, sizeof mark->instance);
    write_u32(bytes + AT_EPOCH, mark->epoch);
    write_u32(bytes + AT_ZERO, 0);
    write_u64(bytes + AT_COMMITTED, mark->committed);
    write_u64(bytes + AT_IN_FLIGHT, mark->in_flight);
    write_u64(bytes + AT_STATEMENT, mark->statement);
    checksum_of(SPAN(bytes, AT_CHECK), bytes + AT_CHECK);
}

bool high_water_decode(const uint8_t bytes[static HIGH_WATER_BYTES], struct high_water *mark)
{
    uint8_t check[CHECKSUM_BYTES];
    checksum_of(SPAN(bytes, AT_CHECK), check);
    if (memcmp(check, bytes + AT_CHECK, sizeof check) != 0 ||
        memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0 || read_u32(bytes + AT_ZERO) != 0)
        return false;
    memcpy(mark->key_id, bytes + AT_KEY_ID, sizeof mark->key_id);
    memcpy(mark->instance, bytes + AT_INSTANCE, sizeof mark->instance);
    mark->epoch = read_u32(bytes + AT_EPOCH);
    mark->committed = read_u64(bytes + AT_COMMITTED);
    mark->in_flight = read_u64(bytes + AT_IN_FLIGHT);
    mark->statement = read_u64(bytes + AT_STATEMENT);
    return true;
}

enum high_water_answer high_water_read(int dir_fd, struct high_water *mark)
{
    int fd = openat(dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? HIGH_WATER_MISSING : HIGH_WATER_DAMAGED;
    uint8_t bytes[HIGH_WATER_BYTES + 1]; /* one more, so that a longer file shows */
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    bool good = size == HIGH_WATER_BYTES && high_water_decode(bytes, mark);
    return good ? HIGH_WATER_FOUND : HIGH_WATER_DAMAGED;
}

static enum error_code code_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

/* A short write leaves errno alone: of so few bytes it means that the disk is full. */
static enum error_code write_whole(int fd, const uint8_t bytes[static HIGH_WATER_BYTES])
{
    errno = ENOSPC;
    if (pwrite(fd, bytes, HIGH_WATER_BYTES, 0) != HIGH_WATER_BYTES)
        return code_of_errno();
    return fdatasync(fd) == 0 ? ERR_OK : code_of_errno();
}

/* The file there is, if it may be written in place; else -1. */
static int open_in_place(int dir_fd)
{
    int fd = openat(dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size == HIGH_WATER_BYTES)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum error_code write_anew(int dir_fd, int *fd, const uint8_t bytes[static HIGH_WATER_BYTES])
{
    if (unlinkat(dir_fd, FILE_NAME_NEW, 0) != 0 && errno != ENOENT)
        return code_of_errno();
    int made = openat(dir_fd, FILE_NAME_NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        return code_of_errno();
    enum error_code code = write_whole(made, bytes);
    if (code == ERR_OK &&
        (fsync(made) != 0 || renameat(dir_fd, FILE_NAME_NEW, dir_fd, FILE_NAME) != 0 ||
         fsync(dir_fd) != 0))
        code = code_of_errno();
    if (code != ERR_OK)
        close(made);
    else
        *fd = made;
    return code;
}

enum error_code high_water_write(int dir_fd, int *fd, const struct high_water *mark)
{
    uint8_t bytes[HIGH_WATER_BYTES];
    high_water_encode(mark, bytes);
    if (*fd < 0)
        *fd = open_in_place(dir_fd);
    return *fd < 0 ? write_anew(dir_fd, fd, bytes) : write_whole(*fd, bytes);
}
