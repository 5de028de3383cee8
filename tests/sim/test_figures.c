/* Figures of villages that move, get new machines and are revoked, drawn, with reports in parts,
 * some of them a day late: what the county says of sums, days and late corrections is what a naive
 * account of the same writes says, to the cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/query/query_rollup.h"
#include "replication/rows/rows.h"
#include "sim/world/world.h"

enum { HISTORIES = 8, STEPS = 6, WRITES = 5, SEATS = 7, RECORDS = 64, FIRST_REQUEST = 1000 };
enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
enum { ROOT, TOWN, OTHER_TOWN, VILLAGES };

static const struct county_row rows[SEATS] = {
    {"C", "county", NULL},   {"T1", "township", "C"}, {"T2", "township", "C"},
    {"V1", "village", "T1"}, {"V2", "village", "T1"}, {"V3", "village", "T2"},
    {"V4", "village", "T2"},
};

/* The account: cases by village and day, with the greatest level that was given there. */
struct account {
    size_t seat;
    uint64_t day;
    int64_t level;
    bool late; /* it changed in this step, and was reported when its day was over */
    bool touched;
};

struct record {
    size_t seat;
    uint64_t day;
    struct record_id id;
};

struct drawn {
    struct county *county;
    struct world *world;
    struct prng prng;
    struct record records[RECORDS];
    size_t record_count;
    struct account accounts[RECORDS];
    size_t account_count;
    int64_t calls[SEATS], level;
    bool cut[SEATS], moved[SEATS], replaced[SEATS], revoked[SEATS];
    struct hash hashes[CUT_OFF_MAX];
};

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    struct drawn *drawn = context;
    (void)node;
    assert_int_equal(answer->error.code, ERR_OK);
    if (answer->request >= FIRST_REQUEST)
        drawn->records[answer->request - FIRST_REQUEST].id = answer->record;
}

static size_t below(struct drawn *drawn, size_t bound)
{
    return (size_t)prng_below(&drawn->prng, bound);
}

static void run_for(struct drawn *drawn, uint64_t ms)
{
    world_run_until(drawn->world, world_now_ms(drawn->world) + ms);
}

static uint64_t today(const struct drawn *drawn)
{
    return world_wall_ms(drawn->world) / DAY;
}

static struct account *account_of(struct drawn *drawn, size_t seat, uint64_t day)
{
    for (size_t i = 0; i < drawn->account_count; i++) {
        if (drawn->accounts[i].seat == seat && drawn->accounts[i].day == day)
            return &drawn->accounts[i];
    }
    struct account *account = &drawn->accounts[drawn->account_count++];
    *account = (struct account){.seat = seat, .day = day};
    return account;
}

/* ---- what happens ---- */

static void write_record(struct drawn *drawn, size_t seat, struct record *record, bool is_new)
{
    struct buffer fields = {0};
    mp_write_map(&fields, is_new ? 3 : 1);
    mp_write_text(&fields, "level");
    mp_write_int(&fields, ++drawn->level);
    if (is_new) {
        mp_write_text(&fields, "title");
        mp_write_text(&fields, "bridge");
        mp_write_text(&fields, "calls");
        mp_write_int(&fields, drawn->level);
        drawn->calls[seat] += drawn->level;
    }
    struct world_write write = {
        .kind = is_new ? WRITE_PUT : WRITE_SET,
        .type = "case",
        .record = record->id,
        .request = is_new ? FIRST_REQUEST + (uint64_t)(record - drawn->records) : 1,
        .fields = span_of_buffer(&fields)};
    world_write(drawn->world, seat, &write);
    run_for(drawn, MINUTE);
    buffer_free(&fields);
}

/* One more case, or one more level of a case of any day; of one village and day once a step. */
static void change(struct drawn *drawn, size_t seat)
{
    bool is_new = drawn->record_count == 0 || below(drawn, 3) == 0;
    struct record *record =
        &drawn->records[is_new ? drawn->record_count : below(drawn, drawn->record_count)];
    if (is_new)
        *record = (struct record){.seat = seat, .day = today(drawn)};
    struct account *account = account_of(drawn, record->seat, record->day);
    if (account->touched || record->seat != seat || drawn->revoked[seat])
        return;
    drawn->record_count += is_new;
    write_record(drawn, seat, record, is_new);
    account->level = drawn->level;
    account->touched = true;
    account->late = record->day < today(drawn) || drawn->cut[seat];
}

static void tell_all(struct drawn *drawn, size_t first)
{
    for (size_t i = first; i < drawn->county->change_count; i++) {
        for (size_t seat = ROOT; seat < VILLAGES; seat++)
            world_give_change(drawn->world, seat, i);
    }
    run_for(drawn, HOUR);
}

