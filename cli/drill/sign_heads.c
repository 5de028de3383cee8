/* How far a key has written, by what some stores hold. */
#include <stdlib.h>
#include <string.h>

#include "cli/drill/sign.h"
#include "cli/drill/stores.h"
#include "cli/value.h"
#include "node/author/keys.h"
#include "replication/query/query.h"

struct looking {
    struct span seat;
    const char *at;   /* whose store it is */
    int64_t reported; /* -1: not looked at yet */
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

static void take_stream(struct looking *heads, const json_t *line)
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

static void take_notes(struct looking *heads, const json_t *line)
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

static void take_key(struct looking *heads, const json_t *key)
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

/* In the same snapshot as the places: what is reported later is not trusted either. */
static enum error_code look_at_total(struct looking *heads, const struct view *view,
                                     const struct tree *tree, struct error *error)
{
    struct buffer value = {0};
    enum error_code code = query_rollup(view, tree, heads->at, span_of_text("records"),
                                        span_of_text("origin"), UINT64_MAX, &value, error);
    json_t *shown = code == ERR_OK ? value_json(span_of_buffer(&value)) : NULL;
    json_t *group = NULL;
    size_t index = 0;
    heads->reported = 0;
    json_array_foreach(json_object_get(shown, "groups"), index, group)
    {
        if (span_equal(heads->seat, span_of_text(json_text(group, "key"))))
            heads->reported = json_integer_value(json_object_get(group, "value"));
    }
    json_decref(shown);
    buffer_free(&value);
    return code;
}

static enum error_code look(void *context, const struct view *view, struct error *error)
{
    struct looking *heads = context;
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
    code = code == ERR_NOT_FOUND ? ERR_OK : code; /* a seat that isn't known there wrote nothing */
    if (code == ERR_OK && heads->reported < 0)
        code = look_at_total(heads, view, tree, error);
    tree_free(tree);
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

void sign_heads_free(struct sign_heads *heads)
{
    buffer_free(&heads->places);
    buffer_free(&heads->notes);
}

enum error_code sign_heads(const struct drill *drill, const size_t *at, size_t count, size_t of,
                           struct sign_heads *heads, struct error *error)
{
    struct key_id id = key_id_of(drill->seats[of].key);
    struct looking *looking = mem_alloc(sizeof *looking);
    enum error_code code = ERR_OK;
    *heads = (struct sign_heads){0};
    looking->seat = span_of_text(drill->seats[of].code);
    looking->tree_id = &drill->tree_id;
    looking->reported = -1;
    memcpy(looking->key, id.bytes, sizeof looking->key);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        looking->at = drill->seats[at[i]].code;
        code = stores_visit(drill, at[i], look, looking, error);
    }
    if (code == ERR_OK && looking->full)
        code = error_set(error, ERR_OVERSIZE, drill->seats[of].code,
                         "it has written more than %d streams: a cut-off can't list them all",
                         CUT_OFF_MAX);
    if (code == ERR_OK) {
        qsort(looking->places, looking->place_count, sizeof *looking->places, by_place);
        qsort(looking->notes, looking->note_count, sizeof *looking->notes, by_epoch);
        cut_off_encode(looking->places, looking->place_count, &heads->places);
        trusted_notes_encode(looking->notes, looking->note_count, &heads->notes);
        heads->reported = looking->reported;
    }
    free(looking);
    return code;
}
