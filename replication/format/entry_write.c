/* From entries to the plain text of a block.
 *
 * The encoded entries grow in one buffer that never moves once the first entry stands in it, so
 * that bodies can be read back from there while the block is open. Contexts live in chunks for
 * the same reason. What an addition needs is bounded before it begins: nothing is rolled back
 * but the size of the buffer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/entry_parts.h"
#include "replication/format/entry_seal.h"

enum {
    CHUNK_DOTS = 256, /* 4 KiB; holds four contexts of the greatest length */
    AUTHOR_BYTES = KEY_ID_BYTES + 4,
    AUTHOR_ROOM = 2 + AUTHOR_BYTES, /* in the table */
    HEAD_ROOM = 5 + 3 + 3,          /* schema version, table's and entries' counts */
    ENTRY_ROOM = 48,                /* all of an entry but body, context, further elements */
    PAIR_ROOM = 2 + 5,              /* of a context */
    SEALED_ROOM = 3,                /* a bin's length */
};
_Static_assert((int)CHUNK_DOTS >= (int)CONTEXT_PAIRS_MAX, "a context fits a chunk");

struct chunk {
    struct chunk *next;
    size_t used;
    struct dot dots[CHUNK_DOTS];
};

struct kept {
    struct kept *next;
    struct buffer bytes;
};

struct entry_writer {
    struct author_epoch self;
    uint8_t key[KEY_BYTES];
    uint32_t schema_version;
    size_t count;
    uint32_t counter; /* of the last record of this author and epoch */
    uint64_t begins;  /* where clock differences begin; 0: at the first entry */
    size_t author_count;
    struct author_epoch authors[BLOCK_AUTHORS_MAX];
    struct buffer text;    /* the entries, encoded */
    struct buffer scratch; /* for digests */
    struct chunk *chunks;
    struct kept *kept; /* what sealed entries are inside */
    uint64_t clock;    /* of the last clear entry; at first the block's */
    struct entry entries[BLOCK_ENTRIES_USUAL];
    struct hash digests[BLOCK_ENTRIES_USUAL];
    struct hash leaves[BLOCK_ENTRIES_USUAL];
};

struct entry_writer *entry_writer_new(const struct author_epoch *self,
                                      const uint8_t key[static KEY_BYTES], uint32_t schema_version)
{
    struct entry_writer *writer = mem_alloc(sizeof *writer);
    writer->self = *self;
    memcpy(writer->key, key, KEY_BYTES);
    writer->schema_version = schema_version;
    return writer;
}

void entry_writer_begin_at(struct entry_writer *writer, uint64_t clock)
{
    assert(writer->count == 0 && clock < CLOCK_LIMIT);
    writer->begins = clock;
}

void entry_writer_free(struct entry_writer *writer)
{
    if (writer == NULL)
        return;
    while (writer->chunks != NULL) {
        struct chunk *next = writer->chunks->next;
        free(writer->chunks);
        writer->chunks = next;
    }
    while (writer->kept != NULL) {
        struct kept *next = writer->kept->next;
        buffer_free(&writer->kept->bytes);
        free(writer->kept);
        writer->kept = next;
    }
    buffer_free(&writer->scratch);
    buffer_free(&writer->text);
    free(writer);
}

static bool same_author(const struct author_epoch *a, const struct author_epoch *b)
{
    return key_id_equal(a->author, b->author) && a->epoch == b->epoch;
}

/* Place in the table, from 1; a new author takes the next one. */
static uint32_t author_place(struct entry_writer *writer, const struct author_epoch *author)
{
    for (size_t i = 0; i < writer->author_count; i++) {
        if (same_author(&writer->authors[i], author))
            return (uint32_t)i + 1;
    }
    assert(writer->author_count < BLOCK_AUTHORS_MAX);
    writer->authors[writer->author_count++] = *author;
    return (uint32_t)writer->author_count;
}

