/* A file read line by line, each line bounded; and its digest, which names an import. */
#ifndef TERRACE_CLI_LINES_H
#define TERRACE_CLI_LINES_H

#include "base/error.h"
#include "base/hash.h"

/* A record has 30 KiB at most; JSON may write each of its characters with six bytes. */
enum { LINE_BYTES_MAX = 256 << 10 };

struct lines {
    int file;
    const char *name;
    uint8_t *bytes; /* read and not given yet: [at, size) */
    size_t at, size;
    bool ended;
    struct buffer line; /* the last one, without its line feed; at most LINE_BYTES_MAX */
    uint64_t number;    /* its number, from 1 */
    bool too_long;      /* what is beyond the bound was left out */
    bool fed;           /* it ended with a line feed */
};

/* `path` "-" is the standard input, kept in an unlinked temporary file meanwhile: it is read twice.
 * `digest` and `line_count` are of the whole. ERR_IO, ERR_NOT_FOUND. Ends with lines_close. */
enum error_code lines_open(struct lines *lines, const char *path, struct hash *digest,
                           uint64_t *line_count, struct error *error);
/* False at the end; with error->code set when the file can't be read on. A byte order mark at the
 * beginning of the file is left out. */
bool lines_next(struct lines *lines, struct error *error);
void lines_close(struct lines *lines); /* also one that is all zero */

#endif
