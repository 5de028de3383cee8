/* The checkers on a record that two machines with one key made for two seats, under one name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/check/check_parts.h"
#include "tests/sim/checks_desk.h"

static size_t found(struct desk *desk, enum finding kind)
{
    findings_clear(&desk->findings);
    check_rest(desk->model);
    if (desk->findings.count == 0)
        check_stores(desk->model);
    return desk->findings.counts[kind];
}

static size_t matter_of(const struct desk *desk)
{
    size_t place = 0;
    while (desk->model->records[place].type != MODEL_MATTER)
        place++;
    return place;
}

static void matter_key(struct desk *desk, size_t node, uint8_t key[static RECORD_KEY_BYTES])
{
    const struct model_record *record = &desk->model->records[matter_of(desk)];
    assert_true(record_key(world_view(desk->world, node), MODEL_MATTER, &record->id, key));
}

/* V1 writes to T1, its copy to C, which answers; T1 answers when it has both, of which the earlier
 * is for itself alone. */
static int start(void **state)
{
    if (desk_start(state) != 0)
        return -1;
    struct desk *desk = *state;
    struct world *world = desk->world;
    world_cut(world, V1);
    size_t copy = world_clone(world, V1);
    model_cloned(desk->model, copy);
    world_start(world, copy, 0);
    world_cut(world, copy);
    world_run_quiet(world, REST_MS);
    desk_write(desk, V1, WRITE_PUT, MODEL_MATTER, T1);
    world_run_until(world, world_now_ms(world) + REST_MS);
    desk_write(desk, copy, WRITE_PUT, MODEL_MATTER, C);
    world_heal(world, copy);
    world_run_until(world, world_now_ms(world) + REST_MS);
    desk_write(desk, C, WRITE_SET, MODEL_MATTER, matter_of(desk));
    world_end_clone(world, copy);
    model_restored(desk->model, V1);
    world_heal(world, V1);
    world_run_until(world, world_now_ms(world) + REST_MS);
    desk_write(desk, T1, WRITE_SET, MODEL_MATTER, matter_of(desk));
    world_run_until(world, world_now_ms(world) + 12 * 60 * 1000);
    return 0;
}

/* What T1 answered is at V1, and not at C. */
static void each_way_has_its_own(void **state)
{
    struct desk *desk = *state;
    const struct model_record *matter = &desk->model->records[matter_of(desk)];
    assert_true(model_has_twins(desk->model, matter));
    assert_int_equal(matter->op_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(desk->model->ops[matter->ops[i]].fate, MODEL_DONE);
    found(desk, FINDING_LOST);
    assert_int_equal(desk->findings.count, 0);
}

static void lose_record_row(struct desk *desk, size_t node)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct store_port port = desk_port(desk, node);
    matter_key(desk, node, key);
    port.remove(port.context, TABLE_RECORDS, SPAN_OF_ARRAY(key));
    port.commit(port.context);
    desk->model->records[matter_of(desk)].unchecked = true;
}

static void an_answer_that_is_lost_on_its_way_is_found(void **state)
{
    struct desk *desk = *state;
    lose_record_row(desk, T1); /* of C's answer, and of its own */
    assert_int_equal(found(desk, FINDING_WAITING), 1);
    assert_int_equal(desk->findings.counts[FINDING_LOST], 1);
}

static void what_is_not_on_its_way_is_asked_of_nobody(void **state)
{
    struct desk *desk = *state;
    lose_record_row(desk, C); /* only its own answer had to be there */
    assert_int_equal(found(desk, FINDING_LOST), 1);
    assert_int_equal(desk->findings.counts[FINDING_WAITING], 0);
}

/* V1 and T1 stand on both ways. */
static void another_state_on_the_same_ways_is_found(void **state)
{
    struct desk *desk = *state;
    const struct model_record *matter = &desk->model->records[matter_of(desk)];
    for (size_t i = 0; i < matter->op_count; i++)
        desk->model->ops[matter->ops[i]].forked = true; /* nothing is asked of these */
    lose_record_row(desk, V1);
    assert_int_equal(found(desk, FINDING_DIVERGED), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_way_has_its_own, start, desk_stop),
        cmocka_unit_test_setup_teardown(an_answer_that_is_lost_on_its_way_is_found, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(what_is_not_on_its_way_is_asked_of_nobody, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(another_state_on_the_same_ways_is_found, start, desk_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
