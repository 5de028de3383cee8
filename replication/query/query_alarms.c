/* What people must look into, as the store stands: open records of types whose records are alarms,
 * told at every seat that holds them until somebody has closed them; folds that contradict. */
#include <stdio.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/total.h"

enum { ALARM_ROWS_MAX = 10000 }; /* looked at of one type */

static bool is_open(const struct view *view, const struct record_type *type,
                    const uint8_t key[static RECORD_KEY_BYTES])
{
    struct record_row row;
    if (record_row_read(view, key, &row) != ERR_OK || !row.present)
        return false;
    if (row.located) /* nothing but its creation is there */
        return true;
    bool open =
        record_stands(row.state) && !record_deleted(row.state) && !record_closed(row.state, type);
    record_free(row.state);
    return open;
}

static uint64_t count_open(const struct view *view, const struct record_type *type)
{
    struct buffer from = {0};
    uint8_t number[2];
    uint64_t open = 0;
    write_u16(number, type->number);
    buffer_append(&from, number, sizeof number);
    for (unsigned rows = 0; rows < ALARM_ROWS_MAX; rows++) {
        struct span key, value;
        uint8_t copy[RECORD_KEY_BYTES];
        if (view->next(view->context, TABLE_RECORDS, span_of_buffer(&from), &key, &value) !=
                READ_FOUND ||
            key.size != RECORD_KEY_BYTES || read_u16(key.data) != type->number)
            break;
        memcpy(copy, key.data, sizeof copy);
        open += is_open(view, type, copy) ? 1 : 0;
        buffer_clear(&from);
        buffer_append(&from, copy, sizeof copy);
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
    return open;
}

/* Of a seat that lives: that of one which has ended stays aside for good. */
static void add_folds(const struct view *view, const struct tree *tree, const char *self,
                      struct buffer *out)
{
    struct total total;
    bool begun = total_begin(&total, view, tree, self, 0, NULL);
    for (size_t i = 0; begun && i < total.fold_count; i++) {
        const struct total_fold *fold = &total.folds[i];
        char text[300];
        if (fold->used || !seat_status_is_in_force(fold->seat->row.status))
            continue;
        int size = snprintf(text, sizeof text,
                            "the figures that %s states for all below it name seats that stand "
                            "elsewhere: none of them counts here (terrace rollup records)",
                            fold->seat->row.seat);
        buffer_append(out, text, (size_t)size + 1);
    }
    total_end(&total);
}

void query_alarms(const struct view *view, const struct tree *tree, const char *self,
                  struct buffer *out)
{
    add_folds(view, tree, self, out);
    const struct schema *schema = tree_schema(tree);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        uint64_t open = type->alarm ? count_open(view, type) : 0;
        char text[160];
        if (open == 0)
            continue;
        int size = snprintf(text, sizeof text, "%s: %llu not closed: terrace list %s", type->name,
                            (unsigned long long)open, type->name);
        buffer_append(out, text, (size_t)size + 1);
    }
}
