/* What has been endorsed, by the digest of what was behind a cut-off. */
#include <string.h>

#include "replication/rows/rows.h"
#include "schema/endorsement.h"

enum { ENDORSED_BYTES = 2 + sizeof(struct record_id) + KEY_ID_BYTES + 4 + 4 };

static void endorsed_key(uint8_t key[static ENDORSED_KEY_BYTES], const struct hash *digest)
{
    key[0] = 'e';
    memcpy(key + 1, digest->bytes, HASH_BYTES);
}

bool endorsed_row_read(const struct view *view, const struct hash *digest, struct endorsed_row *row)
{
    uint8_t key[ENDORSED_KEY_BYTES];
    struct span value;
    endorsed_key(key, digest);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) != READ_FOUND ||
        value.size != ENDORSED_BYTES)
        return false;
    const uint8_t *at = value.data;
    row->type = (uint16_t)(at[0] << 8 | at[1]);
    memcpy(row->record.bytes, at + 2, sizeof row->record.bytes);
    memcpy(row->by.author.bytes, at + 18, KEY_ID_BYTES);
    row->by.epoch = read_u32(at + 26);
    row->by.n = read_u32(at + 30);
    return true;
}

void endorsed_row_write(struct updates *updates, const struct hash *digest,
                        const struct endorsed_row *row)
{
    uint8_t key[ENDORSED_KEY_BYTES], value[ENDORSED_BYTES];
    endorsed_key(key, digest);
    value[0] = (uint8_t)(row->type >> 8);
    value[1] = (uint8_t)row->type;
    memcpy(value + 2, row->record.bytes, sizeof row->record.bytes);
    memcpy(value + 18, row->by.author.bytes, KEY_ID_BYTES);
    write_u32(value + 26, row->by.epoch);
    write_u32(value + 30, row->by.n);
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
}

void endorsed_rows_remember(struct updates *updates, const struct entry *entry,
                            const struct operation *op)
{
    struct endorsement endorsement = {0};
    struct endorsed_row row = {.type = entry->type, .record = entry->record, .by = op->dot};
    if (!op->erases)
        endorsement = endorsement_of(entry_fields(entry));
    for (uint32_t i = 0; i < endorsement.count; i++) {
        struct hash digest = endorsement_digest(&endorsement, i);
        endorsed_row_write(updates, &digest, &row);
    }
}
