/* What waits here of one record: rows that name it, and those that wait for a newer schema, which
 * name their place alone. */
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"

enum { RECORD_PREFIX_BYTES = 1 + 2 + 16 };

struct looking {
    struct step *step;
    uint16_t type;
    const struct record_id *id;
    struct entry_places *found;
    size_t capacity;
    struct block_cache cache;
};

static void add_place(struct looking *looking, const struct entry_place *place)
{
    struct entry_places *found = looking->found;
    for (size_t i = 0; i < found->count; i++) {
        if (entry_place_equal(&found->places[i], place))
            return;
    }
    if (found->count == looking->capacity) {
        looking->capacity = 2 * looking->capacity + 4;
        found->places = mem_resize(found->places, looking->capacity * sizeof *found->places);
    }
    found->places[found->count++] = *place;
}

/* A carry whose author isn't known here goes on as it is, like what one holds. */
static void look_at(struct looking *looking, struct span key)
{
    struct entry_place place;
    struct located_entry located;
    struct step *step = looking->step;
    if (!entry_place_parse(step->view, parked_locator(key), &place) ||
        !entry_open(&looking->cache, step->view, step->replica->tree, &place, &located) ||
        !located.entry->has_record || located.entry->type != looking->type ||
        memcmp(located.entry->record.bytes, looking->id->bytes, sizeof looking->id->bytes) != 0)
        return;
    place.carried = place.carried || located.entry->kind == ENTRY_CARRY;
    add_place(looking, &place);
}

static void look_at_rows(struct looking *looking, const uint8_t *prefix, size_t prefix_size)
{
    uint8_t from[PARKED_KEY_BYTES_MAX + 1];
    size_t size = prefix_size;
    const struct view *view = looking->step->view;
    struct span key, value;
    memcpy(from, prefix, prefix_size);
    while (view->next(view->context, TABLE_PARKED, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size >= prefix_size && key.size <= PARKED_KEY_BYTES_MAX &&
           memcmp(key.data, prefix, prefix_size) == 0) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        look_at(looking, SPAN(from, size - 1));
    }
}

void parked_places(struct step *step, uint16_t type, const struct record_id *id,
                   struct entry_places *found)
{
    struct looking looking = {.step = step, .type = type, .id = id, .found = found};
    uint8_t prefix[RECORD_PREFIX_BYTES] = {PARKED_RECORD};
    static const uint8_t schema[] = {PARKED_SCHEMA};
    *found = (struct entry_places){0};
    write_u16(prefix + 1, type);
    memcpy(prefix + 3, id->bytes, sizeof id->bytes);
    look_at_rows(&looking, prefix, sizeof prefix);
    look_at_rows(&looking, schema, sizeof schema);
    block_cache_free(&looking.cache);
}
