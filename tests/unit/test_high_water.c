/* The high-water file: its 64 bytes, what is taken for damage, and a write cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_history.h"
#include "tests/unit/store_place.h"

enum { STEPS_MAX = 40 };

static const struct high_water sample = {
    .key_id = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7},
    .instance = {0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7},
    .epoch = 0x00020003,
    .committed = 0x0102030405060708,
    .in_flight = 0x0102030405060709,
    .statement = 77,
};

/* The check was made by another BLAKE2b (Python's hashlib.blake2b with digest_size=8). */
static const uint8_t sample_bytes[HIGH_WATER_BYTES] = {
    'T',  'E',  'R',  'R',  'H',  'W',  'M',  '1',  /* magic */
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, /* key id */
    0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, /* instance */
    0x00, 0x02, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, /* epoch, zero */
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* committed */
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09, /* in flight */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4d, /* statement */
    0x50, 0x4e, 0x7f, 0xb7, 0xfc, 0xbc, 0x07, 0x32, /* check */
};

static void assert_sample(const struct high_water *mark)
{
    assert_memory_equal(mark->key_id, sample.key_id, sizeof sample.key_id);
    assert_memory_equal(mark->instance, sample.instance, sizeof sample.instance);
    assert_int_equal(mark->epoch, sample.epoch);
    assert_int_equal(mark->committed, sample.committed);
    assert_int_equal(mark->in_flight, sample.in_flight);
    assert_int_equal(mark->statement, sample.statement);
}

static void the_bytes_are_the_agreed_ones(void **state)
{
    (void)state;
    uint8_t bytes[HIGH_WATER_BYTES];
    struct high_water mark = {0};
    high_water_encode(&sample, bytes);
    assert_memory_equal(bytes, sample_bytes, sizeof bytes);
    assert_true(high_water_decode(sample_bytes, &mark));
    assert_sample(&mark);
}

static void every_changed_bit_is_seen(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * HIGH_WATER_BYTES; bit++) {
        uint8_t bytes[HIGH_WATER_BYTES];
        struct high_water mark = {.epoch = 5};
        memcpy(bytes, sample_bytes, sizeof bytes);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_false(high_water_decode(bytes, &mark));
        assert_int_equal(mark.epoch, 5);
    }
    uint8_t zeros[HIGH_WATER_BYTES] = {0};
    struct high_water mark;
    assert_false(high_water_decode(zeros, &mark));
}

static void raise_to(struct store *store, uint64_t committed, enum error_code expected)
{
    struct store_port port;
    struct high_water mark = sample;
    mark.committed = committed;
    store_port(store, &port);
    assert_int_equal(port.raise_high_water(port.context, &mark), expected);
}

