/* Rows lie in a hash table by (table, key) and, per table, in a list, so that next and previous
 * can look through the few that a step has put in the table they ask for. Their memory comes in
 * chunks that are given back together: a block of entries puts a thousand rows. */
#include "replication/updates.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/hash_table.h"

struct row {
    UT_hash_handle hh;
    struct row *next_in_table;
    size_t key_size; /* of `key`, table byte included */
    size_t value_size;
    bool removed;
    uint8_t *value;
    uint8_t key[]; /* table byte, then the row's key */
};

enum { CHUNK_FIRST_BYTES = 2 << 10, CHUNK_BYTES = 64 << 10 };

struct chunk {
    struct chunk *next;
    size_t used, size;
    max_align_t bytes[];
};

struct updates {
    struct view base, overlay;
    struct row *rows;
    struct row *by_table[TABLE_COUNT];
    struct chunk *chunks;
    struct outgoing *outgoing;
    size_t outgoing_count, outgoing_capacity;
    struct answer *answers;
    size_t answer_count, answer_capacity;
    struct buffer trace;
    bool tracing, signs, doomed;
};

const char *table_name(enum table table)
{
    static const char *const names[] = {
#define X(name, text) text,
        TABLE_LIST(X)
#undef X
    };
    assert(table < TABLE_COUNT);
    return names[table];
}

static size_t lookup_key(uint8_t *into, enum table table, struct span key)
{
    assert(key.size >= 1 && key.size <= STORE_KEY_BYTES_MAX);
    into[0] = (uint8_t)table;
    memcpy(into + 1, key.data, key.size);
    return key.size + 1;
}

static struct row *find_row(const struct updates *updates, enum table table, struct span key)
{
    uint8_t full[STORE_KEY_BYTES_MAX + 1];
    size_t size = lookup_key(full, table, key);
    struct row *row = NULL;
    HASH_FIND(hh, updates->rows, full, size, row);
    return row;
}

static struct span row_key(const struct row *row)
{
    return SPAN(row->key + 1, row->key_size - 1);
}

static enum read_answer overlay_get(void *context, enum table table, struct span key,
                                    struct span *value)
{
    struct updates *updates = context;
    struct row *row = find_row(updates, table, key);
    if (row == NULL)
        return updates->base.get(updates->base.context, table, key, value);
    if (row->removed)
        return READ_ABSENT;
    *value = SPAN(row->value, row->value_size);
    return READ_FOUND;
}

/* The row of this step nearest to `from` in one direction; removed ones left out. */
static struct row *nearest_row(const struct updates *updates, enum table table, struct span from,
                               int direction)
{
    struct row *best = NULL;
    for (struct row *row = updates->by_table[table]; row != NULL; row = row->next_in_table) {
        if (row->removed || span_compare(row_key(row), from) * direction < 0)
            continue;
        if (best == NULL || span_compare(row_key(row), row_key(best)) * direction < 0)
            best = row;
    }
    return best;
}

/* Step `key` past itself in one direction. The least key greater than k is k followed by 00;
 * there is no greatest key less than k, so the bytes are lowered and filled with ff. False: the
 * end of the table. */
static bool pass_by(uint8_t *key, size_t *size, int direction)
{
    if (direction > 0) {
        if (*size == STORE_KEY_BYTES_MAX)
            return false;
        key[(*size)++] = 0;
        return true;
    }
    if (key[*size - 1] == 0)
        return --*size > 0;
    key[*size - 1]--;
    memset(key + *size, 0xff, STORE_KEY_BYTES_MAX - *size);
    *size = STORE_KEY_BYTES_MAX;
    return true;
}

