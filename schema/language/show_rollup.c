/* Roll-ups as the YAML that people write. */
#include <stdio.h>

#include "schema/language/show.h"
#include "schema/rollup.h"

static void put_value(struct buffer *out, const struct field *field, struct span value)
{
    struct buffer told = {0};
    schema_tell_value(field, value, &told);
    struct mp_reader reader = mp_reader_known(span_of_buffer(&told));
    show_value(out, &reader);
    buffer_free(&told);
}

static void put_conditions(struct buffer *out, const char *key, const struct record_type *type,
                           const struct rollup_condition *conditions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rollup_condition *condition = &conditions[i];
        if (i == 0)
            show_put(out, ", %s: {", key);
        else
            show_put(out, ", ");
        if (condition->test == TEST_FIELD) {
            const struct field *field = type_field(type, condition->field);
            show_put(out, "%s: [", field->name);
            for (size_t j = 0; j < condition->value_count; j++) {
                show_put(out, "%s", j > 0 ? ", " : "");
                put_value(out, field, condition->values[j]);
            }
            show_put(out, "]");
        } else {
            show_put(out, "%s: %s", condition->test == TEST_CLOSED ? "_closed" : "_overdue",
                     condition->is ? "true" : "false");
        }
    }
    if (count > 0)
        show_put(out, "}");
}

static void put_rollup(struct buffer *out, const struct record_type *type,
                       const struct rollup *rollup)
{
    show_put(out, "      %s: {number: %u, kind: %s", rollup->name, rollup->number,
             rollup_kind_name(rollup->kind));
    if (rollup->field != 0)
        show_put(out, ", of: %s", type_field(type, rollup->field)->name);
    if (rollup->limit != 0)
        show_put(out, ", limit: %u", rollup->limit);
    put_conditions(out, "where", type, rollup->where, rollup->where_count);
    put_conditions(out, "part", type, rollup->part, rollup->part_count);
    for (size_t i = 0; i < rollup->by_count; i++)
        show_put(out, "%s%s", i == 0 ? ", by: [" : ", ", type_field(type, rollup->by[i])->name);
    if (rollup->by_count > 0)
        show_put(out, "]");
    if (rollup->period != PERIOD_NONE)
        show_put(out, ", period: %s", rollup_period_name(rollup->period));
    if (rollup->at != 0)
        show_put(out, ", at: %s", type_field(type, rollup->at)->name);
    if (rollup->offset != 0)
        show_put(out, ", offset: %d", rollup->offset);
    if (rollup->ended)
        show_put(out, ", ended: true");
    show_labels(out, &rollup->labels, ", ", "");
    show_put(out, "}\n");
}

void show_rollups(struct buffer *out, const struct record_type *type)
{
    for (size_t i = 0; i < type->rollup_count; i++) {
        if (i == 0)
            show_put(out, "    rollups:\n");
        put_rollup(out, type, &type->rollups[i]);
    }
}
