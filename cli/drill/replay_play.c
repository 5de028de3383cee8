/* One thing after the other. */
#include "cli/drill/replay_play.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/act.h"
#include "cli/drill/probe.h"
#include "cli/drill/process.h"
#include "cli/print.h"

void replay_begin(struct replay *replay, struct replay_schedule *schedule, struct drill *drill,
                  bool quiet)
{
    const struct county *county = schedule->county;
    *replay = (struct replay){.schedule = schedule, .drill = drill, .quiet = quiet};
    replay->notes = json_array();
    replay->paused = mem_alloc((drill->seat_count + 1) * sizeof *replay->paused);
    replay->seat_of = mem_alloc((county->seat_count + 1) * sizeof *replay->seat_of);
    for (size_t i = 0; i < county->seat_count; i++) {
        struct error error;
        drill_find(drill, county->seats[i].code, &replay->seat_of[i], &error);
    }
}

void replay_end(struct replay *replay)
{
    json_decref(replay->notes);
    free(replay->paused);
    free(replay->seat_of);
}

void replay_note(struct replay *replay, const char *format, ...)
{
    char text[320];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_array_append_new(replay->notes, json_string(text));
}

/* ---- until all are level ---- */

static bool is_reachable(const struct replay *replay, size_t seat)
{
    return !replay->paused[seat] && process_alive(replay->drill, seat);
}

static bool is_linked(const struct replay *replay, size_t seat)
{
    const struct drill_seat *of = &replay->drill->seats[seat];
    return of->parent != DRILL_NO_SEAT && !of->cut && is_reachable(replay, seat) &&
           is_reachable(replay, of->parent);
}

struct looking {
    bool *reachable;
    size_t *children; /* that should be linked */
    bool *owes;       /* a neighbour stands still: it can't be rid of what is for that one */
    bool level;
    uint64_t entries;
};

static void look_at(const struct replay *replay, size_t seat, struct looking *looking)
{
    const struct drill_seat *of = &replay->drill->seats[seat];
    bool linked = of->parent != DRILL_NO_SEAT && !of->cut && looking->reachable[of->parent];
    struct figures figures;
    probe_seat(replay->drill, seat, &figures);
    looking->entries += figures.entries;
    if (!figures.answered || (linked && !figures.uplink_live) ||
        (!looking->owes[seat] && (figures.children_live < looking->children[seat] ||
                                  figures.behind > 0 || figures.links_live < figures.links)))
        looking->level = false;
}

/* How many entries there are, all in all; *level: nothing is missing anywhere. */
static uint64_t look(const struct replay *replay, bool *level)
{
    const struct drill *drill = replay->drill;
    size_t count = drill->seat_count;
    struct looking looking = {.reachable = mem_alloc(count * sizeof(bool)),
                              .children = mem_alloc(count * sizeof(size_t)),
                              .owes = mem_alloc(count * sizeof(bool)),
                              .level = true};
    for (size_t i = 0; i < count; i++)
        looking.reachable[i] = is_reachable(replay, i);
    for (size_t i = 0; i < count; i++) {
        size_t parent = drill->seats[i].parent;
        if (parent == DRILL_NO_SEAT)
            continue;
        looking.children[parent] += looking.reachable[i] && !drill->seats[i].cut;
        looking.owes[parent] |= replay->paused[i];
        looking.owes[i] |= replay->paused[parent];
    }
    for (size_t i = 0; i < count && looking.level; i++) {
        if (looking.reachable[i])
            look_at(replay, i, &looking);
    }
    free(looking.owes);
    free(looking.children);
    free(looking.reachable);
    *level = looking.level;
    return looking.entries;
}

/* Two looks, since one goes from node to node while things move between them. */
bool replay_level(struct replay *replay, uint64_t wait_ms)
{
    uint64_t until_ms = tick_now_ms() + wait_ms;
    for (;;) {
        bool level = false;
        uint64_t first = look(replay, &level), second = level ? look(replay, &level) : 0;
        if (level && first == second)
            return true;
        if (tick_now_ms() >= until_ms)
            return false;
        probe_pause();
    }
}

bool replay_is_vain(struct replay *replay, uint64_t until_ms)
{
    if (tick_now_ms() >= until_ms || replay_level(replay, 0))
        return true;
    probe_pause();
    return false;
}

/* ---- links ---- */

static bool link_is(const struct replay *replay, size_t seat, bool live)
{
    struct figures figures;
    probe_seat(replay->drill, seat, &figures);
    return !figures.answered || figures.uplink_live == live;
}

