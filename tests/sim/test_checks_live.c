/* The checkers that work while the world runs, and those that follow what is done to nodes: each on
 * something planted that it must find, and on the same thing done rightly, which it must let be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/check/check_parts.h"
#include "tests/sim/checks_desk.h"

static void assert_nothing_found(const struct desk *desk)
{
    if (desk->findings.count > 0)
        fail_msg("%.*s", (int)desk->findings.text.size, (const char *)desk->findings.text.data);
}

/* At rest: settled, level, and all checks silent. */
static void assert_rests(struct desk *desk)
{
    world_run_until(desk->world, world_now_ms(desk->world) + 30 * 60 * 1000);
    model_settle(desk->model);
    assert_true(check_streams_level(desk->model));
    check_rest(desk->model);
    check_stores(desk->model);
    check_totals(desk->model);
    assert_nothing_found(desk);
    assert_int_equal(desk->model->missing, 0);
}

static struct model_op *last_op(struct desk *desk)
{
    return &desk->model->ops[desk->model->op_count - 1];
}

static void restart(struct desk *desk, size_t node)
{
    assert_int_equal(world_start(desk->world, node, 0), ERR_OK);
}

/* ---- I1: durable before visible ---- */

static void what_is_said_before_the_commit_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct answer answer = {.request = 1, .error = {.code = ERR_OK}};
    struct store_port port = desk_port(desk, V1);
    hooks.sent(hooks.context, V1, T1, CHANNEL_CONTROL, 1, SPAN_EMPTY);
    assert_int_equal(desk->findings.counts[FINDING_EARLY], 1);
    hooks.answered(hooks.context, V1, &answer);
    assert_int_equal(desk->findings.counts[FINDING_EARLY], 2);
    port.abort(port.context);
    hooks.sent(hooks.context, V1, T1, CHANNEL_CONTROL, 1, SPAN_EMPTY);
    assert_int_equal(desk->findings.counts[FINDING_EARLY], 2);
}

/* ---- V2, V3: chains, and bytes that their author had ---- */

static void a_gap_in_a_chain_is_found(void **state)
{
    struct desk *desk = *state;
    desk_remove_last(desk, T1, TABLE_BLOCKS);
    desk_read_again(desk, T1);
    assert_true(desk->findings.counts[FINDING_DAMAGED] > 0);
}

static void other_bytes_than_the_author_had_are_found(void **state)
{
    struct desk *desk = *state;
    struct store_port port = desk_port(desk, T1);
    struct buffer key = {0}, value = {0};
    desk_last_row(&port, TABLE_BLOCKS, &key, &value);
    value.data[value.size - 1] ^= 1;
    port.put(port.context, TABLE_BLOCKS, span_of_buffer(&key), span_of_buffer(&value));
    port.commit(port.context);
    buffer_free(&key);
    buffer_free(&value);
    desk_read_again(desk, T1);
    assert_true(desk->findings.counts[FINDING_INVENTED] > 0);
}

/* ---- V10: no author signs two things for one place ---- */

static void put_back_whole(struct desk *desk, bool said)
{
    struct memory_store *image = memory_store_clone(world_store(desk->world, V1));
    world_cut(desk->world, V1);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    world_crash(desk->world, V1);
    world_restore_whole(desk->world, V1, image);
    memory_store_free(image);
    model_restored(desk->model, V1);
    if (said)
        model_forks(desk->model, V1);
    restart(desk, V1);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
}

static void two_things_signed_for_one_place_are_found(void **state)
{
    struct desk *desk = *state;
    put_back_whole(desk, false);
    assert_true(desk->findings.counts[FINDING_REUSED] > 0);
}

static void of_a_key_that_forks_only_convergence_is_asked(void **state)
{
    struct desk *desk = *state;
    put_back_whole(desk, true);
    world_heal(desk->world, V1);
    assert_rests(desk);
}

/* ---- I6, V5: nothing goes back ---- */

