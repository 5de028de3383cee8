/* What a step reads of a record, what is not signed yet included: its entries, its state, its
 * circle. */
#include <stdlib.h>

#include "replication/core.h"

/* An entry of this batch that still stands in its stream's writer. */
static bool find_unsigned(const struct replica *replica, const struct stream_id *stream,
                          uint32_t seq, struct located_entry *located)
{
    for (struct own_stream *own = replica->own_streams; own != NULL; own = own->next) {
        if (stream_id_compare(&own->id, stream) == 0 && own->writer != NULL &&
            seq >= own->head.seq && seq - own->head.seq < entry_writer_count(own->writer)) {
            located->entry = entry_writer_at(own->writer, seq - own->head.seq);
            located->digest = &entry_writer_digests(own->writer)[seq - own->head.seq];
            return true;
        }
    }
    return false;
}

bool entry_at(struct step *step, const struct entry_place *place, struct located_entry *located)
{
    struct replica *replica = step->replica;
    *located = (struct located_entry){
        .author = stream_author(&place->stream), .stream = place->stream.number, .seq = place->seq};
    if (place->carried || !find_unsigned(replica, &place->stream, place->seq, located))
        return entry_open(&replica->cache, step->view, replica->tree, place, located);
    located->entry = left_of(step->view, located->entry, located->digest, &replica->cache.left);
    return true;
}

static struct record_state *fold_creation(struct step *step, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct replica *replica = step->replica;
    struct author_epoch creator = record_id_author(id);
    struct stream_id stream = {creator.author, creator.epoch, row->stream, row->branch};
    struct located_entry located = {stream_author(&stream), row->stream, row->seq, NULL, NULL};
    if (find_unsigned(replica, &stream, row->seq, &located))
        return record_from_entry(replica->tree, type, id, &located);
    return record_from_creation(&replica->cache, step->view, replica->tree, type, id, row);
}

enum error_code find_record(struct step *step, const struct record_type *type,
                            const struct record_id *id, struct record_state **record)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    *record = NULL;
    if (!record_key(step->view, type->number, id, key))
        return ERR_OK;
    enum error_code code = record_row_read(step->view, key, &row);
    if (code != ERR_OK || !row.present)
        return code;
    *record = row.located ? fold_creation(step, type, id, &row) : row.state;
    return *record == NULL ? ERR_DAMAGED : ERR_OK;
}

struct record_state *load_record(struct step *step, const struct record_type *type,
                                 const struct record_id *id)
{
    struct record_state *record;
    return find_record(step, type, id, &record) == ERR_OK ? record : NULL;
}

const struct stream_open *load_stream_open(struct step *step, const struct stream_id *stream)
{
    struct open_cache *cache = step->replica->open_cache;
    if (cache != NULL && cache->present && stream_id_compare(&cache->stream, stream) == 0)
        return &cache->open;
    if (cache == NULL)
        cache = step->replica->open_cache = mem_alloc(sizeof *cache);
    struct stream_row *row = mem_alloc(sizeof *row);
    cache->present = stream_row_read(step->view, stream, row);
    cache->stream = *stream;
    cache->open = row->open;
    free(row);
    return cache->present ? &cache->open : NULL;
}

bool load_circle(struct step *step, const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle)
{
    struct replica *replica = step->replica;
    return circle_load(&replica->circle_cache, step->view, replica->tree, record, id, seen, circle);
}
