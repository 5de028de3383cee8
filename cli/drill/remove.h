/* Removing a directory and all below it. */
#ifndef TERRACE_CLI_DRILL_REMOVE_H
#define TERRACE_CLI_DRILL_REMOVE_H

#include "base/error.h"

/* Symbolic links are removed, not followed. */
enum error_code remove_tree(const char *path, struct error *error);

#endif
