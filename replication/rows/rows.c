/* Keys and values of who, streams, cells and notes. Keys are big-endian, so that a scan goes in
 * the order of numbers. */
#include "replication/rows/rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/entry_parts.h"

static void write_who(uint8_t *to, uint32_t who)
{
    assert(who < 1U << 24);
    to[0] = (uint8_t)(who >> 16);
    to[1] = (uint8_t)(who >> 8);
    to[2] = (uint8_t)who;
}

static uint32_t read_who(const uint8_t *from)
{
    return (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
}

enum {
    AUTHOR_KEY_BYTES = 13, /* and a byte for a branch */
    NUMBER_KEY_BYTES = 4,
    WHO_FOREIGN_MAX = (1 << 24) - (1 << 16) - 2, /* the rest is for our own epochs */
};

static struct span author_key(uint8_t key[static AUTHOR_KEY_BYTES + 1],
                              const struct author_epoch *author)
{
    key[0] = author->branch == 0 ? 'a' : 'b';
    memcpy(key + 1, author->author.bytes, KEY_ID_BYTES);
    write_u32(key + 9, author->epoch);
    key[AUTHOR_KEY_BYTES] = author->branch;
    return SPAN(key, author->branch == 0 ? AUTHOR_KEY_BYTES : AUTHOR_KEY_BYTES + 1);
}

struct author_epoch stream_author(const struct stream_id *stream)
{
    return (struct author_epoch){stream->author, stream->epoch, stream->branch};
}

bool who_find(const struct view *view, const struct author_epoch *author, uint32_t *who)
{
    uint8_t bytes[AUTHOR_KEY_BYTES + 1];
    struct span key = author_key(bytes, author), value;
    if (view->get(view->context, TABLE_WHO, key, &value) != READ_FOUND || value.size != WHO_BYTES)
        return false;
    *who = read_who(value.data);
    return true;
}

bool who_author(const struct view *view, uint32_t who, struct author_epoch *author)
{
    uint8_t key[NUMBER_KEY_BYTES] = {'n'};
    struct span value;
    write_who(key + 1, who);
    if (view->get(view->context, TABLE_WHO, SPAN_OF_ARRAY(key), &value) != READ_FOUND ||
        (value.size != KEY_ID_BYTES + 4 && value.size != KEY_ID_BYTES + 5))
        return false;
    memcpy(author->author.bytes, value.data, KEY_ID_BYTES);
    author->epoch = read_u32(value.data + KEY_ID_BYTES);
    author->branch = value.size == KEY_ID_BYTES + 5 ? value.data[KEY_ID_BYTES + 4] : 0;
    return true;
}

static enum read_answer last_who(const struct view *view, uint32_t *who)
{
    const uint8_t last[NUMBER_KEY_BYTES] = {'n', 0xff, 0xff, 0xff};
    struct span found, value;
    enum read_answer answer =
        view->previous(view->context, TABLE_WHO, SPAN_OF_ARRAY(last), &found, &value);
    *who = answer == READ_FOUND && found.size == NUMBER_KEY_BYTES && found.data[0] == 'n'
               ? read_who(found.data + 1)
               : 0;
    return answer;
}

uint32_t who_assign(struct updates *updates, const struct author_epoch *author)
{
    const struct view *view = updates_view(updates);
    uint32_t who = 0;
    uint8_t bytes[AUTHOR_KEY_BYTES + 1], by_number[NUMBER_KEY_BYTES] = {'n'}, number[WHO_BYTES];
    struct span held, by_author = author_key(bytes, author);
    if (who_find(view, author, &who))
        return who;
    /* A number given twice would mix two authors' rows. */
    if (view->get(view->context, TABLE_WHO, by_author, &held) != READ_ABSENT ||
        last_who(view, &who) == READ_UNREADABLE) {
        updates_doom(updates);
        return 0;
    }
    who++;
    write_who(by_number + 1, who);
    write_who(number, who);
    updates_put(updates, TABLE_WHO, by_author, SPAN_OF_ARRAY(number));
    updates_put(updates, TABLE_WHO, SPAN_OF_ARRAY(by_number),
                SPAN(by_author.data + 1, by_author.size - 1));
    return who;
}

void who_each_epoch(const struct view *view, struct key_id author, void *context,
                    void (*visit)(void *context, uint32_t epoch))
{
    struct author_epoch from = {.author = author};
    uint8_t key[AUTHOR_KEY_BYTES + 1];
    struct span found, value;
    author_key(key, &from);
    while (view->next(view->context, TABLE_WHO, SPAN(key, AUTHOR_KEY_BYTES), &found, &value) ==
               READ_FOUND &&
           found.size == AUTHOR_KEY_BYTES && memcmp(found.data, key, 9) == 0) {
        uint32_t epoch = read_u32(found.data + 9);
        visit(context, epoch);
        if (epoch == UINT32_MAX)
            return;
        write_u32(key + 9, epoch + 1);
    }
}

bool who_from(const struct view *view, struct author_epoch *author, uint32_t *who)
{
    uint8_t key[AUTHOR_KEY_BYTES + 1];
    struct span found, value;
    author->branch = 0;
    author_key(key, author);
    if (view->next(view->context, TABLE_WHO, SPAN(key, AUTHOR_KEY_BYTES), &found, &value) !=
            READ_FOUND ||
        found.size != AUTHOR_KEY_BYTES || found.data[0] != 'a' || value.size != WHO_BYTES)
        return false;
    memcpy(author->author.bytes, found.data + 1, KEY_ID_BYTES);
    author->epoch = read_u32(found.data + 9);
    *who = read_who(value.data);
    return true;
}

static bool stream_key(const struct view *view, const struct stream_id *stream, uint8_t *key)
{
    struct author_epoch author = stream_author(stream);
    uint32_t who;
    if (!who_find(view, &author, &who))
        return false;
    write_who(key, who);
    write_u16(key + 3, stream->number);
    return true;
}

bool stream_row_decode(struct span value, struct stream_row *row)
{
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    memset(row, 0, sizeof *row);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        seen |= key >= 1 && key <= 4 ? 1U << key : 0;
        if (key == 1) {
            if (stream_open_decode(mp_read_any(&reader), &row->open, NULL) != ERR_OK)
                return false;
        } else if (key == 2) {
            row->head.seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        } else if (key == 3) {
            const uint8_t *hash = mp_read_bin_of(&reader, HASH_BYTES);
            if (hash != NULL)
                memcpy(row->head.hash.bytes, hash, HASH_BYTES);
        } else if (key == 4) {
            row->head.clock = mp_read_uint_max(&reader, CLOCK_LIMIT - 1);
        } else if (key == 5) {
            row->closed = mp_read_bool(&reader);
        } else if (key == 6) {
            row->forked = mp_read_bool(&reader);
        } else if (key == 7) {
            row->parent = (uint8_t)mp_read_uint_max(&reader, UINT8_MAX);
        } else if (key == 8) {
            row->from = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        } else if (key == 9) {
            row->cutting = true;
            row->cut = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        } else {
            mp_read_any(&reader);
        }
    }
    mp_read_end(&reader);
    return !reader.failed && seen == (1U << 1 | 1U << 2 | 1U << 3 | 1U << 4);
}