static void move(struct drawn *drawn, size_t seat)
{
    size_t first = drawn->county->change_count, from = drawn->county->seats[seat].parent;
    size_t to = from == TOWN ? OTHER_TOWN : TOWN;
    struct county_change release = {
        .kind = COUNTY_RELEASE, .seat = seat, .by = from, .to = to, .again = true};
    struct county_change take = {.kind = COUNTY_TAKE, .seat = seat, .by = to, .again = true};
    assert_true(county_sign(drawn->county, &release) > 0);
    assert_true(county_sign(drawn->county, &take) > 0);
    tell_all(drawn, first);
}

/* All that the seat's key has signed counts. */
static void end_key(struct drawn *drawn, size_t seat, enum county_change_kind kind)
{
    const struct view *view = world_view(drawn->world, seat);
    struct key_id key = world_keys(drawn->world, seat)->key_id;
    struct cut_off places[CUT_OFF_MAX];
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    size_t count = 0, first = drawn->county->change_count;
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        if (!key_id_equal(stream.author, key) || row->head.seq == 0)
            continue;
        assert_true(count < CUT_OFF_MAX);
        drawn->hashes[count] = row->head.hash;
        places[count] = (struct cut_off){stream.epoch, stream.number, row->head.seq,
                                         drawn->hashes[count].bytes};
        count++;
    }
    free(row);
    struct trusted_notes notes = {.epoch = replica_epoch(world_replica(drawn->world, seat)),
                                  .statement = UINT32_MAX,
                                  .report = UINT32_MAX};
    struct county_change change = {.kind = kind,
                                   .seat = seat,
                                   .by = drawn->county->seats[seat].parent,
                                   .cut_offs = places,
                                   .cut_off_count = count,
                                   .notes = &notes,
                                   .note_count = 1,
                                   .again = true};
    world_crash(drawn->world, seat);
    assert_true(county_sign(drawn->county, &change) > 0);
    tell_all(drawn, first);
}

static void replace(struct drawn *drawn, size_t seat)
{
    drawn->replaced[seat] = true;
    end_key(drawn, seat, COUNTY_REPLACE);
    world_replace(drawn->world, seat);
    world_equip(drawn->world, seat, drawn->county->tree);
    assert_int_equal(world_start(drawn->world, seat, 0), ERR_OK);
    run_for(drawn, HOUR);
}

/* ---- what is said ---- */

static int64_t figure(struct drawn *drawn, size_t at, const char *name, size_t seat, uint64_t since,
                      struct buffer *late)
{
    struct buffer answer = {0};
    struct error error = {0};
    int64_t value = 0;
    struct rollup_question question = {.name = span_of_text(name),
                                       .by = span_of_text("seat"),
                                       .verify = true,
                                       .since_ms = since,
                                       .freshness_ms = DAY};
    if (query_rollup_of(world_view(drawn->world, at), replica_tree(world_replica(drawn->world, at)),
                        rows[at].code, &question, &answer, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    struct mp_reader reader = mp_reader(span_of_buffer(&answer));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader);
        if (late != NULL && span_equal(key, span_of_text("late"))) {
            buffer_append_span(late, mp_read_any(&reader));
        } else if (span_equal(key, span_of_text("groups"))) {
            for (uint32_t groups = mp_read_array(&reader); groups > 0; groups--) {
                bool is = false;
                for (uint32_t inner = mp_read_map(&reader); inner > 0; inner--) {
                    struct span name_of = mp_read_str(&reader);
                    if (span_equal(name_of, span_of_text("key")))
                        is = span_equal(mp_read_str(&reader), span_of_text(rows[seat].code));
                    else if (span_equal(name_of, span_of_text("value")) && is)
                        value = mp_read_int(&reader);
                    else
                        mp_read_any(&reader);
                }
            }
        } else {
            mp_read_any(&reader);
        }
    }
    assert_false(reader.failed);
    buffer_free(&answer);
    return value;
}

/* How often the list of late ones names a village and a day. */
static unsigned named(const struct buffer *late, size_t seat, uint64_t day, unsigned *all)
{
    char period[32];
    unsigned count = 0;
    time_t at = (time_t)(day * (DAY / 1000));
    struct tm date;
    gmtime_r(&at, &date);
    strftime(period, sizeof period, "%Y-%m-%d", &date);
    struct mp_reader reader = mp_reader(span_of_buffer(late));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    *all = mp_read_array(&reader);
    for (unsigned i = 0; i < *all; i++) {
        bool is_seat = false, is_day = false;
        for (uint32_t pairs = mp_read_map(&reader); pairs > 0; pairs--) {
            struct span key = mp_read_str(&reader);
            struct span text = SPAN_EMPTY;
            if (mp_peek(&reader) == MP_STR)
                text = mp_read_str(&reader);
            else
                mp_read_any(&reader);
            is_seat |= span_equal(key, span_of_text("seat")) &&
                       span_equal(text, span_of_text(rows[seat].code));
            is_day |=
                span_equal(key, span_of_text("period")) && span_equal(text, span_of_text(period));
        }
        count += is_seat && is_day;
    }
    assert_false(reader.failed);
    return count;
}

