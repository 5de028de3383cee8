/* Nodes: an inbox, a drive, a memory store. A node that crashes loses all but its store. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/world_parts.h"

static void clear_items(struct inbox_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_free(&items[i].bytes);
        free(items[i].type);
        free(items[i].request_id);
        free(items[i].to);
    }
}

void node_clear_inbox(struct world_node *node)
{
    clear_items(node->inbox, node->inbox_count);
    node->inbox_count = 0;
}

static uint64_t tick_ms(const struct world *world)
{
    return world->now_ms + WORLD_TICKS_BEFORE_MS;
}

static void plan_batch(struct world_node *node)
{
    struct world *world = node->world;
    if (node->batch_planned || node->held || node->drive == NULL || node->inbox_count == 0)
        return;
    struct happening batch = {
        .at_ms = world->now_ms + draw_between(world, 0, world->options.batch_ms_max),
        .kind = HAPPENING_BATCH,
        .node = node->place,
    };
    agenda_plan(&world->agenda, &batch);
    node->batch_planned = true;
}

static void plan_timer(struct world_node *node, uint64_t earliest_ms)
{
    uint64_t deadline = drive_deadline(node->drive);
    if (deadline == UINT64_MAX)
        return;
    uint64_t at = deadline <= WORLD_TICKS_BEFORE_MS ? 0 : deadline - WORLD_TICKS_BEFORE_MS;
    struct happening timer = {
        .at_ms = at < earliest_ms ? earliest_ms : at,
        .kind = HAPPENING_TIMER,
        .node = node->place,
        .session = ++node->timer,
    };
    agenda_plan(&node->world->agenda, &timer);
}

static struct inbox_item *add_item(struct world_node *node, enum event_kind kind)
{
    if (node->inbox_count == node->inbox_capacity) {
        node->inbox_capacity = node->inbox_capacity * 2 + 8;
        node->inbox = mem_resize(node->inbox, node->inbox_capacity * sizeof *node->inbox);
    }
    struct inbox_item *item = &node->inbox[node->inbox_count++];
    *item = (struct inbox_item){.event.kind = kind};
    return item;
}

void node_receive(struct world_node *node, struct happening *happening)
{
    struct inbox_item *item = add_item(node, EVENT_MESSAGE);
    item->event.message.link = happening->link;
    item->event.message.channel = happening->channel;
    item->event.message.type = happening->type;
    item->injected = happening->injected;
    item->bytes = happening->body;
    happening->body = (struct buffer){0};
    plan_batch(node);
}

void node_link_up(struct world_node *node, const struct happening *happening)
{
    if (node->drive == NULL)
        return;
    struct inbox_item *item = add_item(node, EVENT_LINK_UP);
    item->event.link_up.link = happening->link;
    item->event.link_up.uplink = happening->session == END_CHILD;
    memcpy(item->event.link_up.peer_key, happening->body.data, KEY_BYTES);
    plan_batch(node);
}

void node_link_down(struct world_node *node, uint32_t link)
{
    if (node->drive == NULL)
        return;
    add_item(node, EVENT_LINK_DOWN)->event.link_down = link;
    plan_batch(node);
}

void node_timer(struct world_node *node, uint64_t number)
{
    if (node->drive == NULL || number != node->timer)
        return;
    add_item(node, EVENT_TIME);
    plan_batch(node);
}

/* ---- ports ---- */

static void port_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                      struct span body)
{
    link_send(context, link, channel, type, body);
}

static void port_close(void *context, uint32_t link)
{
    link_close(context, link);
}

static void port_answer(void *context, const struct answer *answer)
{
    struct world_node *node = context;
    node->answers++;
    if (node->world->hooks.answered != NULL)
        node->world->hooks.answered(node->world->hooks.context, node->place, answer);
}

static void port_log(void *context, struct span lines)
{
    struct world_node *node = context;
    if (node->world->hooks.lines != NULL)
        node->world->hooks.lines(node->world->hooks.context, node->place, lines);
}

/* ---- a batch ---- */

