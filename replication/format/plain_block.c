#include "replication/format/plain_block.h"

#include <stdlib.h>

#include "base/msgpack.h"
#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"
#include "replication/format/payload.h"

/* Over one entry: clock and counter as they stand behind it. Whatever else it says is passed over,
 * and looked at when it is decoded. */
static bool pass_entry(struct mp_reader *reader, uint64_t *clock, int64_t *counter)
{
    int64_t next_clock;
    if (mp_peek(reader) == MP_BIN) {
        mp_read_bin(reader);
        return !reader->failed;
    }
    uint32_t parts = mp_read_array(reader);
    if (parts < ENTRY_PARTS_LEAST)
        return false;
    mp_read_any(reader); /* kind */
    uint64_t type = mp_read_uint(reader);
    int64_t difference = mp_read_int(reader);
    if (reader->failed || __builtin_add_overflow((int64_t)*clock, difference, &next_clock) ||
        next_clock < 0 || (uint64_t)next_clock >= CLOCK_LIMIT)
        return false;
    *clock = (uint64_t)next_clock;
    if (type != 0 && mp_peek(reader) == MP_INT) {
        if (__builtin_add_overflow(*counter, mp_read_int(reader), counter) || *counter < 1 ||
            *counter > UINT32_MAX)
            return false;
    } else {
        mp_read_any(reader);
    }
    for (uint32_t i = ENTRY_PARTS_LEAST - 1; i < parts && !reader->failed; i++)
        mp_read_any(reader);
    return !reader->failed;
}

static bool begin_marks(struct plain_block *text, uint64_t clock)
{
    struct mp_reader reader = mp_reader_known(span_of_buffer(&text->plain));
    mp_read_any(&reader); /* schema version */
    mp_read_any(&reader); /* authors */
    uint64_t count = mp_read_uint_max(&reader, BLOCK_ENTRIES_MAX);
    if (reader.failed || count == 0)
        return false;
    text->marks = mem_alloc(count * sizeof *text->marks);
    text->count = count;
    text->marks[0] = (struct entry_mark){clock, (uint32_t)reader.at, 0};
    text->found = 1;
    return true;
}

static bool find_mark(struct plain_block *text, size_t place)
{
    const struct entry_mark *last = &text->marks[text->found - 1];
    struct mp_reader reader = mp_reader_known(span_of_buffer(&text->plain));
    uint64_t clock = last->clock;
    int64_t counter = last->counter;
    reader.at = last->at;
    while (text->found <= place) {
        if (!pass_entry(&reader, &clock, &counter))
            return false;
        text->marks[text->found++] =
            (struct entry_mark){clock, (uint32_t)reader.at, (uint32_t)counter};
    }
    return true;
}

bool plain_block_open(struct span stored, struct plain_block *text)
{
    struct block_parts parts;
    *text = (struct plain_block){0};
    if (block_parts_read(stored, &parts, NULL) == ERR_OK && parts.flags & BLOCK_HAS_CLOCK &&
        parts.payload.size > 0 &&
        payload_unpack(parts.payload, (enum block_codec)parts.payload_codec, &text->plain) &&
        begin_marks(text, parts.clock))
        return true;
    plain_block_free(text);
    return false;
}

void plain_block_free(struct plain_block *text)
{
    buffer_free(&text->plain);
    free(text->marks);
    *text = (struct plain_block){0};
}

bool plain_block_entry(struct plain_block *text, size_t place, const struct author_epoch *self,
                       const uint8_t author_key[static KEY_BYTES], struct entry_list *one,
                       struct hash *digest)
{
    if (place >= text->count || !find_mark(text, place) ||
        !entry_decode_at(span_of_buffer(&text->plain), self, &text->marks[place], one))
        return false;
    if (one->entries[0].seal == ENTRY_CLEAR) {
        entry_list_digests(one, author_key, self->epoch, digest);
        return true;
    }
    entry_list_free(one);
    return false;
}
