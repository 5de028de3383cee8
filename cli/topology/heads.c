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
    bool full;
};

static uint64_t number_at(const json_t *line, size_t index)
{
    json_int_t value = json_integer_value(json_array_get(line, index));
    return value < 0 ? 0 : (uint64_t)value;
}

/* Of two words on one stream the further one counts. */
static void add_place(struct looking *looking, const struct cut_off *place)
{
    size_t at = 0;
    while (at < looking->place_count && (looking->places[at].epoch != place->epoch ||
                                         looking->places[at].stream != place->stream))
        at++;
    if (at == CUT_OFF_MAX) {
        looking->full = true;
        return;
    }
    if (at < looking->place_count && looking->places[at].seq >= place->seq)
        return;
    memcpy(looking->hashes[at], place->hash, HASH_BYTES);
    looking->places[at] = *place;
    looking->places[at].hash = looking->hashes[at];
    looking->place_count += at == looking->place_count;
}

static void take_stream(struct looking *looking, const json_t *line)
{
    const char *text = json_string_value(json_array_get(line, 3));
    uint8_t hash[HASH_BYTES];
    if (text == NULL || !hex_read(span_of_text(text), hash, HASH_BYTES))
        return;
    struct cut_off place = {.epoch = (uint32_t)number_at(line, 0),
                            .stream = (uint16_t)number_at(line, 1),
                            .seq = (uint32_t)number_at(line, 2),
                            .hash = hash};
    add_place(looking, &place);
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_notes(struct looking *looking, const struct trusted_notes *notes)
{
    size_t at = 0;
    while (at < looking->note_count && looking->notes[at].epoch != notes->epoch)
        at++;
    if (at == CUT_OFF_MAX) {
        looking->full = true;
        return;
    }
    struct trusted_notes *known = &looking->notes[at];
    if (at == looking->note_count)
        looking->notes[looking->note_count++] = *notes;
    known->statement = greater(known->statement, notes->statement);
    known->report = greater(known->report, notes->report);
}

static void take_notes(struct looking *looking, const json_t *line)
{
    struct trusted_notes notes = {.epoch = (uint32_t)number_at(line, 0),
                                  .statement = number_at(line, 1),
                                  .report = number_at(line, 2)};
    add_notes(looking, &notes);
}

static void add_said(struct looking *looking, const struct amend_cut_off *said)
{
    struct cut_off place;
    struct trusted_notes notes;
    for (unsigned i = 0; cut_off_at(said->places, i, &place); i++)
        add_place(looking, &place);
    for (unsigned i = 0; trusted_notes_at(said->notes, i, &notes); i++)
        add_notes(looking, &notes);
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

static void encode(struct looking *looking, struct seat_heads *heads)
{
    qsort(looking->places, looking->place_count, sizeof *looking->places, by_place);
    qsort(looking->notes, looking->note_count, sizeof *looking->notes, by_epoch);
    cut_off_encode(looking->places, looking->place_count, &heads->places);
    trusted_notes_encode(looking->notes, looking->note_count, &heads->notes);
    for (size_t i = 0; i < looking->place_count; i++)
        heads->entries += looking->places[i].seq;
}

enum error_code seat_heads_with(const char *directory, const struct tree *tree,
                                const struct seat *seat, const struct amend_cut_off *said,
                                struct seat_heads *heads, struct error *error)
{
    struct looking *looking = mem_alloc(sizeof *looking);
    *heads = (struct seat_heads){0};
    looking->seat = seat->row.seat;
    looking->generation = seat->row.generation;
    enum error_code code = held_look(directory, tree_id(tree), look, looking, error);
    if (code == ERR_NOT_FOUND) {
        error_clear(error);
        code = ERR_OK; /* nothing of it is held here */
    }
    if (code == ERR_OK && said != NULL)
        add_said(looking, said);
    if (code == ERR_OK && looking->full)
        code = error_set(error, ERR_OVERSIZE, seat->row.seat,
                         "it has written more than %d streams: a cut-off can't list them all",
                         CUT_OFF_MAX);
    if (code == ERR_OK)
        encode(looking, heads);
    free(looking);
    return code;
}

enum error_code seat_heads(const char *directory, const struct tree *tree, const struct seat *seat,
                           struct seat_heads *heads, struct error *error)
{
    return seat_heads_with(directory, tree, seat, NULL, heads, error);
}

void seat_heads_free(struct seat_heads *heads)
{
    buffer_free(&heads->places);
    buffer_free(&heads->notes);
}
