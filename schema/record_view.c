/* What a record's state says: to people and the API, and to whoever compares two holders.
 *
 * Both views are made from the same three lists: the operations in canonical order, the values
 * shown, and the conflicts. While a record is deleted, every operation that neither saw the
 * deletion nor was seen by it stands in the conflicts too, shown or not (rules.md A19). */
#include <assert.h>
#include <stdlib.h>

#include "schema/record_state.h"

/* ---- canonical order ---- */

/* Operations wait in a list at the first one they still miss; ready ones stand in a heap. */
struct ordering {
    const struct record_state *record;
    size_t *places; /* the answer, by serial */
    size_t *heap;   /* serials; the least on top */
    size_t heap_count;
    size_t *waiting;    /* by serial: the first that waits for it, + 1 */
    size_t *next;       /* by serial: the next that waits for the same, + 1 */
    uint32_t *examined; /* by serial: pairs of its context that are taken, its own n-1 first */
    bool *taken;
};

/* Below 0 if `a` is taken before `b` when both can be. */
static int canonical_compare(const struct operation *a, const struct operation *b)
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

/* The first operation under a dot that isn't taken; NULL: all are. */
static const struct stored *awaited(const struct ordering *ordering, const struct dot *dot)
{
    const struct record_state *record = ordering->record;
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    assert(found && dot->n > 0 && dot->n <= record->authors[place].count);
    const struct stored *before = record->authors[place].operations[dot->n - 1];
    while (before != NULL && ordering->taken[before->serial])
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
    size_t taken_count = 0;
    while (ordering->heap_count > 0) {
        size_t serial = heap_pop(ordering);
        ordering->taken[serial] = true;
        ordering->places[serial] = taken_count++;
        size_t waiting = ordering->waiting[serial];
        while (waiting != 0) {
            size_t next = ordering->next[waiting - 1];
            order_examine(ordering, waiting - 1);
            waiting = next;
        }
    }
    assert(taken_count == ordering->record->applied_count);
}

/* The place of each operation, by serial. The caller frees. */
static size_t *canonical_places(const struct record_state *record)
{
    size_t count = record->applied_count + 1;
    struct ordering ordering = {
        .record = record,
        .places = mem_alloc(count * sizeof(size_t)),
        .heap = mem_alloc(count * sizeof(size_t)),
        .waiting = mem_alloc(count * sizeof(size_t)),
        .next = mem_alloc(count * sizeof(size_t)),
        .examined = mem_alloc(count * sizeof(uint32_t)),
        .taken = mem_alloc(count * sizeof(bool)),
    };
    for (size_t serial = 0; serial < record->applied_count; serial++)
        order_examine(&ordering, serial);
    order_take_all(&ordering);
    free(ordering.taken);
    free(ordering.examined);
    free(ordering.next);
    free(ordering.waiting);
    free(ordering.heap);
    return ordering.places;
}

/* ---- what both views show ---- */

struct view {
    const struct record_state *record;
    const struct held **items; /* by field, then in canonical order */
    size_t item_count;
    const struct held **conflicts; /* by field; of one field the better first */
    size_t conflict_count;
};

struct ordered_item {
    const struct held *item;
    size_t place; /* of its operation */
};

static int ordered_item_compare(const void *a_bytes, const void *b_bytes)
{
    const struct ordered_item *a = a_bytes, *b = b_bytes;
    int order = mp_key_compare(a->item->field, b->item->field);
    if (order != 0)
        return order;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return (a->item->place > b->item->place) - (a->item->place < b->item->place);
}

static void view_items(struct view *view)
{
    const struct held_list *list = &view->record->items;
    view->items = mem_alloc((list->count + 1) * sizeof(struct held *));
    view->item_count = list->count;
    if (list->count == 0)
        return;
    size_t *places = canonical_places(view->record);
    struct ordered_item *ordered = mem_alloc(list->count * sizeof *ordered);
    for (size_t i = 0; i < list->count; i++) {
        size_t serial = list->at[i].by->serial;
        ordered[i] =
            (struct ordered_item){&list->at[i], PLANTED(LIST_BY_ARRIVAL) ? serial : places[serial]};
    }
    qsort(ordered, list->count, sizeof *ordered, ordered_item_compare);
    for (size_t i = 0; i < list->count; i++)
        view->items[i] = ordered[i].item;
    free(ordered);
    free(places);
}

