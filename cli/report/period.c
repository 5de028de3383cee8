/* Periods by the C library's calendar: local time, as people's months are. */
#include <string.h>
#include <time.h>

#include "cli/report/report.h"

static uint64_t begins_ms(int year, int month, int day)
{
    struct tm time = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1};
    time_t seconds = mktime(&time);
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000;
}

static void name_day(uint64_t clock_ms, char name[static PERIOD_BYTES])
{
    time_t seconds = (time_t)(clock_ms / 1000);
    struct tm time;
    localtime_r(&seconds, &time);
    strftime(name, PERIOD_BYTES, "%Y-%m-%d", &time);
}

/* `mark` and the part in two digits behind the year; a mark of "": the year alone. */
static void name_former(struct report_period *period, int year, const char *mark, int part)
{
    char name[64];
    if (mark[0] == '\0')
        snprintf(name, sizeof name, "%04d", year);
    else
        snprintf(name, sizeof name, strcmp(mark, "-Q") == 0 ? "%04d%s%d" : "%04d%s%02d", year, mark,
                 part);
    snprintf(period->former, PERIOD_BYTES, "%.15s", name);
}

static void take_months(int year, int month, int months, struct report_period *period)
{
    period->from_ms = begins_ms(year, month, 1);
    period->until_ms = begins_ms(year, month + months, 1);
}

static bool take_day(int year, int month, int day, struct report_period *period)
{
    char back[PERIOD_BYTES];
    period->from_ms = begins_ms(year, month, day);
    period->until_ms = begins_ms(year, month, day + 1);
    name_day(begins_ms(year, month, day - 1), period->former);
    name_day(period->from_ms, back);
    return strcmp(back, period->name) == 0; /* 2026-02-30 comes back as another day */
}

static bool take(struct report_period *period)
{
    int year = 0, part = 0, day = 0, end = 0;
    int length = (int)strlen(period->name);
    if (sscanf(period->name, "%4d-Q%1d%n", &year, &part, &end) == 2 && end == length && part >= 1 &&
        part <= 4) {
        take_months(year, 3 * part - 2, 3, period);
        name_former(period, year - (part == 1), "-Q", part == 1 ? 4 : part - 1);
        return length == 7;
    }
    end = 0;
    if (sscanf(period->name, "%4d-%2d-%2d%n", &year, &part, &day, &end) == 3 && end == length)
        return length == 10 && take_day(year, part, day, period);
    end = 0;
    if (sscanf(period->name, "%4d-%2d%n", &year, &part, &end) == 2 && end == length && part >= 1 &&
        part <= 12) {
        take_months(year, part, 1, period);
        name_former(period, year - (part == 1), "-", part == 1 ? 12 : part - 1);
        return length == 7;
    }
    end = 0;
    if (sscanf(period->name, "%4d%n", &year, &end) == 1 && end == length) {
        take_months(year, 1, 12, period);
        name_former(period, year - 1, "", 0);
        return length == 4;
    }
    return false;
}

enum error_code report_period_parse(const char *text, uint64_t now_ms, struct report_period *period,
                                    struct error *error)
{
    *period = (struct report_period){0};
    if (text == NULL) {
        char day[PERIOD_BYTES];
        name_day(now_ms, day);
        snprintf(period->name, PERIOD_BYTES, "%.7s", day);
    } else if (strlen(text) < PERIOD_BYTES) {
        memcpy(period->name, text, strlen(text) + 1);
    }
    bool taken = take(period);
    if (taken && period->name[4] == '-' && period->name[5] == 'Q')
        snprintf(period->range, sizeof period->range, "%.4s-%02d..%.4s-%02d", period->name,
                 3 * (period->name[6] - '0') - 2, period->name, 3 * (period->name[6] - '0'));
    else
        snprintf(period->range, sizeof period->range, "%s", period->name);
    period->shown_ms =
        now_ms > period->from_ms && now_ms < period->until_ms ? now_ms : period->until_ms - 1;
    if (taken && period->from_ms < period->until_ms && period->from_ms > 0)
        return ERR_OK;
    error_set(error, ERR_USAGE, text == NULL ? "the clock" : text, "it is no period");
    error_next(error, "write a year, quarter, month or day: 2026, 2026-Q4, 2026-11 or 2026-11-22");
    return error->code;
}

void report_period_widen(const struct report_period *period, const char *unit,
                         char name[static PERIOD_BYTES])
{
    size_t length = strlen(period->name);
    bool quarter = strchr(period->name, 'Q') != NULL;
    int month = length >= 7 && !quarter ? 10 * (period->name[5] - '0') + period->name[6] - '0' : 0;
    memcpy(name, period->name, PERIOD_BYTES);
    if (strcmp(unit, "year") == 0)
        name[4] = '\0';
    else if (strcmp(unit, "quarter") == 0 && month > 0)
        snprintf(name, PERIOD_BYTES, "%.4s-Q%d", period->name, (month + 2) / 3 % 10);
    else if (strcmp(unit, "month") == 0 && month > 0)
        name[7] = '\0';
}

bool report_period_trend(const struct report_period *period, const char *by, int offset,
                         char range[static PERIOD_RANGE_BYTES], const char **each)
{
    char first[PERIOD_BYTES], last[PERIOD_BYTES];
    time_t seconds = (time_t)(period->shown_ms / 1000);
    struct tm time;
    localtime_r(&seconds, &time);
    if (period->shown_ms + 1 < period->until_ms) {
        seconds += (time_t)offset * 60;
        gmtime_r(&seconds, &time);
    }
    int year = time.tm_year + 1900, month = time.tm_mon + 1;
    strftime(last, sizeof last, "%Y-%m-%d", &time);
    *each = by;
    if (strcmp(by, "day") == 0 && strlen(period->name) > 4) {
        name_day(strlen(period->name) == 10 ? begins_ms(year, month, time.tm_mday - TREND_DAYS + 1)
                                            : period->from_ms,
                 first);
    } else if (strcmp(by, "day") == 0 || strcmp(by, "month") == 0) {
        *each = "month";
        name_day(begins_ms(year, month - TREND_MONTHS + 1, 1), first);
        first[7] = last[7] = '\0';
    } else if (strcmp(by, "year") == 0) {
        name_day(begins_ms(year - TREND_YEARS + 1, 1, 1), first);
        first[4] = last[4] = '\0';
    } else {
        return false;
    }
    snprintf(range, PERIOD_RANGE_BYTES, "%s..%s", first, last);
    return true;
}
