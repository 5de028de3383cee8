/* What a record's state says: to people and the API, and to whoever compares two holders.
 *
 * Both views are made from the same three lists: the operations in canonical order, the values
 * shown, and the conflicts. While a record is deleted, every operation that neither saw the
 * deletion nor was seen by it stands in the conflicts too, shown or not (rules.md A19). */
#include <assert.h>
#include <stdlib.h>

#include "schema/index.h"
#include "schema/record/state.h"

/* ---- what both views show ---- */

struct view {
    const struct record_state *record;
    const struct record_type *type; /* NULL: whatever the fields' rules, all that stands is told */
    const struct held **items;      /* by field, then in canonical order */
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
    size_t *places = record_places(view->record);
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

static enum merge_rule rule_of(const struct record_type *type, int32_t number)
{
    const struct field *field = type == NULL ? NULL : type_field(type, number);
    return field == NULL ? MERGE_LAST : field->merge;
}

/* Of one field's assignments all but the shown one, and that too if it stands beside a
 * deletion. */
static void view_field_conflicts(struct view *view, size_t first, size_t end, bool deleted)
{
    const struct held_list *list = &view->record->assignments;
    enum merge_rule merge = rule_of(view->type, list->at[first].field);
    const struct held *shown = merge_shown(list, first, end, merge);
    size_t before = view->conflict_count;
    bool beside = deleted && shown->field != FIELD_DELETED;
    for (size_t i = first; i < end; i++) {
        const struct held *held = &list->at[i];
        if (merge_conflicts(held, shown, merge) ||
            (beside && beside_deletion(view->record, held->by)))
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

static void view_begin(struct view *view, const struct record_state *record,
                       const struct record_type *type)
{
    *view = (struct view){.record = record, .type = type};
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

/* Of the operations of one dot the next one by digest; NULL: `last` was the last. */
static const struct stored *next_sibling(const struct stored *first, const struct stored *last)
{
    const struct stored *least = NULL;
    for (const struct stored *at = first; at != NULL; at = at->sibling) {
        const struct hash *digest = &at->operation.digest;
        if ((last == NULL || hash_compare(digest, &last->operation.digest) > 0) &&
            (least == NULL || hash_compare(digest, &least->operation.digest) < 0))
            least = at;
    }
    return least;
}

static void write_siblings(struct buffer *out, const struct stored *first)
{
    const struct stored *at = NULL;
    while ((at = next_sibling(first, at)) != NULL) {
        mp_write_array(out, 5);
        write_dot(out, &at->operation.dot);
        mp_write_bin(out, SPAN_OF_ARRAY(at->operation.digest.bytes));
        mp_write_bool(out, at->operation.verdict == OPERATION_ADMITTED);
    }
}

static void write_void_siblings(struct buffer *out, const struct stored *first)
{
    const struct stored *at = NULL;
    while ((at = next_sibling(first, at)) != NULL) {
        if (at->is_void)
            mp_write_bin(out, SPAN_OF_ARRAY(at->operation.digest.bytes));
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

/* The number of the state, [digests of void transitions] by dot */
static void write_transitions(struct buffer *out, const struct record_state *record)
{
    uint32_t count = 0;
    for (size_t i = 0; i < record->applied_count; i++)
        count += record->applied[i]->is_void ? 1 : 0;
    mp_write_uint(out, record->state);
    mp_write_array(out, count);
    for (size_t i = 0; i < record->author_count; i++) {
        const struct author *author = &record->authors[i];
        for (uint32_t n = 0; n < author->count; n++)
            write_void_siblings(out, author->operations[n]);
    }
}

/* [operation ids, shown values, conflicts, list items, totals, deleted], the seats that
 * extensions added, and what transitions come to, where there are any of them */
void record_canonical(const struct record_state *record, struct buffer *out)
{
    struct view view;
    view_begin(&view, record, NULL);
    bool steps = record->transition_count > 0;
    mp_write_array(out, steps ? 9 : record->members.count > 0 ? 7 : 6);
    write_operation_ids(out, record);
    write_shown(out, &record->assignments);
    write_held_all(out, view.conflicts, view.conflict_count);
    write_held_all(out, view.items, view.item_count);
    mp_write_array(out, (uint32_t)record->counters.count);
    for (size_t i = 0; i < record->counters.count; i++)
        write_held(out, &record->counters.at[i]);
    mp_write_bool(out, record_deleted(record));
    if (record->members.count > 0 || steps) {
        mp_write_array(out, (uint32_t)record->members.count);
        for (size_t i = 0; i < record->members.count; i++)
            write_held(out, &record->members.at[i]);
    }
    if (steps)
        write_transitions(out, record);
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

bool record_counter_total(const struct record_state *record, int32_t number, struct buffer *out)
{
    const struct held_list *list = &record->counters;
    size_t first = held_first(list, number);
    if (first == list->count || list->at[first].field != number)
        return false;
    mp_write_int(out, total_of(list, first, held_end(list, first)));
    return true;
}

static bool describe_counter(const struct view *view, const struct field *field, struct buffer *out)
{
    struct buffer total = {0};
    bool there = record_counter_total(view->record, field->number, &total);
    if (there) {
        mp_write_text(out, field->name);
        buffer_append_span(out, span_of_buffer(&total));
    }
    buffer_free(&total);
    return there;
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
    const struct held *shown = merge_shown(list, first, held_end(list, first), field->merge);
    mp_write_text(out, field->name);
    schema_tell_value(field, SPAN(shown->value, shown->value_size), out);
    return true;
}

static bool describe_state(const struct view *view, const struct record_type *type,
                           const struct field *field, struct buffer *out)
{
    const struct workflow_state *state = record_workflow_state(view->record, type);
    if (state == NULL)
        return false;
    mp_write_text(out, field->name);
    mp_write_text(out, state->name);
    return true;
}

static bool describe_derived(const struct view *view, const struct record_type *type,
                             const struct field *field, struct buffer *out)
{
    struct buffer value = {0};
    record_derived(view->record, type, field, &value);
    bool shown = value.size > 0;
    if (shown) {
        mp_write_text(out, field->name);
        schema_tell_value(field, span_of_buffer(&value), out);
    }
    buffer_free(&value);
    return shown;
}

static void describe_fields(const struct view *view, const struct record_type *type,
                            struct buffer *out)
{
    struct buffer pairs = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        bool is_state = type->workflow != NULL && field->number == type->workflow->field;
        bool derived = field->more != NULL && field->more->derivation != NULL;
        bool there = is_state                       ? describe_state(view, type, field, &pairs)
                     : derived                      ? describe_derived(view, type, field, &pairs)
                     : field->kind == FIELD_COUNTER ? describe_counter(view, field, &pairs)
                     : field->kind == FIELD_LIST    ? describe_list(view, field, &pairs)
                                                    : describe_value(view, field, &pairs);
        count += there ? 1 : 0;
    }
    mp_write_map(out, count);
    buffer_append_span(out, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

static void describe_by(const struct operation *op, struct buffer *out)
{
    mp_write_text(out, "author");
    mp_write_bin(out, SPAN_OF_ARRAY(op->dot.author.bytes));
    mp_write_text(out, "epoch");
    mp_write_uint(out, op->dot.epoch);
    mp_write_text(out, "n");
    mp_write_uint(out, op->dot.n);
    mp_write_text(out, "clock");
    mp_write_uint(out, op->clock);
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
    if (field != NULL)
        schema_tell_value(field, SPAN(held->value, held->value_size), out);
    else
        buffer_append(out, held->value, held->value_size);
    describe_by(op, out);
}

/* The transitions that are void, in canonical order. */
static void describe_voids(const struct record_state *record, const struct record_type *type,
                           struct buffer *out)
{
    struct buffer list = {0};
    uint32_t count = 0;
    size_t ordered, *order = record_order(record, NULL, &ordered);
    for (size_t i = 0; i < ordered; i++) {
        const struct stored *stored = record->applied[order[i]];
        if (!stored->is_void)
            continue;
        const struct transition *transition =
            workflow_transition(type->workflow, stored->operation.transition);
        mp_write_map(&list, 5);
        mp_write_text(&list, "step");
        mp_write_text(&list, transition == NULL ? "" : transition->name);
        describe_by(&stored->operation, &list);
        count++;
    }
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&list));
    buffer_free(&list);
    free(order);
}

/* The greatest number of items in this field by authors of a tier; several transitions may say it:
 * the least of theirs. */
static uint32_t limit_of(const struct workflow *workflow, int32_t field, int16_t tier)
{
    uint32_t most = UINT32_MAX;
    for (size_t i = 0; i < workflow->transition_count; i++) {
        const struct transition *transition = &workflow->transitions[i];
        for (size_t k = 0; k < transition->limit_count; k++) {
            const struct step_limit *limit = &transition->limits[k];
            if (!transition->ended && limit->field == field && limit->tier.tier == tier &&
                limit->most < most)
                most = limit->most;
        }
    }
    return most;
}

/* Of the items of one field those that go beyond a limit: the later places in canonical order
 * (rules.md A36). Nothing is refused for it. */
static uint32_t describe_surplus_of(const struct view *view, const struct record_type *type,
                                    size_t first, size_t end, struct buffer *out)
{
    const struct field *field = type_field(type, view->items[first]->field);
    uint32_t of_tier[UINT8_MAX + 1] = {0}, count = 0;
    uint32_t all = limit_of(type->workflow, view->items[first]->field, TIER_ANY);
    for (size_t i = first; i < end && field != NULL; i++) {
        const struct operation *op = &view->items[i]->by->operation;
        bool within = of_tier[op->rank]++ < limit_of(type->workflow, field->number, op->rank);
        if (within && i - first < all)
            continue;
        mp_write_map(out, 6);
        mp_write_text(out, "field");
        mp_write_text(out, field->name);
        mp_write_text(out, "place");
        mp_write_uint(out, i - first + 1);
        describe_by(op, out);
        count++;
    }
    return count;
}

static void describe_surplus(const struct view *view, const struct record_type *type,
                             struct buffer *out)
{
    struct buffer list = {0};
    uint32_t count = 0;
    for (size_t first = 0, end; first < view->item_count; first = end) {
        end = first;
        while (end < view->item_count && view->items[end]->field == view->items[first]->field)
            end++;
        count += describe_surplus_of(view, type, first, end, &list);
    }
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&list));
    buffer_free(&list);
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
    view_begin(&view, record, type);
    mp_write_map(out, (record->forked_count > 0 ? 7u : 6u) + (type->workflow != NULL ? 2u : 0u));
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
    if (type->workflow != NULL) {
        mp_write_text(out, "void");
        describe_voids(record, type, out);
        mp_write_text(out, "surplus");
        describe_surplus(&view, type, out);
    }
    if (record->forked_count > 0) {
        mp_write_text(out, "forked");
        mp_write_uint(out, record->forked_count);
    }
    view_end(&view);
}

size_t record_shown(const struct record_state *record, const struct field *field,
                    const struct operation **shown)
{
    const struct held_list *list = &record->assignments;
    size_t first = held_first(list, field->number), count = 1;
    if (first == list->count || list->at[first].field != field->number)
        return 0;
    size_t end = held_end(list, first);
    const struct held *best = merge_shown(list, first, end, field->merge);
    *shown = &best->by->operation;
    for (size_t i = first; i < end; i++)
        count += merge_conflicts(&list->at[i], best, field->merge) ? 1 : 0;
    return count;
}

bool record_closed(const struct record_state *record, const struct record_type *type)
{
    const struct workflow_state *state = record_workflow_state(record, type);
    if (state != NULL)
        return state->closed;
    const struct held_list *list = &record->assignments;
    size_t first = type->closed_by == 0 ? list->count : held_first(list, type->closed_by);
    if (first == list->count || list->at[first].field != type->closed_by)
        return false;
    const struct held *shown =
        merge_shown(list, first, held_end(list, first), rule_of(type, type->closed_by));
    struct mp_reader reader = mp_reader(SPAN(shown->value, shown->value_size));
    if (mp_peek(&reader) == MP_BOOL)
        return type->closed_choice == NULL && mp_read_bool(&reader);
    return type->closed_choice != NULL && mp_peek(&reader) == MP_STR &&
           span_equal(mp_read_str(&reader), span_of_text(type->closed_choice));
}
