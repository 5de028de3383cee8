/* The uplink: one peer, its endpoints in turn, and a wait before each attempt.
 *
 * The wait is drawn from the whole range below a bound (full jitter), so that 330 villages that
 * lost their parent together do not come back together. An attempt that nobody answers costs a
 * packet or two and the parent nothing: its bound is a small share of the time without a link, so
 * that after any cut a link comes back within a few percent of what the cut has lasted. One that is
 * answered costs the parent key exchanges: that bound doubles. A link that outlives the bound its
 * wait was drawn from earns a fresh start; one that is refused at once does not. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* So often a parent may be too crowded, as when all its children come back at once, before the
 * attempts become rare. */
enum { CROWD_ATTEMPTS = 16 };

static void uplink_dial(uv_timer_t *timer);

static bool uplink_wanted(const struct link_room *room)
{
    const struct uplink *uplink = &room->uplink;

    return !room->stopping && !uplink->cut && uplink->url_count > 0;
}

static bool uplink_free_to_dial(const struct link_room *room)
{
    return uplink_wanted(room) && !room->uplink.dialling.busy && !room->uplink.link;
}

static uint64_t wait_bound(const struct link_room *room)
{
    const uint64_t first = room->options.redial_first_ms, most = room->options.redial_most_ms;
    const uint64_t share = (room_now(room) - room->uplink.alone_ms) / REDIAL_SHARE;
    const uint64_t unanswered = share < REDIAL_UNANSWERED_MS ? share : REDIAL_UNANSWERED_MS;
    const unsigned attempts = room->uplink.attempts;
    uint64_t answered = first << (attempts < 20 ? attempts : 20);
    uint64_t bound;

    if (attempts <= CROWD_ATTEMPTS && answered > REDIAL_UNANSWERED_MS)
        answered = REDIAL_UNANSWERED_MS;
    bound = unanswered > answered ? unanswered : answered;
    return bound < most ? bound : most;
}

static void dial_soon(struct link_room *room)
{
    struct uplink *uplink = &room->uplink;

    if (!uplink_free_to_dial(room))
        return;
    uplink->attempts = 0;
    uplink->unanswered = 0;
    uplink->alone_ms = room_now(room);
    uplink->wait_most_ms = 0;
    uv_timer_start(&uplink->timer, uplink_dial, 1, 0);
}

static void dial_later(struct link_room *room)
{
    struct uplink *uplink = &room->uplink;

    if (!uplink_free_to_dial(room))
        return;
    uplink->wait_most_ms = wait_bound(room);
    uv_timer_start(&uplink->timer, uplink_dial,
                   1 + randombytes_uniform((uint32_t)uplink->wait_most_ms), 0);
}

static void attempt_failed(struct link_room *room, bool answered)
{
    struct uplink *uplink = &room->uplink;

    if (answered) {
        uplink->attempts++;
        uplink->unanswered = 0;
    } else {
        uplink->unanswered++;
    }
    if (uplink->url_count > 0)
        uplink->url_index = (uplink->url_index + 1) % uplink->url_count;
    dial_later(room);
}

/* The kernel says its first packet again only after seconds: a new attempt is sooner there when the
 * line is good again. Every third may take its time, for lines that are slow. */
static uint32_t patience_ms(const struct link_room *room)
{
    const uint32_t most = room->options.handshake_ms;

    return room->uplink.unanswered % 3 == 2 ? most : most / 5 + 1;
}

static void uplink_dial(uv_timer_t *timer)
{
    struct link_room *room = timer->data;
    struct uplink *uplink = &room->uplink;

    if (!uplink_free_to_dial(room))
        return;
    if (nng_stream_dialer_alloc(&uplink->dialer, uplink->urls[uplink->url_index]) != 0) {
        uplink->dialer = NULL;
        attempt_failed(room, false);
        return;
    }
    room->counters.dialled++;
    uplink->stale = false;
    uplink->dialling.busy = true;
    nng_aio_set_timeout(uplink->dialling.aio, (nng_duration)patience_ms(room));
    nng_stream_dialer_dial(uplink->dialer, uplink->dialling.aio);
}

static void dialled(struct operation *operation)
{
    struct link_room *room = operation->room;
    struct uplink *uplink = &room->uplink;
    nng_stream *stream =
        nng_aio_result(operation->aio) == 0 ? nng_aio_get_output(operation->aio, 0) : NULL;
    const bool stale = uplink->stale || !uplink_wanted(room);

    nng_stream_dialer_free(uplink->dialer);
    uplink->dialer = NULL;
    room->counters.answered += stream != NULL;
    if (stream && !stale) {
        link_begin(room, stream, true);
        return;
    }
    if (stream)
        nng_stream_free(stream);
    if (stale)
        dial_soon(room);
    else
        attempt_failed(room, false);
    room_finish_if_idle(room);
}