static void keep_row(struct desk *desk, enum table table, struct buffer *key, struct buffer *value)
{
    struct store_port port = desk_port(desk, C);
    port.abort(port.context);
    desk_last_row(&port, table, key, value);
}

static void put_kept(struct desk *desk, enum table table, struct buffer *key, struct buffer *value)
{
    struct store_port port = desk_port(desk, C);
    port.put(port.context, table, span_of_buffer(key), span_of_buffer(value));
    port.commit(port.context);
    buffer_free(key);
    buffer_free(value);
}

static void an_older_note_is_found(void **state)
{
    struct desk *desk = *state;
    struct buffer key = {0}, value = {0};
    keep_row(desk, TABLE_NOTES, &key, &value);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    world_run_until(desk->world, world_now_ms(desk->world) + 30 * 60 * 1000);
    assert_nothing_found(desk);
    put_kept(desk, TABLE_NOTES, &key, &value);
    assert_int_equal(desk->findings.counts[FINDING_BACK], 1);
}

/* V1's newest statement as C has it. */
static void keep_statement(struct desk *desk, struct buffer *key, struct buffer *value)
{
    struct store_port port = desk_port(desk, C);
    uint8_t from[NOTE_KEY_BYTES_MAX];
    struct span found, note;
    size_t size = note_key(from, HASH_HEADS, desk->county->seats[V1].key_id, 0);
    assert_int_equal(
        port.view.next(port.view.context, TABLE_NOTES, SPAN(from, size), &found, &note),
        READ_FOUND);
    buffer_append_span(key, found);
    buffer_append_span(value, note);
    port.abort(port.context);
}

static void a_note_that_is_cut_may_be_followed_by_an_older_one(void **state)
{
    struct desk *desk = *state;
    struct buffer key = {0}, value = {0};
    struct note_head head;
    keep_statement(desk, &key, &value);
    assert_int_equal(note_read_head(span_of_buffer(&value), HASH_HEADS, &head, NULL), ERR_OK);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    world_run_until(desk->world, world_now_ms(desk->world) + 30 * 60 * 1000);
    struct trusted_notes notes = {.epoch = head.epoch, .statement = head.k};
    struct county_change change = {
        .kind = COUNTY_REVOKE, .seat = V1, .by = T1, .notes = &notes, .note_count = 1};
    assert_int_equal(county_sign(desk->county, &change), 1);
    put_kept(desk, TABLE_NOTES, &key, &value);
    assert_int_equal(desk->findings.counts[FINDING_BACK], 0);
}

static void an_older_document_is_found(void **state)
{
    struct desk *desk = *state;
    struct buffer key = {0}, value = {0};
    struct store_port port = desk_port(desk, C);
    uint8_t types[] = {DOCUMENT_TYPES, 0, 0, 0, 0, 0};
    struct span found;
    assert_int_equal(port.view.get(port.view.context, TABLE_DOCS, SPAN_OF_ARRAY(types), &found),
                     READ_FOUND);
    buffer_append_span(&key, SPAN_OF_ARRAY(types));
    buffer_append_span(&value, found);
    port.abort(port.context);
    county_raise_types(desk->county);
    world_give_documents(desk->world, C, 0);
    assert_nothing_found(desk);
    put_kept(desk, TABLE_DOCS, &key, &value);
    assert_int_equal(desk->findings.counts[FINDING_BACK], 1);
}

/* ---- I7: what is said of others ---- */

static void a_mark_beyond_what_is_held_is_found(void **state)
{
    struct desk *desk = *state;
    struct buffer key = {0}, value = {0};
    world_cut(desk->world, V1); /* marks are kept when a link goes down */
    world_run_quiet(desk->world, REST_MS);
    struct store_port port = desk_port(desk, V1);
    desk_last_row(&port, TABLE_MARKS, &key, &value);
    assert_nothing_found(desk);
    write_u32(value.data, read_u32(value.data) + 1);
    port.put(port.context, TABLE_MARKS, span_of_buffer(&key), span_of_buffer(&value));
    port.commit(port.context);
    assert_int_equal(desk->findings.counts[FINDING_CLAIMED], 1);
    buffer_free(&key);
    buffer_free(&value);
}

