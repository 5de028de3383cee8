/* What a disk does wrong, and what a node's supervisor does about it: a store that may be damaged
 * is checked before it is served, and made anew where it is (docs/node.md). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/salvage/salvage.h"
#include "replication/verify/verify.h"
#include "sim/world/world_parts.h"

enum {
    HOUR_MS = 60 * 60 * 1000,
    LOST_COMMITS_MAX = 20,
    TORN_PERMILLE = 300, /* of the rows that lost commits wrote over */
    SELF_SIGNED = 2,     /* field of the row `self` */
};

const char *fault_point_name(enum fault_point point)
{
    static const char *const names[] = {
#define X(name, text, what) text,
        FAULT_POINT_LIST(X)
#undef X
    };
    return names[point];
}

/* ---- what it is like ---- */

static void plan_decay(struct world_node *node)
{
    struct happening decay = {
        .at_ms = node->world->now_ms + HOUR_MS,
        .kind = HAPPENING_DECAY,
        .node = node->place,
        .session = node->decay_number,
    };
    agenda_plan(&node->world->agenda, &decay);
}

void world_set_disk(struct world *world, size_t place, const struct disk_profile *profile)
{
    struct world_node *node = world->nodes[place];
    if (profile->lies != node->disk.lies)
        memory_store_keep(node->store, profile->lies ? MEMORY_STORE_KEEP_MAX : 0);
    memory_store_limit(node->store, profile->bytes_max);
    node->disk = *profile;
    node->decay_number++;
    if (profile->unreadable_permille > 0)
        plan_decay(node);
}

void disk_batch_begins(struct world_node *node)
{
    static const enum memory_fault faults[] = {MEMORY_FAULT_PUT_FULL, MEMORY_FAULT_HIGH_WATER_FULL,
                                               MEMORY_FAULT_COMMIT_FULL};
    struct world *world = node->world;
    unsigned full = world->options.full_permille > node->disk.full_permille
                        ? world->options.full_permille
                        : node->disk.full_permille;
    if (prng_chance(&world->prng, full) && memory_store_armed(node->store) == MEMORY_FAULT_NONE)
        memory_store_arm(node->store, faults[prng_below(&world->prng, 3)]);
    node->sync_ms = draw_between(world, node->disk.sync_ms_min, node->disk.sync_ms_max);
}

/* ---- rows that can't be read ---- */

struct picking {
    struct memory_store *store;
    uint64_t left; /* rows before the one that is meant */
    bool done;
    enum table table;
    struct buffer key;
};

static void pick_row(void *context, enum table table, struct span key, struct span value)
{
    struct picking *picking = context;
    (void)value;
    if (picking->done || picking->left-- > 0)
        return;
    picking->done = true;
    picking->table = table;
    buffer_append_span(&picking->key, key);
}

static void damage_any_row(struct world_node *node)
{
    uint64_t rows = 0;
    for (size_t table = 0; table < TABLE_COUNT; table++)
        rows += memory_store_row_count(node->store, (enum table)table);
    rows -= memory_store_damaged_count(node->store);
    if (rows == 0)
        return;
    struct picking picking = {.store = node->store, .left = prng_below(&node->world->prng, rows)};
    memory_store_each(node->store, &picking, pick_row);
    bool damaged = memory_store_damage(node->store, picking.table, span_of_buffer(&picking.key));
    assert(damaged);
    (void)damaged;
    buffer_free(&picking.key);
}

void disk_decay(struct world_node *node, uint64_t number)
{
    if (number != node->decay_number)
        return;
    if (prng_chance(&node->world->prng, node->disk.unreadable_permille))
        damage_any_row(node);
    plan_decay(node);
}

void world_arm(struct world *world, size_t place, enum fault_point point)
{
    static const enum memory_fault faults[FAULT_POINT_COUNT] = {
        [FAULT_POINT_PUT_FULL] = MEMORY_FAULT_PUT_FULL,
        [FAULT_POINT_HIGH_WATER_FULL] = MEMORY_FAULT_HIGH_WATER_FULL,
        [FAULT_POINT_COMMIT_FULL] = MEMORY_FAULT_COMMIT_FULL,
        [FAULT_POINT_DIE_BEFORE_HIGH_WATER] = MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER,
        [FAULT_POINT_DIE_AFTER_HIGH_WATER] = MEMORY_FAULT_CRASH_AFTER_HIGH_WATER,
        [FAULT_POINT_DIE_IN_COMMIT] = MEMORY_FAULT_COMMIT_IO,
        [FAULT_POINT_DIE_AFTER_COMMIT] = MEMORY_FAULT_CRASH_AFTER_COMMIT,
    };
    struct world_node *node = world->nodes[place];
    node->dies_after_send = point == FAULT_POINT_DIE_AFTER_SEND;
    memory_store_arm(node->store, faults[point]);
    if (point == FAULT_POINT_UNREADABLE_ROW)
        damage_any_row(node);
}

/* ---- power cuts ---- */

static bool tears(void *context)
{
    struct world_node *node = context;
    return node->disk.tears && prng_chance(&node->world->prng, TORN_PERMILLE);
}

