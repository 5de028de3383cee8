/* The state that a record's transitions come to (rules.md 1): they are walked in canonical order,
 * and one whose `from` doesn't hold at its place is void with everything it set.
 *
 *      V1 close@2   from accepted        canonical order: C's dispatch (rank 0) first
 *      C dispatch@9 from accepted        dispatch: accepted -> dispatched; close: void
 *
 * The order of those that are here stands when one more comes that nobody has seen, so only a
 * transition that knew less than is here can change what others come to. What a transition replaces
 * is kept on a shelf, and stands again when the transition is void. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "schema/record/state.h"

static bool saw_all(const struct record_state *record, const struct operation *op)
{
    for (size_t i = 0; i < record->author_count; i++) {
        const struct author *author = &record->authors[i];
        struct dot last = {author->key, author->epoch, author->count};
        if (dot_compare(&last, &op->dot) == 0 ? op->dot.n < author->count
                                              : !operation_saw(op, &last))
            return false;
    }
    return true;
}

static bool possible(const struct operation *op, uint8_t state)
{
    return (op->from >> state & 1) != 0;
}

/* The state that these come to, in this order. `voids`, by serial: whether it is void; may be NULL.
 */
static uint8_t walk(const struct record_state *record, const size_t *order, size_t count,
                    bool *voids)
{
    uint8_t state = 0;
    for (size_t i = 0; i < count; i++) {
        const struct operation *op = &record->applied[order[i]]->operation;
        if (op->transition == 0)
            continue;
        bool stands = possible(op, state);
        state = stands ? op->to : state;
        if (voids != NULL)
            voids[order[i]] = !stands;
    }
    return state;
}

uint8_t record_state_number(const struct record_state *record)
{
    return record->state;
}

uint8_t record_state_as_seen(const struct record_state *record, const struct operation *op,
                             bool *open)
{
    *open = false;
    for (size_t i = 0; i < record->forked_count; i++)
        *open = *open || operation_saw(op, &record->forked[i]);
    if (record->transition_count == 0 || saw_all(record, op))
        return record->state;
    bool *within = mem_alloc((record->applied_count + 1) * sizeof *within);
    for (size_t i = 0; i < record->applied_count; i++)
        within[i] = operation_saw(op, &record->applied[i]->operation.dot);
    size_t count, *order = record_order(record, within, &count);
    uint8_t state = walk(record, order, count, NULL);
    free(order);
    free(within);
    return state;
}

/* Whether `op` saw what the operation of this dot saw, and that operation itself. */
static bool covers(const struct record_state *record, const struct operation *op,
                   const struct dot *dot)
{
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    assert(found && dot->n <= record->authors[place].count);
    const struct operation *seen = &record->authors[place].operations[dot->n - 1]->operation;
    for (size_t i = 0; i < seen->context_count; i++) {
        if (!operation_saw(op, &seen->context[i]))
            return false;
    }
    return true;
}

bool record_context_closed(const struct record_state *record, const struct operation *op)
{
    struct dot before = op->dot;
    before.n--;
    bool closed = before.n == 0 || record_is_forked(record, &before) || covers(record, op, &before);
    for (size_t i = 0; i < op->context_count && closed; i++) {
        const struct dot *pair = &op->context[i];
        closed = pair->n == 0 || record_is_forked(record, pair) || covers(record, op, pair);
    }
    return closed;
}

_Static_assert(offsetof(struct stored, operation) == 0,
               "an operation that is kept is a stored one");

bool record_is_void(const struct record_state *record, const struct operation *op)
{
    const struct stored *stored = (const struct stored *)(const void *)op;
    assert(stored->serial < record->applied_count && record->applied[stored->serial] == stored);
    return stored->is_void;
}

size_t record_transition_count(const struct record_state *record)
{
    return record->transition_count;
}

void operation_transition(struct operation *op, const struct workflow *workflow,
                          const struct transition *transition)
{
    assert(transition->to > 0 && transition->to <= WORKFLOW_STATES_MAX);
    op->transition = transition->number;
    op->to = (uint8_t)transition->to;
    op->from = workflow_leaves(workflow, transition);
}

