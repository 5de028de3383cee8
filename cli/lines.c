/* Lines of a file. It is read once for its digest and once for its lines. */
#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 << 10 };

static enum error_code failed(struct error *error, const char *name, const char *doing)
{
    int number = errno;
    return error_set(error, number == ENOENT ? ERR_NOT_FOUND : ERR_IO, name, "%s: %s", doing,
                     strerror(number));
}

/* A whole chunk, less at the end of the file only; -1 with errno. */
static ssize_t read_chunk(int file, uint8_t bytes[static CHUNK_BYTES])
{
    size_t size = 0;
    while (size < CHUNK_BYTES) {
        ssize_t got = read(file, bytes + size, CHUNK_BYTES - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static bool write_all(int file, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t written = write(file, bytes + at, size - at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? (size_t)written : 0;
    }
    return true;
}

static uint64_t count_lines(const uint8_t *bytes, size_t size)
{
    uint64_t count = 0;
    const uint8_t *end = bytes + size;
    for (const uint8_t *at = bytes; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* Reads `from` to its end, into `copy` too when that is a file. */
static enum error_code take_digest(struct lines *lines, int from, int copy, struct hash *digest,
                                   uint64_t *line_count, struct error *error)
{
    ssize_t size;
    uint8_t last = '\n';
    *digest = hash_zero;
    *line_count = 0;
    while ((size = read_chunk(from, lines->bytes)) > 0) {
        *digest = hash_of_two(HASH_REQUEST, SPAN_OF_ARRAY(digest->bytes),
                              SPAN(lines->bytes, (size_t)size));
        *line_count += count_lines(lines->bytes, (size_t)size);
        last = lines->bytes[size - 1];
        if (copy >= 0 && !write_all(copy, lines->bytes, (size_t)size))
            return failed(error, "the temporary copy of the standard input", "writing");
    }
    *line_count += last != '\n';
    return size < 0 ? failed(error, lines->name, "reading") : ERR_OK;
}

static enum error_code keep_input(struct lines *lines, struct hash *digest, uint64_t *line_count,
                                  struct error *error)
{
    FILE *copy = tmpfile();
    if (copy == NULL)
        return failed(error, "a temporary copy of the standard input", "opening");
    lines->file = fcntl(fileno(copy), F_DUPFD_CLOEXEC, 0);
    fclose(copy);
    if (lines->file < 0)
        return failed(error, "a temporary copy of the standard input", "opening");
    return take_digest(lines, STDIN_FILENO, lines->file, digest, line_count, error);
}

enum error_code lines_open(struct lines *lines, const char *path, struct hash *digest,
                           uint64_t *line_count, struct error *error)
{
    bool input = strcmp(path, "-") == 0;
    *lines = (struct lines){.file = -1, .name = input ? "standard input" : path};
    lines->bytes = mem_alloc(CHUNK_BYTES);
    enum error_code code;
    if (input) {
        code = keep_input(lines, digest, line_count, error);
    } else {
        lines->file = open(path, O_RDONLY | O_CLOEXEC);
        code = lines->file < 0 ? failed(error, path, "opening")
                               : take_digest(lines, lines->file, -1, digest, line_count, error);
    }
    if (code == ERR_OK && lseek(lines->file, 0, SEEK_SET) != 0) {
        failed(error, lines->name, "reading from the beginning again");
        error_next(error, "pipe it into the standard input, and name the file -");
        return error->code;
    }
    return code;
}

static void add(struct lines *lines, const uint8_t *bytes, size_t size)
{
    size_t room = LINE_BYTES_MAX - lines->line.size;
    lines->too_long |= size > room;
    if (size > 0)
        buffer_append(&lines->line, bytes, size < room ? size : room);
}

static void drop_mark(struct lines *lines)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    struct buffer *line = &lines->line;
    if (lines->number != 1 || line->size < sizeof mark ||
        memcmp(line->data, mark, sizeof mark) != 0)
        return;
    line->size -= sizeof mark;
    memmove(line->data, line->data + sizeof mark, line->size);
}

bool lines_next(struct lines *lines, struct error *error)
{
    buffer_clear(&lines->line);
    lines->too_long = lines->fed = false;
    while (!lines->fed) {
        if (lines->at == lines->size) {
            ssize_t size = lines->ended ? 0 : read_chunk(lines->file, lines->bytes);
            if (size < 0) {
                failed(error, lines->name, "reading");
                return false;
            }
            lines->at = 0;
            lines->size = (size_t)size;
            lines->ended = size == 0;
            if (size == 0 && lines->line.size == 0)
                return false;
            if (size == 0)
                break;
        }
        const uint8_t *from = lines->bytes + lines->at;
        const uint8_t *end = memchr(from, '\n', lines->size - lines->at);
        size_t size = end == NULL ? lines->size - lines->at : (size_t)(end - from);
        add(lines, from, size);
        lines->fed = end != NULL;
        lines->at += size + lines->fed;
    }
    lines->number++;
    drop_mark(lines);
    return true;
}

void lines_close(struct lines *lines)
{
    if (lines->bytes != NULL && lines->file >= 0)
        close(lines->file);
    free(lines->bytes);
    buffer_free(&lines->line);
    *lines = (struct lines){.file = -1};
}
