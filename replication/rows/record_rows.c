/* Blocks and records in the store. A block lies in pieces under (stream, seq of its first entry,
 * piece), so the block that holds an entry is the one with the greatest key not above it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/rows/block_memory.h"
#include "replication/rows/rows.h"
#include "schema/erasure.h"
#include "schema/extension.h"

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

/* The stored form of the block that holds entry `seq`, and where it begins. */
static enum error_code find_stored(const struct view *view, const struct stream_id *stream,
                                   uint32_t seq, uint32_t *first, struct buffer *stored)
{
    enum read_answer answer = block_row_get(view, stream, seq, first, stored);
    if (answer == READ_FOUND)
        return ERR_OK;
    return answer == READ_ABSENT ? ERR_NOT_FOUND : ERR_DAMAGED;
}

static bool is_in_block(const struct block_header *header, const struct stream_id *stream,
                        uint32_t seq)
{
    return stream_id_compare(&header->stream, stream) == 0 && seq >= header->seq &&
           seq - header->seq < header->count;
}

static enum error_code open_stored(const struct tree *tree, const struct stream_id *stream,
                                   uint32_t seq, uint32_t first, struct span stored,
                                   const uint8_t author_key[static KEY_BYTES],
                                   struct prepared_block *block)
{
    struct block_context context = {
        .tree_id = *tree_id(tree),
        .stream = *stream,
        .author_key = author_key,
        .verifier = tree_verifier(tree),
        .seal = tree_seal_key(tree),
    };
    enum error_code code = block_open(stored, &context, block, NULL);
    if (code == ERR_OK &&
        (block->header.seq != first || !is_in_block(&block->header, stream, seq))) {
        prepared_block_free(block);
        return ERR_DAMAGED;
    }
    return code;
}

enum error_code block_row_open(const struct view *view, const struct tree *tree,
                               const struct stream_id *stream, uint32_t seq,
                               struct prepared_block *block)
{
    uint8_t author_key[KEY_BYTES];
    struct buffer stored = {0};
    uint32_t first;
    if (!author_key_read(view, tree, stream->author, author_key))
        return ERR_UNKNOWN_KEY;
    enum error_code code = find_stored(view, stream, seq, &first, &stored);
    if (code == ERR_OK)
        code = open_stored(tree, stream, seq, first, span_of_buffer(&stored), author_key, block);
    buffer_free(&stored);
    return code;
}

