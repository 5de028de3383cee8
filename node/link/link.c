/* The room: options, the table of links, peers, counters, and the order of stopping.
 *
 * Links stand in an array ascending by id; ids only rise, so a new link goes to the end. Stopping
 * is a condition, not a sequence: whenever a link or an operation comes back, room_finish_if_idle
 * asks whether anything is left, and only then the timers, the aios and at last the inbox go. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

const char *link_down_sentence(enum link_down reason)
{
    static const char *const sentences[] = {
#define X(name, sentence) [LINK_DOWN_##name] = sentence,
        LINK_DOWN_LIST(X)
#undef X
    };

    return sentences[reason];
}

uint64_t room_now(const struct link_room *room)
{
    return uv_now(room->options.loop);
}

/* On NNG's threads: give the completion to the loop, nothing else. */
static void operation_called(void *argument)
{
    struct operation *operation = argument;

    inbox_push(&operation->room->inbox, &operation->event);
}

static void operation_handled(void *context, struct inbox_event *event)
{
    struct operation *operation = (struct operation *)(void *)event;

    (void)context;
    assert(operation->busy);
    operation->busy = false;
    operation->done(operation);
}

bool operation_init(struct operation *operation, struct link_room *room, void *owner,
                    void (*done)(struct operation *operation))
{
    *operation = (struct operation){.room = room, .owner = owner, .done = done};
    return nng_aio_alloc(&operation->aio, operation_called, operation) == 0;
}

void operation_free(struct operation *operation)
{
    assert(!operation->busy);
    if (operation->aio)
        nng_aio_free(operation->aio); /* waits for the callback to return */
    operation->aio = NULL;
}

static int compare_ids(const void *key, const void *element)
{
    const uint32_t id = *(const uint32_t *)key;
    const uint32_t other = (*(struct link *const *)element)->id;

    return id < other ? -1 : id > other;
}

static struct link **link_place(const struct link_room *room, uint32_t id)
{
    if (room->link_count == 0)
        return NULL;
    return bsearch(&id, room->links, room->link_count, sizeof *room->links, compare_ids);
}

struct link *room_link(const struct link_room *room, uint32_t id)
{
    struct link **place = link_place(room, id);

    return place ? *place : NULL;
}

void room_forget(struct link_room *room, struct link *link)
{
    struct link **place = link_place(room, link->id);
    size_t after;

    assert(place && *place == link);
    after = room->link_count - (size_t)(place - room->links) - 1;
    memmove(place, place + 1, after * sizeof *place);
    room->link_count--;
    if (link->uplink)
        uplink_link_gone(room, link);
}

static int compare_peers(const void *a, const void *b)
{
    return memcmp(((const struct link_peer *)a)->key, ((const struct link_peer *)b)->key,
                  LINK_KEY_BYTES);
}

const struct link_peer *room_peer(const struct link_room *room, const uint8_t *key)
{
    struct link_peer wanted;

    if (room->peer_count == 0)
        return NULL;
    memcpy(wanted.key, key, LINK_KEY_BYTES);
    return bsearch(&wanted, room->peers, room->peer_count, sizeof *room->peers, compare_peers);
}

void link_room_set_peers(struct link_room *room, const struct link_peer *peers, size_t count)
{
    free(room->peers);
    room->peers = count ? mem_copy(peers, count * sizeof *peers) : NULL;
    room->peer_count = count;
    if (count)
        qsort(room->peers, count, sizeof *peers, compare_peers);
    for (size_t i = 0; i < room->link_count; i++) {
        struct link *link = room->links[i];

        if (!link->uplink && !link->joining && !link->wiring && link->peer_known &&
            !room_peer(room, link->peer_key))
            link_shut(link, LINK_DOWN_UNKNOWN_KEY);
    }
}

static void or_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void fill_options(struct link_options *options)
{
    or_default(&options->handshake_ms, HANDSHAKE_MS);
    or_default(&options->ping_ms, PING_MS);
    or_default(&options->dead_ms, LINK_DEAD_MS);
    or_default(&options->redial_first_ms, REDIAL_FIRST_MS);
    or_default(&options->redial_most_ms, REDIAL_MOST_MS);
    or_default(&options->drain_ms, LINK_DRAIN_MS);
    or_default(&options->handshakes_max, HANDSHAKES_MAX);
    assert(options->handshakes_max <= HANDSHAKES_MAX);
    or_default(&options->handshakes_second_max, LINK_HANDSHAKES_PER_SECOND);
    or_default(&options->links_max, LINKS_MAX);
    or_default(&options->rate_least, LINK_RATE_LEAST);
    if (options->queue_bytes_max == 0)
        options->queue_bytes_max = LINK_QUEUE_BYTES_MAX;
}

static void room_free(struct link_room *room)
{
    room_forget_invites(room);
    free(room->peers);
    free(room->links);
    sodium_memzero(room, sizeof *room);
    free(room);
}

static void room_gone(void *context)
{
    struct link_room *room = context;
    void (*stopped)(void *) = room->options.callbacks.stopped;
    void *user = room->options.context;

    room_free(room);
    stopped(user);
}

/* Nothing started yet: the loop has to run once for the inbox to let go. */
static void room_abandoned(void *context)
{
    room_free(context);
}

