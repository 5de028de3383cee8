/* What an entry is called: its digest, its dot, and the ids of records.
 *
 * The digest is absolute. It is taken over a form that names the author by its whole key and
 * every dot in full, so that one operation has one digest in whatever block it stands. */
#include "replication/format/entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/entry_parts.h"
#include "replication/format/entry_seal.h"

enum { DIGEST_PARTS = 9 };

void entry_list_free(struct entry_list *list)
{
    free(list->entries);
    free(list->contexts);
    *list = (struct entry_list){0};
}

struct span entry_no_body(void)
{
    static const uint8_t empty_map[] = {0x80};
    return SPAN_OF_ARRAY(empty_map);
}

void entry_write_hole(struct buffer *text, const struct hash *body)
{
    mp_write_array(text, 1);
    mp_write_bin(text, SPAN_OF_ARRAY(body->bytes));
}

struct hash entry_body_hash(struct span body)
{
    return hash_of(HASH_BODY, body);
}

void body_salted(const uint8_t salt[static BODY_SALT_BYTES], struct span fields,
                 struct buffer *body)
{
    mp_write_array(body, 2);
    mp_write_bin(body, SPAN(salt, BODY_SALT_BYTES));
    buffer_append_span(body, fields);
}

/* A reader at the fields of a salted body; its form was checked when it was read or made. */
static bool open_salted(const struct entry *entry, struct mp_reader *reader)
{
    *reader = mp_reader_known(entry->body);
    return !entry->hole && mp_peek(reader) == MP_ARRAY && mp_read_array(reader) == 2 &&
           mp_read_bin_of(reader, BODY_SALT_BYTES) != NULL;
}

bool entry_is_salted(const struct entry *entry)
{
    struct mp_reader reader;
    return open_salted(entry, &reader);
}

struct span entry_fields(const struct entry *entry)
{
    struct mp_reader reader;
    return open_salted(entry, &reader) ? mp_read_any(&reader) : entry->body;
}

static uint32_t count_values(struct span values)
{
    struct mp_reader reader = mp_reader(values);
    uint32_t count = 0;
    while (mp_peek(&reader) != MP_END && !reader.failed) {
        mp_read_any(&reader);
        count++;
    }
    assert(!reader.failed);
    return count;
}

static void write_context(struct buffer *out, const struct entry *entry)
{
    mp_write_array(out, (uint32_t)entry->context_count);
    for (size_t i = 0; i < entry->context_count; i++) {
        const struct dot *dot = &entry->context[i];
        mp_write_array(out, 3);
        mp_write_bin(out, SPAN_OF_ARRAY(dot->author.bytes));
        mp_write_uint(out, dot->epoch);
        mp_write_uint(out, dot->n);
    }
}

struct hash entry_digest_with(struct buffer *scratch, const struct entry *entry,
                              const uint8_t key[static KEY_BYTES], uint32_t epoch)
{
    assert(entry->context_count <= CONTEXT_PAIRS_MAX);
    uint32_t further = entry->further.size == 0 ? 0 : count_values(entry->further);
    buffer_clear(scratch);
    mp_write_array(scratch, DIGEST_PARTS + further);
    mp_write_uint(scratch, entry->kind);
    mp_write_bin(scratch, SPAN(key, KEY_BYTES));
    mp_write_uint(scratch, epoch);
    mp_write_bin(scratch, entry->has_record ? SPAN_OF_ARRAY(entry->record.bytes) : SPAN_EMPTY);
    mp_write_uint(scratch, entry->n == 0 ? 1 : entry->n);
    mp_write_uint(scratch, entry->clock);
    mp_write_uint(scratch, entry->schema_version);
    mp_write_uint(scratch, entry->type);
    write_context(scratch, entry);
    buffer_append_span(scratch, entry->further);
    buffer_append(scratch, entry->body_hash.bytes, HASH_BYTES);
    return hash_of(HASH_ENTRY, span_of_buffer(scratch));
}

struct hash entry_digest(const struct entry *entry, const uint8_t key[static KEY_BYTES],
                         uint32_t epoch)
{
    struct entry copy = *entry;
    struct buffer scratch = {0};
    if (!copy.hole && !copy.holed)
        copy.body_hash = entry_body_hash(copy.body);
    struct hash digest = entry_digest_with(&scratch, &copy, key, epoch);
    buffer_free(&scratch);
    return digest;
}

void entry_list_digests(const struct entry_list *list, const uint8_t key[static KEY_BYTES],
                        uint32_t epoch, struct hash *digests)
{
    assert(list->count <= BLOCK_ENTRIES_MAX);
    struct buffer scratch = {0};
    for (size_t i = 0; i < list->count; i++) {
        const struct entry *entry = &list->entries[i];
        digests[i] = entry->kind == ENTRY_SEALED && entry->seal != ENTRY_CLEAR
                         ? entry_seal_leaf(entry->sealed)
                         : entry_digest_with(&scratch, entry, key, epoch);
    }
    buffer_free(&scratch);
}

struct dot entry_dot(const struct entry *entry, const struct author_epoch *self)
{
    return (struct dot){
        .author = self->author, .epoch = self->epoch, .n = entry->n == 0 ? 1 : entry->n};
}

bool record_id_names(const struct record_id *record, const struct author_epoch *author)
{
    return memcmp(record->bytes, author->author.bytes, KEY_ID_BYTES) == 0 &&
           read_u32(record->bytes + KEY_ID_BYTES) == author->epoch;
}

struct record_id record_id_make(const struct author_epoch *author, uint32_t counter)
{
    assert(counter != 0);
    struct record_id record;
    memcpy(record.bytes, author->author.bytes, KEY_ID_BYTES);
    write_u32(record.bytes + KEY_ID_BYTES, author->epoch);
    write_u32(record.bytes + KEY_ID_BYTES + 4, counter);
    return record;
}

struct author_epoch record_id_author(const struct record_id *record)
{
    struct author_epoch author = {0};
    memcpy(author.author.bytes, record->bytes, KEY_ID_BYTES);
    author.epoch = read_u32(record->bytes + KEY_ID_BYTES);
    return author;
}

uint32_t record_id_counter(const struct record_id *record)
{
    return read_u32(record->bytes + KEY_ID_BYTES + 4);
}
