/* A block that its own author signed and that doesn't decode, behind the head of its urgent stream:
 * what a broken program, or a cheat with a true key, would leave on its own disk. */
#include <assert.h>
#include <stdlib.h>

#include "replication/updates.h"
#include "sim/world/mischief.h"

/* The newest of its urgent streams. */
static bool find_stream(struct world *world, size_t node, const struct key_id *own,
                        struct stream_id *stream, struct stream_row *row)
{
    struct stream_row *next = mem_alloc(sizeof *next);
    struct stream_id id;
    bool found = false;
    for (uint64_t cursor = 0; stream_row_next(world_view(world, node), &cursor, &id, next);) {
        if (!key_id_equal(id.author, *own) || next->open.class != CLASS_URGENT || next->closed ||
            next->forked || id.branch > 0)
            continue;
        if (found &&
            (id.epoch < stream->epoch || (id.epoch == stream->epoch && id.number < stream->number)))
            continue;
        *stream = id;
        *row = *next;
        found = true;
    }
    free(next);
    return found;
}

/* An honest block first; then other bytes in its payload's place, and signed anew. */
static void make_block(const struct world *world, const struct county_keys *seat,
                       const struct poison *poison, uint64_t clock, struct prepared_block *block)
{
    static const uint8_t junk[] = "this is no run of entries";
    struct author_epoch author = stream_author(&poison->stream);
    struct entry entry = {
        .kind = ENTRY_CLOSE, .schema_version = 1, .n = 1, .clock = clock, .body = SPAN("\x80", 1)};
    entry.body_hash = entry_body_hash(entry.body);
    struct entry_writer *writer = entry_writer_new(&author, seat->signing_key, 1);
    bool added = entry_writer_add(writer, &entry);
    assert(added);
    (void)added;
    block_make(writer, &world_county(world)->tree_id, &poison->stream, &poison->row.head,
               seat->signing_key, seat->signing_secret, NULL, block);
    entry_writer_free(writer);
    buffer_clear(&block->payload);
    buffer_append(&block->payload, junk, sizeof junk);
    block->opaque = true;
    block->header.codec = block->payload_codec = CODEC_RAW;
    block->header.payload_hash = hash_of(HASH_PAYLOAD, span_of_buffer(&block->payload));
    block->hash = block_header_hash(&block->header);
    sign_hash(&block->hash, seat->signing_secret, block->signature);
}

bool poison_make(struct world *world, size_t node, struct poison *poison)
{
    const struct county_keys *seat = world_keys(world, node);
    struct prepared_block block;
    assert(!world_runs(world, node));
    *poison = (struct poison){0};
    if (!find_stream(world, node, &seat->key_id, &poison->stream, &poison->row))
        return false;
    make_block(world, seat, poison, world_clock_ms(world, node), &block);
    poison->seq = block.header.seq;
    block_write(&block, BLOCK_STORED, &poison->row.head, &poison->stored);
    poison->row.head =
        (struct stream_head){block.header.seq + block.header.count, block.hash, block.header.clock};
    prepared_block_free(&block);
    return true;
}

void poison_store(struct world *world, size_t node, const struct poison *poison)
{
    struct updates *updates = updates_new();
    struct row_change change;
    struct store_port port;
    size_t cursor = 0;
    memory_store_arm(world_store(world, node), MEMORY_FAULT_NONE);
    memory_store_port(world_store(world, node), &port);
    updates_begin(updates, &port.view);
    block_row_put(updates, &poison->stream, poison->seq, span_of_buffer(&poison->stored));
    stream_row_write(updates, &poison->stream, &poison->row);
    port.begin(port.context);
    while (updates_each_row(updates, &cursor, &change))
        port.put(port.context, change.table, change.key, change.value);
    enum error_code code = port.commit(port.context);
    assert(code == ERR_OK);
    (void)code;
    updates_free(updates);
}

void poison_free(struct poison *poison)
{
    buffer_free(&poison->stored);
}
