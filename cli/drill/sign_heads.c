/* How far a key has written, by what some stores hold. */
#include <stdlib.h>
#include <string.h>

#include "cli/drill/sign.h"
#include "cli/drill/stores.h"
#include "cli/value.h"
#include "node/author/keys.h"
#include "replication/query/query.h"

struct heads {
    struct span seat;
    uint8_t key[KEY_ID_BYTES];
    const struct hash *tree_id;
    struct cut_off places[CUT_OFF_MAX];
    uint8_t hashes[CUT_OFF_MAX][HASH_BYTES];
    size_t place_count;
    struct trusted_notes notes[CUT_OFF_MAX];
    size_t note_count;
    bool full;
};

static uint64_t number_at(const json_t *line, size_t index)
{
    json_int_t value = json_integer_value(json_array_get(line, index));
    return value < 0 ? 0 : (uint64_t)value;
}

static void take_stream(struct heads *heads, const json_t *line)
{
    const json_t *text = json_array_get(line, 3);
    struct cut_off place = {.epoch = (uint32_t)number_at(line, 0),
                            .stream = (uint16_t)number_at(line, 1),
                            .seq = (uint32_t)number_at(line, 2)};
    size_t i = 0;
    while (i < heads->place_count &&
           (heads->places[i].epoch != place.epoch || heads->places[i].stream != place.stream))
        i++;
    if (i == CUT_OFF_MAX) {
        heads->full = true;
        return;
    }
    if (i < heads->place_count && heads->places[i].seq >= place.seq)
        return;
    if (!json_is_string(text) ||
        !hex_read(span_of_text(json_string_value(text)), heads->hashes[i], HASH_BYTES))
        return;
    place.hash = heads->hashes[i];
    heads->places[i] = place;
    heads->place_count += i == heads->place_count ? 1 : 0;
}

static void take_notes(struct heads *heads, const json_t *line)
{
    struct trusted_notes notes = {.epoch = (uint32_t)number_at(line, 0),
                                  .statement = number_at(line, 1),
                                  .report = number_at(line, 2)};
    size_t i = 0;
    while (i < heads->note_count && heads->notes[i].epoch != notes.epoch)
        i++;
    if (i == CUT_OFF_MAX) {
        heads->full = true;
        return;
    }
    struct trusted_notes *known = &heads->notes[i];
    heads->note_count += i == heads->note_count ? 1 : 0;
    known->epoch = notes.epoch;
    known->statement = notes.statement > known->statement ? notes.statement : known->statement;
    known->report = notes.report > known->report ? notes.report : known->report;
}

static void take_key(struct heads *heads, const json_t *key)
{
    size_t index = 0;
    json_t *line = NULL;
    uint8_t id[KEY_ID_BYTES];
    if (!hex_read(span_of_text(json_text(key, "key")), id, sizeof id) ||
        memcmp(id, heads->key, sizeof id) != 0)
        return;
    json_array_foreach(json_object_get(key, "streams"), index, line) take_stream(heads, line);
    json_array_foreach(json_object_get(key, "notes"), index, line) take_notes(heads, line);
}

static enum error_code look(void *context, const struct view *view, struct error *error)
{
    struct heads *heads = context;
    struct buffer value = {0};
    struct tree *tree = query_tree(view, heads->tree_id, error);
    if (tree == NULL)
        return error->code;
    enum error_code code = query_heads(view, tree, heads->seat, &value, error);
    json_t *shown = code == ERR_OK ? value_json(span_of_buffer(&value)) : NULL;
    size_t index = 0;
    json_t *key = NULL;
    json_array_foreach(json_object_get(shown, "keys"), index, key) take_key(heads, key);
    json_decref(shown);
    buffer_free(&value);
    tree_free(tree);
    return code == ERR_NOT_FOUND ? ERR_OK : code; /* a seat that isn't known there wrote nothing */
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

enum error_code sign_heads(const struct drill *drill, const size_t *at, size_t count, size_t of,
                           struct buffer *places, struct buffer *notes, struct error *error)
{
    struct key_id id = key_id_of(drill->seats[of].key);
    struct heads *heads = mem_alloc(sizeof *heads);
    enum error_code code = ERR_OK;
    heads->seat = span_of_text(drill->seats[of].code);
    heads->tree_id = &drill->tree_id;
    memcpy(heads->key, id.bytes, sizeof heads->key);
    for (size_t i = 0; i < count && code == ERR_OK; i++)
        code = stores_visit(drill, at[i], look, heads, error);
    if (code == ERR_OK && heads->full)
        code = error_set(error, ERR_OVERSIZE, drill->seats[of].code,
                         "it has written more than %d streams: a cut-off can't list them all",
                         CUT_OFF_MAX);
    if (code == ERR_OK) {
        qsort(heads->places, heads->place_count, sizeof *heads->places, by_place);
        qsort(heads->notes, heads->note_count, sizeof *heads->notes, by_epoch);
        cut_off_encode(heads->places, heads->place_count, places);
        trusted_notes_encode(heads->notes, heads->note_count, notes);
    }
    free(heads);
    return code;
}