const struct workflow_state *record_workflow_state(const struct record_state *record,
                                                   const struct record_type *type)
{
    if (type->workflow == NULL)
        return NULL;
    return record->state == 0 ? workflow_initial(type->workflow)
                              : workflow_state(type->workflow, record->state);
}

const struct operation *record_entered(const struct record_state *record,
                                       const struct record_type *type)
{
    const struct operation *entered = NULL;
    if (record->transition_count == 0 || type->workflow == NULL)
        return NULL;
    uint8_t state = (uint8_t)workflow_initial(type->workflow)->number;
    size_t count, *order = record_order(record, NULL, &count);
    for (size_t i = 0; i < count; i++) {
        const struct stored *stored = record->applied[order[i]];
        const struct operation *op = &stored->operation;
        if (op->transition == 0 || op->verdict == OPERATION_EXCLUDED || stored->is_void ||
            op->to == state)
            continue;
        state = op->to;
        entered = op;
    }
    free(order);
    return entered;
}

/* ---- what others come to ---- */

static void set_items_aside(struct held_list *from, struct held_list *to, bool is_void)
{
    for (size_t place = 0; place < from->count;) {
        if (from->at[place].by->is_void == is_void)
            held_move(from, place, to);
        else
            place++;
    }
}

/* Whether an assignment of these, which are of one field, stands: it isn't void, and nothing that
 * isn't void replaced it. */
static bool stands(const struct record_state *record, const struct field *field,
                   const struct held *held, const struct held *first, const struct held *end)
{
    bool replaced = held->by->is_void;
    for (const struct held *by = first; by < end && !replaced; by++)
        replaced = by != held && !by->by->is_void && merge_gives_way(record, field, held, by);
    return !replaced;
}

/* All assignments that are here, standing or shelved, each into the list where it belongs now. */
static void settle_assignments(struct record_state *record, const struct record_type *type)
{
    struct held_list all = record->assignments;
    record->assignments = (struct held_list){0};
    while (record->shelved_assignments.count > 0)
        held_move(&record->shelved_assignments, record->shelved_assignments.count - 1, &all);
    bool *standing = mem_alloc((all.count + 1) * sizeof *standing);
    for (size_t first = 0, end; first < all.count; first = end) {
        end = held_end(&all, first);
        for (size_t i = first; i < end; i++)
            standing[i] = stands(record, type_field(type, all.at[i].field), &all.at[i],
                                 &all.at[first], &all.at[end]);
    }
    for (size_t i = all.count; i-- > 0;)
        held_move(&all, i, standing[i] ? &record->assignments : &record->shelved_assignments);
    free(standing);
    held_free(&all);
}

static void settle(struct record_state *record, const struct record_type *type)
{
    settle_assignments(record, type);
    set_items_aside(&record->items, &record->shelved_items, true);
    set_items_aside(&record->shelved_items, &record->items, false);
}

void record_take_transition(struct record_state *record, const struct stored *by,
                            const struct record_type *type)
{
    struct stored *newest = record->applied[by->serial];
    bool turned = false;
    record->transition_count += by->operation.transition != 0 ? 1 : 0;
    if (record->transition_count == 0)
        return;
    if (PLANTED(FIRST_COME_WINS) ||
        (record->forked_count == 0 && saw_all(record, &by->operation))) {
        newest->is_void = !possible(&by->operation, record->state);
        record->state = newest->is_void ? record->state : by->operation.to;
        return;
    }
    bool *voids = mem_alloc((record->applied_count + 1) * sizeof *voids);
    size_t count, *order = record_order(record, NULL, &count);
    record->state = walk(record, order, count, voids);
    for (size_t i = 0; i < record->applied_count; i++) {
        turned =
            turned || (record->applied[i] != newest && record->applied[i]->is_void != voids[i]);
        record->applied[i]->is_void = voids[i];
    }
    if (turned && !PLANTED(VOID_KEPT))
        settle(record, type);
    free(order);
    free(voids);
}
