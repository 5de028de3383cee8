/* Files are what is durable and a list of what came after; directories are the same with names. A
 * failure to make a file is no finding: it ends the program. */
#include "tests/crash/disk_model.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 16, OBJECTS_MAX = 64, SECTOR_BYTES = 512, NAME_BYTES_MAX = 64 };

struct change {
    uint64_t at;
    struct span bytes;
    bool is_length; /* `at` is the new length */
    bool durable;
};

struct entry {
    char name[NAME_BYTES_MAX];
    struct object *object; /* NULL: not there */
};

/* Up to two names at once: a rename. */
struct naming {
    struct entry entries[2];
    size_t count;
};

struct object {
    bool is_directory, is_high_water;
    uint64_t file;
    struct buffer bytes; /* durable ones */
    struct change *changes;
    size_t change_count, change_capacity;
    struct entry now[ENTRIES_MAX], durable[ENTRIES_MAX];
    size_t now_count, durable_count;
    struct naming namings[ENTRIES_MAX];
    size_t naming_count;
};

struct disk_model {
    struct span record;
    struct disk_lies lies;
    size_t *offsets; /* of each record */
    size_t count, point;
    struct object *objects[OBJECTS_MAX]; /* the first is the root */
    size_t object_count;
};

uint32_t draw(uint64_t *random, uint32_t bound)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *random;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((mixed ^ (mixed >> 31)) >> 32) % bound;
}

static _Noreturn void give_up(const char *what, const char *name)
{
    fprintf(stderr, "crash states: %s %s: %s\n", what, name, strerror(errno));
    exit(2);
}

static struct object *add_object(struct disk_model *model, bool is_directory)
{
    struct object *object = mem_alloc(sizeof *object);
    object->is_directory = is_directory;
    assert(model->object_count < OBJECTS_MAX);
    model->objects[model->object_count++] = object;
    return object;
}

struct disk_model *disk_model_new(struct span record, const struct disk_lies *lies)
{
    struct disk_model *model = mem_alloc(sizeof *model);
    struct trace_record head;
    size_t capacity = 0;
    model->record = record;
    model->lies = *lies;
    for (size_t at = 0; at < record.size; at += sizeof head + head.size) {
        assert(record.size - at >= sizeof head);
        memcpy(&head, record.data + at, sizeof head);
        assert(record.size - at - sizeof head >= head.size);
        if (model->count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            model->offsets = mem_resize(model->offsets, capacity * sizeof *model->offsets);
        }
        model->offsets[model->count++] = at;
    }
    add_object(model, true);
    return model;
}

void disk_model_free(struct disk_model *model)
{
    for (size_t i = 0; i < model->object_count; i++) {
        buffer_free(&model->objects[i]->bytes);
        free(model->objects[i]->changes);
        free(model->objects[i]);
    }
    free(model->offsets);
    free(model);
}

size_t disk_model_count(const struct disk_model *model)
{
    return model->count;
}

struct trace_record disk_model_at(const struct disk_model *model, size_t index, struct span *bytes)
{
    struct trace_record head;
    assert(index < model->count);
    const uint8_t *at = model->record.data + model->offsets[index];
    memcpy(&head, at, sizeof head);
    assert(head.kind < TRACE_KINDS);
    *bytes = SPAN(at + sizeof head, head.size);
    return head;
}

/* The newest file that had this number. */
static struct object *find_file(struct disk_model *model, uint64_t file)
{
    for (size_t i = model->object_count; i-- > 0;) {
        if (!model->objects[i]->is_directory && model->objects[i]->file == file)
            return model->objects[i];
    }
    return NULL;
}