/* The row below the overlay nearest to `from` that this step has neither replaced nor removed. */
static enum read_answer nearest_base(const struct updates *updates, enum table table,
                                     struct span from, int direction, struct span *key,
                                     struct span *value)
{
    const struct view *base = &updates->base;
    uint8_t bytes[STORE_KEY_BYTES_MAX];
    size_t size = from.size;
    memcpy(bytes, from.data, from.size);
    for (;;) {
        struct span at = SPAN(bytes, size);
        enum read_answer answer = direction > 0
                                      ? base->next(base->context, table, at, key, value)
                                      : base->previous(base->context, table, at, key, value);
        if (answer != READ_FOUND || updates->by_table[table] == NULL ||
            find_row(updates, table, *key) == NULL)
            return answer;
        size = key->size;
        memcpy(bytes, key->data, key->size);
        if (!pass_by(bytes, &size, direction))
            return READ_ABSENT;
    }
}

static enum read_answer nearest(struct updates *updates, enum table table, struct span from,
                                int direction, struct span *key, struct span *value)
{
    struct span base_key = SPAN_EMPTY, base_value = SPAN_EMPTY;
    enum read_answer below = nearest_base(updates, table, from, direction, &base_key, &base_value);
    struct row *row = nearest_row(updates, table, from, direction);
    if (below == READ_UNREADABLE)
        return below;
    if (row != NULL &&
        (below == READ_ABSENT || span_compare(row_key(row), base_key) * direction < 0)) {
        *key = row_key(row);
        *value = SPAN(row->value, row->value_size);
        return READ_FOUND;
    }
    *key = base_key;
    *value = base_value;
    return below;
}

static enum read_answer overlay_next(void *context, enum table table, struct span from,
                                     struct span *key, struct span *value)
{
    return nearest(context, table, from, 1, key, value);
}

static enum read_answer overlay_previous(void *context, enum table table, struct span from,
                                         struct span *key, struct span *value)
{
    return nearest(context, table, from, -1, key, value);
}

struct updates *updates_new(void)
{
    struct updates *updates = mem_alloc(sizeof *updates);
    updates->overlay = (struct view){
        .context = updates,
        .get = overlay_get,
        .next = overlay_next,
        .previous = overlay_previous,
    };
    return updates;
}

/* Zeroed; lives until free_rows. */
static void *row_memory(struct updates *updates, size_t size)
{
    struct chunk *chunk = updates->chunks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = chunk == NULL ? CHUNK_FIRST_BYTES : CHUNK_BYTES;
        room = size > room ? size : room;
        chunk = mem_alloc(sizeof *chunk + room);
        *chunk = (struct chunk){.next = updates->chunks, .size = room};
        updates->chunks = chunk;
    }
    void *memory = (uint8_t *)chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

static void free_rows(struct updates *updates)
{
    HASH_CLEAR(hh, updates->rows);
    memset(updates->by_table, 0, sizeof updates->by_table);
    while (updates->chunks != NULL) {
        struct chunk *next = updates->chunks->next;
        free(updates->chunks);
        updates->chunks = next;
    }
}

static void free_outgoing(struct updates *updates)
{
    for (size_t i = 0; i < updates->outgoing_count; i++)
        free((void *)updates->outgoing[i].body.data);
    free(updates->outgoing);
    updates->outgoing = NULL;
    updates->outgoing_count = updates->outgoing_capacity = 0;
}

void updates_clear(struct updates *updates)
{
    free_rows(updates);
    free_outgoing(updates);
    free(updates->answers);
    updates->answers = NULL;
    updates->answer_count = updates->answer_capacity = 0;
    buffer_free(&updates->trace);
    updates->signs = updates->doomed = false;
}

void updates_free(struct updates *updates)
{
    if (updates == NULL)
        return;
    updates_clear(updates);
    free(updates);
}

void updates_begin(struct updates *updates, const struct view *view)
{
    free_rows(updates);
    updates->base = *view;
}

const struct view *updates_view(struct updates *updates)
{
    assert(updates->base.get != NULL);
    return &updates->overlay;
}

static struct row *row_of(struct updates *updates, enum table table, struct span key)
{
    struct row *row = find_row(updates, table, key);
    if (row != NULL)
        return row;
    row = row_memory(updates, sizeof *row + key.size + 1);
    row->key_size = lookup_key(row->key, table, key);
    HASH_ADD_KEYPTR(hh, updates->rows, row->key, row->key_size, row);
    row->next_in_table = updates->by_table[table];
    updates->by_table[table] = row;
    return row;
}

