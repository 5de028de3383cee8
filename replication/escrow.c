/* Keys that people have kept, and lent to this machine: what was sealed to one and lies here shut
 * is judged anew, once a key (rules.md B73, B128). */
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

/* Its value: the ids of the keys that were there at the last start, one after the other. */
static const uint8_t lent_key[] = {'z'};

static bool is_sealed_to(const struct stream_open *open, struct key_id key)
{
    for (size_t i = 0; open->sealed_to[0] != '\0' && i < open->reader_count; i++) {
        if (key_id_equal(open->readers[i], key))
            return true;
    }
    return false;
}

static void judge_anew(struct step *step, struct key_id key)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        struct located_entry from = {.author = stream_author(&id), .stream = id.number, .seq = 1};
        if (is_sealed_to(&row->open, key) && row->head.seq > 1)
            parked_stream_from(step, &from);
    }
    free(row);
    step->replica->streams_due = true;
}

static bool was_there(struct span before, struct key_id key)
{
    for (size_t at = 0; at + KEY_ID_BYTES <= before.size; at += KEY_ID_BYTES) {
        if (memcmp(before.data + at, key.bytes, KEY_ID_BYTES) == 0)
            return true;
    }
    return false;
}

void escrow_when_lent(struct step *step)
{
    struct replica *replica = step->replica;
    const struct seal_key *seal = &replica->options.seal;
    struct buffer now = {0};
    struct span before;
    if (replica->escrow_seen || own_seat(replica) == NULL)
        return;
    replica->escrow_seen = true;
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(lent_key), &before) !=
        READ_FOUND)
        before = SPAN_EMPTY;
    for (size_t i = 0; i < seal->escrow_count; i++) {
        struct key_id key = key_id_of(seal->escrow[i].public_key);
        buffer_append(&now, key.bytes, KEY_ID_BYTES);
        if (!was_there(before, key))
            judge_anew(step, key);
    }
    if (!span_equal(before, span_of_buffer(&now)))
        updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(lent_key), span_of_buffer(&now));
    buffer_free(&now);
}
