/* The simulator's store: right in every history, and dying in each of the ways it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/memory_store.h"
#include "tests/unit/store_history.h"

static const struct high_water mark_seven = {.epoch = 7, .committed = 70, .in_flight = 71};
static const struct high_water mark_eight = {.epoch = 8, .committed = 80, .in_flight = 81};

struct fixture {
    struct memory_store *store;
    struct store_port port;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    fixture->store = memory_store_new();
    memory_store_strict(fixture->store, true);
    memory_store_port(fixture->store, &fixture->port);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    memory_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void restart(void *context, struct store_port *port)
{
    memory_store_crash(context);
    memory_store_recover(context);
    memory_store_port(context, port);
}

static void histories_agree_with_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct memory_store *store = memory_store_new();
        memory_store_strict(store, seed % 2 == 0);
        memory_store_keep(store, (unsigned)(seed % 5));
        struct history_target target = {.context = store, .restart = restart};
        memory_store_port(store, &target.port);
        history_run(&target, seed);
        memory_store_free(store);
    }
}

/* Everything that was ever committed can be taken back, step by step, to the empty store. */
static void lost_commits_leave_what_stood_before(void **state)
{
    struct fixture *fixture = *state;
    memory_store_keep(fixture->store, 3);
    history_commit(&fixture->port, TABLE_DOCS, "a", "1", ERR_OK);
    history_commit(&fixture->port, TABLE_DOCS, "a", "2", ERR_OK);
    history_commit(&fixture->port, TABLE_DOCS, "b", "3", ERR_OK);
    fixture->port.begin(fixture->store);
    assert_int_equal(fixture->port.remove(fixture->store, TABLE_DOCS, SPAN("a", 1)), ERR_OK);
    history_put(&fixture->port, TABLE_DOCS, "b", "4", ERR_OK);
    assert_int_equal(fixture->port.commit(fixture->store), ERR_OK);

    assert_int_equal(memory_store_lose(fixture->store, 1), 1);
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "2");
    history_expect(&fixture->port.view, TABLE_DOCS, "b", "3");
    assert_int_equal(memory_store_lose(fixture->store, 9), 2); /* the first one is for good */
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "1");
    history_expect(&fixture->port.view, TABLE_DOCS, "b", NULL);
    assert_int_equal(memory_store_row_count(fixture->store, TABLE_DOCS), 1);
    assert_int_equal(memory_store_bytes(fixture->store), 2);
    assert_int_equal(memory_store_commit_count(fixture->store), 4);
}

static void a_full_commit_changes_nothing_and_the_next_works(void **state)
{
    struct fixture *fixture = *state;
    history_commit(&fixture->port, TABLE_DOCS, "a", "old", ERR_OK);
    memory_store_arm(fixture->store, MEMORY_FAULT_COMMIT_FULL);
    history_commit(&fixture->port, TABLE_DOCS, "a", "new", ERR_FULL);
    assert_int_equal(memory_store_armed(fixture->store), MEMORY_FAULT_NONE);
    assert_false(memory_store_crashed(fixture->store));
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "old");
    history_commit(&fixture->port, TABLE_DOCS, "a", "newer", ERR_OK);
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "newer");
}

static void a_failed_put_spoils_its_transaction_alone(void **state)
{
    struct fixture *fixture = *state;
    struct span value;
    history_commit(&fixture->port, TABLE_DOCS, "a", "old", ERR_OK);
    memory_store_arm(fixture->store, MEMORY_FAULT_PUT_FULL);
    fixture->port.begin(fixture->store);
    history_put(&fixture->port, TABLE_DOCS, "b", "new", ERR_FULL);
    history_put(&fixture->port, TABLE_DOCS, "c", "new", ERR_FULL);
    assert_int_equal(fixture->port.remove(fixture->store, TABLE_DOCS, SPAN("a", 1)), ERR_FULL);
    assert_int_equal(fixture->port.view.get(fixture->store, TABLE_DOCS, SPAN("a", 1), &value),
                     READ_UNREADABLE);
    assert_int_equal(fixture->port.commit(fixture->store), ERR_FULL);
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "old");
    history_expect(&fixture->port.view, TABLE_DOCS, "b", NULL);
    history_commit(&fixture->port, TABLE_DOCS, "b", "new", ERR_OK);
}

static void a_limit_refuses_growth_only(void **state)
{
    struct fixture *fixture = *state;
    history_commit(&fixture->port, TABLE_DOCS, "a", "123456789", ERR_OK);
    memory_store_limit(fixture->store, 12);
    history_commit(&fixture->port, TABLE_DOCS, "b", "123456789", ERR_FULL);
    history_commit(&fixture->port, TABLE_DOCS, "b", "1", ERR_OK); /* exactly full */
    memory_store_limit(fixture->store, 5);
    history_commit(&fixture->port, TABLE_DOCS, "b", "2", ERR_OK); /* over, but not growing */
    history_commit(&fixture->port, TABLE_DOCS, "b", "22", ERR_FULL);
    history_commit(&fixture->port, TABLE_DOCS, "a", "1", ERR_OK);
    history_expect(&fixture->port.view, TABLE_DOCS, "b", "2");
}

