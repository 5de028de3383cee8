/* How far a stream has got behind a break in its way: told back to its author, hop by hop.
 *
 *     author ... own seat's neighbour <- own seat ... last seat before the break | first behind it
 *
 * A hint like any mark; what it costs when it is wrong is an entry that goes twice, or waits for
 * the author's heads statement to show that it is missing. */
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"

enum { LINES_A_MESSAGE = 256 };

static uint32_t place_on_way(const struct stream_open *open, const char *seat)
{
    uint32_t i = 0;
    while (i < open->seat_count && strcmp(open->seats[i], seat) != 0)
        i++;
    return i;
}

struct lines {
    struct buffer text;
    uint32_t count;
};

static void send_lines(struct step *step, const struct session *session, struct lines *lines)
{
    struct buffer body = {0};
    if (lines->count == 0)
        return;
    mp_write_array(&body, lines->count);
    buffer_append_span(&body, span_of_buffer(&lines->text));
    send_control(step, session, MESSAGE_BEYOND, span_of_buffer(&body));
    buffer_free(&body);
    buffer_clear(&lines->text);
    lines->count = 0;
}

static void add_line(struct lines *lines, const struct stream_id *stream, uint32_t held)
{
    mp_write_array(&lines->text, 4);
    mp_write_bin(&lines->text, SPAN_OF_ARRAY(stream->author.bytes));
    mp_write_uint(&lines->text, stream->epoch);
    mp_write_uint(&lines->text, stream->number);
    mp_write_uint(&lines->text, held);
    lines->count++;
}

void beyond_tell(struct step *step, const struct session *session)
{
    const struct replica *replica = step->replica;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct lines lines = {0};
    struct stream_id id;
    uint32_t at;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        const struct stream_open *open = &row->open;
        uint32_t own = open->holders == HOLDERS_PATH ? place_on_way(open, replica->options.seat)
                                                     : open->seat_count;
        bool known = false;
        if (own == 0 || own >= open->seat_count || id.branch > 0 ||
            strcmp(open->seats[own - 1], session->seat) != 0 ||
            !way_breaks(replica->tree, open, &at) || at < own)
            continue;
        uint32_t held = way_marked(step, open->seats[at + 1], &id, row, &known);
        if (known || at == own)
            add_line(&lines, &id, held);
        if (lines.count == LINES_A_MESSAGE)
            send_lines(step, session, &lines);
    }
    send_lines(step, session, &lines);
    buffer_free(&lines.text);
    free(row);
}

static void take_line(struct step *step, const struct session *session,
                      const struct stream_id *stream, uint32_t held)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t at, own;
    if (stream_row_read(step->view, stream, row) && row->open.holders == HOLDERS_PATH &&
        way_breaks(step->replica->tree, &row->open, &at)) {
        own = place_on_way(&row->open, step->replica->options.seat);
        if (own < at && strcmp(row->open.seats[own + 1], session->seat) == 0) {
            const struct seat *behind =
                tree_seat(step->replica->tree, span_of_text(row->open.seats[at + 1]));
            mark_row_put(step->updates, behind->row.seat, behind->row.generation, stream, held);
            step->replica->going_due = step->replica->going_due || own == 0;
            step->replica->beyond_due = step->replica->beyond_due || own > 0;
        }
    }
    free(row);
}

void beyond_on_message(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count && i < LINES_A_MESSAGE && !reader.failed; i++) {
        struct stream_id stream = {0};
        if (mp_read_array(&reader) != 4)
            mp_fail(&reader);
        const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
        stream.epoch = (uint32_t)mp_read_uint_max(&reader, UINT32_MAX);
        stream.number = (uint16_t)mp_read_uint_max(&reader, STREAM_NUMBER_MAX);
        uint32_t held = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        if (reader.failed)
            break;
        memcpy(stream.author.bytes, author, KEY_ID_BYTES);
        take_line(step, session, &stream, held);
    }
    mp_read_end(&reader);
    if (reader.failed)
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
}
