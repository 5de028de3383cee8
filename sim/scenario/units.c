/* A number with up to three decimals, then a word that says how much one of it is. */
#include "sim/scenario/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

static const char *const whats[UNIT_KINDS] = {
#define X(name, what, examples) what,
    UNIT_LIST(X)
#undef X
};
static const char *const examples_of[UNIT_KINDS] = {
#define X(name, what, examples) examples,
    UNIT_LIST(X)
#undef X
};

const char *unit_what(enum unit unit)
{
    return whats[unit];
}

const char *unit_examples(enum unit unit)
{
    return examples_of[unit];
}

struct unit_word {
    const char *word;
    uint64_t factor; /* of a thousandth: so that decimals stay whole numbers */
    bool printed;    /* else understood alone */
};

#define THOUSANDTHS(n) ((uint64_t)(n)*1000)

/* Greatest first: printed is the first that divides. */
static const struct unit_word time_words[] = {{"days", THOUSANDTHS(86400000), true},
                                              {"day", THOUSANDTHS(86400000), false},
                                              {"weeks", THOUSANDTHS(604800000), false},
                                              {"week", THOUSANDTHS(604800000), false},
                                              {"h", THOUSANDTHS(3600000), true},
                                              {"hours", THOUSANDTHS(3600000), false},
                                              {"hour", THOUSANDTHS(3600000), false},
                                              {"min", THOUSANDTHS(60000), true},
                                              {"minutes", THOUSANDTHS(60000), false},
                                              {"s", THOUSANDTHS(1000), true},
                                              {"ms", THOUSANDTHS(1), true},
                                              {NULL, 0, false}};
static const struct unit_word size_words[] = {
    {"GiB", THOUSANDTHS(1 << 30), true}, {"GB", THOUSANDTHS(1000000000), true},
    {"MiB", THOUSANDTHS(1 << 20), true}, {"MB", THOUSANDTHS(1000000), true},
    {"KiB", THOUSANDTHS(1 << 10), true}, {"kB", THOUSANDTHS(1000), true},
    {"B", THOUSANDTHS(1), true},         {NULL, 0, false}};
static const struct unit_word rate_words[] = {{"Gbit/s", THOUSANDTHS(125000000), true},
                                              {"Mbit/s", THOUSANDTHS(125000), true},
                                              {"MB/s", THOUSANDTHS(1000000), false},
                                              {"kB/s", THOUSANDTHS(1000), false},
                                              {"kbit/s", THOUSANDTHS(125), true},
                                              {"bit/s", 125, false},
                                              {"B/s", THOUSANDTHS(1), true},
                                              {NULL, 0, false}};
static const struct unit_word size_a_day_words[] = {{"GB a day", THOUSANDTHS(1000000000), true},
                                                    {"MB a day", THOUSANDTHS(1000000), true},
                                                    {"kB a day", THOUSANDTHS(1000), true},
                                                    {"B a day", THOUSANDTHS(1), true},
                                                    {NULL, 0, false}};
static const struct unit_word permille_words[] = {{"%", THOUSANDTHS(10), true}, {NULL, 0, false}};
static const struct unit_word percent_words[] = {{"%", THOUSANDTHS(1), true}, {NULL, 0, false}};
static const struct unit_word ppm_words[] = {{"ppm", THOUSANDTHS(1), true}, {NULL, 0, false}};
static const struct unit_word count_words[] = {{"", THOUSANDTHS(1), true}, {NULL, 0, false}};
static const struct unit_word a_day_words[] = {{"a day", THOUSANDTHS(1), true}, {NULL, 0, false}};
static const struct unit_word often_words[] = {
    {"a day", THOUSANDTHS(1000), true}, {"an hour", THOUSANDTHS(24000), false}, {NULL, 0, false}};

static const struct unit_word *words_of(enum unit unit)
{
    switch (unit) {
    case UNIT_TIME: return time_words;
    case UNIT_SIZE: return size_words;
    case UNIT_RATE: return rate_words;
    case UNIT_SIZE_A_DAY: return size_a_day_words;
    case UNIT_PERMILLE: return permille_words;
    case UNIT_PERCENT: return percent_words;
    case UNIT_PPM: return ppm_words;
    case UNIT_COUNT_A_DAY: return a_day_words;
    case UNIT_OFTEN: return often_words;
    case UNIT_COUNT:
    case UNIT_MOMENT:
    case UNIT_DAYTIME:
    case UNIT_KINDS: break;
    }
    return count_words;
}

/* ---- reading ---- */

