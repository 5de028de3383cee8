/* The store on LMDB: the same histories as the simulator's, and what a real disk adds: a full map,
 * a full disk, a failing disk, readers in other threads and processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/store/store.h"
#include "tests/unit/store_history.h"
#include "tests/unit/store_place.h"

enum {
    HISTORIES = 12,
    ROWS = 200,
    SMALL_MAP_BYTES = 512 << 10,
    BIG_VALUE_BYTES = 3000,
};

struct reopened {
    const char *dir;
    struct store *store;
};

static void restart(void *context, struct store_port *port)
{
    struct reopened *reopened = context;
    store_close(reopened->store);
    reopened->store = place_open(reopened->dir, ERR_OK);
    store_port(reopened->store, port);
}

static void histories_agree_with_an_array(void **state)
{
    struct place *place = *state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        char name[16], dir[PLACE_PATH_BYTES_MAX];
        snprintf(name, sizeof name, "node%d", (int)seed);
        place_path(place, name, dir);
        struct reopened reopened = {dir, place_open(dir, ERR_OK)};
        struct history_target target = {.context = &reopened, .restart = restart};
        store_port(reopened.store, &target.port);
        history_run(&target, seed);
        store_close(reopened.store);
    }
}

static struct store *open_port(const struct place *place, struct store_port *port)
{
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, port);
    return store;
}

static void numbered_key(char key[static 16], unsigned number)
{
    snprintf(key, 16, "row%05u", number);
}

/* Commits rows of BIG_VALUE_BYTES until the map is full; answers how many fit. */
static unsigned fill(const struct store_port *port)
{
    static char value[BIG_VALUE_BYTES + 1];
    char key[16];
    memset(value, 'v', BIG_VALUE_BYTES);
    for (unsigned count = 0;; count++) {
        numbered_key(key, count);
        port->begin(port->context);
        enum error_code put =
            port->put(port->context, TABLE_DOCS, span_of_text(key), span_of_text(value));
        enum error_code commit = port->commit(port->context);
        assert_true(put == ERR_OK || commit == ERR_FULL);
        if (commit == ERR_FULL)
            return count;
        assert_int_equal(commit, ERR_OK);
        assert_true(count < SMALL_MAP_BYTES / BIG_VALUE_BYTES);
    }
}

static void a_full_map_refuses_and_goes_on(void **state)
{
    struct place *place = *state;
    struct store_options options = {.dir = place->dir, .map_bytes = SMALL_MAP_BYTES};
    struct store *store = NULL;
    struct store_port port;
    struct span value;
    char key[16];
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    assert_int_equal(store_map_bytes(store), SMALL_MAP_BYTES);
    store_port(store, &port);
    unsigned count = fill(&port);
    assert_true(count > 50);
    assert_true(store_used_bytes(store) > SMALL_MAP_BYTES * 3 / 4);
    assert_true(store_used_bytes(store) <= SMALL_MAP_BYTES);

    /* Reads go on; nothing of the refused commit is there; deleting makes room. */
    for (unsigned i = 0; i <= count; i++) {
        numbered_key(key, i);
        assert_int_equal(port.view.get(store, TABLE_DOCS, span_of_text(key), &value),
                         i < count ? READ_FOUND : READ_ABSENT);
    }
    for (unsigned i = 0; i < count / 2; i++) {
        numbered_key(key, i);
        port.begin(store);
        assert_int_equal(port.remove(store, TABLE_DOCS, span_of_text(key)), ERR_OK);
        assert_int_equal(port.commit(store), ERR_OK);
    }
    assert_true(store_used_bytes(store) < SMALL_MAP_BYTES * 3 / 4);
    history_commit(&port, TABLE_NOTES, "alarm", "the map was full", ERR_OK);
    store_close(store);
}

