/* What a message meets on its way: the line's rate and latency, packets that are lost and sent
 * again, windows, caps, bad memory; and a sender that cheats. */
#include <assert.h>
#include <string.h>

#include "sim/world/world_parts.h"

enum {
    PACKET_BYTES = 1400,
    RESEND_MS_MIN = 200, /* TCP's least time-out; it doubles */
    RESENDS_MAX = 6,
    REPLAY_MS_MAX = 60 * 1000,
    MINUTE_MS = 60 * 1000,
};

static struct link_profile profile_of(const struct world *world, const struct world_link *link)
{
    const struct world_options *options = &world->options;
    if (link->has_profile)
        return link->profile;
    return (struct link_profile){
        .latency_ms = options->delay_ms_min,
        .jitter_ms = options->delay_ms_max > options->delay_ms_min
                         ? options->delay_ms_max - options->delay_ms_min
                         : 0,
        .rate_bytes_s = options->rate_bytes_s,
        .damage_permille = options->damage_permille,
        .duplicate_permille = options->duplicate_permille,
        .overtaking = options->overtaking,
    };
}

static uint64_t latency_ms(struct world *world, const struct link_profile *profile)
{
    return draw_between(world, profile->latency_ms,
                        (uint64_t)profile->latency_ms + profile->jitter_ms);
}

uint64_t line_latency_ms(struct world *world, const struct world_link *link)
{
    const struct link_profile profile = profile_of(world, link);
    return latency_ms(world, &profile);
}

/* ---- windows and caps ---- */

