/* A document file is one value: kind, envelope, rows. Spans point into the bytes that were read. */
#include "node/author/document_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "node/author/confirmed_roots.h"
#include "node/author/file.h"

enum {
    /* rows and envelope, and for a part a proof of at most 12 + 1 hashes beside each row */
    DOCUMENT_FILE_BYTES_MAX = DOCUMENT_BYTES_MAX + DOCUMENT_HEADER_BYTES_MAX +
                              DOCUMENT_ROWS_MAX * 13 * HASH_BYTES + 64 * DOCUMENT_ROWS_MAX,
    DOCUMENT_FILE_ITEMS_MAX = 4 * DOCUMENT_ROWS_MAX + 8,
};

void document_file_free(struct document_file *file)
{
    free(file->rows);
    free(file->places);
    free(file->proofs);
    buffer_free(&file->bytes);
    *file = (struct document_file){0};
}

void document_files_free(struct document_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        document_file_free(&files->files[i]);
    free(files->files);
    *files = (struct document_files){0};
}

static void decode_row(struct mp_reader *reader, struct document_file *file, size_t index)
{
    if (!file->part) {
        file->rows[index] = mp_read_bin(reader);
        return;
    }
    if (mp_read_array(reader) != 3)
        mp_fail(reader);
    file->places[index] = (uint32_t)mp_read_uint_max(reader, DOCUMENT_ROWS_MAX);
    file->rows[index] = mp_read_bin(reader);
    file->proofs[index] = mp_read_bin(reader);
}

static void decode_rows(struct mp_reader *reader, struct document_file *file)
{
    file->row_count = mp_read_array(reader);
    if (file->row_count > DOCUMENT_ROWS_MAX)
        mp_fail(reader);
    if (reader->failed)
        file->row_count = 0;
    file->part = file->row_count > 0 && mp_peek(reader) == MP_ARRAY;
    size_t room = file->row_count + 1; /* not 0, so that a pointer comes back */
    file->rows = mem_alloc(room * sizeof *file->rows);
    if (file->part) {
        file->places = mem_alloc(room * sizeof *file->places);
        file->proofs = mem_alloc(room * sizeof *file->proofs);
    }
    for (size_t i = 0; i < file->row_count && !reader->failed; i++)
        decode_row(reader, file, i);
}

static enum error_code decode_all(const char *path, struct document_file *file, struct error *error)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&file->bytes));
    reader.items_max = DOCUMENT_FILE_ITEMS_MAX;
    if (mp_read_array(&reader) != 3)
        mp_fail(&reader);
    file->kind = (enum document_kind)mp_read_uint_max(&reader, DOCUMENT_ORDER);
    file->envelope = mp_read_bin(&reader);
    decode_rows(&reader, file);
    mp_read_end(&reader);
    if (reader.failed) {
        document_file_free(file);
        error_set(error, ERR_MALFORMED, path, "it is not a signed document of terrace");
        error_next(error, "copy it again from where it was signed");
        return ERR_MALFORMED;
    }
    const char *name = strrchr(path, '/');
    snprintf(file->name, sizeof file->name, "%s", name != NULL ? name + 1 : path);
    return ERR_OK;
}

enum error_code document_file_read(const char *path, struct document_file *file,
                                   struct error *error)
{
    *file = (struct document_file){0};
    enum error_code code = file_read(path, DOCUMENT_FILE_BYTES_MAX, &file->bytes, error);
    if (code == ERR_OK)
        return decode_all(path, file, error);
    document_file_free(file);
    return code;
}

enum error_code document_file_decode(struct span bytes, const char *path,
                                     struct document_file *file, struct error *error)
{
    *file = (struct document_file){0};
    buffer_append_span(&file->bytes, bytes);
    return decode_all(path, file, error);
}

static int is_document(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && end != NULL && strcmp(end, ".document") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* no locale decides the order */
}