/* How many commits that signed something the store has seen. */
static uint64_t signed_commits(const struct world_node *node)
{
    const struct view *view = &node->port.view;
    struct span value;
    if (view->get(view->context, TABLE_META, span_of_text("self"), &value) != READ_FOUND)
        return 0;
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == SELF_SIGNED)
            return mp_read_uint(&reader);
        mp_read_any(&reader);
    }
    return 0;
}

/* The loss of exactly the last commit that signed can't be told from a power cut before that commit
 * (rules.md A5): two or none are lost. */
void disk_loses(struct world_node *node)
{
    struct world *world = node->world;
    if (PLANTED(SYNC_SKIPPED))
        memory_store_lose(node->store, (unsigned)prng_between(&world->prng, 1, LOST_COMMITS_MAX));
    if (!node->disk.lies)
        return;
    uint64_t before = signed_commits(node);
    uint64_t wanted = prng_between(&world->prng, 1, LOST_COMMITS_MAX);
    struct memory_store *image = memory_store_clone(node->store);
    unsigned lost = 0;
    while (wanted > 0 || signed_commits(node) + 1 == before) {
        if (memory_store_tear(node->store, 1, tears, node) == 0)
            break;
        lost++;
        wanted -= wanted > 0;
    }
    if (signed_commits(node) + 1 == before) {
        memory_store_copy_back(node->store, image);
        lost = 0;
    }
    memory_store_free(image);
    world->counts.lost_commits += lost;
    if (lost > 0 && world->hooks.lost != NULL)
        world->hooks.lost(world->hooks.context, node->place, lost);
}

/* ---- a damaged store ---- */

static void ignore_finding(void *context, const struct verify_finding *finding)
{
    (void)context, (void)finding;
}

static bool is_sound(struct world_node *node)
{
    const struct county *county = node->world->county;
    struct verify_options options = {
        .tree_id = county->tree_id,
        .own = node->keys.key_id,
        .seal = node->keys.seal,
        .finding = ignore_finding,
    };
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, &node->port.view)) {
    }
    bool sound = verify_finding_count(verify) == 0;
    verify_free(verify);
    return sound;
}

struct rows { /* of the old store; it stays as it is meanwhile */
    struct salvage *salvage;
    struct span *values;
    size_t count, capacity;
};

static void offer_row(void *context, enum table table, struct span key, struct span value)
{
    struct rows *rows = context;
    (void)table;
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity * 2 + 1024;
        rows->values = mem_resize(rows->values, rows->capacity * sizeof *rows->values);
    }
    rows->values[rows->count] = value;
    salvage_offer(rows->salvage, key, value, rows->count++);
}

static bool row_bytes(void *context, uint64_t place, size_t size, uint8_t *to)
{
    const struct rows *rows = context;
    if (place >= rows->count || rows->values[place].size != size)
        return false;
    memcpy(to, rows->values[place].data, size);
    return true;
}

static void offer_documents(const struct world_node *node, struct salvage *salvage)
{
    size_t count;
    struct county_document *documents = node_documents(node, &count);
    for (size_t i = 0; i < count; i++)
        salvage_offer_document(salvage, documents[i].kind, documents[i].envelope, documents[i].rows,
                               documents[i].places, documents[i].proofs, documents[i].row_count);
    county_documents_free(documents, count);
}

static void rebuild_all(const struct salvage_options *options, const struct store_port *port)
{
    uint64_t judged;
    enum error_code code;
    struct rebuild *rebuild = rebuild_new(options, port);
    while (rebuild_step(rebuild, &judged, &code)) {
    }
    assert(code == ERR_OK);
    rebuild_free(rebuild);
}

/* As node/repair.c does with the pages of a file. */
static void repair(struct world_node *node)
{
    const struct county_seat *seat = &node->world->county->seats[node->seat];
    struct rows rows = {0};
    struct high_water mark;
    struct salvage_counts counts;
    struct store_port port;
    struct salvage_options options = {.tree_id = node->world->county->tree_id,
                                      .wall_ms = world_clock_ms(node->world, node->place),
                                      .context = &rows,
                                      .bytes = row_bytes};
    memcpy(options.signing_key, node->keys.signing_key, KEY_BYTES);
    options.seal = node->keys.seal;
    memcpy(options.seat, seat->code, sizeof options.seat);
    if (memory_store_high_water(node->store, &mark))
        options.epoch = mark.epoch;
    struct memory_store *store = memory_store_new();
    memory_store_port(store, &port);
    rows.salvage = salvage_new(&options);
    memory_store_each(node->store, &rows, offer_row);
    offer_documents(node, rows.salvage);
    enum error_code code = salvage_write(rows.salvage, &port, &counts);
    assert(code == ERR_OK);
    (void)code;
    salvage_free(rows.salvage);
    rebuild_all(&options, &port);
    memory_store_copy_back(node->store, store);
    memory_store_free(store);
    free(rows.values);
}

void disk_make_good(struct world_node *node)
{
    struct world *world = node->world;
    if (!node->suspect && memory_store_damaged_count(node->store) == 0)
        return;
    node->suspect = false;
    if (is_sound(node))
        return;
    repair(node);
    node_new_marker(node); /* the new store is another file */
    world->counts.repairs++;
    if (world->hooks.repaired != NULL)
        world->hooks.repaired(world->hooks.context, node->place);
}