static void a_larger_map_takes_effect_at_the_next_start(void **state)
{
    struct place *place = *state;
    struct store_options options = {.dir = place->dir, .map_bytes = SMALL_MAP_BYTES / 2};
    struct store *store = NULL;
    struct store_port port;
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_port(store, &port);
    unsigned count = fill(&port);
    store_close(store);
    options.map_bytes = SMALL_MAP_BYTES;
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_port(store, &port);
    assert_true(fill(&port) > count + count / 2);
    store_close(store);
}

static void a_put_that_fails_spoils_its_transaction(void **state)
{
    struct place *place = *state;
    struct store_options options = {.dir = place->dir, .map_bytes = SMALL_MAP_BYTES};
    struct store *store = NULL;
    struct store_port port;
    struct span value;
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_port(store, &port);
    history_commit(&port, TABLE_DOCS, "a", "old", ERR_OK);
    uint8_t *large = mem_alloc(SMALL_MAP_BYTES);
    port.begin(store);
    history_put(&port, TABLE_DOCS, "a", "new", ERR_OK);
    assert_int_equal(port.put(store, TABLE_DOCS, SPAN("b", 1), SPAN(large, SMALL_MAP_BYTES)),
                     ERR_FULL);
    history_put(&port, TABLE_DOCS, "c", "new", ERR_FULL);
    assert_int_equal(port.remove(store, TABLE_DOCS, SPAN("a", 1)), ERR_FULL);
    assert_int_equal(port.view.get(store, TABLE_DOCS, SPAN("a", 1), &value), READ_UNREADABLE);
    assert_int_equal(port.commit(store), ERR_FULL);
    history_expect(&port.view, TABLE_DOCS, "a", "old");
    history_commit(&port, TABLE_DOCS, "a", "newer", ERR_OK);
    free(large);
    store_close(store);
}

/* A commit of several pages, so that LMDB writes them in one vector. */
static enum error_code commit_pages(const struct store_port *port, char fill_with)
{
    static char value[BIG_VALUE_BYTES + 1];
    memset(value, fill_with, BIG_VALUE_BYTES);
    port->begin(port->context);
    history_put(port, TABLE_DOCS, "a", value, ERR_OK);
    history_put(port, TABLE_DOCS, "b", value, ERR_OK);
    history_put(port, TABLE_NOTES, "c", value, ERR_OK);
    return port->commit(port->context);
}

static char first_letter(const struct store_port *port)
{
    struct span value = SPAN_EMPTY;
    assert_int_equal(port->view.get(port->context, TABLE_DOCS, SPAN("a", 1), &value), READ_FOUND);
    assert_int_equal(value.size, BIG_VALUE_BYTES);
    return (char)value.data[0];
}

static void a_full_disk_refuses_and_goes_on(void **state)
{
    struct place *place = *state;
    static const struct disk_faults faults[] = {
        {.write_error = ENOSPC},
        {.write_error = EDQUOT},
        {.fdatasync_error = ENOSPC},
        {.short_writes = true, .probe_is_refused = true},
    };
    struct store_port port;
    struct store *store = open_port(place, &port);
    assert_int_equal(commit_pages(&port, 'o'), ERR_OK);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        disk_faults = faults[i];
        assert_int_equal(commit_pages(&port, 'n'), ERR_FULL);
        disk_faults = (struct disk_faults){0};
        assert_int_equal(first_letter(&port), 'o');
        history_commit(&port, TABLE_NOTES, "alarm", "the disk was full", ERR_OK);
    }
    store_close(store);
}

