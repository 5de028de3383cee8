/* A node at work: an inbox, a drive, a memory store; batches and what they send. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/cost.h"
#include "sim/world/world_parts.h"

static void clear_items(struct inbox_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_free(&items[i].bytes);
        free(items[i].type);
        free(items[i].request_id);
        free(items[i].step);
        free(items[i].to);
    }
}

void node_clear_inbox(struct world_node *node)
{
    clear_items(node->inbox, node->inbox_count);
    node->inbox_count = 0;
}

uint64_t node_tick_ms(const struct world *world)
{
    return world->now_ms + WORLD_TICKS_BEFORE_MS;
}

static bool stands_still(const struct world_node *node)
{
    return node->held || node->paused || node->drive == NULL || node->inbox_count == 0;
}

void node_plan_batch(struct world_node *node)
{
    struct world *world = node->world;
    if (node->batch_planned || stands_still(node))
        return;
    uint64_t at_ms = world->now_ms + draw_between(world, 0, world->options.batch_ms_max);
    struct happening batch = {
        .at_ms = at_ms > node->busy_until_ms ? at_ms : node->busy_until_ms,
        .kind = HAPPENING_BATCH,
        .node = node->place,
    };
    agenda_plan(&world->agenda, &batch);
    node->batch_planned = true;
}

void node_plan_timer(struct world_node *node, uint64_t earliest_ms)
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
    node_plan_batch(node);
}

void node_link_up(struct world_node *node, const struct happening *happening)
{
    if (node->drive == NULL)
        return;
    struct inbox_item *item = add_item(node, EVENT_LINK_UP);
    item->event.link_up.link = happening->link;
    item->event.link_up.uplink = happening->session == END_CHILD;
    item->event.link_up.over = item->event.link_up.uplink && happening->type != 0;
    memcpy(item->event.link_up.peer_key, happening->body.data, KEY_BYTES);
    node_plan_batch(node);
}

void node_link_down(struct world_node *node, uint32_t link)
{
    if (node->drive == NULL)
        return;
    add_item(node, EVENT_LINK_DOWN)->event.link_down = link;
    node_plan_batch(node);
}

void node_timer(struct world_node *node, uint64_t number)
{
    if (node->drive == NULL || number != node->timer)
        return;
    add_item(node, EVENT_TIME);
    node_plan_batch(node);
}

/* ---- ports ---- */

static void port_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                      struct span body)
{
    line_send(context, link, channel, type, body);
}

static void port_close(void *context, uint32_t link)
{
    wire_close(context, link);
}

static void port_answer(void *context, const struct answer *answer)
{
    struct world_node *node = context;
    struct answer unheard;
    if (node->dies_after_send) { /* the messages of this batch are out */
        node->dying = true;
        unheard = (struct answer){.request = answer->request};
        error_set(&unheard.error, ERR_IO, "the node", "it died");
        answer = &unheard;
    }
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
    event->tick_ms = node_tick_ms(node->world);
    if (event->kind == EVENT_MESSAGE) {
        event->message.body = span_of_buffer(&item->bytes);
    } else if (event->kind == EVENT_WRITE) {
        event->write.type = span_of_text(item->type);
        if (event->write.kind == WRITE_EXTEND)
            event->write.seats = span_of_buffer(&item->bytes);
        else
            event->write.fields = span_of_buffer(&item->bytes);
        event->write.request_id =
            item->request_id == NULL ? SPAN_EMPTY : span_of_text(item->request_id);
        event->write.to = item->to == NULL ? SPAN_EMPTY : span_of_text(item->to);
        event->write.transition = item->step == NULL ? SPAN_EMPTY : span_of_text(item->step);
    }
}

void node_ports(struct world_node *node, struct drive_ports *ports)
{
    *ports = (struct drive_ports){
        .store = node->port,
        .link = {.context = node, .send = port_send, .close = port_close},
        .context = node,
        .answer = port_answer,
        .log = node->world->options.tracing ? port_log : NULL,
    };
}

uint64_t node_sync_ms(const struct world_node *node)
{
    bool committed = node->drive != NULL && drive_commit_count(node->drive) != node->commits_before;
    return committed ? node->sync_ms : 0;
}

static void batch_done(struct world_node *node, const struct event *events, size_t count,
                       enum error_code code)
{
    struct world *world = node->world;
    if (node->dying)
        code = ERR_IO;
    if (world->hooks.batch_done != NULL)
        world->hooks.batch_done(world->hooks.context, node->place, events, count, code);
    node->busy_until_ms = world->now_ms + node_sync_ms(node);
    node->sync_ms = 0;
    if (code == ERR_FULL) {
        world->counts.failed_commits++;
        if (world->hooks.opened != NULL)
            world->hooks.opened(world->hooks.context, node->place);
    } else if (code != ERR_OK) {
        node->suspect = !node->dying && !memory_store_crashed(node->store);
        world_crash(world, node->place);
        return;
    }
    node_plan_timer(node, world->now_ms + 1);
}

static enum error_code drive(struct world_node *node, struct event *events, size_t count)
{
    COST_HERE(COST_CORE);
    return drive_batch(node->drive, events, count);
}

void node_run_events(struct world_node *node, struct event *events, size_t count, size_t injected)
{
    struct world *world = node->world;
    world->counts.batches++;
    if (events[0].kind != EVENT_DOCUMENT) /* a node that can't store its documents doesn't start */
        disk_batch_begins(node);
    node->commits_before = drive_commit_count(node->drive);
    if (world->hooks.batch_begins != NULL)
        world->hooks.batch_begins(world->hooks.context, node->place, events, count, injected);
    batch_done(node, events, count, drive(node, events, count));
}

/* The inbox's first events are taken out before they run, since a crash clears the inbox. */
void node_batch(struct world_node *node)
{
    size_t most = node->world->options.batch_events_max;
    size_t count = node->inbox_count, injected = 0;
    node->batch_planned = false;
    if (stands_still(node))
        return;
    if (world_now_ms(node->world) < node->busy_until_ms) {
        node_plan_batch(node);
        return;
    }
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
    node_run_events(node, events, count, injected);
    clear_items(items, count);
    free(items);
    free(events);
    node_plan_batch(node);
}

void world_write(struct world *world, size_t place, const struct world_write *write)
{
    struct world_node *node = world->nodes[place];
    if (node->drive == NULL)
        return;
    struct inbox_item *item = add_item(node, EVENT_WRITE);
    item->event.write.request = write->request;
    item->event.write.kind = write->kind;
    item->event.write.record = write->record;
    item->event.write.with_private = write->with_private;
    item->type = mem_text(write->type);
    item->request_id = write->request_id == NULL ? NULL : mem_text(write->request_id);
    item->to = write->to == NULL ? NULL : mem_text(write->to);
    item->step = write->step == NULL ? NULL : mem_text(write->step);
    buffer_append_span(&item->bytes, write->fields);
    node_plan_batch(node);
}

void world_hold(struct world *world, size_t node, bool held)
{
    world->nodes[node]->held = held;
    node_plan_batch(world->nodes[node]);
}

void world_room(struct world *world, size_t place, enum replica_hold hold)
{
    struct world_node *node = world->nodes[place];
    if (node->drive == NULL)
        return;
    enum error_code code = drive_hold(node->drive, hold);
    assert(code == ERR_OK);
    (void)code;
    add_item(node, EVENT_TIME);
    node_plan_batch(node);
}
