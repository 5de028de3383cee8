/* Working days and the rise to the root, drawn: calendars of up to three seats above, duties that
 * are taken up and not done. When each is due is worked out here once more, day by day; then it is
 * put before the root, and the county in between holds nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "replication/query/query.h"
#include "sim/world/world.h"
#include "tests/sim/named.h"

enum { HISTORIES = 24, SEATS = 6, DUTIES = 2, CALENDARS = 3, FIRST_REQUEST = 10 };
enum { R, C, T1, T2, V1, V2 };
enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
/* 6 June 2025, a Friday, when the world begins; days are counted from there. */
enum { FIRST_DAY = 20245, FRIDAY = 5, SPAN_MOST = 3 };

static const struct county_row rows[SEATS] = {
    {"R", "city", NULL},     {"C", "county", "R"},    {"T1", "township", "C"},
    {"T2", "township", "C"}, {"V1", "village", "T1"}, {"V2", "village", "T2"},
};

struct drawn_calendar {
    bool made;
    int64_t offset_minutes;
    char weekdays[8];
    int holiday, holiday_last, workday; /* days from FIRST_DAY on; -1: none */
};

static struct drawn {
    struct county *county;
    struct world *world;
    struct prng prng;
    struct drawn_calendar calendars[CALENDARS]; /* of R, C, T1 */
    struct record_id ids[FIRST_REQUEST + DUTIES];
    uint64_t taken_ms[DUTIES];
} drawn;

static size_t below(size_t bound)
{
    return (size_t)prng_below(&drawn.prng, bound);
}

static void run_for(uint64_t ms)
{
    world_run_until(drawn.world, world_now_ms(drawn.world) + ms);
}

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    (void)context, (void)node;
    assert_int_equal(answer->error.code, ERR_OK);
    drawn.ids[answer->request] = answer->record;
}

/* ---- calendars ---- */

static void say_day(struct buffer *fields, const char *name, int first, int last)
{
    char text[32];
    int size = snprintf(text, sizeof text, "2025-06-%02d", 6 + first);
    if (last > first)
        snprintf(text + size, sizeof text - (size_t)size, "..2025-06-%02d", 6 + last);
    mp_write_text(fields, name);
    mp_write_text(fields, text);
}

static void draw_calendar(size_t seat)
{
    static const int64_t offsets[] = {0, 480, -300};
    struct drawn_calendar *calendar = &drawn.calendars[seat];
    struct buffer fields = {0};
    *calendar = (struct drawn_calendar){.made = below(2) == 0, .holiday = -1, .workday = -1};
    calendar->offset_minutes = offsets[below(3)];
    for (char day = '1'; day <= '7'; day++) {
        size_t size = strlen(calendar->weekdays);
        if (below(3) > 0 || (day == '7' && size == 0))
            calendar->weekdays[size] = day;
    }
    if (below(2) == 0) {
        calendar->holiday = (int)below(8);
        calendar->holiday_last = calendar->holiday + (int)below(SPAN_MOST);
    }
    if (below(2) == 0)
        calendar->workday = (int)below(8);
    if (!calendar->made)
        return;
    mp_write_map(&fields, 3U + (calendar->holiday >= 0) + (calendar->workday >= 0));
    mp_write_text(&fields, "year");
    mp_write_int(&fields, 2025);
    mp_write_text(&fields, "offset");
    mp_write_int(&fields, calendar->offset_minutes);
    mp_write_text(&fields, "weekdays");
    mp_write_text(&fields, calendar->weekdays);
    if (calendar->holiday >= 0)
        say_day(&fields, "holidays", calendar->holiday, calendar->holiday_last);
    if (calendar->workday >= 0)
        say_day(&fields, "workdays", calendar->workday, calendar->workday);
    struct world_write write = {
        .request = 1, .kind = WRITE_PUT, .type = "calendar", .fields = span_of_buffer(&fields)};
    world_write(drawn.world, seat, &write);
    run_for(5000);
    buffer_free(&fields);
}

static bool is_worked(const struct drawn_calendar *calendar, int64_t day)
{
    int64_t from = day - FIRST_DAY;
    char weekday = (char)('1' + (FRIDAY - 1 + from) % 7);
    if (calendar->workday >= 0 && from == calendar->workday)
        return true;
    if (calendar->holiday >= 0 && from >= calendar->holiday && from <= calendar->holiday_last)
        return false;
    return strchr(calendar->weekdays, weekday) != NULL;
}

/* Two working days, the one on which it was taken not counted, to midnight there. */
static uint64_t naive_due(size_t duty)
{
    static const struct drawn_calendar usual = {.weekdays = "12345", .holiday = -1, .workday = -1};
    const struct drawn_calendar *calendar = &usual;
    for (size_t seat = R; seat <= T1; seat++) { /* the nearest above counts */
        if (drawn.calendars[seat].made && (seat != T1 || duty == 0))
            calendar = &drawn.calendars[seat];
    }
    int64_t offset = calendar->offset_minutes * MINUTE;
    int64_t day = ((int64_t)drawn.taken_ms[duty] + offset) / DAY;
    for (unsigned left = 2; left > 0; left -= is_worked(calendar, day))
        day++;
    return (uint64_t)((day + 1) * DAY - offset);
}

