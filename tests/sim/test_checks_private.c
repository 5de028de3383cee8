/* The checkers on what is private: a visit with its companion, in a small county at rest, and on
 * what is planted in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/check/model_case.h"
#include "tests/sim/checks_desk.h"

static size_t found(struct desk *desk, enum finding kind)
{
    findings_clear(&desk->findings);
    check_circles(desk->model);
    check_rest(desk->model);
    check_stores(desk->model);
    check_totals(desk->model);
    return desk->findings.counts[kind];
}

static void settle(struct desk *desk)
{
    world_run_until(desk->world, world_now_ms(desk->world) + 12 * 60 * 1000);
}

/* What one request says in the open and in private is two writes, with two markers. */
static uint64_t say(struct desk *desk, size_t node, enum write_kind kind, size_t record)
{
    struct model_value values[] = {{.field = kind == WRITE_PUT ? MODEL_TITLE : MODEL_S},
                                   {.field = MODEL_NAME}};
    model_marker_of(desk->model->op_count + 1, values[0].text);
    model_marker_of(desk->model->op_count + 2, values[1].text);
    uint64_t serial = model_write(desk->model, node, kind, MODEL_VISIT, record, values, 2);
    world_run_quiet(desk->world, REST_MS);
    return serial;
}

/* A visit of V1's about which nothing is said in private yet. */
static uint64_t say_once(struct desk *desk)
{
    struct model_value title = {.field = MODEL_TITLE};
    model_marker(desk->model, title.text);
    uint64_t serial = model_write(desk->model, V1, WRITE_PUT, MODEL_VISIT, 0, &title, 1);
    world_run_quiet(desk->world, REST_MS);
    return serial;
}

static uint64_t hand(struct desk *desk, size_t node, size_t record, size_t to)
{
    struct model_value values[] = {
        {.field = FIELD_TRANSITION, .number = model_step_named(MODEL_VISIT, "hand")->number},
        {.field = MODEL_S}};
    model_marker(desk->model, values[1].text);
    uint64_t serial = model_hand(desk->model, node, record, values, 2, to);
    world_run_quiet(desk->world, REST_MS);
    return serial;
}

/* V1's visit, which T1 holds without what is private and C with it. */
static int start(void **state)
{
    struct world_options options = {.delay_ms_min = 1, .delay_ms_max = 1};
    struct desk *desk = mem_alloc(sizeof *desk);
    if (!crypto_start())
        return -1;
    desk->county = county_new(desk_rows, SEATS, 0);
    desk->model = model_new(desk->county, &desk->findings);
    desk->model->changing = true;
    struct world_hooks hooks = model_hooks(desk->model);
    desk->world = world_new(desk->county, &options, 1, &hooks);
    model_watch(desk->model, desk->world);
    for (size_t i = 0; i < SEATS; i++)
        world_start(desk->world, i, 0);
    county_raise_types(desk->county);
    world_give_types(desk->world, C);
    world_run_quiet(desk->world, REST_MS);
    size_t visit = model_record_at(desk->model, say(desk, V1, WRITE_PUT, 0)), t1 = T1;
    assert_int_not_equal(visit, SIZE_MAX);
    model_extend(desk->model, V1, visit, &t1, 1);
    world_run_quiet(desk->world, REST_MS);
    hand(desk, V1, visit, C);
    say(desk, C, WRITE_SET, visit);
    settle(desk);
    *state = desk;
    return 0;
}

static size_t visit_of(const struct desk *desk)
{
    size_t place = 0;
    while (desk->model->records[place].type != MODEL_VISIT)
        place++;
    return place;
}

static const struct model_record *companion_of(const struct desk *desk)
{
    return &desk->model->records[model_companion_of(desk->model, visit_of(desk))];
}

static void two_records_are_one(void **state)
{
    struct desk *desk = *state;
    const struct model *model = desk->model;
    const struct model_record *visit = &model->records[visit_of(desk)];
    struct buffer text = {0};
    assert_int_equal(found(desk, FINDING_LOST), 0);
    assert_int_equal(desk->findings.count, 0);
    assert_int_equal(visit->op_count, 5); /* made, T1 let in, handed on, C let in, changed */
    assert_int_equal(companion_of(desk)->op_count, 3); /* begun, C let in, changed */
    assert_true(model_in_circle(model, visit, T1));
    assert_false(model_in_circle(model, companion_of(desk), T1));
    assert_true(model_in_circle(model, companion_of(desk), C));
    assert_int_equal(model_main_of(model, (size_t)(companion_of(desk) - model->records)),
                     (size_t)(visit - model->records));
    assert_true(model_state_text(model, (size_t)(visit - model->records), C, &text));
    buffer_append_byte(&text, 0);
    assert_non_null(strstr((char *)text.data, "state='handed'\n"));
    assert_non_null(strstr((char *)text.data, "name='@w"));
    buffer_free(&text);
}

/* The same record in the store of who may read the rest of it alone. */
static void what_is_private_outside_its_circle_is_found(void **state)
{
    struct desk *desk = *state;
    char text[MODEL_TEXT_BYTES];
    model_marker_of(companion_of(desk)->ops[0] + 1, text);
    desk_put_row(desk, T1, TABLE_ARRIVALS, "planted", text);
    assert_true(found(desk, FINDING_LEAKED) > 0);
}