/* What stands after a crash at each of its points, in the rows and in the high-water file. */
static void each_crash_point_keeps_what_was_durable(void **state)
{
    (void)state;
    static const struct {
        enum memory_fault fault;
        uint32_t epoch;
        const char *value;
    } points[] = {
        {MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER, 7, "old"},
        {MEMORY_FAULT_CRASH_AFTER_HIGH_WATER, 8, "old"},
        {MEMORY_FAULT_COMMIT_IO, 8, "old"},
        {MEMORY_FAULT_CRASH_AFTER_COMMIT, 8, "new"},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        struct fixture fixture = {.store = memory_store_new()};
        struct high_water mark = {0};
        memory_store_port(fixture.store, &fixture.port);
        assert_int_equal(fixture.port.raise_high_water(fixture.store, &mark_seven), ERR_OK);
        history_commit(&fixture.port, TABLE_DOCS, "a", "old", ERR_OK);

        memory_store_arm(fixture.store, points[i].fault);
        fixture.port.begin(fixture.store);
        history_put(&fixture.port, TABLE_DOCS, "a", "new", ERR_OK);
        enum error_code code = fixture.port.raise_high_water(fixture.store, &mark_eight);
        if (code == ERR_OK)
            code = fixture.port.commit(fixture.store);
        assert_int_equal(code, ERR_IO);
        assert_true(memory_store_crashed(fixture.store));

        memory_store_recover(fixture.store);
        history_expect(&fixture.port.view, TABLE_DOCS, "a", points[i].value);
        assert_true(memory_store_high_water(fixture.store, &mark));
        assert_int_equal(mark.epoch, points[i].epoch);
        history_commit(&fixture.port, TABLE_DOCS, "a", "newest", ERR_OK);
        memory_store_free(fixture.store);
    }
}

static void a_crashed_store_answers_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct span key, value;
    history_commit(&fixture->port, TABLE_DOCS, "a", "old", ERR_OK);
    fixture->port.begin(fixture->store);
    history_put(&fixture->port, TABLE_DOCS, "a", "new", ERR_OK);
    memory_store_crash(fixture->store);
    const struct view *view = &fixture->port.view;
    assert_int_equal(view->get(fixture->store, TABLE_DOCS, SPAN("a", 1), &value), READ_UNREADABLE);
    assert_int_equal(view->next(fixture->store, TABLE_DOCS, SPAN_EMPTY, &key, &value),
                     READ_UNREADABLE);
    assert_int_equal(view->previous(fixture->store, TABLE_DOCS, SPAN("z", 1), &key, &value),
                     READ_UNREADABLE);
    history_put(&fixture->port, TABLE_DOCS, "b", "new", ERR_IO);
    assert_int_equal(fixture->port.raise_high_water(fixture->store, &mark_seven), ERR_IO);
    fixture->port.abort(fixture->store);
    memory_store_recover(fixture->store);
    history_expect(view, TABLE_DOCS, "a", "old");
}

static void the_high_water_file_lives_on_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct high_water mark = {0};
    assert_false(memory_store_high_water(fixture->store, &mark));
    memory_store_arm(fixture->store, MEMORY_FAULT_HIGH_WATER_FULL);
    assert_int_equal(fixture->port.raise_high_water(fixture->store, &mark_seven), ERR_FULL);
    assert_false(memory_store_high_water(fixture->store, &mark));
    history_commit(&fixture->port, TABLE_DOCS, "a", "old", ERR_OK);
    assert_int_equal(fixture->port.raise_high_water(fixture->store, &mark_seven), ERR_OK);

    struct memory_store *image = memory_store_clone(fixture->store);
    assert_true(memory_store_high_water(image, &mark));
    history_commit(&fixture->port, TABLE_DOCS, "a", "new", ERR_OK);
    history_commit(&fixture->port, TABLE_NOTES, "b", "new", ERR_OK);
    assert_int_equal(fixture->port.raise_high_water(fixture->store, &mark_eight), ERR_OK);

    memory_store_copy_back(fixture->store, image);
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "old");
    history_expect(&fixture->port.view, TABLE_NOTES, "b", NULL);
    assert_int_equal(memory_store_bytes(fixture->store), memory_store_bytes(image));
    assert_true(memory_store_high_water(fixture->store, &mark));
    assert_int_equal(mark.epoch, 8);
    memory_store_high_water(image, &mark);
    memory_store_set_high_water(fixture->store, &mark);
    assert_true(memory_store_high_water(fixture->store, &mark));
    assert_int_equal(mark.epoch, 7);
    memory_store_set_high_water(fixture->store, NULL);
    assert_false(memory_store_high_water(fixture->store, &mark));
    memory_store_free(image);
}

