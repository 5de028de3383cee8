/* `history` in two halves: the rows are read on a pool thread, then the core says what the peers of
 * its links hold of the streams that were found. */
#include <string.h>

#include "node/node_parts.h"

void node_history_ask(struct node *node, struct api_call call, const struct buffer *history,
                      const struct history_streams *streams)
{
    struct core_item *item = core_item_new(CORE_MARKS, SPAN_EMPTY);
    item->marks = mem_alloc(sizeof *item->marks);
    item->marks->call = call;
    item->marks->streams = *streams;
    buffer_append_span(&item->marks->history, span_of_buffer(history));
    node_push(node, item, 0);
}

static void answer(struct node *node, const struct core_marks *marks)
{
    enum { ANSWER_ROOM = 4096 };
    struct buffer value = {0};
    struct error error;
    mp_write_map(&value, 4);
    mp_write_text(&value, "history");
    buffer_append_span(&value, span_of_buffer(&marks->history));
    mp_write_text(&value, "hops");
    mp_write_array(&value, marks->hop_count);
    buffer_append_span(&value, span_of_buffer(&marks->hops));
    node_status_write_hops(node, &value);
    if (value.size + ANSWER_ROOM > API_MESSAGE_BYTES_MAX) {
        error_set(&error, ERR_OVERSIZE, "the history", "it has %zu bytes, a message %d at most",
                  value.size, API_MESSAGE_BYTES_MAX);
        node_api_refuse(node, marks->call, &error);
    } else {
        api_answer(node->api, marks->call, API_DONE, span_of_buffer(&value), NULL);
    }
    buffer_free(&value);
}

void node_history_take(struct node *node, struct core_item *first)
{
    for (struct core_item *item = first; item != NULL;
         item = (struct core_item *)item->event.next) {
        if (node->api != NULL)
            answer(node, item->marks);
    }
}