/* Whether an operation and a deletion in force know nothing of each other. */
static bool beside_deletion(const struct record_state *record, const struct stored *by)
{
    const struct held_list *list = &record->assignments;
    for (size_t i = held_first(list, FIELD_DELETED);
         i < list->count && list->at[i].field == FIELD_DELETED; i++) {
        const struct operation *deletion = &list->at[i].by->operation;
        if (deletion->deletes == 1 && deletion != &by->operation &&
            !record_saw(record, deletion, &by->operation.dot) &&
            !record_saw(record, &by->operation, &deletion->dot))
            return true;
    }
    return false;
}

static int shown_first(const void *a, const void *b)
{
    const struct held *const *a_held = a, *const *b_held = b;
    return shown_compare(&(*a_held)->by->operation, &(*b_held)->by->operation);
}

/* Of one field's assignments all but the shown one, and that too if it stands beside a
 * deletion. */
static void view_field_conflicts(struct view *view, size_t first, size_t end, bool deleted)
{
    const struct held_list *list = &view->record->assignments;
    const struct held *shown = held_shown(list, first, end);
    size_t before = view->conflict_count;
    bool beside = deleted && shown->field != FIELD_DELETED;
    for (size_t i = first; i < end; i++) {
        const struct held *held = &list->at[i];
        if (held != shown || (beside && beside_deletion(view->record, held->by)))
            view->conflicts[view->conflict_count++] = held;
    }
    qsort(&view->conflicts[before], view->conflict_count - before, sizeof(struct held *),
          shown_first);
}

static void view_conflicts(struct view *view)
{
    const struct record_state *record = view->record;
    const struct held_list *list = &record->assignments;
    size_t most = list->count + record->items.count + record->counters.count;
    bool deleted = record_deleted(record);
    view->conflicts = mem_alloc((most + 1) * sizeof(struct held *));
    for (size_t first = 0, end; first < list->count; first = end) {
        end = held_end(list, first);
        view_field_conflicts(view, first, end, deleted);
    }
    for (size_t i = 0; deleted && i < view->item_count; i++) {
        if (beside_deletion(record, view->items[i]->by))
            view->conflicts[view->conflict_count++] = view->items[i];
    }
    for (size_t i = 0; deleted && i < record->counters.count; i++) {
        if (beside_deletion(record, record->counters.at[i].by))
            view->conflicts[view->conflict_count++] = &record->counters.at[i];
    }
}

static void view_begin(struct view *view, const struct record_state *record)
{
    *view = (struct view){.record = record};
    view_items(view);
    view_conflicts(view);
}

static void view_end(struct view *view)
{
    free(view->conflicts);
    free(view->items);
}

/* ---- canonical bytes ---- */

static void write_dot(struct buffer *out, const struct dot *dot)
{
    mp_write_bin(out, SPAN_OF_ARRAY(dot->author.bytes));
    mp_write_uint(out, dot->epoch);
    mp_write_uint(out, dot->n);
}

/* [field, key id, epoch, n, place, value] */
static void write_held(struct buffer *out, const struct held *held)
{
    mp_write_array(out, 6);
    mp_write_int(out, held->field);
    write_dot(out, &held->by->operation.dot);
    mp_write_uint(out, held->place);
    buffer_append(out, held->value, held->value_size);
}

static void write_held_all(struct buffer *out, const struct held **all, size_t count)
{
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        write_held(out, all[i]);
}

/* The operations of one dot, the lowest digest first. */
static void write_siblings(struct buffer *out, const struct stored *first)
{
    const struct operation *last = NULL;
    for (;;) {
        const struct operation *least = NULL;
        for (const struct stored *at = first; at != NULL; at = at->sibling) {
            const struct operation *op = &at->operation;
            if ((last == NULL || hash_compare(&op->digest, &last->digest) > 0) &&
                (least == NULL || hash_compare(&op->digest, &least->digest) < 0))
                least = op;
        }
        if (least == NULL)
            return;
        mp_write_array(out, 5);
        write_dot(out, &least->dot);
        mp_write_bin(out, SPAN_OF_ARRAY(least->digest.bytes));
        mp_write_bool(out, least->verdict == OPERATION_ADMITTED);
        last = least;
    }
}

