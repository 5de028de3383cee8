/* Indexes by fields.
 *
 * A record's rows follow from what it shows, so they are taken out by what it showed before and put
 * in by what it shows then, wherever it is folded. A new index is filled by a walk over the type's
 * records, a piece a batch, while every record that changes is put in at once: a row that is put
 * twice is one row. What the types no longer name is emptied the same way. */
#include "replication/indexes.h"

#include <assert.h>
#include <string.h>

enum { FILLED_A_BATCH = 256, EMPTIED_A_BATCH = 1024 };

void index_rows_free(struct index_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        buffer_free(&rows->keys[i]);
    rows->count = 0;
}

static bool has_row(const struct index_rows *rows, struct span key)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (span_equal(span_of_buffer(&rows->keys[i]), key))
            return true;
    }
    return false;
}

void index_rows_of(const struct view *view, const struct field_slots *slots,
                   const struct record_type *type, const struct record_id *id,
                   const struct record_state *record, struct index_rows *rows)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct field_slots held = *slots;
    const struct operation *creation = record == NULL ? NULL : record_creation(record, id);
    struct buffer values = {0}, row = {0};
    if (creation == NULL || !record_stands(record) || record_deleted(record) ||
        !record_key(view, type->number, id, key))
        return;
    for (size_t i = 0; i < type->index_count && rows->count < INDEX_ROWS_MAX; i++) {
        const int32_t *fields = type->indexes[i];
        const struct field_slot *slot =
            index_width(type, fields) == 0 ? NULL : field_slot_of(&held, index_mark(type, fields));
        if (slot == NULL)
            continue;
        buffer_clear(&values);
        index_key_of_record(record, type, fields, &values);
        field_row_key(key, creation->clock, slot->number, span_of_buffer(&values), &row);
        if (!has_row(rows, span_of_buffer(&row)))
            buffer_append_span(&rows->keys[rows->count++], span_of_buffer(&row));
    }
    buffer_free(&values);
    buffer_free(&row);
}

static void indexes_look(struct step *step);

static void rows_now(struct step *step, const struct record_type *type, const struct record_id *id,
                     const struct record_state *record, struct index_rows *rows)
{
    struct field_slots slots;
    if (step->replica->indexes_version != tree_schema(step->replica->tree)->version)
        indexes_look(step);
    if (type->index_count == 0 || record == NULL)
        return;
    field_slots_read(step->view, type->number, &slots);
    index_rows_of(step->view, &slots, type, id, record, rows);
}

void indexes_note(struct step *step, const struct record_type *type, const struct record_id *id,
                  const struct record_state *record, struct index_rows *before)
{
    rows_now(step, type, id, record, before);
}

void indexes_put(struct step *step, const struct record_type *type, const struct record_id *id,
                 const struct record_state *record, const struct located_entry *made,
                 struct index_rows *before)
{
    struct index_rows now = {0};
    struct record_state *creation = NULL;
    if (record == NULL && made != NULL && type->index_count > 0)
        record = creation = record_from_entry(step->replica->tree, type, id, made);
    rows_now(step, type, id, record, &now);
    record_free(creation);
    for (size_t i = 0; i < before->count; i++) {
        struct span key = span_of_buffer(&before->keys[i]);
        if (!has_row(&now, key))
            updates_remove(step->updates, TABLE_FIELDS, key);
    }
    for (size_t i = 0; i < now.count; i++) {
        struct span key = span_of_buffer(&now.keys[i]);
        if (!has_row(before, key))
            updates_put(step->updates, TABLE_FIELDS, key, SPAN_EMPTY);
    }
    index_rows_free(&now);
    index_rows_free(before);
}

/* ---- slots ---- */

static bool is_named(const struct record_type *type, uint64_t mark)
{
    for (size_t i = 0; type != NULL && i < type->index_count; i++) {
        if (index_width(type, type->indexes[i]) > 0 && index_mark(type, type->indexes[i]) == mark)
            return true;
    }
    return false;
}

/* The lowest number that no slot has; 0: all are taken. */
static uint8_t free_number(const struct field_slots *slots)
{
    for (unsigned number = 1; number <= UINT8_MAX && slots->count < FIELD_SLOTS_MAX; number++) {
        bool taken = false;
        for (size_t i = 0; i < slots->count; i++)
            taken = taken || slots->at[i].number == number;
        if (!taken)
            return (uint8_t)number;
    }
    return 0;
}

/* Slots of a type as its definition wants them. Where there is no room for another now, the next
 * start of the node, or the next version of the types, makes it. */
