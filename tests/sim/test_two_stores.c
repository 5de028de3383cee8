/* The same seeds over the store in memory and over the one on disk: the same messages, lines and
 * answers, and the same rows at the end. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "node/store/store.h"
#include "sim/world/world.h"
#include "tests/scratch.h"

enum { SEATS_MAX = 8, SEEDS = 3, STEPS = 60, MAP_BYTES = 16 << 20 };

/* ---- stores on disk ---- */

static struct disk {
    char root[64];
    struct store *open[SEATS_MAX];
} disk;

static void dir_of(size_t node, char dir[static 128])
{
    snprintf(dir, 128, "%s/%zu", disk.root, node);
}

static bool disk_open(void *context, size_t node, struct store_port *port, bool *marked,
                      struct high_water *mark)
{
    char dir[128];
    (void)context;
    dir_of(node, dir);
    struct store_options options = {.dir = dir, .map_bytes = MAP_BYTES};
    if (store_open(&options, &disk.open[node], NULL) != ERR_OK)
        return false;
    store_port(disk.open[node], port);
    port->room = NULL; /* the memory store knows none either */
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *marked = fd >= 0 && high_water_read(fd, mark) == HIGH_WATER_FOUND;
    close(fd);
    return true;
}

static void disk_close(void *context, size_t node)
{
    (void)context;
    store_close(disk.open[node]);
    disk.open[node] = NULL;
}

static int take_away(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status, (void)flag, (void)walk;
    return remove(path);
}

/* ---- one history ---- */

struct told { /* everything that happened, as a hash and a count */
    struct hash hash;
    uint64_t count;
};
static struct told told;

static void tell(struct span bytes)
{
    told.hash = hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(told.hash.bytes), bytes);
    told.count++;
}

static void on_sent(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                    struct span body)
{
    const uint8_t head[] = {(uint8_t)from, (uint8_t)to, (uint8_t)channel, type};
    (void)context;
    tell(SPAN_OF_ARRAY(head));
    tell(body);
}

static void on_lines(void *context, size_t node, struct span lines)
{
    (void)context, (void)node;
    tell(lines);
}

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    const uint8_t code = (uint8_t)answer->error.code;
    (void)context, (void)node;
    tell(SPAN(&code, 1));
    tell(SPAN_OF_ARRAY(answer->record.bytes));
}

static void write_one(struct world *world, struct prng *prng, size_t node)
{
    static const char *const types[] = {"incident", "directive", "mediation", "survey"};
    struct buffer fields = {0};
    char title[200];
    size_t size = prng_between(prng, 1, sizeof title - 1);
    memset(title, 'a', size);
    title[size] = '\0';
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, title);
    struct world_write write = {
        .kind = WRITE_PUT, .type = types[prng_below(prng, 4)], .fields = span_of_buffer(&fields)};
    world_write(world, node, &write);
    buffer_free(&fields);
}

static void step(struct world *world, struct prng *prng)
{
    size_t seats = world_county(world)->seat_count, node = prng_below(prng, seats);
    uint64_t dice = prng_below(prng, 20);
    if (!world_runs(world, node))
        assert_int_equal(world_start(world, node, 0), ERR_OK);
    if (dice < 2)
        world_crash(world, node);
    else if (dice < 4 && node > 0)
        world_cut(world, node);
    else if (dice < 8 && node > 0)
        world_heal(world, node);
    else
        write_one(world, prng, node);
    world_run_until(world, world_now_ms(world) + prng_between(prng, 1, 2000));
}

static struct told all_rows(struct world *world)
{
    told = (struct told){0};
    for (size_t node = 0; node < world_county(world)->seat_count; node++) {
        const struct view *view = world_view(world, node);
        for (int table = 0; table < TABLE_COUNT; table++) {
            struct buffer from = {0};
            struct span key, value;
            uint8_t first = 0;
            buffer_append(&from, &first, 0);
            while (view->next(view->context, (enum table)table, span_of_buffer(&from), &key,
                              &value) == READ_FOUND) {
                if (table != TABLE_META || !span_equal(key, span_of_text("format"))) {
                    tell(key); /* the disk's alone says in what format it is */
                    tell(value);
                }
                buffer_clear(&from);
                buffer_append_span(&from, key);
                buffer_append(&from, &first, 1); /* the least key after it */
            }
            buffer_free(&from);
        }
    }
    return told;
}

static void live(uint64_t seed, const struct store_maker *stores, struct told *happened,
                 struct told *rows)
{
    static const struct world_hooks hooks = {
        .sent = on_sent, .lines = on_lines, .answered = on_answered};
    const struct world_options options = {.delay_ms_max = 30,
                                          .redial_ms_min = 10,
                                          .redial_ms_max = 300,
                                          .batch_ms_max = 20,
                                          .tracing = true,
                                          .stores = stores};
    struct county_shape shape;
    struct prng prng;
    assert_int_equal(county_shape_read(span_of_text("1+2+3"), &shape, NULL), ERR_OK);
    struct county *county = county_new_shape(&shape, NULL, seed);
    struct world *world = world_new(county, &options, seed, &hooks);
    prng_seed(&prng, seed);
    told = (struct told){0};
    for (size_t node = 0; node < county->seat_count; node++)
        assert_int_equal(world_start(world, node, 0), ERR_OK);
    for (int i = 0; i < STEPS; i++)
        step(world, &prng);
    for (size_t node = 0; node < county->seat_count; node++) {
        if (!world_runs(world, node))
            assert_int_equal(world_start(world, node, 0), ERR_OK);
        world_heal(world, node);
    }
    world_run_until(world, world_now_ms(world) + 30 * 1000);
    *happened = told;
    *rows = all_rows(world);
    world_free(world);
    county_free(county);
}

static void both_stores_agree(void **state)
{
    static const struct store_maker stores = {NULL, disk_open, disk_close};
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct told happened[2], rows[2];
        assert_true(scratch_make(disk.root, sizeof disk.root, "terrace-two-stores"));
        live(seed, NULL, &happened[0], &rows[0]);
        live(seed, &stores, &happened[1], &rows[1]);
        nftw(disk.root, take_away, 8, FTW_DEPTH | FTW_PHYS);
        assert_true(happened[0].count > 500 && rows[0].count > 500);
        assert_int_equal(happened[0].count, happened[1].count);
        assert_int_equal(rows[0].count, rows[1].count);
        assert_true(hash_equal(&happened[0].hash, &happened[1].hash));
        assert_true(hash_equal(&rows[0].hash, &rows[1].hash));
    }
}

/* What is compared does differ between two histories. */
static void two_seeds_differ(void **state)
{
    struct told happened[2], rows[2];
    (void)state;
    live(1, NULL, &happened[0], &rows[0]);
    live(2, NULL, &happened[1], &rows[1]);
    assert_false(hash_equal(&happened[0].hash, &happened[1].hash));
    assert_false(hash_equal(&rows[0].hash, &rows[1].hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_stores_agree),
        cmocka_unit_test(two_seeds_differ),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