static void assert_sound(const struct entry_writer *writer, const struct entry *entry)
{
    assert(entry_kind_known(entry->kind) || entry->strange);
    assert(entry->has_record == (entry->type != 0));
    assert(!entry_kind_known(entry->kind) ||
           entry->has_record == !entry_kind_of_stream(entry->kind));
    assert(entry_kind_of_stream(entry->kind) ? entry->n <= 1 && entry->context_count == 0
                                             : entry->n != 0);
    assert(entry->clock < CLOCK_LIMIT);
    assert(entry->context_count <= CONTEXT_PAIRS_MAX);
    for (size_t i = 0; i < entry->context_count; i++) {
        const struct dot *dot = &entry->context[i];
        assert(dot->n != 0);
        assert(i == 0 || dot_compare(dot - 1, dot) < 0);
        assert(!same_author(&(struct author_epoch){dot->author, dot->epoch}, &writer->self));
    }
    if (!entry->hole && !entry->holed) {
        struct mp_reader reader = mp_reader_known(entry->body);
        bool hole = false;
        struct hash hash;
        entry_read_body(&reader, &hole, &hash);
        mp_read_end(&reader);
        assert(!reader.failed && !hole);
    }
}

static size_t room_needed(const struct entry *entry)
{
    size_t body = entry->hole ? 0 : entry->body.size;
    return ENTRY_ROOM + (entry->hole || entry->holed ? (size_t)ENTRY_HOLE_BYTES : 0) + body +
           entry->further.size + entry->context_count * PAIR_ROOM;
}

/* The first entry may be of any size an entry may have; the others keep to the usual. */
static bool fits(const struct entry_writer *writer, const struct entry *entry)
{
    size_t authors = writer->author_count + entry->context_count + 1;
    if (writer->count == BLOCK_ENTRIES_USUAL || authors > BLOCK_AUTHORS_MAX ||
        entry->schema_version != writer->schema_version)
        return false;
    size_t plain = HEAD_ROOM + authors * AUTHOR_ROOM + writer->text.size + room_needed(entry);
    if (writer->count != 0)
        return plain <= BLOCK_PLAIN_BYTES_USUAL;
    return entry->body.size <= STRIKE_BYTES_MAX && plain <= BLOCK_PAYLOAD_BYTES_MAX;
}

static void write_record(struct entry_writer *writer, const struct entry *entry)
{
    if (!entry->has_record) {
        mp_write_int(&writer->text, 0);
        return;
    }
    uint32_t counter = record_id_counter(&entry->record);
    assert(counter != 0);
    if (record_id_names(&entry->record, &writer->self)) {
        mp_write_int(&writer->text, (int64_t)counter - (int64_t)writer->counter);
        writer->counter = counter;
        return;
    }
    struct author_epoch author = record_id_author(&entry->record);
    mp_write_array(&writer->text, 2);
    mp_write_uint(&writer->text, author_place(writer, &author));
    mp_write_uint(&writer->text, counter);
}

/* Gives where the body stands. */
static struct span write_body(struct buffer *text, const struct entry *entry)
{
    if (entry->hole) {
        entry_write_hole(text, &entry->body_hash);
        return entry_no_body();
    }
    if (entry->holed) {
        mp_write_array(text, 2);
        mp_write_bin(text, SPAN_OF_ARRAY(entry->body_hash.bytes));
    }
    size_t from = text->size;
    buffer_append_span(text, entry->body);
    return SPAN(text->data + from, text->size - from);
}

static void write_history(struct entry_writer *writer, const struct entry *entry, uint32_t parts)
{
    if (parts > ENTRY_PARTS_LEAST)
        mp_write_uint(&writer->text, entry->n);
    if (parts <= ENTRY_PARTS_LEAST + 1)
        return;
    mp_write_array(&writer->text, (uint32_t)entry->context_count * 2);
    for (size_t i = 0; i < entry->context_count; i++) {
        struct author_epoch author = {entry->context[i].author, entry->context[i].epoch};
        mp_write_uint(&writer->text, author_place(writer, &author));
        mp_write_uint(&writer->text, entry->context[i].n);
    }
}

