/* Operations whose bodies are erased: what filters every copy that is here or comes. */
#include <string.h>

#include "replication/format/entry_parts.h"
#include "replication/rows/rows.h"

enum {
    ERASED_KEY_BYTES = 1 + 2 * HASH_BYTES,
    RECORD_BYTES = 2 + 16,
    STRUCK_KEY_BYTES = 1 + HASH_BYTES + KEY_ID_BYTES,
    STRUCK_BYTES = 8 + LOCATOR_BYTES + 2,
};

static void record_name(uint8_t name[static RECORD_BYTES], const struct entry *entry)
{
    write_u16(name, entry->type);
    memcpy(name + 2, entry->record.bytes, sizeof entry->record.bytes);
}

bool erased_row_put(struct updates *updates, const struct entry *by, const struct hash *by_digest,
                    const struct hash *digest, struct span rest)
{
    const struct view *view = updates_view(updates);
    uint8_t key[ERASED_KEY_BYTES] = {'x'}, name[RECORD_BYTES];
    struct buffer value = {0};
    struct span there;
    memcpy(key + 1, digest->bytes, HASH_BYTES);
    memcpy(key + 1 + HASH_BYTES, by_digest->bytes, HASH_BYTES);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &there) == READ_FOUND)
        return false;
    record_name(name, by);
    buffer_append(&value, name, sizeof name);
    buffer_append_span(&value, rest);
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&value);
    return true;
}

bool erased_row_read(const struct view *view, const struct entry *entry, const struct hash *digest,
                     struct span *rest)
{
    uint8_t key[ERASED_KEY_BYTES + 1] = {'x'}, name[RECORD_BYTES];
    size_t size = 1 + HASH_BYTES;
    struct span found, value;
    if (entry->kind != ENTRY_WRITE || entry->strange || !entry->has_record)
        return false;
    record_name(name, entry);
    memcpy(key + 1, digest->bytes, HASH_BYTES);
    while (view->next(view->context, TABLE_META, SPAN(key, size), &found, &value) == READ_FOUND &&
           found.size == ERASED_KEY_BYTES && memcmp(found.data, key, 1 + HASH_BYTES) == 0) {
        if (value.size > RECORD_BYTES && memcmp(value.data, name, RECORD_BYTES) == 0) {
            *rest = SPAN(value.data + RECORD_BYTES, value.size - RECORD_BYTES);
            return true;
        }
        memcpy(key, found.data, ERASED_KEY_BYTES);
        size = sizeof key; /* passes it by */
    }
    return false;
}

static bool any_of(const struct view *view, uint8_t letter, size_t size)
{
    struct span found, value;
    return view->next(view->context, TABLE_META, SPAN(&letter, 1), &found, &value) == READ_FOUND &&
           found.size == size && found.data[0] == letter;
}

bool erased_rows_any(const struct view *view)
{
    return any_of(view, 'x', ERASED_KEY_BYTES) || any_of(view, 'S', STRUCK_KEY_BYTES);
}

/* ---- what is sealed ---- */

bool struck_row_put(struct updates *updates, const struct hash *leaf, uint64_t clock,
                    const struct entry_place *place, uint16_t index)
{
    const struct view *view = updates_view(updates);
    uint8_t key[STRUCK_KEY_BYTES] = {'S'}, value[STRUCK_BYTES], locator[LOCATOR_BYTES_MAX];
    struct span there;
    if (entry_place_locator(view, place, locator) != LOCATOR_BYTES)
        return false;
    memcpy(key + 1, leaf->bytes, HASH_BYTES);
    memcpy(key + 1 + HASH_BYTES, place->stream.author.bytes, KEY_ID_BYTES);
    write_u64(value, clock);
    memcpy(value + 8, locator, LOCATOR_BYTES);
    write_u16(value + 8 + LOCATOR_BYTES, index);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &there) == READ_FOUND &&
        (there.size != sizeof value || read_u64(there.data) > clock ||
         span_equal(there, SPAN_OF_ARRAY(value))))
        return false;
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
    return true;
}

bool struck_row_next(const struct view *view, const struct hash *leaf, uint32_t *cursor,
                     struct struck_row *row)
{
    uint8_t key[STRUCK_KEY_BYTES + 1] = {'S'};
    size_t size = 1 + HASH_BYTES;
    struct span found, value;
    memcpy(key + 1, leaf->bytes, HASH_BYTES);
    for (uint32_t at = 0;
         view->next(view->context, TABLE_META, SPAN(key, size), &found, &value) == READ_FOUND &&
         found.size == STRUCK_KEY_BYTES && memcmp(found.data, key, 1 + HASH_BYTES) == 0;
         at++) {
        memcpy(key, found.data, STRUCK_KEY_BYTES);
        size = sizeof key; /* passes it by */
        if (at < *cursor || value.size != STRUCK_BYTES)
            continue;
        *cursor = at + 1;
        *row = (struct struck_row){.clock = read_u64(value.data),
                                   .index = read_u16(value.data + 8 + LOCATOR_BYTES)};
        return entry_place_parse(view, SPAN(value.data + 8, LOCATOR_BYTES), &row->place);
    }
    return false;
}

void left_entry_free(struct left_entry *left)
{
    buffer_free(&left->rest);
}

const struct entry *left_of(const struct view *view, const struct entry *entry,
                            const struct hash *digest, struct left_entry *left)
{
    struct span rest;
    if (!erased_row_read(view, entry, digest, &rest))
        return entry;
    buffer_clear(&left->rest);
    buffer_append_span(&left->rest, rest);
    left->entry = *entry;
    left->entry.hole = true;
    left->entry.body = span_of_buffer(&left->rest);
    return &left->entry;
}

/* ---- how far its copies have been looked for ---- */

bool erasing_row_read(const struct view *view, struct erasing_row *row)
{
    struct span value;
    *row = (struct erasing_row){0};
    if (view->get(view->context, TABLE_META, SPAN("X", 1), &value) != READ_FOUND ||
        value.size != 1 + sizeof row->from)
        return false;
    row->again = value.data[0] != 0;
    memcpy(row->from, value.data + 1, sizeof row->from);
    return true;
}

void erasing_row_write(struct updates *updates, const struct erasing_row *row)
{
    uint8_t value[1 + sizeof row->from];
    value[0] = row->again;
    memcpy(value + 1, row->from, sizeof row->from);
    updates_put(updates, TABLE_META, SPAN("X", 1), SPAN_OF_ARRAY(value));
}

void erasing_row_remove(struct updates *updates)
{
    static const uint8_t freed[] = {ROW_FREED};
    updates_remove(updates, TABLE_META, SPAN("X", 1));
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(freed), SPAN_EMPTY);
}
