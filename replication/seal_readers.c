/* Whose keys read a sealed stream of ours: those of the seat at its end, main and standby, and our
 * own seat's (rules.md A4). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

/* Those of the last end asked for, as the tree was then. */
struct reader_cache {
    uint64_t tree_seen;
    char to[SEAT_BYTES_MAX + 1];
    size_t count;
    uint8_t keys[SEAL_READERS_MAX][KEY_BYTES];
};

static int by_id(const void *a, const void *b)
{
    return key_id_compare(key_id_of(a), key_id_of(b));
}

static size_t sort_and_thin(uint8_t (*keys)[KEY_BYTES], size_t count)
{
    size_t kept = 0;
    qsort(keys, count, sizeof *keys, by_id);
    for (size_t i = 0; i < count; i++) {
        if ((kept == 0 || by_id(keys[kept - 1], keys[i]) != 0) && seal_key_acceptable(keys[i])) {
            memmove(keys[kept], keys[i], KEY_BYTES);
            kept++;
        }
    }
    return kept;
}

static size_t find_readers(const struct replica *replica, const struct seat *end,
                           uint8_t (*keys)[KEY_BYTES])
{
    const struct seat *own = own_seat(replica);
    size_t count = sort_and_thin(keys, seat_seal_keys(end, keys, SEAL_READERS_MAX / 2));
    if (count == 0 || own == NULL || PLANTED(SEAL_SKIPS_OWN))
        return own == NULL ? 0 : count;
    memcpy(keys[count++], replica->options.seal.public_key, KEY_BYTES);
    count += seat_seal_keys(own, keys + count, SEAL_READERS_MAX - count);
    return sort_and_thin(keys, count);
}

size_t seal_readers(struct replica *replica, const char *to, const uint8_t (**keys)[KEY_BYTES])
{
    const struct seat *end = tree_seat(replica->tree, span_of_text(to));
    struct reader_cache *cache = replica->readers;
    if (end == NULL)
        return 0;
    if (cache == NULL)
        cache = replica->readers = mem_alloc(sizeof *cache);
    if (cache->tree_seen != tree_change_count(replica->tree) || strcmp(cache->to, to) != 0) {
        cache->tree_seen = tree_change_count(replica->tree);
        memcpy(cache->to, end->row.seat, sizeof cache->to);
        cache->count = find_readers(replica, end, cache->keys);
    }
    *keys = (const uint8_t(*)[KEY_BYTES])cache->keys;
    return cache->count;
}