static void a_statement_of_more_than_was_signed_is_found(void **state)
{
    struct desk *desk = *state;
    struct buffer row = {0};
    uint8_t key[NOTE_KEY_BYTES_MAX], signature[SIGNATURE_BYTES] = {0};
    struct key_id signer = desk->county->seats[V1].key_id;
    uint32_t epoch = replica_epoch(world_replica(desk->world, V1));
    struct statement_stream line = {.number = 1, .seq = 1000, .end = "C"};
    struct heads_statement statement = {
        .head = {.signer = signer, .epoch = epoch, .k = 1000}, .stream_count = 1, .streams = &line};
    statement_encode(&statement, &row);
    buffer_append_span(&row, SPAN_OF_ARRAY(signature));
    size_t size = note_key(key, HASH_HEADS, signer, epoch);
    struct store_port port = desk_port(desk, T1);
    port.put(port.context, TABLE_NOTES, SPAN(key, size), span_of_buffer(&row));
    port.commit(port.context);
    buffer_free(&row);
    assert_int_equal(desk->findings.counts[FINDING_CLAIMED], 1);
}

/* An operation that the root is said to hold and doesn't. */
static void a_claim_of_completeness_is_found(void **state)
{
    struct desk *desk = *state;
    struct model_op *op = &desk->model->ops[0];
    check_claims(desk->model);
    assert_nothing_found(desk);
    size_t place = model_circle_place(desk->model, &desk->model->records[op->record], C);
    model_set_held(desk->model, op, place, false);
    desk->model->nodes[V1].claimed = 0;
    check_claims(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_CLAIMED], 1);
}

static void a_receipt_for_what_is_not_there_is_found(void **state)
{
    struct desk *desk = *state;
    const struct model_record *directive = &desk->model->records[1];
    struct model_op *op = &desk->model->ops[directive->ops[0]];
    model_set_held(desk->model, op, model_circle_place(desk->model, directive, V2), false);
    check_claims(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_CLAIMED], 1);
}

static void a_receipt_that_never_came_is_found(void **state)
{
    struct desk *desk = *state;
    struct store_port port = desk_port(desk, C);
    uint8_t from[] = {0, ROLLUP_RECEIVED}, key[STORE_KEY_BYTES_MAX];
    struct span found, value;
    assert_int_equal(
        port.view.next(port.view.context, TABLE_CELLS, SPAN_OF_ARRAY(from), &found, &value),
        READ_FOUND);
    memcpy(key, found.data, found.size);
    port.remove(port.context, TABLE_CELLS, SPAN(key, found.size));
    port.commit(port.context);
    check_totals(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_TOTAL], 1);
}

/* The model alone knows that these were made before the token that the figures are as of. */
static void figures_that_leave_out_what_was_made_before_are_found(void **state)
{
    struct desk *desk = *state;
    struct model_figures figures;
    assert_true(model_figures(desk->model, &figures));
    assert_true(figures.has_age && figures.age_ms < 15 * 60 * 1000);
    assert_int_equal(figures.value, 3);
    for (size_t i = 0; i < 2; i++) /* its incident counts three times */
        desk->model->nodes[V1].done[desk->model->nodes[V1].done_count++] = 0;
    check_claims(desk->model);
    assert_true(desk->findings.counts[FINDING_TOTAL] > 0);
}

/* ---- I8 ---- */

static void what_is_beyond_its_bound_is_found(void **state)
{
    struct desk *desk = *state;
    struct world_hooks hooks = model_hooks(desk->model);
    struct buffer body = {0};
    struct store_port port = desk_port(desk, T1);
    for (uint32_t i = 0; i <= 256 * SEATS; i++) {
        uint8_t key[5] = {9};
        write_u32(key + 1, i);
        port.put(port.context, TABLE_PARKED, SPAN_OF_ARRAY(key), span_of_text("waits"));
    }
    port.commit(port.context);
    check_bounds(desk->model);
    assert_int_equal(desk->findings.counts[FINDING_UNBOUNDED], 1);
    while (body.size <= MESSAGE_BYTES_MAX)
        buffer_append_span(&body, SPAN_OF_ARRAY((uint8_t[1024]){0}));
    hooks.sent(hooks.context, V1, T1, CHANNEL_BULK, 8, span_of_buffer(&body));
    assert_int_equal(desk->findings.counts[FINDING_UNBOUNDED], 2);
    buffer_free(&body);
}