static void a_failing_disk_ends_the_store(void **state)
{
    struct place *place = *state;
    static const struct disk_faults faults[] = {
        {.write_error = EIO},
        {.fdatasync_error = EIO},
        {.short_writes = true}, /* with room left: not a full disk */
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct store_port port;
        struct high_water mark = {.epoch = 1};
        struct span value;
        struct store *store = open_port(place, &port);
        assert_int_equal(commit_pages(&port, 'o'), ERR_OK);
        disk_faults = faults[i];
        assert_int_equal(commit_pages(&port, 'n'), ERR_IO);
        disk_faults = (struct disk_faults){0};
        /* The disk is well again; this process must not trust it. */
        assert_int_equal(port.view.get(store, TABLE_DOCS, SPAN("a", 1), &value), READ_UNREADABLE);
        port.begin(store);
        history_put(&port, TABLE_DOCS, "a", "new", ERR_IO);
        assert_int_equal(port.commit(store), ERR_IO);
        assert_int_equal(port.raise_high_water(store, &mark), ERR_IO);
        store_close(store);

        store = open_port(place, &port);
        assert_int_equal(first_letter(&port), 'o');
        store_close(store);
    }
}

/* The high-water file fails between put and commit: what may not be sent may not be kept. */
static void a_failed_high_water_file_stops_the_commit(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct high_water mark = {.epoch = 1};
    struct store *store = open_port(place, &port);
    history_commit(&port, TABLE_DOCS, "a", "old", ERR_OK);
    port.begin(store);
    history_put(&port, TABLE_DOCS, "a", "new", ERR_OK);
    disk_faults = (struct disk_faults){.fdatasync_error = EIO};
    assert_int_equal(port.raise_high_water(store, &mark), ERR_IO);
    disk_faults = (struct disk_faults){0};
    assert_int_equal(port.commit(store), ERR_IO);
    store_close(store);
    store = open_port(place, &port);
    history_expect(&port.view, TABLE_DOCS, "a", "old");
    store_close(store);
}

static void reads_outside_a_transaction_see_the_last_commit(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct store *store = open_port(place, &port);
    history_expect(&port.view, TABLE_DOCS, "a", NULL);
    history_commit(&port, TABLE_DOCS, "a", "1", ERR_OK);
    history_expect(&port.view, TABLE_DOCS, "a", "1");
    port.begin(store);
    history_put(&port, TABLE_DOCS, "a", "2", ERR_OK);
    history_expect(&port.view, TABLE_DOCS, "a", "2");
    port.abort(store);
    history_expect(&port.view, TABLE_DOCS, "a", "1");
    store_close(store);
}

static void commit_rows(const struct store_port *port, unsigned count, const char *value)
{
    char key[16];
    port->begin(port->context);
    for (unsigned i = 0; i < count; i++) {
        numbered_key(key, i);
        history_put(port, TABLE_DOCS, key, value, ERR_OK);
    }
    assert_int_equal(port->commit(port->context), ERR_OK);
}

/* Reads a snapshot again and again; the first thing that isn't as it began ends it. */
struct reading {
    struct view view;
    const char *expected;
    unsigned rounds, rows_seen, wrong;
};

static void *read_rounds(void *context)
{
    struct reading *reading = context;
    for (unsigned round = 0; round < reading->rounds; round++) {
        for (unsigned i = 0; i < ROWS; i++) {
            char key[16];
            struct span found = SPAN_EMPTY;
            numbered_key(key, i);
            enum read_answer answer =
                reading->view.get(reading->view.context, TABLE_DOCS, span_of_text(key), &found);
            reading->rows_seen += answer == READ_FOUND;
            reading->wrong += !span_equal(found, span_of_text(reading->expected));
        }
    }
    return NULL;
}