/* NULL: it can't be opened. */
static struct remembered_block *remember(const struct view *view, const struct tree *tree,
                                         const struct stream_id *stream, uint32_t seq)
{
    uint8_t author_key[KEY_BYTES];
    struct buffer stored = {0};
    struct remembered_block *remembered = NULL;
    struct prepared_block block;
    uint32_t first;
    if (author_key_read(view, tree, stream->author, author_key) &&
        find_stored(view, stream, seq, &first, &stored) == ERR_OK) {
        remembered = block_memory_find(view->memory, stream, first, span_of_buffer(&stored));
        if (remembered == NULL && open_stored(tree, stream, seq, first, span_of_buffer(&stored),
                                              author_key, &block) == ERR_OK)
            remembered = block_memory_keep(view->memory, &block, &stored);
    }
    buffer_free(&stored);
    return remembered;
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

enum error_code entry_check_body(const struct entry *entry, const struct record_type *type,
                                 const struct record_type *then, bool creating)
{
    bool extends = entry->kind == ENTRY_EXTEND;
    if (entry->hole)
        return ERR_OK;
    if (entry->kind == ENTRY_ERASE)
        return type_is_personal(then) ? erasure_check(entry->body) : ERR_INVALID;
    if (entry_is_salted(entry) != (!extends && type->companion_of != 0))
        return ERR_INVALID;
    return extends ? extension_check(entry->body)
                   : schema_check_fields(then, entry_fields(entry), creating, NULL);
}

struct operation operation_of(const struct located_entry *located, uint8_t rank)
{
    const struct entry *entry = located->entry;
    return (struct operation){
        .dot = entry_dot(entry, &located->author),
        .digest = *located->digest,
        .clock = entry->clock,
        .rank = rank,
        .deletes = entry->kind == ENTRY_WRITE ? body_deletes(entry_fields(entry)) : 0,
        .extends = entry->kind == ENTRY_EXTEND,
        .erases = entry->kind == ENTRY_ERASE,
        .carried = located->carried,
        .stream = located->stream,
        .branch = located->author.branch,
        .seq = located->seq,
        .carrier = located->carrier,
        .context = entry->context,
        .context_count = entry->context_count,
    };
}

void operation_take_step(struct operation *op, const struct record_type *type, struct span body)
{
    if (op->verdict == OPERATION_EXCLUDED || op->extends || op->erases || type->workflow == NULL)
        return;
    const struct transition *transition =
        workflow_transition(type->workflow, schema_body_transition(body));
    if (transition != NULL)
        operation_transition(op, type->workflow, transition);
}

void block_cache_free(struct block_cache *cache)
{
    left_entry_free(&cache->left);
    if (cache->carry != NULL) {
        carry_free(cache->carry);
        free(cache->carry);
        cache->carry = NULL;
    }
    if (cache->remembered != NULL)
        block_memory_done(cache->memory, cache->remembered);
    else if (cache->block != NULL)
        prepared_block_free(&cache->own);
    cache->remembered = NULL;
    cache->block = NULL;
}

static bool has_block(const struct block_cache *cache, const struct stream_id *stream, uint32_t seq)
{
    return cache->block != NULL && is_in_block(&cache->block->header, stream, seq);
}

const struct prepared_block *block_cache_open(struct block_cache *cache, const struct view *view,
                                              const struct tree *tree,
                                              const struct stream_id *stream, uint32_t seq)
{
    if (cache->beside != NULL && has_block(cache->beside, stream, seq))
        return cache->beside->block;
    if (has_block(cache, stream, seq))
        return cache->block;
    block_cache_free(cache);
    if (view->memory != NULL) {
        cache->memory = view->memory;
        cache->remembered = remember(view, tree, stream, seq);
        cache->block = cache->remembered == NULL ? NULL : remembered_block(cache->remembered);
    } else if (block_row_open(view, tree, stream, seq, &cache->own) == ERR_OK) {
        cache->block = &cache->own;
    }
    return cache->block;
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
        else if (key == FIELD_ENDORSES)
            mp_read_map(&value);
        else if (key == FIELD_REMOVE || (field != NULL && field->kind == FIELD_LIST))
            mp_read_array(&value);
        else if (field != NULL && field->kind == FIELD_COUNTER)
            mp_read_int(&value);
        else if (kind == MP_BIN && field != NULL &&
                 (field->kind == FIELD_RECORD || field->kind == FIELD_DIGEST))
            mp_read_bin(&value);
        else if (kind != MP_STR && kind != MP_INT && kind != MP_BOOL && kind != MP_NIL)
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
        entry->context_count != 0 || !can_fold(type, entry_fields(entry)))
        return NULL;
    /* of an author that no document names it is folded anew before long, and is not here then */
    struct operation op = operation_of(located, author == NULL ? UINT8_MAX : author->rank);
    struct record_state *state = record_new();
    record_apply(state, &op, type, entry_fields(entry));
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

enum beginning entry_begins(const struct tree *tree, const struct record_type *type,
                            const struct entry *entry, const struct author_epoch *author)
{
    if (entry->kind != ENTRY_WRITE || entry->n != 1 || entry->context_count != 0)
        return BEGINS_NOT;
    if (record_id_names(&entry->record, author))
        return BEGINS;
    if (type->companion_of == 0)
        return BEGINS_NOT;
    const struct author *of_id = tree_author(tree, record_id_author(&entry->record).author);
    const struct author *writer = tree_author(tree, author->author);
    if (of_id == NULL || writer == NULL)
        return BEGINS_WHO_KNOWS;
    return of_id->seat == writer->seat || PLANTED(BEGUN_BY_ANYBODY) ? BEGINS : BEGINS_NOT;
}

bool operation_begins(const struct operation *op, const struct record_id *id)
{
    struct author_epoch author = {op->dot.author, op->dot.epoch};
    return op->dot.n == 1 && op->context_count == 0 && !op->extends && !op->erases &&
           (op->verdict == OPERATION_ADMITTED || record_id_names(id, &author));
}

bool operation_made_before(const struct operation *a, const struct operation *b)
{
    if (a->verdict != b->verdict)
        return a->verdict == OPERATION_ADMITTED;
    return a->clock != b->clock ? a->clock < b->clock : hash_compare(&a->digest, &b->digest) < 0;
}

const struct operation *record_creation(const struct record_state *state,
                                        const struct record_id *id)
{
    const struct operation *first = NULL;
    for (size_t i = 0; i < record_operation_count(state); i++) {
        const struct operation *op = record_operation(state, i);
        if (operation_begins(op, id) && (first == NULL || operation_made_before(op, first)))
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

static const char companions_name[] = "companions";

uint64_t companions_row_read(const struct view *view)
{
    struct span value;
    return view->get(view->context, TABLE_META, span_of_text(companions_name), &value) ==
                       READ_FOUND &&
                   value.size == 8
               ? read_u64(value.data)
               : 0;
}

void companions_row_add(struct updates *updates, const struct view *view, int change)
{
    uint8_t value[8];
    uint64_t count = companions_row_read(view);
    bool below = change < 0 && count < (uint64_t)-change; /* a row that was lost */
    write_u64(value, below ? 0 : count + (uint64_t)(int64_t)change);
    updates_put(updates, TABLE_META, span_of_text(companions_name), SPAN_OF_ARRAY(value));
}
