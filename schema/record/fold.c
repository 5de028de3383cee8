/* Folding operations into a record's state.
 *
 * Operations come in any order that respects causality: when one is applied, all that it saw
 * is here and nothing here has seen it. So an assignment needs one look at what stands:
 * what the newcomer saw goes, the rest stays beside it.
 *
 *      stands:  s=county (C,1)   s=v2 (V1,2)
 *      comes:   s=agreed (T1,1), having seen C:1 and V1:2
 *      stands:  s=agreed (T1,1)
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/record/state.h"

void *array_with_room(void *array, size_t count, size_t *capacity, size_t element_size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    assert(*capacity <= SIZE_MAX / element_size);
    return mem_resize(array, *capacity * element_size);
}

static int number_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int author_compare(struct key_id a_key, uint32_t a_epoch, struct key_id b_key,
                          uint32_t b_epoch)
{
    int order = key_id_compare(a_key, b_key);
    return order != 0 ? order : number_compare(a_epoch, b_epoch);
}

int dot_compare(const struct dot *a, const struct dot *b)
{
    return author_compare(a->author, a->epoch, b->author, b->epoch);
}

struct record_state *record_new(void)
{
    return mem_alloc(sizeof(struct record_state));
}

void record_free(struct record_state *record)
{
    if (record == NULL)
        return;
    held_free(&record->shelved_assignments);
    held_free(&record->shelved_items);
    held_free(&record->members);
    held_free(&record->counters);
    held_free(&record->items);
    held_free(&record->assignments);
    free(record->deletions);
    free(record->forked);
    for (size_t i = 0; i < record->applied_count; i++)
        free(record->applied[i]);
    free(record->applied);
    for (size_t i = 0; i < record->author_count; i++)
        free(record->authors[i].operations);
    free(record->authors);
    free(record);
}

size_t record_author_place(const struct record_state *record, struct key_id key, uint32_t epoch,
                           bool *found)
{
    size_t low = 0, high = record->author_count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct author *author = &record->authors[middle];
        int order = author_compare(author->key, author->epoch, key, epoch);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t author_count(const struct record_state *record, struct key_id key, uint32_t epoch)
{
    bool found;
    size_t place = record_author_place(record, key, epoch, &found);
    return found ? record->authors[place].count : 0;
}

static const struct stored *find_operation(const struct record_state *record, const struct dot *dot)
{
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    if (!found || dot->n == 0 || dot->n > record->authors[place].count)
        return NULL;
    return record->authors[place].operations[dot->n - 1];
}

bool operation_saw(const struct operation *op, const struct dot *dot)
{
    if (dot_compare(&op->dot, dot) == 0)
        return dot->n < op->dot.n;
    size_t low = 0, high = op->context_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = dot_compare(&op->context[middle], dot);
        if (order == 0)
            return dot->n <= op->context[middle].n;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool record_saw(const struct record_state *record, const struct operation *op,
                const struct dot *dot)
{
    return operation_saw(op, dot) && !record_is_forked(record, dot);
}

static bool saw(const struct record_state *record, const struct stored *a, const struct stored *b)
{
    return record_saw(record, &a->operation, &b->operation.dot);
}

int shown_compare(const struct operation *a, const struct operation *b)
{
    if (a->rank != b->rank && !PLANTED(RANK_IGNORED))
        return number_compare(a->rank, b->rank);
    if (a->clock != b->clock || PLANTED(TIE_BREAK_DROPPED))
        return number_compare(b->clock, a->clock);
    int order = dot_compare(&b->dot, &a->dot);
    if (order != 0)
        return order;
    if (a->dot.n != b->dot.n)
        return number_compare(b->dot.n, a->dot.n);
    return hash_compare(&b->digest, &a->digest);
}

/* ---- judging and folding ---- */

/* The first dot of (author, epoch) up to n that isn't here. */
static bool misses(const struct record_state *record, struct dot last, struct dot *missing)
{
    uint32_t count = author_count(record, last.author, last.epoch);
    if (last.n <= count)
        return false;
    *missing = last;
    missing->n = count + 1;
    return true;
}