struct heard {
    struct fixture *fixture;
    unsigned rows, others, durable;
};

static void on_changed(void *context, enum table table, struct span key)
{
    struct heard *heard = context;
    struct span value;
    heard->rows += table == TABLE_META && span_equal(key, span_of_text("a"));
    heard->others += table == TABLE_COUNT;
    heard->durable +=
        !memory_store_is_open(heard->fixture->store) && table == TABLE_META &&
        heard->fixture->port.view.get(heard->fixture->store, table, key, &value) == READ_FOUND;
}

static void a_watcher_hears_what_is_durable_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {.fixture = fixture};
    const struct store_port *port = &fixture->port;
    memory_store_watch(fixture->store, &heard, on_changed);
    memory_store_keep(fixture->store, 1);
    port->begin(port->context);
    port->put(port->context, TABLE_META, span_of_text("a"), span_of_text("1"));
    assert_true(memory_store_is_open(fixture->store));
    port->abort(port->context);
    assert_int_equal(heard.rows, 0);
    port->begin(port->context);
    port->put(port->context, TABLE_META, span_of_text("a"), span_of_text("1"));
    memory_store_arm(fixture->store, MEMORY_FAULT_COMMIT_FULL);
    port->commit(port->context);
    assert_int_equal(heard.rows, 0);
    port->begin(port->context);
    port->put(port->context, TABLE_META, span_of_text("a"), span_of_text("1"));
    memory_store_arm(fixture->store, MEMORY_FAULT_CRASH_AFTER_COMMIT);
    port->commit(port->context);
    assert_int_equal(heard.rows, 1);
    assert_int_equal(heard.durable, 1);
    assert_int_equal(heard.others, 0);
    memory_store_recover(fixture->store);
    assert_int_equal(memory_store_lose(fixture->store, 1), 1);
    assert_int_equal(heard.others, 1);
    struct memory_store *image = memory_store_clone(fixture->store);
    memory_store_copy_back(fixture->store, image);
    memory_store_free(image);
    assert_int_equal(heard.others, 2);
}

static void a_clone_goes_its_own_way(void **state)
{
    struct fixture *fixture = *state;
    struct store_port port;
    history_commit(&fixture->port, TABLE_DOCS, "a", "shared", ERR_OK);
    struct memory_store *clone = memory_store_clone(fixture->store);
    memory_store_port(clone, &port);
    history_commit(&port, TABLE_DOCS, "a", "theirs", ERR_OK);
    history_commit(&fixture->port, TABLE_DOCS, "a", "ours", ERR_OK);
    history_expect(&port.view, TABLE_DOCS, "a", "theirs");
    history_expect(&fixture->port.view, TABLE_DOCS, "a", "ours");
    memory_store_free(clone);
}

static void a_damaged_row_is_unreadable_until_replaced(void **state)
{
    struct fixture *fixture = *state;
    const struct view *view = &fixture->port.view;
    struct span key, value;
    history_commit(&fixture->port, TABLE_DOCS, "a", "1", ERR_OK);
    history_commit(&fixture->port, TABLE_DOCS, "c", "3", ERR_OK);
    assert_false(memory_store_damage(fixture->store, TABLE_DOCS, SPAN("b", 1)));
    assert_true(memory_store_damage(fixture->store, TABLE_DOCS, SPAN("c", 1)));
    assert_int_equal(view->get(fixture->store, TABLE_DOCS, SPAN("c", 1), &value), READ_UNREADABLE);
    assert_int_equal(view->next(fixture->store, TABLE_DOCS, SPAN("b", 1), &key, &value),
                     READ_UNREADABLE);
    assert_int_equal(view->previous(fixture->store, TABLE_DOCS, SPAN("b", 1), &key, &value),
                     READ_FOUND);
    history_commit(&fixture->port, TABLE_DOCS, "c", "again", ERR_OK);
    history_expect(view, TABLE_DOCS, "c", "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_agree_with_an_array),
        cmocka_unit_test_setup_teardown(lost_commits_leave_what_stood_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_commit_changes_nothing_and_the_next_works, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failed_put_spoils_its_transaction_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_limit_refuses_growth_only, setup, teardown),
        cmocka_unit_test(each_crash_point_keeps_what_was_durable),
        cmocka_unit_test_setup_teardown(a_crashed_store_answers_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_high_water_file_lives_on_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_goes_its_own_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watcher_hears_what_is_durable_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_row_is_unreadable_until_replaced, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
