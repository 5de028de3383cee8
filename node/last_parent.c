#include "node/last_parent.h"

#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "node/author/file.h"
#include "node/core_summary.h"

#define FILE_NAME "last_parent"

enum { FORM = 1, FIELDS = 4, FILE_BYTES_MAX = 64 + (ENDPOINTS_MAX + 1) * ENDPOINT_BYTES_MAX };

static void encode(const struct core_tree *tree, struct buffer *out)
{
    mp_write_array(out, FIELDS);
    mp_write_uint(out, FORM);
    mp_write_text(out, tree->parent);
    mp_write_bin(out, SPAN_OF_ARRAY(tree->parent_key));
    mp_write_array(out, (uint32_t)tree->endpoint_count);
    for (size_t i = 0; i < tree->endpoint_count; i++)
        mp_write_text(out, tree->endpoints[i]);
}

static void read_text(struct mp_reader *reader, char *text, size_t bytes_max)
{
    struct span span = mp_read_str(reader);
    if (span.size > bytes_max)
        mp_fail(reader);
    else if (span.size > 0)
        memcpy(text, span.data, span.size);
}

static bool decode(struct span bytes, struct core_tree *tree)
{
    struct mp_reader reader = mp_reader(bytes);
    if (mp_read_array(&reader) != FIELDS || mp_read_uint(&reader) != FORM)
        return false;
    read_text(&reader, tree->parent, SEAT_BYTES_MAX);
    const uint8_t *key = mp_read_bin_of(&reader, KEY_BYTES);
    uint32_t count = mp_read_array(&reader);
    if (key == NULL || count > ENDPOINTS_MAX)
        return false;
    memcpy(tree->parent_key, key, KEY_BYTES);
    for (uint32_t i = 0; i < count; i++)
        read_text(&reader, tree->endpoints[i], ENDPOINT_BYTES_MAX);
    mp_read_end(&reader);
    tree->endpoint_count = count;
    tree->has_parent = true;
    return !reader.failed;
}

static bool is_same(const struct core_tree *tree, const struct core_tree *former)
{
    if (!former->has_parent || strcmp(former->parent, tree->parent) != 0 ||
        memcmp(former->parent_key, tree->parent_key, KEY_BYTES) != 0 ||
        former->endpoint_count != tree->endpoint_count)
        return false;
    for (size_t i = 0; i < tree->endpoint_count; i++) {
        if (strcmp(former->endpoints[i], tree->endpoints[i]) != 0)
            return false;
    }
    return true;
}

enum error_code last_parent_keep(const char *dir, const struct core_tree *tree,
                                 const struct core_tree *former, struct error *error)
{
    char path[PATH_MAX];
    struct buffer bytes = {0};
    if (!tree->listed || !tree->has_parent || (former != NULL && is_same(tree, former)))
        return ERR_OK;
    enum error_code code = path_join(path, dir, FILE_NAME, error);
    encode(tree, &bytes);
    if (code == ERR_OK)
        code = file_replace(path, span_of_buffer(&bytes), 0600, error);
    buffer_free(&bytes);
    return code;
}

enum error_code last_parent_load(const char *dir, struct core_tree *tree, struct error *error)
{
    char path[PATH_MAX];
    struct buffer bytes = {0};
    struct core_tree *read = mem_alloc(sizeof *read);
    enum error_code code = path_join(path, dir, FILE_NAME, error);
    if (code == ERR_OK)
        code = file_read(path, FILE_BYTES_MAX, &bytes, error);
    if (code == ERR_OK && !decode(span_of_buffer(&bytes), read))
        code = error_set(error, ERR_DAMAGED, path, "it doesn't say who the parent was");
    if (code == ERR_OK)
        core_tree_keep_parent(tree, read);
    buffer_free(&bytes);
    free(read);
    return code;
}