static void write_operation_ids(struct buffer *out, const struct record_state *record)
{
    mp_write_array(out, (uint32_t)record->applied_count);
    for (size_t i = 0; i < record->author_count; i++) {
        const struct author *author = &record->authors[i];
        for (uint32_t n = 0; n < author->count; n++)
            write_siblings(out, author->operations[n]);
    }
}

static uint32_t field_count(const struct held_list *list)
{
    uint32_t count = 0;
    for (size_t first = 0; first < list->count; first = held_end(list, first))
        count++;
    return count;
}

static void write_shown(struct buffer *out, const struct held_list *list)
{
    mp_write_array(out, field_count(list));
    for (size_t first = 0, end; first < list->count; first = end) {
        end = held_end(list, first);
        write_held(out, held_shown(list, first, end));
    }
}

/* [operation ids, shown values, conflicts, list items, totals, deleted], and the seats that
 * extensions added where there are any */
void record_canonical(const struct record_state *record, struct buffer *out)
{
    struct view view;
    view_begin(&view, record);
    mp_write_array(out, record->members.count > 0 ? 7 : 6);
    write_operation_ids(out, record);
    write_shown(out, &record->assignments);
    write_held_all(out, view.conflicts, view.conflict_count);
    write_held_all(out, view.items, view.item_count);
    mp_write_array(out, (uint32_t)record->counters.count);
    for (size_t i = 0; i < record->counters.count; i++)
        write_held(out, &record->counters.at[i]);
    mp_write_bool(out, record_deleted(record));
    if (record->members.count > 0) {
        mp_write_array(out, (uint32_t)record->members.count);
        for (size_t i = 0; i < record->members.count; i++)
            write_held(out, &record->members.at[i]);
    }
    view_end(&view);
}

/* ---- for people ---- */

__extension__ typedef __int128 wide_integer;

