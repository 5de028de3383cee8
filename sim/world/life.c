/* Starts and ends, disks that are put back, machines that are copied. A node that ends loses all
 * but its store. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "sim/world/world_parts.h"

/* A marker for each machine and store. */
void node_new_marker(struct world_node *node)
{
    uint32_t marker = ++node->markers;
    memcpy(node->instance, "machine", sizeof node->instance);
    node->instance[7] = (uint8_t)node->seat;
    if (marker > 1) {
        node->instance[5] = (uint8_t)(marker >> 8);
        node->instance[6] = (uint8_t)marker;
    }
}

enum { GUIDE_MS = 15 * 1000 };

static void add_child(struct world_node *parent, size_t child)
{
    if (parent->child_count == parent->child_capacity) {
        parent->child_capacity = parent->child_capacity * 2 + 4;
        parent->children =
            mem_resize(parent->children, parent->child_capacity * sizeof *parent->children);
    }
    parent->children[parent->child_count++] = child;
}

struct world_node *node_new(struct world *world, size_t seat)
{
    struct world_node *node = mem_alloc(sizeof *node);
    if (world->node_count == world->node_capacity) {
        world->node_capacity = world->node_capacity * 2 + 16;
        world->nodes = mem_resize(world->nodes, world->node_capacity * sizeof *world->nodes);
    }
    node->world = world;
    node->place = node->twin = world->node_count;
    node->seat = seat;
    node->fallback = node->home = SIZE_MAX;
    node->parent = world->county->seats[seat].parent;
    if (node->parent == seat)
        node->parent = node->place;
    county_keys(world->county, seat, 1, &node->keys);
    world->nodes[world->node_count++] = node;
    node_new_marker(node);
    return node;
}

static void close_drive(struct world_node *node)
{
    const struct store_maker *stores = node->world->options.stores;
    if (node->drive != NULL && stores != NULL)
        stores->close(stores->context, node->place);
    drive_close(node->drive);
    node->drive = NULL;
}

void node_free(struct world_node *node)
{
    close_drive(node);
    node_clear_inbox(node);
    wire_forget_held(&node->uplink);
    for (int end = 0; end < END_COUNT; end++)
        free(node->uplink.names[end]);
    free(node->inbox);
    free(node->children);
    tree_free(node->given);
    memory_store_free(node->store);
    free(node);
}

static void set_store(struct world_node *node, struct memory_store *store)
{
    node->store = store;
    memory_store_strict(store, node->world->options.strict);
    memory_store_port(store, &node->port);
}

struct world *world_new(const struct county *county, const struct world_options *options,
                        uint64_t seed, const struct world_hooks *hooks)
{
    struct world *world = mem_alloc(sizeof *world);
    world->county = county;
    world->options = *options;
    if (hooks != NULL)
        world->hooks = *hooks;
    prng_seed(&world->prng, seed);
    world->next_link_id = 1;
    world->once = verify_once_new(VERIFY_ONCE_SETS);
    verify_once_verifier(world->once, &world->verifier);
    for (size_t i = 0; i < county->seat_count; i++)
        set_store(node_new(world, i), memory_store_new());
    for (size_t i = 0; PLANTED(SYNC_SKIPPED) && i < world->county->seat_count; i++)
        memory_store_keep(world->nodes[i]->store, MEMORY_STORE_KEEP_MAX);
    for (size_t i = 0; i < county->seat_count; i++) {
        if (world->nodes[i]->parent != i)
            add_child(world->nodes[world->nodes[i]->parent], i);
    }
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; i < world->node_count; i++)
        node_free(world->nodes[i]);
    agenda_clear(&world->agenda);
    verify_once_free(world->once);
    free(world->link_ends);
    free(world->nodes);
    free(world);
}

/* ---- starts ---- */

static void fill_options(struct world_node *node, struct replica_options *options)
{
    struct world *world = node->world;
    const struct county_seat *seat = &world->county->seats[node->seat];
    *options = (struct replica_options){
        .tree_id = world->county->tree_id,
        .tuning = world->options.tuning,
        .verifier = &world->verifier,
        .shelf = world->county->shelf,
    };
    memcpy(options->seat, seat->code, sizeof options->seat);
    memcpy(options->signing_key, node->keys.signing_key, KEY_BYTES);
    memcpy(options->signing_secret, node->keys.signing_secret, SECRET_BYTES);
    options->seal = node->keys.seal;
    memcpy(options->instance, node->instance, sizeof options->instance);
    if (world->options.stores == NULL)
        options->high_water_readable = memory_store_high_water(node->store, &options->high_water);
    prng_fill(&world->prng, options->random, sizeof options->random);
}