static void timer_gone(uv_handle_t *timer)
{
    struct link_room *room = timer->data;

    if (--room->timers_open > 0)
        return;
    listener_free(room);
    uplink_free(room);
    inbox_close(&room->inbox, room->stopping ? room_gone : room_abandoned);
}

static void room_close_timers(struct link_room *room)
{
    room->timers_open = 2;
    uv_close((uv_handle_t *)&room->uplink.timer, timer_gone);
    uv_close((uv_handle_t *)&room->listener.timer, timer_gone);
}

void room_finish_if_idle(struct link_room *room)
{
    if (!room->stopping || room->link_count > 0 || room->uplink.dialling.busy ||
        room->listener.accepting.busy || uv_is_closing((uv_handle_t *)&room->uplink.timer))
        return;
    room_close_timers(room);
}

struct link_room *link_room_start(const struct link_options *options, struct error *error)
{
    struct link_room *room = mem_alloc(sizeof *room);
    const struct link_callbacks *callbacks = &options->callbacks;

    assert(callbacks->on_up && callbacks->on_message && callbacks->on_down && callbacks->stopped);
    room->options = *options;
    if (options->invite_id != NULL) {
        room->dials_invited = true;
        memcpy(room->invite_id, options->invite_id, sizeof room->invite_id);
    }
    fill_options(&room->options);
    noise_public_key(options->link_secret, room->public_key);
    if (inbox_open(&room->inbox, options->loop, operation_handled, room) != 0) {
        room_free(room);
        error_set(error, ERR_INTERNAL, "links", "the loop has no descriptors left");
        return NULL;
    }
    uv_timer_init(options->loop, &room->uplink.timer);
    uv_timer_init(options->loop, &room->listener.timer);
    room->uplink.timer.data = room;
    room->listener.timer.data = room;
    if (!uplink_init(room) || !listener_start(room, error)) {
        room_close_timers(room);
        return NULL;
    }
    listener_accept(room);
    return room;
}

void link_room_stop(struct link_room *room)
{
    assert(!room->stopping);
    room->stopping = true;
    listener_stop(room);
    uplink_stop(room);
    for (size_t i = 0; i < room->link_count; i++) {
        if (room->links[i]->state == LINK_UP && !link_wire_passes(room->links[i]))
            link_drain(room->links[i], LINK_DOWN_STOPPING, LINK_BYE_STOPPING);
        else if (room->links[i]->state != LINK_DRAINING)
            link_shut(room->links[i], LINK_DOWN_STOPPING);
    }
    room_finish_if_idle(room);
}

uint16_t link_room_port(const struct link_room *room)
{
    return room->listener.port;
}

void link_room_public_key(const struct link_room *room, uint8_t key[static LINK_KEY_BYTES])
{
    memcpy(key, room->public_key, LINK_KEY_BYTES);
}

void link_room_send(struct link_room *room, uint32_t id, unsigned channel, uint8_t type,
                    struct span body)
{
    struct link *link = room_link(room, id);

    if (link && link->state == LINK_UP && !link->wiring)
        link_queue(link, channel, type, body);
}

void link_room_close(struct link_room *room, uint32_t id, enum link_bye bye)
{
    struct link *link = room_link(room, id);

    if (link && link->state == LINK_UP && !link->wire)
        link_drain(link, LINK_DOWN_CLOSED, bye);
}

void link_room_hold(struct link_room *room, uint32_t id, bool held)
{
    struct link *link = room_link(room, id);

    if (!link || link->state != LINK_UP || link->held == held)
        return;
    link->held = held;
    if (held)
        return;
    link->heard_ms = room_now(room);
    if (link->asked_ms > 0)
        link->asked_ms = link->heard_ms; /* its pong may lie unread here */
    link_arm(link);
    link_read(link);
}

void link_room_counters(const struct link_room *room, struct link_counters *counters)
{
    *counters = room->counters;
}

bool link_room_info(const struct link_room *room, uint32_t id, struct link_info *info)
{
    const struct link *link = room_link(room, id);
    const struct link_peer *peer;

    if (!link || link->state != LINK_UP || link->joining || link->wiring)
        return false;
    *info = (struct link_info){.link = id,
                               .uplink = link->uplink,
                               .over = link->over,
                               .up_ms = room_now(room) - link->up_ms,
                               .heard_ms = room_now(room) - link->heard_ms,
                               .bytes_in = link->bytes_in,
                               .bytes_out = link->bytes_out,
                               .queued_bytes =
                                   link->sender.queued_bytes + link->output.size - link->output_at};
    memcpy(info->peer_key, link->peer_key, LINK_KEY_BYTES);
    peer = link->uplink ? NULL : room_peer(room, link->peer_key);
    if (peer)
        memcpy(info->seat, peer->seat, sizeof info->seat);
    return true;
}

size_t link_room_list(const struct link_room *room, uint32_t *links, size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < room->link_count; i++) {
        if (room->links[i]->state != LINK_UP || room->links[i]->joining || room->links[i]->wiring)
            continue;
        if (count < most)
            links[count] = room->links[i]->id;
        count++;
    }
    return count;
}

size_t link_room_wires(const struct link_room *room)
{
    size_t count = 0;

    for (size_t i = 0; i < room->link_count; i++)
        count += link_wire_passes(room->links[i]) && room->links[i]->state == LINK_UP;
    return count;
}
