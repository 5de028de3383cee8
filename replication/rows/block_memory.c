#include "replication/rows/block_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The newest first. */
struct remembered_block {
    struct remembered_block *newer, *older;
    enum remembered_as as;
    struct stream_id stream;
    uint32_t seq;
    struct prepared_block block;
    struct plain_block text;
    struct buffer stored;
    size_t bytes;
    unsigned users;
};

struct block_memory {
    struct remembered_block *newest, *oldest;
    size_t count, bytes, bytes_max;
};

struct block_memory *block_memory_new(size_t bytes_max)
{
    struct block_memory *memory = mem_alloc(sizeof *memory);
    memory->bytes_max = bytes_max;
    return memory;
}

const struct prepared_block *remembered_block(const struct remembered_block *remembered)
{
    assert(remembered->as == REMEMBERED_OPENED);
    return &remembered->block;
}

struct plain_block *remembered_text(struct remembered_block *remembered)
{
    assert(remembered->as == REMEMBERED_TEXT);
    return &remembered->text;
}

static void unlink_block(struct block_memory *memory, struct remembered_block *one)
{
    *(one->newer == NULL ? &memory->newest : &one->newer->older) = one->older;
    *(one->older == NULL ? &memory->oldest : &one->older->newer) = one->newer;
    one->newer = one->older = NULL;
}

static void link_newest(struct block_memory *memory, struct remembered_block *one)
{
    one->older = memory->newest;
    *(memory->newest == NULL ? &memory->oldest : &memory->newest->newer) = one;
    memory->newest = one;
}

static void forget(struct block_memory *memory, struct remembered_block *one)
{
    assert(one->users == 0);
    unlink_block(memory, one);
    memory->count--;
    memory->bytes -= one->bytes;
    prepared_block_free(&one->block);
    plain_block_free(&one->text);
    buffer_free(&one->stored);
    free(one);
}

void block_memory_free(struct block_memory *memory)
{
    if (memory == NULL)
        return;
    while (memory->newest != NULL)
        forget(memory, memory->newest);
    free(memory);
}

struct remembered_block *block_memory_find(struct block_memory *memory, enum remembered_as as,
                                           const struct stream_id *stream, uint32_t seq,
                                           bool (*same)(void *context, struct span stored),
                                           void *context)
{
    for (struct remembered_block *one = memory->newest; one != NULL; one = one->older) {
        if (one->seq != seq || one->as != as || stream_id_compare(&one->stream, stream) != 0)
            continue;
        if (!same(context, span_of_buffer(&one->stored))) {
            if (one->users > 0)
                continue;
            forget(memory, one);
            return NULL;
        }
        unlink_block(memory, one);
        link_newest(memory, one);
        one->users++;
        return one;
    }
    return NULL;
}

/* What it takes in memory, near enough: the bytes, and for each entry what is decoded of it. */
static size_t weight(const struct remembered_block *one)
{
    const struct prepared_block *block = &one->block;
    return sizeof *one + one->stored.capacity + block->plain.capacity + block->payload.capacity +
           block->list.count * (sizeof *block->list.entries + 2 * sizeof(struct hash)) +
           one->text.plain.capacity + one->text.count * sizeof *one->text.marks;
}

static void make_room(struct block_memory *memory)
{
    struct remembered_block *newer;
    for (struct remembered_block *one = memory->oldest;
         one != NULL &&
         (memory->bytes > memory->bytes_max || memory->count > BLOCK_MEMORY_BLOCKS_MAX);
         one = newer) {
        newer = one->newer;
        if (one->users == 0)
            forget(memory, one);
    }
}

static struct remembered_block *keep(struct block_memory *memory, struct remembered_block *one,
                                     struct buffer *stored)
{
    one->stored = *stored;
    one->users = 1;
    *stored = (struct buffer){0};
    one->bytes = weight(one);
    link_newest(memory, one);
    memory->count++;
    memory->bytes += one->bytes;
    make_room(memory);
    return one;
}

struct remembered_block *block_memory_keep(struct block_memory *memory,
                                           struct prepared_block *block, struct buffer *stored)
{
    struct remembered_block *one = mem_alloc(sizeof *one);
    one->as = REMEMBERED_OPENED;
    one->stream = block->header.stream;
    one->seq = block->header.seq;
    one->block = *block;
    *block = (struct prepared_block){0};
    return keep(memory, one, stored);
}

struct remembered_block *block_memory_keep_text(struct block_memory *memory,
                                                const struct stream_id *stream, uint32_t seq,
                                                struct plain_block *text, struct buffer *stored)
{
    struct remembered_block *one = mem_alloc(sizeof *one);
    one->as = REMEMBERED_TEXT;
    one->stream = *stream;
    one->seq = seq;
    one->text = *text;
    *text = (struct plain_block){0};
    return keep(memory, one, stored);
}

void block_memory_done(struct block_memory *memory, struct remembered_block *remembered)
{
    assert(remembered->users > 0);
    remembered->users--;
    make_room(memory);
}
