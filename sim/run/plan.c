/* A heap by time and order. */
#include <stdlib.h>

#include "sim/run/run_parts.h"

static bool is_before(const struct planned *a, const struct planned *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static bool is_busy(const struct planned *planned)
{
    return planned->kind != PLANNED_LOOK && planned->kind != PLANNED_SAMPLE &&
           planned->kind != PLANNED_CHECK;
}

void plan_add(struct plan *plan, const struct planned *planned)
{
    if (plan->count == plan->capacity) {
        plan->capacity = 2 * plan->capacity + 64;
        plan->heap = mem_resize(plan->heap, plan->capacity * sizeof *plan->heap);
    }
    size_t at = plan->count++;
    struct planned item = *planned;
    item.order = plan->planned++;
    plan->busy += is_busy(&item);
    for (; at > 0 && is_before(&item, &plan->heap[(at - 1) / 2]); at = (at - 1) / 2)
        plan->heap[at] = plan->heap[(at - 1) / 2];
    plan->heap[at] = item;
}

bool plan_take(struct plan *plan, struct planned *planned)
{
    if (plan->count == 0)
        return false;
    *planned = plan->heap[0];
    plan->busy -= is_busy(planned);
    struct planned last = plan->heap[--plan->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < plan->count; at = child) {
        if (child + 1 < plan->count && is_before(&plan->heap[child + 1], &plan->heap[child]))
            child++;
        if (!is_before(&plan->heap[child], &last))
            break;
        plan->heap[at] = plan->heap[child];
    }
    plan->heap[at] = last;
    return true;
}

const struct planned *plan_next(const struct plan *plan)
{
    return plan->count == 0 ? NULL : &plan->heap[0];
}

void plan_clear(struct plan *plan)
{
    free(plan->heap);
    *plan = (struct plan){0};
}