static void private_words_that_are_told_otherwise_are_found(void **state)
{
    struct desk *desk = *state;
    struct model_op *last = &desk->model->ops[companion_of(desk)->ops[2]];
    model_marker_of(1, last->values[0].text); /* as if something else had been asked for */
    assert_true(found(desk, FINDING_WRONG) > 0);
}

/* The node tells less than it holds, or holds less than it must. */
static void a_companion_that_is_lost_is_found(void **state)
{
    struct desk *desk = *state;
    const struct model_record *companion = companion_of(desk);
    struct store_port port = desk_port(desk, C);
    uint8_t key[RECORD_KEY_BYTES];
    assert_true(record_key(&port.view, MODEL_VISIT_PRIVATE, &companion->id, key));
    port.remove(port.context, TABLE_RECORDS, SPAN_OF_ARRAY(key));
    port.commit(port.context);
    assert_true(found(desk, FINDING_WAITING) > 0);
    assert_true(desk->findings.counts[FINDING_WRONG] > 0);
}

static void a_hand_that_reached_nobody_is_found(void **state)
{
    struct desk *desk = *state;
    struct model_op *op = desk->model->ops;
    while (op->hands_to == SIZE_MAX)
        op++;
    op->hands_to = V2; /* where neither the record nor what is private in it has come */
    assert_int_equal(found(desk, FINDING_LOST), 2);
    op->hands_to = T1; /* where the record has come without it */
    assert_int_equal(found(desk, FINDING_LOST), 1);
}

/* Of what one request says both are in the log, or neither. */
static void half_a_request_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct model_op *op = &desk->model->ops[0];
    struct event event = {.kind = EVENT_WRITE};
    while (op->beside == SIZE_MAX || op->is_private)
        op++;
    event.write.request = op->serial;
    desk->model->nodes[V1].answered = 1;
    desk->model->ops[op->beside].in_log = false;
    findings_clear(&desk->findings);
    hooks.batch_done(hooks.context, V1, &event, 1, ERR_OK);
    assert_int_equal(desk->findings.counts[FINDING_LOST], 1);
}

/* What a letter's stream, opened first, is read before: the companion begins in another one. */
static void what_is_carried_in_the_batch_that_wrote_it_is_known(void **state)
{
    struct desk *desk = *state;
    size_t visit = model_record_at(desk->model, say_once(desk)), extensions = 0;
    struct model_value title = {.field = MODEL_TITLE};
    struct model_value values[] = {
        {.field = FIELD_TRANSITION, .number = model_step_named(MODEL_VISIT, "hand")->number},
        {.field = MODEL_S},
        {.field = MODEL_NAME}};
    model_marker(desk->model, title.text);
    model_write(desk->model, V1, WRITE_PUT, MODEL_MATTER, T1, &title, 1);
    model_marker(desk->model, values[1].text);
    model_marker_of(desk->model->op_count + 2, values[2].text);
    model_hand(desk->model, V1, visit, values, 3, T1);
    world_run_quiet(desk->world, REST_MS);
    settle(desk);
    assert_int_equal(found(desk, FINDING_INVENTED), 0);
    assert_int_equal(desk->findings.count, 0);
    for (size_t i = 0; i < desk->model->carried_count; i++)
        extensions += desk->model->carried[i] == SIZE_MAX;
    assert_int_equal(extensions, 0);
}

/* Its names are forgotten, and the carries are read again. */
static void what_is_carried_and_nobody_wrote_is_found(void **state)
{
    static const char carried[] = "carries an entry of V1 that nobody wrote";
    struct desk *desk = *state;
    places_free(&desk->model->op_names);
    places_free(&desk->model->block_names);
    findings_clear(&desk->findings);
    desk_read_again(desk, V1);
    assert_non_null(
        memmem(desk->findings.text.data, desk->findings.text.size, carried, sizeof carried - 1));
}

/* An extension by hand, and a step that hands the record to the same seat: each is its own. */
static void an_extension_beside_a_step_is_its_own(void **state)
{
    struct desk *desk = *state;
    size_t visit = model_record_at(desk->model, say_once(desk)), t1 = T1;
    uint64_t extension = model_extend(desk->model, V1, visit, &t1, 1);
    struct model_value values[] = {
        {.field = FIELD_TRANSITION, .number = model_step_named(MODEL_VISIT, "hand")->number},
        {.field = MODEL_S}};
    model_marker(desk->model, values[1].text);
    model_hand(desk->model, V1, visit, values, 2, T1);
    world_run_quiet(desk->world, REST_MS);
    settle(desk);
    assert_int_equal(found(desk, FINDING_LOST), 0);
    assert_int_equal(desk->findings.count, 0);
    assert_int_equal(desk->model->ops[extension - 1].fate, MODEL_DONE);
    assert_int_equal(desk->model->ops[extension - 1].dot.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_records_are_one, start, desk_stop),
        cmocka_unit_test_setup_teardown(what_is_private_outside_its_circle_is_found, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(private_words_that_are_told_otherwise_are_found, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(a_companion_that_is_lost_is_found, start, desk_stop),
        cmocka_unit_test_setup_teardown(a_hand_that_reached_nobody_is_found, start, desk_stop),
        cmocka_unit_test_setup_teardown(half_a_request_is_found, start, desk_stop),
        cmocka_unit_test_setup_teardown(what_is_carried_in_the_batch_that_wrote_it_is_known, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(what_is_carried_and_nobody_wrote_is_found, start,
                                        desk_stop),
        cmocka_unit_test_setup_teardown(an_extension_beside_a_step_is_its_own, start, desk_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
