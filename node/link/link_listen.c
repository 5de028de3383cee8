/* Who knocks. A stranger costs a place among few and, if it sends a first message, some key
 * exchanges; so places, and accepts a second, are bounded, and what has no place yet waits in the
 * kernel.
 *
 * When all places are taken, one that has been silent for a quarter of its time makes room: the
 * oldest of the neighbourhood (/24, or /48) that holds most places, so that a flood from one
 * network evicts itself and not the village that calls from another. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <string.h>

static void accept_again(uv_timer_t *timer)
{
    listener_accept(timer->data);
}

static void retry_in(struct link_room *room, uint64_t wait_ms)
{
    if (!uv_is_active((uv_handle_t *)&room->listener.timer))
        uv_timer_start(&room->listener.timer, accept_again, wait_ms ? wait_ms : 1, 0);
}

/* The neighbourhood of a stream's peer; 0 for this machine. */
static uint32_t group_of(nng_stream *stream)
{
    nng_sockaddr address;
    uint8_t bytes[4] = {0};

    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) != 0)
        return 0;
    if (address.s_family == NNG_AF_INET)
        memcpy(bytes, &address.s_in.sa_addr, 3);
    else if (address.s_family == NNG_AF_INET6)
        memcpy(bytes, address.s_in6.sa_addr + 2, 4); /* most of the /48 */
    return read_u32(bytes);
}

static bool waits_in_group(const struct link *link, uint32_t group)
{
    return !link->uplink && link->group == group &&
           (link->state == LINK_GREETING || link->state == LINK_PROVING);
}

static size_t group_size(const struct link_room *room, uint32_t group)
{
    size_t size = 0;

    for (size_t i = 0; i < room->link_count; i++)
        size += waits_in_group(room->links[i], group);
    return size;
}

/* Oldest unproved link of the most crowded neighbourhood; the array is in order of age. */
static struct link *link_to_evict(const struct link_room *room)
{
    struct link *found = NULL;
    size_t crowd = 0;

    for (size_t i = 0; i < room->link_count; i++) {
        struct link *link = room->links[i];
        size_t size;

        if (!waits_in_group(link, link->group))
            continue;
        size = group_size(room, link->group);
        if (size > crowd) {
            crowd = size;
            found = link;
        }
    }
    return found;
}

/* True when a place is free. Otherwise the timer looks again when one may be made free. */
static bool place_free(struct link_room *room)
{
    const uint64_t patience_ms = room->options.handshake_ms / 4;
    const uint64_t now = room_now(room);
    struct link *link;

    if (room->link_count >= room->options.links_max) {
        retry_in(room, LINK_ACCEPT_RETRY_MS);
        return false;
    }
    if (room->unproved_count < room->options.handshakes_max)
        return true;
    link = link_to_evict(room);
    assert(link);
    if (now < link->began_ms + patience_ms) {
        retry_in(room, link->began_ms + patience_ms - now);
        return false;
    }
    room->counters.timeout++;
    link_fail(link, LINK_DOWN_TIMEOUT); /* frees the place, which calls listener_accept */
    return false;
}

static bool rate_allows(struct link_room *room)
{
    struct listener *listener = &room->listener;
    const uint64_t now = room_now(room);

    if (now >= listener->second_ms + 1000) {
        listener->second_ms = now;
        listener->accepts = 0;
    }
    if (listener->accepts < LINK_ACCEPTS_PER_SECOND)
        return true;
    retry_in(room, listener->second_ms + 1000 - now);
    return false;
}

void listener_accept(struct link_room *room)
{
    struct listener *listener = &room->listener;

    if (!listener->listener || room->stopping || listener->accepting.busy)
        return;
    if (!rate_allows(room) || !place_free(room) || listener->accepting.busy)
        return;
    listener->accepting.busy = true;
    nng_stream_listener_accept(listener->listener, listener->accepting.aio);
}

static void accepted(struct operation *operation)
{
    struct link_room *room = operation->room;
    const int result = nng_aio_result(operation->aio);
    nng_stream *stream = result == 0 ? nng_aio_get_output(operation->aio, 0) : NULL;

    if (room->stopping) {
        if (stream)
            nng_stream_free(stream);
        room_finish_if_idle(room);
        return;
    }
    if (!stream) { /* descriptors or memory are short: re-arming at once would spin */
        retry_in(room, LINK_ACCEPT_RETRY_MS);
        return;
    }
    room->counters.accepted++;
    room->listener.accepts++;
    link_begin(room, stream, false);
    room->links[room->link_count - 1]->group = group_of(stream);
    listener_accept(room);
}

static bool listen_failed(struct link_room *room, struct error *error, int result)
{
    error_set(error, result == NNG_EADDRINUSE ? ERR_BUSY : ERR_INVALID,
              "listening for children failed", "%s: %s", room->options.listen_url,
              nng_strerror(result));
    error_next(error, "give this node another listen address, or end the program that holds it");
    return false;
}

bool listener_start(struct link_room *room, struct error *error)
{
    struct listener *listener = &room->listener;
    const char *url = room->options.listen_url;
    int port = 0, result;

    if (!url)
        return true;
    if (!link_url_valid(url, true)) {
        error_set(error, ERR_INVALID, "the listen address can't be used",
                  "%.128s is neither tcp://ADDRESS:PORT in digits nor ipc:///PATH", url);
        error_next(error, "write it like tcp://192.0.2.1:4710");
        return false;
    }
    result = nng_stream_listener_alloc(&listener->listener, url);
    if (result != 0)
        return listen_failed(room, error, result);
    if (strncmp(url, "ipc:", 4) == 0)
        nng_stream_listener_set_int(listener->listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    result = nng_stream_listener_listen(listener->listener);
    if (result != 0)
        return listen_failed(room, error, result);
    if (nng_stream_listener_get_int(listener->listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0)
        listener->port = (uint16_t)port;
    if (!operation_init(&listener->accepting, room, NULL, accepted))
        return listen_failed(room, error, NNG_ENOMEM);
    return true;
}

void listener_stop(struct link_room *room)
{
    uv_timer_stop(&room->listener.timer);
    if (room->listener.listener)
        nng_stream_listener_close(room->listener.listener);
}

void listener_free(struct link_room *room)
{
    operation_free(&room->listener.accepting);
    if (room->listener.listener)
        nng_stream_listener_free(room->listener.listener);
    room->listener.listener = NULL;
}
