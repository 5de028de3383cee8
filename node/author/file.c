/* Durable means: the bytes are synced before the name is, and the name before we say so. */
#include "node/author/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum error_code file_error(struct error *error, const char *path, const char *doing)
{
    int number = errno;
    if (number == ENOENT)
        return error_set(error, ERR_NOT_FOUND, path, "%s: there is no such file", doing);
    if (number == ENOSPC || number == EDQUOT) {
        error_set(error, ERR_FULL, path, "%s: %s", doing, strerror(number));
        error_next(error, "make room on this disk and try again");
        return ERR_FULL;
    }
    error_set(error, ERR_IO, path, "%s: %s", doing, strerror(number));
    if (number == EACCES || number == EPERM)
        error_next(error, "run it as the user who owns the directory");
    return ERR_IO;
}

enum error_code path_join(char path[static PATH_MAX], const char *dir, const char *name,
                          struct error *error)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", dir, name);
    if (length < 0 || length >= PATH_MAX)
        return error_set(error, ERR_OVERSIZE, name, "its path is longer than %d bytes",
                         PATH_MAX - 1);
    return ERR_OK;
}

/* Reads to the end of the file, whatever size was seen before. */
static enum error_code read_all(int file, const char *path, size_t bytes_max, struct buffer *out,
                                struct error *error)
{
    size_t begin = out->size;
    for (;;) {
        buffer_reserve(out, 4096);
        ssize_t got = read(file, out->data + out->size, out->capacity - out->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error(error, path, "reading");
        if (got == 0)
            return ERR_OK;
        out->size += (size_t)got;
        if (out->size - begin > bytes_max)
            return error_set(error, ERR_OVERSIZE, path, "it has more than %zu bytes", bytes_max);
    }
}

enum error_code file_read(const char *path, size_t bytes_max, struct buffer *out,
                          struct error *error)
{
    /* O_NONBLOCK: opening a pipe that stands there must not wait for its writer */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return file_error(error, path, "opening");
    struct stat status;
    enum error_code code;
    if (fstat(file, &status) != 0)
        code = file_error(error, path, "opening");
    else if (!S_ISREG(status.st_mode))
        code = error_set(error, ERR_MALFORMED, path, "it is not a plain file");
    else
        code = read_all(file, path, bytes_max, out, error);
    close(file);
    return code;
}

/* Syncs the directory that holds `path`, so that the name survives too. */
static enum error_code sync_parent(const char *path, struct error *error)
{
    char parent[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length >= sizeof parent)
        return error_set(error, ERR_OVERSIZE, path, "its path is too long");
    memcpy(parent, path, length);
    memcpy(parent + length, length == 0 ? "." : "", length == 0 ? 2 : 1);
    int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return file_error(error, parent, "opening the directory");
    enum error_code code = ERR_OK;
    if (fsync(directory) != 0)
        code = file_error(error, parent, "syncing the directory");
    close(directory);
    return code;
}

static bool write_all(int file, struct span bytes)
{
    for (size_t at = 0; at < bytes.size;) {
        ssize_t count = write(file, bytes.data + at, bytes.size - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += (size_t)count;
    }
    return true;
}

/* A new file with these bytes, synced; its name isn't synced yet. Nothing is left on failure. */
static enum error_code write_new(const char *path, struct span bytes, mode_t mode,
                                 struct error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file < 0 && errno == EEXIST) {
        error_set(error, ERR_STALE, path, "it is there already and is not overwritten");
        error_next(error, "choose another directory, or move the old file away");
        return ERR_STALE;
    }
    if (file < 0)
        return file_error(error, path, "creating");
    enum error_code code = ERR_OK;
    /* fchmod: the umask of whoever runs this must not decide who reads a key */
    if (fchmod(file, mode) != 0 || !write_all(file, bytes) || fsync(file) != 0)
        code = file_error(error, path, "writing");
    if (close(file) != 0 && code == ERR_OK)
        code = file_error(error, path, "closing");
    if (code != ERR_OK)
        unlink(path);
    return code;
}

enum error_code file_create(const char *path, struct span bytes, mode_t mode, struct error *error)
{
    enum error_code code = write_new(path, bytes, mode, error);
    if (code != ERR_OK)
        return code;
    code = sync_parent(path, error);
    if (code != ERR_OK)
        unlink(path);
    return code;
}

enum error_code file_replace(const char *path, struct span bytes, mode_t mode, struct error *error)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return error_set(error, ERR_OVERSIZE, path, "its path is too long");
    unlink(temporary); /* of a writer that was cut off */
    enum error_code code = write_new(temporary, bytes, mode, error);
    if (code != ERR_OK)
        return code;
    if (rename(temporary, path) != 0) {
        code = file_error(error, path, "renaming");
        unlink(temporary);
        return code;
    }
    return sync_parent(path, error);
}

enum error_code file_rename(const char *from, const char *to, struct error *error)
{
    return rename(from, to) == 0 ? sync_parent(to, error) : file_error(error, from, "renaming");
}

enum error_code directory_make(const char *path, mode_t mode, struct error *error)
{
    struct stat status;
    if (mkdir(path, mode) == 0)
        return sync_parent(path, error);
    if (errno != EEXIST)
        return file_error(error, path, "making the directory");
    if (stat(path, &status) != 0)
        return file_error(error, path, "looking at it");
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERR_STALE, path, "there is something else with this name");
    return ERR_OK;
}
