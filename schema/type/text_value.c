/* Numbers and times out of text, as people type them on a command line or in a file. */
#include "schema/type/text_value.h"

#include <stdio.h>

bool schema_integer_of_text(struct span text, int64_t *number)
{
    bool minus = text.size > 0 && text.data[0] == '-';
    size_t at = minus ? 1 : 0;
    *number = 0;
    if (at == text.size)
        return false;
    for (; at < text.size; at++) {
        int digit = text.data[at] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, minus ? -digit : digit, number))
            return false;
    }
    return true;
}

/* Reads exactly `digits` digits at *at, then `after` (0: nothing). */
static bool take_number(struct span text, size_t *at, size_t digits, char after, int *number)
{
    *number = 0;
    if (text.size - *at < digits)
        return false;
    for (size_t end = *at + digits; *at < end; ++*at) {
        int digit = text.data[*at] - '0';
        if (digit < 0 || digit > 9)
            return false;
        *number = *number * 10 + digit;
    }
    if (after == 0)
        return true;
    return *at < text.size && text.data[(*at)++] == (uint8_t)after;
}

/* Days from 1970-01-01 in the Gregorian calendar, counting years from March so that the leap
 * day is the last (H. Hinnant, "chrono-compatible low-level date algorithms"). False if there
 * is no such day. */
static bool days_of_date(int year, int month, int day, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > lengths[month - 1] + (month == 2 && leap ? 1 : 0))
        return false;
    int from_march = month <= 2 ? year - 1 : year;
    int era = (from_march >= 0 ? from_march : from_march - 399) / 400;
    int year_of_era = from_march - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    *days = (int64_t)era * 146097 + day_of_era - 719468;
    return true;
}

/* "", "Z" or "+08:00" up to the end of the text. */
static bool take_zone(struct span text, size_t *at, int *minutes)
{
    *minutes = 0;
    if (*at == text.size)
        return true;
    char sign = (char)text.data[(*at)++];
    if (sign == 'Z')
        return *at == text.size;
    int hours, rest;
    if ((sign != '+' && sign != '-') || !take_number(text, at, 2, ':', &hours) ||
        !take_number(text, at, 2, 0, &rest) || hours > 23 || rest > 59)
        return false;
    *minutes = (sign == '-' ? -1 : 1) * (hours * 60 + rest);
    return *at == text.size;
}

bool schema_time_of_text(struct span text, int64_t *ms)
{
    size_t at = 0;
    int year, month, day, hour = 0, minute = 0, second = 0, zone_minutes = 0;
    int64_t days;
    if (!take_number(text, &at, 4, '-', &year) || !take_number(text, &at, 2, '-', &month) ||
        !take_number(text, &at, 2, 0, &day) || !days_of_date(year, month, day, &days))
        return false;
    if (at < text.size) {
        if (text.data[at] != 'T' && text.data[at] != ' ')
            return false;
        at++;
        if (!take_number(text, &at, 2, ':', &hour) || !take_number(text, &at, 2, 0, &minute))
            return false;
        if (at < text.size && text.data[at] == ':') {
            at++;
            if (!take_number(text, &at, 2, 0, &second))
                return false;
        }
        if (!take_zone(text, &at, &zone_minutes))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ms = (((days * 24 + hour) * 60 + minute - zone_minutes) * 60 + second) * 1000;
    return true;
}

bool schema_date_of_text(struct span text, int64_t *days)
{
    size_t at = 0;
    int year, month, day;
    return take_number(text, &at, 4, '-', &year) && take_number(text, &at, 2, '-', &month) &&
           take_number(text, &at, 2, 0, &day) && at == text.size &&
           days_of_date(year, month, day, days);
}

bool schema_decimal_of_text(struct span text, unsigned scale, int64_t *number)
{
    bool minus = text.size > 0 && text.data[0] == '-';
    size_t digits = 0;
    unsigned places = 0;
    bool point = false;
    *number = 0;
    for (size_t at = minus ? 1 : 0; at < text.size; at++) {
        int digit = text.data[at] - '0';
        if (text.data[at] == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (digit < 0 || digit > 9 || (point && places == scale) ||
            __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, minus ? -digit : digit, number))
            return false;
        digits++;
        places += point ? 1 : 0;
    }
    if (digits == 0 || (point && places == 0))
        return false;
    for (; places < scale; places++) {
        if (__builtin_mul_overflow(*number, 10, number))
            return false;
    }
    return true;
}

void schema_text_of_decimal(int64_t number, unsigned scale, char to[static 32])
{
    uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number, one = 1;
    for (unsigned i = 0; i < scale; i++)
        one *= 10;
    if (scale == 0)
        snprintf(to, 32, "%lld", (long long)number);
    else
        snprintf(to, 32, "%s%llu.%0*llu", number < 0 ? "-" : "", (unsigned long long)(size / one),
                 (int)scale, (unsigned long long)(size % one));
}

/* The reverse of days_of_date, from the same source. */
void schema_text_of_date(int64_t days, char to[static 32])
{
    int64_t from_march = days + 719468;
    int64_t era = (from_march >= 0 ? from_march : from_march - 146096) / 146097;
    int64_t day_of_era = from_march - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    snprintf(to, 32, year > 9999 ? "+%lld-%02lld-%02lld" : "%04lld-%02lld-%02lld", (long long)year,
             (long long)month, (long long)day);
}