static void a_snapshot_stands_still_while_the_writer_commits(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct store *store = open_port(place, &port);
    struct store_snapshot *snapshot = NULL;
    struct reading reading = {.expected = "first", .rounds = 40};
    commit_rows(&port, ROWS, "first");
    assert_int_equal(store_snapshot_begin(store, &snapshot, &reading.view, NULL), ERR_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_rounds, &reading), 0);
    for (unsigned i = 0; i < 40; i++)
        commit_rows(&port, ROWS, i % 2 == 0 ? "second" : "third");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(reading.rows_seen, ROWS * 40);
    assert_int_equal(reading.wrong, 0);
    history_expect(&reading.view, TABLE_DOCS, "row00000", "first");
    store_snapshot_end(snapshot);

    assert_int_equal(store_snapshot_begin(store, &snapshot, &reading.view, NULL), ERR_OK);
    reading.rows_seen = 0;
    reading.rounds = 1;
    read_rounds(&reading);
    assert_int_equal(reading.wrong, ROWS); /* the check can see a change */
    history_expect(&reading.view, TABLE_DOCS, "row00000", "third");
    store_snapshot_end(snapshot);
    store_close(store);
}

static void snapshots_are_bounded(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct store *store = open_port(place, &port);
    struct store_snapshot *snapshots[STORE_READERS_MAX + 1] = {NULL};
    struct view view;
    struct error error = {0};
    size_t count = 0;
    enum error_code code = ERR_OK;
    while (count <= STORE_READERS_MAX &&
           (code = store_snapshot_begin(store, &snapshots[count], &view, &error)) == ERR_OK)
        count++;
    assert_int_equal(code, ERR_BUSY);
    assert_int_equal(count, STORE_READERS_MAX);
    assert_true(error.next[0] != 0);
    for (size_t i = 0; i < count; i++)
        store_snapshot_end(snapshots[i]);
    assert_int_equal(store_snapshot_begin(store, &snapshots[0], &view, NULL), ERR_OK);
    store_snapshot_end(snapshots[0]);
    store_close(store);
}

static void a_second_process_walks_beside_the_writer(void **state)
{
    struct place *place = *state;
    struct walker walker;
    struct store_port port;
    walker_start(&walker, place->dir);
    struct store *store = open_port(place, &port);
    commit_rows(&port, 10, "v");
    assert_int_equal(walker_ask(&walker, 'o'), 0);
    assert_int_equal(walker_ask(&walker, 'b'), 0);
    assert_int_equal(walker_ask(&walker, 'n'), 10);
    commit_rows(&port, 30, "w");
    assert_int_equal(walker_ask(&walker, 'n'), 10);
    assert_int_equal(walker_ask(&walker, 'e'), 0);
    assert_int_equal(walker_ask(&walker, 'b'), 0);
    assert_int_equal(walker_ask(&walker, 'n'), 30);
    assert_int_equal(walker_ask(&walker, 'e'), 0);
    assert_int_equal(walker_ask(&walker, 'c'), 0);
    commit_rows(&port, 40, "x");
    store_close(store);

    /* And with nobody there. */
    assert_int_equal(walker_ask(&walker, 'o'), 0);
    assert_int_equal(walker_ask(&walker, 'b'), 0);
    assert_int_equal(walker_ask(&walker, 'n'), 40);
    walker_kill(&walker);
}

static void a_killed_reader_is_cleared(void **state)
{
    struct place *place = *state;
    struct walker walker;
    struct store_port port;
    walker_start(&walker, place->dir);
    struct store *store = open_port(place, &port);
    assert_int_equal(walker_ask(&walker, 'o'), 0);
    assert_int_equal(walker_ask(&walker, 'b'), 0);
    assert_int_equal(store_reader_check(store), 0);
    walker_kill(&walker);
    assert_int_equal(store_reader_check(store), 1);
    assert_int_equal(store_reader_check(store), 0);
    store_close(store);
}

/* LMDB's pages as they lie in the file: flags, the end of the list of places, the list. */
enum { PAGE_BYTES = 4096, PAGE_FLAGS = 10, PAGE_LIST_END = 12, PAGE_LIST = 16, NODE_KEY = 8 };
enum { PAGE_LEAF = 2, NUMBER_AT = 3, NUMBER_DIGITS = 5, NO_ROW = -1 };

