/* How far the keys of a seat have written, as the store of this directory holds it. */
#include <stdlib.h>
#include <string.h>

#include "cli/topology/change.h"
#include "cli/value.h"
#include "node/author/keys.h"
#include "replication/query/query.h"

struct looking {
    const char *seat;
    uint32_t generation; /* whose key */
    struct cut_off places[CUT_OFF_MAX];
    uint8_t hashes[CUT_OFF_MAX][HASH_BYTES];
    struct trusted_notes notes[CUT_OFF_MAX];
    size_t place_count, note_count;
    uint64_t entries;
    bool full;
};

static uint64_t number_at(const json_t *line, size_t index)
{
    json_int_t value = json_integer_value(json_array_get(line, index));
    return value < 0 ? 0 : (uint64_t)value;
}

static void take_stream(struct looking *looking, const json_t *line)
{
    const char *hash = json_string_value(json_array_get(line, 3));
    size_t at = looking->place_count;
    if (at == CUT_OFF_MAX) {
        looking->full = true;
        return;
    }
    if (hash == NULL || !hex_read(span_of_text(hash), looking->hashes[at], HASH_BYTES))
        return;
    looking->places[at] = (struct cut_off){.epoch = (uint32_t)number_at(line, 0),
                                           .stream = (uint16_t)number_at(line, 1),
                                           .seq = (uint32_t)number_at(line, 2),
                                           .hash = looking->hashes[at]};
    looking->entries += looking->places[at].seq;
    looking->place_count++;
}

static void take_notes(struct looking *looking, const json_t *line)
{
    if (looking->note_count == CUT_OFF_MAX) {
        looking->full = true;
        return;
    }
    looking->notes[looking->note_count++] =
        (struct trusted_notes){.epoch = (uint32_t)number_at(line, 0),
                               .statement = number_at(line, 1),
                               .report = number_at(line, 2)};
}

static void take_key(struct looking *looking, const json_t *key)
{
    size_t index = 0;
    json_t *line = NULL;
    if (json_number(key, "generation") != looking->generation)
        return;
    json_array_foreach(json_object_get(key, "streams"), index, line) take_stream(looking, line);
    json_array_foreach(json_object_get(key, "notes"), index, line) take_notes(looking, line);
}

static enum error_code look(void *context, const struct view *view, const struct tree *tree,
                            struct error *error)
{
    struct looking *looking = context;
    struct buffer value = {0};
    size_t index = 0;
    json_t *key = NULL;
    enum error_code code = query_heads(view, tree, span_of_text(looking->seat), &value, error);
    json_t *shown = code == ERR_OK ? value_json(span_of_buffer(&value)) : NULL;
    json_array_foreach(json_object_get(shown, "keys"), index, key) take_key(looking, key);
    json_decref(shown);
    buffer_free(&value);
    return code;
}

static int by_place(const void *left, const void *right)
{
    const struct cut_off *a = left, *b = right;
    return a->epoch != b->epoch ? (a->epoch > b->epoch) - (a->epoch < b->epoch)
                                : (a->stream > b->stream) - (a->stream < b->stream);
}

static int by_epoch(const void *left, const void *right)
{
    const struct trusted_notes *a = left, *b = right;
    return (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

enum error_code change_heads(const struct change *change, const struct seat *seat,
                             struct buffer *places, struct buffer *notes, uint64_t *entries,
                             struct error *error)
{
    struct looking *looking = mem_alloc(sizeof *looking);
    looking->seat = seat->row.seat;
    looking->generation = seat->row.generation;
    enum error_code code =
        held_look(change->directory, tree_id(change->tree), look, looking, error);
    if (code == ERR_NOT_FOUND) {
        error_clear(error);
        code = ERR_OK; /* nothing of it is held here */
    }
    if (code == ERR_OK && looking->full)
        code = error_set(error, ERR_OVERSIZE, seat->row.seat,
                         "it has written more than %d streams: a cut-off can't list them all",
                         CUT_OFF_MAX);
    if (code == ERR_OK) {
        qsort(looking->places, looking->place_count, sizeof *looking->places, by_place);
        qsort(looking->notes, looking->note_count, sizeof *looking->notes, by_epoch);
        cut_off_encode(looking->places, looking->place_count, places);
        trusted_notes_encode(looking->notes, looking->note_count, notes);
    }
    if (entries != NULL)
        *entries = looking->entries;
    free(looking);
    return code;
}