enum record_answer record_judge(const struct record_state *record, const struct operation *op,
                                struct dot *missing)
{
    assert(op->dot.n > 0 && op->context_count <= CONTEXT_PAIRS_MAX);
    const struct stored *here = find_operation(record, &op->dot);
    for (const struct stored *sibling = here; sibling != NULL; sibling = sibling->sibling) {
        if (hash_equal(&sibling->operation.digest, &op->digest) && !PLANTED(DUPLICATE_FOLDED))
            return RECORD_DUPLICATE;
    }
    struct dot before = op->dot;
    before.n--;
    if (misses(record, before, missing))
        return RECORD_MISSING;
    for (size_t i = 0; i < op->context_count; i++) {
        if (misses(record, op->context[i], missing))
            return RECORD_MISSING;
    }
    return here == NULL || record_is_forked(record, &op->dot) ? RECORD_READY : RECORD_FORKED;
}

static struct author *author_with_room(struct record_state *record, const struct dot *dot)
{
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    if (!found) {
        record->authors = array_with_room(record->authors, record->author_count,
                                          &record->author_capacity, sizeof record->authors[0]);
        memmove(&record->authors[place + 1], &record->authors[place],
                (record->author_count - place) * sizeof record->authors[0]);
        record->authors[place] = (struct author){.key = dot->author, .epoch = dot->epoch};
        record->author_count++;
    }
    struct author *author = &record->authors[place];
    author->operations = array_with_room(author->operations, author->count, &author->capacity,
                                         sizeof(struct stored *));
    return author;
}

static void add_sibling(struct stored *first, struct stored *stored)
{
    stored->sibling_place = 1;
    for (; first->sibling != NULL; first = first->sibling)
        stored->sibling_place++;
    first->sibling = stored;
}

const struct stored *record_store(struct record_state *record, const struct operation *op)
{
    struct stored *stored =
        mem_alloc(sizeof *stored + op->context_count * sizeof stored->context[0]);
    stored->operation = *op;
    stored->operation.context = stored->context;
    stored->operation.context_count = 0;
    for (size_t i = 0; i < op->context_count; i++) {
        if (op->context[i].n > 0) /* 0 covers nothing */
            stored->context[stored->operation.context_count++] = op->context[i];
    }
    struct author *author = author_with_room(record, &op->dot);
    if (op->dot.n <= author->count) {
        assert(record_is_forked(record, &op->dot));
        add_sibling(author->operations[op->dot.n - 1], stored);
    } else {
        assert(op->dot.n == author->count + 1);
        author->operations[author->count++] = stored;
    }

    stored->serial = record->applied_count;
    record->applied = array_with_room(record->applied, record->applied_count,
                                      &record->applied_capacity, sizeof(struct stored *));
    record->applied[record->applied_count++] = stored;

    if (op->deletes != 0 && op->verdict == OPERATION_ADMITTED) {
        record->deletions = array_with_room(record->deletions, record->deletion_count,
                                            &record->deletion_capacity, sizeof(struct stored *));
        record->deletions[record->deletion_count++] = stored;
    }
    return stored;
}

static void append_items(struct record_state *record, const struct stored *by, int32_t field,
                         struct mp_reader *reader)
{
    uint32_t count = mp_read_array(reader);
    struct held_list *list = by->is_void ? &record->shelved_items : &record->items;
    for (uint32_t place = 0; place < count && !reader->failed; place++) {
        struct held item = {.field = field, .place = place, .by = by};
        held_insert(list, item, mp_read_any(reader));
    }
}

static int64_t total_in(struct span value)
{
    struct mp_reader reader = mp_reader(value);
    return mp_read_int(&reader);
}

/* Whether the total that stands keeps standing: the greater n, or from where its author forked on
 * the greater total. */
