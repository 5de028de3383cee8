/* Blocks and records in the store. A block lies in pieces under (stream, seq of its first entry,
 * piece), so the block that holds an entry is the one with the greatest key not above it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/rows.h"

enum { BLOCK_KEY_BYTES = LOCATOR_BYTES + 1, PIECES_MAX = 64 };
_Static_assert(PIECES_MAX *BLOCK_PIECE_BYTES > MESSAGE_BYTES_MAX, "every block fits its pieces");

static void block_key(uint8_t key[static BLOCK_KEY_BYTES], uint32_t who, uint16_t number,
                      uint32_t seq, uint8_t piece)
{
    write_u32(key, who << 8);
    write_u16(key + 3, number);
    write_u32(key + 5, seq);
    key[9] = piece;
}

void block_row_put(struct updates *updates, const struct stream_id *stream, uint32_t seq,
                   struct span stored)
{
    struct author_epoch author = stream_author(stream);
    uint32_t who = who_assign(updates, &author);
    uint8_t key[BLOCK_KEY_BYTES], piece = 0;
    for (size_t at = 0; at < stored.size; at += BLOCK_PIECE_BYTES, piece++) {
        size_t left = stored.size - at;
        assert(piece < PIECES_MAX);
        block_key(key, who, stream->number, seq, piece);
        updates_put(updates, TABLE_BLOCKS, SPAN_OF_ARRAY(key),
                    SPAN(stored.data + at, left < BLOCK_PIECE_BYTES ? left : BLOCK_PIECE_BYTES));
    }
}

void block_row_remove(struct updates *updates, const struct stream_id *stream, uint32_t seq)
{
    const struct view *view = updates_view(updates);
    struct author_epoch author = stream_author(stream);
    uint32_t who;
    uint8_t key[BLOCK_KEY_BYTES];
    struct span value;
    if (!who_find(view, &author, &who))
        return;
    for (unsigned piece = 0; piece < PIECES_MAX; piece++) {
        block_key(key, who, stream->number, seq, (uint8_t)piece);
        if (view->get(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), &value) == READ_ABSENT)
            return;
        updates_remove(updates, TABLE_BLOCKS, SPAN_OF_ARRAY(key));
    }
}

enum read_answer block_row_get(const struct view *view, const struct stream_id *stream,
                               uint32_t seq, uint32_t *first_seq, struct buffer *stored)
{
    struct author_epoch author = stream_author(stream);
    uint32_t who;
    if (!who_find(view, &author, &who))
        return READ_ABSENT;
    uint8_t key[BLOCK_KEY_BYTES];
    struct span found, value;
    block_key(key, who, stream->number, seq, UINT8_MAX);
    enum read_answer answer =
        view->previous(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), &found, &value);
    if (answer != READ_FOUND)
        return answer;
    if (found.size != BLOCK_KEY_BYTES || memcmp(found.data, key, STREAM_KEY_BYTES) != 0 ||
        found.data[9] >= PIECES_MAX)
        return READ_ABSENT;
    uint8_t pieces = found.data[9];
    memcpy(key, found.data, BLOCK_KEY_BYTES);
    *first_seq = read_u32(key + 5);
    for (unsigned piece = 0; piece <= pieces; piece++) {
        key[9] = (uint8_t)piece;
        if (view->get(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), &value) != READ_FOUND)
            return READ_UNREADABLE;
        buffer_append_span(stored, value);
    }
    return READ_FOUND;
}

uint32_t block_row_end(const struct view *view, const struct stream_id *stream, uint32_t first,
                       uint32_t head_seq)
{
    struct author_epoch author = stream_author(stream);
    uint32_t who;
    uint8_t key[BLOCK_KEY_BYTES];
    struct span found, value;
    if (!who_find(view, &author, &who))
        return head_seq;
    block_key(key, who, stream->number, first, UINT8_MAX);
    if (view->next(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), &found, &value) != READ_FOUND ||
        found.size != BLOCK_KEY_BYTES || memcmp(found.data, key, STREAM_KEY_BYTES) != 0)
        return head_seq;
    uint32_t next = read_u32(found.data + 5);
    return next < head_seq ? next : head_seq; /* behind the head lies what is loose */
}

