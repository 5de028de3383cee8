/* How much of the store's room a child may take, so that none fills the disk of all.
 *
 * A child may bring as much in a day as it leaves free (CHILD_SHARE_PERCENT says otherwise): one
 * alone may fill half of what is free, and of several that flood at once each has had its share
 * when it has brought as much as is left. Then credit is withheld: what it has waits there, not
 * here, but for a block a minute in the urgent lane. Near the store's end all links wait so, for
 * the sake of what is written here. The bytes are an estimate, kept in memory: a new start is a new
 * day. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum { INDEX_BYTES_AN_ENTRY = 80 }; /* formats.md 10: its row and one index */

struct intake *intake_of(struct replica *replica, const char *seat)
{
    struct intake *intake = replica->intakes;
    while (intake != NULL && strcmp(intake->seat, seat) != 0)
        intake = intake->next;
    if (intake != NULL)
        return intake;
    intake = mem_alloc(sizeof *intake);
    snprintf(intake->seat, sizeof intake->seat, "%s", seat);
    intake->next = replica->intakes;
    replica->intakes = intake;
    return intake;
}

void intakes_free(struct replica *replica)
{
    for (struct intake *intake = replica->intakes, *next; intake != NULL; intake = next) {
        next = intake->next;
        free(intake);
    }
    replica->intakes = NULL;
}

void replica_set_room(struct replica *replica, const struct free_room *room)
{
    assert(room == NULL || room->free_bytes <= room->total_bytes);
    replica->room = room == NULL ? (struct free_room){0} : *room;
}

void quota_count(struct session *session, const struct event *event)
{
    if (session->intake == NULL)
        return;
    session->intake->bytes += event->message.body.size + event->message.body.size / 2 +
                              (uint64_t)event->message.entries * INDEX_BYTES_AN_ENTRY;
}

static bool share_is_used(const struct replica *replica, const struct intake *intake)
{
    uint64_t percent = tuning_or(replica->options.tuning.child_share_percent, CHILD_SHARE_PERCENT);
    return replica->room.total_bytes > 0 && percent < 100 &&
           intake->bytes * (100 - percent) > replica->room.free_bytes * percent;
}

static bool reserve_is_reached(const struct replica *replica)
{
    return replica->room.free_bytes < replica->room.total_bytes / STORE_RESERVE_SHARE;
}

static void judge_intake(struct step *step, struct intake *intake)
{
    if (step->tick_ms >= intake->since_tick + QUOTA_MS || intake->since_tick == 0) {
        intake->since_tick = step->tick_ms;
        intake->bytes = 0;
    }
    bool used = share_is_used(step->replica, intake);
    if (used && !intake->withheld) {
        step->replica->refusals.flood++;
        replica_raise_alarm(step,
                            "%s has brought its share of the store's room for today: more waits "
                            "there; see what it writes, or give the store more room",
                            intake->seat);
    }
    if (used != intake->withheld)
        updates_trace(step->updates, "credit of %s %s", intake->seat,
                      used ? "withheld" : "given again");
    intake->withheld = used;
}

bool quota_withholds(struct step *step, struct session *session)
{
    struct replica *replica = step->replica;
    if (session->intake != NULL)
        judge_intake(step, session->intake);
    bool withholds =
        reserve_is_reached(replica) || (session->intake != NULL && session->intake->withheld);
    uint64_t again =
        step->tick_ms + (reserve_is_reached(replica) ? ROOM_EVERY_MS : URGENT_TRICKLE_MS);
    if (withholds && again < replica->deadline_tick)
        replica->deadline_tick = again;
    return withholds;
}

bool quota_trickles(const struct step *step, struct session *session)
{
    struct intake *intake = session->intake;
    if (intake == NULL || !intake->withheld)
        return true;
    if (intake->urgent_tick != 0 && step->tick_ms < intake->urgent_tick + URGENT_TRICKLE_MS)
        return false;
    intake->urgent_tick = step->tick_ms;
    return true;
}
