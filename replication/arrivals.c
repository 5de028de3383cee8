/* What a watcher reads: one small row for each block that is stored, whoever wrote it, in the order
 * in which its entries were judged here. What has to wait is left out of its block's row and gets a
 * row of its own when it is settled, so that nothing is told twice. */
#include <assert.h>
#include <string.h>

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
    struct buffer *waits = &step->replica->waits;
    if (stream_id_compare(&place.stream, &step->replica->arriving) != 0)
        return;
    buffer_append_u32(waits, place.seq);
    buffer_append_u32(waits, place.carried ? place.index : UINT32_MAX);
}

/* ---- what was told waits again ---- */

static struct span told_key(uint8_t key[static 1 + HASH_BYTES], const struct hash *digest)
{
    key[0] = 't';
    memcpy(key + 1, digest->bytes, HASH_BYTES);
    return SPAN(key, 1 + HASH_BYTES);
}

void arrival_keep_told(struct step *step, const struct hash *digest)
{
    uint8_t key[1 + HASH_BYTES];
    updates_put(step->updates, TABLE_META, told_key(key, digest), SPAN_EMPTY);
}

void arrival_forget_told(struct step *step, const struct hash *digest)
{
    uint8_t bytes[1 + HASH_BYTES];
    struct span value, key = told_key(bytes, digest);
    if (step->view->get(step->view->context, TABLE_META, key, &value) == READ_FOUND)
        updates_remove(step->updates, TABLE_META, key);
}

bool arrival_was_told(struct step *step, const struct located_entry *located, enum outcome outcome)
{
    uint8_t bytes[1 + HASH_BYTES];
    struct span value, key = told_key(bytes, located->digest);
    if (outcome == OUTCOME_PARKED || outcome == OUTCOME_FULL ||
        step->view->get(step->view->context, TABLE_META, key, &value) != READ_FOUND)
        return false;
    updates_remove(step->updates, TABLE_META, key);
    return true;
}

/* ---- rows ---- */

/* Gives how many entries of the block itself are left out. */
static size_t write_left_out(const struct buffer *waits, uint32_t seq, size_t count,
                             struct buffer *left_out)
{
    size_t whole = 0;
    for (size_t i = 0; i < waits->size; i += 8) {
        uint32_t place = read_u32(waits->data + i), index = read_u32(waits->data + i + 4);
        if (place < seq || place - seq >= count)
            continue;
        bool carried = index != UINT32_MAX;
        buffer_append_u16(left_out, (uint16_t)((place - seq) | (carried ? ARRIVAL_CARRIED : 0)));
        if (carried)
            buffer_append_u16(left_out, (uint16_t)index);
        whole += !carried;
    }
    return whole;
}

void arrival_end(struct step *step, uint64_t n, const struct stream_id *stream, uint32_t seq,
                 size_t count)
{
    struct buffer *waits = &step->replica->waits;
    struct buffer left_out = {0};
    assert(n < step->replica->arrivals && count <= BLOCK_ENTRIES_MAX);
    size_t whole = write_left_out(waits, seq, count, &left_out);
    if (whole >= count && n + 1 == step->replica->arrivals) {
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

void arrival_put_late(struct step *step, const struct entry_place *place)
{
    uint8_t only[4];
    write_u16(only, ARRIVAL_CARRIED);
    write_u16(only + 2, (uint16_t)(ARRIVAL_ONLY | place->index));
    struct arrival arrival = {.n = step->replica->arrivals++,
                              .life = step->replica->life,
                              .stream = place->stream,
                              .seq = place->seq,
                              .count = 1,
                              .left_out = SPAN_OF_ARRAY(only)};
    arrival_write(step->updates, &arrival);
}

void arrival_put_again(struct step *step, const struct entry_place *place)
{
    if (place->carried) {
        arrival_put_late(step, place);
        return;
    }
    struct arrival arrival = {.n = step->replica->arrivals++,
                              .life = step->replica->life,
                              .stream = place->stream,
                              .seq = place->seq,
                              .count = 1};
    arrival_write(step->updates, &arrival);
}
