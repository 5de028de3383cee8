/* A heap of four children a place, the least (time, order) on top; what is to happen lies in slots
 * that don't move. */
#include "sim/world/agenda.h"

#include <stdlib.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 64 };

void agenda_clear(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->count; i++)
        buffer_free(&agenda->slots[agenda->heap[i].slot].body);
    free(agenda->heap);
    free(agenda->slots);
    free(agenda->free_slots);
    *agenda = (struct agenda){0};
}

static bool is_before(const struct agenda_key *a, const struct agenda_key *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void grow(struct agenda *agenda)
{
    size_t capacity = agenda->capacity * 2 + FIRST_CAPACITY;
    agenda->heap = mem_resize(agenda->heap, capacity * sizeof *agenda->heap);
    agenda->slots = mem_resize(agenda->slots, capacity * sizeof *agenda->slots);
    agenda->free_slots = mem_resize(agenda->free_slots, capacity * sizeof *agenda->free_slots);
    for (size_t slot = agenda->capacity; slot < capacity; slot++)
        agenda->free_slots[slot - agenda->count] = slot;
    agenda->capacity = capacity;
}

void agenda_plan(struct agenda *agenda, const struct happening *happening)
{
    if (agenda->count == agenda->capacity)
        grow(agenda);
    size_t slot = agenda->free_slots[agenda->capacity - agenda->count - 1];
    size_t at = agenda->count++;
    struct agenda_key key = {happening->at_ms, agenda->planned++, slot};
    agenda->slots[slot] = *happening;
    agenda->slots[slot].order = key.order;
    agenda->endless_count += happening->kind >= HAPPENING_TIMER;
    for (size_t above; at > 0 && is_before(&key, &agenda->heap[above = (at - 1) / CHILDREN]);
         at = above)
        agenda->heap[at] = agenda->heap[above];
    agenda->heap[at] = key;
}

/* The least of those below a place; the count itself: there are none. */
static size_t least_child(const struct agenda *agenda, size_t at)
{
    size_t first = CHILDREN * at + 1, end = first + CHILDREN, least = first;
    if (first >= agenda->count)
        return agenda->count;
    if (end > agenda->count)
        end = agenda->count;
    for (size_t child = first + 1; child < end; child++) {
        if (is_before(&agenda->heap[child], &agenda->heap[least]))
            least = child;
    }
    return least;
}

bool agenda_take(struct agenda *agenda, struct happening *happening)
{
    if (agenda->count == 0)
        return false;
    size_t slot = agenda->heap[0].slot, at = 0;
    struct agenda_key last = agenda->heap[--agenda->count];
    *happening = agenda->slots[slot];
    agenda->endless_count -= happening->kind >= HAPPENING_TIMER;
    agenda->free_slots[agenda->capacity - agenda->count - 1] = slot;
    for (size_t child; (child = least_child(agenda, at)) < agenda->count; at = child) {
        if (!is_before(&agenda->heap[child], &last))
            break;
        agenda->heap[at] = agenda->heap[child];
    }
    agenda->heap[at] = last;
    return true;
}

const struct happening *agenda_next(const struct agenda *agenda)
{
    return agenda->count == 0 ? NULL : &agenda->slots[agenda->heap[0].slot];
}
