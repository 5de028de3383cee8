#include "replication/rows/block_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The newest first. */
struct remembered_block {
    struct remembered_block *newer, *older;
    struct prepared_block block;
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
    return &remembered->block;
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

struct remembered_block *block_memory_find(struct block_memory *memory,
                                           const struct stream_id *stream, uint32_t seq,
                                           struct span stored)
{
    for (struct remembered_block *one = memory->newest; one != NULL; one = one->older) {
        const struct block_header *header = &one->block.header;
        if (header->seq != seq || stream_id_compare(&header->stream, stream) != 0)
            continue;
        if (!span_equal(span_of_buffer(&one->stored), stored)) {
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
           block->list.count * (sizeof *block->list.entries + 2 * sizeof(struct hash));
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

struct remembered_block *block_memory_keep(struct block_memory *memory,
                                           struct prepared_block *block, struct buffer *stored)
{
    struct remembered_block *one = mem_alloc(sizeof *one);
    one->block = *block;
    one->stored = *stored;
    one->users = 1;
    *block = (struct prepared_block){0};
    *stored = (struct buffer){0};
    one->bytes = weight(one);
    link_newest(memory, one);
    memory->count++;
    memory->bytes += one->bytes;
    make_room(memory);
    return one;
}

void block_memory_done(struct block_memory *memory, struct remembered_block *remembered)
{
    assert(remembered->users > 0);
    remembered->users--;
    make_room(memory);
}
