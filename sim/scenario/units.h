/* Quantities as people write them: "250 ms", "16 kbit/s", "10 %", "5-50 a day", "08:00-18:00".
 * What is printed is read back as the same number. */
#ifndef TERRACE_SIM_UNITS_H
#define TERRACE_SIM_UNITS_H

#include "base/span.h"

/* X(name, what it is called in a message, examples) */
#define UNIT_LIST(X)                                                                               \
    X(COUNT, "a number", "'3'")                                                                    \
    X(TIME, "a time", "'250 ms', '30 s', '2 h' or '30 days'")                                      \
    X(SIZE, "a size", "'500 B', '64 kB' or '5 MB'")                                                \
    X(RATE, "a rate", "'16 kbit/s', '2 Mbit/s' or '500 kB/s'")                                     \
    X(SIZE_A_DAY, "an amount a day", "'5 MB a day'")                                               \
    X(PERMILLE, "a share", "'10 %' or '0.1 %'")                                                    \
    X(PERCENT, "a whole share", "'10 %'")                                                          \
    X(PPM, "a drift", "'200 ppm'")                                                                 \
    X(COUNT_A_DAY, "a number a day", "'5-50 a day'")                                               \
    X(OFTEN, "how often", "'2 a day' or '0.5 a day'")                                              \
    X(MOMENT, "a date and time", "'2026-03-02 08:00'")                                             \
    X(DAYTIME, "a time of the day", "'08:00'")
enum unit {
#define X(name, what, examples) UNIT_##name,
    UNIT_LIST(X)
#undef X
        UNIT_KINDS
};
const char *unit_what(enum unit unit);
const char *unit_examples(enum unit unit);

/* One quantity, 0 .. UINT64_MAX in the unit's own measure: milliseconds, bytes, bytes a second,
 * thousandths of one, hundredths, millionths, thousandths a day, milliseconds since 1970, minutes.
 * `meant` is set to a known word that may have been meant, or NULL. */
bool unit_read(enum unit unit, struct span text, uint64_t *value, const char **meant);
/* "A-B", "A-B unit", "A unit - B unit", or one quantity for both; low <= high, but for times of the
 * day, which may run over midnight. */
bool unit_read_range(enum unit unit, struct span text, uint64_t *low, uint64_t *high,
                     const char **meant);
/* "+2 days" and "-3 h"; not for dates and times of the day. */
bool unit_read_signed(enum unit unit, struct span text, int64_t *value, const char **meant);

void unit_print(enum unit unit, uint64_t value, struct buffer *text);
void unit_print_range(enum unit unit, uint64_t low, uint64_t high, struct buffer *text);
void unit_print_signed(enum unit unit, int64_t value, struct buffer *text);

#endif
