#include "schema/calendar.h"

#include <assert.h>
#include <string.h>

#include "schema/type/text_value.h"

enum { WEEK = 7, WORKED_USUALLY = 0x1f, MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };
enum { THURSDAY = 3 }; /* was the first day of 1970 */
static const int64_t day_ms = 24 * (int64_t)HOUR_MS;

void calendar_usual(struct calendar *calendar, int32_t year)
{
    *calendar = (struct calendar){.year = year, .weekdays = WORKED_USUALLY};
}

/* The first day of a year, since 1970; in the calendar that all dates are of, also those before it
 * came into use (proleptic Gregorian). */
static int64_t first_day_of(int64_t year)
{
    int64_t past = year - 1;
    return 365 * (year - 1970) + (past / 4 - past / 100 + past / 400) -
           (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int64_t year_of(int64_t day)
{
    int64_t year = 1970 + day / 366;
    while (first_day_of(year + 1) <= day)
        year++;
    return year;
}

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0 ? 1 : 0);
}

/* ---- from a record ---- */

/* The days of a date or a span that are in the year. */
static void add_days(uint8_t set[static DAY_SET_BYTES], int32_t year, struct span text)
{
    enum { DATE_BYTES = 10 };
    int64_t first, last, begin = first_day_of(year), end = first_day_of(year + 1);
    bool span = text.size == 2 * DATE_BYTES + 2 && text.data[DATE_BYTES] == '.' &&
                text.data[DATE_BYTES + 1] == '.';
    if ((!span && text.size != DATE_BYTES) ||
        !schema_date_of_text(SPAN(text.data, DATE_BYTES), &first) ||
        !schema_date_of_text(SPAN(text.data + text.size - DATE_BYTES, DATE_BYTES), &last))
        return;
    for (int64_t day = first < begin ? begin : first; day <= last && day < end; day++)
        set[(day - begin) / 8] |= (uint8_t)(1 << (day - begin) % 8);
}

static void add_list(uint8_t set[static DAY_SET_BYTES], int32_t year, struct mp_reader *reader)
{
    for (uint32_t i = mp_read_array(reader); i > 0 && !reader->failed; i--)
        add_days(set, year, mp_read_str(reader));
}

static uint8_t weekdays_of(struct span text)
{
    uint8_t set = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= '1' && text.data[i] < '1' + WEEK)
            set |= (uint8_t)(1 << (text.data[i] - '1'));
    }
    return set;
}

/* The shown value of a field, by its number, in what record_describe wrote. */
static struct mp_reader value_of(struct span described, const struct record_type *type,
                                 int32_t number)
{
    const struct field *field = type_field(type, number);
    struct mp_reader reader = mp_reader(described);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    struct mp_reader nothing = mp_reader(SPAN_EMPTY);
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        bool fields = span_equal(mp_read_str(&reader), span_of_text("fields"));
        if (!fields) {
            mp_read_any(&reader);
            continue;
        }
        for (uint32_t i = mp_read_map(&reader); i > 0 && !reader.failed; i--) {
            struct span name = mp_read_str(&reader);
            if (field != NULL && span_equal(name, span_of_text(field->name)))
                return reader;
            mp_read_any(&reader);
        }
        return nothing;
    }
    return nothing;
}

static bool is_year(int64_t year)
{
    return year >= CALENDAR_YEAR_MIN && year <= CALENDAR_YEAR_MAX;
}

static void read_days(struct span described, const struct record_type *type,
                      struct calendar *calendar)
{
    const struct calendar_fields *fields = type->calendar;
    struct mp_reader offset = value_of(described, type, fields->offset);
    struct mp_reader weekdays = value_of(described, type, fields->weekdays);
    struct mp_reader holidays = value_of(described, type, fields->holidays);
    struct mp_reader workdays = value_of(described, type, fields->workdays);
    int64_t minutes = mp_peek(&offset) == MP_INT ? mp_read_int(&offset) : 0;
    if (minutes >= -CALENDAR_OFFSET_MAX && minutes <= CALENDAR_OFFSET_MAX)
        calendar->offset_minutes = (int16_t)minutes;
    if (mp_peek(&weekdays) == MP_STR)
        calendar->weekdays = weekdays_of(mp_read_str(&weekdays));
    if (mp_peek(&holidays) == MP_ARRAY)
        add_list(calendar->holidays, calendar->year, &holidays);
    if (mp_peek(&workdays) == MP_ARRAY)
        add_list(calendar->workdays, calendar->year, &workdays);
}

bool calendar_read(const struct record_state *record, const struct record_type *type,
                   struct calendar *calendar)
{
    struct buffer described = {0};
    assert(type->calendar != NULL);
    record_describe(record, type, &described);
    struct mp_reader reader = value_of(span_of_buffer(&described), type, type->calendar->year);
    int64_t year = mp_peek(&reader) == MP_INT ? mp_read_int(&reader) : 0;
    bool is_one = is_year(year) && !record_deleted(record);
    if (is_one) {
        calendar_usual(calendar, (int32_t)year);
        read_days(span_of_buffer(&described), type, calendar);
    }
    buffer_free(&described);
    return is_one;
}

/* ---- days and deadlines ---- */

static bool has_day(const uint8_t set[static DAY_SET_BYTES], int64_t place)
{
    return (set[place / 8] >> place % 8 & 1) != 0;
}

static const struct calendar *calendar_for(const struct calendar *nearest_first, size_t count,
                                           int64_t year)
{
    for (size_t i = 0; i < count; i++) {
        if (nearest_first[i].year == year)
            return &nearest_first[i];
    }
    return NULL;
}

bool calendar_is_worked(const struct calendar *nearest_first, size_t count, int64_t day)
{
    int64_t year = year_of(day), place = day - first_day_of(year);
    const struct calendar *calendar = calendar_for(nearest_first, count, year);
    unsigned weekday = (unsigned)((day + THURSDAY) % WEEK);
    assert(day >= 0 && place >= 0 && place < DAYS_OF_YEAR_MAX);
    if (calendar == NULL)
        return (WORKED_USUALLY >> weekday & 1) != 0;
    if (has_day(calendar->workdays, place))
        return true;
    return !has_day(calendar->holidays, place) && (calendar->weekdays >> weekday & 1) != 0;
}

static int64_t offset_ms(const struct calendar *nearest_first, size_t count, uint64_t from_ms)
{
    const struct calendar *calendar =
        calendar_for(nearest_first, count, year_of((int64_t)from_ms / day_ms));
    if (calendar == NULL)
        calendar = count > 0 ? nearest_first : NULL;
    return calendar == NULL ? 0 : (int64_t)calendar->offset_minutes * MINUTE_MS;
}

uint64_t deadline_after(uint64_t from_ms, uint16_t within, enum within_unit unit,
                        const struct calendar *nearest_first, size_t count)
{
    assert(within > 0 && from_ms < INT64_MAX / 2);
    if (unit == WITHIN_HOURS)
        return from_ms + (uint64_t)within * HOUR_MS;
    if (unit == WITHIN_DAYS)
        return from_ms + (uint64_t)within * (uint64_t)day_ms;
    int64_t offset = offset_ms(nearest_first, count, from_ms);
    int64_t day = floor_div((int64_t)from_ms + offset, day_ms);
    day = day < 0 ? 0 : day;
    /* ends: beyond the last year of a calendar there are usual weeks */
    for (unsigned worked = 0; worked < within;) {
        if (calendar_is_worked(nearest_first, count, ++day))
            worked++;
    }
    return (uint64_t)((day + 1) * day_ms - offset);
}
