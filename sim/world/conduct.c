/* How a node cheats, with its own true keys. */
#include <stdlib.h>
#include <string.h>

#include "sim/world/mischief.h"
#include "sim/world/world_parts.h"

enum { SECOND_MS = 1000 };

/* ---- withholding ---- */

/* The same share of streams, whichever link and whenever. */
static bool is_withheld(const struct world_node *from, const struct stream_id *stream)
{
    uint8_t name[KEY_ID_BYTES + 8 + 8];
    const struct county_keys *seat = &from->keys;
    if (key_id_equal(stream->author, seat->key_id))
        return false; /* what it does with its own is its own affair */
    memcpy(name, stream->author.bytes, KEY_ID_BYTES);
    write_u32(name + KEY_ID_BYTES, stream->epoch);
    write_u32(name + KEY_ID_BYTES + 4, stream->number);
    memcpy(name + KEY_ID_BYTES + 8, seat->key_id.bytes, 8);
    struct hash hash = hash_of(HASH_SEAL, SPAN_OF_ARRAY(name));
    return read_u32(hash.bytes) % 1000 < from->conduct.withhold_permille;
}

/* Blocks name their stream once, then by handle. */
bool conduct_withholds(struct world *world, const struct world_node *from, size_t child,
                       enum end to, struct span body, uint8_t type)
{
    struct world_link *link = link_of(world, child);
    struct block_prefix prefix;
    struct mp_reader reader = mp_reader(body);
    if (type != WIRE_BLOCK)
        return false;
    uint64_t handle = mp_read_uint_max(&reader, HANDLES_MAX - 1);
    struct span rest = SPAN(body.data + reader.at, body.size - reader.at);
    if (reader.failed || block_read_prefix(rest, &prefix, NULL) != ERR_OK)
        return false;
    if (link->names[to] == NULL)
        link->names[to] = mem_alloc(HANDLES_MAX * sizeof *link->names[to]);
    if (prefix.flags & BLOCK_HAS_STREAM)
        link->names[to][handle] = prefix.stream;
    return is_withheld(from, &link->names[to][handle]);
}

/* ---- forging ---- */

static size_t draw_link(struct world_node *node, bool *to_parent)
{
    struct world *world = node->world;
    bool has_parent = node->parent != node->place;
    uint64_t drawn = prng_below(&world->prng, node->child_count + has_parent);
    *to_parent = drawn == node->child_count;
    return *to_parent ? node->place : node->children[drawn];
}

static void plan_cheat(struct world_node *node)
{
    struct happening cheat = {
        .at_ms = node->world->now_ms + SECOND_MS,
        .kind = HAPPENING_CHEAT,
        .node = node->place,
        .session = node->cheat_number,
    };
    agenda_plan(&node->world->agenda, &cheat);
}

void conduct_cheat(struct world_node *node, uint64_t number)
{
    struct world *world = node->world;
    bool to_parent;
    if (number != node->cheat_number)
        return;
    size_t links = node->child_count + (node->parent != node->place);
    for (size_t i = 0; i < links && node->drive != NULL; i++) {
        if (!prng_chance(&world->prng, node->conduct.forge_permille))
            continue;
        enum mischief kind = (enum mischief)prng_below(&world->prng, MISCHIEF_COUNT);
        size_t child = draw_link(node, &to_parent);
        mischief_make(world, kind, child, to_parent);
    }
    plan_cheat(node);
}

/* ---- */

static bool is_same(const struct conduct *a, const struct conduct *b)
{
    return a->withhold_permille == b->withhold_permille && a->delay_ms == b->delay_ms &&
           a->replay_permille == b->replay_permille && a->forge_permille == b->forge_permille &&
           a->forks == b->forks;
}

static void reset_links(struct world_node *node)
{
    struct world *world = node->world;
    for (size_t i = 0; i < node->child_count; i++) {
        if (link_of(world, node->children[i])->up)
            wire_end_by(world, node->children[i], END_PARENT);
    }
    if (node->parent != node->place && node->uplink.up)
        wire_end_by(world, node->place, END_CHILD);
}

/* A node that begins to cheat, or stops, is another program: its sessions begin anew. */
void world_set_conduct(struct world *world, size_t place, const struct conduct *conduct)
{
    struct world_node *node = world->nodes[place];
    bool forges = conduct->forge_permille > 0;
    if (is_same(&node->conduct, conduct))
        return;
    reset_links(node);
    node->conduct = *conduct;
    node->cheat_number++;
    if (forges && node->child_count + (node->parent != place) > 0)
        plan_cheat(node);
}
