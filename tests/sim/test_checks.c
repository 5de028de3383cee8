/* The checkers, each on something planted that it must find; and that one seed gives one history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/mischief.h"
#include "tests/sim/checks_desk.h"

static void check_all(struct desk *desk)
{
    findings_clear(&desk->findings);
    check_equal_states(desk->model);
    check_circles(desk->model);
    check_rest(desk->model);
    check_stores(desk->model);
    check_totals(desk->model);
}

static size_t found(struct desk *desk, enum finding kind)
{
    check_all(desk);
    return desk->findings.counts[kind];
}

static void nothing_is_found(struct desk *desk)
{
    check_all(desk);
    if (desk->findings.count > 0)
        fail_msg("%.*s", (int)desk->findings.text.size, (const char *)desk->findings.text.data);
}

static void nothing_is_found_at_rest(void **state)
{
    struct desk *desk = *state;
    nothing_is_found(desk);
    assert_int_equal(desk->model->record_count, 3);
    assert_true(check_streams_level(desk->model));
}

/* ---- planting ---- */

static void lost_blocks_are_found(void **state)
{
    struct desk *desk = *state;
    while (memory_store_row_count(world_store(desk->world, V1), TABLE_BLOCKS) > 0)
        desk_remove_last(desk, V1, TABLE_BLOCKS);
    assert_true(found(desk, FINDING_LOST) > 0);
    assert_true(desk->findings.counts[FINDING_DAMAGED] > 0);
}

static void a_lost_record_row_is_found(void **state)
{
    struct desk *desk = *state;
    desk_remove_last(desk, T1, TABLE_RECORDS);
    assert_true(found(desk, FINDING_WAITING) > 0);
}

static void a_lost_index_row_is_found(void **state)
{
    struct desk *desk = *state;
    desk_remove_last(desk, T1, TABLE_INDEX);
    assert_true(found(desk, FINDING_WAITING) > 0);
}

static void a_change_that_a_watch_leaves_out_is_found(void **state)
{
    struct desk *desk = *state;
    while (memory_store_row_count(world_store(desk->world, T1), TABLE_ARRIVALS) > 0)
        desk_remove_last(desk, T1, TABLE_ARRIVALS);
    assert_true(found(desk, FINDING_UNTOLD) > 0);
}

static void a_parked_row_is_found(void **state)
{
    struct desk *desk = *state;
    desk_put_row(desk, T1, TABLE_PARKED, "x", "something");
    assert_true(found(desk, FINDING_WAITING) > 0);
}

static void a_leaked_store_is_found(void **state)
{
    struct desk *desk = *state;
    struct memory_store *image = memory_store_clone(world_store(desk->world, V1));
    memory_store_copy_back(world_store(desk->world, V2), image);
    memory_store_free(image);
    assert_true(found(desk, FINDING_LEAKED) > 0);
    findings_clear(&desk->findings);
    check_circles(desk->model); /* and without opening a block */
    assert_true(desk->findings.counts[FINDING_LEAKED] > 0);
}

static void a_leaked_text_is_found(void **state)
{
    struct desk *desk = *state;
    desk_put_row(desk, V2, TABLE_NOTES, "\1x", "...@w000000004....");
    assert_true(found(desk, FINDING_LEAKED) > 0);
    findings_clear(&desk->findings);
    model_check_texts(desk->model, V2, "a link", span_of_text("@w000000001.@w000000003."));
    assert_int_equal(desk->findings.counts[FINDING_LEAKED], 1); /* the directive is for V2 too */
}

/* The incident has two operations, so its row holds its state, texts included. */
static void another_value_in_a_row_is_found(void **state)
{
    struct desk *desk = *state;
    struct store_port port = desk_port(desk, T1);
    uint8_t key[RECORD_KEY_BYTES];
    struct span value;
    struct buffer changed = {0};
    check_all(desk);
    assert_true(record_key(&port.view, MODEL_INCIDENT, &desk->model->records[0].id, key));
    assert_int_equal(port.view.get(port.view.context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &value),
                     READ_FOUND);
    buffer_append_span(&changed, value);
    uint8_t *text = memmem(changed.data, changed.size, "@w000000002.", 12);
    assert_non_null(text);
    text[1] = 'W';
    port.put(port.context, TABLE_RECORDS, SPAN_OF_ARRAY(key), span_of_buffer(&changed));
    port.commit(port.context);
    buffer_free(&changed);
    findings_clear(&desk->findings);
    check_equal_states(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_DIVERGED], 1);
    findings_clear(&desk->findings);
    check_stores(desk->model);
    assert_true(desk->findings.counts[FINDING_DIVERGED] > 0);
}

