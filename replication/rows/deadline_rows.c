/* When records are overdue, and when this seat looks at them: rows of `meta`, two of them found by
 * time.
 *
 *      'l' ‖ record 9          ->  due 8 ‖ look 8
 *      'v' ‖ due 8 ‖ record 9  ->  nothing
 *      'n' ‖ look 8 ‖ record 9 ->  nothing; none where it isn't looked at any more */
#include <string.h>

#include "replication/rows/rows.h"

enum { LIMIT = 'l', LIMIT_KEY_BYTES = 1 + RECORD_KEY_BYTES, LIMIT_BYTES = 16 };
enum { TIMED_KEY_BYTES = 1 + DEADLINE_PLACE_BYTES };

static void limit_key(uint8_t key[static LIMIT_KEY_BYTES],
                      const uint8_t record[static RECORD_KEY_BYTES])
{
    key[0] = LIMIT;
    memcpy(key + 1, record, RECORD_KEY_BYTES);
}

static void timed_key(uint8_t key[static TIMED_KEY_BYTES], enum deadline_order order, uint64_t ms,
                      const uint8_t record[static RECORD_KEY_BYTES])
{
    key[0] = (uint8_t)order;
    write_u64(key + 1, ms);
    memcpy(key + 9, record, RECORD_KEY_BYTES);
}

struct deadline_row deadline_row_read(const struct view *view,
                                      const uint8_t record[static RECORD_KEY_BYTES])
{
    uint8_t key[LIMIT_KEY_BYTES];
    struct span value;
    limit_key(key, record);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) != READ_FOUND ||
        value.size != LIMIT_BYTES)
        return (struct deadline_row){0};
    return (struct deadline_row){read_u64(value.data), read_u64(value.data + 8)};
}

static void move_timed(struct updates *updates, enum deadline_order order,
                       const uint8_t record[static RECORD_KEY_BYTES], uint64_t from, uint64_t to)
{
    uint8_t key[TIMED_KEY_BYTES];
    if (from == to)
        return;
    timed_key(key, order, from, record);
    if (from != 0)
        updates_remove(updates, TABLE_META, SPAN_OF_ARRAY(key));
    timed_key(key, order, to, record);
    if (to != 0)
        updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_EMPTY);
}

bool deadline_row_write(struct updates *updates, const uint8_t record[static RECORD_KEY_BYTES],
                        struct deadline_row row)
{
    struct deadline_row before = deadline_row_read(updates_view(updates), record);
    uint8_t key[LIMIT_KEY_BYTES], value[LIMIT_BYTES];
    if (before.due_ms == row.due_ms && before.look_ms == row.look_ms)
        return false;
    limit_key(key, record);
    write_u64(value, row.due_ms);
    write_u64(value + 8, row.look_ms);
    if (row.due_ms == 0)
        updates_remove(updates, TABLE_META, SPAN_OF_ARRAY(key));
    else
        updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
    move_timed(updates, DEADLINE_DUE, record, before.due_ms, row.due_ms);
    move_timed(updates, DEADLINE_LOOK, record, before.look_ms, row.look_ms);
    return true;
}

bool deadline_row_next(const struct view *view, enum deadline_order order, struct span behind,
                       uint8_t place[static DEADLINE_PLACE_BYTES])
{
    uint8_t from[TIMED_KEY_BYTES + 1] = {(uint8_t)order};
    size_t size = 1;
    struct span key, value;
    if (behind.size == DEADLINE_PLACE_BYTES) {
        memcpy(from + 1, behind.data, DEADLINE_PLACE_BYTES);
        size = sizeof from;
    }
    if (view->next(view->context, TABLE_META, SPAN(from, size), &key, &value) != READ_FOUND ||
        key.size != TIMED_KEY_BYTES || key.data[0] != (uint8_t)order)
        return false;
    memcpy(place, key.data + 1, DEADLINE_PLACE_BYTES);
    return true;
}

bool deadline_limit_next(const struct view *view, struct span behind,
                         uint8_t record[static RECORD_KEY_BYTES])
{
    uint8_t from[LIMIT_KEY_BYTES + 1] = {LIMIT};
    size_t size = 1;
    struct span key, value;
    if (behind.size == RECORD_KEY_BYTES) {
        memcpy(from + 1, behind.data, RECORD_KEY_BYTES);
        size = sizeof from;
    }
    if (view->next(view->context, TABLE_META, SPAN(from, size), &key, &value) != READ_FOUND ||
        key.size != LIMIT_KEY_BYTES || key.data[0] != LIMIT)
        return false;
    memcpy(record, key.data + 1, RECORD_KEY_BYTES);
    return true;
}