/* ---- who is behind, and how much waits ---- */

static void who_is_behind_and_what_waits_are_counted(void **state)
{
    struct desk *desk = *state;
    uint64_t up[SEATS], down[SEATS];
    world_cut(desk->world, T1);
    for (int i = 0; i < 3; i++)
        desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    desk_write(desk, C, WRITE_PUT, MODEL_DIRECTIVE, 0);
    model_backlogs(desk->model, up, down);
    assert_int_equal(up[T1], 3);
    assert_int_equal(down[T1], 1);
    assert_int_equal(up[V1] + down[V1] + up[V2] + down[V2], 0);
    assert_int_equal(desk->model->nodes[C].behind, 1);
    assert_int_equal(desk->model->nodes[V2].behind, 1);
    assert_int_equal(desk->model->missing, 3 + 3);
    world_heal(desk->world, T1);
    world_run_quiet(desk->world, REST_MS);
    assert_int_equal(desk->model->nodes[C].behind + desk->model->nodes[V2].behind, 0);
    assert_int_equal(desk->model->missing, 0);
}

/* ---- disks that are emptied, put back, copied ---- */

static void empty_disk(struct desk *desk, size_t node, bool said)
{
    world_crash(desk->world, node);
    world_wipe(desk->world, node);
    if (said)
        model_restored(desk->model, node);
    restart(desk, node);
}

static void an_emptied_disk_takes_only_what_nobody_else_has(void **state)
{
    struct desk *desk = *state;
    world_cut(desk->world, V1);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    size_t gone = last_op(desk)->serial - 1;
    empty_disk(desk, V1, true);
    world_heal(desk->world, V1);
    assert_rests(desk);
    assert_int_equal(desk->model->ops[gone].fate, MODEL_GONE);
    assert_int_equal(desk->model->ops[0].fate, MODEL_DONE);
    assert_int_equal(desk->model->ops[3].fate, MODEL_GONE); /* the mediation was there alone */
}

static void an_emptied_disk_that_nobody_told_of_is_found(void **state)
{
    struct desk *desk = *state;
    empty_disk(desk, V1, false);
    assert_true(desk->findings.counts[FINDING_LOST] > 0);
}

/* T1 writes into two streams, one up and one down, and loses its disk when only one has it. */
static void split_by(struct desk *desk, size_t cut)
{
    world_cut(desk->world, cut);
    desk_write(desk, T1, WRITE_SET, MODEL_INCIDENT, 0);
    empty_disk(desk, T1, true);
    world_heal(desk->world, cut);
}

static void what_came_back_from_one_side_goes_to_the_other(void **state)
{
    struct desk *desk = *state;
    split_by(desk, V1);
    size_t op = last_op(desk)->serial - 1;
    world_run_until(desk->world, world_now_ms(desk->world) + 60 * 1000);
    desk_write(desk, C, WRITE_SET, MODEL_INCIDENT, 0);
    assert_rests(desk);
    assert_true(model_holds(desk->model, &desk->model->ops[op], V1));
    assert_true(model_holds(desk->model, &desk->model->ops[op], C));
}

