/* Floods of work over lines of a declared rate: a first load cut again and again (history 41), all
 * children back at once with a flooder, a deaf one and one that ignores credit among them (43),
 * what is urgent behind a backlog (44). Arguments: how many times as much as usual; a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/rows/rows.h"
#include "sim/world/world.h"

enum {
    SEATS_MAX = 400,
    BLOCK_TYPE = 8,
    HELLO_TYPE = 1,
    CREDIT_TYPE = 9,
    TITLE_BYTES = 600, /* that hardly compress: a record is about so many bytes on the line */
};

static unsigned times = 1;
static uint64_t seed = 1;

/* What an onlooker at one node's inbox has seen of one link's blocks. */
struct seen {
    uint64_t bytes[CLASS_COUNT], blocks[CLASS_COUNT]; /* since the link came up */
    uint64_t given[CLASS_COUNT];
};

static struct desk {
    struct county *county;
    struct world *world;
    size_t count, watched;       /* seats; whose inbox */
    struct seen seen[SEATS_MAX]; /* by child */
    uint64_t block_bytes;        /* all that came to the watched one */
    uint64_t given_most;         /* credit that was out at once, normal and bulk */
    char codes[SEATS_MAX][24];
} desk;

/* The child whose end at the watched node has this link id, by its LINK_UP. */
static struct {
    uint32_t link;
    size_t child;
} ends[SEATS_MAX];

static size_t child_of(uint32_t link)
{
    for (size_t i = 0; i < desk.count; i++) {
        if (ends[i].link == link)
            return ends[i].child;
    }
    return SIZE_MAX;
}

static void see_up(const struct event *event)
{
    for (size_t i = 0; i < desk.count; i++) {
        if (memcmp(desk.county->seats[i].link_key, event->link_up.peer_key, KEY_BYTES) == 0) {
            ends[i].link = event->link_up.link;
            ends[i].child = i;
            memset(&desk.seen[i], 0, sizeof desk.seen[i]);
        }
    }
}

static void see_batch(void *context, size_t node, const struct event *events, size_t count,
                      size_t injected)
{
    (void)context, (void)injected;
    for (size_t i = 0; node == desk.watched && i < count; i++) {
        const struct event *event = &events[i];
        if (event->kind == EVENT_LINK_UP)
            see_up(event);
        if (event->kind != EVENT_MESSAGE || event->message.type != BLOCK_TYPE)
            continue;
        size_t child = child_of(event->message.link);
        assert_true(child < desk.count);
        desk.seen[child].bytes[event->message.channel - 1] += event->message.body.size;
        desk.seen[child].blocks[event->message.channel - 1]++;
        desk.block_bytes += event->message.body.size;
    }
}

static void count_given(void)
{
    uint64_t out = 0;
    for (size_t i = 0; i < desk.count; i++) {
        for (int class = CLASS_NORMAL; class < CLASS_COUNT; class ++)
            out += desk.seen[i].given[class] > desk.seen[i].bytes[class]
                       ? desk.seen[i].given[class] - desk.seen[i].bytes[class]
                       : 0;
    }
    desk.given_most = out > desk.given_most ? out : desk.given_most;
}

static void see_hello(struct seen *seen, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key != 6) {
            mp_read_any(&reader);
            continue;
        }
        mp_read_array(&reader);
        for (int class = 0; class < CLASS_COUNT; class ++) {
            mp_read_array(&reader);
            seen->given[class] = mp_read_uint(&reader);
            mp_read_uint(&reader);
        }
    }
    assert_false(reader.failed);
}

static void see_sent(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                     struct span body)
{
    (void)context, (void)channel;
    if (from != desk.watched || desk.county->seats[to].parent != from || to == from)
        return;
    if (type == HELLO_TYPE) {
        see_hello(&desk.seen[to], body);
    } else if (type == CREDIT_TYPE) {
        struct mp_reader reader = mp_reader(body);
        uint64_t lane = mp_read_uint(&reader);
        desk.seen[to].given[lane - 1] = mp_read_uint(&reader);
    }
    count_given();
}

