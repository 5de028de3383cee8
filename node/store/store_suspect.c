/* A mark that outlives the process whose disk failed. It is a hint, made on that very disk: when it
 * can't be written, the start after an unclean end verifies all the same. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "node/store/store_internal.h"

#define SUSPECT_FILE "suspect"

void store_suspect_mark(struct store *store, const char *why)
{
    int fd = openat(store->dir_fd, SUSPECT_FILE,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    bool written = write(fd, why, strlen(why)) >= 0 && fdatasync(fd) == 0;
    (void)written; /* an empty mark is a mark */
    close(fd);
}

bool store_suspect(const struct store *store)
{
    return faccessat(store->dir_fd, SUSPECT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void store_suspect_clear(struct store *store)
{
    unlinkat(store->dir_fd, SUSPECT_FILE, 0);
}
