/* What is set aside is judged anew, by hand: a record, or what names none. */
#include "replication/release.h"

#include <stdlib.h>
#include <string.h>

enum { LOOKED_AT_MAX = 4096 }; /* rows of one release: the next one goes on */

static void release_record(struct step *step, const struct event *event, struct answer *answer)
{
    const struct record_type *type =
        schema_find_type(tree_schema(step->replica->tree), event->write.type, &answer->error);
    answer->record = event->write.record;
    if (type != NULL && !refold_again(step, type->number, &answer->record))
        error_set(&answer->error, ERR_NOT_FOUND, type->name,
                  "nothing of this record is here that could be judged again");
}

/* Whether the bytes at a place can be read by now: by a newer program, say. */
static bool can_be_read(struct step *step, const struct entry_place *place)
{
    struct block_cache cache = {0};
    struct located_entry located;
    bool read = entry_open(&cache, step->view, step->replica->tree, place, &located);
    block_cache_free(&cache);
    return read;
}

/* A stream whose last block is read by now, and ends it, has ended. */
static void close_stream(struct step *step, const struct stream_id *stream)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct block_cache cache = {0};
    if (stream_row_read(step->view, stream, row) && !row->closed && row->head.seq > 0) {
        struct entry_place last = {.stream = *stream, .seq = row->head.seq - 1};
        struct located_entry located;
        row->closed = entry_open(&cache, step->view, step->replica->tree, &last, &located) &&
                      located.entry->kind == ENTRY_CLOSE;
        if (row->closed)
            stream_row_write(step->updates, stream, row);
    }
    block_cache_free(&cache);
    free(row);
}

/* Its entries are judged as those are that had to wait for room: the rest of the batch does it. */
static void judge_again(struct step *step, const struct entry_place *place, struct span row)
{
    struct located_entry at = {
        .author = stream_author(&place->stream), .stream = place->stream.number, .seq = place->seq};
    updates_remove(step->updates, TABLE_QUARANTINE, row);
    aside_fewer(step, 'q', place->stream.author);
    close_stream(step, &place->stream);
    parked_stream_from(step, &at);
    step->replica->streams_due = true;
    step->replica->streams_at_tick = step->tick_ms;
    updates_trace(step->updates, "release %s at %u",
                  label_stream(step->replica->tree, &place->stream).text, place->seq);
}

/* Blocks that could not be decoded when they came. */
static void release_blocks(struct step *step)
{
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    for (unsigned i = 0; i < LOOKED_AT_MAX && size <= STORE_KEY_BYTES_MAX &&
                         step->view->next(step->view->context, TABLE_QUARANTINE, SPAN(from, size),
                                          &key, &value) == READ_FOUND;
         i++) {
        struct entry_place place;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        struct span row = SPAN(from, size - 1);
        if (from[0] == 'b' && row.size > 1 &&
            entry_place_parse(step->view, SPAN(from + 1, row.size - 1), &place) && !place.carried &&
            can_be_read(step, &place))
            judge_again(step, &place, row);
    }
}

void release_aside(struct step *step, const struct event *event, struct answer *answer)
{
    if (event->write.type.size > 0)
        release_record(step, event, answer);
    else
        release_blocks(step);
}