static void dial_all(struct world_node *node)
{
    struct world *world = node->world;
    wire_tell_lingering(world, node->place);
    wire_plan_dial(world, node->place);
    for (size_t i = 0; i < node->child_count; i++) {
        wire_tell_lingering(world, node->children[i]);
        wire_plan_dial(world, node->children[i]);
    }
    fallback_look(world);
}

static void offer_documents(struct world_node *node, struct county_document *documents,
                            size_t count);

enum error_code world_start(struct world *world, size_t place, unsigned gift)
{
    struct world_node *node = world->nodes[place];
    struct replica_options options;
    struct drive_ports ports;
    assert(node->drive == NULL && node->store != NULL);
    memory_store_recover(node->store);
    if (node->starts == 0)
        node->gift = gift;
    disk_make_good(node);
    fill_options(node, &options);
    const struct store_maker *stores = world->options.stores;
    if (stores != NULL && !stores->open(stores->context, place, &node->port,
                                        &options.high_water_readable, &options.high_water))
        return ERR_IO;
    node_ports(node, &ports);
    enum error_code code = drive_open(&options, &ports, &node->drive, NULL);
    if (code != ERR_OK) {
        node->drive = NULL;
        node->suspect = true;
        if (stores != NULL)
            stores->close(stores->context, place);
        return code;
    }
    node->starts++;
    if (world->hooks.opened != NULL)
        world->hooks.opened(world->hooks.context, place);
    size_t count;
    struct county_document *documents = node_documents(node, &count);
    offer_documents(node, documents, count);
    if (node->drive != NULL) {
        node_plan_timer(node, world->now_ms);
        dial_all(node);
    }
    return ERR_OK;
}

struct county_document *node_documents(const struct world_node *node, size_t *count)
{
    const struct county *county = node->world->county;
    const struct tree *from = node->given != NULL     ? node->given
                              : county->first != NULL ? county->first
                                                      : county->tree;
    return county_documents_of(county, from, node->seat, node->gift, count);
}

static void offer_documents(struct world_node *node, struct county_document *documents,
                            size_t count)
{
    struct event *events = mem_alloc((count + 1) * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        events[i].kind = EVENT_DOCUMENT;
        events[i].wall_ms = world_clock_ms(node->world, node->place);
        events[i].tick_ms = node_tick_ms(node->world);
        events[i].document.envelope = documents[i].envelope;
        events[i].document.rows = documents[i].rows;
        events[i].document.row_count = documents[i].row_count;
        events[i].document.places = documents[i].places;
        events[i].document.proofs = documents[i].proofs;
        events[i].document.confirmed = documents[i].confirmed;
    }
    node_run_events(node, events, count, 0);
    free(events);
    county_documents_free(documents, count);
}

void world_give_documents(struct world *world, size_t place, unsigned gift)
{
    struct world_node *node = world->nodes[place];
    size_t count;
    struct county_document *documents =
        county_documents_of(world->county, world->county->tree, node->seat, gift, &count);
    offer_documents(node, documents, count);
}

void world_give_types(struct world *world, size_t place)
{
    size_t count;
    struct county_document *documents = county_documents_of(
        world->county, world->county->tree, world->nodes[place]->seat, COUNTY_NO_SUBTREE, &count);
    for (size_t i = 0; i + 1 < count; i++) /* the types are the last */
        county_document_clear(&documents[i]);
    documents[0] = documents[count - 1];
    offer_documents(world->nodes[place], documents, 1);
}

static void give_change(struct world *world, size_t place, size_t change, bool confirmed)
{
    const struct author_document *signed_one = &world->county->changes[change];
    struct county_document *document = mem_alloc(sizeof *document);
    document->kind = signed_one->kind;
    document->envelope = span_of_buffer(&signed_one->envelope);
    document->confirmed = confirmed;
    document->row_count = signed_one->row_count;
    document->rows = mem_alloc((signed_one->row_count + 1) * sizeof *document->rows);
    for (size_t i = 0; i < signed_one->row_count; i++)
        document->rows[i] = span_of_buffer(&signed_one->rows[i]);
    offer_documents(world->nodes[place], document, 1);
}