static void complete_event(struct world_node *node, struct inbox_item *item)
{
    struct event *event = &item->event;
    event->wall_ms = world_clock_ms(node->world, node->place);
    event->tick_ms = tick_ms(node->world);
    if (event->kind == EVENT_MESSAGE) {
        event->message.body = span_of_buffer(&item->bytes);
    } else if (event->kind == EVENT_WRITE) {
        event->write.type = span_of_text(item->type);
        event->write.fields = span_of_buffer(&item->bytes);
        event->write.request_id =
            item->request_id == NULL ? SPAN_EMPTY : span_of_text(item->request_id);
        event->write.to = item->to == NULL ? SPAN_EMPTY : span_of_text(item->to);
    }
}

static void arm_chance(struct world_node *node)
{
    static const enum memory_fault faults[] = {MEMORY_FAULT_PUT_FULL, MEMORY_FAULT_HIGH_WATER_FULL,
                                               MEMORY_FAULT_COMMIT_FULL};
    struct world *world = node->world;
    if (prng_chance(&world->prng, world->options.full_permille) &&
        memory_store_armed(node->store) == MEMORY_FAULT_NONE)
        memory_store_arm(node->store, faults[prng_below(&world->prng, 3)]);
}

static void batch_done(struct world_node *node, const struct event *events, size_t count,
                       enum error_code code)
{
    struct world *world = node->world;
    if (world->hooks.batch_done != NULL)
        world->hooks.batch_done(world->hooks.context, node->place, events, count, code);
    if (code == ERR_FULL) {
        world->counts.failed_commits++;
        if (world->hooks.opened != NULL)
            world->hooks.opened(world->hooks.context, node->place);
    } else if (code != ERR_OK) {
        world_crash(world, node->place);
        return;
    }
    plan_timer(node, world->now_ms + 1);
}

static void run_events(struct world_node *node, struct event *events, size_t count, size_t injected)
{
    struct world *world = node->world;
    world->counts.batches++;
    if (events[0].kind != EVENT_DOCUMENT) /* a node that can't store its documents doesn't start */
        arm_chance(node);
    if (world->hooks.batch_begins != NULL)
        world->hooks.batch_begins(world->hooks.context, node->place, events, count, injected);
    batch_done(node, events, count, drive_batch(node->drive, events, count));
}

/* The inbox's first events are taken out before they run, since a crash clears the inbox. */
void node_batch(struct world_node *node)
{
    size_t most = node->world->options.batch_events_max;
    size_t count = node->inbox_count, injected = 0;
    node->batch_planned = false;
    if (node->drive == NULL || node->held || count == 0)
        return;
    count = most > 0 && most < count ? most : count;
    struct inbox_item *items = mem_copy(node->inbox, count * sizeof *items);
    struct event *events = mem_alloc(count * sizeof *events);
    node->inbox_count -= count;
    memmove(node->inbox, node->inbox + count, node->inbox_count * sizeof *node->inbox);
    for (size_t i = 0; i < count; i++) {
        complete_event(node, &items[i]);
        events[i] = items[i].event;
        injected += items[i].injected;
    }
    run_events(node, events, count, injected);
    clear_items(items, count);
    free(items);
    free(events);
    plan_batch(node);
}

/* ---- starting and ending ---- */

static void fill_options(struct world_node *node, struct replica_options *options)
{
    struct world *world = node->world;
    const struct county_seat *seat = &world->county->seats[node->place];
    *options = (struct replica_options){
        .tree_id = world->county->tree_id,
        .tuning = world->options.tuning,
    };
    memcpy(options->seat, seat->code, sizeof options->seat);
    memcpy(options->signing_key, seat->signing_key, KEY_BYTES);
    memcpy(options->signing_secret, seat->signing_secret, SECRET_BYTES);
    memcpy(options->instance, node->instance, sizeof options->instance);
    options->high_water_readable = memory_store_high_water(node->store, &options->high_water);
    prng_fill(&world->prng, options->random, sizeof options->random);
}

static void dial_all(struct world *world, size_t node)
{
    link_plan_dial(world, node);
    for (size_t child = 0; child < world->county->seat_count; child++) {
        if (child != node && world->county->seats[child].parent == node)
            link_plan_dial(world, child);
    }
}

