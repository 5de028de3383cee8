/* What is held, measured by types that are not in force yet: for whoever is about to sign them. */
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/rows/rows.h"

/* Whether a record as it is shown could be written so by the type to come: its values fit, and what
 * is required is there. */
static bool fits(const struct record_state *state, const struct record_type *after)
{
    struct buffer described = {0}, body = {0};
    bool good = false;
    record_describe(state, after, &described);
    struct mp_reader reader = mp_reader(span_of_buffer(&described));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        bool fields = span_equal(mp_read_str(&reader), span_of_text("fields"));
        struct span value = mp_read_any(&reader);
        good = good || (fields && schema_encode_wanted(after, value, &body, NULL) == ERR_OK);
    }
    for (size_t i = 0; good && i < after->field_count; i++) {
        const struct field *field = &after->fields[i];
        const struct operation *shown = NULL;
        bool is_value = field->kind != FIELD_LIST && field->kind != FIELD_COUNTER;
        if (field->required && !field->ended && is_value)
            good = record_shown(state, field, &shown) > 0;
    }
    buffer_free(&described);
    buffer_free(&body);
    return good;
}

static void fit_record(struct block_cache *cache, const struct view *view, const struct tree *tree,
                       struct span key, const struct schema *after, struct type_fit *fit)
{
    uint16_t number;
    struct record_id id;
    struct record_state *state = NULL;
    if (!record_key_parse(view, key, &number, &id))
        return;
    const struct record_type *now = schema_type(tree_schema(tree), number);
    const struct record_type *then = schema_type(after, number);
    if (now == NULL || then == NULL ||
        query_load_state(cache, view, tree, now, &id, &state) != ERR_OK)
        return;
    fit = &fit[then - after->types];
    if (record_stands(state) && !record_deleted(state)) {
        fit->records++;
        fit->unfit += fits(state, then) ? 0 : 1;
    }
    record_free(state);
}

enum error_code query_fit(const struct view *view, const struct tree *tree,
                          const struct schema *after, struct type_fit *fit, struct error *error)
{
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    size_t size = 1;
    struct block_cache cache = {0};
    struct span key, value;
    if (tree_schema(tree) == NULL)
        return error_set(error, ERR_PARKED, "the signed types", "they aren't here yet");
    while (view->next(view->context, TABLE_RECORDS, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size == RECORD_KEY_BYTES) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        fit_record(&cache, view, tree, SPAN(from, RECORD_KEY_BYTES), after, fit);
    }
    block_cache_free(&cache);
    return ERR_OK;
}