bool stream_row_read(const struct view *view, const struct stream_id *stream,
                     struct stream_row *row)
{
    uint8_t key[STREAM_KEY_BYTES];
    struct span value;
    return stream_key(view, stream, key) &&
           view->get(view->context, TABLE_STREAMS, SPAN_OF_ARRAY(key), &value) == READ_FOUND &&
           stream_row_decode(value, row);
}

static void write_fork(const struct stream_id *stream, const struct stream_row *row,
                       struct buffer *value)
{
    if (row->forked) {
        mp_write_uint(value, 6);
        mp_write_bool(value, true);
    }
    if (stream->branch > 0) {
        mp_write_uint(value, 7);
        mp_write_uint(value, row->parent);
        mp_write_uint(value, 8);
        mp_write_uint(value, row->from);
    }
    if (row->cutting) {
        mp_write_uint(value, 9);
        mp_write_uint(value, row->cut);
    }
}

void stream_row_remove(struct updates *updates, const struct stream_id *stream)
{
    uint8_t key[STREAM_KEY_BYTES];
    if (stream_key(updates_view(updates), stream, key))
        updates_remove(updates, TABLE_STREAMS, SPAN_OF_ARRAY(key));
}

void stream_row_write(struct updates *updates, const struct stream_id *stream,
                      const struct stream_row *row)
{
    struct author_epoch author = stream_author(stream);
    uint8_t key[STREAM_KEY_BYTES];
    struct buffer value = {0};
    write_who(key, who_assign(updates, &author));
    write_u16(key + 3, stream->number);
    mp_write_map(&value,
                 4U + row->closed + row->forked + (stream->branch > 0 ? 2U : 0U) + row->cutting);
    mp_write_uint(&value, 1);
    stream_open_encode(&row->open, &value);
    mp_write_uint(&value, 2);
    mp_write_uint(&value, row->head.seq);
    mp_write_uint(&value, 3);
    mp_write_bin(&value, SPAN_OF_ARRAY(row->head.hash.bytes));
    mp_write_uint(&value, 4);
    mp_write_uint(&value, row->head.clock);
    if (row->closed) {
        mp_write_uint(&value, 5);
        mp_write_bool(&value, true);
    }
    write_fork(stream, row, &value);
    updates_put(updates, TABLE_STREAMS, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&value);
}