static struct span trimmed(struct span text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static bool is_digit(struct span text, size_t at)
{
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

/* Digits with up to three decimals, as thousandths; how many bytes that took, 0: none or too many.
 */
static size_t read_thousandths(struct span text, uint64_t *thousandths)
{
    size_t at = 0;
    uint64_t value = 0, place = 1000;
    for (; is_digit(text, at); at++) {
        if (value > UINT64_MAX / 20000)
            return 0;
        value = value * 10 + (uint64_t)(text.data[at] - '0');
    }
    if (at == 0)
        return 0;
    value *= 1000;
    if (at < text.size && text.data[at] == '.') {
        size_t digits = at + 1;
        for (at++; is_digit(text, at) && place > 1; at++) {
            place /= 10;
            value += place * (uint64_t)(text.data[at] - '0');
        }
        if (at == digits || is_digit(text, at))
            return 0;
    }
    *thousandths = value;
    return at;
}

static const struct unit_word *find_word(enum unit unit, struct span word, const char **meant)
{
    const struct unit_word *words = words_of(unit);
    const char *known[16];
    size_t count = 0;
    for (; words[count].word != NULL; count++) {
        known[count] = words[count].word;
        if (span_equal(word, span_of_text(words[count].word)))
            return &words[count];
    }
    *meant = nearest_word(word, known, count);
    return NULL;
}

static bool scale(uint64_t thousandths, uint64_t factor, uint64_t *value)
{
    uint64_t whole, fraction = thousandths % 1000 * factor;
    if (__builtin_mul_overflow(thousandths / 1000, factor, &whole) || fraction % 1000 != 0 ||
        __builtin_add_overflow(whole, fraction / 1000, &whole))
        return false;
    *value = whole / 1000;
    return whole % 1000 == 0;
}

/* Two digits, a colon, two digits, at the beginning. */
static bool read_daytime(struct span text, uint64_t *minutes)
{
    if (text.size != 5 || text.data[2] != ':' || !is_digit(text, 0) || !is_digit(text, 1) ||
        !is_digit(text, 3) || !is_digit(text, 4))
        return false;
    unsigned hour = (text.data[0] - (unsigned)'0') * 10 + text.data[1] - (unsigned)'0';
    unsigned minute = (text.data[3] - (unsigned)'0') * 10 + text.data[4] - (unsigned)'0';
    *minutes = hour * 60 + minute;
    return minute < 60 && *minutes <= 24 * 60;
}

static bool read_number_at(struct span text, size_t at, size_t digits, unsigned *number)
{
    *number = 0;
    for (size_t i = at; i < at + digits; i++) {
        if (!is_digit(text, i))
            return false;
        *number = *number * 10 + text.data[i] - (unsigned)'0';
    }
    return true;
}

/* Days since 1970 of a day of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level
 * date algorithms", days_from_civil), for years from 1970 on. */
static uint64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    unsigned shifted = month <= 2 ? year - 1 : year, era = shifted / 400;
    unsigned year_of_era = shifted - era * 400;
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (uint64_t)era * 146097 + day_of_era - 719468;
}

static void civil_from_days(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t shifted = days + 719468, era = shifted / 146097;
    unsigned doe = (unsigned)(shifted - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + (unsigned)era * 400 + (*month <= 2);
}

/* "2026-03-02", then " 08:00", then ":30", then ".250". */
static bool read_moment(struct span text, uint64_t *ms)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0, fraction = 0;
    if (text.size < 10 || text.data[4] != '-' || text.data[7] != '-' ||
        !read_number_at(text, 0, 4, &year) || !read_number_at(text, 5, 2, &month) ||
        !read_number_at(text, 8, 2, &day))
        return false;
    if (text.size > 10 &&
        (text.size < 16 || text.data[10] != ' ' || text.data[13] != ':' ||
         !read_number_at(text, 11, 2, &hour) || !read_number_at(text, 14, 2, &minute)))
        return false;
    if (text.size > 16 &&
        (text.size < 19 || text.data[16] != ':' || !read_number_at(text, 17, 2, &second)))
        return false;
    if (text.size > 19 &&
        (text.size != 23 || text.data[19] != '.' || !read_number_at(text, 20, 3, &fraction)))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    unsigned again_year, again_month, again_day;
    uint64_t days = days_from_civil(year, month, day);
    civil_from_days(days, &again_year, &again_month, &again_day);
    *ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction;
    return again_day == day && again_month == month;
}

bool unit_read(enum unit unit, struct span text, uint64_t *value, const char **meant)
{
    uint64_t thousandths;
    *meant = NULL;
    text = trimmed(text);
    if (unit == UNIT_DAYTIME)
        return read_daytime(text, value);
    if (unit == UNIT_MOMENT)
        return read_moment(text, value);
    size_t at = read_thousandths(text, &thousandths);
    if (at == 0)
        return false;
    struct span word = trimmed(SPAN(text.data + at, text.size - at));
    if (word.size == 0 && thousandths == 0) {
        *value = 0;
        return true;
    }
    const struct unit_word *found = find_word(unit, word, meant);
    return found != NULL && scale(thousandths, found->factor, value);
}

/* The dash between two quantities: after a digit or a letter, never the first byte; of dates there
 * are no ranges. */
static size_t find_dash(struct span text)
{
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] == '-')
            return i;
    }
    return 0;
}

