/* Heads statement: what its author has said to others so far, stream by stream.
 *
 * Always whole: a list that is not there is an empty list, never 'as before'. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/entry_parts.h"
#include "replication/format/note_parts.h"

enum {
    STATEMENT_TOKEN = 4,
    STATEMENT_STREAMS = 5,
    STATEMENT_REPORT = 6,
    STATEMENT_BASE = 7, /* never signed, so it can't stand in a note */
    STATEMENT_CLOCK = 8,
    STATEMENT_WAYS = 9,    /* [[epoch, number, seq, hash, [seat ...], end, its hash] ...] */
    STATEMENT_ORDERS = 10, /* [[seat, serial] ...] */
};

static void encode_stream(const struct statement_stream *stream, struct buffer *map)
{
    mp_write_array(map, 4);
    mp_write_uint(map, stream->number);
    mp_write_uint(map, stream->seq);
    mp_write_bin(map, SPAN_OF_ARRAY(stream->hash.bytes));
    if (stream->subtree)
        mp_write_uint(map, stream->tier);
    else
        mp_write_text(map, stream->end);
}

static void encode_ways(const struct heads_statement *statement, struct buffer *map)
{
    assert(statement->way_count <= STATEMENT_WAYS_MAX);
    mp_write_uint(map, STATEMENT_WAYS);
    mp_write_array(map, (uint32_t)statement->way_count);
    for (size_t i = 0; i < statement->way_count; i++) {
        const struct statement_way *way = &statement->ways[i];
        bool whole = way->seq == way->end;
        mp_write_array(map, whole ? 5 : 7);
        mp_write_uint(map, way->epoch);
        mp_write_uint(map, way->number);
        mp_write_uint(map, way->seq);
        mp_write_bin(map, SPAN_OF_ARRAY(way->hash.bytes));
        buffer_append_span(map, way->seats);
        if (whole)
            continue;
        mp_write_uint(map, way->end);
        mp_write_bin(map, SPAN_OF_ARRAY(way->end_hash.bytes));
    }
}

static void encode_orders(const struct heads_statement *statement, struct buffer *map)
{
    assert(statement->order_count <= TIERS_MAX);
    mp_write_uint(map, STATEMENT_ORDERS);
    mp_write_array(map, (uint32_t)statement->order_count);
    for (size_t i = 0; i < statement->order_count; i++) {
        mp_write_array(map, 2);
        mp_write_str(map, statement->orders[i].seat);
        mp_write_uint(map, statement->orders[i].serial);
    }
}

void statement_encode(const struct heads_statement *statement, struct buffer *map)
{
    assert(statement->stream_count <= STATEMENT_STREAMS_MAX);
    assert(statement->clock_ms < CLOCK_LIMIT);
    mp_write_map(map, 5U + statement->token.present + (statement->report != 0) +
                          (statement->way_count > 0) + (statement->order_count > 0));
    note_head_write(&statement->head, map);
    if (statement->token.present) {
        mp_write_uint(map, STATEMENT_TOKEN);
        token_ref_write(&statement->token, map);
    }
    mp_write_uint(map, STATEMENT_STREAMS);
    mp_write_array(map, (uint32_t)statement->stream_count);
    for (size_t i = 0; i < statement->stream_count; i++) {
        const struct statement_stream *stream = &statement->streams[i];
        assert(i == 0 || stream[-1].number < stream->number);
        encode_stream(stream, map);
    }
    if (statement->report != 0) {
        mp_write_uint(map, STATEMENT_REPORT);
        mp_write_uint(map, statement->report);
    }
    mp_write_uint(map, STATEMENT_CLOCK);
    mp_write_uint(map, statement->clock_ms);
    if (statement->way_count > 0)
        encode_ways(statement, map);
    if (statement->order_count > 0)
        encode_orders(statement, map);
}

static void decode_stream(struct mp_reader *reader, struct statement_stream *stream)
{
    if (mp_read_array(reader) != 4)
        mp_fail(reader);
    stream->number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
    stream->seq = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
    const uint8_t *hash = mp_read_bin_of(reader, HASH_BYTES);
    if (hash != NULL)
        memcpy(stream->hash.bytes, hash, HASH_BYTES);
    stream->subtree = mp_peek(reader) == MP_INT;
    if (stream->subtree)
        stream->tier = (uint8_t)mp_read_uint_max(reader, TIERS_MAX - 1);
    else
        note_read_seat(reader, stream->end);
}

static void decode_streams(struct mp_reader *reader, struct heads_statement *statement)
{
    uint32_t count = mp_read_array(reader);
    if (count > STATEMENT_STREAMS_MAX) {
        mp_fail(reader);
        return;
    }
    if (count == 0)
        return;
    statement->streams = mem_alloc(count * sizeof *statement->streams);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct statement_stream *stream = &statement->streams[i];
        decode_stream(reader, stream);
        if (i > 0 && stream[-1].number >= stream->number)
            mp_fail(reader);
    }
    statement->stream_count = count;
}