/* C; then `townships` below it; then `villages` below the first township. */
static void desk_begin(size_t townships, size_t villages, const struct world_options *options,
                       size_t watched)
{
    static struct county_row rows[SEATS_MAX];
    static const struct world_hooks hooks = {.batch_begins = see_batch, .sent = see_sent};
    memset(&desk, 0, sizeof desk);
    memset(ends, 0, sizeof ends);
    desk.count = 1 + townships + villages;
    desk.watched = watched;
    assert_true(desk.count <= SEATS_MAX);
    for (size_t i = 0; i < desk.count; i++) {
        bool village = i > townships;
        snprintf(desk.codes[i], sizeof desk.codes[i], "%s%zu",
                 i == 0    ? "C"
                 : village ? "V"
                           : "T",
                 village ? i - townships : i);
        rows[i] = (struct county_row){desk.codes[i],
                                      i == 0    ? "county"
                                      : village ? "village"
                                                : "township",
                                      i == 0    ? NULL
                                      : village ? "T1"
                                                : desk.codes[0]};
    }
    desk.county = county_new(rows, desk.count, seed);
    desk.world = world_new(desk.county, options, seed, &hooks);
}

static void desk_end(void)
{
    world_free(desk.world);
    county_free(desk.county);
}

static void write_record(size_t node, const char *type)
{
    struct buffer fields = {0};
    char title[TITLE_BYTES];
    for (size_t i = 0; i < sizeof title - 1; i++)
        title[i] = (char)('a' + prng_below(world_prng(desk.world), 26));
    title[sizeof title - 1] = '\0';
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, title);
    struct world_write write = {.kind = WRITE_PUT, .type = type, .fields = span_of_buffer(&fields)};
    world_write(desk.world, node, &write);
    buffer_free(&fields);
}

static void write_many(size_t node, const char *type, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_record(node, type);
        if (i % 100 == 99)
            world_run_until(desk.world, world_now_ms(desk.world) + 1);
    }
}

/* Entries of one author and class that a node holds. */
static uint64_t held(size_t node, size_t author, enum record_class class)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    uint64_t cursor = 0, entries = 0;
    while (stream_row_next(world_view(desk.world, node), &cursor, &id, row)) {
        if (key_id_equal(id.author, desk.county->seats[author].key_id) &&
            row->open.class == class && row->open.holders != HOLDERS_SELF)
            entries += row->head.seq;
    }
    free(row);
    return entries;
}

static void start_all(void)
{
    for (size_t i = 0; i < desk.count; i++)
        assert_int_equal(world_start(desk.world, i, 0), ERR_OK);
    world_run_until(desk.world, 1000);
}

/* 41: T1 brings a first load to C; the link is cut at each 64 KiB. */
static void a_first_load_cut_at_every_64_kib(void **state)
{
    struct world_options options = {.delay_ms_min = 1,
                                    .delay_ms_max = 2,
                                    .batch_ms_max = 2,
                                    .redial_ms_min = 20,
                                    .redial_ms_max = 60,
                                    .overtaking = true,
                                    .rate_bytes_s = 1 << 20};
    const size_t load = 2000 * times;
    uint64_t before = 0, cuts = 0;
    (void)state;
    desk_begin(1, 0, &options, 0);
    start_all();
    world_cut(desk.world, 1);
    write_many(1, "survey", load);
    write_record(1, "incident"); /* the newest, and before bulk */
    world_run_until(desk.world, world_now_ms(desk.world) + 100);
    uint64_t bulk = held(1, 1, CLASS_BULK);
    assert_true(bulk >= load);
    world_heal(desk.world, 1);
    for (unsigned ms = 0; held(0, 1, CLASS_BULK) < bulk; ms++) {
        assert_true(ms < 1000 * 1000);
        world_run_until(desk.world, world_now_ms(desk.world) + 1);
        uint64_t now = held(0, 1, CLASS_BULK);
        assert_true(now >= before); /* what is held only rises */
        if (now > before)
            assert_true(held(0, 1, CLASS_NORMAL) >= 2); /* its opening and the record */
        before = now;
        if (world_is_up(desk.world, 1) && desk.seen[1].bytes[CLASS_BULK] >= 64 << 10) {
            world_cut(desk.world, 1);
            world_heal(desk.world, 1);
            memset(&desk.seen[1], 0, sizeof desk.seen[1]);
            cuts++;
        }
    }
    assert_true(cuts >= load * TITLE_BYTES / 2 / (128 << 10));
    struct memory_store *store = world_store(desk.world, 1);
    assert_true(desk.block_bytes <= memory_store_bytes(store) * 11 / 10);
    const struct refusals *refusals = replica_refusals(world_replica(desk.world, 0));
    assert_int_equal(refusals->damaged + refusals->forged + refusals->malformed, 0);
    desk_end();
}

