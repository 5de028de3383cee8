/* What a block is called, and how streams are ordered. */
#include "replication/format/block.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/msgpack.h"

enum { BLOCK_VERSION = 1, HEADER_PARTS = 13 };

struct hash block_header_hash(const struct block_header *header)
{
    assert(header->count >= 1 && header->count <= BLOCK_ENTRIES_MAX);
    struct buffer bytes = {0};
    buffer_reserve(&bytes, 256);
    mp_write_array(&bytes, HEADER_PARTS);
    mp_write_uint(&bytes, BLOCK_VERSION);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(header->tree_id.bytes));
    mp_write_bin(&bytes, SPAN_OF_ARRAY(header->author_key));
    mp_write_uint(&bytes, header->stream.epoch);
    mp_write_uint(&bytes, header->stream.number);
    mp_write_uint(&bytes, header->seq);
    mp_write_uint(&bytes, header->count);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(header->previous.bytes));
    mp_write_uint(&bytes, header->clock);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(header->root.bytes));
    mp_write_uint(&bytes, header->codec);
    mp_write_bin(&bytes, SPAN_EMPTY); /* no dictionary */
    mp_write_bin(&bytes, SPAN_OF_ARRAY(header->payload_hash.bytes));
    struct hash hash = hash_of(HASH_BLOCK, span_of_buffer(&bytes));
    buffer_free(&bytes);
    return hash;
}

void prepared_block_free(struct prepared_block *block)
{
    for (size_t i = 0; block->unsealed != NULL && i < block->list.count; i++)
        unsealed_free(&block->unsealed[i]);
    free(block->unsealed);
    if (block->leaves != block->digests)
        free(block->leaves);
    buffer_free(&block->payload);
    free(block->digests);
    entry_list_free(&block->list);
    buffer_free(&block->plain);
    *block = (struct prepared_block){0};
}

int stream_id_compare(const struct stream_id *a, const struct stream_id *b)
{
    int order = key_id_compare(a->author, b->author);
    if (order != 0)
        return order;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->branch > b->branch) - (a->branch < b->branch);
}

bool stream_id_same(const struct stream_id *a, const struct stream_id *b)
{
    return a->number == b->number && a->epoch == b->epoch && key_id_equal(a->author, b->author);
}
