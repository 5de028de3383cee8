/* Rows of indexes by fields, and ranges of them. */
#include "replication/rows/field_rows.h"

#include <assert.h>
#include <string.h>

enum { TYPE_BYTES = 2 };

/* ---- slots ---- */

enum { CHECK_BYTES = 8 };

static struct span check_of(struct span value, struct hash *hash)
{
    *hash = hash_of(HASH_BODY, value);
    return SPAN(hash->bytes, CHECK_BYTES);
}

/* The slots, and a check behind them: no row says what they were. */
static bool read_slots(struct span value, struct field_slots *slots)
{
    struct hash hash;
    if (value.size < CHECK_BYTES)
        return false;
    value.size -= CHECK_BYTES;
    struct mp_reader reader = mp_reader(value);
    uint32_t count = mp_read_array(&reader);
    if (reader.failed || count > FIELD_SLOTS_MAX ||
        !span_equal(check_of(value, &hash), SPAN(value.data + value.size, CHECK_BYTES)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct field_slot *slot = &slots->at[slots->count++];
        if (mp_read_array(&reader) != 4)
            return false;
        slot->number = (uint8_t)mp_read_uint_max(&reader, UINT8_MAX);
        slot->state = (enum slot_state)mp_read_uint_max(&reader, SLOT_STATE_COUNT - 1);
        slot->mark = mp_read_uint(&reader);
        const uint8_t *place = mp_read_bin_of(&reader, RECORD_KEY_BYTES);
        if (place != NULL)
            memcpy(slot->place, place, RECORD_KEY_BYTES);
    }
    mp_read_end(&reader);
    return !reader.failed;
}

enum read_answer field_slots_read(const struct view *view, uint16_t type, struct field_slots *slots)
{
    uint8_t key[TYPE_BYTES];
    struct span value;
    slots->count = 0;
    write_u16(key, type);
    enum read_answer answer = view->get(view->context, TABLE_FIELDS, SPAN_OF_ARRAY(key), &value);
    if (answer == READ_FOUND && !read_slots(value, slots)) {
        slots->count = 0;
        answer = READ_UNREADABLE;
    }
    return answer;
}

bool field_slots_next(const struct view *view, uint16_t *type)
{
    uint8_t from[TYPE_BYTES];
    struct span key, value;
    while (*type < UINT16_MAX) {
        write_u16(from, (uint16_t)(*type + 1));
        if (view->next(view->context, TABLE_FIELDS, SPAN_OF_ARRAY(from), &key, &value) !=
                READ_FOUND ||
            key.size < TYPE_BYTES)
            return false;
        *type = read_u16(key.data);
        if (key.size == TYPE_BYTES)
            return true;
    }
    return false;
}

void field_slots_write(struct updates *updates, uint16_t type, const struct field_slots *slots)
{
    uint8_t key[TYPE_BYTES];
    struct buffer value = {0};
    write_u16(key, type);
    mp_write_array(&value, (uint32_t)slots->count);
    for (size_t i = 0; i < slots->count; i++) {
        const struct field_slot *slot = &slots->at[i];
        mp_write_array(&value, 4);
        mp_write_uint(&value, slot->number);
        mp_write_uint(&value, (uint64_t)slot->state);
        mp_write_uint(&value, slot->mark);
        mp_write_bin(&value, SPAN_OF_ARRAY(slot->place));
    }
    struct hash hash;
    struct span check = check_of(span_of_buffer(&value), &hash);
    buffer_append_span(&value, check);
    if (slots->count == 0)
        updates_remove(updates, TABLE_FIELDS, SPAN_OF_ARRAY(key));
    else
        updates_put(updates, TABLE_FIELDS, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&value);
}

struct field_slot *field_slot_of(struct field_slots *slots, uint64_t mark)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->at[i].mark == mark && slots->at[i].state != SLOT_LEAVING)
            return &slots->at[i];
    }
    return NULL;
}

/* ---- rows ---- */

void field_row_key(const uint8_t record[static RECORD_KEY_BYTES], uint64_t clock, uint8_t slot,
                   struct span values, struct buffer *key)
{
    uint8_t bytes[8];
    write_u64(bytes, clock);
    buffer_clear(key);
    buffer_append(key, record, TYPE_BYTES);
    buffer_append_byte(key, slot);
    buffer_append_span(key, values);
    buffer_append(key, bytes, sizeof bytes);
    buffer_append(key, record + TYPE_BYTES, RECORD_KEY_BYTES - TYPE_BYTES);
    assert(key->size <= STORE_KEY_BYTES_MAX);
}

bool field_row_parse(struct span key, struct field_row *row)
{
    if (key.size < FIELD_SLOT_BYTES + 1 + FIELD_TAIL_BYTES)
        return false;
    const uint8_t *tail = key.data + key.size - FIELD_TAIL_BYTES;
    row->clock = read_u64(tail);
    row->values = SPAN(key.data + FIELD_SLOT_BYTES, key.size - FIELD_SLOT_BYTES - FIELD_TAIL_BYTES);
    memcpy(row->record, key.data, TYPE_BYTES);
    memcpy(row->record + TYPE_BYTES, tail + 8, RECORD_KEY_BYTES - TYPE_BYTES);
    return true;
}

/* ---- ranges ---- */