/* 43: the flooder is the second child, the deaf one the third, the fourth sends without credit. */
enum { FLOODER = 2, DEAF = 3, SHAMELESS = 4, CHILDREN = 60, EACH = 30, FLOOD = 1500 };

static void ignore_credit(size_t child)
{
    struct buffer body = {0};
    for (size_t i = 0; i < 60000; i++)
        buffer_append_byte(&body, 0);            /* the first stream that it named */
    world_options(desk.world)->rate_bytes_s = 0; /* faster than credit comes back */
    for (unsigned i = 0; i < 30; i++)
        world_inject(desk.world, child, true, CHANNEL_BULK, BLOCK_TYPE, span_of_buffer(&body));
    world_options(desk.world)->rate_bytes_s = 100 << 10;
    buffer_free(&body);
}

static bool is_whole(size_t child)
{
    return held(0, child, CLASS_NORMAL) == held(child, child, CLASS_NORMAL) &&
           held(0, child, CLASS_BULK) == held(child, child, CLASS_BULK);
}

static void all_children_return_at_once(void **state)
{
    struct world_options options = {.delay_ms_min = 1,
                                    .delay_ms_max = 20,
                                    .batch_ms_max = 5,
                                    .batch_events_max = 200,
                                    .redial_ms_min = 10,
                                    .redial_ms_max = 1000,
                                    .overtaking = true,
                                    .rate_bytes_s = 100 << 10};
    static uint64_t got[SEATS_MAX], moved_ms[SEATS_MAX];
    size_t children = times > 1 ? 330 : CHILDREN, left = children;
    uint64_t flood_ms = 0, honest_ms = 0;
    (void)state;
    memset(got, 0, sizeof got);
    desk_begin(children, 0, &options, 0);
    start_all();
    write_record(0, "directive"); /* for all, the deaf one too */
    for (size_t child = 1; child <= children; child++)
        world_cut(desk.world, child);
    for (size_t child = 1; child <= children; child++)
        write_many(child, "incident", EACH);
    write_many(FLOODER, "survey", FLOOD * times);
    world_run_until(desk.world, world_now_ms(desk.world) + 1000);
    for (size_t child = 1; child <= children; child++)
        world_heal(desk.world, child);
    uint64_t began_ms = world_now_ms(desk.world);
    world_run_until(desk.world, began_ms + 2000);
    world_hold(desk.world, DEAF, true);
    ignore_credit(SHAMELESS);
    for (size_t child = 1; child <= children; child++)
        moved_ms[child] = world_now_ms(desk.world);
    while (left > 1 || flood_ms == 0) {
        uint64_t now_ms = world_now_ms(desk.world);
        assert_true(now_ms < began_ms + 3600 * 1000);
        world_run_until(desk.world, now_ms + 500);
        left = 0;
        for (size_t child = 1; child <= children; child++) {
            uint64_t have = held(0, child, CLASS_NORMAL) + held(0, child, CLASS_BULK);
            if (have > got[child])
                moved_ms[child] = now_ms;
            got[child] = have;
            if (is_whole(child))
                continue;
            left += child != DEAF;
            if (child != DEAF) /* each minute something of each */
                assert_true(now_ms < moved_ms[child] + 60 * 1000);
        }
        if (honest_ms == 0 && (left == 0 || (left == 1 && !is_whole(FLOODER))))
            honest_ms = now_ms;
        if (is_whole(FLOODER))
            flood_ms = now_ms;
        left += 1; /* the deaf one */
    }
    assert_true(honest_ms < flood_ms); /* the flooder is the last, and alone */
    assert_true(replica_refusals(world_replica(desk.world, 0))->flood >= 1);
    assert_true(desk.given_most > 0);
    assert_true(desk.given_most <
                4 * (uint64_t)CREDIT_TOTAL_BYTES + 2 * children * (uint64_t)CREDIT_BYTES_LEAST);
    world_hold(desk.world, DEAF, false);
    world_run_until(desk.world, world_now_ms(desk.world) + 120 * 1000);
    assert_true(is_whole(DEAF));
    desk_end();
}