static int number_of_row(const uint8_t *page, size_t index)
{
    uint16_t place;
    char digits[NUMBER_DIGITS + 1] = {0};
    memcpy(&place, page + PAGE_LIST + index * sizeof place, sizeof place);
    const uint8_t *key = page + place + NODE_KEY;
    if (place > PAGE_BYTES - NODE_KEY - NUMBER_AT - NUMBER_DIGITS || memcmp(key, "row", NUMBER_AT))
        return NO_ROW;
    memcpy(digits, key + NUMBER_AT, NUMBER_DIGITS);
    return atoi(digits);
}

/* Numbers of the first and the last row of a leaf page; false: it is none of these rows. */
static bool rows_of_page(const uint8_t *page, int *first, int *last)
{
    uint16_t end;
    memcpy(&end, page + PAGE_LIST_END, sizeof end);
    if (page[PAGE_FLAGS] != PAGE_LEAF || end <= PAGE_LIST || end > PAGE_BYTES)
        return false;
    *first = number_of_row(page, 0);
    *last = number_of_row(page, (end - PAGE_LIST) / sizeof end - 1);
    return *first != NO_ROW && *last != NO_ROW;
}

/* The bytes of the first page of rows over those of the next. */
static void repeat_a_page(const struct place *place)
{
    struct buffer bytes = {0};
    uint8_t *page = NULL, *next = NULL;
    int first, last, after = NO_ROW;
    place_read(place, "data/data.mdb", &bytes);
    for (size_t at = 0; at + PAGE_BYTES <= bytes.size; at += PAGE_BYTES) {
        if (rows_of_page(bytes.data + at, &first, &last) && first == 0) {
            page = bytes.data + at;
            after = last + 1;
        }
    }
    for (size_t at = 0; at + PAGE_BYTES <= bytes.size; at += PAGE_BYTES) {
        if (rows_of_page(bytes.data + at, &first, &last) && first == after)
            next = bytes.data + at;
    }
    assert_true(page != NULL && next != NULL);
    memcpy(next, page, PAGE_BYTES);
    place_write(place, "data/data.mdb", span_of_buffer(&bytes));
    buffer_free(&bytes);
}

/* A page whose keys stand before those of the page that leads to it: a walk that believed it would
 * go round and round. */
static void keys_out_of_order_are_unreadable(void **state)
{
    enum { MANY = 1000 };
    struct place *place = *state;
    struct store_port port;
    struct span key, value;
    struct store *store = open_port(place, &port);
    char from[16];
    port.begin(store);
    for (unsigned i = 0; i < MANY; i++) {
        numbered_key(from, i);
        assert_int_equal(port.put(store, TABLE_NOTES, span_of_text(from), SPAN_OF_ARRAY(from)),
                         ERR_OK);
    }
    assert_int_equal(port.commit(store), ERR_OK);
    store_close(store);
    repeat_a_page(place);
    store = open_port(place, &port);
    enum read_answer answer = READ_FOUND;
    struct buffer at = {0};
    unsigned steps = 0;
    buffer_append_byte(&at, 'r');
    while (steps <= MANY && (answer = port.view.next(store, TABLE_NOTES, span_of_buffer(&at), &key,
                                                     &value)) == READ_FOUND) {
        buffer_clear(&at);
        buffer_append_span(&at, key);
        buffer_append_byte(&at, 0);
        steps++;
    }
    assert_int_equal(answer, READ_UNREADABLE);
    buffer_free(&at);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(histories_agree_with_an_array, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_full_map_refuses_and_goes_on, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_larger_map_takes_effect_at_the_next_start, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_put_that_fails_spoils_its_transaction, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_goes_on, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_failing_disk_ends_the_store, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_failed_high_water_file_stops_the_commit, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(reads_outside_a_transaction_see_the_last_commit,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_stands_still_while_the_writer_commits,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(snapshots_are_bounded, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_second_process_walks_beside_the_writer, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_killed_reader_is_cleared, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(keys_out_of_order_are_unreadable, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
