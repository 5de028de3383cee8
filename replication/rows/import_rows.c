/* How far an import has come: one row of `meta` an import, 'i' ‖ hash of its name -> the last row
 * of its file that was decided. */
#include <string.h>

#include "replication/rows/rows.h"

static void import_key(uint8_t key[static IMPORT_KEY_BYTES], struct span name)
{
    struct hash hash = hash_of(HASH_REQUEST, name);
    key[0] = 'i';
    memcpy(key + 1, hash.bytes, HASH_BYTES);
}

uint64_t import_row_read(const struct view *view, struct span name)
{
    uint8_t key[IMPORT_KEY_BYTES];
    struct span value;
    import_key(key, name);
    return view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) == READ_FOUND &&
                   value.size == 8
               ? read_u64(value.data)
               : 0;
}

void import_row_write(struct updates *updates, struct span name, uint64_t row)
{
    uint8_t key[IMPORT_KEY_BYTES], value[8];
    import_key(key, name);
    write_u64(value, row);
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
}
