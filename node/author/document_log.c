/* What is in force is remembered in memory; a change of the tree is compared with it. */
#include "node/author/document_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "node/author/file.h"

struct known {
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1];
    struct hash hash;
    struct buffer envelope;
};

struct document_log {
    char path[PATH_MAX];
    struct known *known; /* sorted by kind and seat */
    size_t count;
};

static int known_compare(const void *a, const void *b)
{
    const struct known *one = a, *other = b;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    return strcmp(one->seat, other->seat);
}

static bool is_logged(const struct held_document *held)
{
    return held->kind != DOCUMENT_ROOT;
}

static void remember(struct known *known, const struct held_document *held)
{
    known->kind = held->kind;
    memcpy(known->seat, held->header.seat, sizeof known->seat);
    known->hash = held->hash;
    buffer_clear(&known->envelope);
    buffer_append_span(&known->envelope, held->envelope);
}

static void remember_all(struct document_log *log, const struct tree *tree)
{
    size_t count = tree_document_count(tree);
    log->known = mem_alloc((count + 1) * sizeof *log->known);
    for (size_t i = 0; i < count; i++) {
        const struct held_document *held = tree_document(tree, i);
        if (is_logged(held))
            remember(&log->known[log->count++], held);
    }
    qsort(log->known, log->count, sizeof *log->known, known_compare);
}

static void forget_all(struct document_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        buffer_free(&log->known[i].envelope);
    free(log->known);
    log->known = NULL;
    log->count = 0;
}

struct document_log *document_log_new(const char *dir, const struct tree *tree)
{
    struct document_log *log = mem_alloc(sizeof *log);
    if (path_join(log->path, dir, "documents.log", NULL) != ERR_OK)
        log->path[0] = '\0';
    remember_all(log, tree);
    return log;
}

void document_log_free(struct document_log *log)
{
    if (log == NULL)
        return;
    forget_all(log);
    free(log);
}

/* Where the last whole record ends: a record that was cut off is written over. */
static off_t whole_records(int file, off_t size)
{
    off_t at = 0;
    uint8_t length[4];
    while (at + (off_t)sizeof length <= size &&
           pread(file, length, sizeof length, at) == (ssize_t)sizeof length &&
           at + (off_t)sizeof length + (off_t)read_u32(length) <= size)
        at += (off_t)sizeof length + (off_t)read_u32(length);
    return at;
}

static enum error_code write_at(int file, const char *path, struct span bytes, struct error *error)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return file_error(error, path, "opening");
    off_t at = whole_records(file, status.st_size);
    if (at + (off_t)bytes.size > DOCUMENT_LOG_BYTES_MAX) {
        error_set(error, ERR_FULL, path, "it has its full size: %d MiB",
                  DOCUMENT_LOG_BYTES_MAX >> 20);
        error_next(error, "move it away to keep it; a new one begins");
        return ERR_FULL;
    }
    for (size_t done = 0; done < bytes.size;) {
        ssize_t count = pwrite(file, bytes.data + done, bytes.size - done, at + (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return file_error(error, path, "writing");
        done += (size_t)count;
    }
    if (ftruncate(file, at + (off_t)bytes.size) != 0 || fdatasync(file) != 0)
        return file_error(error, path, "writing");
    return ERR_OK;
}

static enum error_code append(const struct document_log *log, struct span bytes,
                              struct error *error)
{
    int file = open(log->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return file_error(error, log->path, "opening");
    enum error_code code = write_at(file, log->path, bytes, error);
    close(file);
    return code;
}

static void record_encode(const struct known *known, uint64_t clock_ms, struct buffer *out)
{
    struct buffer value = {0};
    mp_write_array(&value, 2);
    mp_write_uint(&value, clock_ms);
    mp_write_bin(&value, span_of_buffer(&known->envelope));
    buffer_append_u32(out, (uint32_t)value.size);
    buffer_append_span(out, span_of_buffer(&value));
    buffer_free(&value);
}

static const struct held_document *now_in_force(const struct tree *tree, const struct known *known)
{
    return tree_find_document(tree, known->kind, span_of_text(known->seat));
}

enum error_code document_log_follow(struct document_log *log, const struct tree *tree,
                                    uint64_t clock_ms, struct error *error)
{
    struct buffer records = {0};
    size_t documents = 0;
    bool changed = false;
    for (size_t i = 0; i < log->count; i++) {
        const struct held_document *held = now_in_force(tree, &log->known[i]);
        if (held != NULL && hash_equal(&held->hash, &log->known[i].hash))
            continue;
        record_encode(&log->known[i], clock_ms, &records);
        changed = true;
    }
    for (size_t i = 0; i < tree_document_count(tree); i++)
        documents += is_logged(tree_document(tree, i));
    if (changed || documents != log->count) {
        forget_all(log);
        remember_all(log, tree);
    }
    enum error_code code = ERR_OK;
    if (records.size > 0 && log->path[0] != '\0')
        code = append(log, span_of_buffer(&records), error);
    buffer_free(&records);
    return code;
}

enum error_code document_log_read(const char *dir,
                                  void (*each)(void *context, uint64_t replaced_ms,
                                               struct span envelope),
                                  void *context, struct error *error)
{
    char path[PATH_MAX];
    struct buffer bytes = {0};
    enum error_code code = path_join(path, dir, "documents.log", error);
    if (code == ERR_OK)
        code = file_read(path, DOCUMENT_LOG_BYTES_MAX, &bytes, error);
    if (code == ERR_NOT_FOUND) {
        if (error != NULL)
            error_clear(error);
        return ERR_OK;
    }
    for (size_t at = 0; code == ERR_OK && at + 4 <= bytes.size;) {
        size_t size = read_u32(bytes.data + at);
        at += 4;
        if (size > bytes.size - at)
            break;
        struct mp_reader reader = mp_reader(SPAN(bytes.data + at, size));
        if (mp_read_array(&reader) != 2)
            mp_fail(&reader);
        uint64_t replaced_ms = mp_read_uint(&reader);
        struct span envelope = mp_read_bin(&reader);
        mp_read_end(&reader);
        if (!reader.failed)
            each(context, replaced_ms, envelope);
        at += size;
    }
    buffer_free(&bytes);
    return code;
}
