/* Blocks in the store. A block lies in pieces under (stream, seq of its first entry, piece), so the
 * block that holds an entry is the one with the greatest key not above it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/block_memory.h"
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

/* Where the pieces of a block lie: the key is of the last one. */
struct pieces {
    uint8_t key[BLOCK_KEY_BYTES];
    uint32_t first_seq;
};

static enum read_answer find_pieces(const struct view *view, const struct stream_id *stream,
                                    uint32_t seq, struct pieces *pieces)
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
    memcpy(pieces->key, found.data, BLOCK_KEY_BYTES);
    pieces->first_seq = read_u32(found.data + 5);
    return READ_FOUND;
}

static bool get_piece(const struct view *view, const struct pieces *pieces, unsigned piece,
                      struct span *value)
{
    uint8_t key[BLOCK_KEY_BYTES];
    memcpy(key, pieces->key, sizeof key);
    key[9] = (uint8_t)piece;
    return view->get(view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(key), value) == READ_FOUND;
}

static bool gather(const struct view *view, const struct pieces *pieces, struct buffer *stored)
{
    struct span value;
    buffer_reserve(stored, (pieces->key[9] + (size_t)1) * BLOCK_PIECE_BYTES);
    for (unsigned piece = 0; piece <= pieces->key[9]; piece++) {
        if (!get_piece(view, pieces, piece, &value))
            return false;
        buffer_append_span(stored, value);
    }
    return true;
}

enum read_answer block_row_get(const struct view *view, const struct stream_id *stream,
                               uint32_t seq, uint32_t *first_seq, struct buffer *stored)
{
    struct pieces pieces;
    enum read_answer answer = find_pieces(view, stream, seq, &pieces);
    if (answer != READ_FOUND)
        return answer;
    *first_seq = pieces.first_seq;
    return gather(view, &pieces, stored) ? READ_FOUND : READ_UNREADABLE;
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

/* What lies in the store, to be compared where it lies. */
struct lying {
    const struct view *view;
    const struct pieces *pieces;
};

static bool lies_so(void *context, struct span stored)
{
    const struct lying *lying = context;
    struct span value;
    size_t at = 0;
    for (unsigned piece = 0; piece <= lying->pieces->key[9]; piece++) {
        if (!get_piece(lying->view, lying->pieces, piece, &value) ||
            value.size > stored.size - at || memcmp(stored.data + at, value.data, value.size) != 0)
            return false;
        at += value.size;
    }
    return at == stored.size;
}

static struct remembered_block *recall(const struct view *view, enum remembered_as as,
                                       const struct stream_id *stream, const struct pieces *pieces)
{
    struct lying lying = {view, pieces};
    return block_memory_find(view->memory, as, stream, pieces->first_seq, lies_so, &lying);
}

/* NULL: it can't be opened. */
static struct remembered_block *remember(const struct view *view, const struct tree *tree,
                                         const struct stream_id *stream, uint32_t seq)
{
    uint8_t author_key[KEY_BYTES];
    struct buffer stored = {0};
    struct prepared_block block;
    struct pieces pieces;
    if (!author_key_read(view, tree, stream->author, author_key) ||
        find_pieces(view, stream, seq, &pieces) != READ_FOUND)
        return NULL;
    struct remembered_block *remembered = recall(view, REMEMBERED_OPENED, stream, &pieces);
    if (remembered == NULL && gather(view, &pieces, &stored) &&
        open_stored(tree, stream, seq, pieces.first_seq, span_of_buffer(&stored), author_key,
                    &block) == ERR_OK)
        remembered = block_memory_keep(view->memory, &block, &stored);
    buffer_free(&stored);
    return remembered;
}

static void drop_block(struct block_cache *cache)
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

static void drop_text(struct block_cache *cache)
{
    entry_list_free(&cache->one);
    if (cache->remembered_text != NULL)
        block_memory_done(cache->memory, cache->remembered_text);
    else if (cache->text != NULL)
        plain_block_free(&cache->own_text);
    cache->remembered_text = NULL;
    cache->text = NULL;
}

void block_cache_free(struct block_cache *cache)
{
    drop_block(cache);
    drop_text(cache);
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
    block_cache_free(cache); /* of text and block one stays: an idle core keeps it */
    if (view->memory != NULL) {
        cache->memory = view->memory;
        cache->remembered = remember(view, tree, stream, seq);
        cache->block = cache->remembered == NULL ? NULL : remembered_block(cache->remembered);
    } else if (block_row_open(view, tree, stream, seq, &cache->own) == ERR_OK) {
        cache->block = &cache->own;
    }
    return cache->block;
}

/* ---- one entry of a block ---- */

static bool has_text(const struct block_cache *cache, const struct stream_id *stream, uint32_t seq)
{
    return cache->text != NULL && stream_id_compare(&cache->text_stream, stream) == 0 &&
           seq >= cache->text_seq && seq - cache->text_seq < cache->text->count;
}

static bool open_text(struct block_cache *cache, const struct view *view,
                      const struct stream_id *stream, const struct pieces *pieces)
{
    struct buffer stored = {0};
    if (view->memory != NULL) {
        cache->memory = view->memory;
        cache->remembered_text = recall(view, REMEMBERED_TEXT, stream, pieces);
    }
    if (cache->remembered_text == NULL &&
        (!gather(view, pieces, &stored) ||
         !plain_block_open(span_of_buffer(&stored), &cache->own_text))) {
        buffer_free(&stored);
        return false;
    }
    if (cache->remembered_text == NULL && view->memory != NULL)
        cache->remembered_text = block_memory_keep_text(view->memory, stream, pieces->first_seq,
                                                        &cache->own_text, &stored);
    buffer_free(&stored);
    cache->text =
        cache->remembered_text == NULL ? &cache->own_text : remembered_text(cache->remembered_text);
    cache->text_stream = *stream;
    cache->text_seq = pieces->first_seq;
    return true;
}

static bool text_ready(struct block_cache *cache, const struct view *view,
                       const struct stream_id *stream, uint32_t seq)
{
    struct pieces pieces;
    if (has_text(cache, stream, seq))
        return true;
    block_cache_free(cache);
    return find_pieces(view, stream, seq, &pieces) == READ_FOUND &&
           open_text(cache, view, stream, &pieces) && has_text(cache, stream, seq);
}

bool block_cache_entry(struct block_cache *cache, const struct view *view, const struct tree *tree,
                       const struct stream_id *stream, uint32_t seq, uint64_t check,
                       struct located_entry *located)
{
    const struct author_epoch self = {stream->author, stream->epoch};
    uint8_t author_key[KEY_BYTES];
    if (has_block(cache, stream, seq) ||
        (cache->beside != NULL && has_block(cache->beside, stream, seq)))
        return false;
    if (!author_key_read(view, tree, stream->author, author_key) ||
        !text_ready(cache, view, stream, seq))
        return false;
    entry_list_free(&cache->one);
    if (!plain_block_entry(cache->text, seq - cache->text_seq, &self, author_key, &cache->one,
                           &cache->digest) ||
        digest_check(&cache->digest) != check)
        return false;
    *located = (struct located_entry){.author = stream_author(stream),
                                      .stream = stream->number,
                                      .seq = seq,
                                      .entry = cache->one.entries,
                                      .digest = &cache->digest};
    return true;
}
