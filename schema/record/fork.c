/* Forked dots: two operations under one name, because two machines lived with one key, or a key
 * holder lied (rules.md A13).
 *
 * An operation that saw such a dot hasn't said which of the two it saw. So the dot counts for
 * admission and replaces neither; whatever was replaced under it before the second came must stand
 * again. The state is therefore folded anew from all operations, with the forked dots known from
 * the beginning: record_plan finds them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/record/state.h"

static int order_of(const struct dot *a, const struct dot *b)
{
    int order = dot_compare(a, b);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* Where the dot stands or would stand. */
static size_t forked_place(const struct record_state *record, const struct dot *dot)
{
    size_t low = 0, high = record->forked_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order_of(&record->forked[middle], dot) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool record_is_forked(const struct record_state *record, const struct dot *dot)
{
    if (record->forked_count == 0)
        return false;
    size_t place = forked_place(record, dot);
    return place < record->forked_count && order_of(&record->forked[place], dot) == 0;
}

uint32_t record_forked_from(const struct record_state *record, const struct dot *dot)
{
    struct dot first = {dot->author, dot->epoch, 0};
    size_t place = forked_place(record, &first);
    return place < record->forked_count && dot_compare(&record->forked[place], dot) == 0
               ? record->forked[place].n
               : UINT32_MAX;
}

void record_mark_forked(struct record_state *record, const struct dot *dot)
{
    size_t place = forked_place(record, dot);
    if (place < record->forked_count && order_of(&record->forked[place], dot) == 0)
        return;
    record->forked = array_with_room(record->forked, record->forked_count, &record->forked_capacity,
                                     sizeof record->forked[0]);
    memmove(&record->forked[place + 1], &record->forked[place],
            (record->forked_count - place) * sizeof record->forked[0]);
    record->forked[place] = *dot;
    record->forked_count++;
}

void record_mark_forked_as(struct record_state *record, const struct record_state *like)
{
    for (size_t i = 0; i < like->forked_count; i++)
        record_mark_forked(record, &like->forked[i]);
}

size_t record_forked_count(const struct record_state *record)
{
    return record->forked_count;
}

/* Into the skeleton, if what it saw is there: true. */
static bool plan_one(struct record_state *skeleton, const struct operation *op, bool *duplicate)
{
    struct dot missing;
    enum record_answer answer = record_judge(skeleton, op, &missing);
    *duplicate = answer == RECORD_DUPLICATE;
    if (answer == RECORD_FORKED)
        record_mark_forked(skeleton, &op->dot);
    if (answer == RECORD_MISSING || answer == RECORD_DUPLICATE)
        return false;
    record_store(skeleton, op);
    return true;
}

/* What saw nothing goes first: whoever saw one of two operations of one name is judged by both. */
static bool saw_nothing(const struct operation *op)
{
    return op->dot.n == 1 && op->context_count == 0;
}

size_t record_plan(struct record_state *record, const struct operation *const *ops, size_t count,
                   size_t *order)
{
    struct record_state *skeleton = record_new();
    bool *done = mem_alloc((count + 1) * sizeof *done);
    size_t planned = 0, before;
    bool first = true, again = true;
    assert(record->applied_count == 0);
    for (; again; first = false) {
        before = planned;
        for (size_t i = 0; i < count; i++) {
            bool duplicate = false;
            if (first && !saw_nothing(ops[i]))
                continue;
            if (!done[i] && plan_one(skeleton, ops[i], &duplicate))
                order[planned++] = i;
            done[i] = done[i] || duplicate || (planned > 0 && order[planned - 1] == i);
        }
        again = first || planned > before;
    }
    record_mark_forked_as(record, skeleton);
    free(done);
    record_free(skeleton);
    return planned;
}
