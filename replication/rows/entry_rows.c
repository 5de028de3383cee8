/* Entries by where their bytes lie: in their author's block, or in another's carry entry. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/rows.h"

struct entry_place located_place(const struct located_entry *located)
{
    if (!located->carried)
        return (struct entry_place){.stream = {located->author.author, located->author.epoch,
                                               located->stream, located->author.branch},
                                    .seq = located->seq};
    const struct carrier *at = &located->carrier;
    return (struct entry_place){.stream = {at->author, at->epoch, at->stream, at->branch},
                                .seq = at->seq,
                                .carried = true,
                                .index = at->index};
}

struct entry_place operation_place(const struct operation *op)
{
    if (!op->carried)
        return (struct entry_place){
            .stream = {op->dot.author, op->dot.epoch, op->stream, op->branch}, .seq = op->seq};
    const struct carrier *at = &op->carrier;
    return (struct entry_place){.stream = {at->author, at->epoch, at->stream, at->branch},
                                .seq = at->seq,
                                .carried = true,
                                .index = at->index};
}

bool entry_place_equal(const struct entry_place *a, const struct entry_place *b)
{
    return stream_id_compare(&a->stream, &b->stream) == 0 && a->seq == b->seq &&
           a->carried == b->carried && a->index == b->index;
}

size_t entry_place_locator(const struct view *view, const struct entry_place *place,
                           uint8_t locator[static LOCATOR_BYTES_MAX])
{
    struct author_epoch author = stream_author(&place->stream);
    uint32_t who;
    if (!who_find(view, &author, &who))
        return 0;
    write_u32(locator, who << 8);
    write_u16(locator + WHO_BYTES, place->stream.number);
    write_u32(locator + STREAM_KEY_BYTES, place->seq);
    write_u16(locator + LOCATOR_BYTES, place->index);
    return place->carried ? LOCATOR_BYTES_MAX : LOCATOR_BYTES;
}

struct span parked_locator(struct span key)
{
    static const size_t prefix[] = {0, 1 + 2 + 16 + KEY_ID_BYTES + 8, 1 + 4, 1, 1};
    size_t kind = key.size == 0 ? 0 : key.data[0];
    size_t before = kind < sizeof prefix / sizeof *prefix ? prefix[kind] : 0;
    size_t size = before > 0 && key.size > before ? key.size - before : 0;
    bool fits = size == LOCATOR_BYTES || size == LOCATOR_BYTES_MAX;
    return fits ? SPAN(key.data + before, size) : SPAN_EMPTY;
}

bool entry_place_parse(const struct view *view, struct span locator, struct entry_place *place)
{
    struct author_epoch author;
    *place = (struct entry_place){.carried = locator.size == LOCATOR_BYTES_MAX};
    if ((locator.size != LOCATOR_BYTES && locator.size != LOCATOR_BYTES_MAX) ||
        !who_author(view, read_u32(locator.data) >> 8, &author))
        return false;
    place->stream = (struct stream_id){author.author, author.epoch,
                                       read_u16(locator.data + WHO_BYTES), author.branch};
    place->seq = read_u32(locator.data + STREAM_KEY_BYTES);
    place->index = place->carried ? read_u16(locator.data + LOCATOR_BYTES) : 0;
    return true;
}

enum error_code carry_entry_open(const struct view *view, const struct tree *tree,
                                 const struct entry *entry, struct carry *carry)
{
    struct stream_id stream;
    uint8_t author_key[KEY_BYTES];
    *carry = (struct carry){0};
    if (entry->kind != ENTRY_CARRY || entry->strange || entry->hole ||
        !carry_names(entry->body, &stream))
        return ERR_MALFORMED;
    if (!author_key_read(view, tree, stream.author, author_key))
        return ERR_UNKNOWN_KEY;
    return carry_open(entry->body, tree_id(tree), author_key, tree_verifier(tree), entry->type,
                      &entry->record, carry);
}

struct located_entry carried_entry(const struct carry *carry, const struct entry_place *at,
                                   size_t index)
{
    const struct stream_id *from = &carry->header.stream;
    assert(index < carry->list.count && !at->carried);
    return (struct located_entry){
        .author = {from->author, from->epoch},
        .stream = from->number,
        .seq = carry->header.seq + carry->places[index],
        .entry = &carry->list.entries[index],
        .digest = &carry->digests[index],
        .carried = true,
        .carrier = {at->stream.author, at->stream.epoch, at->stream.number, at->stream.branch,
                    at->seq, (uint16_t)index},
        .open = carry->open,
    };
}

static bool open_carried(struct block_cache *cache, const struct view *view,
                         const struct tree *tree, const struct entry_place *place,
                         const struct entry *entry, struct located_entry *located)
{
    struct entry_place at = {.stream = place->stream, .seq = place->seq};
    if (cache->carry == NULL || cache->carry_seq != place->seq) {
        if (cache->carry == NULL)
            cache->carry = mem_alloc(sizeof *cache->carry);
        else
            carry_free(cache->carry);
        cache->carry_seq = place->seq;
        if (carry_entry_open(view, tree, entry, cache->carry) != ERR_OK) {
            free(cache->carry);
            cache->carry = NULL;
            return false;
        }
    }
    if (place->index >= cache->carry->list.count)
        return false;
    *located = carried_entry(cache->carry, &at, place->index);
    return true;
}

static bool open_at(struct block_cache *cache, const struct view *view, const struct tree *tree,
                    const struct entry_place *place, struct located_entry *located)
{
    const struct prepared_block *block =
        block_cache_open(cache, view, tree, &place->stream, place->seq);
    if (block == NULL || block->opaque)
        return false;
    const struct entry *entry = &block->list.entries[place->seq - block->header.seq];
    if (place->carried)
        return open_carried(cache, view, tree, place, entry, located);
    *located = (struct located_entry){
        .author = stream_author(&place->stream),
        .stream = place->stream.number,
        .seq = place->seq,
        .entry = entry,
        .digest = &block->digests[place->seq - block->header.seq],
    };
    return true;
}

bool entry_open(struct block_cache *cache, const struct view *view, const struct tree *tree,
                const struct entry_place *place, struct located_entry *located)
{
    if (!open_at(cache, view, tree, place, located))
        return false;
    located->entry = left_of(view, located->entry, located->digest, &cache->left);
    return true;
}
