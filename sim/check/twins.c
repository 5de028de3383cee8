/* Made under one name for several seats, by two machines with one key (rules.md B22): what each of
 * their ways has of it. Whoever writes to it knows one of the creations at least, and writes to
 * whom that one is for; nobody carries between the ways. So what a seat writes is at each seat that
 * stands on all of its own ways, and whoever stands on the same ways has the same. */
#include <stdlib.h>

#include "sim/check/check_parts.h"

enum { WAYS_MAX = 64 };

struct twins {
    size_t ends[WAYS_MAX]; /* whom it is made for */
    size_t count;
};

static void find_ends(const struct model *model, const struct model_record *record,
                      struct twins *twins)
{
    twins->count = 0;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        bool known = op->kind != WRITE_PUT || op->fate != MODEL_DONE || twins->count == WAYS_MAX;
        for (size_t k = 0; k < twins->count && !known; k++)
            known = twins->ends[k] == op->to;
        if (!known)
            twins->ends[twins->count++] = op->to;
    }
}

bool model_has_twins(const struct model *model, const struct model_record *record)
{
    struct twins twins;
    if (!record->forked || !model_is_addressed(record->type))
        return false;
    find_ends(model, record, &twins);
    return twins.count > 1;
}

/* On which of the ways a seat stands, a bit each. */
static uint64_t ways_of(const struct model *model, const struct model_record *record,
                        const struct twins *twins, size_t seat)
{
    uint64_t ways = 0;
    for (size_t i = 0; i < twins->count; i++) {
        struct model_record twin = *record;
        twin.to = twins->ends[i];
        twin.members = NULL;
        if (model_circle_place(model, &twin, seat) != SIZE_MAX)
            ways |= UINT64_C(1) << i;
    }
    return ways;
}

struct member {
    uint64_t ways;
    struct record_row row;
};

static bool has_op(const struct member *member, const struct model_op *op)
{
    size_t count =
        member->row.present && !member->row.located ? record_operation_count(member->row.state) : 0;
    for (size_t i = 0; i < count; i++) {
        if (hash_equal(&record_operation(member->row.state, i)->digest, &op->digest))
            return true;
    }
    return false;
}

static void check_writes(struct model *model, const struct model_record *record,
                         const struct member *members)
{
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        uint64_t ways = members[op->seat].ways;
        if (op->fate != MODEL_DONE || !op->in_log || op->forked || op->cut || ways == 0)
            continue;
        for (size_t seat = 0; seat < model->county->seat_count; seat++) {
            if ((members[seat].ways & ways) == ways && !has_op(&members[seat], op))
                findings_add(model->findings, seat == op->seat ? FINDING_LOST : FINDING_WAITING,
                             "write %llu of %s is not at %s", (unsigned long long)op->serial,
                             model->county->seats[op->seat].code, model->county->seats[seat].code);
        }
    }
}

static struct hash state_of(const struct member *member)
{
    struct buffer bytes = {0};
    if (member->row.present && !member->row.located)
        record_canonical(member->row.state, &bytes);
    struct hash state = hash_of(HASH_BODY, span_of_buffer(&bytes));
    buffer_free(&bytes);
    return state;
}

/* Whoever stands on the same ways against the first of them. */
static void check_alike(struct model *model, const struct model_record *record,
                        const struct member *members)
{
    for (size_t seat = 1; seat < model->county->seat_count; seat++) {
        size_t first = 0;
        while (members[first].ways != members[seat].ways)
            first++;
        struct hash here = state_of(&members[seat]), there = state_of(&members[first]);
        if (members[seat].ways != 0 &&
            (!hash_equal(&here, &there) || members[seat].row.located != members[first].row.located))
            findings_add(model->findings, FINDING_DIVERGED, "record %zu of %s differs at %s",
                         (size_t)(record - model->records),
                         model->county->seats[record->origin].code,
                         model->county->seats[seat].code);
    }
}

void check_twins(struct model *model, const struct model_record *record)
{
    size_t count = model->county->seat_count;
    struct member *members = mem_alloc(count * sizeof *members);
    struct twins twins;
    find_ends(model, record, &twins);
    for (size_t seat = 0; seat < count && !model->changing; seat++) {
        uint8_t key[RECORD_KEY_BYTES];
        const struct view *view = world_view(model->world, seat);
        members[seat] = (struct member){.ways = 0};
        if (model_counts(model, seat))
            members[seat].ways = ways_of(model, record, &twins, seat);
        if (members[seat].ways != 0 && record_key(view, (uint16_t)record->type, &record->id, key) &&
            record_row_read(view, key, &members[seat].row) != ERR_OK)
            findings_add(model->findings, FINDING_DAMAGED, "record %zu can't be read at %s",
                         (size_t)(record - model->records), model->county->seats[seat].code);
    }
    check_writes(model, record, members);
    check_alike(model, record, members);
    for (size_t seat = 0; seat < count; seat++)
        record_free(members[seat].row.state);
    free(members);
}
