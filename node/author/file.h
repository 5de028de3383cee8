/* Small files that must survive a power cut: read whole, created once, replaced whole. */
#ifndef TERRACE_NODE_AUTHOR_FILE_H
#define TERRACE_NODE_AUTHOR_FILE_H

#include <limits.h>
#include <sys/types.h>

#include "base/error.h"

/* DIR/NAME into `path`. ERR_OVERSIZE when it is longer than a path may be. */
enum error_code path_join(char path[static PATH_MAX], const char *dir, const char *name,
                          struct error *error);

/* Appends the whole file to `out`. ERR_NOT_FOUND, ERR_OVERSIZE above `bytes_max`, ERR_IO; what =
 * the path. Symbolic links are followed, what is no plain file is refused. */
enum error_code file_read(const char *path, size_t bytes_max, struct buffer *out,
                          struct error *error);

/* Creates a file that must not be there yet, synced to the disk together with its directory.
 * ERR_STALE when it is there; ERR_FULL, ERR_IO: nothing is left behind. */
enum error_code file_create(const char *path, struct span bytes, mode_t mode, struct error *error);

/* Writes PATH.new, syncs it and renames it to `path`: a reader sees the old file or the new one,
 * whole. ERR_FULL, ERR_IO: the old one stands. */
enum error_code file_replace(const char *path, struct span bytes, mode_t mode, struct error *error);

/* Renames within a directory, in place of what has that name; synced. ERR_NOT_FOUND, ERR_IO. */
enum error_code file_rename(const char *from, const char *to, struct error *error);

/* Makes a directory, and syncs the one above it. One that is there already is right. */
enum error_code directory_make(const char *path, mode_t mode, struct error *error);

/* Error for a failed system call on `path` (errno): FULL, NOT_FOUND, or IO. */
enum error_code file_error(struct error *error, const char *path, const char *doing);

#endif