static bool total_stands(const struct record_state *record, const struct held *stands,
                         const struct operation *op, struct span value)
{
    const struct operation *by = &stands->by->operation;
    uint32_t forked = record_forked_from(record, &op->dot);
    int64_t total = total_in(SPAN(stands->value, stands->value_size)), comes = total_in(value);
    if (by->dot.n >= forked && op->dot.n >= forked && total != comes)
        return total > comes;
    if (by->dot.n != op->dot.n)
        return by->dot.n > op->dot.n;
    return hash_compare(&by->digest, &op->digest) > 0;
}

/* A running total: one of its author counts. */
static void set_total(struct record_state *record, const struct stored *by, int32_t field,
                      struct span value)
{
    struct held_list *list = &record->counters;
    struct held held = {.field = field, .by = by};
    size_t place = held_place(list, &held);
    for (size_t at = place > 0 ? place - 1 : 0; at <= place && at < list->count; at++) {
        const struct held *stands = &list->at[at];
        if (stands->field != field ||
            dot_compare(&stands->by->operation.dot, &by->operation.dot) != 0)
            continue;
        if (total_stands(record, stands, &by->operation, value))
            return;
        held_remove(list, at);
        break;
    }
    held_insert(list, held, value);
}

/* [[field, key id, epoch, n, place] ...]; only what its author saw can be removed. */
static void remove_items(struct record_state *record, const struct stored *by,
                         struct mp_reader *reader)
{
    uint32_t count = mp_read_array(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        mp_read_array(reader);
        struct held item = {.field = (int32_t)mp_read_uint_max(reader, INT32_MAX)};
        const uint8_t *key = mp_read_bin_of(reader, KEY_ID_BYTES);
        struct dot dot = {.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX)};
        dot.n = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
        item.place = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
        if (reader->failed)
            return;
        memcpy(dot.author.bytes, key, KEY_ID_BYTES);
        item.by = record_saw(record, &by->operation, &dot) ? find_operation(record, &dot) : NULL;
        if (item.by == NULL)
            continue;
        struct held_list *list = item.by->is_void ? &record->shelved_items : &record->items;
        size_t place = held_place(list, &item);
        if (place < list->count && held_compare(&list->at[place], &item) == 0)
            held_remove(list, place);
    }
}

/* The caller said in op.deletes what the body says. */
static void check_deletion(const struct stored *by, struct mp_reader *reader)
{
    bool deleted = mp_read_bool(reader);
    assert(by->operation.deletes == (deleted ? 1 : 2));
}

/* An erased value, nil: an assignment stands where it stood and shows that it is erased. What has
 * no value has no place among greatest and least ones, in a list, and in a sum. */
static bool keeps_its_place(const struct field *field)
{
    return field->kind != FIELD_LIST && field->kind != FIELD_COUNTER && field->merge != MERGE_MAX &&
           field->merge != MERGE_MIN;
}

static void fold_field(struct record_state *record, const struct stored *by,
                       const struct record_type *type, int32_t key, struct mp_reader *reader)
{
    const struct field *field = type_field(type, key);
    if (key == FIELD_REMOVE)
        remove_items(record, by, reader);
    else if (key == FIELD_DELETED)
        check_deletion(by, reader);
    else if (field == NULL || (mp_peek(reader) == MP_NIL && !keeps_its_place(field)))
        mp_read_any(reader);
    else if (field->kind == FIELD_LIST)
        append_items(record, by, key, reader);
    else if (field->kind == FIELD_COUNTER)
        set_total(record, by, key, mp_read_any(reader));
    else
        record_assign(record, by, field, mp_read_any(reader));
}

static void assign_deletion(struct record_state *record, const struct stored *by)
{
    static const struct field deletion = {.number = FIELD_DELETED, .kind = FIELD_BOOLEAN};
    struct buffer value = {0};
    mp_write_bool(&value, by->operation.deletes == 1);
    record_assign(record, by, &deletion, span_of_buffer(&value));
    buffer_free(&value);
}

