/* What time does to a link. One timer each; deadlines mostly move away while it runs, so it is set
 * to the nearest one and looks again when it fires. */
#include <assert.h>

#include "node/link/link_parts.h"

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool waits_for_pace(const struct link *link)
{
    return link->room->options.rate_bytes > 0 && !link->sending.busy &&
           link->sender.queued_bytes > 0;
}

static uint64_t silence_deadline(const struct link *link)
{
    return link->held ? UINT64_MAX : link->heard_ms + link->room->options.dead_ms;
}

static uint64_t progress_deadline(const struct link *link)
{
    return link->sending.busy ? link->progress_ms + link->room->options.dead_ms : UINT64_MAX;
}

/* Until then a peer must have read what stands before a ping of ours. */
static uint64_t reading_deadline(const struct link *link)
{
    const struct link_options *options = &link->room->options;
    const uint64_t ahead = link->asked_bytes - link->read_bytes;

    if (link->asked_ms == 0 || link->held)
        return UINT64_MAX;
    return link->asked_ms + options->dead_ms + ahead * 1000 / options->rate_least;
}

static uint64_t joining_deadline(const struct link *link)
{
    return link->joining ? link->up_ms + LINK_JOIN_MS : UINT64_MAX;
}

/* A wire has to come to something soon, on either side of it. */
static uint64_t wiring_deadline(const struct link *link)
{
    return link->wiring && !link_wire_passes(link)
               ? link->up_ms + LINK_WIRE_WAIT_PARTS * link->room->options.handshake_ms
               : UINT64_MAX;
}

/* At least once in every dead_ms: a send may begin, and the keys grow old, while the timer runs. */
static uint64_t up_deadline(const struct link *link)
{
    uint64_t deadline = sooner(silence_deadline(link), progress_deadline(link));

    deadline = sooner(deadline, joining_deadline(link));
    deadline = sooner(deadline, wiring_deadline(link));
    deadline = sooner(deadline, reading_deadline(link));
    deadline = sooner(deadline, room_now(link->room) + link->room->options.dead_ms);
    if (link->uplink && !link->wiring)
        deadline = sooner(deadline, link->sent_ms + link->room->options.ping_ms);
    return waits_for_pace(link) ? sooner(deadline, link->pace_ms) : deadline;
}

static uint64_t link_deadline(const struct link *link)
{
    const struct link_options *options = &link->room->options;
    uint64_t deadline = UINT64_MAX;

    switch (link->state) {
    case LINK_GREETING:
    case LINK_PROVING: return link->began_ms + options->handshake_ms;
    case LINK_UP: return up_deadline(link);
    case LINK_DRAINING:
        deadline = link->began_ms + options->drain_ms;
        return waits_for_pace(link) ? sooner(deadline, link->pace_ms) : deadline;
    case LINK_CLOSING:
    case LINK_STATES: break;
    }
    return deadline;
}

void link_arm(struct link *link)
{
    const uint64_t now = room_now(link->room);
    const uint64_t deadline = link_deadline(link);

    if (deadline == UINT64_MAX)
        uv_timer_stop(&link->timer);
    else /* never 0: a timer that re-arms itself with 0 starves the loop */
        uv_timer_start(&link->timer, link_tick, deadline > now ? deadline - now : 1, 0);
}

static void overdue(struct link *link)
{
    link->room->counters.timeout++;
    link_fail(link, LINK_DOWN_TIMEOUT);
}

static bool keys_are_old(const struct link *link, uint64_t now)
{
    return now >= link->up_ms + LINK_RENEW_MS || link->sender.cipher.nonce >= LINK_RENEW_FRAMES ||
           link->receiver.cipher.nonce >= LINK_RENEW_FRAMES;
}

static void tick_up(struct link *link, uint64_t now)
{
    if (now >= silence_deadline(link) || now >= progress_deadline(link) ||
        now >= reading_deadline(link) || now >= joining_deadline(link) ||
        now >= wiring_deadline(link)) {
        overdue(link);
        return;
    }
    if (link->uplink && keys_are_old(link, now)) {
        link_retire(link, LINK_DOWN_RENEWED, LINK_BYE_NONE);
        return;
    }
    if (link->uplink && !link->wiring && now >= link->sent_ms + link->room->options.ping_ms) {
        link->sent_ms = now; /* the next one is due then, even if this one waits for its turn */
        link_ping(link);
    }
    link_flush(link);
}

void link_tick(uv_timer_t *timer)
{
    struct link *link = timer->data;
    const uint64_t now = room_now(link->room);

    assert(link->state != LINK_CLOSING);
    if (link->state == LINK_UP)
        tick_up(link, now);
    else if (link->state != LINK_DRAINING && now >= link_deadline(link))
        overdue(link);
    else if (link->state == LINK_DRAINING && now >= link->began_ms + link->room->options.drain_ms)
        link_fail(link, link->reason);
    else
        link_flush(link);
    if (link->state != LINK_CLOSING)
        link_arm(link);
}