static enum error_code load_named(const char *directory, struct dirent **names, size_t count,
                                  struct document_files *files, struct error *error)
{
    char path[PATH_MAX];
    if (count > DOCUMENT_FILES_MAX)
        return error_set(error, ERR_OVERSIZE, directory, "more than %d documents",
                         DOCUMENT_FILES_MAX);
    files->files = mem_alloc((count + 1) * sizeof *files->files);
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = path_join(path, directory, names[i]->d_name, error);
        if (code == ERR_OK)
            code = document_file_read(path, &files->files[i], error);
        if (code == ERR_OK)
            files->count++;
    }
    return code;
}

static enum error_code mark_confirmed(const char *dir, struct document_files *files,
                                      struct error *error)
{
    struct confirmed_roots confirmed;
    enum error_code code = confirmed_roots_load(dir, &confirmed, error);
    for (size_t i = 0; i < files->count && code == ERR_OK; i++) {
        struct document_envelope opened;
        struct document_file *file = &files->files[i];
        if (file->kind != DOCUMENT_ROOT || document_open(file->envelope, &opened, NULL) != ERR_OK)
            continue;
        struct hash hash = document_hash(opened.header);
        file->confirmed = confirmed_roots_have(&confirmed, &hash);
    }
    return code;
}

enum error_code document_files_load(const char *dir, struct document_files *files,
                                    struct error *error)
{
    char directory[PATH_MAX];
    struct dirent **names = NULL;
    *files = (struct document_files){0};
    enum error_code code = path_join(directory, dir, "documents", error);
    if (code != ERR_OK)
        return code;
    int count = scandir(directory, &names, is_document, by_bytes);
    if (count < 0 && errno == ENOENT)
        return ERR_OK;
    if (count < 0)
        return file_error(error, directory, "reading the directory");
    code = load_named(directory, names, (size_t)count, files, error);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    if (code == ERR_OK)
        code = mark_confirmed(dir, files, error);
    if (code != ERR_OK)
        document_files_free(files);
    return code;
}

void document_file_encode(const struct document_file *file, struct buffer *out)
{
    mp_write_array(out, 3);
    mp_write_uint(out, (uint64_t)file->kind);
    mp_write_bin(out, file->envelope);
    mp_write_array(out, (uint32_t)file->row_count);
    for (size_t i = 0; i < file->row_count; i++) {
        if (file->part) {
            mp_write_array(out, 3);
            mp_write_uint(out, file->places[i]);
        }
        mp_write_bin(out, file->rows[i]);
        if (file->part)
            mp_write_bin(out, file->proofs[i]);
    }
}

enum error_code document_file_write_at(const char *path, const struct document_file *file,
                                       struct error *error)
{
    struct buffer bytes = {0};
    document_file_encode(file, &bytes);
    enum error_code code = file_replace(path, span_of_buffer(&bytes), 0644, error);
    buffer_free(&bytes);
    return code;
}

enum error_code document_file_write(const char *dir, const char *name,
                                    const struct document_file *file, struct error *error)
{
    char path[PATH_MAX], relative[192];
    enum error_code code = path_join(path, dir, "documents", error);
    if (code == ERR_OK)
        code = directory_make(path, 0755, error);
    if (code != ERR_OK)
        return code;
    int length = snprintf(relative, sizeof relative, "documents/%s.document", name);
    if (length < 0 || (size_t)length >= sizeof relative)
        return error_set(error, ERR_OVERSIZE, name, "the name is too long");
    code = path_join(path, dir, relative, error);
    return code != ERR_OK ? code : document_file_write_at(path, file, error);
}

void document_file_name(char name[static 128], enum document_kind kind, const char *seat,
                        unsigned rank)
{
    switch (kind) {
    case DOCUMENT_ROOT: snprintf(name, 128, "0-root"); break;
    case DOCUMENT_BRANCH: snprintf(name, 128, "1-%02u-%s", rank, seat); break;
    case DOCUMENT_TYPES: snprintf(name, 128, "2-types"); break;
    case DOCUMENT_DICTIONARY: snprintf(name, 128, "3-dictionary"); break;
    case DOCUMENT_ORDER: snprintf(name, 128, "4-order-%s", seat); break;
    }
}
