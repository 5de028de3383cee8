/* Keys of indexes: values as bytes that sort as they do. */
#include "schema/index.h"

#include <assert.h>
#include <string.h>

#include "schema/record/state.h"
#include "schema/type/row.h"

enum { NOTHING = 0, SOMETHING = 1, ESCAPED = 0xff, WHOLE = 0, CUT = 1 };

static bool has_order(enum field_kind kind)
{
    return kind != FIELD_LIST && kind != FIELD_COUNTER;
}

static size_t width_of(enum field_kind kind)
{
    return field_is_number(kind)   ? INDEX_NUMBER_WIDTH
           : kind == FIELD_BOOLEAN ? 2
                                   : INDEX_TEXT_WIDTH;
}

size_t index_width(const struct record_type *type, const int32_t *fields)
{
    size_t width = 0;
    for (size_t i = 0; fields[i] != 0; i++) {
        const struct field *field = type_field(type, fields[i]);
        if (field == NULL || !has_order(field->kind))
            return 0;
        width += width_of(field->kind);
    }
    return width > INDEX_VALUES_BYTES_MAX ? 0 : width;
}

static void mark_states(const struct workflow *workflow, struct buffer *definition)
{
    for (size_t i = 0; i < workflow->state_count; i++) {
        const struct workflow_state *state = &workflow->states[i];
        mp_write_uint(definition, state->number);
        mp_write_text(definition, state->name);
        mp_write_bool(definition, state->initial);
    }
}

/* What follows from others changes when that does. */
void field_put_derivation(const struct record_type *type, const struct field *field,
                          struct buffer *definition)
{
    const struct derivation *derivation = field->more == NULL ? NULL : field->more->derivation;
    if (derivation == NULL)
        return;
    mp_write_int(definition, derivation->of);
    for (size_t i = 0; i < derivation->count; i++) {
        mp_write_int(definition, derivation->at[i].what);
        mp_write_int(definition, derivation->at[i].number);
    }
    const struct field *of = derivation->of == 0 ? NULL : type_field(type, derivation->of);
    if (of != NULL && of->more->derivation != NULL && of->more->derivation->of == 0)
        field_put_derivation(type, of, definition);
}

uint64_t index_mark(const struct record_type *type, const int32_t *fields)
{
    struct buffer definition = {0};
    for (size_t i = 0; fields[i] != 0; i++) {
        const struct field *field = type_field(type, fields[i]);
        mp_write_int(&definition, fields[i]);
        mp_write_uint(&definition, field == NULL ? FIELD_KIND_COUNT : (uint64_t)field->kind);
        if (type->workflow != NULL && fields[i] == type->workflow->field)
            mark_states(type->workflow, &definition);
        if (field != NULL)
            field_put_derivation(type, field, &definition);
    }
    struct hash hash = hash_of(HASH_BODY, span_of_buffer(&definition));
    buffer_free(&definition);
    return read_u64(hash.bytes);
}

/* False: cut. */
static bool put_text(struct span text, struct buffer *key)
{
    size_t room = INDEX_TEXT_BYTES;
    for (size_t i = 0; i < text.size; i++) {
        size_t needs = text.data[i] == 0 ? 2 : 1;
        if (needs > room) {
            buffer_append(key, (const uint8_t[]){0, CUT}, 2);
            return false;
        }
        room -= needs;
        buffer_append_byte(key, text.data[i]);
        if (needs == 2)
            buffer_append_byte(key, ESCAPED);
    }
    buffer_append(key, (const uint8_t[]){0, WHOLE}, 2);
    return true;
}

static void put_number(int64_t number, struct buffer *key)
{
    uint8_t bytes[8];
    write_u64(bytes, (uint64_t)number ^ (uint64_t)1 << 63);
    buffer_append(key, bytes, sizeof bytes);
}

static struct span text_of(struct mp_reader *reader)
{
    return mp_peek(reader) == MP_BIN ? mp_read_bin(reader) : mp_read_str(reader);
}

bool index_key_encode(const struct field *field, struct span value, struct buffer *key)
{
    struct mp_reader reader = mp_reader_known(value);
    assert(has_order(field->kind));
    if (value.size == 0) {
        buffer_append_byte(key, NOTHING);
        return true;
    }
    buffer_append_byte(key, SOMETHING);
    if (field_is_number(field->kind))
        put_number(mp_read_int(&reader), key);
    else if (field->kind == FIELD_BOOLEAN)
        buffer_append_byte(key, mp_read_bool(&reader) ? 1 : 0);
    else
        return put_text(text_of(&reader), key);
    return true;
}