static struct entry *find_entry(struct entry *entries, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    assert(*count < ENTRIES_MAX);
    struct entry *entry = &entries[(*count)++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return entry;
}

static void name_now(struct entry *entries, size_t *count, const struct naming *naming)
{
    for (size_t i = 0; i < naming->count; i++)
        find_entry(entries, count, naming->entries[i].name)->object = naming->entries[i].object;
}

/* The directory of a path, which is cut to its last part. */
static struct object *directory_of(struct disk_model *model, char *path)
{
    struct object *directory = model->objects[0];
    char *slash = strchr(path, '/');
    if (slash == NULL)
        return directory;
    *slash = '\0';
    directory = find_entry(directory->now, &directory->now_count, path)->object;
    assert(directory != NULL && directory->is_directory);
    memmove(path, slash + 1, strlen(slash + 1) + 1);
    return directory;
}

static void add_naming(struct object *directory, const struct naming *naming)
{
    name_now(directory->now, &directory->now_count, naming);
    assert(directory->naming_count < ENTRIES_MAX);
    directory->namings[directory->naming_count++] = *naming;
}

static void path_of(struct span text, char path[static 2 * NAME_BYTES_MAX])
{
    assert(text.size < 2 * NAME_BYTES_MAX);
    memcpy(path, text.data, text.size);
    path[text.size] = '\0';
}

static void give_name(struct disk_model *model, struct span text, struct object *object)
{
    char path[2 * NAME_BYTES_MAX];
    path_of(text, path);
    struct object *directory = directory_of(model, path);
    struct naming naming = {.count = 1};
    snprintf(naming.entries[0].name, NAME_BYTES_MAX, "%.60s", path);
    naming.entries[0].object = object;
    add_naming(directory, &naming);
}

static void rename_one(struct disk_model *model, struct span text)
{
    char old[2 * NAME_BYTES_MAX], new[2 * NAME_BYTES_MAX];
    size_t size = strnlen((const char *)text.data, text.size);
    path_of(SPAN(text.data, size), old);
    path_of(SPAN(text.data + size + 1, text.size - size - 1), new);
    struct object *directory = directory_of(model, old);
    assert(directory_of(model, new) == directory);
    struct naming naming = {.count = 2};
    snprintf(naming.entries[0].name, NAME_BYTES_MAX, "%.60s", new);
    snprintf(naming.entries[1].name, NAME_BYTES_MAX, "%.60s", old);
    naming.entries[0].object = find_entry(directory->now, &directory->now_count, old)->object;
    assert(naming.entries[0].object != NULL);
    add_naming(directory, &naming);
}

static void add_change(struct object *object, struct change change)
{
    if (object->change_count == object->change_capacity) {
        object->change_capacity = object->change_capacity == 0 ? 16 : 2 * object->change_capacity;
        object->changes =
            mem_resize(object->changes, object->change_capacity * sizeof *object->changes);
    }
    object->changes[object->change_count++] = change;
}

static void set_length(struct buffer *bytes, size_t size)
{
    if (size > bytes->size) {
        size_t more = size - bytes->size;
        buffer_reserve(bytes, more);
        memset(bytes->data + bytes->size, 0, more);
    }
    bytes->size = size;
}

static void apply_bytes(struct buffer *bytes, uint64_t at, struct span written)
{
    if (at + written.size > bytes->size)
        set_length(bytes, at + written.size);
    memcpy(bytes->data + at, written.data, written.size);
}

static void apply_change(struct buffer *bytes, const struct change *change)
{
    if (change->is_length)
        set_length(bytes, change->at);
    else
        apply_bytes(bytes, change->at, change->bytes);
}

static void sync_file(const struct disk_model *model, struct object *object)
{
    if (object->is_high_water ? model->lies.high_water : model->lies.pages)
        return;
    for (size_t i = 0; i < object->change_count; i++)
        apply_change(&object->bytes, &object->changes[i]);
    object->change_count = 0;
}

static void sync_directory(struct disk_model *model, struct span text)
{
    char path[2 * NAME_BYTES_MAX];
    struct object *directory = model->objects[0];
    path_of(text, path);
    if (path[0] != '\0')
        directory = find_entry(directory->now, &directory->now_count, path)->object;
    if (directory == NULL || model->lies.names)
        return;
    for (size_t i = 0; i < directory->naming_count; i++)
        name_now(directory->durable, &directory->durable_count, &directory->namings[i]);
    directory->naming_count = 0;
}

static void apply_record(struct disk_model *model, const struct trace_record *head,
                         struct span bytes)
{
    struct object *object = find_file(model, head->file);
    switch ((enum trace_kind)head->kind) {
    case TRACE_CREATE:
        object = add_object(model, false);
        object->file = head->file;
        object->is_high_water = bytes.size >= 10 && memcmp(bytes.data, "high_water", 10) == 0;
        give_name(model, bytes, object);
        break;
    case TRACE_MKDIR: give_name(model, bytes, add_object(model, true)); break;
    case TRACE_RENAME: rename_one(model, bytes); break;
    case TRACE_REMOVE: give_name(model, bytes, NULL); break;
    case TRACE_WRITE:
        assert(object != NULL);
        add_change(object,
                   (struct change){.at = head->at,
                                   .bytes = bytes,
                                   .durable = head->flag == TRACE_DURABLE && !model->lies.meta});
        break;
    case TRACE_LENGTH:
        assert(object != NULL);
        add_change(object, (struct change){.at = head->at, .is_length = true});
        break;
    case TRACE_SYNC:
        assert(object != NULL);
        sync_file(model, object);
        break;
    case TRACE_SYNC_DIRECTORY: sync_directory(model, bytes); break;
    case TRACE_ACKNOWLEDGED:
    case TRACE_SEEN:
    case TRACE_KINDS: break;
    }
}

void disk_model_advance(struct disk_model *model, size_t point)
{
    assert(point >= model->point && point <= model->count);
    for (; model->point < point; model->point++) {
        struct span bytes;
        struct trace_record head = disk_model_at(model, model->point, &bytes);
        apply_record(model, &head, bytes);
    }
}

/* How what is not durable fares, one way a file. */
enum fate { FATE_ALL, FATE_NOTHING, FATE_WHOLE, FATE_SECTORS, FATE_FIRST, FATE_LAST, FATES };

static bool draw_kept(enum fate fate, size_t index, size_t count, size_t cut, uint64_t *random)
{
    (void)count;
    switch (fate) {
    case FATE_ALL: return true;
    case FATE_NOTHING: return false;
    case FATE_FIRST: return index < cut;
    case FATE_LAST: return index >= cut;
    case FATE_WHOLE:
    case FATE_SECTORS:
    case FATES: break;
    }
    return draw(random, 2) == 0;
}

static void apply_sectors(struct buffer *bytes, const struct change *change, uint64_t *random)
{
    for (size_t from = 0; from < change->bytes.size;) {
        size_t size = SECTOR_BYTES - (change->at + from) % SECTOR_BYTES;
        size = size < change->bytes.size - from ? size : change->bytes.size - from;
        if (draw(random, 2) == 0)
            apply_bytes(bytes, change->at + from, SPAN(change->bytes.data + from, size));
        from += size;
    }
}

static void cut_bytes(const struct object *object, uint64_t *random, struct buffer *bytes)
{
    enum fate fate = (enum fate)draw(random, FATES);
    size_t cut = object->change_count > 0 ? draw(random, (uint32_t)object->change_count + 1) : 0;
    bool lengthened = draw(random, 2) == 0; /* the new length may be there without the bytes */
    size_t length = object->bytes.size;
    buffer_append_span(bytes, span_of_buffer(&object->bytes));
    for (size_t i = 0; i < object->change_count; i++) {
        const struct change *change = &object->changes[i];
        if (fate == FATE_SECTORS && !change->is_length && !change->durable)
            apply_sectors(bytes, change, random);
        else if (change->durable || draw_kept(fate, i, object->change_count, cut, random))
            apply_change(bytes, change);
        uint64_t end = change->is_length ? change->at : change->at + change->bytes.size;
        length = end > length ? end : length;
    }
    if (lengthened && length > bytes->size)
        set_length(bytes, length);
}

static void make_file(const struct object *object, uint64_t *random, const char *path)
{
    struct buffer bytes = {0};
    cut_bytes(object, random, &bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, bytes.data, bytes.size, 0) != (ssize_t)bytes.size)
        give_up("writing", path);
    close(fd);
    buffer_free(&bytes);
}

static void make_directory(const struct object *object, uint64_t *random, const char *path)
{
    struct entry entries[ENTRIES_MAX];
    size_t count = object->durable_count;
    memcpy(entries, object->durable, sizeof entries);
    enum fate fate = (enum fate)draw(random, FATES);
    size_t cut = draw(random, (uint32_t)object->naming_count + 1);
    if (mkdir(path, 0700) != 0)
        give_up("making", path);
    for (size_t i = 0; i < object->naming_count; i++) {
        if (draw_kept(fate, i, object->naming_count, cut, random))
            name_now(entries, &count, &object->namings[i]);
    }
    for (size_t i = 0; i < count; i++) {
        char below[1024];
        if (entries[i].object == NULL)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entries[i].name);
        if (entries[i].object->is_directory)
            make_directory(entries[i].object, random, below);
        else
            make_file(entries[i].object, random, below);
    }
}

void disk_model_cut(const struct disk_model *model, uint64_t *random, const char *dir)
{
    make_directory(model->objects[0], random, dir);
}
