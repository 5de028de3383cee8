/* Fields that nobody writes: they follow from others, in whole numbers, the same at every node. */
#include "schema/record/state.h"

#include "schema/index.h"
#include "schema/type/row.h"

__extension__ typedef __int128 wide;

/* Half away from zero. */
static int64_t rounded(wide sum, wide by)
{
    wide twice = 2 * sum + (sum < 0 ? -by : by);
    return (int64_t)(twice / (2 * by));
}

static bool number_of(const struct record_state *record, const struct record_type *type,
                      const struct field *field, int64_t *number)
{
    struct buffer scratch = {0};
    struct span value = record_shown_value(record, type, field, &scratch);
    struct mp_reader reader = mp_reader_known(value);
    bool shown = value.size > 0;
    if (shown)
        *number = mp_read_int(&reader);
    buffer_free(&scratch);
    return shown;
}

/* The mean of what all of them show; where one shows nothing there is none yet. */
static void put_mean(const struct record_state *record, const struct record_type *type,
                     const struct field *field, struct buffer *out)
{
    const struct derivation *derivation = field->more->derivation;
    wide sum = 0, weights = 0;
    for (size_t i = 0; i < derivation->count; i++) {
        const struct derivation_part *part = &derivation->at[i];
        const struct field *of = type_field(type, part->what);
        int64_t number;
        if (of == NULL || !field_is_number(of->kind) || of->scale != field->scale ||
            of->more->derivation != NULL || !number_of(record, type, of, &number))
            return;
        sum += (wide)number * part->number;
        weights += part->number;
    }
    if (weights > 0 && field_is_number(field->kind))
        mp_write_int(out, rounded(sum, weights));
}

/* The first band that begins at the value or below it. */
static void put_band(const struct record_state *record, const struct record_type *type,
                     const struct field *field, struct buffer *out)
{
    const struct derivation *derivation = field->more->derivation;
    const struct field *of = type_field(type, derivation->of);
    int64_t number;
    if (of == NULL || !field_is_number(of->kind) || field->kind != FIELD_ENUM ||
        !number_of(record, type, of, &number))
        return;
    for (size_t i = 0; i < derivation->count; i++) {
        const struct derivation_part *part = &derivation->at[i];
        if (number >= part->number && part->what >= 0 && part->what < field->choice_count) {
            mp_write_text(out, field->choices[part->what]);
            return;
        }
    }
}

void record_derived(const struct record_state *record, const struct record_type *type,
                    const struct field *field, struct buffer *out)
{
    if (field->more->derivation->of == 0)
        put_mean(record, type, field, out);
    else
        put_band(record, type, field, out);
}