void record_apply(struct record_state *record, const struct operation *op,
                  const struct record_type *type, struct span body)
{
    struct dot missing;
    assert(record_judge(record, op, &missing) == RECORD_READY);
    assert(op->deletes <= 2);
    assert(op->transition == 0 ||
           (op->verdict == OPERATION_ADMITTED && !op->extends && op->deletes == 0 && op->to > 0 &&
            op->to <= WORKFLOW_STATES_MAX));
    const struct stored *by = record_store(record, op);
    if (op->transition != 0 || by->sibling_place > 0)
        record_take_transition(record, by, type);
    if (op->verdict == OPERATION_EXCLUDED)
        return;
    if (op->erases)
        return;
    if (op->extends) {
        record_fold_extension(record, by, body);
        return;
    }
    if (op->deletes != 0)
        assign_deletion(record, by);
    if (body.size == 0)
        return;
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    while (mp_field(&reader, &fields, &key))
        fold_field(record, by, type, key, &reader);
    mp_read_end(&reader);
    assert(!reader.failed); /* the body was checked before */
}

/* ---- asking ---- */

size_t record_operation_count(const struct record_state *record)
{
    return record->applied_count;
}

const struct operation *record_operation(const struct record_state *record, size_t index)
{
    assert(index < record->applied_count);
    return &record->applied[index]->operation;
}

size_t record_context(const struct record_state *record, struct key_id author, uint32_t epoch,
                      struct dot context[static CONTEXT_PAIRS_MAX], uint32_t *own_n)
{
    size_t count = 0;
    *own_n = 0;
    for (size_t i = 0; i < record->author_count; i++) {
        const struct author *other = &record->authors[i];
        if (author_compare(other->key, other->epoch, author, epoch) == 0) {
            *own_n = other->count;
            continue;
        }
        if (PLANTED(CONTEXT_CUT))
            continue;
        if (count < CONTEXT_PAIRS_MAX)
            context[count] = (struct dot){other->key, other->epoch, other->count};
        count++;
    }
    return count;
}

bool record_deleted(const struct record_state *record)
{
    const struct held_list *list = &record->assignments;
    size_t first = held_first(list, FIELD_DELETED);
    if (first == list->count)
        return false;
    if (PLANTED(EDIT_REVIVES) && record->applied[record->applied_count - 1]->operation.deletes == 0)
        return false;
    const struct held *shown = held_shown(list, first, held_end(list, first));
    return shown != NULL && shown->by->operation.deletes == 1;
}

static bool replaced_as_seen(const struct record_state *record, const struct operation *op,
                             const struct stored *deletion)
{
    for (size_t i = 0; i < record->deletion_count; i++) {
        const struct stored *other = record->deletions[i];
        if (record_saw(record, op, &other->operation.dot) && saw(record, other, deletion))
            return true;
    }
    return false;
}

bool record_deleted_as_seen(const struct record_state *record, const struct operation *op)
{
    const struct operation *shown = NULL;
    for (size_t i = 0; i < record->deletion_count; i++) {
        const struct stored *deletion = record->deletions[i];
        if (!record_saw(record, op, &deletion->operation.dot) ||
            replaced_as_seen(record, op, deletion))
            continue;
        if (shown == NULL || shown_compare(&deletion->operation, shown) < 0)
            shown = &deletion->operation;
    }
    return shown != NULL && shown->deletes == 1;
}

int64_t record_counter_of(const struct record_state *record, int32_t field, struct key_id author,
                          uint32_t epoch)
{
    const struct held_list *list = &record->counters;
    for (size_t i = held_first(list, field); i < list->count && list->at[i].field == field; i++) {
        const struct dot *dot = &list->at[i].by->operation.dot;
        if (author_compare(dot->author, dot->epoch, author, epoch) != 0)
            continue;
        struct mp_reader reader = mp_reader(SPAN(list->at[i].value, list->at[i].value_size));
        return mp_read_int(&reader);
    }
    return 0;
}