/* Up to its end; false: it was cut, or has none. */
static bool take_text(struct span *key, struct buffer *text)
{
    size_t at = 0;
    while (at + 1 < key->size && (key->data[at] != 0 || key->data[at + 1] == ESCAPED)) {
        buffer_append_byte(text, key->data[at]);
        at += key->data[at] == 0 ? 2 : 1;
    }
    if (at + 1 >= key->size || key->data[at + 1] != WHOLE)
        return false;
    *key = SPAN(key->data + at + 2, key->size - at - 2);
    return true;
}

static bool decode_text(const struct field *field, struct span *key, struct buffer *out)
{
    bool bytes = field->kind == FIELD_RECORD || field->kind == FIELD_DIGEST;
    struct buffer text = {0};
    bool whole = take_text(key, &text);
    if (whole && bytes)
        mp_write_bin(out, span_of_buffer(&text));
    else if (whole)
        mp_write_str(out, span_of_buffer(&text));
    buffer_free(&text);
    return whole;
}

bool index_key_decode(const struct field *field, struct span *key, struct buffer *out)
{
    enum { NUMBER_BYTES = 8 };
    assert(has_order(field->kind));
    if (key->size == 0 || key->data[0] > SOMETHING)
        return false;
    bool shown = key->data[0] == SOMETHING;
    *key = SPAN(key->data + 1, key->size - 1);
    if (!shown)
        return true;
    if (!field_is_number(field->kind) && field->kind != FIELD_BOOLEAN)
        return decode_text(field, key, out);
    size_t size = field->kind == FIELD_BOOLEAN ? 1 : NUMBER_BYTES;
    if (key->size < size)
        return false;
    if (size == 1)
        mp_write_bool(out, key->data[0] != 0);
    else
        mp_write_int(out, (int64_t)(read_u64(key->data) ^ (uint64_t)1 << 63));
    *key = SPAN(key->data + size, key->size - size);
    return true;
}

int index_value_compare(const struct field *field, struct span a, struct span b)
{
    struct mp_reader reader_a = mp_reader_known(a), reader_b = mp_reader_known(b);
    assert(has_order(field->kind));
    if (field_is_number(field->kind)) {
        int64_t number_a = mp_read_int(&reader_a), number_b = mp_read_int(&reader_b);
        return (number_a > number_b) - (number_a < number_b);
    }
    if (field->kind == FIELD_BOOLEAN)
        return (int)mp_read_bool(&reader_a) - (int)mp_read_bool(&reader_b);
    return span_compare(text_of(&reader_a), text_of(&reader_b));
}

struct span record_shown_value(const struct record_state *record, const struct record_type *type,
                               const struct field *field, struct buffer *scratch)
{
    buffer_clear(scratch);
    if (type->workflow != NULL && type->workflow->field == field->number) {
        const struct workflow_state *state = record_workflow_state(record, type);
        if (state != NULL)
            mp_write_text(scratch, state->name);
        return span_of_buffer(scratch);
    }
    if (field->more != NULL && field->more->derivation != NULL) {
        record_derived(record, type, field, scratch);
        return span_of_buffer(scratch);
    }
    const struct held_list *list = &record->assignments;
    size_t first = held_first(list, field->number);
    if (!has_order(field->kind) || first == list->count || list->at[first].field != field->number)
        return SPAN_EMPTY;
    const struct held *shown = merge_shown(list, first, held_end(list, first), field->merge);
    struct mp_reader reader = mp_reader_known(SPAN(shown->value, shown->value_size));
    return mp_peek(&reader) == MP_NIL ? SPAN_EMPTY : SPAN(shown->value, shown->value_size);
}

void index_key_of_record(const struct record_state *record, const struct record_type *type,
                         const int32_t *fields, struct buffer *key)
{
    struct buffer scratch = {0};
    for (size_t i = 0; fields[i] != 0; i++) {
        const struct field *field = type_field(type, fields[i]);
        assert(field != NULL); /* index_width said so */
        index_key_encode(field, record_shown_value(record, type, field, &scratch), key);
    }
    buffer_free(&scratch);
}
