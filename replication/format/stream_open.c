/* The body of a stream's first entry: what the stream is, for its whole life. */
#include <assert.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/note_parts.h"

enum {
    OPEN_CLASS = 1,
    OPEN_HOLDERS = 2,
    OPEN_SEALED = 3,
    OPEN_DICTIONARY = 4,
    OPEN_CONTINUES = 5,
    OPEN_EPOCHS = 6,
    OPEN_INSTANCE = 7,
    OPEN_READERS = 8,
    INSTANCE_BYTES = 8,
};

static void encode_holders(const struct stream_open *open, struct buffer *body)
{
    assert(open->holders <= HOLDERS_SUBTREE);
    switch ((enum holders_kind)open->holders) {
    case HOLDERS_SELF:
        mp_write_array(body, 1);
        mp_write_uint(body, HOLDERS_SELF);
        return;
    case HOLDERS_PATH:
        assert(open->seat_count >= 1 && open->seat_count <= HOLDERS_MAX);
        mp_write_array(body, 1U + open->seat_count);
        mp_write_uint(body, HOLDERS_PATH);
        for (size_t i = 0; i < open->seat_count; i++)
            mp_write_text(body, open->seats[i]);
        return;
    case HOLDERS_SUBTREE:
        assert(open->tier < TIERS_MAX);
        mp_write_array(body, 2);
        mp_write_uint(body, HOLDERS_SUBTREE);
        mp_write_uint(body, open->tier);
        return;
    }
}

static void encode_continues(const struct stream_open *open, struct buffer *body)
{
    mp_write_uint(body, OPEN_CONTINUES);
    mp_write_array(body, 4);
    mp_write_uint(body, open->continues_epoch);
    mp_write_uint(body, open->continues_number);
    mp_write_uint(body, open->continues_seq);
    mp_write_bin(body, SPAN_OF_ARRAY(open->continues_hash.bytes));
}

void stream_open_encode(const struct stream_open *open, struct buffer *body)
{
    assert(open->class < CLASS_COUNT && open->epoch_count <= HOLDERS_MAX);
    bool epochs = open->epoch_count != 0, sealed = open->sealed_to[0] != '\0';
    assert(!sealed || (open->holders == HOLDERS_PATH && open->reader_count > 0));
    mp_write_map(body, 2U + open->continues + epochs + open->has_instance + 2U * sealed);
    mp_write_uint(body, OPEN_CLASS);
    mp_write_uint(body, open->class);
    mp_write_uint(body, OPEN_HOLDERS);
    encode_holders(open, body);
    if (sealed) {
        mp_write_uint(body, OPEN_SEALED);
        mp_write_text(body, open->sealed_to);
    }
    if (open->continues)
        encode_continues(open, body);
    if (epochs) {
        mp_write_uint(body, OPEN_EPOCHS);
        mp_write_array(body, open->epoch_count);
        for (size_t i = 0; i < open->epoch_count; i++)
            mp_write_uint(body, open->epochs[i]);
    }
    if (open->has_instance) {
        mp_write_uint(body, OPEN_INSTANCE);
        mp_write_bin(body, SPAN_OF_ARRAY(open->instance));
    }
    if (sealed) {
        mp_write_uint(body, OPEN_READERS);
        mp_write_array(body, open->reader_count);
        for (size_t i = 0; i < open->reader_count; i++)
            mp_write_bin(body, SPAN_OF_ARRAY(open->readers[i].bytes));
    }
}

static void decode_seats(struct mp_reader *reader, uint32_t count, struct stream_open *open)
{
    if (count == 0 || count > HOLDERS_MAX) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        note_read_seat(reader, open->seats[i]);
    open->seat_count = (uint8_t)count;
}

/* Gives false for a kind of holders that isn't known here. */
static bool decode_holders(struct mp_reader *reader, struct stream_open *open)
{
    uint32_t parts = mp_read_array(reader);
    open->holders = (uint8_t)mp_read_uint_max(reader, UINT8_MAX);
    if (parts == 0 || reader->failed)
        mp_fail(reader);
    else if (open->holders == HOLDERS_PATH)
        decode_seats(reader, parts - 1, open);
    else if (open->holders == HOLDERS_SUBTREE && parts == 2)
        open->tier = (uint8_t)mp_read_uint_max(reader, TIERS_MAX - 1);
    else if (open->holders > HOLDERS_SUBTREE)
        return false;
    else if (open->holders != HOLDERS_SELF || parts != 1)
        mp_fail(reader);
    return true;
}

