/* The roll-ups of a type, from its row; their names, and what they hang on. */
#include <stdlib.h>
#include <string.h>

#include "schema/rollup.h"
#include "schema/type/row_read.h"

static const char *const kinds[] = {"count", "sum", "min", "max", "average", "ratio", "distinct"};
static const char *const periods[] = {"none", "day", "month", "year"};
_Static_assert(sizeof kinds / sizeof kinds[0] == ROLL_KIND_COUNT, "each has a name");
_Static_assert(sizeof periods / sizeof periods[0] == PERIOD_COUNT, "each has a name");

const char *rollup_kind_name(unsigned kind)
{
    return kind < ROLL_KIND_COUNT ? kinds[kind] : "?";
}

const char *rollup_period_name(unsigned period)
{
    return period < PERIOD_COUNT ? periods[period] : "?";
}

/* ---- rows ---- */

/* What this program doesn't know of a roll-up leaves out that one alone: its cells are passed on.
 */
struct rollup_reader {
    struct row_reader *row;
    const struct record_type *type;
    bool strange;
};

static int32_t read_field(struct rollup_reader *reader)
{
    int32_t number = (int32_t)mp_read_uint_max(&reader->row->mp, FIELD_NUMBER_MAX);
    if (number != 0 && type_field(reader->type, number) == NULL)
        reader->strange = true;
    return number;
}

static void read_values(struct rollup_reader *reader, struct rollup_condition *condition)
{
    struct mp_reader *mp = &reader->row->mp;
    uint32_t count = mp_read_array(mp);
    if (condition->test != TEST_FIELD) {
        condition->is = count == 1 && mp_read_bool(mp);
        return;
    }
    if (count > ROLLUP_VALUES_MAX) {
        row_fault(reader->row, "a roll-up's condition has too many values");
        return;
    }
    condition->values = schema_alloc(reader->row->memory, count * sizeof condition->values[0]);
    condition->value_count = count;
    for (uint32_t i = 0; i < count && !mp->failed; i++) {
        struct span value = mp_read_any(mp);
        uint8_t *copy = schema_alloc(reader->row->memory, value.size);
        if (value.size > 0)
            memcpy(copy, value.data, value.size);
        condition->values[i] = SPAN(copy, value.size);
    }
}

static size_t read_conditions(struct rollup_reader *reader, struct rollup_condition **conditions)
{
    struct mp_reader *mp = &reader->row->mp;
    uint32_t count = mp_read_array(mp);
    if (count > ROLLUP_CONDITIONS_MAX) {
        row_fault(reader->row, "a roll-up has too many conditions");
        return 0;
    }
    *conditions = schema_alloc(reader->row->memory, count * sizeof **conditions);
    for (uint32_t i = 0; i < count && !mp->failed; i++) {
        struct rollup_condition *condition = &(*conditions)[i];
        if (mp_read_array(mp) != 3)
            row_fault(reader->row, "a roll-up's condition isn't a test, a field and values");
        uint64_t test = mp_read_uint(mp);
        reader->strange = reader->strange || test >= TEST_COUNT;
        condition->test = test < TEST_COUNT ? (enum rollup_test)test : TEST_FIELD;
        condition->field = read_field(reader);
        read_values(reader, condition);
    }
    return count;
}

static void read_groups(struct rollup_reader *reader, struct rollup *rollup)
{
    struct mp_reader *mp = &reader->row->mp;
    uint32_t by = mp_read_array(mp);
    if (by > ROLLUP_BY_MAX) {
        row_fault(reader->row, "a roll-up has too many groups");
        return;
    }
    for (rollup->by_count = 0; rollup->by_count < by && !mp->failed; rollup->by_count++)
        rollup->by[rollup->by_count] = read_field(reader);
    if (mp_read_array(mp) != 3)
        row_fault(reader->row, "a roll-up's period isn't a unit, a field and an offset");
    uint64_t period = mp_read_uint(mp);
    reader->strange = reader->strange || period >= PERIOD_COUNT;
    rollup->period = period < PERIOD_COUNT ? (enum rollup_period)period : PERIOD_NONE;
    rollup->at = read_field(reader);
    int64_t offset = mp_read_int(mp);
    if (offset < -14 * 60 || offset > 14 * 60)
        row_fault(reader->row, "a roll-up's offset is more than 14 hours");
    else
        rollup->offset = (int16_t)offset;
}