static void compare(struct drawn *drawn, uint64_t since)
{
    struct buffer late = {0};
    unsigned expected = 0, all = 0;
    for (size_t seat = VILLAGES; seat < SEATS; seat++) {
        size_t parent = drawn->county->seats[seat].parent;
        assert_int_equal(figure(drawn, ROOT, "case_calls", seat, 0, NULL), drawn->calls[seat]);
        for (size_t town = TOWN; town <= OTHER_TOWN; town++)
            assert_int_equal(figure(drawn, town, "case_calls", seat, 0, NULL),
                             town == parent ? drawn->calls[seat] : 0);
    }
    figure(drawn, ROOT, "case_level", VILLAGES, since, &late);
    for (size_t i = 0; i < drawn->account_count; i++) {
        const struct account *account = &drawn->accounts[i];
        bool is = account->touched && account->late;
        expected += is;
        if (named(&late, account->seat, account->day, &all) != is)
            fail_msg("%s of day %llu: late %d; %u are", rows[account->seat].code,
                     (unsigned long long)account->day, is, all);
    }
    assert_int_equal(all, expected);
    buffer_free(&late);
}

/* ---- histories ---- */

static void begin(struct drawn *drawn, uint64_t seed)
{
    struct world_hooks hooks = {.context = drawn, .answered = on_answered};
    struct world_options options = {
        .delay_ms_min = 1, .delay_ms_max = 50, .redial_ms_min = 100, .redial_ms_max = 1000};
    options.tuning.token_every_ms = 10 * MINUTE;
    options.tuning.statement_idle_ms = 20 * MINUTE;
    options.tuning.report_every_ms = 5 * MINUTE;
    options.tuning.report_part_cells = 1 + (uint32_t)(seed % 2);
    *drawn = (struct drawn){.level = 0};
    prng_seed(&drawn->prng, seed);
    drawn->county = county_new(rows, SEATS, seed);
    county_raise_types(drawn->county);
    drawn->world = world_new(drawn->county, &options, seed, &hooks);
    for (size_t i = 0; i < SEATS; i++)
        assert_int_equal(world_start(drawn->world, i, 0), ERR_OK);
    run_for(drawn, HOUR);
    run_for(drawn, DAY - world_wall_ms(drawn->world) % DAY + 8 * HOUR); /* in the morning */
}

/* A day and a night, and a second day. */
static void live(struct drawn *drawn)
{
    uint64_t since = world_wall_ms(drawn->world);
    size_t away = VILLAGES + below(drawn, SEATS - VILLAGES);
    for (size_t i = 0; i < drawn->account_count; i++)
        drawn->accounts[i].touched = false;
    drawn->cut[away] = true;
    world_cut(drawn->world, away);
    for (unsigned i = 0; i < WRITES; i++)
        change(drawn, VILLAGES + below(drawn, SEATS - VILLAGES));
    run_for(drawn, 24 * HOUR);
    world_heal(drawn->world, away);
    drawn->cut[away] = false;
    run_for(drawn, 4 * HOUR);
    compare(drawn, since);
    size_t seat = VILLAGES + below(drawn, SEATS - VILLAGES);
    if (drawn->revoked[seat])
        return;
    since = world_wall_ms(drawn->world);
    for (size_t i = 0; i < drawn->account_count; i++)
        drawn->accounts[i].touched = false;
    bool moves = below(drawn, 2) == 0 && !drawn->moved[seat];
    drawn->moved[seat] |= moves;
    if (moves)
        move(drawn, seat);
    else
        replace(drawn, seat);
    run_for(drawn, 2 * HOUR);
    compare(drawn, since); /* nothing of it is a correction */
}

static void figures_are_the_account(void **state)
{
    struct drawn *drawn = mem_alloc(sizeof *drawn);
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        begin(drawn, seed);
        for (unsigned i = 0; i < STEPS; i++) {
            live(drawn);
            run_for(drawn, DAY - world_wall_ms(drawn->world) % DAY + 8 * HOUR);
        }
        size_t seat = VILLAGES + below(drawn, SEATS - VILLAGES);
        uint64_t since = world_wall_ms(drawn->world);
        for (size_t i = 0; i < drawn->account_count; i++)
            drawn->accounts[i].touched = false;
        end_key(drawn, seat, COUNTY_REVOKE); /* what it said last stands, of former keys as well */
        drawn->revoked[seat] = true;
        run_for(drawn, 2 * HOUR);
        compare(drawn, since);
        world_free(drawn->world);
        county_free(drawn->county);
    }
    free(drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_the_account)};
    return crypto_start() ? cmocka_run_group_tests_name("figures", tests, NULL, NULL) : 1;
}
