/* A binary heap, the least (time, order) on top. */
#include "sim/world/agenda.h"

#include <stdlib.h>

void agenda_clear(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->count; i++)
        buffer_free(&agenda->heap[i].body);
    free(agenda->heap);
    *agenda = (struct agenda){0};
}

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct happening *a, struct happening *b)
{
    struct happening other = *a;
    *a = *b;
    *b = other;
}

void agenda_plan(struct agenda *agenda, const struct happening *happening)
{
    if (agenda->count == agenda->capacity) {
        agenda->capacity = agenda->capacity * 2 + 64;
        agenda->heap = mem_resize(agenda->heap, agenda->capacity * sizeof *agenda->heap);
    }
    size_t at = agenda->count++;
    agenda->heap[at] = *happening;
    agenda->heap[at].order = agenda->planned++;
    agenda->endless_count += happening->kind >= HAPPENING_TIMER;
    for (; at > 0 && is_before(&agenda->heap[at], &agenda->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&agenda->heap[at], &agenda->heap[(at - 1) / 2]);
}

bool agenda_take(struct agenda *agenda, struct happening *happening)
{
    if (agenda->count == 0)
        return false;
    *happening = agenda->heap[0];
    agenda->endless_count -= happening->kind >= HAPPENING_TIMER;
    agenda->heap[0] = agenda->heap[--agenda->count];
    for (size_t at = 0, child; (child = 2 * at + 1) < agenda->count; at = child) {
        if (child + 1 < agenda->count && is_before(&agenda->heap[child + 1], &agenda->heap[child]))
            child++;
        if (!is_before(&agenda->heap[child], &agenda->heap[at]))
            break;
        swap(&agenda->heap[child], &agenda->heap[at]);
    }
    return true;
}

const struct happening *agenda_next(const struct agenda *agenda)
{
    return agenda->count == 0 ? NULL : &agenda->heap[0];
}