static void another_fold_is_found(void **state)
{
    struct desk *desk = *state;
    desk->model->ops[1].values[0].text[1] = 'W';
    assert_true(found(desk, FINDING_WRONG) > 0);
}

static void an_entry_that_nobody_wrote_is_found(void **state)
{
    struct desk *desk = *state;
    places_free(&desk->model->op_names);
    assert_true(found(desk, FINDING_INVENTED) > 0);
}

static void another_count_is_found(void **state)
{
    struct desk *desk = *state;
    struct store_port port = desk_port(desk, C);
    struct span key, value;
    struct cell cell;
    struct key_id origin;
    uint64_t report;
    struct buffer row = {0}, at = {0};
    const uint8_t from[] = {0, ROLLUP_RECORDS};
    assert_int_equal(
        port.view.next(port.view.context, TABLE_CELLS, SPAN_OF_ARRAY(from), &key, &value),
        READ_FOUND);
    buffer_append_span(&at, key);
    assert_true(cell_parse(key, value, &cell, &origin, &report));
    cell.values[0]++;
    cell_value_encode(&cell, report, &row);
    port.put(port.context, TABLE_CELLS, span_of_buffer(&at), span_of_buffer(&row));
    port.commit(port.context);
    buffer_free(&row);
    buffer_free(&at);
    assert_true(found(desk, FINDING_TOTAL) > 0);
}

static void a_missing_report_is_found(void **state)
{
    struct desk *desk = *state;
    desk_remove_last(desk, C, TABLE_NOTES);
    assert_true(found(desk, FINDING_TOTAL) > 0);
}

/* The model forgets that it has seen a creation: its author's log then makes it a second time. */
static void a_record_named_twice_is_found(void **state)
{
    struct desk *desk = *state;
    struct model_op *op = &desk->model->ops[0];
    places_free(&desk->model->op_names);
    places_free(&desk->model->block_names);
    op->in_log = false;
    free(op->context);
    op->context = NULL;
    op->fate = MODEL_ASKED;
    desk_read_again(desk, V1);
    assert_true(desk->findings.counts[FINDING_REUSED] > 0);
}

/* A disk that lied, and nobody has said so. */
static void a_log_that_fell_back_is_found(void **state)
{
    struct desk *desk = *state;
    memory_store_keep(world_store(desk->world, V1), MEMORY_STORE_KEEP_MAX);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    world_crash(desk->world, V1);
    memory_store_lose(world_store(desk->world, V1), MEMORY_STORE_KEEP_MAX);
    world_start(desk->world, V1, 0);
    assert_true(desk->findings.counts[FINDING_LOST] > 0);
}

/* ---- what is heard while the world runs ---- */

static void a_write_without_an_answer_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct model_value value = {.field = MODEL_TITLE};
    world_hold(desk->world, V1, true);
    model_marker(desk->model, value.text);
    struct event event = {.kind = EVENT_WRITE, .write = {.kind = WRITE_PUT}};
    event.write.request = model_write(desk->model, V1, WRITE_PUT, MODEL_INCIDENT, 0, &value, 1);
    hooks.batch_begins(hooks.context, V1, &event, 1, 0);
    hooks.batch_done(hooks.context, V1, &event, 1, ERR_OK);
    assert_int_equal(desk->findings.counts[FINDING_UNANSWERED], 1);
    /* answered, but in no log */
    struct answer answer = {.request = event.write.request};
    hooks.batch_begins(hooks.context, V1, &event, 1, 0);
    hooks.answered(hooks.context, V1, &answer);
    hooks.batch_done(hooks.context, V1, &event, 1, ERR_OK);
    assert_int_equal(desk->findings.counts[FINDING_UNANSWERED], 1);
    assert_int_equal(desk->findings.counts[FINDING_LOST], 1);
    hooks.answered(hooks.context, V1, &answer);
    assert_int_equal(desk->findings.counts[FINDING_UNANSWERED], 2);
}

static void a_wrong_refusal_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct answer answer = {.request = 1, .error = {.code = ERR_UNREACHABLE}};
    desk->model->ops[0].acknowledged = false;
    hooks.answered(hooks.context, V1, &answer);
    assert_int_equal(desk->findings.counts[FINDING_UNANSWERED], 1);
    assert_int_equal(desk->findings.counts[FINDING_INVENTED], 1); /* refused, and in its log */
}