static void decode_continues(struct mp_reader *reader, struct stream_open *open)
{
    if (mp_read_array(reader) != 4)
        mp_fail(reader);
    open->continues_epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    open->continues_number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
    open->continues_seq = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
    const uint8_t *hash = mp_read_bin_of(reader, HASH_BYTES);
    if (hash != NULL)
        memcpy(open->continues_hash.bytes, hash, HASH_BYTES);
    open->continues = true;
}

static void decode_epochs(struct mp_reader *reader, struct stream_open *open)
{
    uint32_t count = mp_read_array(reader);
    if (count > HOLDERS_MAX) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        open->epochs[i] = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    open->epoch_count = (uint8_t)count;
}

static void decode_instance(struct mp_reader *reader, struct stream_open *open)
{
    const uint8_t *instance = mp_read_bin_of(reader, INSTANCE_BYTES);
    if (instance != NULL)
        memcpy(open->instance, instance, INSTANCE_BYTES);
    open->has_instance = true;
}

/* Sorted and unique, so that one set of keys has one form. */
static void decode_readers(struct mp_reader *reader, struct stream_open *open)
{
    uint32_t count = mp_read_array(reader);
    if (count == 0 || count > SEAL_READERS_MAX) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *id = mp_read_bin_of(reader, KEY_ID_BYTES);
        if (id == NULL)
            return;
        memcpy(open->readers[i].bytes, id, KEY_ID_BYTES);
        if (i > 0 && key_id_compare(open->readers[i - 1], open->readers[i]) >= 0)
            mp_fail(reader);
    }
    open->reader_count = (uint8_t)count;
}

bool stream_is_backup(const struct stream_open *open)
{
    return open->holders == HOLDERS_PATH && open->seat_count == 2 &&
           strcmp(open->sealed_to, open->seats[0]) == 0;
}

/* It is a path's end that reads, who stands on the way passes it on; or the author's own seat what
 * its parent keeps for it. */
static bool seal_fits(const struct stream_open *open)
{
    if (open->sealed_to[0] == '\0')
        return open->reader_count == 0;
    return open->reader_count > 0 && open->holders == HOLDERS_PATH && open->seat_count > 1 &&
           (stream_is_backup(open) ||
            strcmp(open->sealed_to, open->seats[open->seat_count - 1]) == 0);
}

/* Gives false for what must be understood and isn't: the stream is parked then. */
static bool decode_field(struct mp_reader *reader, int32_t key, struct stream_open *open)
{
    switch (key) {
    case OPEN_CLASS: open->class = (uint8_t)mp_read_uint_max(reader, CLASS_COUNT - 1); return true;
    case OPEN_HOLDERS: return decode_holders(reader, open);
    case OPEN_SEALED: note_read_seat(reader, open->sealed_to); return true;
    case OPEN_READERS: decode_readers(reader, open); return true;
    case OPEN_DICTIONARY: return false;
    case OPEN_CONTINUES: decode_continues(reader, open); return true;
    case OPEN_EPOCHS: decode_epochs(reader, open); return true;
    case OPEN_INSTANCE: decode_instance(reader, open); return true;
    default: mp_read_any(reader); return key >= 0;
    }
}

enum error_code stream_open_decode(struct span body, struct stream_open *open, struct error *error)
{
    *open = (struct stream_open){0};
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    for (int32_t key = 0; mp_field(&reader, &fields, &key);) {
        if (key == OPEN_CLASS || key == OPEN_HOLDERS)
            seen |= 1U << key;
        if (!decode_field(&reader, key, open) && !reader.failed)
            return error_set(error, ERR_PARKED, "the opening of a stream",
                             "it has field %d in a form that is not known here", (int)key);
    }
    mp_read_end(&reader);
    if (reader.failed || seen != (1U << OPEN_CLASS | 1U << OPEN_HOLDERS) || !seal_fits(open))
        return error_set(error, ERR_MALFORMED, "the opening of a stream",
                         "expected a class, holders and what goes with them");
    return ERR_OK;
}
