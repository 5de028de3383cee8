/* What one record gives to a roll-up. */
#include "schema/rollup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "schema/index.h"
#include "schema/record/state.h"
#include "schema/type/row.h"
#include "schema/type/text_value.h"

enum { MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * MINUTE_MS };

/* ---- periods ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && a < 0 ? 1 : 0);
}

/* The civil date of a day since 1970, and back: the years of four centuries begin in March (H.
 * Hinnant, chrono-Compatible Low-Level Date Algorithms). */
static void civil_of(int64_t days, int64_t *year, unsigned *month)
{
    int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
    int64_t day = shifted - era * 146097;
    int64_t in_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * in_era + in_era / 4 - in_era / 100);
    unsigned from_march = (unsigned)((5 * of_year + 2) / 153);
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = in_era + era * 400 + (*month <= 2 ? 1 : 0);
}

static int64_t first_day_of(int64_t year, unsigned month)
{
    int64_t shifted = year - (month <= 2 ? 1 : 0), era = floor_div(shifted, 400);
    int64_t in_era = shifted - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719468;
}

static int32_t period_of_day(enum rollup_period period, int64_t days)
{
    int64_t year;
    unsigned month;
    if (days <= -DATE_DAYS_BOUND || days >= DATE_DAYS_BOUND)
        return PERIOD_UNKNOWN;
    civil_of(days, &year, &month);
    switch (period) {
    case PERIOD_DAY: return (int32_t)days;
    case PERIOD_MONTH: return (int32_t)((year - 1970) * 12 + month - 1);
    case PERIOD_YEAR: return (int32_t)year;
    case PERIOD_NONE:
    case PERIOD_COUNT: break;
    }
    return 0;
}

int32_t rollup_period_of(const struct rollup *rollup, int64_t ms)
{
    int64_t local = ms + (int64_t)rollup->offset * MINUTE_MS;
    return period_of_day(rollup->period, floor_div(local, DAY_MS));
}

static int64_t period_first_day(enum rollup_period period, int64_t number)
{
    if (period == PERIOD_MONTH)
        return first_day_of(1970 + floor_div(number, 12),
                            (unsigned)(number - floor_div(number, 12) * 12) + 1);
    return period == PERIOD_YEAR ? first_day_of(number, 1) : number;
}

int64_t rollup_period_end_ms(const struct rollup *rollup, int32_t period)
{
    if (rollup->period == PERIOD_NONE || period == PERIOD_UNKNOWN)
        return INT64_MAX;
    return period_first_day(rollup->period, (int64_t)period + 1) * DAY_MS -
           (int64_t)rollup->offset * MINUTE_MS;
}

void rollup_period_text(const struct rollup *rollup, int32_t period, char to[static 32])
{
    if (period == PERIOD_UNKNOWN || rollup->period == PERIOD_NONE) {
        memcpy(to, "-", 2);
        return;
    }
    schema_text_of_date(period_first_day(rollup->period, period), to);
    size_t size = strlen(to), cut = rollup->period == PERIOD_MONTH  ? 3
                                    : rollup->period == PERIOD_YEAR ? 6
                                                                    : 0;
    assert(size > cut);
    to[size - cut] = 0;
}

/* ---- values ---- */

/* What the field shows of the record: one encoded value, appended. False: nothing. */
static bool shown_value(const struct record_type *type, const struct record_state *record,
                        int32_t number, struct buffer *out)
{
    const struct field *field = type_field(type, number);
    if (field == NULL)
        return false;
    if (type->workflow != NULL && type->workflow->field == number) {
        const struct workflow_state *state = record_workflow_state(record, type);
        if (state != NULL)
            mp_write_text(out, state->name);
        return state != NULL;
    }
    if (field->more->derivation != NULL) {
        size_t before = out->size;
        record_derived(record, type, field, out);
        return out->size > before;
    }
    if (field->kind == FIELD_COUNTER)
        return record_counter_total(record, number, out);
    const struct held_list *list = &record->assignments;
    size_t first = held_first(list, number);
    if (first == list->count || list->at[first].field != number)
        return false;
    const struct held *shown = merge_shown(list, first, held_end(list, first), field->merge);
    struct mp_reader reader = mp_reader_known(SPAN(shown->value, shown->value_size));
    if (mp_peek(&reader) == MP_NIL)
        return false; /* it is erased */
    buffer_append(out, shown->value, shown->value_size);
    return true;
}

static bool shown_integer(const struct record_type *type, const struct record_state *record,
                          int32_t number, int64_t *value)
{
    struct buffer shown = {0};
    bool there = shown_value(type, record, number, &shown);
    if (there) {
        struct mp_reader reader = mp_reader_known(span_of_buffer(&shown));
        *value = mp_read_int(&reader);
        there = !reader.failed;
    }
    buffer_free(&shown);
    return there;
}

/* A boolean that nobody has set is false. */
static bool field_holds(const struct rollup_condition *condition, const struct record_type *type,
                        const struct record_state *record)
{
    const struct field *field = type_field(type, condition->field);
    struct buffer shown = {0};
    bool holds = false;
    if (!shown_value(type, record, condition->field, &shown) && field != NULL &&
        field->kind == FIELD_BOOLEAN)
        mp_write_bool(&shown, false);
    for (size_t i = 0; !holds && i < condition->value_count; i++)
        holds = span_equal(span_of_buffer(&shown), condition->values[i]);
    buffer_free(&shown);
    return holds;
}