bool field_index_find(const struct view *view, const struct record_type *type, size_t which,
                      struct field_index *index)
{
    struct field_slots slots;
    assert(which < type->index_count);
    const int32_t *fields = type->indexes[which];
    if (index_width(type, fields) == 0)
        return false;
    field_slots_read(view, type->number, &slots);
    const struct field_slot *slot = field_slot_of(&slots, index_mark(type, fields));
    if (slot == NULL || slot->state != SLOT_WHOLE)
        return false;
    *index = (struct field_index){type, fields, slot->number};
    return true;
}

/* The first key that doesn't begin with these bytes; they are never all ff. */
static size_t behind(uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0xff)
        size--;
    assert(size > 0);
    bytes[size - 1]++;
    return size;
}

static void set_until(struct field_range *range, struct span prefix)
{
    memcpy(range->until, prefix.data, prefix.size);
    range->until_size = behind(range->until, prefix.size);
}

void field_range_all(struct field_range *range, const struct field_index *index)
{
    range->index = *index;
    range->narrowed = 0;
    write_u16(range->from, index->type->number);
    range->from[TYPE_BYTES] = index->slot;
    range->from_size = FIELD_SLOT_BYTES;
    set_until(range, SPAN(range->from, range->from_size));
}

static const struct field *next_field(const struct field_range *range)
{
    int32_t number = range->index.fields[range->narrowed];
    assert(number != 0);
    return type_field(range->index.type, number);
}

void field_range_equal(struct field_range *range, struct span value)
{
    struct buffer prefix = {0};
    buffer_append(&prefix, range->from, range->from_size);
    index_key_encode(next_field(range), value, &prefix);
    assert(prefix.size <= sizeof range->from);
    memcpy(range->from, prefix.data, prefix.size);
    range->from_size = prefix.size;
    set_until(range, span_of_buffer(&prefix));
    range->narrowed++;
    buffer_free(&prefix);
}

void field_range_between(struct field_range *range, struct span low, bool above, struct span high,
                         bool below)
{
    const struct field *field = next_field(range);
    struct buffer first = {0}, last = {0};
    buffer_append(&first, range->from, range->from_size);
    buffer_append(&last, range->from, range->from_size);
    if (high.size > 0) {
        bool whole = index_key_encode(field, high, &last);
        memcpy(range->until, last.data, last.size);
        range->until_size = below && whole ? last.size : behind(range->until, last.size);
    }
    bool whole = true;
    if (low.size > 0)
        whole = index_key_encode(field, low, &first);
    else
        buffer_append_byte(&first, 1);
    memcpy(range->from, first.data, first.size);
    range->from_size =
        low.size > 0 && above && whole ? behind(range->from, first.size) : first.size;
    range->narrowed++;
    buffer_free(&first);
    buffer_free(&last);
}

void field_range_until(struct field_range *range, struct span place)
{
    assert(place.size == FIELD_TAIL_BYTES && range->from_size + place.size < sizeof range->until);
    memcpy(range->until, range->from, range->from_size);
    memcpy(range->until + range->from_size, place.data, place.size);
    range->until_size = range->from_size + place.size;
    range->until[range->until_size++] = 0;
}

static bool is_within(const struct field_range *range, struct span key)
{
    return span_compare(key, SPAN(range->from, range->from_size)) >= 0 &&
           span_compare(key, SPAN(range->until, range->until_size)) < 0;
}

static bool is_empty(const struct field_range *range)
{
    return span_compare(SPAN(range->from, range->from_size),
                        SPAN(range->until, range->until_size)) >= 0;
}

static enum read_answer take(struct span key, struct field_row *row)
{
    return field_row_parse(key, row) ? READ_FOUND : READ_UNREADABLE;
}

enum read_answer field_range_next(const struct view *view, struct field_range *range,
                                  struct field_row *row)
{
    struct span key, value;
    if (is_empty(range))
        return READ_ABSENT;
    enum read_answer answer =
        view->next(view->context, TABLE_FIELDS, SPAN(range->from, range->from_size), &key, &value);
    if (answer != READ_FOUND)
        return answer;
    if (!is_within(range, key))
        return READ_ABSENT;
    answer = take(key, row);
    memcpy(range->from, key.data, key.size);
    range->from_size = key.size;
    if (key.size < STORE_KEY_BYTES_MAX)
        range->from[range->from_size++] = 0;
    else
        range->from_size = behind(range->from, key.size);
    return answer;
}

/* The greatest key below one: `key` has room for the longest. 0: there is none. */
static size_t before(uint8_t key[static STORE_KEY_BYTES_MAX], size_t size)
{
    if (key[size - 1] == 0)
        return size - 1;
    key[size - 1]--;
    memset(key + size, 0xff, STORE_KEY_BYTES_MAX - size);
    return STORE_KEY_BYTES_MAX;
}

enum read_answer field_range_previous(const struct view *view, struct field_range *range,
                                      struct field_row *row)
{
    struct span key, value;
    uint8_t last[STORE_KEY_BYTES_MAX];
    if (is_empty(range))
        return READ_ABSENT;
    memcpy(last, range->until, range->until_size);
    size_t size = before(last, range->until_size);
    enum read_answer answer =
        size == 0 ? READ_ABSENT
                  : view->previous(view->context, TABLE_FIELDS, SPAN(last, size), &key, &value);
    if (answer != READ_FOUND)
        return answer;
    if (!is_within(range, key))
        return READ_ABSENT;
    answer = take(key, row);
    memcpy(range->until, key.data, key.size);
    range->until_size = key.size;
    return answer;
}
