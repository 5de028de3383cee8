#include "node/author/confirmed_roots.h"

#include <string.h>

#include "node/author/file.h"
#include "node/author/keys.h"

static const char name[] = "confirmed-roots";
enum { LINE_BYTES = 2 * HASH_BYTES + 1, FILE_BYTES_MAX = CONFIRMED_ROOTS_MAX * LINE_BYTES };

static enum error_code read_lines(struct span text, struct confirmed_roots *roots,
                                  struct error *error)
{
    for (size_t at = 0; at < text.size; at += LINE_BYTES) {
        struct hash *hash = &roots->hashes[roots->count];
        if (text.size - at >= LINE_BYTES && text.data[at + LINE_BYTES - 1] == '\n' &&
            hex_read(SPAN(text.data + at, LINE_BYTES - 1), hash->bytes, HASH_BYTES)) {
            roots->count++;
            continue;
        }
        error_set(error, ERR_MALFORMED, name, "line %zu is not 64 hex digits", roots->count + 1);
        error_next(error, "take the line away, and confirm that root document again: terrace "
                          "topology confirm");
        roots->count = 0;
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

enum error_code confirmed_roots_load(const char *dir, struct confirmed_roots *roots,
                                     struct error *error)
{
    struct buffer text = {0};
    struct error why;
    char path[PATH_MAX];
    roots->count = 0;
    error_clear(&why);
    enum error_code code = path_join(path, dir, name, &why);
    if (code == ERR_OK)
        code = file_read(path, FILE_BYTES_MAX, &text, &why);
    if (code == ERR_OK)
        code = read_lines(span_of_buffer(&text), roots, &why);
    buffer_free(&text);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    if (code != ERR_OK && error != NULL)
        *error = why;
    return code;
}

bool confirmed_roots_have(const struct confirmed_roots *roots, const struct hash *hash)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (hash_equal(&roots->hashes[i], hash))
            return true;
    }
    return false;
}

enum error_code confirmed_roots_add(const char *dir, const struct hash *hash, struct error *error)
{
    struct confirmed_roots roots;
    struct buffer text = {0};
    char path[PATH_MAX], line[LINE_BYTES];
    enum error_code code = confirmed_roots_load(dir, &roots, error);
    if (code != ERR_OK || confirmed_roots_have(&roots, hash))
        return code;
    if (roots.count == CONFIRMED_ROOTS_MAX)
        return error_set(error, ERR_OVERSIZE, name, "it has %d lines, that is the most",
                         CONFIRMED_ROOTS_MAX);
    roots.hashes[roots.count++] = *hash;
    for (size_t i = 0; i < roots.count; i++) {
        hex_write(line, roots.hashes[i].bytes, HASH_BYTES);
        buffer_append(&text, line, 2 * HASH_BYTES);
        buffer_append_byte(&text, '\n');
    }
    code = path_join(path, dir, name, error);
    if (code == ERR_OK)
        code = file_replace(path, span_of_buffer(&text), 0644, error);
    buffer_free(&text);
    return code;
}
