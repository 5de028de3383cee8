/* Who knocks. A stranger costs a place among few and, if it sends a first message, some key
 * exchanges; so places, accepts and first messages a second are bounded.
 *
 * A quarter of the places is for callers from addresses where a peer of ours has proved itself
 * before. When a stranger's places are all taken, the oldest of the neighbourhood (/24, or /48)
 * that holds most of them makes room, if it has had a quarter of its time or the newcomer is from a
 * less crowded one: so a flood from one network evicts itself, and not the village that calls from
 * another. Otherwise the newcomer is refused. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <stdlib.h>
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

static struct caller caller_of(const struct link_room *room, nng_stream *stream)
{
    const struct listener *listener = &room->listener;
    struct caller caller = {0};
    nng_sockaddr address;
    uint8_t bytes[16] = {0};

    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) != 0)
        return caller;
    if (address.s_family == NNG_AF_INET)
        memcpy(bytes, &address.s_in.sa_addr, 4);
    else if (address.s_family == NNG_AF_INET6)
        memcpy(bytes, address.s_in6.sa_addr, 16);
    caller.group = address.s_family == NNG_AF_INET ? read_u32(bytes) & ~UINT32_C(0xff)
                                                   : read_u32(bytes + 2); /* most of the /48 */
    crypto_shorthash((uint8_t *)&caller.address, bytes, sizeof bytes, listener->address_key);
    caller.familiar = listener->familiar &&
                      listener->familiar[caller.address % LINK_FAMILIAR_PLACES] == caller.address;
    return caller;
}

void listener_remember(struct link_room *room, const struct caller *caller)
{
    struct listener *listener = &room->listener;

    if (!listener->familiar)
        listener->familiar = mem_alloc(LINK_FAMILIAR_PLACES * sizeof *listener->familiar);
    listener->familiar[caller->address % LINK_FAMILIAR_PLACES] = caller->address;
}

static bool is_unproved(const struct link *link)
{
    return !link->uplink && (link->state == LINK_GREETING || link->state == LINK_PROVING);
}

/* Those that have not proved who they are, the youngest first; they are few, and mostly at the
 * end of a long table. */
struct crowd {
    struct link *links[HANDSHAKES_MAX];
    size_t count, stranger_count;
};

static void crowd_gather(const struct link_room *room, struct crowd *crowd)
{
    *crowd = (struct crowd){0};
    for (size_t i = room->link_count; i-- > 0 && crowd->count < room->unproved_count;) {
        struct link *link = room->links[i];

        if (!is_unproved(link))
            continue;
        assert(crowd->count < HANDSHAKES_MAX);
        crowd->links[crowd->count++] = link;
        crowd->stranger_count += !link->caller.familiar;
    }
}

/* Strangers of one neighbourhood. */
static size_t group_size(const struct crowd *crowd, uint32_t group)
{
    size_t size = 0;

    for (size_t i = 0; i < crowd->count; i++)
        size += !crowd->links[i]->caller.familiar && crowd->links[i]->caller.group == group;
    return size;
}

/* Oldest stranger of the most crowded neighbourhood. */
static struct link *stranger_to_evict(const struct crowd *crowd, size_t *most)
{
    struct link *found = NULL;

    *most = 0;
    for (size_t i = crowd->count; i-- > 0;) {
        struct link *link = crowd->links[i];
        size_t size;

        if (link->caller.familiar)
            continue;
        size = group_size(crowd, link->caller.group);
        if (size > *most) {
            *most = size;
            found = link;
        }
    }
    return found;
}

/* Whom a newcomer may push out: NULL: nobody. */
static struct link *whom_to_evict(const struct link_room *room, const struct crowd *crowd,
                                  const struct caller *caller)
{
    const uint64_t patience_ms = room->options.handshake_ms / 4;
    size_t most;
    struct link *link = stranger_to_evict(crowd, &most);

    if (caller->familiar) {
        if (link)
            return link;
        link = crowd->count > 0 ? crowd->links[crowd->count - 1] : NULL;
    } else if (link && most > group_size(crowd, caller->group) + 1) {
        return link;
    }
    return link && link->began_ms + patience_ms <= room_now(room) ? link : NULL;
}

/* Whether the newcomer gets a place; another may lose its own for it. */
static bool find_place(struct link_room *room, const struct caller *caller)
{
    const uint32_t most = room->options.handshakes_max;
    struct crowd crowd;
    struct link *link;

    crowd_gather(room, &crowd);
    if (crowd.count < most && (caller->familiar || crowd.stranger_count < most - most / 4))
        return true;
    link = whom_to_evict(room, &crowd, caller);
    if (!link) {
        room->counters.flood++;
        return false;
    }
    room->counters.timeout++;
    link_fail(link, LINK_DOWN_TIMEOUT);
    return true;
}

/* True when one more link may be. Otherwise the timer looks again. */
static bool place_free(struct link_room *room)
{
    if (room->link_count < room->options.links_max)
        return true;
    retry_in(room, LINK_ACCEPT_RETRY_MS);
    return false;
}

static void count_second(struct listener *listener, uint64_t now)
{
    if (now < listener->second_ms + 1000)
        return;
    listener->second_ms = now;
    listener->accepts = 0;
    listener->handshakes = 0;
    listener->familiar_handshakes = 0;
}

bool listener_admits(struct link_room *room, const struct caller *caller)
{
    struct listener *listener = &room->listener;

    uint32_t *count = caller->familiar ? &listener->familiar_handshakes : &listener->handshakes;

    count_second(listener, room_now(room));
    return (*count)++ < room->options.handshakes_second_max;
}

static bool rate_allows(struct link_room *room)
{
    struct listener *listener = &room->listener;
    const uint64_t now = room_now(room);

    count_second(listener, now);
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
    struct caller caller;

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
    caller = caller_of(room, stream);
    if (find_place(room, &caller)) {
        link_begin(room, stream, false);
        room->links[room->link_count - 1]->caller = caller;
    } else {
        nng_stream_free(stream);
    }
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
    randombytes_buf(listener->address_key, sizeof listener->address_key);
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
    free(room->listener.familiar);
    room->listener.familiar = NULL;
}
