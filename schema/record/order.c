/* The canonical order of a record's operations (rules.md 1): repeatedly take, among those whose
 * context is taken, the least by (rank, clock, author, epoch, n). Lists and workflows go by it.
 *
 * An operation that nobody saw yet changes no other's place before it: the order of those that are
 * here stands when one more comes, unless it comes under a forked dot. */
#include <assert.h>
#include <stdlib.h>

#include "schema/record/state.h"

/* Operations wait in a list at the first one they still miss; ready ones stand in a heap. */
struct ordering {
    const struct record_state *record;
    const bool *within; /* by serial: only these are ordered; NULL: all */
    size_t *order;      /* the answer: serials */
    size_t order_count;
    size_t *heap; /* serials; the least on top */
    size_t heap_count;
    size_t *waiting;    /* by serial: the first that waits for it, + 1 */
    size_t *next;       /* by serial: the next that waits for the same, + 1 */
    uint32_t *examined; /* by serial: pairs of its context that are taken, its own n-1 first */
    bool *taken;
};

int canonical_compare(const struct operation *a, const struct operation *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->clock != b->clock)
        return a->clock < b->clock ? -1 : 1;
    int order = dot_compare(&a->dot, &b->dot);
    if (order != 0)
        return order;
    if (a->dot.n != b->dot.n)
        return a->dot.n < b->dot.n ? -1 : 1;
    return hash_compare(&a->digest, &b->digest);
}

static bool heap_less(const struct ordering *ordering, size_t a, size_t b)
{
    struct stored *const *applied = ordering->record->applied;
    return canonical_compare(&applied[ordering->heap[a]]->operation,
                             &applied[ordering->heap[b]]->operation) < 0;
}

static void heap_swap(struct ordering *ordering, size_t a, size_t b)
{
    size_t serial = ordering->heap[a];
    ordering->heap[a] = ordering->heap[b];
    ordering->heap[b] = serial;
}

static void heap_push(struct ordering *ordering, size_t serial)
{
    size_t at = ordering->heap_count++;
    ordering->heap[at] = serial;
    while (at > 0 && heap_less(ordering, at, (at - 1) / 2)) {
        heap_swap(ordering, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static size_t heap_pop(struct ordering *ordering)
{
    size_t least = ordering->heap[0];
    ordering->heap[0] = ordering->heap[--ordering->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < ordering->heap_count && heap_less(ordering, child + 1, child))
            child++;
        if (child >= ordering->heap_count || !heap_less(ordering, child, at))
            return least;
        heap_swap(ordering, at, child);
        at = child;
    }
}

static bool is_within(const struct ordering *ordering, size_t serial)
{
    return ordering->within == NULL || ordering->within[serial];
}

/* The first operation under a dot that isn't taken; NULL: all are. */
static const struct stored *awaited(const struct ordering *ordering, const struct dot *dot)
{
    const struct record_state *record = ordering->record;
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    assert(found && dot->n > 0 && dot->n <= record->authors[place].count);
    const struct stored *before = record->authors[place].operations[dot->n - 1];
    while (before != NULL &&
           (ordering->taken[before->serial] || !is_within(ordering, before->serial)))
        before = before->sibling;
    return before;
}

/* Go on through its context: to the heap if all is taken, else wait for the first that isn't. */
static void order_examine(struct ordering *ordering, size_t serial)
{
    const struct operation *op = &ordering->record->applied[serial]->operation;
    while (ordering->examined[serial] <= op->context_count) {
        uint32_t pair = ordering->examined[serial];
        struct dot seen = pair == 0 ? op->dot : op->context[pair - 1];
        if (pair == 0)
            seen.n--;
        if (seen.n > 0) {
            const struct stored *before = awaited(ordering, &seen);
            if (before != NULL) {
                ordering->next[serial] = ordering->waiting[before->serial];
                ordering->waiting[before->serial] = serial + 1;
                return;
            }
        }
        ordering->examined[serial]++;
    }
    heap_push(ordering, serial);
}

static void order_take_all(struct ordering *ordering)
{
    while (ordering->heap_count > 0) {
        size_t serial = heap_pop(ordering);
        ordering->taken[serial] = true;
        ordering->order[ordering->order_count++] = serial;
        size_t waiting = ordering->waiting[serial];
        while (waiting != 0) {
            size_t next = ordering->next[waiting - 1];
            order_examine(ordering, waiting - 1);
            waiting = next;
        }
    }
}

size_t *record_order(const struct record_state *record, const bool *within, size_t *order_count)
{
    size_t count = record->applied_count + 1;
    struct ordering ordering = {
        .record = record,
        .within = within,
        .order = mem_alloc(count * sizeof(size_t)),
        .heap = mem_alloc(count * sizeof(size_t)),
        .waiting = mem_alloc(count * sizeof(size_t)),
        .next = mem_alloc(count * sizeof(size_t)),
        .examined = mem_alloc(count * sizeof(uint32_t)),
        .taken = mem_alloc(count * sizeof(bool)),
    };
    for (size_t serial = 0; serial < record->applied_count; serial++) {
        if (is_within(&ordering, serial))
            order_examine(&ordering, serial);
    }
    order_take_all(&ordering);
    assert(within != NULL || ordering.order_count == record->applied_count);
    *order_count = ordering.order_count;
    free(ordering.taken);
    free(ordering.examined);
    free(ordering.next);
    free(ordering.waiting);
    free(ordering.heap);
    return ordering.order;
}

size_t *record_places(const struct record_state *record)
{
    size_t count, *order = record_order(record, NULL, &count);
    size_t *places = mem_alloc((count + 1) * sizeof *places);
    for (size_t place = 0; place < count; place++)
        places[order[place]] = place;
    free(order);
    return places;
}