enum error_code world_start(struct world *world, size_t place, unsigned gift)
{
    struct world_node *node = &world->nodes[place];
    struct replica_options options;
    assert(node->drive == NULL);
    memory_store_recover(node->store);
    fill_options(node, &options);
    struct drive_ports ports = {
        .store = node->port,
        .link = {.context = node, .send = port_send, .close = port_close},
        .context = node,
        .answer = port_answer,
        .log = world->options.tracing ? port_log : NULL,
    };
    enum error_code code = drive_open(&options, &ports, &node->drive, NULL);
    if (code != ERR_OK) {
        node->drive = NULL;
        return code;
    }
    node->starts++;
    if (world->hooks.opened != NULL)
        world->hooks.opened(world->hooks.context, place);
    if (node->starts == 1)
        node->gift = gift;
    world_give_documents(world, place, node->gift);
    if (node->drive != NULL) {
        plan_timer(node, world->now_ms);
        dial_all(world, place);
    }
    return ERR_OK;
}

void world_give_documents(struct world *world, size_t place, unsigned gift)
{
    struct world_node *node = &world->nodes[place];
    size_t count;
    struct county_document *documents = county_documents(world->county, place, gift, &count);
    struct event *events = mem_alloc((count + 1) * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        events[i].kind = EVENT_DOCUMENT;
        events[i].wall_ms = world_clock_ms(world, place);
        events[i].tick_ms = tick_ms(world);
        events[i].document.envelope = documents[i].envelope;
        events[i].document.rows = documents[i].rows;
        events[i].document.row_count = documents[i].row_count;
        events[i].document.places = documents[i].places;
        events[i].document.proofs = documents[i].proofs;
    }
    run_events(node, events, count, 0);
    free(events);
    county_documents_free(documents, count);
}

void world_crash(struct world *world, size_t place)
{
    struct world_node *node = &world->nodes[place];
    if (node->drive == NULL)
        return;
    world->counts.crashes++;
    drive_close(node->drive);
    node->drive = NULL;
    node->timer++;
    if (!memory_store_crashed(node->store))
        memory_store_crash(node->store);
    memory_store_recover(node->store);
    node_clear_inbox(node);
    links_of_crashed(world, place);
}

void world_restore(struct world *world, size_t place, const struct memory_store *image)
{
    struct world_node *node = &world->nodes[place];
    assert(node->drive == NULL);
    memory_store_copy_back(node->store, image);
    world->counts.restores++;
}

bool world_runs(const struct world *world, size_t node)
{
    return world->nodes[node].drive != NULL;
}

const struct replica *world_replica(const struct world *world, size_t node)
{
    const struct drive *drive = world->nodes[node].drive;
    return drive == NULL ? NULL : drive_replica(drive);
}

struct memory_store *world_store(struct world *world, size_t node)
{
    return world->nodes[node].store;
}

const struct view *world_view(struct world *world, size_t node)
{
    return &world->nodes[node].port.view;
}

unsigned world_starts(const struct world *world, size_t node)
{
    return world->nodes[node].starts;
}

void world_set_instance(struct world *world, size_t node, const uint8_t instance[static 8])
{
    memcpy(world->nodes[node].instance, instance, sizeof world->nodes[node].instance);
}

void world_write(struct world *world, size_t place, const struct world_write *write)
{
    struct world_node *node = &world->nodes[place];
    if (node->drive == NULL)
        return;
    struct inbox_item *item = add_item(node, EVENT_WRITE);
    item->event.write.request = write->request;
    item->event.write.kind = write->kind;
    item->event.write.record = write->record;
    item->type = mem_text(write->type);
    item->request_id = write->request_id == NULL ? NULL : mem_text(write->request_id);
    item->to = write->to == NULL ? NULL : mem_text(write->to);
    buffer_append_span(&item->bytes, write->fields);
    plan_batch(node);
}

void world_hold(struct world *world, size_t node, bool held)
{
    world->nodes[node].held = held;
    plan_batch(&world->nodes[node]);
}

void world_room(struct world *world, size_t place, enum replica_hold hold)
{
    struct world_node *node = &world->nodes[place];
    if (node->drive == NULL)
        return;
    enum error_code code = drive_hold(node->drive, hold);
    assert(code == ERR_OK);
    (void)code;
    add_item(node, EVENT_TIME);
    plan_batch(node);
}
