/* Everything that a node may have in its store: its own records, others', what waits, what is
 * excluded, statements, reports, cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/furnished_desk.h"

size_t desk_rows_of(struct desk *desk, struct row_at *rows, size_t most)
{
    const struct view *view = &desk->port.view;
    size_t count = 0;
    for (int table = 0; table < TABLE_COUNT; table++) {
        struct buffer from = {0};
        struct span key, value;
        buffer_append_byte(&from, 0);
        while (count < most && view->next(view->context, (enum table)table, span_of_buffer(&from),
                                          &key, &value) == READ_FOUND) {
            rows[count] = (struct row_at){.table = (enum table)table};
            buffer_append_span(&rows[count].key, key);
            buffer_append_span(&rows[count].value, value);
            buffer_clear(&from);
            buffer_append_span(&from, key);
            buffer_append_byte(&from, 0);
            count++;
        }
        buffer_free(&from);
    }
    return count;
}

void rows_free(struct row_at *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_free(&rows[i].key);
        buffer_free(&rows[i].value);
    }
}

struct desk *desk_furnished(void)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = desk_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_NORMAL, 1);
    struct signer c = signer_of(SEAT_C, DESK_EPOCH, 1, CLASS_URGENT, 0);
    struct block_text text = {0};
    struct buffer body = {0};
    signer_say_open(desk, link, &second);
    desk_edits(desk, link, &second, 5, 2); /* wait */
    desk_edits(desk, link, &v1, 2, 1);
    desk_statement(desk, link, DESK_EPOCH, 1);
    mp_write_map(&body, 0);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 7,
                                         .n = 1,
                                         .body = span_of_buffer(&body)}); /* excluded */
    signer_say(desk, link, &v1, &text);
    uint32_t above = desk_live(desk, SEAT_C);
    text_open_subtree(&text, CLASS_URGENT, 2);
    signer_say(desk, above, &c, &text);
    desk_put(desk, "mediation", "own");
    desk_put(desk, "incident", "path");
    desk_put(desk, "directive", "down");
    desk_wait(desk, 3600 * 1000);
    buffer_free(&body);
    return desk;
}

struct memory_store *memory_store_with(const struct memory_store *image, const struct row_at *row,
                                       struct span value, bool removed)
{
    struct memory_store *store = memory_store_clone(image);
    struct store_port port;
    memory_store_port(store, &port);
    port.begin(port.context);
    if (removed)
        assert_int_equal(port.remove(port.context, row->table, span_of_buffer(&row->key)), ERR_OK);
    else
        assert_int_equal(port.put(port.context, row->table, span_of_buffer(&row->key), value),
                         ERR_OK);
    assert_int_equal(port.commit(port.context), ERR_OK);
    return store;
}
