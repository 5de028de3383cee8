/* Steps of a workflow on both sides of a cut, with real nodes: the village closes while the county
 * dispatches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/process/node_world.h"

static const char table[] = "code,name,tier,parent\n"
                            "C,County,county,\n"
                            "T,Township,township,C\n"
                            "V,Village,village,T\n";

static struct node_world world;

static int make_world(void **state)
{
    (void)state;
    node_world_make(&world, table);
    node_world_start(node_world_seat(&world, "C"));
    node_world_start(node_world_seat(&world, "T"));
    node_world_start(node_world_seat(&world, "V"));
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    node_world_end(&world);
    return 0;
}

static void set_cut(struct node_world_seat *seat, bool cut)
{
    struct buffer args = {0};
    mp_write_map(&args, 1);
    mp_write_text(&args, "cut");
    mp_write_bool(&args, cut);
    struct api_answer answer = node_world_ask(seat, "link", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    buffer_free(&args);
}

static struct api_answer ask(struct node_world_seat *seat, const char *verb,
                             const struct buffer *args)
{
    return node_world_ask(seat, verb, span_of_buffer(args), NULL);
}

static bool is_in_state(const struct api_answer *answer, const void *state)
{
    return answer->status == API_DONE && node_world_is_text(answer->value, "fields.state", state);
}

static void until_state(struct node_world_seat *seat, const char *id, const char *state)
{
    struct buffer args = node_world_args("type", "case", "id", id, NULL);
    node_world_until(seat, "get", span_of_buffer(&args), is_in_state, state);
    buffer_free(&args);
}

static uint32_t count_of(struct span map, const char *list)
{
    struct mp_reader reader = mp_reader(node_world_at(map, list));
    reader.text_keys = true;
    return mp_read_array(&reader);
}

static void put_case(struct node_world_seat *seat, char id[static NODE_WORLD_ID_ROOM])
{
    struct buffer args = node_world_args("type", "case", "fields.title", "a bridge", NULL);
    struct api_answer answer = ask(seat, "put", &args);
    assert_int_equal(answer.status, API_DONE);
    node_world_id(answer.value, id);
    buffer_free(&args);
}

/* The limit of the state that it is in is told at each member; there is none where it has none. */
static void expect_due(struct node_world_seat *seat, const char *id, bool limited)
{
    enum { TWO_DAYS_MS = 2 * 24 * 3600 * 1000 };
    struct buffer get = node_world_args("type", "case", "id", id, NULL), list = {0};
    struct api_answer answer = ask(seat, "get", &get);
    uint64_t created = node_world_number(answer.value, "created");
    assert_int_equal(answer.status, API_DONE);
    assert_int_equal(node_world_number(answer.value, "due"),
                     limited ? created + TWO_DAYS_MS : UINT64_MAX);
    struct mp_reader overdue = mp_reader(node_world_at(answer.value, "overdue"));
    if (limited)
        assert_false(mp_read_bool(&overdue));
    mp_write_map(&list, 1);
    mp_write_text(&list, "overdue");
    mp_write_bool(&list, true);
    answer = ask(seat, "list", &list);
    assert_int_equal(answer.status, API_DONE); /* at once: none is */
    buffer_free(&list);
    buffer_free(&get);
}

static void close_against_dispatch(void **state)
{
    char id[NODE_WORLD_ID_ROOM];
    struct node_world_seat *village = node_world_seat(&world, "V");
    struct node_world_seat *county = node_world_seat(&world, "C");
    (void)state;
    put_case(village, id);
    until_state(county, id, "open");
    expect_due(county, id, true);
    set_cut(village, true);

    struct buffer bare = node_world_args("step", "close", "type", "case", "id", id, NULL);
    struct api_answer answer = ask(village, "do", &bare);
    assert_int_equal(answer.status, API_ERROR); /* the outcome is lacking */
    struct buffer close = node_world_args("step", "close", "type", "case", "id", id,
                                          "fields.outcome", "agreed", NULL);
    answer = ask(village, "do", &close);
    assert_int_equal(answer.status, API_DONE);
    until_state(village, id, "closed");
    struct buffer dispatch = node_world_args("step", "dispatch", "type", "case", "id", id, NULL);
    answer = ask(village, "do", &dispatch);
    assert_int_equal(answer.status, API_ERROR); /* the county's alone */
    answer = ask(county, "do", &dispatch);
    assert_int_equal(answer.status, API_DONE);

    set_cut(village, false);
    until_state(village, id, "dispatched");
    expect_due(village, id, false);
    struct buffer get = node_world_args("type", "case", "id", id, NULL);
    answer = ask(village, "get", &get);
    assert_int_equal(count_of(answer.value, "void"), 1);
    assert_int_equal(node_world_at(answer.value, "fields.outcome").size, 0);
    assert_int_equal(count_of(answer.value, "steps"), 0);
    buffer_free(&get);
    buffer_free(&dispatch);
    buffer_free(&close);
    buffer_free(&bare);
}

/* Killed between the steps: what is void stands in the store as void. */
static void what_is_void_outlives_a_kill(void **state)
{
    char id[NODE_WORLD_ID_ROOM];
    struct node_world_seat *village = node_world_seat(&world, "V");
    struct node_world_seat *county = node_world_seat(&world, "C");
    (void)state;
    put_case(village, id);
    until_state(county, id, "open");
    set_cut(village, true);
    struct buffer close = node_world_args("step", "close", "type", "case", "id", id,
                                          "fields.outcome", "agreed", NULL);
    assert_int_equal(ask(village, "do", &close).status, API_DONE);
    struct buffer dispatch = node_world_args("step", "dispatch", "type", "case", "id", id, NULL);
    assert_int_equal(ask(county, "do", &dispatch).status, API_DONE);
    node_world_kill(village);
    node_world_start(village);
    until_state(village, id, "dispatched");
    node_world_kill(village);
    node_world_start(village);
    until_state(village, id, "dispatched");
    buffer_free(&dispatch);
    buffer_free(&close);
}

int main(int argument_count, char **arguments)
{
    node_world_child(argument_count, arguments);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(close_against_dispatch, make_world, end_world),
        cmocka_unit_test_setup_teardown(what_is_void_outlives_a_kill, make_world, end_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