static uint32_t parts_of(const struct entry *entry)
{
    if (entry->further.size != 0) {
        struct mp_reader reader = mp_reader(entry->further);
        uint32_t parts = ENTRY_PARTS_KNOWN;
        for (; mp_peek(&reader) != MP_END && !reader.failed; parts++)
            mp_read_any(&reader);
        assert(!reader.failed);
        return parts;
    }
    if (entry->context_count != 0)
        return ENTRY_PARTS_KNOWN;
    return entry->n > 1 ? ENTRY_PARTS_LEAST + 1 : ENTRY_PARTS_LEAST;
}

static struct dot *keep_context(struct entry_writer *writer, const struct entry *entry)
{
    if (entry->context_count == 0)
        return NULL;
    struct chunk *chunk = writer->chunks;
    if (chunk == NULL || CHUNK_DOTS - chunk->used < entry->context_count) {
        chunk = mem_alloc(sizeof *chunk);
        chunk->next = writer->chunks;
        writer->chunks = chunk;
    }
    struct dot *dots = chunk->dots + chunk->used;
    memcpy(dots, entry->context, entry->context_count * sizeof *dots);
    chunk->used += entry->context_count;
    return dots;
}

/* Encode the entry at the end of the text; the copy's spans point there. */
static void write_entry(struct entry_writer *writer, struct entry *copy)
{
    struct buffer *text = &writer->text;
    uint64_t first = writer->begins != 0 ? writer->begins : copy->clock;
    uint64_t before = writer->count == 0 ? first : writer->clock;
    writer->clock = copy->clock;
    uint32_t parts = parts_of(copy);
    mp_write_array(text, parts);
    mp_write_uint(text, copy->kind);
    mp_write_uint(text, copy->type);
    mp_write_int(text, (int64_t)copy->clock - (int64_t)before);
    write_record(writer, copy);
    copy->body = write_body(text, copy);
    write_history(writer, copy, parts);
    size_t from = text->size;
    buffer_append_span(text, copy->further);
    copy->further = SPAN(text->data + from, text->size - from);
}

static size_t most_bytes(const struct entry *entry)
{
    size_t most = entry->kind == ENTRY_CARRY    ? CARRY_BYTES_MAX
                  : entry->kind == ENTRY_STRIKE ? STRIKE_BYTES_MAX
                                                : ENTRY_BYTES_MAX;
    return most + (entry->holed ? BLOCK_ENTRIES_USUAL * ENTRY_HOLE_BYTES : 0);
}

bool entry_writer_add(struct entry_writer *writer, const struct entry *entry)
{
    assert_sound(writer, entry);
    if (!fits(writer, entry))
        return false;
    size_t room = room_needed(entry);
    if (writer->count == 0)
        buffer_reserve(&writer->text,
                       room > BLOCK_PLAIN_BYTES_USUAL ? room : BLOCK_PLAIN_BYTES_USUAL);
    const uint8_t *data = writer->text.data;
    size_t size = writer->text.size, authors = writer->author_count;
    uint32_t counter = writer->counter;
    struct entry copy = *entry;
    copy.n = copy.n == 0 ? 1 : copy.n;
    copy.seal = ENTRY_CLEAR;
    copy.sealed = SPAN_EMPTY;
    copy.content_key = NULL;
    write_entry(writer, &copy);
    assert(writer->text.data == data && writer->text.size - size <= room);
    if (writer->text.size - size > most_bytes(&copy)) {
        writer->text.size = size;
        writer->author_count = authors;
        writer->counter = counter;
        return false;
    }
    copy.context = keep_context(writer, entry);
    if (!copy.hole && !copy.holed)
        copy.body_hash = entry_body_hash(copy.body);
    writer->leaves[writer->count] = writer->digests[writer->count] =
        entry_digest_with(&writer->scratch, &copy, writer->key, writer->self.epoch);
    writer->entries[writer->count++] = copy;
    return true;
}