/* 44: over two hops, with a backlog on both: what is signed now passes it. */
static void urgent_passes_a_backlog(void **state)
{
    struct world_options options = {.delay_ms_min = 1,
                                    .delay_ms_max = 1,
                                    .batch_ms_max = 2,
                                    .batch_events_max = 50,
                                    .redial_ms_min = 5,
                                    .redial_ms_max = 10,
                                    .overtaking = true,
                                    .rate_bytes_s = 200 << 10};
    enum { VILLAGE = 2 };
    (void)state;
    desk_begin(1, 1, &options, 0);
    start_all();
    write_record(VILLAGE, "incident"); /* its stream is there */
    world_run_until(desk.world, world_now_ms(desk.world) + 2000);
    world_cut(desk.world, VILLAGE);
    write_many(VILLAGE, "survey", 2000 * times);
    world_run_until(desk.world, world_now_ms(desk.world) + 100);
    world_heal(desk.world, VILLAGE);
    world_run_until(desk.world, world_now_ms(desk.world) + 2000);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t there = held(0, VILLAGE, CLASS_NORMAL);
        uint64_t blocks = desk.seen[1].blocks[CLASS_BULK];
        uint64_t begun_ms = world_now_ms(desk.world);
        assert_true(held(0, VILLAGE, CLASS_BULK) > 0);
        world_options(desk.world)->damage_permille = i == 2 ? 100 : 0;
        write_record(VILLAGE, "incident");
        while (held(0, VILLAGE, CLASS_NORMAL) == there) {
            assert_true(world_now_ms(desk.world) < begun_ms + 10 * 1000);
            world_run_until(desk.world, world_now_ms(desk.world) + 1);
        }
        if (i != 2) /* there a damaged block may have cost a round */
            assert_in_range(desk.seen[1].blocks[CLASS_BULK] - blocks, 0, 3);
        assert_true(held(0, VILLAGE, CLASS_BULK) < held(VILLAGE, VILLAGE, CLASS_BULK));
        world_options(desk.world)->damage_permille = 0;
        world_run_until(desk.world, world_now_ms(desk.world) + 200);
    }
    world_run_until(desk.world, world_now_ms(desk.world) + 600 * 1000 * times);
    assert_int_equal(held(0, VILLAGE, CLASS_BULK), held(VILLAGE, VILLAGE, CLASS_BULK));
    assert_int_equal(held(0, VILLAGE, CLASS_NORMAL), held(VILLAGE, VILLAGE, CLASS_NORMAL));
    assert_int_equal(memory_store_row_count(world_store(desk.world, 0), TABLE_QUARANTINE), 0);
    desk_end();
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_load_cut_at_every_64_kib),
        cmocka_unit_test(all_children_return_at_once),
        cmocka_unit_test(urgent_passes_a_backlog),
    };
    if (argument_count > 1)
        times = (unsigned)strtoul(arguments[1], NULL, 10);
    if (argument_count > 2)
        seed = strtoull(arguments[2], NULL, 10);
    if (times == 0 || !crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