static bool in_window(const struct world *world, const struct link_profile *profile)
{
    uint32_t minute = (uint32_t)(world_wall_ms(world) % WORLD_DAY_MS / MINUTE_MS);
    uint32_t from = profile->window_from_minute, to = profile->window_to_minute;
    if (from == to)
        return true;
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

bool line_is_shut(const struct world *world, const struct world_link *link)
{
    const struct link_profile *profile = &link->profile;
    if (!link->has_profile)
        return false;
    bool is_used_up = profile->cap_bytes_day > 0 && link->day_bytes >= profile->cap_bytes_day &&
                      link->day == world_wall_ms(world) / WORLD_DAY_MS;
    return is_used_up || !in_window(world, profile);
}

static uint64_t until_minute_ms(const struct world *world, uint32_t minute)
{
    uint64_t at = (uint64_t)minute * MINUTE_MS, now = world_wall_ms(world) % WORLD_DAY_MS;
    return at > now ? at - now : at + WORLD_DAY_MS - now;
}

/* The next time at which the line may open or shut. */
static void plan_edge(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    const struct link_profile *profile = &link->profile;
    uint64_t wait = until_minute_ms(world, 0);
    if (profile->window_from_minute != profile->window_to_minute) {
        uint64_t opens = until_minute_ms(world, profile->window_from_minute);
        uint64_t shuts = until_minute_ms(world, profile->window_to_minute);
        wait = opens < wait ? opens : wait;
        wait = shuts < wait ? shuts : wait;
    }
    struct happening edge = {
        .at_ms = world->now_ms + wait,
        .kind = HAPPENING_LINE,
        .node = child,
        .session = link->line_number,
    };
    agenda_plan(&world->agenda, &edge);
}

static void open_or_shut(struct world *world, size_t child)
{
    struct world_link *link = link_of(world, child);
    if (line_is_shut(world, link))
        wire_drop(world, child);
    else if (!link->up)
        wire_plan_dial(world, child);
}

void line_edge(struct world *world, size_t child, uint64_t number)
{
    if (link_of(world, child)->line_number != number)
        return;
    open_or_shut(world, child);
    plan_edge(world, child);
}

void world_set_link(struct world *world, size_t child, const struct link_profile *profile)
{
    struct world_link *link = link_of(world, child);
    bool was_shut = line_is_shut(world, link);
    link->profile = *profile;
    link->has_profile = true;
    link->line_number++;
    if (world->nodes[child]->parent == child)
        return;
    if (profile->window_from_minute != profile->window_to_minute || profile->cap_bytes_day > 0)
        plan_edge(world, child);
    if (was_shut != line_is_shut(world, link))
        open_or_shut(world, child);
}

static void count_for_day(struct world *world, struct world_link *link, size_t bytes)
{
    uint64_t day = world_wall_ms(world) / WORLD_DAY_MS;
    if (link->day != day)
        link->day_bytes = 0;
    link->day = day;
    link->day_bytes += bytes;
}

/* ---- the way of one message ---- */

struct passage { /* from one end of a link to the other */
    struct world_node *from;
    struct world_link *link;
    size_t child;
    enum end to;
    const struct link_profile *profile;
    uint64_t leaves_ms;
};

/* How long the line is busy with this message and what goes before it. What is less urgent and on
 * its way already isn't moved back: a line that is a little too good for it. */
static uint64_t line_ms(const struct passage *passage, enum channel channel, size_t size)
{
    uint64_t now_us = passage->leaves_ms * 1000;
    uint64_t took_us = size * 1000000 / passage->profile->rate_bytes_s;
    uint64_t *busy = passage->link->busy_us[passage->to];
    for (int other = (int)channel; other < WORLD_CHANNELS; other++)
        busy[other] = (busy[other] > now_us ? busy[other] : now_us) + took_us;
    return (busy[channel] - now_us) / 1000;
}

/* Packets that are lost are sent again, and what comes behind them waits. */
static uint64_t loss_ms(struct world *world, uint32_t permille, size_t size)
{
    uint64_t worst = 0;
    for (size_t packets = size / PACKET_BYTES + 1; packets > 0; packets--) {
        uint64_t waited = 0, pause = RESEND_MS_MIN;
        for (int tries = 0; tries < RESENDS_MAX && prng_chance(&world->prng, permille); tries++) {
            waited += pause;
            pause *= 2;
        }
        worst = waited > worst ? waited : worst;
    }
    return worst;
}

static uint64_t arrival_ms(struct world *world, const struct passage *passage, enum channel channel,
                           size_t size)
{
    const struct link_profile *profile = passage->profile;
    uint64_t at = passage->leaves_ms + latency_ms(world, profile);
    if (profile->rate_bytes_s > 0)
        at += line_ms(passage, channel, size);
    if (profile->loss_permille > 0)
        at += loss_ms(world, profile->loss_permille, size);
    uint64_t *last = passage->link->last_ms[passage->to];
    for (int other = 0; other < WORLD_CHANNELS; other++) {
        if ((other == (int)channel || !profile->overtaking) && at < last[other])
            at = last[other];
    }
    last[channel] = at;
    return at;
}

static void note_handle(struct world_link *link, enum end to, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t handle = mp_read_uint_max(&reader, HANDLES_MAX - 1);
    if (!reader.failed && handle >= link->handles[to])
        link->handles[to] = (uint32_t)handle + 1;
}

/* `later_ms`: beyond its time, past all that comes in between; 0: in order. */
static void plan_arrival(struct world *world, const struct passage *passage, enum channel channel,
                         uint8_t type, struct span body, bool injected, uint64_t later_ms)
{
    struct world_link *link = passage->link;
    struct happening arrival = {
        .at_ms = later_ms > 0 ? passage->leaves_ms + later_ms
                              : arrival_ms(world, passage, channel, body.size),
        .kind = HAPPENING_ARRIVAL,
        .node = wire_end(world, passage->child, passage->to)->place,
        .link = link->ids[passage->to],
        .session = link->session,
        .channel = channel,
        .type = type,
        .injected = injected,
    };
    arrival.corrupt = prng_chance(&world->prng, passage->profile->corrupt_permille);
    world->counts.corruptions += arrival.corrupt;
    buffer_append_span(&arrival.body, body);
    if (type == WIRE_BLOCK)
        note_handle(link, passage->to, body);
    agenda_plan(&world->agenda, &arrival);
}

/* One bit turned, in the signature or the payload: a link's own tag guards what names the stream,
 * so bad memory or a bad disk at the sender is what is left. */
static bool damage(struct world *world, uint32_t permille, struct span body, struct buffer *damaged)
{
    if (body.size == 0 || !prng_chance(&world->prng, permille))
        return false;
    buffer_append_span(damaged, body);
    uint64_t bit = prng_between(&world->prng, body.size * 4, body.size * 8 - 1);
    damaged->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    world->counts.damages++;
    return true;
}

static void put_on_line(struct world *world, const struct passage *passage, enum channel channel,
                        uint8_t type, struct span body)
{
    const struct link_profile *profile = passage->profile;
    struct buffer damaged = {0};
    if (type == WIRE_BLOCK && damage(world, profile->damage_permille, body, &damaged))
        body = span_of_buffer(&damaged);
    plan_arrival(world, passage, channel, type, body, false, 0);
    if (type == WIRE_BLOCK && prng_chance(&world->prng, profile->duplicate_permille)) {
        world->counts.duplicates++;
        plan_arrival(world, passage, channel, type, body, false, 0);
    }
    if (type >= WIRE_BLOCK && type <= WIRE_TOKEN &&
        prng_chance(&world->prng, passage->from->conduct.replay_permille)) {
        world->counts.replays++;
        plan_arrival(world, passage, channel, type, body, false,
                     prng_between(&world->prng, 1, REPLAY_MS_MAX));
    }
    buffer_free(&damaged);
}

static void count(struct world *world, const struct passage *passage, size_t size)
{
    struct link_counts *counts = &passage->link->counts;
    world->counts.messages++;
    world->counts.bytes += size;
    if (passage->to == END_PARENT) {
        counts->messages_up++;
        counts->bytes_up += size;
    } else {
        counts->messages_down++;
        counts->bytes_down += size;
    }
}

void line_send(struct world_node *node, uint32_t id, enum channel channel, uint8_t type,
               struct span body)
{
    struct world *world = node->world;
    enum end own;
    size_t child;
    struct world_link *link = wire_find(world, id, &child, &own);
    enum end to = other_end(own);
    if (link == NULL || !link->up || !link->open[to])
        return;
    const struct link_profile profile = profile_of(world, link);
    const size_t peer = wire_end(world, child, to)->place;
    struct passage passage = {
        .from = node,
        .link = link,
        .child = child,
        .to = to,
        .profile = &profile,
        .leaves_ms =
            world->now_ms + node_sync_ms(node) + (to == END_PARENT ? node->conduct.delay_ms : 0),
    };
    count(world, &passage, body.size);
    if (world->hooks.sent != NULL)
        world->hooks.sent(world->hooks.context, node->place, peer, channel, type, body);
    if (world->hooks.passes != NULL &&
        !world->hooks.passes(world->hooks.context, node->place, peer, type, body))
        return;
    if (node->conduct.withhold_permille > 0 &&
        conduct_withholds(world, node, child, to, body, type))
        return;
    put_on_line(world, &passage, channel, type, body);
    if (profile.cap_bytes_day > 0) {
        count_for_day(world, link, body.size);
        open_or_shut(world, child);
    }
}

static bool put_in(struct world *world, size_t child, bool to_parent, enum channel channel,
                   uint8_t type, struct span body, bool injected)
{
    struct world_link *link = link_of(world, child);
    enum end to = to_parent ? END_PARENT : END_CHILD;
    if (!link->up)
        return false;
    struct link_profile profile = profile_of(world, link);
    profile.corrupt_permille = 0;
    struct passage passage = {
        .from = wire_end(world, child, other_end(to)),
        .link = link,
        .child = child,
        .to = to,
        .profile = &profile,
        .leaves_ms = world->now_ms,
    };
    world->counts.injections += injected;
    plan_arrival(world, &passage, channel, type, body, injected, 0);
    return true;
}

bool world_inject(struct world *world, size_t child, bool to_parent, enum channel channel,
                  uint8_t type, struct span body)
{
    return put_in(world, child, to_parent, channel, type, body, true);
}

bool world_hand_in(struct world *world, size_t child, bool to_parent, enum channel channel,
                   uint8_t type, struct span body)
{
    return put_in(world, child, to_parent, channel, type, body, false);
}