/* What is inside doesn't stand in the text: its body is kept beside it. */
static void keep_inside(struct entry_writer *writer, struct entry *copy)
{
    struct kept *kept = mem_alloc(sizeof *kept);
    size_t body = copy->body.size;
    buffer_append_span(&kept->bytes, copy->body);
    buffer_append_span(&kept->bytes, copy->further);
    copy->body = SPAN(kept->bytes.data, body);
    copy->further = SPAN(kept->bytes.data + body, kept->bytes.size - body);
    copy->context = keep_context(writer, copy);
    if (!copy->hole && !copy->holed)
        copy->body_hash = entry_body_hash(copy->body);
    kept->next = writer->kept;
    writer->kept = kept;
}

bool entry_writer_add_sealed(struct entry_writer *writer, const struct entry *entry,
                             struct span sealed)
{
    struct entry copy = *entry;
    size_t count = writer->count;
    size_t plain = HEAD_ROOM + writer->author_count * AUTHOR_ROOM + writer->text.size +
                   sealed.size + SEALED_ROOM;
    assert(sealed.size >= SEALED_BYTES_LEAST && sealed.size <= SEALED_BYTES_MAX);
    if (count == BLOCK_ENTRIES_USUAL || entry->schema_version != writer->schema_version ||
        plain > (size_t)(count > 0 ? BLOCK_PLAIN_BYTES_USUAL : BLOCK_PAYLOAD_BYTES_MAX))
        return false;
    if (count == 0) {
        buffer_reserve(&writer->text, sealed.size + SEALED_ROOM > BLOCK_PLAIN_BYTES_USUAL
                                          ? sealed.size + SEALED_ROOM
                                          : BLOCK_PLAIN_BYTES_USUAL);
        writer->clock = writer->begins != 0 ? writer->begins : copy.clock;
    }
    mp_write_bin(&writer->text, sealed);
    copy.sealed = SPAN(writer->text.data + writer->text.size - sealed.size, sealed.size);
    copy.content_key = NULL;
    writer->leaves[count] = writer->digests[count] = entry_seal_leaf(sealed);
    if (copy.kind != ENTRY_SEALED) {
        copy.seal = ENTRY_OPENED;
        keep_inside(writer, &copy);
        writer->digests[count] =
            entry_digest_with(&writer->scratch, &copy, writer->key, writer->self.epoch);
    }
    writer->entries[writer->count++] = copy;
    return true;
}

size_t entry_writer_count(const struct entry_writer *writer)
{
    return writer->count;
}

uint64_t entry_writer_clock(const struct entry_writer *writer)
{
    assert(writer->count != 0);
    return writer->entries[0].clock;
}

const struct hash *entry_writer_digests(const struct entry_writer *writer)
{
    return writer->digests;
}

const struct hash *entry_writer_leaves(const struct entry_writer *writer)
{
    return writer->leaves;
}

const struct entry *entry_writer_at(const struct entry_writer *writer, size_t index)
{
    assert(index < writer->count);
    return &writer->entries[index];
}

void entry_writer_finish(const struct entry_writer *writer, struct buffer *plain)
{
    assert(writer->count != 0);
    buffer_reserve(plain, HEAD_ROOM + writer->author_count * AUTHOR_ROOM + writer->text.size);
    mp_write_uint(plain, writer->schema_version);
    mp_write_array(plain, (uint32_t)writer->author_count);
    for (size_t i = 0; i < writer->author_count; i++) {
        uint8_t bytes[AUTHOR_BYTES];
        memcpy(bytes, writer->authors[i].author.bytes, KEY_ID_BYTES);
        write_u32(bytes + KEY_ID_BYTES, writer->authors[i].epoch);
        mp_write_bin(plain, SPAN_OF_ARRAY(bytes));
    }
    mp_write_uint(plain, writer->count);
    buffer_append_span(plain, span_of_buffer(&writer->text));
}