/* One that stands still, or is away, hears of it when it goes on. */
static enum error_code set_cut(struct replay *replay, size_t seat, bool cut, struct error *error)
{
    uint64_t until_ms = tick_now_ms() + REPLAY_WAIT_MS;
    enum error_code code = ERR_OK;
    replay->drill->seats[seat].cut = cut;
    if (is_reachable(replay, seat))
        code = act_link(replay->drill, seat, cut, error);
    if (code == ERR_OK)
        code = drill_save(replay->drill, error);
    bool waits = code == ERR_OK && is_reachable(replay, seat) && (cut || is_linked(replay, seat));
    while (waits && !link_is(replay, seat, !cut) && tick_now_ms() < until_ms)
        probe_pause();
    return code;
}

/* Those below have waited for it between two tries: they try at once. */
static enum error_code wake_children(struct replay *replay, size_t seat, struct error *error)
{
    const struct drill *drill = replay->drill;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        if (drill->seats[i].parent != seat || !is_linked(replay, i) || link_is(replay, i, true))
            continue;
        code = act_link(drill, i, true, error);
        if (code == ERR_OK)
            code = act_link(drill, i, false, error);
    }
    return code;
}

/* ---- nodes ---- */

static enum error_code start(struct replay *replay, size_t seat, struct error *error)
{
    if (process_alive(replay->drill, seat))
        return ERR_OK;
    bool *one = mem_alloc(replay->drill->seat_count * sizeof *one);
    one[seat] = true;
    enum error_code code = act_start(replay->drill, one, false, true, error);
    free(one);
    return code == ERR_OK ? wake_children(replay, seat, error) : code;
}

static enum error_code kill_node(struct replay *replay, size_t seat, struct error *error)
{
    enum error_code code = process_end(replay->drill, seat, SIGKILL, ACT_END_WAIT_MS, error);
    replay->paused[seat] = false;
    return code == ERR_OK ? drill_save(replay->drill, error) : code;
}

static enum error_code set_paused(struct replay *replay, size_t seat, bool paused,
                                  struct error *error)
{
    if (replay->paused[seat] == paused || !process_alive(replay->drill, seat))
        return ERR_OK;
    process_signal(replay->drill, seat, paused ? SIGSTOP : SIGCONT);
    replay->paused[seat] = paused;
    return paused ? ERR_OK : act_link(replay->drill, seat, replay->drill->seats[seat].cut, error);
}

/* ---- what is lost with a disk ---- */

/* The item that puts back or empties this seat's disk before it starts again; NULL: none. */
static const struct replay_item *coming_loss(const struct replay_schedule *schedule, size_t place)
{
    const struct replay_item *item = &schedule->items[place];
    for (size_t i = place + 1; i < schedule->item_count; i++) {
        const struct replay_item *other = &schedule->items[i];
        if (other->seat != item->seat)
            continue;
        if (other->act == REPLAY_RESTORE || other->act == REPLAY_WIPE)
            return other;
        if (other->act == REPLAY_START)
            break;
    }
    return NULL;
}

/* The first item whose writes this loss takes: after the image, or from the beginning. */
static size_t lost_from(const struct replay_schedule *schedule, const struct replay_item *loss)
{
    size_t place = 0;
    while (loss->act == REPLAY_RESTORE && (schedule->items[place].act != REPLAY_IMAGE ||
                                           schedule->items[place].number != loss->number))
        place++;
    return place;
}

static bool neighbour_holds(struct replay *replay, const struct replay_write *write)
{
    const struct drill *drill = replay->drill;
    size_t seat = replay->seat_of[write->seat];
    bool holds = false;
    for (size_t i = 0; i < drill->seat_count && !holds; i++) {
        bool beside = drill->seats[seat].parent == i || drill->seats[i].parent == seat;
        holds = beside && is_reachable(replay, i) && replay_holds(replay, i, write);
    }
    return holds;
}

/* What the simulation kept must have left the node before its disk goes; what it lost must not. */
static void settle_loss(struct replay *replay, struct replay_write *write, uint64_t until_ms)
{
    struct replay_record *record = &replay->schedule->records[write->record];
    bool holds = neighbour_holds(replay, write);
    while (!write->gone && !holds && tick_now_ms() < until_ms) {
        probe_pause();
        holds = neighbour_holds(replay, write);
    }
    if (holds != write->gone || record->excuse != NULL)
        return;
    record->excuse = holds ? "a write of it had left the node here, and was lost in the simulation"
                           : "a write of it was lost here, and not in the simulation";
    replay_note(replay, "write %llu at %s: %s", (unsigned long long)write->serial,
                replay->schedule->county->seats[write->seat].code, record->excuse);
}

