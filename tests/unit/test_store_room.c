/* How much room there is, and what is kept back: the ballast of the disk, the last part of the map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "tests/unit/store_history.h"
#include "tests/unit/store_place.h"

enum { VALUE_BYTES = 60000, ROWS_MAX = PLACE_MAP_BYTES / VALUE_BYTES };

static void key_of(unsigned number, char key[static 16])
{
    snprintf(key, 16, "row%05u", number);
}

static enum error_code put_row(const struct store_port *port, unsigned number)
{
    static char value[VALUE_BYTES];
    char key[16];
    key_of(number, key);
    port->begin(port->context);
    port->put(port->context, TABLE_DOCS, span_of_text(key), SPAN(value, sizeof value));
    return port->commit(port->context);
}

static void remove_row(const struct store_port *port, unsigned number)
{
    char key[16];
    key_of(number, key);
    port->begin(port->context);
    assert_int_equal(port->remove(port->context, TABLE_DOCS, span_of_text(key)), ERR_OK);
    assert_int_equal(port->commit(port->context), ERR_OK);
}

static void the_ballast_is_freed_and_made_again(void **state)
{
    struct place *place = *state;
    struct stat status;
    char path[PLACE_PATH_BYTES_MAX];
    struct store *store = place_open(place->dir, ERR_OK);
    assert_false(place_exists(place, "ballast"));
    assert_int_equal(store_level_look(store, false), STORE_ROOMY);
    place_path(place, "node/ballast", path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, BALLAST_BYTES_MIN);
    assert_true(status.st_blocks * 512 >= BALLAST_BYTES_MIN); /* no hole */
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(store_level_look(store, true), STORE_TIGHT);
    assert_false(place_exists(place, "ballast"));
    assert_int_equal(store_level_look(store, true), STORE_FULL); /* nothing is left to free */
    assert_int_equal(store_level_look(store, false), STORE_ROOMY);
    assert_true(place_exists(place, "ballast"));
    store_close(store);
    store = place_open(place->dir, ERR_OK); /* it stands over a restart */
    assert_int_equal(store_level_look(store, true), STORE_FULL);
    assert_int_equal(store_level_look(store, false), STORE_ROOMY);
    place_truncate(place, "ballast", 4096);
    store_close(store);
    store = place_open(place->dir, ERR_OK);
    assert_int_equal(store_level_look(store, false), STORE_ROOMY);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, BALLAST_BYTES_MIN);
    store_close(store);
}

/* Writes end before the map does; what must be written still can be. */
static void the_last_of_the_map_is_kept_back(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct store_fullness room;
    struct store *store = place_open(place->dir, ERR_OK);
    unsigned count = 0, more = 0;
    store_port(store, &port);
    while (store_level_look(store, false) == STORE_ROOMY) {
        assert_int_equal(put_row(&port, count), ERR_OK);
        assert_true(++count < ROWS_MAX);
    }
    assert_int_equal(store_level_look(store, false), STORE_TIGHT);
    assert_true(place_exists(place, "ballast")); /* the disk has nothing to do with it */
    store_fullness(store, &room);
    assert_false(room.disk_is_nearer);
    assert_in_range(room.percent, 90, 94);
    assert_int_equal(room.map_bytes, PLACE_MAP_BYTES);
    while (put_row(&port, count + more) == ERR_OK)
        assert_true(++more < ROWS_MAX);
    assert_true(more > 5);
    assert_int_equal(store_level_look(store, true), STORE_FULL);
    assert_int_equal(store_level_look(store, false), STORE_FULL); /* as long as nothing goes */
    assert_true(place_exists(place, "ballast"));
    for (unsigned i = 0; i < count + more; i += 2)
        remove_row(&port, i);
    assert_int_equal(store_level_look(store, false), STORE_ROOMY);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
        TEST(the_ballast_is_freed_and_made_again),
        TEST(the_last_of_the_map_is_kept_back),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
