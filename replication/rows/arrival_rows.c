/* What came when: a ring of ARRIVALS_MAX rows, one for each block that was stored here or run of
 * entries that was judged later.
 *
 *     n modulo ARRIVALS_MAX 4 -> n 8 ‖ life 4 ‖ stream 5 ‖ seq 4 ‖ count 2 ‖ [left out 2 ...]
 *
 * Numbers go up from 0; a row that is written over belongs to a later lap, which its number says.
 * The life tells a cursor given before the store was restored or made anew from one given after. */
#include <assert.h>
#include <string.h>

#include "replication/rows/rows.h"

enum { ARRIVAL_KEY_BYTES = 4, ARRIVAL_HEAD_BYTES = 8 + 4 + STREAM_KEY_BYTES + 4 + 2 };

static struct span ring_key(uint8_t key[static ARRIVAL_KEY_BYTES], uint64_t n)
{
    write_u32(key, (uint32_t)(n % ARRIVALS_MAX));
    return SPAN(key, ARRIVAL_KEY_BYTES);
}

bool arrival_read(const struct view *view, uint64_t n, struct arrival *arrival)
{
    uint8_t key[ARRIVAL_KEY_BYTES];
    struct span value;
    struct author_epoch author;
    if (view->get(view->context, TABLE_ARRIVALS, ring_key(key, n), &value) != READ_FOUND ||
        value.size < ARRIVAL_HEAD_BYTES)
        return false;
    const uint8_t *at = value.data;
    *arrival = (struct arrival){.n = read_u64(at), .life = read_u32(at + 8)};
    arrival->stream.number = read_u16(at + 15);
    arrival->seq = read_u32(at + 17);
    arrival->count = read_u16(at + 21);
    arrival->left_out = SPAN(at + ARRIVAL_HEAD_BYTES, value.size - ARRIVAL_HEAD_BYTES);
    if (!who_author(view, read_u32(at + 12) >> 8, &author))
        return false;
    arrival->stream.author = author.author;
    arrival->stream.epoch = author.epoch;
    arrival->stream.branch = author.branch;
    return true;
}

bool arrival_leaves_out(const struct arrival *arrival, uint32_t seq)
{
    for (size_t i = 0; i + 2 <= arrival->left_out.size; i += 2) {
        uint16_t place = read_u16(arrival->left_out.data + i);
        if ((place & ARRIVAL_CARRIED) != 0)
            i += 2;
        else if (arrival->seq + place == seq)
            return true;
    }
    return false;
}

bool arrival_leaves_out_carried(const struct arrival *arrival, uint32_t seq, size_t index)
{
    for (size_t i = 0; i + 2 <= arrival->left_out.size; i += 2) {
        uint16_t place = read_u16(arrival->left_out.data + i);
        if ((place & ARRIVAL_CARRIED) == 0)
            continue;
        i += 2;
        if (i + 2 > arrival->left_out.size ||
            arrival->seq + (place & ~(unsigned)ARRIVAL_CARRIED) != seq)
            continue;
        uint16_t said = read_u16(arrival->left_out.data + i);
        bool only = (said & ARRIVAL_ONLY) != 0;
        if (((said & ~(unsigned)ARRIVAL_ONLY) == index) != only)
            return true;
    }
    return false;
}

void arrival_write(struct updates *updates, const struct arrival *arrival)
{
    uint8_t key[ARRIVAL_KEY_BYTES];
    struct buffer value = {0};
    struct author_epoch author = stream_author(&arrival->stream);
    uint32_t who = who_assign(updates, &author);
    buffer_append_u64(&value, arrival->n);
    buffer_append_u32(&value, arrival->life);
    buffer_append_byte(&value, (uint8_t)(who >> 16));
    buffer_append_u16(&value, (uint16_t)who);
    buffer_append_u16(&value, arrival->stream.number);
    buffer_append_u32(&value, arrival->seq);
    buffer_append_u16(&value, arrival->count);
    assert(value.size == ARRIVAL_HEAD_BYTES);
    buffer_append_span(&value, arrival->left_out);
    updates_put(updates, TABLE_ARRIVALS, ring_key(key, arrival->n), span_of_buffer(&value));
    buffer_free(&value);
}

static bool number_at(const struct view *view, uint64_t place, uint64_t *n)
{
    struct arrival arrival = {0};
    bool there = arrival_read(view, place, &arrival);
    *n = arrival.n;
    return there && arrival.n % ARRIVALS_MAX == place;
}

/* The rows of the newest lap stand first, those of the lap before behind them. */
uint64_t arrivals_end(const struct view *view)
{
    uint64_t first, low = 0, high = ARRIVALS_MAX, n;
    if (!number_at(view, 0, &first))
        return 0;
    while (low + 1 < high) {
        uint64_t middle = low + (high - low) / 2;
        if (number_at(view, middle, &n) && n == first + middle)
            low = middle;
        else
            high = middle;
    }
    return first + low + 1;
}