bool who_has_room(const struct view *view)
{
    uint32_t who;
    return last_who(view, &who) != READ_UNREADABLE && who < WHO_FOREIGN_MAX;
}

bool stream_row_next(const struct view *view, uint64_t *cursor, struct stream_id *stream,
                     struct stream_row *row)
{
    for (;;) {
        uint8_t bytes[8];
        write_u64(bytes, *cursor);
        struct span key, value;
        if (*cursor >> (8 * STREAM_KEY_BYTES) != 0 ||
            view->next(view->context, TABLE_STREAMS, SPAN(bytes + 3, STREAM_KEY_BYTES), &key,
                       &value) != READ_FOUND ||
            key.size != STREAM_KEY_BYTES)
            return false;
        uint32_t who = read_who(key.data);
        stream->number = read_u16(key.data + 3);
        *cursor = ((uint64_t)who << 16 | stream->number) + 1;
        bool decoded = stream_row_decode(value, row);
        struct author_epoch author;
        if (decoded && who_author(view, who, &author)) {
            stream->author = author.author;
            stream->epoch = author.epoch;
            stream->branch = author.branch;
            return true;
        }
    }
}

bool record_key(const struct view *view, uint16_t type, const struct record_id *id,
                uint8_t key[static RECORD_KEY_BYTES])
{
    struct author_epoch author = record_id_author(id);
    uint32_t who;
    if (!who_find(view, &author, &who))
        return false;
    write_u16(key, type);
    write_who(key + 2, who);
    write_u32(key + 5, record_id_counter(id));
    return true;
}

bool record_key_parse(const struct view *view, struct span key, uint16_t *type,
                      struct record_id *id)
{
    struct author_epoch author;
    if (key.size != RECORD_KEY_BYTES || read_u32(key.data + 5) == 0 ||
        !who_author(view, read_who(key.data + 2), &author))
        return false;
    *type = read_u16(key.data);
    *id = record_id_make(&author, read_u32(key.data + 5));
    return true;
}

/* One index: each type's records by the clock of their creation. */
void index_key(uint8_t key[static INDEX_KEY_BYTES], uint64_t clock,
               const uint8_t record[static RECORD_KEY_BYTES])
{
    memcpy(key, record, 2);
    write_u64(key + 2, clock);
    memcpy(key + 10, record, RECORD_KEY_BYTES);
}

bool stream_holds(const struct stream_row *row, const struct seat *author, const struct seat *seat)
{
    if (row->open.holders == HOLDERS_SELF)
        return author == seat;
    if (row->open.holders == HOLDERS_SUBTREE)
        return seat->row.tier <= row->open.tier && seat_is_ancestor_or_self(author, seat);
    for (size_t i = 0; i < row->open.seat_count; i++) {
        if (strcmp(row->open.seats[i], seat->row.seat) == 0)
            return true;
    }
    return false;
}