static void something_bad_that_is_not_counted_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct event event = {.kind = EVENT_TIME};
    hooks.batch_begins(hooks.context, V1, &event, 1, 1);
    hooks.batch_done(hooks.context, V1, &event, 1, ERR_OK);
    assert_int_equal(desk->findings.counts[FINDING_UNNOTICED], 1);
}

static void a_refusal_among_honest_peers_is_found(void **state)
{
    struct desk *desk = *state;
    desk->model->all_honest = true;
    for (int kind = 0; kind < MISCHIEF_COUNT; kind++) {
        findings_clear(&desk->findings);
        assert_true(mischief_make(desk->world, (enum mischief)kind, V1, true));
        world_run_quiet(desk->world, REST_MS);
        if (desk->findings.counts[FINDING_ACCUSED] == 0)
            fail_msg("%s was taken", mischief_name((enum mischief)kind));
        assert_int_equal(desk->findings.counts[FINDING_UNNOTICED], 0);
    }
}

static void streams_on_their_way_are_seen(void **state)
{
    struct desk *desk = *state;
    world_cut(desk->world, T1);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    assert_false(check_streams_level(desk->model));
    world_heal(desk->world, T1);
    world_run_quiet(desk->world, REST_MS);
    assert_true(check_streams_level(desk->model));
}

/* A link that is cut while the two sides compare tells nothing of what the other holds. */
static void a_cut_while_comparing_claims_nothing(void **state)
{
    struct desk *desk = *state;
    for (uint64_t after = 1; after < 200; after++) {
        world_cut(desk->world, T1);
        desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
        world_heal(desk->world, T1);
        world_run_until(desk->world, world_now_ms(desk->world) + after % 40 + after / 40);
    }
    if (desk->findings.count > 0)
        fail_msg("%.*s", (int)desk->findings.text.size, (const char *)desk->findings.text.data);
}

/* Figures that were reported before any token had come are as of no time at all, whatever others
 * are as of. */
static void figures_without_a_token_have_no_age(void **state)
{
    struct world_options options = {.delay_ms_min = 1, .delay_ms_max = 1};
    struct findings findings = {0};
    struct county *county = county_new(desk_rows, SEATS, 0);
    struct model *model = model_new(county, &findings);
    struct world_hooks hooks = model_hooks(model);
    struct world *world = world_new(county, &options, 1, &hooks);
    struct model_value value = {.field = MODEL_TITLE};
    struct model_figures figures;
    (void)state;
    model_watch(model, world);
    world_cut(world, T1);
    for (size_t i = 0; i < SEATS; i++)
        world_start(world, i, 0);
    world_run_until(world, 30 * 1000); /* V1 has reported to T1, and no token has come down */
    world_cut(world, V1);
    world_heal(world, T1);
    model_marker(model, value.text);
    model_write(model, V1, WRITE_PUT, MODEL_INCIDENT, 0, &value, 1);
    world_run_until(world, 30 * 60 * 1000);
    assert_true(model_figures(model, &figures));
    assert_int_equal(figures.reported, SEATS);
    assert_int_equal(figures.as_of_ms, 0);
    assert_false(figures.has_age);
    world_heal(world, V1);
    world_run_until(world, 60 * 60 * 1000);
    assert_true(model_figures(model, &figures));
    assert_true(figures.has_age);
    assert_int_equal(figures.value, 1);
    assert_int_equal(findings.count, 0);
    world_free(world);
    model_free(model);
    county_free(county);
    findings_clear(&findings);
}

/* ---- poison ---- */

/* C signs a directive that doesn't decode behind its first one, and an honest one behind that. */
static void poison_c(struct desk *desk, bool told)
{
    struct poison poison;
    world_crash(desk->world, C);
    assert_true(poison_make(desk->world, C, &poison));
    if (told)
        model_poisoned(desk->model, &poison.stream, poison.seq, span_of_buffer(&poison.stored));
    poison_store(desk->world, C, &poison);
    poison_free(&poison);
    assert_int_equal(world_start(desk->world, C, 0), ERR_OK);
    world_run_quiet(desk->world, REST_MS);
    desk_write(desk, C, WRITE_PUT, MODEL_DIRECTIVE, 0);
    world_run_until(desk->world, 24 * 60 * 1000); /* statements, reports */
}

