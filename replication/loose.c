/* Blocks that a repair has kept behind a gap (replication/salvage/): when the chain reaches one, it
 * is taken in. Its entries have been judged when the store was repaired; only those that waited for
 * their stream are tried again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum { BLOCKS_A_STEP = 256 };

/* The block at the chain's head, if it is here and follows on it. */
static bool take_in(struct step *step, const struct stream_id *stream, struct stream_row *row)
{
    struct prepared_block block;
    if (!block_row_begins(step->view, stream, row->head.seq) ||
        block_row_open(step->view, step->replica->tree, stream, row->head.seq, &block) != ERR_OK)
        return false;
    bool follows = hash_equal(&block.header.previous, &row->head.hash);
    size_t count = block.opaque ? 0 : block.list.count;
    if (follows) {
        row->closed = count > 0 && block.list.entries[count - 1].kind == ENTRY_CLOSE;
        row->head = (struct stream_head){
            .seq = block.header.seq + block.header.count,
            .hash = block.hash,
            .clock = block.header.clock,
        };
    }
    prepared_block_free(&block);
    return follows;
}

static void remove_gap(struct step *step, const struct stream_id *stream, uint32_t seq)
{
    struct author_epoch author = stream_author(stream);
    struct located_entry at = {.author = author, .stream = stream->number, .seq = seq};
    uint8_t bytes[1 + LOCATOR_BYTES_MAX] = {'b'};
    struct span value, key = SPAN(bytes, 1 + locator_write(step, &at, bytes + 1));
    if (step->view->get(step->view->context, TABLE_QUARANTINE, key, &value) != READ_FOUND)
        return;
    updates_remove(step->updates, TABLE_QUARANTINE, key);
    aside_fewer(step, 'q', stream->author);
}

void loose_attach(struct step *step, const struct stream_id *stream, uint32_t filled,
                  struct stream_row *row)
{
    struct replica *replica = step->replica;
    uint32_t from = row->head.seq;
    unsigned taken = 0;
    assert(!row->closed || row->head.seq > 0);
    remove_gap(step, stream, filled);
    while (taken < BLOCKS_A_STEP && !row->closed && take_in(step, stream, row))
        taken++;
    if (taken == 0)
        return;
    stream_row_write(step->updates, stream, row);
    updates_trace(step->updates, "attach %s %u..%u", label_stream(replica->tree, stream).text, from,
                  row->head.seq);
    parked_sweep(step);
    if (taken == BLOCKS_A_STEP) {
        replica->loose = *stream;
        replica->loose_due = true;
        replica->deadline_tick = step->tick_ms;
    }
}

void loose_go_on(struct step *step)
{
    struct replica *replica = step->replica;
    struct stream_id stream = replica->loose;
    if (!replica->loose_due)
        return;
    struct stream_row *row = mem_alloc(sizeof *row);
    replica->loose_due = false;
    if (stream_row_read(step->view, &stream, row)) {
        loose_attach(step, &stream, row->head.seq, row);
        cursors_head_moved(step, &stream, row, NULL);
    }
    free(row);
}
