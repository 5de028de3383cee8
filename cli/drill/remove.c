/* Removing a directory and all below it. */
#include "cli/drill/remove.h"

#include <ftw.h>
#include <stdio.h>

#include "node/author/file.h"

enum { OPEN_DIRECTORIES = 16 };

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

enum error_code remove_tree(const char *path, struct error *error)
{
    if (nftw(path, remove_one, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return file_error(error, path, "removing");
    return ERR_OK;
}
