/* The rise: what is overdue is put before a seat above, by an extension that says so. One member
 * writes it: the first in line on a clock that isn't suspect; each one behind waits the type's
 * grace time longer, and sees it written by then. Twice is harmless: two extensions by one seat are
 * one membership (rules.md 1, A32). */
#include <assert.h>
#include <string.h>

#include "replication/carry.h"
#include "replication/deadlines.h"
#include "schema/extension.h"

enum { HOUR_MS = 60 * 60 * 1000, GRACE_USUAL_HOURS = 24 };

/* By the newest token and what has passed since it was heard. */
static uint64_t token_time(const struct step *step)
{
    const struct replica *replica = step->replica;
    const struct token_ref *token = &replica->token;
    bool ours = key_id_equal(token->issuer, replica->key_id);
    uint64_t since = ours ? replica->token_at_tick : replica->token_heard_tick;
    uint64_t now = token->present ? token->clock_ms : 0;
    if (since != 0 && step->tick_ms > since)
        now += step->tick_ms - since;
    return now;
}

uint64_t time_as_signed(const struct step *step)
{
    return clock_is_good(step) ? step->wall_ms : token_time(step);
}

bool clock_is_good(const struct step *step)
{
    const struct replica *replica = step->replica;
    const struct token_ref *token = &replica->token;
    uint64_t now = token_time(step);
    if (PLANTED(RISES_ON_SUSPECT_CLOCK))
        return true;
    if (!token->present || replica->clock_fell)
        return false;
    return (step->wall_ms > now ? step->wall_ms - now : now - step->wall_ms) <= CLOCK_SUSPECT_MS;
}

/* ---- whose turn it is ---- */

static bool stands_before(const struct seat *a, const struct seat *b)
{
    return a->row.tier != b->row.tier ? a->row.tier < b->row.tier
                                      : strcmp(a->row.seat, b->row.seat) < 0;
}

static const struct seat *member_at(const struct step *step, const struct circle *circle,
                                    size_t place)
{
    return tree_seat(step->replica->tree, span_of_text(circle->seats[place]));
}

/* Of several members of one tier the one with the lowest id writes for it. */
static bool speaks_for_tier(const struct step *step, const struct circle *circle,
                            const struct seat *seat)
{
    for (size_t i = 0; i < circle->count; i++) {
        const struct seat *other = member_at(step, circle, i);
        if (other != NULL && other->row.tier == seat->row.tier && stands_before(other, seat))
            return false;
    }
    return true;
}

/* How many members come before this one: those that speak for their tier from the top, then all
 * others, so that the last one left writes at last. */
static unsigned turn_of(const struct step *step, const struct circle *circle,
                        const struct seat *own)
{
    bool speaks = speaks_for_tier(step, circle, own);
    unsigned before = 0;
    for (size_t i = 0; i < circle->count; i++) {
        const struct seat *other = member_at(step, circle, i);
        if (other == NULL || other == own)
            continue;
        bool other_speaks = speaks_for_tier(step, circle, other);
        before += other_speaks == speaks ? stands_before(other, own) : other_speaks;
    }
    return PLANTED(EVERY_MEMBER_RISES) ? 0 : before;
}

/* ---- what is written ---- */

/* Whether the record was put before somebody since it came into this state, because of it. */
static bool has_risen(struct step *step, const struct record_state *record,
                      const struct standing *standing)
{
    for (size_t i = 0; i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        struct located_entry located;
        if (!op->extends || op->verdict == OPERATION_EXCLUDED ||
            !operation_saw(op, &standing->entered->dot))
            continue;
        struct entry_place place = operation_place(op);
        if (entry_at(step, &place, &located) && located.entry->seal != ENTRY_SHUT &&
            extension_overdue(located.entry->body) == standing->state->number)
            return true;
    }
    return false;
}

static const struct seat *rises_to(const struct step *step, const struct circle *circle,
                                   enum rise_rule rise)
{
    const struct seat *root = tree_root_seat(step->replica->tree);
    if (rise == RISE_TIER)
        return circle_next_above(step->replica->tree, circle);
    return root == NULL || circle_has(circle, root->row.seat) ? NULL : root;
}

static uint64_t look_with(struct step *step, const struct record_type *type,
                          const struct record_id *id, const struct record_state *record,
                          const struct circle *circle, uint64_t due_ms)
{
    const struct seat *own = own_seat(step->replica);
    struct standing standing = deadline_standing(record, type, id);
    if (standing.state == NULL || standing.state->rise == RISE_NONE ||
        circle->holders == HOLDERS_SUBTREE || !circle_has(circle, own->row.seat) ||
        has_risen(step, record, &standing))
        return 0;
    const struct seat *to = rises_to(step, circle, standing.state->rise);
    if (to == NULL)
        return 0;
    uint64_t grace =
        standing.state->grace_hours == 0 ? GRACE_USUAL_HOURS : standing.state->grace_hours;
    uint64_t turn = due_ms + turn_of(step, circle, own) * grace * HOUR_MS;
    if (turn > step->wall_ms)
        return turn;
    struct error error = {0};
    enum error_code code = write_rise(step, type, id, to->row.seat, standing.state->number, &error);
    updates_trace(step->updates, "%s %s to %s: overdue in state %s",
                  code == ERR_OK ? "rise" : "no rise of",
                  label_record(step->replica->tree, id).text, to->row.seat, standing.state->name);
    return code == ERR_OK ? 0 : step->wall_ms + HOUR_MS;
}

uint64_t rise_look_at(struct step *step, const struct record_type *type, const struct record_id *id,
                      uint64_t due_ms)
{
    struct record_state *record = load_record(step, type, id);
    struct circle circle = {0};
    uint64_t again = 0;
    if (record != NULL && due_ms != 0) {
        again = step->wall_ms + HOUR_MS; /* what isn't known here now may be then */
        if (load_circle(step, record, id, NULL, &circle))
            again = look_with(step, type, id, record, &circle, due_ms);
    }
    circle_free(&circle);
    record_free(record);
    return again;
}
