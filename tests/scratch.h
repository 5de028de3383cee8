/* Where tests make their directories: TMPDIR, else /tmp. `./dev test` sets it to memory, so that
 * the length of a test doesn't hang on a machine's disk; tests/soak works on the disk itself. */
#ifndef TERRACE_TESTS_SCRATCH_H
#define TERRACE_TESTS_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Makes a new directory, NAME and six letters; its path, cut to SIZE bytes, in PATH. False: it
 * could not be made, or its path is too long. */
static inline bool scratch_make(char *path, size_t size, const char *name)
{
    const char *base = getenv("TMPDIR");
    int length =
        snprintf(path, size, "%s/%s-XXXXXX", base == NULL || base[0] == '\0' ? "/tmp" : base, name);
    return length > 0 && (size_t)length < size && mkdtemp(path) != NULL;
}

#endif