static void read_rollup(struct rollup_reader *reader, struct rollup *rollup)
{
    struct mp_reader *mp = &reader->row->mp;
    *rollup = (struct rollup){0};
    reader->strange = false;
    uint32_t parts = mp_read_array(mp);
    if (parts < ROLLUP_ROW_PARTS) {
        row_fault(reader->row, "a roll-up has fewer parts than it must");
        return;
    }
    rollup->number = (uint16_t)mp_read_uint_max(mp, UINT16_MAX);
    rollup->name = row_name(reader->row);
    uint64_t kind = mp_read_uint(mp);
    rollup->kind = kind < ROLL_KIND_COUNT ? (enum rollup_kind)kind : ROLL_COUNT;
    rollup->field = read_field(reader);
    rollup->where_count = read_conditions(reader, &rollup->where);
    rollup->part_count = read_conditions(reader, &rollup->part);
    read_groups(reader, rollup);
    rollup->limit = (uint16_t)mp_read_uint_max(mp, UINT16_MAX);
    uint64_t flags = mp_read_uint(mp);
    rollup->ended = (flags & ROLLUP_FLAG_ENDED) != 0;
    row_labels(reader->row, &rollup->labels);
    for (uint32_t i = ROLLUP_ROW_PARTS; i < parts && !mp->failed; i++)
        mp_read_any(mp);
    reader->strange = reader->strange || kind >= ROLL_KIND_COUNT || flags > ROLLUP_FLAG_ALL ||
                      parts > ROLLUP_ROW_PARTS || rollup->number > ROLLUP_NUMBER_MAX;
    bool of_field = kind != ROLL_COUNT && kind != ROLL_RATIO;
    if (!mp->failed && !reader->strange &&
        (rollup->number < ROLLUP_NUMBER_MIN || of_field != (rollup->field != 0) ||
         (kind == ROLL_DISTINCT) != (rollup->limit != 0) || rollup->limit > ROLLUP_DISTINCT_MAX))
        row_fault(reader->row, "a roll-up has a number below 16, or not what its kind needs");
}

void row_tallies(struct row_reader *reader, struct record_type *type)
{
    struct rollup_reader rollups = {.row = reader, .type = type};
    uint32_t count = mp_read_array(&reader->mp);
    uint16_t last = 0;
    if (count > ROLLUPS_MAX) {
        row_fault(reader, "a type has too many roll-ups");
        return;
    }
    type->rollups = schema_alloc(reader->memory, count * sizeof type->rollups[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct rollup *rollup = &type->rollups[type->rollup_count];
        read_rollup(&rollups, rollup);
        if (!reader->mp.failed && rollup->number <= last)
            row_fault(reader, "the roll-ups are not in the order of their numbers");
        last = rollup->number;
        type->rollup_count += reader->mp.failed || rollups.strange ? 0 : 1;
    }
}

/* ---- finding ---- */

const struct rollup *schema_rollup(const struct schema *schema, uint16_t number,
                                   const struct record_type **type)
{
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *one = &schema->types[i];
        for (size_t j = 0; j < one->rollup_count; j++) {
            if (one->rollups[j].number != number)
                continue;
            if (type != NULL)
                *type = one;
            return &one->rollups[j];
        }
    }
    return NULL;
}

const struct rollup *schema_rollup_named(const struct schema *schema, struct span name,
                                         const struct record_type **type)
{
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *one = &schema->types[i];
        for (size_t j = 0; j < one->rollup_count; j++) {
            if (!span_equal(span_of_text(one->rollups[j].name), name))
                continue;
            *type = one;
            return &one->rollups[j];
        }
    }
    return NULL;
}

static bool asks(const struct rollup *rollup, enum rollup_test test)
{
    for (size_t i = 0; i < rollup->where_count; i++) {
        if (rollup->where[i].test == test)
            return true;
    }
    for (size_t i = 0; i < rollup->part_count; i++) {
        if (rollup->part[i].test == test)
            return true;
    }
    return false;
}

bool rollup_is_timed(const struct rollup *rollup)
{
    return asks(rollup, TEST_OVERDUE);
}
