/* What a watcher reads: one small row for each block that is stored, whoever wrote it, in the order
 * in which its entries were judged here. What has to wait is left out of its block's row and gets a
 * row of its own when it is settled, so that nothing is told twice. */
#include <assert.h>

#include "replication/core.h"

uint64_t arrival_begin(struct step *step, const struct stream_id *stream)
{
    step->replica->arriving = *stream;
    buffer_clear(&step->replica->waits);
    return step->replica->arrivals++;
}

void arrival_omit(struct step *step, const struct located_entry *located)
{
    struct entry_place place = located_place(located);
    if (!place.carried && stream_id_compare(&place.stream, &step->replica->arriving) == 0)
        buffer_append_u32(&step->replica->waits, located->seq);
}

void arrival_end(struct step *step, uint64_t n, const struct stream_id *stream, uint32_t seq,
                 size_t count)
{
    struct buffer *waits = &step->replica->waits;
    struct buffer left_out = {0};
    assert(n < step->replica->arrivals && count <= BLOCK_ENTRIES_MAX);
    for (size_t i = 0; i < waits->size; i += 4) {
        uint32_t place = read_u32(waits->data + i);
        if (place >= seq && place - seq < count)
            buffer_append_u16(&left_out, (uint16_t)(place - seq));
    }
    if (left_out.size / 2 >= count && n + 1 == step->replica->arrivals) {
        step->replica->arrivals = n; /* nothing to tell: the number is given again */
        count = 0;
    }
    struct arrival arrival = {.n = n,
                              .life = step->replica->life,
                              .stream = *stream,
                              .seq = seq,
                              .count = (uint16_t)count,
                              .left_out = span_of_buffer(&left_out)};
    if (n < step->replica->arrivals)
        arrival_write(step->updates, &arrival);
    buffer_free(&left_out);
    buffer_free(waits);
}

void arrival_put(struct step *step, const struct stream_id *stream, uint32_t seq, size_t count)
{
    arrival_end(step, arrival_begin(step, stream), stream, seq, count);
}
