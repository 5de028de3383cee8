/* Whose extension it was is gone (rules.md B88): his seat has no key in force, so nobody carries to
 * those who joined what neither saw the extension nor was seen by it. Each author does it for what
 * he wrote himself.
 *
 *     A writes x                 B extends the record by C
 *                B is revoked
 *     A sends x to C */
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"

static bool is_gone(const struct tree *tree, struct key_id key)
{
    const struct author *author = tree_author(tree, key);
    return author != NULL && !seat_status_is_in_force(author->seat->row.status);
}

static bool knew_nothing_of(const struct record_state *record, const struct operation *op,
                            const struct operation *by)
{
    return !record_saw(record, op, &by->dot) && !record_saw(record, by, &op->dot) &&
           !hash_equal(&by->digest, &op->digest);
}

static void go_to_joined(struct step *step, const struct record_type *type,
                         const struct record_id *id, const struct record_state *record,
                         const struct operation *op)
{
    struct circle late = {0};
    struct entry_place place = operation_place(op);
    for (size_t i = 0; i < record_member_count(record); i++) {
        struct record_member member = record_member(record, i);
        char seat[SEAT_BYTES_MAX + 1] = "";
        if (member.seat.size > SEAT_BYTES_MAX || !knew_nothing_of(record, op, member.by) ||
            !is_gone(step->replica->tree, member.by->dot.author))
            continue;
        memcpy(seat, member.seat.data, member.seat.size);
        circle_add(&late, seat);
    }
    if (late.count > 0)
        carry_late(step, type, id, record, &place, &late);
    circle_free(&late);
}

void carry_orphaned(struct step *step, const struct record_type *type, const struct record_id *id,
                    const struct record_state *record)
{
    const struct seat *own = own_seat(step->replica);
    bool any = false;
    for (size_t i = 0; own != NULL && i < record_member_count(record) && !any; i++)
        any = is_gone(step->replica->tree, record_member(record, i).by->dot.author);
    for (size_t i = 0; any && i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        const struct author *author = tree_author(step->replica->tree, op->dot.author);
        if (author != NULL && author->seat == own)
            go_to_joined(step, type, id, record, op);
    }
}