static void decode_way(struct mp_reader *reader, struct statement_way *way)
{
    uint32_t parts = mp_read_array(reader);
    if (parts != 5 && parts != 7)
        mp_fail(reader);
    way->epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    way->number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
    way->seq = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
    const uint8_t *hash = mp_read_bin_of(reader, HASH_BYTES);
    if (hash != NULL)
        memcpy(way->hash.bytes, hash, HASH_BYTES);
    way->seats = mp_read_any(reader);
    struct mp_reader seats = mp_reader(way->seats);
    uint32_t count = reader->failed ? 0 : mp_read_array(&seats);
    for (uint32_t i = 0; i < count && !seats.failed; i++) {
        char seat[SEAT_BYTES_MAX + 1];
        note_read_seat(&seats, seat);
    }
    if (count > HOLDERS_MAX || seats.failed)
        mp_fail(reader);
    way->end = way->seq;
    way->end_hash = way->hash;
    if (parts != 7)
        return;
    way->end = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
    hash = mp_read_bin_of(reader, HASH_BYTES);
    if (hash != NULL)
        memcpy(way->end_hash.bytes, hash, HASH_BYTES);
}

static void decode_ways(struct mp_reader *reader, struct heads_statement *statement)
{
    uint32_t count = mp_read_array(reader);
    if (count > STATEMENT_WAYS_MAX) {
        mp_fail(reader);
        return;
    }
    statement->ways = mem_alloc((count + 1) * sizeof *statement->ways);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        decode_way(reader, &statement->ways[i]);
    statement->way_count = count;
}

static void decode_orders(struct mp_reader *reader, struct heads_statement *statement)
{
    uint32_t count = mp_read_array(reader);
    if (count > TIERS_MAX) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (mp_read_array(reader) != 2)
            mp_fail(reader);
        statement->orders[i].seat = mp_read_str(reader);
        statement->orders[i].serial = mp_read_uint(reader);
        if (statement->orders[i].seat.size > SEAT_BYTES_MAX)
            mp_fail(reader);
    }
    statement->order_count = count;
}

bool statement_way_is_for(const struct statement_way *way, struct span seat)
{
    struct mp_reader reader = mp_reader(way->seats);
    uint32_t count = mp_read_array(&reader);
    bool named = false;
    for (uint32_t i = 0; i < count && !named; i++)
        named = span_equal(mp_read_str(&reader), seat);
    return named && !reader.failed;
}

/* Gives false for what must be understood and isn't. */
static bool decode_field(struct mp_reader *reader, int32_t key, struct heads_statement *statement,
                         unsigned *seen)
{
    if (note_head_field(reader, key, &statement->head, seen))
        return true;
    switch (key) {
    case STATEMENT_TOKEN: token_ref_read(reader, &statement->token); return true;
    case STATEMENT_STREAMS: decode_streams(reader, statement); return true;
    case STATEMENT_REPORT: statement->report = mp_read_uint(reader); return true;
    case STATEMENT_BASE: mp_fail(reader); return true;
    case STATEMENT_CLOCK:
        statement->clock_ms = mp_read_uint_max(reader, CLOCK_LIMIT - 1);
        *seen |= 1U << STATEMENT_CLOCK;
        return true;
    case STATEMENT_WAYS: decode_ways(reader, statement); return true;
    case STATEMENT_ORDERS: decode_orders(reader, statement); return true;
    default: mp_read_any(reader); return key >= 0;
    }
}

enum error_code statement_decode(struct span note, struct heads_statement *statement,
                                 struct error *error)
{
    const char *what = "a heads statement";
    *statement = (struct heads_statement){0};
    if (note.size > NOTE_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, what, "it is longer than 32 KiB");
    struct mp_reader reader = mp_reader(note_map(note));
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    bool understood = true;
    int32_t key = 0;
    while (understood && mp_field(&reader, &fields, &key))
        understood = decode_field(&reader, key, statement, &seen);
    if (understood)
        mp_read_end(&reader);
    if (!reader.failed && understood && seen == (NOTE_HEAD_SEEN | 1U << STATEMENT_CLOCK))
        return ERR_OK;
    statement_free(statement);
    if (!reader.failed && !understood)
        return error_set(error, ERR_PARKED, what, "it has field %d, not known here", (int)key);
    return error_set(error, ERR_MALFORMED, what,
                     "expected signer, epoch, counter, clock and a sorted list of streams");
}

void statement_free(struct heads_statement *statement)
{
    free(statement->streams);
    free(statement->ways);
    *statement = (struct heads_statement){0};
}