size_t cell_key(uint8_t key[static CELL_KEY_BYTES_MAX], const struct cell *cell,
                struct key_id origin)
{
    if (cell->group.size > CELL_KEY_BYTES_MAX - 14)
        return 0;
    write_u16(key, cell->rollup);
    write_u32(key + 2, cell->period);
    memcpy(key + 6, cell->group.data, cell->group.size);
    memcpy(key + 6 + cell->group.size, origin.bytes, KEY_ID_BYTES);
    return 14 + cell->group.size;
}

bool cell_parse(struct span key, struct span value, struct cell *cell, struct key_id *origin,
                uint64_t *report)
{
    if (key.size < 15 || key.size > CELL_KEY_BYTES_MAX)
        return false;
    memset(cell, 0, sizeof *cell);
    cell->rollup = read_u16(key.data);
    cell->period = read_u32(key.data + 2);
    cell->group = SPAN(key.data + 6, key.size - 14);
    memcpy(origin->bytes, key.data + key.size - KEY_ID_BYTES, KEY_ID_BYTES);
    struct mp_reader reader = mp_reader(value);
    uint32_t count = mp_read_array(&reader);
    if (count < 1 || count > CELL_VALUES_MAX + 1)
        return false;
    bool timed = mp_peek(&reader) == MP_ARRAY && mp_read_array(&reader) == 2;
    *report = mp_read_uint(&reader);
    cell->changed_ms = timed ? mp_read_uint(&reader) : 0;
    cell->value_count = (uint8_t)(count - 1);
    for (uint32_t i = 0; i < cell->value_count; i++)
        cell->values[i] = mp_read_int(&reader);
    mp_read_end(&reader);
    return !reader.failed;
}

void cell_value_encode(const struct cell *cell, uint64_t report, struct buffer *out)
{
    mp_write_array(out, cell->value_count + 1U);
    mp_write_array(out, 2);
    mp_write_uint(out, report);
    mp_write_uint(out, cell->changed_ms);
    for (size_t i = 0; i < cell->value_count; i++)
        mp_write_int(out, cell->values[i]);
}

size_t note_key(uint8_t key[static NOTE_KEY_BYTES_MAX], enum hash_context context,
                struct key_id signer, uint32_t epoch)
{
    key[0] = (uint8_t)context;
    memcpy(key + 1, signer.bytes, KEY_ID_BYTES);
    if (context != HASH_HEADS)
        return 1 + KEY_ID_BYTES;
    write_u32(key + 1 + KEY_ID_BYTES, epoch);
    return 1 + KEY_ID_BYTES + 4;
}

enum { MARK_KEY_BYTES_MAX = SEAT_BYTES_MAX + 1 + STREAM_KEY_BYTES, MARK_BYTES = 8 };

static size_t mark_key(uint8_t key[static MARK_KEY_BYTES_MAX], const char *seat,
                       const uint8_t stream[static STREAM_KEY_BYTES])
{
    size_t size = strlen(seat) + 1;
    assert(size <= SEAT_BYTES_MAX + 1);
    memcpy(key, seat, size);
    memcpy(key + size, stream, STREAM_KEY_BYTES);
    return size + STREAM_KEY_BYTES;
}

void mark_row_put(struct updates *updates, const char *seat, uint32_t generation,
                  const struct stream_id *stream, uint32_t seq)
{
    uint8_t of_stream[STREAM_KEY_BYTES], key[MARK_KEY_BYTES_MAX], value[MARK_BYTES];
    if (!stream_key(updates_view(updates), stream, of_stream))
        return;
    size_t size = mark_key(key, seat, of_stream);
    write_u32(value, seq);
    write_u32(value + 4, generation);
    updates_put(updates, TABLE_MARKS, SPAN(key, size), SPAN_OF_ARRAY(value));
}

bool mark_row_read(const struct view *view, const char *seat, uint32_t generation,
                   const struct stream_id *stream, uint32_t *seq)
{
    uint8_t of_stream[STREAM_KEY_BYTES], key[MARK_KEY_BYTES_MAX];
    struct span value;
    if (!stream_key(view, stream, of_stream))
        return false;
    size_t size = mark_key(key, seat, of_stream);
    if (view->get(view->context, TABLE_MARKS, SPAN(key, size), &value) != READ_FOUND ||
        value.size != MARK_BYTES)
        return false;
    *seq = read_u32(value.data + 4) < generation ? 0 : read_u32(value.data);
    return true;
}