/* Whatever is under way to the peer is no longer wanted. */
static void give_up_attempt(struct link_room *room)
{
    struct uplink *uplink = &room->uplink;

    uv_timer_stop(&uplink->timer);
    uplink->stale = true;
    if (uplink->dialling.busy)
        nng_aio_cancel(uplink->dialling.aio);
}

void uplink_link_gone(struct link_room *room, const struct link *link)
{
    struct uplink *uplink = &room->uplink;
    const uint64_t lived_ms = link->told_up ? room_now(room) - link->up_ms : 0;

    if (uplink->link != link)
        return; /* a former uplink that took its time to close */
    uplink->link = NULL;
    if (link->told_up)
        uplink->alone_ms = room_now(room);
    if (link->told_up && lived_ms > uplink->wait_most_ms)
        uplink->attempts = 0;
    else if (link->told_up)
        uplink->attempts++;
    if (link->told_up)
        dial_later(room);
    else
        attempt_failed(room, true);
}

bool uplink_init(struct link_room *room)
{
    return operation_init(&room->uplink.dialling, room, NULL, dialled);
}

void uplink_stop(struct link_room *room)
{
    give_up_attempt(room);
}

void uplink_free(struct link_room *room)
{
    assert(!room->uplink.dialer);
    free(room->uplink.targets);
    room->uplink.targets = NULL;
    operation_free(&room->uplink.dialling);
}

void link_room_set_cut(struct link_room *room, bool cut)
{
    struct uplink *uplink = &room->uplink;

    if (uplink->cut == cut)
        return;
    uplink->cut = cut;
    if (!cut) {
        dial_soon(room);
        return;
    }
    give_up_attempt(room);
    if (uplink->link) {
        link_shut(uplink->link, LINK_DOWN_CUT);
        uplink->link = NULL;
    }
}

static bool same_target(const struct uplink *uplink, const uint8_t *peer, const char *const *urls,
                        size_t count, bool over)
{
    if (uplink->over || over || count != uplink->url_count ||
        memcmp(peer, uplink->peer_key, LINK_KEY_BYTES) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(urls[i], uplink->urls[i]) != 0)
            return false;
    return true;
}

/* A link to the same peer stays when only its endpoints change. */
static void leave_link(struct link_room *room, const uint8_t *peer, size_t count)
{
    struct link *link = room->uplink.link;

    if (!link || (count > 0 && memcmp(peer, link->peer_key, LINK_KEY_BYTES) == 0))
        return;
    room->uplink.link = NULL;
    if (link->state == LINK_UP)
        link_drain(link, LINK_DOWN_MOVED, LINK_BYE_MOVED);
    else
        link_shut(link, LINK_DOWN_MOVED);
}

static enum error_code turn_to(struct link_room *room, const uint8_t *peer, const char *const *urls,
                               size_t count, bool over, struct error *error)
{
    struct uplink *uplink = &room->uplink;

    if (count > ENDPOINTS_MAX)
        return error_set(error, ERR_INVALID, "too many endpoints", "%zu, at most %d", count,
                         (int)ENDPOINTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!link_url_valid(urls[i], false))
            return error_set(error, ERR_INVALID, "an endpoint of the parent can't be used",
                             "%.128s is neither tcp://ADDRESS:PORT in digits nor ipc:///PATH",
                             urls[i]);
    if (same_target(uplink, peer, urls, count, over))
        return ERR_OK;
    give_up_attempt(room);
    leave_link(room, peer, count);
    memcpy(uplink->peer_key, peer, LINK_KEY_BYTES);
    for (size_t i = 0; i < count; i++)
        strcpy(uplink->urls[i], urls[i]);
    uplink->url_count = count;
    uplink->url_index = 0;
    uplink->over = over;
    dial_soon(room);
    return ERR_OK;
}

enum error_code link_room_dial(struct link_room *room, const uint8_t peer[static LINK_KEY_BYTES],
                               const char *const *urls, size_t count, struct error *error)
{
    return turn_to(room, peer, urls, count, false, error);
}

enum error_code link_room_dial_over(struct link_room *room,
                                    const uint8_t host[static LINK_KEY_BYTES],
                                    const char *const *urls, size_t count, const char *own_seat,
                                    const struct link_target *targets, size_t target_count,
                                    struct error *error)
{
    struct uplink *uplink = &room->uplink;
    enum error_code code = turn_to(room, host, urls, count, true, error);

    if (code != ERR_OK)
        return code;
    free(uplink->targets);
    uplink->targets = target_count > 0 ? mem_copy(targets, target_count * sizeof *targets) : NULL;
    uplink->target_count = target_count;
    strcpy(uplink->own_seat, own_seat);
    return ERR_OK;
}
