/* Silence: packets that vanish without a reset, machines that stand still, power that goes. Nobody
 * is told; an end gives its link up when it has heard nothing for SILENCE_MS_MAX.
 *
 *     to an end   a hole: messages are held, and come in order when it heals in time
 *                 the session ends at the other side: this end lingers, until it has heard nothing
 *                 for long, or its peer is back and answers 'no such session' */
#include <stdlib.h>

#include "sim/world/world_parts.h"

/* As TCP sends again: after 0.2 s, 0.4 s, 0.8 s ... */
enum { RESEND_MS_MIN = 200, RESEND_MS_MAX = 120 * 1000 };

static void plan_silence(struct world *world, size_t child, enum end end, uint64_t since)
{
    struct happening silence = {
        .at_ms = world->now_ms + SILENCE_MS_MAX,
        .kind = HAPPENING_SILENCE,
        .node = wire_end(world, child, end)->place,
        .link = link_of(world, child)->ids[end],
        .session = since,
    };
    agenda_plan(&world->agenda, &silence);
}

void wire_linger(struct world *world, size_t child, enum end end)
{
    link_of(world, child)->lingers[end] = true;
    plan_silence(world, child, end, 0);
}

void wire_tell_down(struct world *world, size_t child, enum end end, uint64_t at_ms)
{
    const struct world_link *link = link_of(world, child);
    if (link->hole_ms[end] > 0 || wire_end(world, child, end)->paused)
        wire_linger(world, child, end);
    else
        wire_plan_down(world, child, end, at_ms);
}

static void end_lingering(struct world *world, size_t child, enum end end)
{
    struct world_link *link = link_of(world, child);
    if (!link->lingers[end])
        return;
    link->lingers[end] = false;
    wire_plan_down(world, child, end, world->now_ms + line_latency_ms(world, link));
    wire_plan_dial(world, child);
}

void wire_tell_lingering(struct world *world, size_t child)
{
    for (int end = 0; end < END_COUNT; end++) {
        if (link_of(world, child)->hole_ms[end] == 0 &&
            !wire_end(world, child, (enum end)end)->paused)
            end_lingering(world, child, (enum end)end);
    }
}

static bool still_silent(struct world *world, size_t child, enum end end, uint64_t since)
{
    const struct world_link *link = link_of(world, child);
    const struct world_node *peer = wire_end(world, child, other_end(end));
    return link->hole_ms[end] == since || (peer->paused && peer->paused_ms + 1 == since);
}

void wire_silence(struct world *world, const struct happening *happening)
{
    size_t child;
    enum end end;
    const struct world_link *link = wire_find(world, happening->link, &child, &end);
    if (link == NULL || wire_end(world, child, end)->paused)
        return; /* who stands still finds out when he goes on */
    if (link->lingers[end])
        end_lingering(world, child, end);
    else if (link->up && happening->session > 0 &&
             still_silent(world, child, end, happening->session))
        wire_end_by(world, child, end);
}

/* ---- holes ---- */

void wire_forget_held(struct world_link *link)
{
    for (int end = 0; end < END_COUNT; end++) {
        struct held_list *held = &link->held[end];
        for (size_t i = 0; i < held->count; i++)
            buffer_free(&held->items[i].body);
        free(held->items);
        *held = (struct held_list){0};
    }
}

bool wire_swallows(struct world *world, struct happening *happening)
{
    size_t child;
    enum end end;
    struct world_link *link = wire_find(world, happening->link, &child, &end);
    struct held_list *held = &link->held[end];
    if (link->hole_ms[end] == 0)
        return false;
    if (held->count == held->capacity) {
        held->capacity = held->capacity * 2 + 16;
        held->items = mem_resize(held->items, held->capacity * sizeof *held->items);
    }
    held->items[held->count++] = *happening;
    happening->body = (struct buffer){0};
    return true;
}

static void send_again(struct world *world, struct world_link *link, enum end end)
{
    struct held_list *held = &link->held[end];
    if (!link->up)
        wire_forget_held(link);
    if (held->count == 0)
        return;
    uint64_t pause_ms = RESEND_MS_MIN, at_ms = held->items[0].at_ms;
    while (at_ms < world->now_ms) {
        at_ms += pause_ms;
        pause_ms = pause_ms < RESEND_MS_MAX ? 2 * pause_ms : pause_ms;
    }
    for (size_t i = 0; i < held->count; i++) {
        held->items[i].at_ms = at_ms;
        agenda_plan(&world->agenda, &held->items[i]);
    }
    held->count = 0;
    for (int channel = 0; channel < WORLD_CHANNELS; channel++) {
        if (link->last_ms[end][channel] < at_ms)
            link->last_ms[end][channel] = at_ms;
    }
}

static void set_hole(struct world *world, size_t child, enum end to, bool on)
{
    struct world_link *link = link_of(world, child);
    if (on == (link->hole_ms[to] > 0))
        return;
    link->hole_ms[to] = on ? world->now_ms + 1 : 0;
    if (on && link->up)
        plan_silence(world, child, to, link->hole_ms[to]);
    if (!on)
        send_again(world, link, to);
}

void world_swallow(struct world *world, size_t child, enum way ways)
{
    struct world_link *link = link_of(world, child);
    bool was_hole = link->hole_ms[END_PARENT] + link->hole_ms[END_CHILD] > 0;
    if (world->nodes[child]->parent == child)
        return;
    set_hole(world, child, END_PARENT, ways == WAY_UP || ways == WAY_BOTH);
    set_hole(world, child, END_CHILD, ways == WAY_DOWN || ways == WAY_BOTH);
    if (ways != WAY_NONE || !was_hole)
        return;
    wire_tell_lingering(world, child);
    if (!link->up)
        wire_plan_dial(world, child);
}

/* ---- machines that stand still ---- */

static void peers_hear_nothing(struct world *world, size_t child, enum end end, uint64_t since)
{
    if (link_of(world, child)->up)
        plan_silence(world, child, end, since);
}

static void go_on(struct world *world, size_t child)
{
    const struct world_link *link = link_of(world, child);
    wire_tell_lingering(world, child);
    if (!link->up)
        wire_plan_dial(world, child);
    for (int end = 0; end < END_COUNT && link->up; end++) {
        if (link->hole_ms[end] > 0) /* its own time-out may have passed unseen */
            plan_silence(world, child, (enum end)end, link->hole_ms[end]);
    }
}

void world_pause(struct world *world, size_t place, bool paused)
{
    struct world_node *node = world->nodes[place];
    if (node->paused == paused)
        return;
    node->paused = paused;
    node->paused_ms = world->now_ms;
    for (size_t i = 0; i < node->child_count && paused; i++)
        peers_hear_nothing(world, node->children[i], END_CHILD, world->now_ms + 1);
    if (paused && node->parent != place)
        peers_hear_nothing(world, place, END_PARENT, world->now_ms + 1);
    fallback_look(world);
    if (paused)
        return;
    for (size_t i = 0; i < node->child_count; i++)
        go_on(world, node->children[i]);
    if (node->parent != place)
        go_on(world, place);
    node_plan_batch(node);
}