static void settle_losses(struct replay *replay, size_t place, const struct replay_item *loss)
{
    struct replay_schedule *schedule = replay->schedule;
    uint64_t until_ms = tick_now_ms() + REPLAY_WAIT_MS;
    for (size_t i = lost_from(schedule, loss); i < place; i++) {
        const struct replay_item *item = &schedule->items[i];
        if (item->act == REPLAY_WRITE && item->seat == loss->seat &&
            schedule->writes[item->number].played)
            settle_loss(replay, &schedule->writes[item->number], until_ms);
    }
}

/* ---- one item ---- */

static enum error_code play_item(struct replay *replay, size_t place, struct error *error)
{
    struct replay_schedule *schedule = replay->schedule;
    const struct replay_item *item = &schedule->items[place];
    const struct replay_item *loss = item->act == REPLAY_KILL ? coming_loss(schedule, place) : NULL;
    size_t seat = replay->seat_of[item->seat];
    if (loss != NULL)
        settle_losses(replay, place, loss);
    switch (item->act) {
    case REPLAY_WRITE: return replay_write_one(replay, &schedule->writes[item->number], error);
    case REPLAY_CUT: return set_cut(replay, seat, true, error);
    case REPLAY_HEAL: return set_cut(replay, seat, false, error);
    case REPLAY_KILL: return kill_node(replay, seat, error);
    case REPLAY_START: return start(replay, seat, error);
    case REPLAY_PAUSE: return set_paused(replay, seat, true, error);
    case REPLAY_RESUME: return set_paused(replay, seat, false, error);
    case REPLAY_IMAGE: return replay_image(replay, seat, item->number, error);
    case REPLAY_RESTORE:
        return replay_put_back(replay, seat, item->number, item->high_water, error);
    case REPLAY_WIPE: return replay_wipe(replay, seat, error);
    case REPLAY_ACTS: break;
    }
    return ERR_OK;
}

/* What takes something away waits until the nodes are where the simulated ones were. */
static bool takes_away(enum replay_act act)
{
    return act == REPLAY_CUT || act == REPLAY_KILL || act == REPLAY_PAUSE || act == REPLAY_IMAGE;
}

static bool has_come(struct replay *replay, const struct replay_need *need)
{
    const struct replay_write *write = &replay->schedule->writes[need->write];
    size_t seat = replay->seat_of[need->seat];
    return !write->played || !is_reachable(replay, seat) || replay_holds(replay, seat, write);
}

static void wait_for_needs(struct replay *replay, const struct replay_item *item)
{
    uint64_t until_ms = tick_now_ms() + REPLAY_WAIT_MS;
    size_t late = 0;
    for (size_t i = 0; i < item->need_count; i++) {
        bool come = has_come(replay, &item->needs[i]);
        while (!come && !replay_is_vain(replay, until_ms))
            come = has_come(replay, &item->needs[i]);
        late += !come && !has_come(replay, &item->needs[i]);
    }
    if (late > 0)
        replay_note(replay, "%zu writes did not come here before: %s %s", late,
                    replay_act_text(item->act), replay->schedule->county->seats[item->seat].code);
}

static void catch_up(struct replay *replay, const struct replay_item *item)
{
    if (!takes_away(item->act))
        return;
    wait_for_needs(replay, item);
    if (!item->quiet || !replay->moved)
        return;
    if (!replay_level(replay, REPLAY_WAIT_MS))
        replay_note(replay, "not level within %d s before: %s %s", REPLAY_WAIT_MS / 1000,
                    replay_act_text(item->act), replay->schedule->county->seats[item->seat].code);
    replay->moved = false;
}

static enum error_code mend(struct replay *replay, struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < replay->drill->seat_count && code == ERR_OK; i++) {
        code = set_paused(replay, i, false, error);
        if (code == ERR_OK)
            code = start(replay, i, error);
    }
    for (size_t i = 0; i < replay->drill->seat_count && code == ERR_OK; i++) {
        if (replay->drill->seats[i].cut)
            code = set_cut(replay, i, false, error);
    }
    return code;
}

enum error_code replay_play(struct replay *replay, struct error *error)
{
    const struct replay_schedule *schedule = replay->schedule;
    enum error_code code = ERR_OK;
    struct progress progress;
    progress_begin(&progress, "things played", schedule->item_count, replay->quiet);
    for (size_t i = 0; i < schedule->item_count && code == ERR_OK; i++) {
        catch_up(replay, &schedule->items[i]);
        code = play_item(replay, i, error);
        replay->moved = true;
        progress_update(&progress, i + 1);
    }
    progress_end(&progress);
    return code == ERR_OK ? mend(replay, error) : code;
}