void world_give_change(struct world *world, size_t place, size_t change)
{
    give_change(world, place, change, false);
}

void world_confirm_change(struct world *world, size_t place, size_t change)
{
    give_change(world, place, change, true);
}

void world_equip(struct world *world, size_t place, const struct tree *documents)
{
    struct world_node *node = world->nodes[place];
    assert(node->drive == NULL);
    tree_free(node->given);
    node->given = county_tree_copy(documents);
}

void world_replace(struct world *world, size_t place)
{
    struct world_node *node = world->nodes[place];
    world_wipe(world, place);
    county_keys(world->county, node->seat, world->county->seats[node->seat].generation,
                &node->keys);
}

void world_lend_escrow(struct world *world, size_t place, uint32_t number)
{
    struct world_node *node = world->nodes[place];
    assert(node->drive == NULL);
    seal_key_add_escrow(county_escrow(world->county, node->seat, number).secret, &node->keys.seal);
}

void world_rekey(struct world *world, size_t place, uint32_t generation)
{
    struct world_node *node = world->nodes[place];
    assert(node->drive == NULL);
    county_keys(world->county, node->seat, generation, &node->keys);
}

const struct county_keys *world_keys(const struct world *world, size_t node)
{
    return &world->nodes[node]->keys;
}

size_t world_parent(const struct world *world, size_t node)
{
    return world->nodes[node]->parent;
}

/* ---- whom a node dials ---- */

static void drop_child(struct world_node *parent, size_t child)
{
    size_t kept = 0;
    for (size_t i = 0; i < parent->child_count; i++) {
        if (parent->children[i] != child)
            parent->children[kept++] = parent->children[i];
    }
    parent->child_count = kept;
}

bool node_knows(const struct world_node *node, const struct world_node *other)
{
    const struct tree *tree = replica_tree(drive_replica(node->drive));
    const char *code = node->world->county->seats[other->seat].code;
    const struct seat *seat = tree_seat(tree, span_of_text(code));
    return other->keys.generation == 1 || seat == NULL ||
           memcmp(seat->row.link_key, other->keys.link_key, KEY_BYTES) == 0;
}

void node_turn_to(struct world_node *node, size_t parent)
{
    struct world *world = node->world;
    if (parent == node->parent)
        return;
    assert(!node->uplink.up);
    wire_leave(world, node->place);
    drop_child(world->nodes[node->parent], node->place);
    node->parent = parent;
    add_child(world->nodes[parent], node->place);
}

/* Its parent can't be reached, or has other keys by now: one of those above is asked, as
 * node/node_guide.c does. */
static void ask_above(struct world_node *node, const struct seat *seat)
{
    struct world *world = node->world;
    const struct seat *path[HOLDERS_MAX];
    size_t count = seat_path(seat, path);
    const struct world_node *parent = world->nodes[node->parent];
    bool away = parent->drive == NULL && world->now_ms - node->uplink.down_ms >= GUIDE_MS;
    if (world->county->change_count == 0 || count < 3 || (node_knows(node, parent) && !away))
        return;
    size_t guide =
        county_find(world->county, path[2 + node->guides_asked++ % (count - 2)]->row.seat);
    if (guide != SIZE_MAX && world->nodes[guide]->drive != NULL)
        node_turn_to(node, guide);
}

void node_find_parent(struct world_node *node)
{
    const struct county *county = node->world->county;
    const struct tree *tree = node->drive == NULL ? NULL : replica_tree(drive_replica(node->drive));
    const struct seat *seat =
        tree == NULL ? NULL : tree_seat(tree, span_of_text(county->seats[node->seat].code));
    if (seat == NULL || seat->parent == NULL || node->parent == node->place ||
        node->fallback != SIZE_MAX)
        return;
    size_t parent = county_find(county, seat->parent->row.seat);
    if (parent == SIZE_MAX)
        return;
    node_turn_to(node, parent);
    ask_above(node, seat);
}

/* ---- ends ---- */

/* With a reset from its system, or, when the power goes, without any. */
static void end_link(struct world *world, size_t child, enum end own, bool silently)
{
    struct world_link *link = link_of(world, child);
    bool was_up = link->up;
    enum end other = other_end(own);
    link->lingers[own] = false;
    if (!was_up || !silently) {
        wire_drop(world, child);
        return;
    }
    link->up = link->open[own] = link->open[other] = false;
    wire_forget_held(link);
    if (wire_end(world, child, other)->drive != NULL)
        wire_linger(world, child, other);
}