static void put_in_order(struct step *step, uint16_t number, const struct record_type *type)
{
    struct field_slots slots;
    bool changed = false;
    field_slots_read(step->view, number, &slots);
    for (size_t i = 0; i < slots.count; i++) {
        struct field_slot *slot = &slots.at[i];
        if (slot->state != SLOT_LEAVING && !is_named(type, slot->mark)) {
            slot->state = SLOT_LEAVING;
            changed = true;
        }
    }
    for (size_t i = 0; type != NULL && i < type->index_count; i++) {
        uint64_t mark = index_mark(type, type->indexes[i]);
        uint8_t free = free_number(&slots);
        if (index_width(type, type->indexes[i]) == 0 || field_slot_of(&slots, mark) != NULL ||
            free == 0)
            continue;
        slots.at[slots.count++] =
            (struct field_slot){.number = free, .state = SLOT_FILLING, .mark = mark};
        changed = true;
    }
    if (changed)
        field_slots_write(step->updates, number, &slots);
}

static void indexes_look(struct step *step)
{
    struct replica *replica = step->replica;
    const struct schema *schema = tree_schema(replica->tree);
    for (uint16_t number = 0; field_slots_next(step->view, &number);)
        put_in_order(step, number, schema_type(schema, number));
    for (size_t i = 0; i < schema->type_count; i++) {
        if (schema->types[i].index_count > 0)
            put_in_order(step, schema->types[i].number, &schema->types[i]);
    }
    replica->indexes_version = schema->version;
    replica->indexes_due = true;
}

/* ---- filling and emptying ---- */

/* The next record of the slot's type behind its place. */
static bool next_record(struct step *step, uint16_t type, struct field_slot *slot)
{
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    struct span key, value;
    memcpy(from, slot->place, RECORD_KEY_BYTES);
    write_u16(from, type);
    if (step->view->next(step->view->context, TABLE_RECORDS, SPAN_OF_ARRAY(from), &key, &value) !=
            READ_FOUND ||
        key.size != RECORD_KEY_BYTES || read_u16(key.data) != type)
        return false;
    memcpy(slot->place, key.data, RECORD_KEY_BYTES);
    return true;
}

static void fill_one(struct step *step, const struct record_type *type,
                     const struct field_slots *slots, const struct field_slot *slot)
{
    uint16_t number;
    struct record_id id;
    struct index_rows rows = {0};
    if (!record_key_parse(step->view, SPAN_OF_ARRAY(slot->place), &number, &id))
        return;
    struct record_state *record = load_record(step, type, &id);
    if (record != NULL)
        index_rows_of(step->view, slots, type, &id, record, &rows);
    for (size_t i = 0; i < rows.count; i++)
        updates_put(step->updates, TABLE_FIELDS, span_of_buffer(&rows.keys[i]), SPAN_EMPTY);
    index_rows_free(&rows);
    record_free(record);
}

static void fill(struct step *step, const struct record_type *type, struct field_slot *slot)
{
    struct field_slots alone = {.count = 1};
    bool more = true;
    for (unsigned i = 0; more && i < FILLED_A_BATCH; i++) {
        more = next_record(step, type->number, slot);
        alone.at[0] = *slot;
        if (more)
            fill_one(step, type, &alone, slot);
    }
    if (!more)
        slot->state = SLOT_WHOLE;
}

/* True: nothing is left of it. */
static bool empty(struct step *step, uint16_t type, const struct field_slot *slot)
{
    uint8_t prefix[FIELD_SLOT_BYTES], found[STORE_KEY_BYTES_MAX];
    struct span key, value;
    write_u16(prefix, type);
    prefix[2] = slot->number;
    for (unsigned i = 0; i < EMPTIED_A_BATCH; i++) {
        if (step->view->next(step->view->context, TABLE_FIELDS, SPAN_OF_ARRAY(prefix), &key,
                             &value) != READ_FOUND ||
            key.size < sizeof prefix || memcmp(key.data, prefix, sizeof prefix) != 0)
            return true;
        memcpy(found, key.data, key.size);
        updates_remove(step->updates, TABLE_FIELDS, SPAN(found, key.size));
    }
    return false;
}

/* One slot of a type, a bounded piece; false: none is to be worked at. */
static bool work_at(struct step *step, uint16_t number)
{
    const struct record_type *type = schema_type(tree_schema(step->replica->tree), number);
    struct field_slots slots;
    field_slots_read(step->view, number, &slots);
    for (size_t i = 0; i < slots.count; i++) {
        struct field_slot *slot = &slots.at[i];
        if (slot->state == SLOT_WHOLE)
            continue;
        if (slot->state == SLOT_FILLING && type != NULL) {
            fill(step, type, slot);
        } else if (empty(step, number, slot)) {
            slots.count--;
            memmove(slot, slot + 1, (slots.count - i) * sizeof *slot);
        }
        field_slots_write(step->updates, number, &slots);
        return true;
    }
    return false;
}

void indexes_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct schema *schema = tree_schema(replica->tree);
    if (schema == NULL)
        return;
    if (replica->indexes_version != schema->version)
        indexes_look(step);
    if (!replica->indexes_due)
        return;
    bool worked = false;
    for (uint16_t number = 0; !worked && field_slots_next(step->view, &number);)
        worked = work_at(step, number);
    replica->indexes_due = worked;
    if (worked)
        replica->deadline_tick = step->tick_ms;
}
