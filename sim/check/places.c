/* One uthash table; each name is allocated by itself, so that arrays may move. */
#include "sim/check/places.h"

#include <assert.h>
#include <string.h>

#include "replication/hash_table.h"

struct place {
    struct hash name;
    size_t at;
    UT_hash_handle hh;
};

static struct place *find(const struct places *places, const struct hash *name)
{
    struct place *place = NULL;
    HASH_FIND(hh, places->first, name, sizeof *name, place);
    return place;
}

static void add(struct places *places, struct place *place)
{
    HASH_ADD(hh, places->first, name, sizeof place->name, place);
}

void places_free(struct places *places)
{
    struct place *place, *next;
    HASH_ITER (hh, places->first, place, next) {
        HASH_DEL(places->first, place);
        free(place);
    }
    places->first = NULL;
}

size_t places_find(const struct places *places, const struct hash *name)
{
    const struct place *place = find(places, name);
    return place == NULL ? SIZE_MAX : place->at;
}

void places_set(struct places *places, const struct hash *name, size_t at)
{
    struct place *place = find(places, name);
    if (place == NULL) {
        place = mem_alloc(sizeof *place);
        place->name = *name;
        add(places, place);
    }
    place->at = at;
}

struct hash place_name(struct span bytes)
{
    struct hash name = {{0}};
    assert(bytes.size > 0 && bytes.size <= sizeof name.bytes);
    memcpy(name.bytes, bytes.data, bytes.size);
    return name;
}