static void it_is_found_again(void **state)
{
    struct place *place = *state;
    struct high_water mark = {0};
    struct store *store = place_open(place->dir, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_MISSING);
    raise_to(store, 1, ERR_OK);
    raise_to(store, sample.committed, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    assert_sample(&mark);
    store_close(store);

    store = place_open(place->dir, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    raise_to(store, 2, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    assert_int_equal(mark.committed, 2);
    store_close(store);
}

/* It may be ahead of the store: the database was restored, the file was not. */
static void it_may_be_ahead_of_the_store(void **state)
{
    struct place *place = *state;
    struct high_water mark = {0};
    struct buffer old = {0};
    struct store_port port;
    struct store *store = place_open(place->dir, ERR_OK);
    raise_to(store, 1, ERR_OK);
    store_close(store);
    place_read(place, "data/data.mdb", &old);
    store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    raise_to(store, 2, ERR_OK);
    history_commit(&port, TABLE_DOCS, "a", "later", ERR_OK);
    store_close(store);

    place_write(place, "data/data.mdb", span_of_buffer(&old));
    buffer_free(&old);
    store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    history_expect(&port.view, TABLE_DOCS, "a", NULL);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    assert_int_equal(mark.committed, 2);
    store_close(store);
}

static void expect_damaged_then_repaired(struct place *place)
{
    struct high_water mark = {0};
    struct store *store = place_open(place->dir, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_DAMAGED);
    raise_to(store, 9, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    assert_int_equal(mark.committed, 9);
    store_close(store);
}

static void damage_is_told_and_the_next_raise_repairs(void **state)
{
    struct place *place = *state;
    struct buffer longer = {0};
    store_close(place_open(place->dir, ERR_OK));
    buffer_append(&longer, sample_bytes, sizeof sample_bytes);
    buffer_append_byte(&longer, 0);
    place_write(place, "high_water", SPAN_EMPTY);
    expect_damaged_then_repaired(place);
    place_write(place, "high_water", SPAN(sample_bytes, HIGH_WATER_BYTES - 1));
    expect_damaged_then_repaired(place);
    place_write(place, "high_water", span_of_buffer(&longer));
    expect_damaged_then_repaired(place);
    longer.data[40] ^= 1;
    place_write(place, "high_water", SPAN(longer.data, HIGH_WATER_BYTES));
    expect_damaged_then_repaired(place);
    buffer_free(&longer);

    /* A link elsewhere is not followed, neither for reading nor for writing. */
    char path[PLACE_PATH_BYTES_MAX];
    place_path(place, "node/high_water", path);
    assert_int_equal(unlink(path), 0);
    place_write(place, "elsewhere", SPAN(sample_bytes, HIGH_WATER_BYTES));
    assert_int_equal(symlink("elsewhere", path), 0);
    expect_damaged_then_repaired(place);
    struct buffer elsewhere = {0};
    place_read(place, "elsewhere", &elsewhere);
    assert_true(span_equal(span_of_buffer(&elsewhere), SPAN(sample_bytes, HIGH_WATER_BYTES)));
    buffer_free(&elsewhere);
}

static void a_full_disk_is_no_failing_disk(void **state)
{
    struct place *place = *state;
    struct high_water mark = {0};
    struct store *store = place_open(place->dir, ERR_OK);
    disk_faults = (struct disk_faults){.write_error = ENOSPC};
    raise_to(store, 1, ERR_FULL);
    disk_faults = (struct disk_faults){0};
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_MISSING);
    raise_to(store, 1, ERR_OK);
    disk_faults = (struct disk_faults){.fdatasync_error = ENOSPC};
    raise_to(store, 2, ERR_FULL);
    disk_faults = (struct disk_faults){0};
    raise_to(store, 3, ERR_OK);
    disk_faults = (struct disk_faults){.fdatasync_error = EIO};
    raise_to(store, 4, ERR_IO);
    disk_faults = (struct disk_faults){0};
    raise_to(store, 5, ERR_IO); /* once is for ever, until the next start */
    store_close(store);
}

/* In a child: opens and raises, and ends before its so-many-th step on the disk. True: it came to
 * the end. */
static bool raise_cut_at(const struct place *place, int step, uint64_t committed)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store_options options = {.dir = place->dir, .map_bytes = PLACE_MAP_BYTES};
        struct store *store = NULL;
        struct store_port port;
        struct high_water mark = sample;
        mark.committed = committed;
        if (store_open(&options, &store, NULL) != ERR_OK)
            _exit(1);
        store_port(store, &port);
        disk_faults.exit_at = step;
        _exit(port.raise_high_water(port.context, &mark) == ERR_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PLACE_EXIT_STATUS);
    return WEXITSTATUS(status) == 0;
}

static void a_write_cut_anywhere_leaves_the_old_or_the_new(void **state)
{
    struct place *place = *state;
    struct high_water mark = {0};
    store_close(place_open(place->dir, ERR_OK));
    for (uint64_t round = 1; round <= 2; round++) {
        int step = 1;
        while (!raise_cut_at(place, step, round)) {
            struct store *store = place_open(place->dir, ERR_OK);
            enum high_water_answer answer = store_high_water_read(store, &mark);
            store_close(store);
            assert_int_not_equal(answer, HIGH_WATER_DAMAGED);
            if (answer == HIGH_WATER_MISSING)
                assert_int_equal(round, 1);
            else
                assert_true(mark.committed == round || mark.committed == round - 1);
            assert_true(++step < STEPS_MAX);
        }
        assert_true(step >= 3); /* it was cut at every step there is */
    }
    struct store *store = place_open(place->dir, ERR_OK);
    assert_int_equal(store_high_water_read(store, &mark), HIGH_WATER_FOUND);
    assert_int_equal(mark.committed, 2);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_the_agreed_ones),
        cmocka_unit_test(every_changed_bit_is_seen),
        cmocka_unit_test_setup_teardown(it_is_found_again, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(it_may_be_ahead_of_the_store, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(damage_is_told_and_the_next_raise_repairs, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_no_failing_disk, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_write_cut_anywhere_leaves_the_old_or_the_new, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
