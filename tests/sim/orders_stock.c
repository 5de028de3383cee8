/* Every block and note that stands in any store of a county. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/rows.h"
#include "tests/sim/orders.h"

uint32_t stock_end(const struct stock_stream *stream)
{
    return stream->block_count == 0 ? 0 : stream->blocks[stream->block_count - 1].end;
}

static struct stock_stream *stream_of(struct stock *stock, const struct stream_id *id,
                                      const struct stream_row *row)
{
    for (size_t i = 0; i < stock->stream_count; i++) {
        if (stream_id_same(&stock->streams[i].id, id))
            return &stock->streams[i];
    }
    stock->streams = mem_resize(stock->streams, (stock->stream_count + 1) * sizeof *stock->streams);
    struct stock_stream *stream = &stock->streams[stock->stream_count++];
    *stream = (struct stock_stream){.id = *id, .open = row->open, .author = id->author};
    return stream;
}

static void take_stream(struct stock *stock, const struct view *view, const struct stream_id *id,
                        const struct stream_row *row)
{
    struct stock_stream *stream = stream_of(stock, id, row);
    struct buffer stored = {0};
    for (uint32_t seq = stock_end(stream), first; seq < row->head.seq;) {
        buffer_clear(&stored);
        if (block_row_get(view, id, seq, &first, &stored) != READ_FOUND || first != seq)
            break;
        stream->blocks =
            mem_resize(stream->blocks, (stream->block_count + 1) * sizeof *stream->blocks);
        struct stock_block *block = &stream->blocks[stream->block_count++];
        *block = (struct stock_block){seq, block_row_end(view, id, seq, row->head.seq), {0}};
        bool formed = block_reform(span_of_buffer(&stored),
                                   BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK, id, NULL,
                                   &block->bytes);
        assert(formed && block->end > seq);
        (void)formed;
        seq = block->end;
        stock->fresh_blocks++;
    }
    buffer_free(&stored);
}

void stock_take_blocks(struct stock *stock, const struct view *view)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    stock->fresh_blocks = 0;
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &id, row);) {
        if (row->open.holders != HOLDERS_SELF && id.branch == 0)
            take_stream(stock, view, &id, row);
    }
    free(row);
}

static void take_note(struct stock *stock, enum hash_context context, struct span bytes)
{
    struct stock_note note = {.context = context};
    if (note_read_head(bytes, context, &note.head, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < stock->note_count; i++) {
        const struct stock_note *other = &stock->notes[i];
        if (other->context == context && other->head.epoch == note.head.epoch &&
            other->head.k == note.head.k && key_id_equal(other->head.signer, note.head.signer))
            return;
    }
    buffer_append_span(&note.bytes, bytes);
    stock->notes = mem_resize(stock->notes, (stock->note_count + 1) * sizeof *stock->notes);
    stock->notes[stock->note_count++] = note;
}

void stock_take_notes(struct stock *stock, const struct view *view)
{
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND) {
        assert(key.size <= NOTE_KEY_BYTES_MAX);
        memcpy(from, key.data, key.size);
        size = key.size;
        take_note(stock, (enum hash_context)key.data[0], value);
        from[size++] = 0;
    }
}

void stock_free(struct stock *stock)
{
    for (size_t i = 0; i < stock->stream_count; i++) {
        for (size_t k = 0; k < stock->streams[i].block_count; k++)
            buffer_free(&stock->streams[i].blocks[k].bytes);
        free(stock->streams[i].blocks);
    }
    for (size_t i = 0; i < stock->note_count; i++)
        buffer_free(&stock->notes[i].bytes);
    free(stock->streams);
    free(stock->notes);
    *stock = (struct stock){0};
}
