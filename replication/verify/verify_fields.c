/* Indexes by fields against the records: every record's rows were looked for when it was folded
 * anew; when there are as many rows as that, none is astray. Only else each is asked. */
#include <string.h>

#include "replication/indexes.h"
#include "replication/verify/verify_parts.h"

enum { ROW_BATCH = 256 };

static bool is_here(const struct verify *verify, struct span key)
{
    struct span value;
    return verify->view->get(verify->view->context, TABLE_FIELDS, key, &value) == READ_FOUND;
}

bool verify_record_fields(const struct verify *verify, const struct record_type *type,
                          const struct record_id *id, const struct record_state *state,
                          size_t *count)
{
    struct field_slots slots;
    struct index_rows rows = {0};
    bool all = true;
    if (type->index_count == 0)
        return true;
    field_slots_read(verify->view, type->number, &slots);
    for (size_t i = 0; i < slots.count; i++) {
        if (slots.at[i].state == SLOT_FILLING)
            slots.at[i].state = SLOT_LEAVING; /* they needn't be there yet */
    }
    index_rows_of(verify->view, &slots, type, id, state, &rows);
    for (size_t i = 0; i < rows.count; i++)
        all = all && is_here(verify, span_of_buffer(&rows.keys[i]));
    *count = rows.count;
    index_rows_free(&rows);
    return all;
}

static const struct field_slot *slot_of(struct field_slots *slots, struct span key)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->at[i].number == key.data[2])
            return &slots->at[i];
    }
    return NULL;
}

/* How many rows slots that are whole have; one count, in one snapshot. */
static uint64_t count_rows(struct verify *verify)
{
    struct field_slots slots = {0};
    struct span key, value;
    uint64_t count = 0;
    uint16_t type = 0;
    while (verify_next(verify, TABLE_FIELDS, &key, &value)) {
        if (key.size < FIELD_SLOT_BYTES)
            continue;
        if (slots.count == 0 || read_u16(key.data) != type)
            field_slots_read(verify->view, type = read_u16(verify->from), &slots);
        const struct field_slot *slot = slot_of(&slots, SPAN_OF_ARRAY(verify->from));
        count += slot == NULL || slot->state == SLOT_WHOLE;
    }
    verify->from_size = 0;
    return count;
}

/* Whether a record has this row, by what it shows. */
static bool is_right(struct verify *verify, struct span key, const struct field_slots *slots)
{
    struct field_row row;
    struct record_id id;
    uint16_t number;
    struct index_rows rows = {0};
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    if (schema == NULL || !field_row_parse(key, &row) ||
        !record_key_parse(verify->view, SPAN_OF_ARRAY(row.record), &number, &id))
        return false;
    const struct record_type *type = schema_type(schema, number);
    struct record_state *state = type == NULL ? NULL : verify_state(verify, type, &id, row.record);
    bool right = false;
    if (state != NULL)
        index_rows_of(verify->view, slots, type, &id, state, &rows);
    for (size_t i = 0; i < rows.count; i++)
        right = right || span_equal(span_of_buffer(&rows.keys[i]), key);
    index_rows_free(&rows);
    record_free(state);
    return right;
}

/* Where there is any slot there is one for each index of each type: they are made together. A store
 * of a program that knew no indexes has none. */
static void look_at_slots(struct verify *verify, const struct record_type *type)
{
    struct field_slots slots;
    uint8_t key[2];
    write_u16(key, type->number);
    if (field_slots_read(verify->view, type->number, &slots) == READ_UNREADABLE) {
        verify_say_row(verify, TABLE_FIELDS, "a type's indexes can't be read", SPAN_OF_ARRAY(key));
        return;
    }
    for (size_t i = 0; i < type->index_count && slots.count < FIELD_SLOTS_MAX; i++) {
        if (index_width(type, type->indexes[i]) > 0 &&
            field_slot_of(&slots, index_mark(type, type->indexes[i])) == NULL) {
            verify_say_row(verify, TABLE_FIELDS, "an index of this type is missing",
                           SPAN_OF_ARRAY(key));
            return;
        }
    }
}

static void look_at_types(struct verify *verify)
{
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    uint16_t any = 0;
    if (!field_slots_next(verify->view, &any))
        return;
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++)
        look_at_slots(verify, &schema->types[i]);
}

static void look_at_row(struct verify *verify)
{
    struct field_slots slots;
    struct span key = SPAN(verify->from, verify->from_size - 1);
    if (key.size == 2)
        return; /* slots that can't be read are none, so that all their rows are told */
    field_slots_read(verify->view, read_u16(verify->from), &slots);
    const struct field_slot *slot = key.size < FIELD_SLOT_BYTES ? NULL : slot_of(&slots, key);
    if (slot == NULL)
        verify_say_row(verify, TABLE_FIELDS, "a row of no index", key);
    else if (slot->state != SLOT_LEAVING && !is_right(verify, key, &slots))
        verify_say_row(verify, TABLE_FIELDS, "a record doesn't show what this says of it", key);
}

bool verify_fields(struct verify *verify)
{
    struct span key, value;
    if (verify->from_size == 0) {
        if (!verify->options.trusting)
            look_at_types(verify);
        if (verify->options.trusting || count_rows(verify) == verify->field_rows)
            return false;
    }
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_FIELDS, &key, &value))
            return false;
        look_at_row(verify);
    }
    return true;
}