void node_end(struct world_node *node, bool silently)
{
    struct world *world = node->world;
    close_drive(node);
    node->timer++;
    node->busy_until_ms = node->sync_ms = 0;
    node->dies_after_send = node->dying = node->paused = false;
    memory_store_recover(node->store);
    node_clear_inbox(node);
    if (node->parent != node->place)
        end_link(world, node->place, END_CHILD, silently);
    for (size_t i = 0; i < node->child_count; i++)
        end_link(world, node->children[i], END_PARENT, silently);
    fallback_look(world);
}

void world_crash(struct world *world, size_t place)
{
    struct world_node *node = world->nodes[place];
    if (node->drive == NULL)
        return;
    world->counts.crashes++;
    node_end(node, false);
}

void world_power_cut(struct world *world, size_t place)
{
    struct world_node *node = world->nodes[place];
    world->counts.power_cuts++;
    if (node->drive != NULL)
        node_end(node, true);
    disk_loses(node);
}

/* ---- disks put back, machines copied ---- */

void world_restore(struct world *world, size_t place, const struct memory_store *image)
{
    struct world_node *node = world->nodes[place];
    assert(node->drive == NULL);
    memory_store_copy_back(node->store, image);
    world->counts.restores++;
}

void world_restore_whole(struct world *world, size_t place, const struct memory_store *image)
{
    struct high_water mark;
    bool is_there = memory_store_high_water(image, &mark);
    world_restore(world, place, image);
    memory_store_set_high_water(world->nodes[place]->store, is_there ? &mark : NULL);
}

void world_wipe(struct world *world, size_t place)
{
    struct world_node *node = world->nodes[place];
    struct memory_store *nothing = memory_store_new();
    assert(node->drive == NULL);
    memory_store_copy_back(node->store, nothing);
    memory_store_set_high_water(node->store, NULL);
    memory_store_free(nothing);
    node->suspect = false;
    node_new_marker(node);
}

size_t world_clone(struct world *world, size_t place)
{
    struct world_node *node = world->nodes[place];
    struct world_node *clone = node_new(world, node->seat);
    memcpy(clone->instance, node->instance, sizeof clone->instance);
    clone->gift = node->gift;
    clone->keys = node->keys;
    if (node->given != NULL)
        clone->given = county_tree_copy(node->given);
    clone->starts = node->starts;
    clone->clock = node->clock;
    clone->clock_set_ms = node->clock_set_ms;
    set_store(clone, memory_store_clone(node->store));
    clone->uplink.profile = node->uplink.profile;
    clone->uplink.has_profile = node->uplink.has_profile;
    clone->uplink.cut = node->uplink.cut;
    if (clone->parent != clone->place)
        add_child(world->nodes[clone->parent], clone->place);
    return clone->place;
}

void world_end_clone(struct world *world, size_t place)
{
    struct world_node *clone = world->nodes[place];
    assert(place >= world->county->seat_count);
    if (clone->drive != NULL)
        node_end(clone, false);
    clone->decay_number++;
    clone->cheat_number++;
    clone->uplink.line_number++;
    memory_store_limit(clone->store, 0);
    world_wipe(world, place);
}

size_t world_node_count(const struct world *world)
{
    return world->node_count;
}

size_t world_seat_of(const struct world *world, size_t node)
{
    return world->nodes[node]->seat;
}

/* ---- looks at nodes ---- */

bool world_runs(const struct world *world, size_t node)
{
    return world->nodes[node]->drive != NULL;
}

const struct replica *world_replica(const struct world *world, size_t node)
{
    const struct drive *drive = world->nodes[node]->drive;
    return drive == NULL ? NULL : drive_replica(drive);
}

struct memory_store *world_store(struct world *world, size_t node)
{
    return world->nodes[node]->store;
}

const struct view *world_view(struct world *world, size_t node)
{
    return &world->nodes[node]->port.view;
}

unsigned world_starts(const struct world *world, size_t node)
{
    return world->nodes[node]->starts;
}

void world_set_instance(struct world *world, size_t node, const uint8_t instance[static 8])
{
    memcpy(world->nodes[node]->instance, instance, sizeof world->nodes[node]->instance);
}
