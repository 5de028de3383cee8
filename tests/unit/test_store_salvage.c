/* Rows read from pages by themselves: all that LMDB holds, long values too, and nothing but
 * refusals from pages that are not what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/store/store.h"
#include "node/store/store_salvage.h"
#include "tests/scratch.h"

enum { ROWS = 400, LONG_BYTES = 9000 };

static char dir[96];

static struct store *open_place(struct store_port *port)
{
    struct store_options options = {.dir = dir, .map_bytes = 64 << 20};
    struct store *store;
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_port(store, port);
    return store;
}

static void key_of(size_t i, uint8_t key[static 10])
{
    snprintf((char *)key, 10, "row %05zu", i);
}

/* Short values, long ones, none. */
static void value_of(size_t i, struct buffer *value)
{
    size_t size = i % 10 == 0 ? LONG_BYTES + i : i % 7 == 0 ? 0 : 20 + i;
    buffer_clear(value);
    for (size_t k = 0; k < size; k++)
        buffer_append_byte(value, (uint8_t)(i + k));
}

static void fill(void)
{
    struct store_port port;
    struct store *store = open_place(&port);
    struct buffer value = {0};
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t key[10];
        key_of(i, key);
        value_of(i, &value);
        if (i % 50 == 0)
            port.begin(port.context);
        assert_int_equal(port.put(port.context, TABLE_CELLS, SPAN(key, 9), span_of_buffer(&value)),
                         ERR_OK);
        if (i % 50 == 49)
            assert_int_equal(port.commit(port.context), ERR_OK);
    }
    buffer_free(&value);
    store_close(store);
}

struct seen {
    struct store_pages *pages;
    bool rows[ROWS];
    size_t count;
};

static void on_row(void *context, struct span key, struct span value, uint64_t place)
{
    struct seen *seen = context;
    struct buffer expected = {0};
    size_t i;
    seen->count++;
    if (key.size != 9 || sscanf((const char *)key.data, "row %5zu", &i) != 1 || i >= ROWS)
        return;
    value_of(i, &expected);
    if (span_equal(value, span_of_buffer(&expected))) {
        uint8_t *again = mem_alloc(value.size + 1);
        assert_true(store_pages_bytes(seen->pages, place, value.size, again));
        assert_memory_equal(again, value.data, value.size);
        free(again);
        seen->rows[i] = true;
    }
    buffer_free(&expected);
}

static size_t read_all(struct seen *seen)
{
    size_t found = 0;
    *seen = (struct seen){0};
    assert_int_equal(store_pages_open(dir, &seen->pages, NULL), ERR_OK);
    for (uint64_t i = 0; i < store_pages_count(seen->pages); i++)
        store_pages_rows(seen->pages, i, seen, on_row);
    store_pages_close(seen->pages);
    for (size_t i = 0; i < ROWS; i++)
        found += seen->rows[i];
    return found;
}

static void every_row_is_found(void **state)
{
    static struct seen seen;
    (void)state;
    assert_int_equal(read_all(&seen), ROWS);
}

static uint32_t drawn(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* Any bytes may stand in the file: the sanitizers see what is followed too far. */
static void any_bytes_are_survived(void **state)
{
    static struct seen seen;
    char path[128];
    struct stat status;
    uint64_t seed = 7;
    (void)state;
    snprintf(path, sizeof path, "%s/data/data.mdb", dir);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(stat(path, &status), 0);
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned i = 0; i < 40; i++) { /* heads of pages and of nodes are hit often */
            long page = (long)(drawn(&seed) % (uint32_t)(status.st_size / 4096));
            long at = drawn(&seed) % 2 == 0 ? 10 + (long)(drawn(&seed) % 54)
                                            : (long)(drawn(&seed) % 4096);
            assert_int_equal(fseek(file, page * 4096 + at, SEEK_SET), 0);
            assert_int_not_equal(fputc((int)(drawn(&seed) & 0xff), file), EOF);
        }
        assert_int_equal(fflush(file), 0);
        assert_true(read_all(&seen) < ROWS || round < 3);
    }
    fclose(file);
}

static bool is_there(const char *name)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &status) == 0;
}

static void make_salvage(void)
{
    char path[128];
    struct store_options options = {.dir = path, .map_bytes = 64 << 20};
    struct store *store;
    snprintf(path, sizeof path, "%s/salvage", dir);
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_close(store);
}

/* The old store is kept under a name of its own each time. */
static void the_stores_change_places(void **state)
{
    char kept[32];
    (void)state;
    for (unsigned i = 1; i <= 2; i++) {
        char expected[32];
        make_salvage();
        assert_int_equal(store_salvage_swap(dir, kept, NULL), ERR_OK);
        assert_int_equal(store_salvage_discard(dir, NULL), ERR_OK);
        snprintf(expected, sizeof expected, "data.damaged-%u", i);
        assert_string_equal(kept, expected);
        assert_true(is_there(kept) && is_there("data/data.mdb") && !is_there("salvage"));
    }
}

/* A cut between the two renames leaves no `data`: the next start brings the new one in. */
static void a_swap_cut_in_half_is_finished(void **state)
{
    char data[128], aside[128];
    (void)state;
    make_salvage();
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(aside, sizeof aside, "%s/data.damaged-3", dir);
    assert_int_equal(rename(data, aside), 0);
    assert_int_equal(store_salvage_finish(dir, NULL), ERR_OK);
    assert_true(is_there("data/data.mdb"));
    assert_int_equal(store_salvage_finish(dir, NULL), ERR_OK); /* nothing to do */
    assert_int_equal(store_salvage_discard(dir, NULL), ERR_OK);
}

static void a_served_directory_is_not_touched(void **state)
{
    struct store_port port;
    struct error error;
    (void)state;
    struct store *store = open_place(&port);
    assert_int_equal(store_salvage_lock(dir, &error), -1);
    assert_int_equal(error.code, ERR_BUSY);
    store_close(store);
    int lock = store_salvage_lock(dir, &error);
    assert_true(lock >= 0);
    close(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(the_stores_change_places),
        cmocka_unit_test(a_swap_cut_in_half_is_finished),
        cmocka_unit_test(a_served_directory_is_not_touched),
    };
    assert_true(scratch_make(dir, sizeof dir, "terrace-salvage"));
    fill();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return failed + (system(command) != 0);
}
