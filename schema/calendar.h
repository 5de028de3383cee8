/* Working days by signed calendars, and when a record's state is overdue.
 *
 * A calendar is a record of a type that says `calendar: true`: one year as its author's seat and
 * all below it keep it. Without one the days from Monday to Friday are worked, and days begin by
 * UTC. Everything here is arithmetic on what is given: no clock, no table of time zones. */
#ifndef TERRACE_SCHEMA_CALENDAR_H
#define TERRACE_SCHEMA_CALENDAR_H

#include "schema/record.h"

enum { CALENDAR_YEAR_MIN = 1970, CALENDAR_YEAR_MAX = 9998, CALENDAR_OFFSET_MAX = 14 * 60 };
enum { DAYS_OF_YEAR_MAX = 366, DAY_SET_BYTES = (DAYS_OF_YEAR_MAX + 7) / 8 };

struct calendar {
    int32_t year;
    int16_t offset_minutes;          /* local time is UTC and this; -840..840 */
    uint8_t weekdays;                /* that are worked, a bit each: 1 Monday .. 64 Sunday */
    uint8_t holidays[DAY_SET_BYTES]; /* days of the year from 0, a bit each */
    uint8_t workdays[DAY_SET_BYTES]; /* worked whatever else is said of them: days moved */
};

/* Monday to Friday, UTC. */
void calendar_usual(struct calendar *calendar, int32_t year);
/* What a record of a calendar type says, by the fields that its type names. Weekdays are numbers
 * from 1 (Monday) to 7, like "12345"; holidays and working days are dates, 2026-10-01, or spans,
 * 2026-10-01..2026-10-08; what isn't in its form, or in another year, says nothing. False: the
 * record names no year, so it is no calendar. */
bool calendar_read(const struct record_state *record, const struct record_type *type,
                   struct calendar *calendar);
/* Whether a day (since 1970) is worked, by the first of the calendars that is of its year. */
bool calendar_is_worked(const struct calendar *nearest_first, size_t count, int64_t day);

/* When something that was begun at `from_ms` is overdue. Hours and days pass by the clock; working
 * days end with the last of them, at midnight: the day of `from_ms` isn't counted. The offset is
 * that of the first calendar of its year, else of the first one. `within` is 1 or more. */
uint64_t deadline_after(uint64_t from_ms, uint16_t within, enum within_unit unit,
                        const struct calendar *nearest_first, size_t count);

#endif