/* Held within int64; the sum itself can't overflow, so the order doesn't matter. */
static int64_t total_of(const struct held_list *list, size_t first, size_t end)
{
    wide_integer sum = 0;
    for (size_t i = first; i < end; i++) {
        struct mp_reader reader = mp_reader(SPAN(list->at[i].value, list->at[i].value_size));
        sum += mp_read_int(&reader);
    }
    if (sum > INT64_MAX)
        return INT64_MAX;
    return sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

static bool describe_counter(const struct view *view, const struct field *field, struct buffer *out)
{
    const struct held_list *list = &view->record->counters;
    size_t first = held_first(list, field->number);
    if (first == list->count || list->at[first].field != field->number)
        return false;
    mp_write_text(out, field->name);
    mp_write_int(out, total_of(list, first, held_end(list, first)));
    return true;
}

static bool describe_list(const struct view *view, const struct field *field, struct buffer *out)
{
    uint32_t count = 0;
    size_t first = 0;
    while (first < view->item_count && view->items[first]->field != field->number)
        first++;
    while (first + count < view->item_count && view->items[first + count]->field == field->number)
        count++;
    if (count == 0)
        return false;
    mp_write_text(out, field->name);
    mp_write_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        buffer_append(out, view->items[first + i]->value, view->items[first + i]->value_size);
    return true;
}

static bool describe_value(const struct view *view, const struct field *field, struct buffer *out)
{
    const struct held_list *list = &view->record->assignments;
    size_t first = held_first(list, field->number);
    if (first == list->count || list->at[first].field != field->number)
        return false;
    const struct held *shown = held_shown(list, first, held_end(list, first));
    mp_write_text(out, field->name);
    buffer_append(out, shown->value, shown->value_size);
    return true;
}

static void describe_fields(const struct view *view, const struct record_type *type,
                            struct buffer *out)
{
    struct buffer pairs = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        bool there = field->kind == FIELD_COUNTER ? describe_counter(view, field, &pairs)
                     : field->kind == FIELD_LIST  ? describe_list(view, field, &pairs)
                                                  : describe_value(view, field, &pairs);
        count += there ? 1 : 0;
    }
    mp_write_map(out, count);
    buffer_append_span(out, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

static void describe_conflict(const struct held *held, const struct record_type *type,
                              struct buffer *out)
{
    const struct field *field = type_field(type, held->field);
    const struct operation *op = &held->by->operation;
    mp_write_map(out, 6);
    mp_write_text(out, "field");
    if (field != NULL)
        mp_write_text(out, field->name);
    else if (held->field == FIELD_DELETED)
        mp_write_text(out, "_deleted");
    else
        mp_write_int(out, held->field); /* a number that this schema has no name for */
    mp_write_text(out, "value");
    buffer_append(out, held->value, held->value_size);
    mp_write_text(out, "author");
    mp_write_bin(out, SPAN_OF_ARRAY(op->dot.author.bytes));
    mp_write_text(out, "epoch");
    mp_write_uint(out, op->dot.epoch);
    mp_write_text(out, "n");
    mp_write_uint(out, op->dot.n);
    mp_write_text(out, "clock");
    mp_write_uint(out, op->clock);
}

static uint64_t excluded_count(const struct record_state *record)
{
    uint64_t count = 0;
    for (size_t i = 0; i < record->applied_count; i++)
        count += record->applied[i]->operation.verdict == OPERATION_EXCLUDED ? 1 : 0;
    return count;
}

/* Clocks are claims, so the newest operations are those that none saw; of them the greatest
 * clock. One stamped 2099 doesn't stand for ever. */
static uint64_t changed_clock(const struct record_state *record)
{
    uint32_t *seen = mem_alloc((record->author_count + 1) * sizeof *seen);
    uint64_t clock = 0;
    for (size_t i = 0; i < record->applied_count; i++) {
        const struct operation *op = &record->applied[i]->operation;
        bool found;
        for (size_t j = 0; op->verdict == OPERATION_ADMITTED && j < op->context_count; j++) {
            const struct dot *pair = &op->context[j];
            size_t place = record_author_place(record, pair->author, pair->epoch, &found);
            seen[place] = seen[place] > pair->n ? seen[place] : pair->n;
        }
    }
    for (size_t i = 0; i < record->author_count; i++) {
        const struct author *author = &record->authors[i];
        uint32_t n = author->count;
        while (n > 0 && author->operations[n - 1]->operation.verdict == OPERATION_EXCLUDED)
            n--;
        const struct stored *last = n > seen[i] ? author->operations[n - 1] : NULL;
        for (; last != NULL; last = last->sibling)
            clock = last->operation.clock > clock ? last->operation.clock : clock;
    }
    free(seen);
    return clock;
}

void record_describe(const struct record_state *record, const struct record_type *type,
                     struct buffer *out)
{
    struct view view;
    view_begin(&view, record);
    mp_write_map(out, record->forked_count > 0 ? 7 : 6);
    mp_write_text(out, "fields");
    describe_fields(&view, type, out);
    mp_write_text(out, "conflicts");
    mp_write_array(out, (uint32_t)view.conflict_count);
    for (size_t i = 0; i < view.conflict_count; i++)
        describe_conflict(view.conflicts[i], type, out);
    mp_write_text(out, "deleted");
    mp_write_bool(out, record_deleted(record));
    mp_write_text(out, "operations");
    mp_write_uint(out, record->applied_count);
    mp_write_text(out, "excluded");
    mp_write_uint(out, excluded_count(record));
    mp_write_text(out, "changed");
    mp_write_uint(out, changed_clock(record));
    if (record->forked_count > 0) {
        mp_write_text(out, "forked");
        mp_write_uint(out, record->forked_count);
    }
    view_end(&view);
}

size_t record_shown(const struct record_state *record, int32_t field,
                    const struct operation **shown)
{
    const struct held_list *list = &record->assignments;
    size_t first = held_first(list, field);
    if (first == list->count || list->at[first].field != field)
        return 0;
    size_t end = held_end(list, first);
    *shown = &held_shown(list, first, end)->by->operation;
    return end - first;
}

bool record_closed(const struct record_state *record, const struct record_type *type)
{
    const struct held_list *list = &record->assignments;
    size_t first = type->closed_by == 0 ? list->count : held_first(list, type->closed_by);
    if (first == list->count || list->at[first].field != type->closed_by)
        return false;
    const struct held *shown = held_shown(list, first, held_end(list, first));
    struct mp_reader reader = mp_reader(SPAN(shown->value, shown->value_size));
    if (mp_peek(&reader) == MP_BOOL)
        return type->closed_choice == NULL && mp_read_bool(&reader);
    return type->closed_choice != NULL && mp_peek(&reader) == MP_STR &&
           span_equal(mp_read_str(&reader), span_of_text(type->closed_choice));
}