bool block_row_begins(const struct view *view, const struct stream_id *stream, uint32_t seq)
{
    struct author_epoch author = stream_author(stream);
    uint32_t who;
    uint8_t key[BLOCK_KEY_BYTES];
    struct span value;
    if (!who_find(view, &author, &who))
        return false;
    block_key(key, who, stream->number, seq, 0);
    return view->get(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), &value) == READ_FOUND;
}

enum error_code block_row_open(const struct view *view, const struct tree *tree,
                               const struct stream_id *stream, uint32_t seq,
                               struct prepared_block *block)
{
    uint8_t author_key[KEY_BYTES];
    if (!author_key_read(view, tree, stream->author, author_key))
        return ERR_UNKNOWN_KEY;
    struct buffer stored = {0};
    uint32_t first;
    enum read_answer answer = block_row_get(view, stream, seq, &first, &stored);
    enum error_code code = answer == READ_ABSENT ? ERR_NOT_FOUND : ERR_DAMAGED;
    if (answer == READ_FOUND) {
        struct block_context context = {
            .tree_id = *tree_id(tree),
            .stream = *stream,
            .author_key = author_key,
            .verifier = tree_verifier(tree),
            .seal = tree_seal_key(tree),
        };
        code = block_open(span_of_buffer(&stored), &context, block, NULL);
    }
    buffer_free(&stored);
    if (code == ERR_OK && (block->header.seq != first || seq - first >= block->header.count ||
                           stream_id_compare(&block->header.stream, stream) != 0)) {
        prepared_block_free(block);
        return ERR_DAMAGED;
    }
    return code;
}

enum error_code record_row_read(const struct view *view, const uint8_t key[static RECORD_KEY_BYTES],
                                struct record_row *row)
{
    struct span value;
    memset(row, 0, sizeof *row);
    enum read_answer answer =
        view->get(view->context, TABLE_RECORDS, SPAN(key, RECORD_KEY_BYTES), &value);
    if (answer == READ_ABSENT)
        return ERR_OK;
    if (answer == READ_UNREADABLE)
        return ERR_DAMAGED;
    struct mp_reader reader = mp_reader(value);
    row->present = true;
    if (mp_peek(&reader) == MP_ARRAY) {
        row->located = mp_read_array(&reader) == 2;
        uint64_t stream = mp_read_uint_max(&reader, 0xffffff);
        row->stream = (uint16_t)stream;
        row->branch = (uint8_t)(stream >> 16);
        row->seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        mp_read_end(&reader);
        return row->located && !reader.failed ? ERR_OK : ERR_DAMAGED;
    }
    row->state = record_decode(value);
    return row->state != NULL ? ERR_OK : ERR_DAMAGED;
}

void record_row_write_located(struct updates *updates, const uint8_t key[static RECORD_KEY_BYTES],
                              uint16_t stream, uint8_t branch, uint32_t seq)
{
    struct buffer value = {0};
    mp_write_array(&value, 2);
    mp_write_uint(&value, (uint64_t)branch << 16 | stream);
    mp_write_uint(&value, seq);
    updates_put(updates, TABLE_RECORDS, SPAN(key, RECORD_KEY_BYTES), span_of_buffer(&value));
    buffer_free(&value);
}

uint8_t body_deletes(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    if (mp_peek(&reader) != MP_MAP)
        return 0;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == FIELD_DELETED && mp_peek(&reader) == MP_BOOL)
            return mp_read_bool(&reader) ? 1 : 2;
        mp_read_any(&reader);
    }
    return 0;
}

struct operation operation_of(const struct located_entry *located, uint8_t rank)
{
    const struct entry *entry = located->entry;
    return (struct operation){
        .dot = entry_dot(entry, &located->author),
        .digest = *located->digest,
        .clock = entry->clock,
        .rank = rank,
        .deletes = entry->kind == ENTRY_WRITE ? body_deletes(entry->body) : 0,
        .extends = entry->kind == ENTRY_EXTEND,
        .carried = located->carried,
        .stream = located->stream,
        .branch = located->author.branch,
        .seq = located->seq,
        .carrier = located->carrier,
        .context = entry->context,
        .context_count = entry->context_count,
    };
}

