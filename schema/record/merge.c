/* Merge rules of fields (rules.md 1, A17, A18): which assignments stand beside each other, which of
 * them is shown, and which are conflicts.
 *
 * last, highest_tier: an assignment goes when one comes that saw it. max, min, first run over all
 * admitted assignments, whoever saw whom; one of two goes at once where it can never be shown, and
 * which goes doesn't hang on the order in which they came. */
#include <assert.h>

#include "schema/record/state.h"

static int64_t number_in(struct span value)
{
    struct mp_reader reader = mp_reader(value);
    return mp_read_int(&reader);
}

static bool over_all(enum merge_rule merge)
{
    return merge == MERGE_MAX || merge == MERGE_MIN || merge == MERGE_FIRST;
}

/* Whether the assignment `a` is never shown where `b` is there. */
static bool is_outdone(const struct record_state *record, enum merge_rule merge,
                       const struct stored *a, struct span a_value, const struct stored *b,
                       struct span b_value)
{
    assert(over_all(merge));
    if (merge == MERGE_FIRST)
        return record_saw(record, &a->operation, &b->operation.dot);
    int64_t a_number = number_in(a_value), b_number = number_in(b_value);
    if (a_number != b_number)
        return (a_number < b_number) == (merge == MERGE_MAX);
    return shown_compare(&b->operation, &a->operation) < 0;
}

/* Whether what stands goes when this comes. */
static bool replaces(const struct record_state *record, const struct stored *by,
                     const struct stored *stands)
{
    if (PLANTED(CLOCK_FIRST) && by->operation.clock < stands->operation.clock)
        return false;
    if (PLANTED(CONFLICT_DROPPED) && shown_compare(&by->operation, &stands->operation) < 0)
        return true;
    return record_saw(record, &by->operation, &stands->operation.dot);
}

bool merge_gives_way(const struct record_state *record, const struct field *field,
                     const struct held *held, const struct held *by)
{
    if (field == NULL || !over_all(field->merge))
        return record_saw(record, &by->by->operation, &held->by->operation.dot);
    return is_outdone(record, field->merge, held->by, SPAN(held->value, held->value_size), by->by,
                      SPAN(by->value, by->value_size));
}

/* What gives way to the newcomer goes: for good, or onto the shelf where the newcomer may turn out
 * to be void. */
static void make_way(struct record_state *record, const struct field *field,
                     const struct held *newcomer, struct held_list *list)
{
    bool may_return = newcomer->by->operation.transition != 0;
    size_t place = held_first(list, field->number);
    while (place < list->count && list->at[place].field == field->number) {
        const struct held *stands = &list->at[place];
        bool goes = over_all(field->merge) ? merge_gives_way(record, field, stands, newcomer)
                                           : replaces(record, newcomer->by, stands->by);
        if (!goes)
            place++;
        else if (may_return)
            held_move(list, place, &record->shelved_assignments);
        else
            held_remove(list, place);
    }
}

/* Whether the newcomer is never shown where another stands; *returns: unless that is void. */
static bool outdone(const struct record_state *record, const struct field *field,
                    const struct held *newcomer, bool *returns)
{
    const struct held_list *list = &record->assignments;
    bool gives_way = false;
    *returns = true;
    for (size_t i = held_first(list, field->number);
         over_all(field->merge) && i < list->count && list->at[i].field == field->number; i++) {
        if (!merge_gives_way(record, field, newcomer, &list->at[i]))
            continue;
        gives_way = true;
        *returns = *returns && list->at[i].by->operation.transition != 0;
    }
    return gives_way;
}

void record_assign(struct record_state *record, const struct stored *by, const struct field *field,
                   struct span value)
{
    struct held held = {.field = field->number, .by = by};
    held.value = (uint8_t *)(uintptr_t)value.data; /* to compare with; held_insert copies */
    held.value_size = value.size;
    bool returns, is_void = by->is_void && !PLANTED(VOID_KEPT);
    if (is_void || outdone(record, field, &held, &returns)) {
        if (is_void || returns)
            held_insert(&record->shelved_assignments, held, value);
        return;
    }
    make_way(record, field, &held, &record->assignments);
    if (by->operation.transition == 0)
        make_way(record, field, &held, &record->shelved_assignments);
    held_insert(&record->assignments, held, value);
}

const struct held *merge_shown(const struct held_list *list, size_t first, size_t end,
                               enum merge_rule merge)
{
    const struct held *shown = NULL;
    if (merge != MERGE_FIRST)
        return held_shown(list, first, end);
    for (size_t i = first; i < end; i++) {
        const struct held *held = &list->at[i];
        if (shown == NULL || canonical_compare(&held->by->operation, &shown->by->operation) < 0)
            shown = held;
    }
    return shown;
}

bool merge_conflicts(const struct held *held, const struct held *shown, enum merge_rule merge)
{
    if (held == shown || over_all(merge))
        return false;
    return merge != MERGE_HIGHEST_TIER || held->by->operation.rank == shown->by->operation.rank;
}