/* ---- duties ---- */

static bool read_duty(size_t node, size_t duty, struct buffer *out)
{
    buffer_clear(out);
    return query_record_at(
               world_view(drawn.world, node), replica_tree(world_replica(drawn.world, node)), NULL,
               1, span_of_text("duty"), &drawn.ids[FIRST_REQUEST + duty], out, NULL) == ERR_OK;
}

static uint64_t number_of(const struct buffer *record, const char *name)
{
    struct mp_reader reader = mp_reader(named(span_of_buffer(record), name));
    return mp_read_uint(&reader);
}

static bool names(const struct buffer *record, const char *seat)
{
    struct mp_reader reader = mp_reader(named(span_of_buffer(record), "circle"));
    bool found = false;
    for (uint32_t count = mp_read_array(&reader); count > 0 && !reader.failed; count--)
        found = span_equal(mp_read_str(&reader), span_of_text(seat)) || found;
    return found;
}

/* From a village to its township, which takes it up within the hour. */
static void draw_duty(size_t duty)
{
    struct buffer fields = {0}, nothing = {0};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "made");
    mp_write_map(&nothing, 0);
    struct world_write write = {.request = FIRST_REQUEST + duty,
                                .kind = WRITE_PUT,
                                .type = "duty",
                                .to = rows[T1 + duty].code,
                                .fields = span_of_buffer(&fields)};
    world_write(drawn.world, V1 + duty, &write);
    run_for((1 + below(50)) * MINUTE);
    struct world_write step = {.request = 1,
                               .kind = WRITE_DO,
                               .type = "duty",
                               .record = drawn.ids[FIRST_REQUEST + duty],
                               .step = "take",
                               .fields = span_of_buffer(&nothing)};
    drawn.taken_ms[duty] = world_wall_ms(drawn.world);
    world_write(drawn.world, T1 + duty, &step);
    run_for(MINUTE);
    buffer_free(&fields);
    buffer_free(&nothing);
}

static void check(size_t duty)
{
    struct buffer record = {0};
    uint64_t due = naive_due(duty), now = world_wall_ms(drawn.world);
    for (size_t node = T1 + duty; node < SEATS; node += 2) { /* the township and the village */
        assert_true(read_duty(node, duty, &record));
        if (number_of(&record, "due") != due)
            fail_msg("duty %zu at %s is due at %llu, not at %llu", duty, rows[node].code,
                     (unsigned long long)number_of(&record, "due"), (unsigned long long)due);
        assert_int_equal(number_of(&record, "operations"), now < due ? 2 : 3);
        assert_true(names(&record, "R") == (now >= due));
        assert_false(names(&record, "C"));
    }
    assert_int_equal(read_duty(R, duty, &record), now >= due);
    assert_false(read_duty(C, duty, &record));
    buffer_free(&record);
}

static void live(uint64_t seed)
{
    struct world_hooks hooks = {.answered = on_answered};
    struct world_options options = {
        .delay_ms_min = 1, .delay_ms_max = 50, .redial_ms_min = 100, .redial_ms_max = 1000};
    options.tuning.token_every_ms = 30 * MINUTE;
    options.tuning.statement_idle_ms = 6 * HOUR;
    options.tuning.report_every_ms = 6 * HOUR;
    memset(&drawn, 0, sizeof drawn);
    prng_seed(&drawn.prng, seed);
    drawn.county = county_new(rows, SEATS, seed);
    county_raise_types(drawn.county);
    county_raise_types(drawn.county);
    drawn.world = world_new(drawn.county, &options, seed, &hooks);
    for (size_t i = 0; i < SEATS; i++)
        assert_int_equal(world_start(drawn.world, i, 0), ERR_OK);
    run_for(MINUTE);
    for (size_t i = 0; i < CALENDARS; i++)
        draw_calendar(i);
    for (size_t duty = 0; duty < DUTIES; duty++)
        draw_duty(duty);
    uint64_t last = naive_due(0) > naive_due(1) ? naive_due(0) : naive_due(1);
    /* looked at shortly before and after each is due, whatever else happens at that hour */
    while (world_wall_ms(drawn.world) < last + 2 * HOUR) {
        uint64_t next = last + 3 * HOUR, now = world_wall_ms(drawn.world);
        for (size_t duty = 0; duty < DUTIES; duty++) {
            uint64_t due = naive_due(duty);
            check(duty);
            if (now < due - MINUTE)
                next = due - MINUTE < next ? due - MINUTE : next;
            else if (now < due + 10 * MINUTE)
                next = due + 10 * MINUTE < next ? due + 10 * MINUTE : next;
        }
        run_for(next - now);
    }
    check(0);
    check(1);
    world_free(drawn.world);
    county_free(drawn.county);
}

static void two_working_days_and_to_the_root(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_working_days_and_to_the_root)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