void block_cache_free(struct block_cache *cache)
{
    if (cache->carry != NULL) {
        carry_free(cache->carry);
        free(cache->carry);
        cache->carry = NULL;
    }
    if (cache->present) {
        prepared_block_free(&cache->block);
        cache->present = false;
    }
}

const struct prepared_block *block_cache_open(struct block_cache *cache, const struct view *view,
                                              const struct tree *tree,
                                              const struct stream_id *stream, uint32_t seq)
{
    const struct block_header *header = &cache->block.header;
    if (cache->present && stream_id_compare(&header->stream, stream) == 0 && seq >= header->seq &&
        seq - header->seq < header->count)
        return &cache->block;
    block_cache_free(cache);
    cache->present = block_row_open(view, tree, stream, seq, &cache->block) == ERR_OK;
    return cache->present ? &cache->block : NULL;
}

/* Whether a body can be folded in by this type: what was admitted once can, unless a row of the
 * store points astray or a schema gave a number to another kind of field. */
static bool can_fold(const struct record_type *type, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        const struct field *field = type_field(type, key);
        struct mp_reader value = mp_reader_known(mp_read_any(&reader));
        enum mp_kind kind = mp_peek(&value);
        if (key == FIELD_DELETED)
            mp_read_bool(&value);
        else if (key == FIELD_REMOVE || (field != NULL && field->kind == FIELD_LIST))
            mp_read_array(&value);
        else if (field != NULL && field->kind == FIELD_COUNTER)
            mp_read_int(&value);
        else if (kind != MP_STR && kind != MP_INT && kind != MP_BOOL)
            return false;
        if (value.failed)
            return false;
    }
    mp_read_end(&reader);
    return !reader.failed;
}

struct record_state *record_from_entry(const struct tree *tree, const struct record_type *type,
                                       const struct record_id *id,
                                       const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    const struct author *author = tree_author(tree, located->author.author);
    if (entry->kind != ENTRY_WRITE || entry->type != type->number ||
        memcmp(entry->record.bytes, id->bytes, sizeof id->bytes) != 0 || entry->n != 1 ||
        entry->context_count != 0 || !can_fold(type, entry->body))
        return NULL;
    /* of an author that no document names it is folded anew before long, and is not here then */
    struct operation op = operation_of(located, author == NULL ? UINT8_MAX : author->rank);
    struct record_state *state = record_new();
    record_apply(state, &op, type, entry->body);
    return state;
}

struct record_state *record_from_creation(struct block_cache *cache, const struct view *view,
                                          const struct tree *tree, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct author_epoch creator = record_id_author(id);
    creator.branch = row->branch;
    struct stream_id where = {creator.author, creator.epoch, row->stream, row->branch};
    const struct prepared_block *block = block_cache_open(cache, view, tree, &where, row->seq);
    if (block == NULL || block->opaque)
        return NULL;
    uint32_t place = row->seq - block->header.seq;
    struct located_entry located = {creator, row->stream, row->seq, &block->list.entries[place],
                                    &block->digests[place]};
    return record_from_entry(tree, type, id, &located);
}

const struct operation *record_creation(const struct record_state *state,
                                        const struct record_id *id)
{
    struct author_epoch creator = record_id_author(id);
    const struct operation *first = NULL;
    for (size_t i = 0; i < record_operation_count(state); i++) {
        const struct operation *op = record_operation(state, i);
        if (op->dot.n != 1 || op->dot.epoch != creator.epoch ||
            !key_id_equal(op->dot.author, creator.author))
            continue;
        if (first == NULL || op->clock < first->clock ||
            (op->clock == first->clock && hash_compare(&op->digest, &first->digest) < 0))
            first = op;
    }
    return first;
}

bool record_stands(const struct record_state *state)
{
    for (size_t i = 0; i < record_operation_count(state); i++) {
        if (record_operation(state, i)->verdict == OPERATION_ADMITTED)
            return true;
    }
    return false;
}
