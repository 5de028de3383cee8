#include "replication/voids.h"

#include <assert.h>
#include <stdlib.h>

static void tell(struct step *step, const struct operation *op, bool is_void)
{
    struct entry_place place = operation_place(op);
    arrival_put_again(step, &place);
    updates_trace(step->updates, "%s %s", is_void ? "void" : "not void",
                  label_dot(step->replica->tree, &op->dot).text);
}

void voids_note(const struct record_state *record, struct voids *voids)
{
    *voids = (struct voids){0};
    if (record == NULL || record_transition_count(record) == 0)
        return;
    voids->count = record_operation_count(record);
    voids->at = mem_alloc(voids->count * sizeof *voids->at);
    for (size_t i = 0; i < voids->count; i++)
        voids->at[i] = record_is_void(record, record_operation(record, i));
}

void voids_tell(struct step *step, const struct record_state *record, struct voids *voids)
{
    for (size_t i = 0; i < voids->count; i++) {
        if (record_is_void(record, record_operation(record, i)) != voids->at[i])
            tell(step, record_operation(record, i), !voids->at[i]);
    }
    free(voids->at);
    *voids = (struct voids){0};
}

/* The same operation, whatever its verdict; the index behind the last: it isn't there. */
static size_t index_of(const struct record_state *record, const struct operation *op)
{
    size_t i = 0, count = record_operation_count(record);
    while (i < count && !hash_equal(&record_operation(record, i)->digest, &op->digest))
        i++;
    return i;
}

void voids_tell_anew(struct step *step, const struct record_state *before,
                     const struct record_state *after)
{
    if (before == NULL || after == NULL ||
        (record_transition_count(before) == 0 && record_transition_count(after) == 0))
        return;
    for (size_t i = 0; i < record_operation_count(after); i++) {
        const struct operation *op = record_operation(after, i);
        size_t then = index_of(before, op);
        if (then < record_operation_count(before) &&
            record_is_void(before, record_operation(before, then)) != record_is_void(after, op))
            tell(step, op, record_is_void(after, op));
    }
}