static void a_poison_that_is_told_holds_nothing_up(void **state)
{
    struct desk *desk = *state;
    poison_c(desk, true);
    nothing_is_found(desk);
    for (size_t seat = T1; seat < SEATS; seat++)
        assert_int_equal(memory_store_row_count(world_store(desk->world, seat), TABLE_QUARANTINE),
                         1);
    assert_int_equal(desk->model->record_count, 4);
    assert_true(check_streams_level(desk->model));
}

static void a_poison_that_nobody_told_of_is_found(void **state)
{
    struct desk *desk = *state;
    poison_c(desk, false);
    assert_true(desk->findings.counts[FINDING_INVENTED] > 0);
}

static void a_poison_that_is_not_there_is_found(void **state)
{
    struct desk *desk = *state;
    struct poison poison;
    world_crash(desk->world, C);
    assert_true(poison_make(desk->world, C, &poison));
    model_poisoned(desk->model, &poison.stream, poison.seq, span_of_buffer(&poison.stored));
    poison_free(&poison);
    assert_int_equal(world_start(desk->world, C, 0), ERR_OK);
    world_run_quiet(desk->world, REST_MS);
    assert_int_equal(found(desk, FINDING_LOST), 1);
    desk_write(desk, C, WRITE_PUT, MODEL_DIRECTIVE, 0); /* something else stands in its place */
    assert_int_equal(found(desk, FINDING_WAITING), SEATS);
}

static void a_poison_that_is_not_set_aside_is_found(void **state)
{
    struct desk *desk = *state;
    poison_c(desk, true);
    desk_remove_last(desk, V2, TABLE_QUARANTINE);
    assert_int_equal(found(desk, FINDING_UNNOTICED), 1);
    assert_int_equal(desk->findings.counts[FINDING_DAMAGED], 1); /* the core's verifier, too */
    assert_int_equal(desk->findings.count, 2);
}

/* A row for the place behind it, and one of an entry: only the poison's own is excused. */
static void a_row_of_another_place_is_no_poisons(void **state)
{
    struct desk *desk = *state;
    poison_c(desk, true);
    struct store_port port = desk_port(desk, V1);
    struct buffer key = {0}, value = {0};
    desk_last_row(&port, TABLE_QUARANTINE, &key, &value);
    key.data[key.size - 1]++;
    port.put(port.context, TABLE_QUARANTINE, span_of_buffer(&key), span_of_buffer(&value));
    key.data[key.size - 1]--;
    key.data[0] = 'e';
    port.put(port.context, TABLE_QUARANTINE, span_of_buffer(&key), span_of_buffer(&value));
    port.commit(port.context);
    buffer_free(&key);
    buffer_free(&value);
    findings_clear(&desk->findings);
    check_rest(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_WAITING], 1);
    assert_non_null(strstr((const char *)desk->findings.text.data, "V1 has 2 rows in quarantine"));
}

#define PLANTED(test) cmocka_unit_test_setup_teardown(test, desk_start, desk_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLANTED(nothing_is_found_at_rest),
        PLANTED(lost_blocks_are_found),
        PLANTED(a_lost_record_row_is_found),
        PLANTED(a_lost_index_row_is_found),
        PLANTED(a_change_that_a_watch_leaves_out_is_found),
        PLANTED(a_parked_row_is_found),
        PLANTED(a_leaked_store_is_found),
        PLANTED(a_leaked_text_is_found),
        PLANTED(another_value_in_a_row_is_found),
        PLANTED(another_fold_is_found),
        PLANTED(an_entry_that_nobody_wrote_is_found),
        PLANTED(another_count_is_found),
        PLANTED(a_missing_report_is_found),
        PLANTED(a_record_named_twice_is_found),
        PLANTED(a_log_that_fell_back_is_found),
        PLANTED(a_write_without_an_answer_is_found),
        PLANTED(a_wrong_refusal_is_found),
        PLANTED(something_bad_that_is_not_counted_is_found),
        PLANTED(a_refusal_among_honest_peers_is_found),
        PLANTED(streams_on_their_way_are_seen),
        PLANTED(a_cut_while_comparing_claims_nothing),
        PLANTED(a_poison_that_is_told_holds_nothing_up),
        PLANTED(a_poison_that_nobody_told_of_is_found),
        PLANTED(a_poison_that_is_not_there_is_found),
        PLANTED(a_poison_that_is_not_set_aside_is_found),
        PLANTED(a_row_of_another_place_is_no_poisons),
        cmocka_unit_test(figures_without_a_token_have_no_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
