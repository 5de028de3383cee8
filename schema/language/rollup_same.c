/* What two roll-ups have in common. */
#include <string.h>

#include "schema/index.h"
#include "schema/language/write.h"
#include "schema/rollup.h"

static void write_meaning(const struct rollup *rollup, struct buffer *row)
{
    struct rollup plain = *rollup;
    plain.name = "";
    plain.ended = false;
    rollup_row_write(&plain, row);
}

bool rollup_same(const struct rollup *a, const struct rollup *b)
{
    struct buffer a_row = {0}, b_row = {0};
    write_meaning(a, &a_row);
    write_meaning(b, &b_row);
    bool same = span_equal(span_of_buffer(&a_row), span_of_buffer(&b_row));
    buffer_free(&a_row);
    buffer_free(&b_row);
    return same;
}

static void put_derived(const struct record_type *type, int32_t number, struct buffer *meaning)
{
    const struct field *field = number == 0 ? NULL : type_field(type, number);
    if (field != NULL && field->more != NULL)
        field_put_derivation(type, field, meaning);
}

static void put_conditions(const struct record_type *type,
                           const struct rollup_condition *conditions, size_t count,
                           struct buffer *meaning)
{
    for (size_t i = 0; i < count; i++)
        put_derived(type, conditions[i].test == TEST_FIELD ? conditions[i].field : 0, meaning);
}

/* What it asks of fields that nobody writes changes when what they follow from does. */
static void put_derivations(const struct rollup *rollup, const struct record_type *type,
                            struct buffer *meaning)
{
    put_derived(type, rollup->field, meaning);
    put_conditions(type, rollup->where, rollup->where_count, meaning);
    put_conditions(type, rollup->part, rollup->part_count, meaning);
    for (size_t i = 0; i < rollup->by_count; i++)
        put_derived(type, rollup->by[i], meaning);
    put_derived(type, rollup->at, meaning);
}

int64_t rollup_fingerprint(const struct rollup *rollup, const struct record_type *type)
{
    struct buffer meaning = {0};
    bool asks_closed = false;
    write_meaning(rollup, &meaning);
    for (size_t i = 0; i < rollup->where_count; i++)
        asks_closed = asks_closed || rollup->where[i].test == TEST_CLOSED;
    for (size_t i = 0; i < rollup->part_count; i++)
        asks_closed = asks_closed || rollup->part[i].test == TEST_CLOSED;
    mp_write_uint(&meaning, type->number);
    put_derivations(rollup, type, &meaning);
    for (size_t i = 0; asks_closed && type->workflow != NULL && i < type->workflow->state_count;
         i++) {
        if (type->workflow->states[i].closed)
            mp_write_uint(&meaning, type->workflow->states[i].number);
    }
    if (asks_closed && type->workflow == NULL) {
        mp_write_int(&meaning, type->closed_by);
        mp_write_text(&meaning, type->closed_choice == NULL ? "" : type->closed_choice);
    }
    struct hash hash = hash_of(HASH_CELLS, span_of_buffer(&meaning));
    buffer_free(&meaning);
    return (int64_t)(read_u64(hash.bytes) >> 1);
}