void updates_put(struct updates *updates, enum table table, struct span key, struct span value)
{
    uint8_t *copy = row_memory(updates, value.size); /* first: `value` may be the row's own */
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    struct row *row = row_of(updates, table, key);
    row->value = copy;
    row->value_size = value.size;
    row->removed = false;
}

void updates_remove(struct updates *updates, enum table table, struct span key)
{
    struct row *row = row_of(updates, table, key);
    row->value = NULL;
    row->value_size = 0;
    row->removed = true;
}

size_t updates_row_count(const struct updates *updates)
{
    return HASH_COUNT(updates->rows);
}

bool updates_each_row(const struct updates *updates, size_t *cursor, struct row_change *change)
{
    const struct row *row = *cursor == 0 ? updates->rows : (const struct row *)*cursor;
    if (row == NULL || *cursor == SIZE_MAX)
        return false;
    *change = (struct row_change){
        .table = row->key[0],
        .key = row_key(row),
        .value = SPAN(row->value, row->value_size),
        .removed = row->removed,
    };
    *cursor = row->hh.next == NULL ? SIZE_MAX : (size_t)row->hh.next;
    return true;
}

static struct outgoing *add_outgoing(struct updates *updates)
{
    if (updates->outgoing_count == updates->outgoing_capacity) {
        updates->outgoing_capacity = updates->outgoing_capacity * 2 + 8;
        updates->outgoing =
            mem_resize(updates->outgoing, updates->outgoing_capacity * sizeof *updates->outgoing);
    }
    return &updates->outgoing[updates->outgoing_count++];
}

void updates_send(struct updates *updates, uint32_t link, enum channel channel, uint8_t type,
                  struct span body)
{
    assert(body.size <= MESSAGE_BYTES_MAX);
    *add_outgoing(updates) = (struct outgoing){
        .link = link,
        .channel = channel,
        .type = type,
        .body = SPAN(mem_copy(body.data, body.size), body.size),
    };
}

void updates_close(struct updates *updates, uint32_t link)
{
    *add_outgoing(updates) = (struct outgoing){.link = link, .closes = true};
}

void updates_answer(struct updates *updates, const struct answer *answer)
{
    if (updates->answer_count == updates->answer_capacity) {
        updates->answer_capacity = updates->answer_capacity * 2 + 4;
        updates->answers =
            mem_resize(updates->answers, updates->answer_capacity * sizeof *updates->answers);
    }
    updates->answers[updates->answer_count++] = *answer;
}

bool updates_tracing(const struct updates *updates)
{
    return updates->tracing;
}

void updates_trace_line(struct updates *updates, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    size_t used = (size_t)size < sizeof line ? (size_t)size : sizeof line - 1;
    buffer_append(&updates->trace, line, used);
    buffer_append_byte(&updates->trace, '\n');
}

void updates_set_tracing(struct updates *updates, bool on)
{
    updates->tracing = on;
}

void updates_set_signs(struct updates *updates)
{
    updates->signs = true;
}

void updates_doom(struct updates *updates)
{
    updates->doomed = true;
}

bool updates_doomed(const struct updates *updates)
{
    return updates->doomed;
}

size_t updates_outgoing_count(const struct updates *updates)
{
    return updates->outgoing_count;
}

const struct outgoing *updates_outgoing(const struct updates *updates, size_t index)
{
    assert(index < updates->outgoing_count);
    return &updates->outgoing[index];
}

size_t updates_answer_count(const struct updates *updates)
{
    return updates->answer_count;
}

const struct answer *updates_answer_at(const struct updates *updates, size_t index)
{
    assert(index < updates->answer_count);
    return &updates->answers[index];
}

struct span updates_trace_text(const struct updates *updates)
{
    return span_of_buffer(&updates->trace);
}

bool updates_signs(const struct updates *updates)
{
    return updates->signs;
}