bool unit_read_range(enum unit unit, struct span text, uint64_t *low, uint64_t *high,
                     const char **meant)
{
    *meant = NULL;
    text = trimmed(text);
    size_t dash = find_dash(text);
    if (dash == 0) {
        if (!unit_read(unit, text, low, meant))
            return false;
        *high = *low;
        return true;
    }
    struct span first = trimmed(SPAN(text.data, dash));
    struct span second = SPAN(text.data + dash + 1, text.size - dash - 1);
    uint64_t thousandths;
    if (!unit_read(unit, second, high, meant))
        return false;
    struct buffer whole = {0};
    buffer_append_span(&whole, first);
    if (unit != UNIT_DAYTIME && read_thousandths(first, &thousandths) == first.size) {
        struct span word = trimmed(second);
        size_t at = read_thousandths(word, &thousandths);
        buffer_append(&whole, word.data + at, word.size - at);
    }
    bool good = unit_read(unit, span_of_buffer(&whole), low, meant);
    buffer_free(&whole);
    return good && (*low <= *high || unit == UNIT_DAYTIME);
}

bool unit_read_signed(enum unit unit, struct span text, int64_t *value, const char **meant)
{
    uint64_t size;
    text = trimmed(text);
    bool minus = text.size > 0 && text.data[0] == '-';
    if (text.size > 0 && (minus || text.data[0] == '+'))
        text = SPAN(text.data + 1, text.size - 1);
    if (!unit_read(unit, text, &size, meant))
        return false;
    *value = minus ? -(int64_t)size : (int64_t)size;
    return true;
}

/* ---- printing ---- */

static void append_text(struct buffer *text, const char *more)
{
    buffer_append_span(text, span_of_text(more));
}

/* Thousandths with no more decimals than there are. */
static void print_thousandths(uint64_t thousandths, struct buffer *text)
{
    char digits[40];
    int size = snprintf(digits, sizeof digits, "%" PRIu64 ".%03u", thousandths / 1000,
                        (unsigned)(thousandths % 1000));
    while (size > 0 && digits[size - 1] == '0')
        size--;
    if (size > 0 && digits[size - 1] == '.')
        size--;
    buffer_append(text, digits, (size_t)size);
}

static void print_moment(uint64_t ms, struct buffer *text)
{
    char line[64];
    unsigned year, month, day;
    unsigned second = (unsigned)(ms / 1000 % 60), fraction = (unsigned)(ms % 1000);
    civil_from_days(ms / 86400000, &year, &month, &day);
    snprintf(line, sizeof line, "%04u-%02u-%02u %02u:%02u", year, month, day,
             (unsigned)(ms / 3600000 % 24), (unsigned)(ms / 60000 % 60));
    append_text(text, line);
    if (second > 0 || fraction > 0) {
        snprintf(line, sizeof line, fraction > 0 ? ":%02u.%03u" : ":%02u", second, fraction);
        append_text(text, line);
    }
}

/* The word to print with: the greatest that divides, else the least. */
static const struct unit_word *printed_word(enum unit unit, uint64_t low, uint64_t high)
{
    const struct unit_word *last = NULL;
    for (const struct unit_word *word = words_of(unit); word->word != NULL; word++) {
        uint64_t whole = word->factor / 1000;
        if (!word->printed)
            continue;
        last = word;
        if (low % whole == 0 && high % whole == 0)
            return word;
    }
    return last;
}

static void print_with(const struct unit_word *word, uint64_t value, struct buffer *text)
{
    uint64_t one = word->factor / 1000;
    print_thousandths(value / one * 1000 + value % one * 1000 / one, text);
}

static void print_word(const struct unit_word *word, struct buffer *text)
{
    if (word->word[0] != '\0')
        buffer_append_byte(text, ' ');
    append_text(text, word->word);
}

void unit_print(enum unit unit, uint64_t value, struct buffer *text)
{
    unit_print_range(unit, value, value, text);
}

void unit_print_range(enum unit unit, uint64_t low, uint64_t high, struct buffer *text)
{
    char line[32];
    if (unit == UNIT_MOMENT) {
        print_moment(low, text);
        return;
    }
    if (unit == UNIT_DAYTIME) {
        snprintf(line, sizeof line, "%02u:%02u-%02u:%02u", (unsigned)(low / 60 % 100),
                 (unsigned)(low % 60), (unsigned)(high / 60 % 100), (unsigned)(high % 60));
        append_text(text, line);
        return;
    }
    if (low == 0 && high == 0) {
        append_text(text, "0");
        return;
    }
    const struct unit_word *word = printed_word(unit, low, high);
    print_with(word, low, text);
    if (low != high) {
        buffer_append_byte(text, '-');
        print_with(word, high, text);
    }
    print_word(word, text);
}

void unit_print_signed(enum unit unit, int64_t value, struct buffer *text)
{
    if (value < 0)
        buffer_append_byte(text, '-');
    unit_print(unit, value < 0 ? -(uint64_t)value : (uint64_t)value, text);
}