static bool all_hold(const struct rollup_condition *conditions, size_t count,
                     const struct record_type *type, const struct record_state *record,
                     bool overdue)
{
    bool hold = true;
    for (size_t i = 0; hold && i < count; i++) {
        const struct rollup_condition *condition = &conditions[i];
        switch (condition->test) {
        case TEST_FIELD: hold = field_holds(condition, type, record); break;
        case TEST_CLOSED: hold = record_closed(record, type) == condition->is; break;
        case TEST_OVERDUE: hold = overdue == condition->is; break;
        case TEST_COUNT: hold = false; break;
        }
    }
    return hold;
}

/* ---- a share ---- */

static int32_t share_period(const struct rollup *rollup, const struct record_type *type,
                            const struct record_state *record, uint64_t created_ms)
{
    int64_t value = (int64_t)created_ms;
    if (rollup->period == PERIOD_NONE)
        return 0;
    if (rollup->at != 0 && !shown_integer(type, record, rollup->at, &value))
        return PERIOD_UNKNOWN;
    const struct field *field = rollup->at == 0 ? NULL : type_field(type, rollup->at);
    return field != NULL && field->kind == FIELD_DATE ? period_of_day(rollup->period, value)
                                                      : rollup_period_of(rollup, value);
}

static void share_group(const struct rollup *rollup, const struct record_type *type,
                        const struct record_state *record, struct rollup_share *share)
{
    for (size_t i = 0; i < rollup->by_count; i++) {
        if (!shown_value(type, record, rollup->by[i], &share->group))
            mp_write_nil(&share->group);
    }
    share->group_count = (uint32_t)rollup->by_count;
}

/* Eight bytes whose order is that of the numbers. */
static void write_ordered(int64_t value, struct buffer *out)
{
    uint8_t bytes[8];
    write_u64(bytes, (uint64_t)value ^ (uint64_t)1 << 63);
    mp_write_bin(out, SPAN_OF_ARRAY(bytes));
}

/* A long text counts by its hash. */
static bool share_distinct(const struct rollup *rollup, const struct record_type *type,
                           const struct record_state *record, struct rollup_share *share)
{
    struct buffer shown = {0};
    bool there = shown_value(type, record, rollup->field, &shown);
    if (there && shown.size > ROLLUP_TEXT_MAX) {
        struct hash hash = hash_of(HASH_CELLS, span_of_buffer(&shown));
        mp_write_bin(&share->value, SPAN(hash.bytes, 16));
    } else if (there) {
        buffer_append_span(&share->value, span_of_buffer(&shown));
    }
    buffer_free(&shown);
    return there;
}

static bool share_values(const struct rollup *rollup, const struct record_type *type,
                         const struct record_state *record, bool overdue,
                         struct rollup_share *share)
{
    share->value_count = 1;
    switch (rollup->kind) {
    case ROLL_COUNT: share->values[0] = 1; return true;
    case ROLL_SUM: return shown_integer(type, record, rollup->field, &share->values[0]);
    case ROLL_AVERAGE:
        share->value_count = 2;
        share->values[1] = 1;
        return shown_integer(type, record, rollup->field, &share->values[0]);
    case ROLL_RATIO:
        share->value_count = 2;
        share->values[0] = all_hold(rollup->part, rollup->part_count, type, record, overdue);
        share->values[1] = 1;
        return true;
    case ROLL_MIN:
    case ROLL_MAX:
        if (!shown_integer(type, record, rollup->field, &share->values[0]))
            return false;
        write_ordered(share->values[0], &share->value);
        return true;
    case ROLL_DISTINCT: return share_distinct(rollup, type, record, share);
    case ROLL_KIND_COUNT: break;
    }
    return false;
}

void rollup_share(const struct rollup *rollup, const struct record_type *type,
                  const struct record_state *record, uint64_t created_ms, bool overdue,
                  struct rollup_share *share)
{
    *share = (struct rollup_share){0};
    if (!all_hold(rollup->where, rollup->where_count, type, record, overdue) ||
        !share_values(rollup, type, record, overdue, share)) {
        rollup_share_free(share);
        return;
    }
    share->there = true;
    share->period = share_period(rollup, type, record, created_ms);
    share_group(rollup, type, record, share);
}

void rollup_share_free(struct rollup_share *share)
{
    buffer_free(&share->group);
    buffer_free(&share->value);
    *share = (struct rollup_share){0};
}

bool rollup_share_equal(const struct rollup_share *a, const struct rollup_share *b)
{
    if (!a->there || !b->there)
        return a->there == b->there;
    bool same = a->period == b->period && a->value_count == b->value_count &&
                span_equal(span_of_buffer(&a->group), span_of_buffer(&b->group)) &&
                span_equal(span_of_buffer(&a->value), span_of_buffer(&b->value));
    for (size_t i = 0; same && i < a->value_count; i++)
        same = a->values[i] == b->values[i];
    return same;
}