static void a_copy_beside_its_original_loses_nobodys_writes(void **state)
{
    struct desk *desk = *state;
    world_options(desk->world)->redial_ms_min = 500; /* they take the link from each other */
    world_options(desk->world)->redial_ms_max = 5000;
    size_t clone = world_clone(desk->world, V1);
    model_cloned(desk->model, clone);
    restart(desk, clone);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    desk_write(desk, clone, WRITE_PUT, MODEL_INCIDENT, 0);
    desk_write(desk, T1, WRITE_SET, MODEL_INCIDENT, 0);
    size_t honest = last_op(desk)->serial - 1;
    world_run_until(desk->world, world_now_ms(desk->world) + 30 * 60 * 1000);
    world_end_clone(desk->world, clone);
    assert_rests(desk);
    assert_int_equal(desk->model->ops[honest].fate, MODEL_DONE);
    assert_int_equal(desk->model->ops[honest].held_count, 3);
}

/* ---- writes as they are asked for ---- */

static void texts_have_the_size_asked_for(void **state)
{
    struct desk *desk = *state;
    struct model_value values[] = {{.field = MODEL_TITLE},
                                   {.field = MODEL_S, .more = 3000, .text = "a report: "}};
    uint64_t before = memory_store_bytes(world_store(desk->world, C));
    model_marker(desk->model, values[0].text);
    model_write(desk->model, V1, WRITE_PUT, MODEL_INCIDENT, 0, values, 2);
    assert_rests(desk);
    assert_true(memory_store_bytes(world_store(desk->world, C)) > before + 500);
}

/* Without the text that says which write it is: known by what it says, and by its turn. */
static void writes_are_known_by_what_they_say(void **state)
{
    struct desk *desk = *state;
    struct model_value title = {.field = MODEL_TITLE, .text = "flood"};
    struct model_value said = {.field = MODEL_S, .text = "seen"};
    struct buffer text = {0};
    world_hold(desk->world, V1, true);
    uint64_t first = model_write(desk->model, V1, WRITE_PUT, MODEL_INCIDENT, 0, &title, 1);
    uint64_t second = model_write(desk->model, V1, WRITE_PUT, MODEL_INCIDENT, 0, &title, 1);
    world_hold(desk->world, V1, false);
    world_run_quiet(desk->world, REST_MS);
    size_t record = model_record_at(desk->model, first);
    assert_int_not_equal(record, model_record_at(desk->model, second));
    model_write(desk->model, C, WRITE_SET, MODEL_INCIDENT, record, &said, 1);
    assert_rests(desk);
    assert_true(model_state_text(desk->model, record, V1, &text));
    assert_true(
        span_equal(span_of_buffer(&text), span_of_text("title='flood'\ns='seen'\n"
                                                       "deleted=0 operations=2 excluded=0\n")));
    buffer_free(&text);
    assert_false(model_state_text(desk->model, record, V2, &text));
    buffer_free(&text);
}

#define PLANTED(test) cmocka_unit_test_setup_teardown(test, desk_start, desk_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLANTED(what_is_said_before_the_commit_is_found),
        PLANTED(a_gap_in_a_chain_is_found),
        PLANTED(other_bytes_than_the_author_had_are_found),
        PLANTED(two_things_signed_for_one_place_are_found),
        PLANTED(of_a_key_that_forks_only_convergence_is_asked),
        PLANTED(an_older_note_is_found),
        PLANTED(a_note_that_is_cut_may_be_followed_by_an_older_one),
        PLANTED(an_older_document_is_found),
        PLANTED(a_mark_beyond_what_is_held_is_found),
        PLANTED(a_statement_of_more_than_was_signed_is_found),
        PLANTED(a_claim_of_completeness_is_found),
        PLANTED(a_receipt_for_what_is_not_there_is_found),
        PLANTED(a_receipt_that_never_came_is_found),
        PLANTED(figures_that_leave_out_what_was_made_before_are_found),
        PLANTED(what_is_beyond_its_bound_is_found),
        PLANTED(who_is_behind_and_what_waits_are_counted),
        PLANTED(an_emptied_disk_takes_only_what_nobody_else_has),
        PLANTED(an_emptied_disk_that_nobody_told_of_is_found),
        PLANTED(what_came_back_from_one_side_goes_to_the_other),
        PLANTED(a_copy_beside_its_original_loses_nobodys_writes),
        PLANTED(texts_have_the_size_asked_for),
        PLANTED(writes_are_known_by_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
